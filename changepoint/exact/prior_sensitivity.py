"""How much the answer hangs on the prior of the segments' parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from changepoint.errors import ChangepointError, ModelError
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.model import Model
from changepoint.observations import Observations

if TYPE_CHECKING:
    from changepoint.exact.effect_mixture import Problem

STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
FEW = 24  # nodes of effects that priors are compared at
LONG = 5000  # rows beyond which it would take too long


def probability_by_strength(
    model: Model, observations: Observations, as_it_is: float = math.nan
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
        P(any change) under the model itself; NaN where it isn't known yet.
    """
    from changepoint.changes import Changes
    from changepoint.exact.solve import solve_each

    changes, T = model.changes, len(observations)
    if changes.exactly is not None or not changes.possible or T > LONG:
        return {}
    none = Changes(exactly=0, min_length=changes.min_length)
    known = not math.isnan(as_it_is)
    models, strengths = [], []
    for strength in STRENGTHS:
        if strength == 1 and known and not model.effects:
            continue
        try:
            family = model.likelihood.with_strength(strength)
        except ModelError:
            continue  # so weak, or so strong, that it is no prior
        if family is None:
            return {}
        strengths.append(strength)
        varied = replace(model, likelihood=family)
        models += [varied, replace(varied, changes=none)]
    if model.effects:
        return _with_effects(model, models, strengths, observations, as_it_is)
    evidence = {}
    n, no_rows = len(models), np.empty(0, np.int64)
    each = solve_each(models, [observations] * n, 4, [0] * n, [no_rows] * n)
    for i, solved in each:
        if not isinstance(solved, ChangepointError):
            evidence[i] = solved.log_evidence
    log_none = _log_none(evidence, strengths, changes.log_none(T))
    told = {1.0: as_it_is} if known else {}
    told |= {strength: -math.expm1(min(p, 0.0)) for strength, p in log_none.items()}
    return dict(sorted(told.items()))


def _log_none(
    evidence: Mapping[int, float], strengths: Sequence[float], prior: float
) -> dict[float, float]:
    """Return log P(no change) by strength: no grid holds some of them."""
    return {
        strength: evidence[2 * i + 1] + prior - evidence[2 * i]
        for i, strength in enumerate(strengths)
        if 2 * i in evidence and 2 * i + 1 in evidence
    }


def _with_effects(
    model: Model,
    models: Sequence[Model],
    strengths: Sequence[float],
    observations: Observations,
    as_it_is: float,
) -> dict[float, float]:
    """Return P(any change) by strength, of a model with effects.

    At a few nodes of the answer: what the coefficients may be hangs little on a prior of
    rates. What the few nodes say of the prior as it is, less the answer itself, is taken off.
    """
    from changepoint.exact.effect_filter import FilterProblem, infer
    from changepoint.exact.effect_mixture import Weighed, summed
    from changepoint.exact.hyper_nodes import HyperNodes
    from changepoint.exact.quadrature import HOLDS, ROUGH

    T, changes = len(observations), model.changes
    problem = _problem(model, observations)
    main: Weighed
    if isinstance(problem, FilterProblem) and problem.shifts.hyper is not None:
        main = infer(model, problem.series, problem.condition, HOLDS, ROUGH)
        every: HyperNodes = main.mixture.outer
    else:
        every, main = summed(problem)
    heaviest = np.argsort(-main.weights)[:FEW]
    nodes = HyperNodes(every.names, every.values[heaviest], every.log_weights[heaviest])
    evidence = {}
    for i, one in enumerate(models):
        try:
            evidence[i] = _problem(one, observations).inference(nodes).log_evidence()
        except ChangepointError:
            pass  # no grid holds it
    log_none, off = _log_none(evidence, strengths, changes.log_none(T)), 0.0
    if as_it_is < 1 and 1.0 in log_none:
        off = math.log1p(-as_it_is) - log_none[1.0]
    told = {strength: -math.expm1(min(p + off, 0.0)) for strength, p in log_none.items()}
    return dict(sorted(told.items()))


def _problem(model: Model, observations: Observations) -> Problem[Any]:
    """Return the sum over coefficients of a model with effects; of many, on a rough grid."""
    from changepoint.exact.effect_filter import FilterProblem
    from changepoint.exact.effect_segments import SegmentProblem
    from changepoint.exact.hyper_mixture import Condition
    from changepoint.exact.quadrature import HOLDS, ROUGH

    family, condition = model.likelihood, Condition.of(model.changes, len(observations))
    if not isinstance(family, GridLikelihood):
        return SegmentProblem(model, observations, condition)
    series = family.series(observations, model.shifts(observations))
    return FilterProblem(model, series, condition, HOLDS, ROUGH)
