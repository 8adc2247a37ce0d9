"""Measurements whose level and spread may both change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from changepoint.likelihoods.local_noise import noise_prior
from changepoint.likelihoods.regression import LinearLikelihood, Scale
from changepoint.observations import Observations
from changepoint.priors import InverseGamma
from changepoint.priors import Normal as NormalPrior


@dataclass(frozen=True)
class NormalMeanVariance(LinearLikelihood):
    """p(y) = Normal(level, noise_sd^2), both of the segment, y any real number.

    Where all segments have the same noise, Normal knows more.

    Parameters
    ----------
    level
        Prior of each segment's level: Normal, whose sigma is in proportion to the segment's
        noise_sd and meant at its typical value. Default: Normal(mean, twice the standard
        deviation).
    variance
        Prior of each segment's noise_sd^2: InverseGamma. Default: worth 4 rows, around what
        scatters about levels in quiet windows of a tenth of all rows.

    Raises
    ------
    ModelError
        If a prior isn't of the conjugate kind.

    References
    ----------
    A. Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 3.3: the Normal with
    unknown mean and variance under its conjugate prior.

    Examples
    --------
    >>> from changepoint import Model, Observations, fit
    >>> data = Observations(value=[1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 4, -2, 3, -1, 5, -3])
    >>> fit(Model(NormalMeanVariance()), data).changes[0].index
    6
    """

    level: NormalPrior | None = None
    variance: InverseGamma | None = None

    name: ClassVar = "normal-mean-variance"

    def resolve(self, observations: Observations) -> Self:
        """Return the family with every prior filled."""
        scale = Scale.of(observations)
        return replace(
            self,
            level=self.level or scale.level,
            variance=self.variance or noise_prior(observations),
        )

    @property
    def terms(self) -> tuple[NormalPrior | None, None, InverseGamma]:
        """The priors of level, slope and variance."""
        assert self.variance is not None  # resolved
        return self.level, None, self.variance
