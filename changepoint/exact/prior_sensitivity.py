"""How much the answer hangs on the prior of the segments' parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from changepoint.errors import ChangepointError, ModelError
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.model import Model
from changepoint.observations import Observations

STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
LIGHT = 1e-5  # weight of nodes of effects that are left out
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
        if strength == 1 and known:
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
    evidence = _with_effects(model, models, observations) if model.effects else {}
    n, no_rows = len(models), np.empty(0, np.int64)
    each = solve_each(models, [observations] * n, 4, [0] * n, [no_rows] * n)
    for i, solved in () if model.effects else each:
        if not isinstance(solved, ChangepointError):
            evidence[i] = solved.log_evidence
    told = {1.0: as_it_is} if known else {}
    for i, strength in enumerate(strengths):
        # No grid holds some of them.
        if 2 * i in evidence and 2 * i + 1 in evidence:
            log_none = evidence[2 * i + 1] + changes.log_none(T) - evidence[2 * i]
            told[strength] = -math.expm1(min(log_none, 0.0))
    return dict(sorted(told.items()))


def _with_effects(
    model: Model, models: Sequence[Model], observations: Observations
) -> dict[int, float]:
    """Return log p(y) of models that vary one with effects, as far as there is an answer.

    At the nodes of that one: what the coefficients may be hangs little on a prior of rates.
    """
    from changepoint.exact.effect_mixture import infer
    from changepoint.exact.hyper_mixture import Condition, Together
    from changepoint.exact.hyper_nodes import HyperNodes
    from changepoint.exact.quadrature import HOLDS, ROUGH

    family, T = model.likelihood, len(observations)
    assert isinstance(family, GridLikelihood)  # as it has effects
    series = family.series(observations, model.shifts(observations))
    main = infer(model, series, Condition.of(model.changes, T))
    nodes, some = main.mixture.outer, main.weights > LIGHT
    nodes = HyperNodes(nodes.names, nodes.values[some], nodes.log_weights[some])
    found = {}
    for i, one in enumerate(models):
        together = Together([one], series, [Condition.of(one.changes, T)], HOLDS, ROUGH)
        try:
            (grid,) = together.final([nodes])
            found[i] = together.inference(nodes, grid).log_evidence()
        except ChangepointError:
            pass  # no grid holds it
    return found
