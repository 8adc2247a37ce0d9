"""The changes given their most probable number: what is reported of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from changepoint.engines.draws import collect
from changepoint.engines.exact import COUNTED
from changepoint.engines.mixture import Backward, Condition, Inference
from changepoint.engines.sampled import changes_of, credible_set, segments_of
from changepoint.results import CHAINS, QUANTILES, Draws, Given

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

AFFORDABLE = 2e10  # likelihood values spent on the probability inside the credible sets


def given_number(
    back: Backward, draws: Draws, number: int, rng: np.random.Generator
) -> Given | None:
    """Return places, credible sets and parameters of so many changes; None for none."""
    if not number:
        return None
    main, T = back.inference, back.inference.mixture.T
    if main.condition.fixed:
        places, segments, mine = back.place_probability(), back.segments, draws
    elif number <= COUNTED:
        places, segments, mine = _exactly(main, draws, number, rng)
    else:
        mine = _with_number(draws, number, T)
        places, segments = changes_of(mine, T), None
    credible = np.array([credible_set(p) for p in places])
    if segments is None:
        segments = segments_of(mine)
    return Given(number, mine, places, credible, _inside(main, draws, credible), segments)


def _exactly(
    main: Inference, draws: Draws, number: int, rng: np.random.Generator
) -> tuple[Floats, Floats | None, Draws]:
    """Condition on the number: places, segments, and draws, new ones where too few have it."""
    size, T = len(draws.first), main.mixture.T
    mine = _with_number(draws, number, T)
    few = np.sum(draws.number(T) == number) < max(size / 2, CHAINS)
    inference = Inference(main.mixture, Condition(number))
    way = inference.backward(size if few else 0, rng, QUANTILES, bands=False)
    return way.place_probability(), way.segments, collect(way, rng) if few else mine


def _with_number(draws: Draws, number: int, T: int) -> Draws:
    """Return the draws with this number of changes, as many as fill the chains."""
    mine = np.flatnonzero(draws.number(T) == number)
    mine = np.resize(mine, max(len(mine) // CHAINS, 1) * CHAINS)
    shared = None if draws.shared is None else draws.shared[mine]
    return Draws(draws.first[mine, : number + 1], draws.parameter[mine, : number + 1], shared)


def _inside(main: Inference, draws: Draws, credible: Mask) -> Floats:
    """Return P(some change stands in the set), whatever their number, for each set (k, T)."""
    mixture = main.mixture
    nodes = len(mixture.grid.log_weights) * len(mixture.filters)
    if credible.size * nodes < AFFORDABLE:
        return np.array([main.probability_inside(rows) for rows in credible])
    padded = np.pad(credible, ((0, 0), (0, 1)))
    return np.array([rows[draws.first[:, 1:]].any(axis=1).mean() for rows in padded])
