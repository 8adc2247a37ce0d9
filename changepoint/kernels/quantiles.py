"""Quantiles of densities known at the nodes of a grid.

Between nodes the log density is interpolated by a cubic through four neighbours, which is
exact for a Gaussian, and integrated by Gauss's rule; where the density is so smooth that a
cubic through the densities themselves will do, by that. The nearest node would be off by
half a posterior standard deviation, and a uniform place within the cell would widen draws.
"""

from __future__ import annotations

import numpy as np
from numba import njit

SMOOTH = 1e-9  # of the largest density: what a smooth cell's integral may be wrong by
NODES, WEIGHTS = (array / 2 for array in np.polynomial.legendre.leggauss(4))
NODES = NODES + 0.5
UNKNOWN = 1.0  # no log density relative to the largest is positive


@njit(cache=True, nogil=True)
def quantiles(density, row, level):  # type: ignore[no-untyped-def]
    """Return fractional node numbers at which the mass of rows reaches levels, shape (Q,).

    Parameters
    ----------
    density
        With respect to the node number, not normalised, shape (n, G).
    row, level
        Which row, ascending, and which probability, shape (Q,).
    """
    G = density.shape[1]
    log_p = np.empty(G + 2)
    cumulative = np.empty(G)
    top = 0.0
    place = np.empty(len(row))
    current = -1
    for q in range(len(row)):
        if row[q] != current:
            current = row[q]
            top = _table(density[current], log_p, cumulative)
        target = level[q] * cumulative[-1]
        g = min(max(np.searchsorted(cumulative, target) - 1, 0), G - 2)
        _take_logs(density[current], top, g, log_p)
        place[q] = g + _solve(log_p, g, target - cumulative[g])
    return place


@njit(cache=True, nogil=True)
def _table(p, log_p, cumulative):  # type: ignore[no-untyped-def]
    """Fill log p (shifted by one place), where needed, and the running integral."""
    G = len(p)
    top = np.max(p)
    log_p[:] = UNKNOWN
    smooth = 24**2 * SMOOTH * top
    for g in range(1, G - 2):
        bend = p[g - 1] - p[g] - p[g + 1] + p[g + 2]
        mean = 0.5 * (p[g] + p[g + 1])
        mass = max(mean - bend / 24, 0.5 * mean) / top
        cumulative[g + 1] = mass if bend * bend <= smooth * max(p[g], p[g + 1]) else -1.0
    cumulative[0] = 0.0
    cumulative[1] = cumulative[G - 1] = -1.0
    for g in range(G - 1):
        if cumulative[g + 1] < 0:
            _take_logs(p, top, g, log_p)
            cumulative[g + 1] = _integral(log_p, g, 1.0)
        cumulative[g + 1] += cumulative[g]
    return top


@njit(cache=True, nogil=True)
def _take_logs(p, top, g, log_p):  # type: ignore[no-untyped-def]
    """Fill log p at the four neighbours of a cell; beyond the ends, by a parabola."""
    G = len(p)
    for i in range(max(g - 1, 0), min(g + 3, G)):
        if log_p[i + 1] == UNKNOWN:
            log_p[i + 1] = np.log(max(p[i] / top, 1e-290))
    if g == 0:
        log_p[0] = 3 * log_p[1] - 3 * log_p[2] + log_p[3]
    if g == G - 2:
        log_p[G + 1] = 3 * log_p[G] - 3 * log_p[G - 1] + log_p[G - 2]


@njit(cache=True, nogil=True)
def _density(log_p, g, x):  # type: ignore[no-untyped-def]
    """Return the density x beyond node g, 0 <= x <= 1."""
    a, b, c, d = log_p[g], log_p[g + 1], log_p[g + 2], log_p[g + 3]
    value = b + x * (
        (c - a / 3 - b / 2 - d / 6) + x * ((a + c) / 2 - b + x * ((b - c) / 2 + (d - a) / 6))
    )
    # A cubic may overshoot where densities fall to nothing between two modes.
    return np.exp(min(value, max(b, c) + 0.5))


@njit(cache=True, nogil=True)
def _integral(log_p, g, end):  # type: ignore[no-untyped-def]
    """Return the integral of the density from node g to `end` beyond it."""
    total = 0.0
    for i in range(4):
        total += WEIGHTS[i] * _density(log_p, g, end * NODES[i])
    return total * end


@njit(cache=True, nogil=True)
def _solve(log_p, g, target):  # type: ignore[no-untyped-def]
    """Return the x in [0, 1] at which the integral from node g reaches the target."""
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
