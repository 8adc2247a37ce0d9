"""What the posterior of coefficients says of effects, term by term."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.links import is_relative
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.results.result import QUANTILES, EffectFound, Term

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def found(
    model: Model, observations: Observations, given: Callable[[Mask], tuple[float, Floats]]
) -> tuple[EffectFound, ...]:
    """Return what is known of each effect of a model.

    Parameters
    ----------
    given
        From which of the coefficients are an effect's, (d,), to the probability that it is
        there, and a sample of them given that it is.
    """
    family, shifts, told = model.likelihood, model.shifts(observations), []
    if shifts is None:
        return ()
    relative = is_relative(family.shifted_domain)
    for i, effect in enumerate(model.effects):
        design = effect.design_under(family, observations)
        probability, coefficients = given(shifts.effect == i)
        terms = coefficients @ design.contrasts.T
        values = terms
        if relative and effect.of_level:
            assert isinstance(family, GridLikelihood)  # as no other is
            level = np.array(family.pooled(observations))
            values = family.shifted(level, terms) / level
        lower, _, upper = np.quantile(values, QUANTILES, axis=0).tolist()
        each = map(Term, design.terms, values.mean(axis=0).tolist(), lower, upper)
        told.append(
            EffectFound(effect.title, probability, relative and effect.of_level, tuple(each))
        )
    return tuple(told)


def in_draws(coefficients: Floats) -> Callable[[Mask], tuple[float, Floats]]:
    """Return what draws of the coefficients, (D, d), say; they are 0 where one is absent."""

    def given(which: Mask) -> tuple[float, Floats]:
        mine = coefficients[:, which]
        there = mine.any(axis=1)
        return float(there.mean()), mine[there] if there.any() else mine

    return given
