"""A slow drift of every row, which is no staircase of changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from changepoint.effects.base import Design, Effect
from changepoint.likelihoods.hyperparameter import Hyperparameter
from changepoint.observations import Observations
from changepoint.priors import Normal


@dataclass(frozen=True)
class Drift(Effect):
    """One slope through all segments: eta moves evenly from the first row to the last.

    The coefficient is how far, in all. The level that is told of a segment is the one that its
    rows would have in the middle of the series.

    Of rates and counts; measurements have the likelihood Trend, whose segments are lines.

    Examples
    --------
    >>> from changepoint import Observations
    >>> Drift().design(Observations(count=[5, 4, 9, 8, 6])).rows[:, 0]
    array([-0.5 , -0.25,  0.  ,  0.25,  0.5 ])
    """

    probability: float = field(default=0.5, kw_only=True)

    name: ClassVar = "drift"
    alone: ClassVar = "trend"

    @property
    def hyper(self) -> Hyperparameter:
        """How far eta moves in all."""
        (name,) = self.coefficients(1)
        prior = None if self.sigma is None else Normal(0.0, self.sigma)
        ends = (-np.inf, np.inf)
        return Hyperparameter(name, self.name, prior, ends, unit=self.sigma or 1.0)

    def words(self, term: str, size: str) -> str:
        """Return the effect as the start of a sentence, and a verb."""
        return f"A drift through all rows ({size} in all) is"

    def design(self, observations: Observations) -> Design:
        """Return -1/2 in the first row, 1/2 in the last, evenly."""
        rows = np.linspace(-0.5, 0.5, len(observations))[:, None]
        return Design(rows, ("from first to last row",), np.ones((1, 1)))
