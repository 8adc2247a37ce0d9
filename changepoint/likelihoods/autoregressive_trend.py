"""Measurements along straight lines, with autocorrelated noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from changepoint.likelihoods.autoregressive import HIGHEST, LONGEST
from changepoint.likelihoods.hyperparameter import Hyperparameter
from changepoint.likelihoods.local_noise import noise_prior
from changepoint.likelihoods.regression import Floats, LinearLikelihood, Scale
from changepoint.observations import Observations
from changepoint.priors import InverseGamma, Prior, Uniform
from changepoint.priors import Normal as NormalPrior


@dataclass(frozen=True)
class AutoregressiveTrend(LinearLikelihood):
    """y_t = level + slope (x_t - middle) + u_t, u_t = phi u_(t-1) + e_t.

    The lines of Trend, with the noise of Autoregressive.

    Parameters
    ----------
    level, slope, variance
        As for Trend.
    phi
        As for Autoregressive.

    Raises
    ------
    ModelError
        If a prior isn't of its kind.

    Examples
    --------
    >>> from changepoint import Observations
    >>> data = Observations(value=[1.0, 3.0, 2.0, 4.0])
    >>> print(AutoregressiveTrend().resolve(data).slope)
    Normal(mu=0, sigma=1.11803)
    """

    level: NormalPrior | None = None
    slope: NormalPrior | None = None
    variance: InverseGamma | None = None
    phi: Prior | None = None

    name: ClassVar = "autoregressive-trend"
    supports: ClassVar = {"phi": (0.0, 1.0)}
    columns: ClassVar = 2

    @property
    def hyper(self) -> Hyperparameter:
        """What is kept of the distance from the line."""
        return Hyperparameter("phi", "phi", self.phi, (0.0, 1.0), closed=True)

    def resolve(self, observations: Observations) -> Self:
        """Return the family with every prior filled."""
        scale = Scale.of(observations)
        return replace(
            self,
            level=self.level or scale.level,
            slope=self.slope or scale.slope,
            variance=self.variance or noise_prior(observations, columns=2),
            phi=self.phi or Uniform(0, LONGEST),
        )

    @property
    def terms(self) -> tuple[NormalPrior | None, NormalPrior | None, InverseGamma]:
        """The priors of level, slope and variance."""
        assert self.variance is not None  # resolved
        return self.level, self.slope, self.variance

    def correlation(self, shared: Floats) -> Floats:
        """Return phi, below 1."""
        return np.minimum(shared, HIGHEST)
