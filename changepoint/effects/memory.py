"""Rows that remember the row before: highs and lows that last, without a change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from changepoint.effects.base import Design, Effect
from changepoint.errors import DataError, ModelError
from changepoint.likelihoods import Binomial, Likelihood, Poisson
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.hyperparameter import Hyperparameter
from changepoint.likelihoods.links import heeded, linked
from changepoint.observations import Observations
from changepoint.priors import Uniform

Floats = NDArray[np.float64]

HIGHEST = 0.8  # share that is remembered: beyond, rows hardly tell a level
TERM = "share remembered"


@dataclass(frozen=True)
class Memory(Effect):
    """A share of the last row's deviation from the level stays.

    On the scale of the link a row lies at level + rho (x - level). x is the last row's own
    estimate, pulled to that of all rows by one event (a rate as such is at most 20 times as
    far off as that). The first row, and one after a missing row, have none to remember. So the
    level that is told of a segment is where its rows return to. A priori rho is Uniform between
    0 and 0.8: beyond, rows hardly tell a level.

    Of rates and counts; measurements have the likelihood Autoregressive.

    Examples
    --------
    >>> from changepoint import Observations, likelihoods
    >>> data = Observations(count=[1, 3, np.nan, 2], exposure=[1.0, 1.0, 1.0, 1.0])
    >>> Memory().design_under(likelihoods.Poisson(), data).pulls[:, 0]
    array([0., 1., 1., 0.])
    """

    probability: float = field(default=0.5, kw_only=True)

    name: ClassVar = "memory"
    of_level: ClassVar = False
    alone: ClassVar = "autoregressive"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sigma is not None:
            raise ModelError(
                "Memory has no sigma: the share that is remembered is Uniform between 0 and "
                f"{HIGHEST} a priori"
            )

    def resolve(self, scale: float) -> Self:
        """Return the effect: nothing is left out."""
        return self

    @property
    def hyper(self) -> Hyperparameter:
        """The share that is remembered."""
        (name,) = self.coefficients(1)
        prior = Uniform(0.0, HIGHEST)
        return Hyperparameter(name, self.name, prior, (0.0, HIGHEST), closed=True)

    def words(self, term: str, size: str) -> str:
        """Return the effect as the start of a sentence, and a verb."""
        return f"A memory of the row before ({size} of its deviation) is"

    def design(self, observations: Observations) -> Design:
        """Return that of a Binomial where there are trials, else of a Poisson."""
        family = Poisson() if observations.trials is None else Binomial()
        return self.design_under(family, observations)

    def design_under(self, family: Likelihood, observations: Observations) -> Design:
        """Return the estimate of the row before, and that a row remembers it."""
        assert isinstance(family, GridLikelihood)  # the model makes sure
        x = np.append(np.nan, _pulled(family, observations)[:-1])
        known = np.isfinite(x)
        if not known.any():
            raise DataError(
                f"the effect {self.name!r} needs rows that follow one another, and has none"
            )
        rows = np.where(known, x, 0.0)[:, None]
        return Design(rows, (TERM,), np.ones((1, 1)), known[:, None].astype(float))


def _pulled(family: GridLikelihood, observations: Observations) -> Floats:
    """Return each row's estimate, pulled to that of all, on the scale of the link, (T,)."""
    estimate, pooled = family.estimates(observations), family.pooled(observations)
    proportion = family.domain[1] == 1
    if family.response == "rate":  # a rate as such has no events
        return heeded(family.domain, estimate, pooled)
    worth = family.worth(observations)
    one = 1 / (min(pooled, 1 - pooled) if proportion else pooled)  # what has one event
    return linked(family.domain, (worth * estimate + one * pooled) / (worth + one))
