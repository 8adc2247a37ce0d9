"""From draws and marginals to what is reported: bands, credible sets, segments, changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from changepoint.results.result import CHAINS, QUANTILES, Draws, Given, Step

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

ROUNDING = 1e-14  # of a sum of probabilities
MASS = 0.95  # of a credible set, and of an interval
HELD = 10**7  # values of the parameter by row and draw held at a time


def of_any(number: Floats) -> float:
    """Return P(any change) of P(k changes), (K + 1,): 0 where all but rounding has none.

    Not the sum over k from 1 on: improbable numbers may be left out.
    """
    some = float(1 - number[0])
    return 0.0 if some < ROUNDING else some


def bands(draws: Draws, T: int, x: Floats | None = None) -> Floats:
    """Return mean and quantiles of the parameter by row, (4, T); x is time by row, (T,)."""
    told = np.empty((1 + len(QUANTILES), T))
    step = max(HELD // len(draws.first), 1)
    for start in range(0, T, step):
        row = np.arange(start, min(start + step, T))
        segment = _segments(draws.first, row[0], len(row))
        theta = _theta(draws, segment, row, x)
        told[0, row] = theta.mean(axis=0)
        told[1:, row] = _quantiles(theta)
    return told


def at_rows(draws: Draws, row: Integers, x: Floats | None = None) -> Floats:
    """Return the parameter of each draw at some rows, (D, n); x as in `bands`."""
    segment = (draws.first[:, 1:, None] <= row).sum(axis=1)
    return _theta(draws, segment, row, x)


def _theta(draws: Draws, segment: Integers, row: Integers, x: Floats | None) -> Floats:
    """Return the parameter of rows in these segments, (D, n)."""
    theta: Floats = np.take_along_axis(draws.parameter, segment, axis=1)
    if "slope" in draws.extra and x is not None:
        began = x[np.take_along_axis(draws.first, segment, axis=1)]
        theta += np.take_along_axis(draws.extra["slope"], segment, axis=1) * (x[row] - began)
    return theta


def _quantiles(values: Floats) -> Floats:
    """Return QUANTILES over draws, (D, n) -> (3, n), as np.quantile, twice as fast."""
    ordered = np.ascontiguousarray(values.T)
    ordered.sort(axis=1)
    places = np.array(QUANTILES) * (len(values) - 1)
    low = places.astype(np.int64)
    high = np.minimum(low + 1, len(values) - 1)
    found: Floats = ordered[:, low] + (places - low) * (ordered[:, high] - ordered[:, low])
    return found.T


def _segments(first: Integers, start: int, size: int) -> Integers:
    """Return which segment rows start..start+size-1 belong to, (D, size)."""
    steps = np.zeros((len(first), size), np.int64)
    steps[:, 0] = (first[:, 1:] <= start).sum(axis=1)
    draw, change = np.nonzero((first[:, 1:] > start) & (first[:, 1:] < start + size))
    np.add.at(steps, (draw, first[draw, change + 1] - start), 1)
    return np.cumsum(steps, axis=1, out=steps)


def changes_of(draws: Draws, T: int) -> Floats:
    """Return P(i-th change at row s) of draws with one number of changes, shape (k, T).

    A hand-written model may put a switchpoint at 0 or T, where no change is: left out.
    """
    first = draws.first[:, 1:]
    counts = np.array([np.bincount(rows, minlength=T + 1)[:T] for rows in first.T])
    counts[:, 0] = 0
    return counts / len(first)


def segments_of(draws: Draws) -> Floats:
    """Return mean and quantiles of the parameter by segment, shape (4, k + 1)."""
    theta = draws.parameter
    return np.vstack([theta.mean(axis=0), np.quantile(theta, QUANTILES, axis=0)])


def credible_set(p: Floats) -> Mask:
    """Return the smallest set of rows that holds 95 % of p; ties go to the earlier row.

    What differs by less than rounding, in the last 20 of 52 bits, is a tie.
    """
    bits = np.ascontiguousarray(p, np.float64).view(np.int64) + (1 << 19)
    order = np.argsort(-(bits & -(1 << 20)), kind="stable")
    count = int(np.searchsorted(np.cumsum(p[order]), MASS * p.sum())) + 1
    chosen = np.zeros(len(p), bool)
    chosen[order[:count]] = True
    return chosen


def given_number(
    number: int,
    drawn: Callable[[], Draws],
    places: Floats,
    segments: Floats | None,
    inside: Callable[[Mask], Floats],
    steps: tuple[Step, ...] = (),
) -> Given:
    """Return what is reported of so many changes.

    Parameters
    ----------
    drawn
        Gives draws, all with this number.
    places
        P(i-th change at row s | number), (k, T).
    segments
        Mean and quantiles of the parameter by segment, (4, k + 1); from the draws, if None.
    inside
        From sets of rows to P(some change stands in the set), whatever the number.
    """
    credible = np.array([credible_set(p) for p in places])
    if segments is None:
        segments = segments_of(drawn())
    return Given(number, drawn, places, credible, inside(credible), segments, steps)


def given_number_from_draws(
    number: int, draws: Draws, T: int, inside: Callable[[Mask], Floats]
) -> Given:
    """Return the same from the draws alone, for numbers beyond what is counted exactly."""
    mine = with_number(draws, number, T)
    return given_number(number, lambda: mine, changes_of(mine, T), None, inside)


def with_number(draws: Draws, number: int, T: int) -> Draws:
    """Return the draws with this number of changes, as many as fill the chains."""
    mine = np.flatnonzero(draws.number(T) == number)
    mine = np.resize(mine, max(len(mine) // CHAINS, 1) * CHAINS)
    return Draws(
        draws.first[mine, : number + 1],
        draws.parameter[mine, : number + 1],
        draws.hyper[mine],
        draws.names,
        extra={name: values[mine, : number + 1] for name, values in draws.extra.items()},
    )


def too_few(draws: Draws, number: int, T: int) -> bool:
    """Whether fewer than half of the draws have this number of changes."""
    return bool(np.sum(draws.number(T) == number) < max(len(draws.first) / 2, CHAINS))


def inside_by_draws(draws: Draws, sets: Mask) -> Floats:
    """Return P(some change stands in the set) for sets of rows (S, T), from the draws."""
    padded = np.pad(sets, ((0, 0), (0, 1)))
    return np.array([rows[draws.first[:, 1:]].any(axis=1).mean() for rows in padded])
