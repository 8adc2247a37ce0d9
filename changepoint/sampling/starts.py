"""Where chains start: over-dispersed placements, each parameter where its data are."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from changepoint.model import Model
from changepoint.observations import ROLES, Observations
from changepoint.sampling.models import SWITCHPOINT, on_grid


def starts(
    model: Model, observations: Observations, chains: int, seed: int, summed: bool
) -> list[dict[str, Any]]:
    """Return a start for each chain of a resolved model with a known number of changes.

    Placements are drawn from the prior; each segment's parameter is what its rows pool to. A
    chain that starts at the prior's mean, far from all data, may stay there for long.
    """
    rng, family = np.random.default_rng(seed), on_grid(model)
    found = []
    for _ in range(chains):
        placement = model.changes.draw(len(observations), rng)
        ends = [0, *placement, len(observations)]
        segments = [slice(*pair) for pair in itertools.pairwise(ends)]
        start: dict[str, Any] = {
            family.parameter: np.array(
                [_pooled(model, observations, rows) for rows in segments]
            )
        }
        if len(placement) and not summed:
            start[SWITCHPOINT] = placement
        if family.shared is not None:
            start[family.shared_field] = family.shared_quantile(0.5)
        found.append(start)
    return found


def _pooled(model: Model, observations: Observations, rows: slice) -> float:
    """Return the estimate from some rows, inside the prior's support."""
    family = on_grid(model)
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
