"""Quantiles of densities known at equal steps.

The integral over a cell is a sum over the fourteen values around it: that of the polynomial
through them. With steps of 0.4 standard deviations of the narrowest part of a mixture it is
right to 1e-6 of the whole, and to 1e-7 as a rule; a cell's own value would be off by a
quarter of a standard deviation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from changepoint.kernels import loops
from changepoint.kernels.compiling import njit

Floats = NDArray[np.float64]

REACH = 7  # values taken on either side of a cell


def _polynomials() -> Floats:
    """Return coefficients (by value, by power) of the integral from 0 to x of interpolants."""
    places = np.arange(1 - REACH, REACH + 1)
    integrals = np.zeros((2 * REACH, 2 * REACH + 1))
    for i, place in enumerate(places):
        others = np.delete(places, i)
        basis = np.poly(others)[::-1] / np.prod(place - others)
        integrals[i, 1:] = basis / np.arange(1, 2 * REACH + 1)
    return integrals


POLYNOMIALS = _polynomials()
# What a value counts in the integral up to a place, from REACH - 1 before it to REACH beyond:
# the cells before it add up to 1 further back, and to 0 further on.
COUNTS = 1 - np.cumsum(POLYNOMIALS.sum(axis=1))


@njit(cache=True, nogil=True)
def quantiles(density, row, level):  # type: ignore[no-untyped-def]
    """Return fractional places at which rows reach given levels, shape (Q,).

    Parameters
    ----------
    density
        At places 0, 1, ..., not normalised, negligible at both ends, shape (n, F).
    row, level
        Which row, ascending, and which probability, shape (Q,).
    """
    F = density.shape[1]
    padded = np.zeros(F + 2 * REACH)
    before = np.zeros(F + 2 * REACH)  # sums of all values before
    place = np.empty(len(row))
    current = -1
    for q in range(len(row)):
        if row[q] != current:
            current = row[q]
            loops.copy(density[current], padded[REACH : REACH + F])
            _add_up(padded, before)
        target = level[q] * before[-1]
        g = min(max(loops.below(before, target) - 1 - REACH, 0), F - 2)
        low = _until(padded, before, g)
        while g > 0 and low > target:
            g -= 1
            low = _until(padded, before, g)
        high = _until(padded, before, g + 1)
        while g < F - 2 and high <= target:
            g, low, high = g + 1, high, _until(padded, before, g + 2)
        around = padded[g + 1 : g + 1 + 2 * REACH]
        place[q] = g + solve_cell(around, target - low, high - low)
    return place


@njit(cache=True, nogil=True)
def _add_up(values, before):  # type: ignore[no-untyped-def]
    """Fill in the sums of all values before each; by fours, as an addition awaits the last."""
    fours = len(values) // 4 * 4
    total = 0.0
    for i in range(0, fours, 4):
        two = values[i] + values[i + 1]
        before[i] = total
        before[i + 1] = total + values[i]
        before[i + 2] = total + two
        before[i + 3] = total + (two + values[i + 2])
        total += two + (values[i + 2] + values[i + 3])
    for i in range(fours, len(values)):
        before[i] = total
        total += values[i]


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _until(padded, before, g):  # type: ignore[no-untyped-def]
    """Return the integral up to place g."""
    total = before[g + 1]
    for i in range(2 * REACH):
        total += COUNTS[i] * padded[g + i + 1]
    return total


@njit(cache=True, nogil=True)
def solve_cell(around, target, whole):  # type: ignore[no-untyped-def]
    """Return the x in [0, 1] at which the integral from the cell's start reaches the target.

    `whole` is the integral over the cell.
    """
    coefficients = np.zeros(2 * REACH + 1)
    for i in range(2 * REACH):
        value = around[i]
        for power in range(1, 2 * REACH + 1):
            coefficients[power] += POLYNOMIALS[i, power] * value
    low, high, x = 0.0, 1.0, 0.5
    if 0 < target < whole:
        x = target / whole
    for _ in range(60):
        integral, density = 0.0, 0.0
        for power in range(2 * REACH, -1, -1):
            density = density * x + integral
            integral = integral * x + coefficients[power]
        if integral > target:
            high = x
        else:
            low = x
        step = x - (integral - target) / density if density > 0 else -1.0
        if not low < step < high:
            step = 0.5 * (low + high)
        if abs(step - x) < 1e-12:
            return step
        x = step
    return x


def halved(log_density: Floats) -> Floats:
    """Return densities at the nodes and half-way between, (n, G) -> (n, 2 G - 1).

    The log density is interpolated by cubics, which is exact for a Gaussian; where it breaks
    off, they must not swing up.
    """
    finite = np.maximum(log_density - log_density.max(axis=1, keepdims=True), -1e4)
    first, last = 2 * finite[:, :1] - finite[:, 1:2], 2 * finite[:, -1:] - finite[:, -2:-1]
    wide = np.concatenate([first, finite, last], axis=1)
    fine = np.empty((len(finite), 2 * finite.shape[1] - 1))
    fine[:, ::2] = finite
    inner = wide[:, 1:-2] + wide[:, 2:-1]
    between = 0.5625 * inner - 0.0625 * (wide[:, :-3] + wide[:, 3:])
    fine[:, 1::2] = np.minimum(between, np.maximum(finite[:, 1:], finite[:, :-1]) + 0.5)
    density: Floats = np.exp(fine)
    return density
