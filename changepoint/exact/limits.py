"""What an answer can't say, because of what was allowed or of how few rows there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from changepoint.changes import Changes
from changepoint.errors import ChangepointError
from changepoint.likelihoods import Likelihood
from changepoint.model import Model
from changepoint.observations import ROLES, Observations
from changepoint.results.summaries import of_any

Floats = NDArray[np.float64]

FEW = 12  # rows up to which this is asked, which takes another fit
SPEAKS = 4.0  # Bayes factor against a change from which the data have said something
TELLS = 3.0  # Bayes factor for one below which it is not worth more than a bare mention


def limits(
    model: Model, observations: Observations, number_probability: Floats
) -> Iterator[str]:
    """Yield what limits the answer of a resolved model, to be told as warnings."""
    changes = model.changes
    K = changes.at_most
    if K is not None and len(number_probability) > K and number_probability[K] > 0.5:
        yield (
            f"the largest number of changes that was allowed, {K}, has most of the "
            "probability: there may be more; allow more (at_most) to see"
        )
    few = len(observations) <= FEW and not model.effects  # which belong to the times of rows
    if changes.exactly is None and changes.possible and few:
        p = _of_blocks(model, observations, of_any(number_probability))
        if p is not None:
            yield (
                f"{int(observations.observed(model.likelihood.response).sum())} rows are too "
                "few to show a change: the low ones first and the high ones after them would "
                f"have P(any change) = {p:.2g}"
            )


def _of_blocks(model: Model, observations: Observations, p: float) -> float | None:
    """Return P(any change) of the rows, low ones first, if even that would tell nothing.

    None where the rows as they are say something themselves, for or against a change.
    """
    from changepoint.exact.solve import solve

    if not 1 / SPEAKS <= _factor(model.changes, len(observations), p) < TELLS:
        return None
    ordered = _blocks(observations, model.likelihood)
    if ordered is None:
        return None
    try:
        found = of_any(solve(model, ordered, 4, 0).answer().number_probability)
    except ChangepointError:
        return None
    return found if _factor(model.changes, len(observations), found) < TELLS else None


def _factor(changes: Changes, T: int, p: float) -> float:
    """Return the Bayes factor for any change, from its probability."""
    none = float(np.exp(changes.log_none(T)))
    return p / max(1 - p, 1e-300) * none / max(1 - none, 1e-300)


def _blocks(observations: Observations, family: Likelihood) -> Observations | None:
    """Return the rows, the low half of them first; None of outcomes, which have no order."""
    if family.response == "outcomes":
        return None
    level = family.estimates(observations)
    seen = np.flatnonzero(observations.observed(family.response))
    high = level[seen] > np.median(level[seen])
    order = np.arange(len(observations))
    order[seen] = np.r_[seen[~high], seen[high]]
    columns: dict[str, Any] = {
        role: None if (column := getattr(observations, role)) is None else column[order]
        for role in ROLES
    }
    columns["covariates"] = {n: one[order] for n, one in observations.covariates.items()}
    return replace(observations, **columns, lines=None, copies=None, rows=None)
