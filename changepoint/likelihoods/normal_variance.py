"""Measurements whose spread alone may change."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from changepoint.likelihoods.hyperparameter import Hyperparameter
from changepoint.likelihoods.local_noise import noise_prior
from changepoint.likelihoods.regression import LinearLikelihood, Scale
from changepoint.observations import Observations
from changepoint.priors import InverseGamma
from changepoint.priors import Normal as NormalPrior


@dataclass(frozen=True)
class NormalVariance(LinearLikelihood):
    """p(y) = Normal(level, noise_sd^2): the spread is the segment's, the level all segments'.

    Parameters
    ----------
    variance
        Prior of each segment's noise_sd^2: InverseGamma. Default: worth 4 rows, around what
        scatters about levels in quiet windows of a tenth of all rows.
    level
        Prior of the level: Normal. Default: Normal(mean, twice the standard deviation).

    Raises
    ------
    ModelError
        If a prior isn't of the conjugate kind.

    Examples
    --------
    >>> from changepoint import Model, Observations, fit
    >>> data = Observations(value=[1.0, 1.2, 0.8, 1.1, 0.9, 1.0, 4, -2, 3, -1, 5, -3])
    >>> fit(Model(NormalVariance()), data).changes[0].index
    6
    """

    variance: InverseGamma | None = None
    level: NormalPrior | None = None

    name: ClassVar = "normal-variance"
    parameter: ClassVar = "noise_sd"
    domain: ClassVar = (0.0, math.inf)
    supports: ClassVar = {"level": (-math.inf, math.inf)}
    columns: ClassVar = 0

    @property
    def hyper(self) -> Hyperparameter:
        """The level; half its prior's standard deviation is a typical difference."""
        return Hyperparameter(
            "level",
            "level",
            self.level,
            (-math.inf, math.inf),
            unit=self.level.sigma / 2 if self.level else 1.0,
        )

    def resolve(self, observations: Observations) -> Self:
        """Return the family with every prior filled."""
        scale = Scale.of(observations)
        return replace(
            self,
            level=self.level or scale.level,
            variance=self.variance or noise_prior(observations),
        )

    @property
    def terms(self) -> tuple[None, None, InverseGamma]:
        """The priors of level (which is shared), slope and variance."""
        assert self.variance is not None  # resolved
        return None, None, self.variance

    def estimates(self, observations: Observations) -> NDArray[np.float64]:
        """Return distances from the mean, shape (T,)."""
        return np.abs(observations.column("value") - Scale.of(observations).mean)
