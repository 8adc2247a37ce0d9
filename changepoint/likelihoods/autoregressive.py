"""Measurements that remember: a level with autocorrelated noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from changepoint.likelihoods.hyperparameter import Hyperparameter
from changepoint.likelihoods.local_noise import noise_prior
from changepoint.likelihoods.regression import Floats, LinearLikelihood, Scale
from changepoint.observations import Observations
from changepoint.priors import InverseGamma, Prior, Uniform
from changepoint.priors import Normal as NormalPrior

LONGEST = 0.9  # correlation of neighbours, by default
HIGHEST = 1 - 1e-9  # where rows still differ: at 1 their precision would be infinite


@dataclass(frozen=True)
class Autoregressive(LinearLikelihood):
    """y_t = level + u_t, u_t = phi u_(t-1) + e_t: wandering around a level is no change.

    Level and noise_sd are the segment's, phi all segments'. noise_sd is that of a row around
    its level; e_t has noise_sd sqrt(1 - phi^2). Noise starts afresh with each segment, from
    its stationary distribution, so a change of level is seen at once, as a step. Across g - 1
    missing rows the correlation is phi^g.

    Parameters
    ----------
    level
        Prior of each segment's level: Normal, whose sigma is in proportion to the segment's
        noise_sd and meant at its typical value. Default: Normal(mean, twice the standard
        deviation).
    variance
        Prior of each segment's noise_sd^2: InverseGamma. Default: worth 4 rows, around what
        scatters about levels in quiet windows of a tenth of all rows.
    phi
        Prior of phi, in [0, 1): Uniform or Beta. Default: Uniform(0, 0.9): noise forgets nine
        tenths of itself within some 20 rows; what wanders more slowly counts as change.

    Raises
    ------
    ModelError
        If a prior isn't of its kind.

    References
    ----------
    S. Chib and E. Greenberg (1994), J. Econometrics 64, 183: regression with stationary
    autoregressive errors.

    Examples
    --------
    >>> from changepoint import Observations
    >>> print(Autoregressive().resolve(Observations(value=[1.0, 3.0, 2.0, 4.0])).phi)
    Uniform(lower=0, upper=0.9)
    """

    level: NormalPrior | None = None
    variance: InverseGamma | None = None
    phi: Prior | None = None

    name: ClassVar = "autoregressive"
    supports: ClassVar = {"phi": (0.0, 1.0)}

    @property
    def hyper(self) -> Hyperparameter:
        """What is kept of the distance from the level."""
        return Hyperparameter("phi", "phi", self.phi, (0.0, 1.0), closed=True)

    def resolve(self, observations: Observations) -> Self:
        """Return the family with every prior filled."""
        scale = Scale.of(observations)
        return replace(
            self,
            level=self.level or scale.level,
            variance=self.variance or noise_prior(observations),
            phi=self.phi or Uniform(0, LONGEST),
        )

    @property
    def terms(self) -> tuple[NormalPrior | None, None, InverseGamma]:
        """The priors of level, slope and variance."""
        assert self.variance is not None  # resolved
        return self.level, None, self.variance

    def correlation(self, shared: Floats) -> Floats:
        """Return phi, below 1."""
        return np.minimum(shared, HIGHEST)
