"""The exact engine: sums over the changes, quadrature over parameters."""
