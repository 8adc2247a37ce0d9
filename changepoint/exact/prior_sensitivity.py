"""How much the answer hangs on the prior of the segments' parameter."""

from __future__ import annotations

import math

from changepoint.errors import EngineError, ModelError
from changepoint.model import Model
from changepoint.observations import Observations

STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
LONG = 5000  # rows beyond which it would take too long


def probability_by_strength(
    model: Model, observations: Observations, as_it_is: float
) -> dict[float, float]:
    """Return P(any change) under priors worth more, and fewer, observations than the model's.

    By the evidence with and without changes, P = 1 - P(no change) p(y | none) / p(y). Empty
    where the number of changes is given, where the prior has no strength to vary (a Uniform),
    and for long series.

    Parameters
    ----------
    model
        Resolved; of an average over models, the one to vary.
    as_it_is
        P(any change) under the model itself.
    """
    from changepoint.changes import Changes
    from changepoint.exact.solve import solve

    changes, T = model.changes, len(observations)
    if changes.exactly is not None or not changes.possible or T > LONG:
        return {}
    told = {}
    none = Changes(exactly=0, min_length=changes.min_length)
    for strength in STRENGTHS:
        family = model.likelihood.with_strength(strength)
        if family is None:
            return {}
        if strength == 1:
            told[strength] = as_it_is
            continue
        try:
            every = solve(Model(family, changes), observations, 4, 0).log_evidence
            alone = solve(Model(family, none), observations, 4, 0).log_evidence
        except (ModelError, EngineError):  # so weak or so strong that no grid holds it
            continue
        told[strength] = -math.expm1(min(alone + changes.log_none(T) - every, 0.0))
    return told
