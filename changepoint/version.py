"""The version, in a leaf that everything may import."""

__version__ = "0.1.0"
RELEASED = "2026-11-24"
