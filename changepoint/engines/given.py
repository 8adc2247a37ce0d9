"""The changes given their most probable number: what is reported of each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from changepoint.engines.sampled import changes_of, credible_set, segments_of
from changepoint.results import CHAINS, Draws, Given

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def told(
    number: int,
    draws: Draws,
    places: Floats,
    segments: Floats | None,
    inside: Callable[[Mask], Floats],
) -> Given:
    """Return what is reported of so many changes.

    Parameters
    ----------
    draws
        All with this number.
    places
        P(i-th change at row s | number), (k, T).
    segments
        Mean and quantiles of the parameter by segment, (4, k + 1); from the draws, if None.
    inside
        From sets of rows to P(some change stands in the set), whatever the number.
    """
    credible = np.array([credible_set(p) for p in places])
    if segments is None:
        segments = segments_of(draws)
    return Given(number, draws, places, credible, inside(credible), segments)


def told_by_draws(number: int, draws: Draws, T: int, inside: Callable[[Mask], Floats]) -> Given:
    """Return the same from the draws alone, for numbers beyond what is counted exactly."""
    mine = with_number(draws, number, T)
    return told(number, mine, changes_of(mine, T), None, inside)


def with_number(draws: Draws, number: int, T: int) -> Draws:
    """Return the draws with this number of changes, as many as fill the chains."""
    mine = np.flatnonzero(draws.number(T) == number)
    mine = np.resize(mine, max(len(mine) // CHAINS, 1) * CHAINS)
    return Draws(
        draws.first[mine, : number + 1],
        draws.parameter[mine, : number + 1],
        None if draws.shared is None else draws.shared[mine],
        extra={name: values[mine, : number + 1] for name, values in draws.extra.items()},
    )


def too_few(draws: Draws, number: int, T: int) -> bool:
    """Whether fewer than half of the draws have this number of changes."""
    return bool(np.sum(draws.number(T) == number) < max(len(draws.first) / 2, CHAINS))


def inside_by_draws(draws: Draws, sets: Mask) -> Floats:
    """Return P(some change stands in the set) for sets of rows (S, T), from the draws."""
    padded = np.pad(sets, ((0, 0), (0, 1)))
    return np.array([rows[draws.first[:, 1:]].any(axis=1).mean() for rows in padded])
