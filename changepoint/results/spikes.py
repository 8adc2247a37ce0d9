"""Which rows are probably spikes, of no segment's rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from changepoint.likelihoods.spikes import Spiked
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.results.result import Draws
from changepoint.results.trajectories import paths_of

TOLD = 0.5  # probability from which a row is reported


@dataclass(frozen=True)
class Spike:
    """A row that is rather a spike than not: its position, its time, P(it is one | y)."""

    index: int
    time: str | int | float
    probability: float


def spikes(draws: Draws, model: Model, observations: Observations) -> tuple[Spike, ...]:
    """Return the rows that are rather spikes than not, in order of time.

    P(row t is a spike | y) = E[e p_spike(y_t) / p(y_t | rate, shared) | y], a mean over
    draws.
    """
    family = model.likelihood
    if not isinstance(family, Spiked):
        return ()
    paths, shared = paths_of(draws, model, observations)
    p = family.chance_of_spikes(observations, paths, shared).mean(axis=1)
    rows = np.flatnonzero(observations.observed(family.response))
    return tuple(
        Spike(int(t), observations.stamp(int(t)), min(float(chance), 1.0))
        for t, chance in zip(rows, p, strict=True)
        if chance > TOLD
    )
