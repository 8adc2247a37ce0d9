"""Quantiles of densities known at the nodes of a grid.

Between nodes the log density is interpolated by a cubic through four neighbours, which is
exact for a Gaussian, and integrated by Gauss's rule. The nearest node would be off by half
a posterior standard deviation, and a uniform place within the cell would widen the draws.
"""

from __future__ import annotations

import numpy as np
from numba import njit

NEGLIGIBLE = -30.0  # in log density, below the largest: not counted
COARSE = -18.0  # integrated by the trapezoid rule
NODES, WEIGHTS = (array / 2 for array in np.polynomial.legendre.leggauss(4))
NODES = NODES + 0.5


@njit(cache=True, nogil=True)
def quantiles(log_density, row, level):  # type: ignore[no-untyped-def]
    """Return fractional node numbers at which the mass of rows reaches levels, shape (Q,).

    Parameters
    ----------
    log_density
        With respect to the node number, not normalised, shape (n, G).
    row, level
        Which row, ascending, and which probability, shape (Q,).
    """
    G = log_density.shape[1]
    log_p = np.empty(G + 2)
    cumulative = np.empty(G)
    place = np.empty(len(row))
    current = -1
    for q in range(len(row)):
        if row[q] != current:
            current = row[q]
            first, last = _table(log_density[current], log_p, cumulative)
        target = level[q] * cumulative[last]
        g = first + np.searchsorted(cumulative[first : last + 1], target) - 1
        g = min(max(g, first), last - 1) if last > first else first
        place[q] = g if last == first else g + _solve(log_p, g, target - cumulative[g])
    return place


@njit(cache=True, nogil=True)
def _table(log_density, log_p, cumulative):  # type: ignore[no-untyped-def]
    """Fill log p (shifted by one place) and its running integral over the range that counts."""
    first, last = 0, len(log_density) - 1
    top = np.max(log_density)
    while log_density[first] <= top + NEGLIGIBLE:
        first += 1
    while log_density[last] <= top + NEGLIGIBLE:
        last -= 1
    for g in range(first, last + 1):
        log_p[g + 1] = max(log_density[g] - top, -700.0)
    # One value beyond each end, by a parabola.
    if last - first >= 2:
        log_p[first] = 3 * log_p[first + 1] - 3 * log_p[first + 2] + log_p[first + 3]
        log_p[last + 2] = 3 * log_p[last + 1] - 3 * log_p[last] + log_p[last - 1]
    elif last > first:
        log_p[first] = 2 * log_p[first + 1] - log_p[first + 2]
        log_p[last + 2] = 2 * log_p[last + 1] - log_p[last]
    cumulative[first] = 0.0
    for g in range(first, last):
        if max(log_p[g + 1], log_p[g + 2]) < COARSE:
            mass = 0.5 * (np.exp(log_p[g + 1]) + np.exp(log_p[g + 2]))
        else:
            mass = _integral(log_p, g, 1.0)
        cumulative[g + 1] = cumulative[g] + mass
    return first, last


@njit(cache=True, nogil=True)
def _density(log_p, g, x):  # type: ignore[no-untyped-def]
    """The density x beyond node g, 0 <= x <= 1."""
    a, b, c, d = log_p[g], log_p[g + 1], log_p[g + 2], log_p[g + 3]
    value = b + x * (
        (c - a / 3 - b / 2 - d / 6) + x * ((a + c) / 2 - b + x * ((b - c) / 2 + (d - a) / 6))
    )
    # A cubic may overshoot where densities fall to nothing between two modes.
    return np.exp(min(value, max(b, c) + 0.5))


@njit(cache=True, nogil=True)
def _integral(log_p, g, end):  # type: ignore[no-untyped-def]
    """The integral of the density from node g to `end` beyond it."""
    total = 0.0
    for i in range(4):
        total += WEIGHTS[i] * _density(log_p, g, end * NODES[i])
    return total * end


@njit(cache=True, nogil=True)
def _solve(log_p, g, target):  # type: ignore[no-untyped-def]
    """The x in [0, 1] at which the integral from node g reaches the target."""
    low, high = 0.0, 1.0
    x = 0.5
    for _ in range(60):
        excess = _integral(log_p, g, x) - target
        if excess > 0:
            high = x
        else:
            low = x
        density = _density(log_p, g, x)
        step = x - excess / density if density > 0 else -1.0
        if not low < step < high:
            step = 0.5 * (low + high)
        if abs(step - x) < 1e-12:
            return step
        x = step
    return x
