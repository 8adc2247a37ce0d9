"""How much the answer hangs on priors where that isn't known yet: solved again for it.

A stored answer is inferred again, once, for all priors. What isn't on a grid is solved again
under each of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from changepoint.changes import Changes
from changepoint.errors import ChangepointError
from changepoint.exact.effect_filter import infer
from changepoint.exact.effect_mixture import summed
from changepoint.exact.effect_segments import SegmentProblem
from changepoint.exact.hyper_mixture import Condition
from changepoint.exact.hyper_nodes import HyperNodes
from changepoint.exact.prior_sensitivity import (
    FEW,
    UNKNOWN,
    asked,
    families,
    of_inference,
    p_any,
)
from changepoint.exact.solve import solve_each
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.results.result import Sensitivity


def of_model(
    model: Model, observations: Observations, as_it_is: float = math.nan
) -> Sensitivity:
    """Return P(any change) under other priors than the model's, which is solved for it.

    Empty where the number of changes is given, where the prior has no strength to vary (a
    Uniform), and for long series.

    Parameters
    ----------
    model
        Resolved; of an average over models, the one to vary.
    as_it_is
        P(any change) under the model itself; NaN where it isn't known yet.
    """
    if not asked(model, len(observations)):
        return UNKNOWN
    family = model.likelihood
    if isinstance(family, GridLikelihood):
        series = family.series(observations, model.shifts(observations))
        try:
            main = infer(model, series, Condition.of(model.changes, len(observations)))
        except ChangepointError:  # too many nodes for a grid
            return Sensitivity(_by_strength_again(model, observations, as_it_is), {})
        return of_inference(main)
    return Sensitivity(_by_strength_again(model, observations, as_it_is), {})


def _by_strength_again(
    model: Model, observations: Observations, as_it_is: float
) -> dict[float, float]:
    """Return P(any change) by the strength of the parameter's prior, under each prior anew."""
    changes = model.changes
    none = Changes(exactly=0, min_length=changes.min_length)
    strengths, models = [], list[Model]()
    for strength, family in families(model.likelihood):
        varied = replace(model, likelihood=family)
        strengths.append(strength)
        models += [varied, replace(varied, changes=none)]
    evidence = _evidence(model, models, observations)
    log_none = {
        strength: evidence[2 * i + 1] + changes.log_none(len(observations)) - evidence[2 * i]
        for i, strength in enumerate(strengths)
        if 2 * i in evidence and 2 * i + 1 in evidence  # no grid holds some of them
    }
    off = 0.0
    if as_it_is < 1 and 1.0 in log_none:
        off = math.log1p(-as_it_is) - log_none[1.0]
    return {strength: p_any(p + off) for strength, p in log_none.items()}


def _evidence(
    model: Model, models: Sequence[Model], observations: Observations
) -> Mapping[int, float]:
    """Return the log evidence of models that differ from this one in their priors, by number.

    With effects at a few nodes of this one: what the coefficients may be hangs little on it.
    """
    evidence = dict[int, float]()
    if not model.effects:
        n, no_rows = len(models), np.empty(0, np.int64)
        each = solve_each(models, [observations] * n, 4, [0] * n, [no_rows] * n)
        for i, solved in each:
            if not isinstance(solved, ChangepointError):
                evidence[i] = solved.log_evidence
        return evidence
    T = len(observations)
    every, main = summed(SegmentProblem(model, observations, Condition.of(model.changes, T)))
    heaviest = np.argsort(-main.weights)[:FEW]
    nodes = HyperNodes(every.names, every.values[heaviest], every.log_weights[heaviest])
    for i, one in enumerate(models):
        problem = SegmentProblem(one, observations, Condition.of(one.changes, T))
        try:
            evidence[i] = problem.inference(nodes).log_evidence()
        except ChangepointError:
            pass  # no grid holds it
    return evidence
