"""What is told of effects: a mean and an interval of each of their terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.links import is_relative
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.results.result import QUANTILES

Floats = NDArray[np.float64]


class Term(NamedTuple):
    """One term of an effect, such as a day of the week: mean, and ends of the central 95 %.

    By what the parameter of a row is multiplied, at the estimate from all rows; what is added
    to it where it may be negative.
    """

    name: str
    mean: float
    lower: float
    upper: float


class EffectFound(NamedTuple):
    """What is told of one effect.

    probability
        That it is there: 1 of one that the model states.
    relative
        Whether terms multiply.
    """

    name: str
    probability: float
    relative: bool
    terms: tuple[Term, ...]

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> EffectFound:
        """Return the one that JSON tells of."""
        terms = tuple(Term(**term) for term in told["terms"])
        return cls(told["name"], told["probability"], told["relative"], terms)

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {**self._asdict(), "terms": [term._asdict() for term in self.terms]}

    @property
    def largest(self) -> Term:
        """The term furthest from none."""
        if not self.relative:
            return max(self.terms, key=lambda term: abs(term.mean))
        return max(self.terms, key=lambda term: abs(np.log(term.mean)))


def found(
    model: Model, observations: Observations, coefficients: Floats
) -> tuple[EffectFound, ...]:
    """Return what draws of the coefficients, (D, d), say of each effect of a model."""
    family, told, first = model.likelihood, [], 0
    assert isinstance(family, GridLikelihood)  # `Model` makes sure
    level, relative = np.array(family.pooled(observations)), is_relative(family.domain)
    for effect in model.effects:
        design = effect.design(observations)
        end = first + design.rows.shape[1]
        terms = coefficients[:, first:end] @ design.contrasts.T
        values = family.shifted(level, terms) / level if relative else terms
        lower, _, upper = np.quantile(values, QUANTILES, axis=0).tolist()
        each = map(Term, design.terms, values.mean(axis=0).tolist(), lower, upper)
        told.append(EffectFound(effect.title, 1.0, relative, tuple(each)))
        first = end
    return tuple(told)
