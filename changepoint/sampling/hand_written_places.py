"""What the switchpoint of a hand-written model does: which row it moves, and could it move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pymc as pm
from numpy.typing import NDArray

from changepoint.errors import ModelError
from changepoint.observations import Observations
from changepoint.sampling.check.points import (
    Observed,
    Point,
    compiled,
    jittered,
    prior_draws,
    quiet,
    starting_point,
)
from changepoint.sampling.convergence import FROZEN

if TYPE_CHECKING:
    import xarray as xr

TRIED = 4  # prior draws, and steps at each, by which the moved row is found
CLOSE = 1e-9  # relative, of log densities that are the same
NEAR = 25  # rows on each side of a place that are asked about
DRAWN = 10  # draws of the other variables for which they are


def check_moved_row(model: pm.Model, name: str, observations: Observations) -> None:
    """Raise ModelError where row s stays in the old segment, as under t > s.

    The log density by row is evaluated with a switchpoint at s and at s + 1, all else the
    same. Row s, the first of the new segment, must be the one that differs: it becomes the
    last of the old one. Under t > s that is row s + 1, and all places were told a row early.
    Nothing is said where other rows differ, such as those that remember their neighbours.
    """
    T = len(observations)
    try:
        with quiet():
            start = starting_point(model)
            seen = [Observed(model, rv, start) for rv in model.observed_RVs]
            points = _points(model, start)
            moved = [pair for one in seen for pair in _moved(model, one, points, name, T)]
    except Exception:  # a density that can't be had by row: `check_pymc` tells what is wrong
        return
    if len(moved) > 1 and all(row == s + 1 for s, row in moved):
        s, row = moved[0]
        raise ModelError(
            f"{name!r} of the PyMC model is the last row of the old segment (t > {name}): "
            f"moved from {s} to {s + 1}, it moves row {row}. It must be the first row of the "
            f"new one: write t >= {name} for t > {name}, and t < {name} for t <= {name} (or "
            f"for {name} >= t)"
        )


def _points(model: pm.Model, start: Point) -> list[Point]:
    """Return points at which segments differ: by the prior, else around the start."""
    try:
        return prior_draws(model, TRIED)
    except Exception:  # one that can't be drawn from, such as Flat
        return jittered(start)[:TRIED]


def _moved(
    model: pm.Model, seen: Observed, points: list[Point], name: str, T: int
) -> list[tuple[int, int]]:
    """Return places s and the one row that s + 1 in place of s moves; -1 for other rows."""
    if len(seen.value.shape) == 0 or seen.length != T:
        return []
    place = model.rvs_to_values[model[name]].name
    found = []
    for draw in points:
        k = draw[place].size
        for step in range(TRIED):
            rows = np.arange(1, k + 1) * T // (k + 1) + step
            for change in range(k):
                after = rows + (np.arange(k) == change)
                if after[-1] >= T or (np.diff(after) < 1).any():
                    continue
                pair = [{**draw, place: p.astype(draw[place].dtype)} for p in (rows, after)]
                differ = _different(*seen.table(pair))
                if len(differ):
                    single = int(differ[0]) if len(differ) == 1 else -1
                    found.append((int(rows[change]), single))
    return found


def _different(one: NDArray[np.float64], two: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rows in which two log densities differ."""
    same = np.isclose(one, two, rtol=CLOSE, atol=CLOSE, equal_nan=True)
    return np.flatnonzero(~same.reshape(len(same), -1).all(axis=1))


def certain_places(model: pm.Model, name: str, draws: xr.Dataset) -> frozenset[int]:
    """Return which switchpoints, being the same in all draws, are certain rather than stuck.

    Of each, the probability of other rows near it, given all other variables of a draw, is
    what the density says: p(s' | rest) / sum over s'. Where a step that draws from these would
    have left the place less than ten times in all draws, that none left it is no fault.

    Parameters
    ----------
    model
        With the integer variable `name`, by change.
    draws
        The group `posterior`, (chain, draw, ...).
    """
    places = draws[name].transpose("chain", "draw", ...).values
    flat = places.reshape(-1, places.shape[-1])
    still = np.flatnonzero((flat == flat[0]).all(axis=0))
    if not len(still) or (np.diff(flat, axis=1) < 0).any():
        return frozenset()
    try:
        with quiet():
            density, points = _natural(model, draws)
            moves = {i: len(flat) * _elsewhere(density, points, name, int(i)) for i in still}
    except Exception:  # a density that can't be had outside PyMC's sampler
        return frozenset()
    return frozenset(int(i) for i, expected in moves.items() if expected <= FROZEN)


def _natural(model: pm.Model, draws: xr.Dataset) -> tuple[Any, list[Point]]:
    """Return the log density of untransformed variables, and some of the draws as points."""
    from pymc.model.transform.conditioning import remove_value_transforms

    bare = remove_value_transforms(model)
    density = compiled(bare, bare.logp(jacobian=False))
    chains, size = draws.sizes["chain"], draws.sizes["draw"]
    names = {bare.rvs_to_values[rv].name: rv.name for rv in bare.free_RVs}
    values = {
        value: draws[rv].transpose("chain", "draw", ...).values for value, rv in names.items()
    }
    points = []
    for d in np.linspace(0, chains * size - 1, min(DRAWN, chains * size)).astype(int):
        chain, draw = divmod(int(d), size)
        points.append({value: np.asarray(all_[chain, draw]) for value, all_ in values.items()})
    return density, points


def _elsewhere(density: Any, points: list[Point], name: str, i: int) -> float:
    """Return the mean probability of other rows near the i-th place, given all else."""
    shares = []
    for point in points:
        place = point[name]
        others = np.arange(place[i] - NEAR, place[i] + NEAR + 1)
        log_p = []
        for row in others:
            moved = place.copy()
            moved[i] = row
            log_p.append(float(density({**point, name: moved})))
        weights = np.nan_to_num(np.exp(np.array(log_p) - log_p[NEAR]), nan=0.0)
        shares.append(1 - weights[NEAR] / weights.sum())
    return float(np.mean(shares))
