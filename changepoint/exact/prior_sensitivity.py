"""How much the answer hangs on the prior of the segments' parameter."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from changepoint.errors import ChangepointError, ModelError
from changepoint.model import Model
from changepoint.observations import Observations

STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
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
    n, no_rows = len(models), np.empty(0, np.int64)
    evidence = {}
    for i, solved in solve_each(models, [observations] * n, 4, [0] * n, [no_rows] * n):
        if not isinstance(solved, ChangepointError):
            evidence[i] = solved.log_evidence
    told = {1.0: as_it_is} if known else {}
    for i, strength in enumerate(strengths):
        # No grid holds some of them.
        if 2 * i in evidence and 2 * i + 1 in evidence:
            log_none = evidence[2 * i + 1] + changes.log_none(T) - evidence[2 * i]
            told[strength] = -math.expm1(min(log_none, 0.0))
    return dict(sorted(told.items()))
