"""Where chains start: over-dispersed placements, each parameter where its data are."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.regression import LinearLikelihood
from changepoint.likelihoods.segment_statistics import coefficients
from changepoint.model import Model
from changepoint.observations import ROLES, Observations
from changepoint.sampling.models.build import SWITCHPOINT, buildable, segment_names

Integers = NDArray[np.int64]


def starts(
    model: Model, observations: Observations, chains: int, seed: int, summed: bool
) -> list[dict[str, Any]]:
    """Return a start for each chain of a resolved model with a known number of changes.

    Placements and coefficients of effects are drawn from the prior; each segment's parameter is
    what its rows pool to. A chain that starts at the prior's mean, far from all data, may stay
    there for long.
    """
    rng, family = np.random.default_rng(seed), buildable(model.likelihood)
    estimates = _of_lines if isinstance(family, LinearLikelihood) else _of_levels
    coefficients = model.shifts(observations)
    found = []
    for _ in range(chains):
        placement = model.changes.draw(len(observations), rng)
        start = estimates(model, observations, np.array([0, *placement, len(observations)]))
        if len(placement) and not summed:
            start[SWITCHPOINT] = placement
        if family.hyper is not None:
            start[family.hyper.field] = family.hyper.quantile(0.5)
        if coefficients is not None:
            drawn = coefficients.drawn(rng, 1)[0]
            for i, effect in enumerate(model.effects):
                start[effect.title] = drawn[coefficients.effect == i]
        found.append(start)
    return found


def _of_lines(model: Model, observations: Observations, ends: Integers) -> dict[str, Any]:
    """Return what is most probable of each segment, in closed form."""
    family = buildable(model.likelihood)
    assert isinstance(family, LinearLikelihood)
    shared = 0.0 if family.hyper is None else float(family.hyper.quantile(0.5))
    st = family.statistics(observations, shared)
    c = coefficients(st, ends[:-1], ends[1:])
    whole = {
        "variance": c.scale / (c.shape + 1),
        "level": c.level + st.origin,
        "slope": c.slope,
    }
    return {name: whole[name] for name in segment_names(family)}


def _of_levels(model: Model, observations: Observations, ends: Integers) -> dict[str, Any]:
    """Return what the rows of each segment pool to."""
    segments = [slice(*pair) for pair in itertools.pairwise(ends)]
    pooled = [_pooled(model, observations, rows) for rows in segments]
    return {model.likelihood.parameter: np.array(pooled)}


def _pooled(model: Model, observations: Observations, rows: slice) -> float:
    """Return the estimate from some rows, inside the prior's support."""
    family = model.likelihood
    assert isinstance(family, GridLikelihood)
    prior = family.prior
    if not observations.observed(family.response)[rows].any():
        return float(prior.quantile(0.5))
    columns = {
        role: numbers[rows]
        for role in ROLES
        if (numbers := getattr(observations, role)) is not None
    }
    estimate = family.pooled(Observations(**columns))
    low, high = prior.support
    if low < estimate < high:
        return estimate
    return float(np.clip(estimate, prior.quantile(0.001), prior.quantile(0.999)))
