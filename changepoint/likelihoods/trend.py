"""Measurements along straight lines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from changepoint.likelihoods.local_noise import noise_prior
from changepoint.likelihoods.regression import LinearLikelihood, Scale
from changepoint.observations import Observations
from changepoint.priors import InverseGamma
from changepoint.priors import Normal as NormalPrior


@dataclass(frozen=True)
class Trend(LinearLikelihood):
    """p(y_t) = Normal(level + slope (x_t - middle), noise_sd^2), all three of the segment.

    x is continuous time in mean distances of rows, so that irregular times keep their
    distances; on a regular grid a slope is the change from one row to the next. A line may
    jump at a change. Reports tell the line's value before and after a change, and the slopes.

    Parameters
    ----------
    level
        Prior of the line at the middle of its segment: Normal, whose sigma, as the slope's, is
        in proportion to the segment's noise_sd and meant at its typical value. Default:
        Normal(mean, twice the standard deviation).
    slope
        Prior of the change a row: Normal. Default: Normal(0, 4 standard deviations / T).
    variance
        Prior of each segment's noise_sd^2: InverseGamma. Default: worth 4 rows, around what
        scatters about lines in quiet windows of a tenth of all rows.

    Raises
    ------
    ModelError
        If a prior isn't of the conjugate kind.

    References
    ----------
    P. Fearnhead (2005), IEEE Trans. Signal Processing 53, 2160: exact inference for
    regressions by segment.

    Examples
    --------
    >>> from changepoint import Model, Observations, fit
    >>> data = Observations(value=[0, 1.1, 1.9, 3, 4.1, 5, 6.1, 5, 3.9, 3, 2.1, 0.9, 0])
    >>> fit(Model(Trend()), data).changes[0].index
    7
    """

    level: NormalPrior | None = None
    slope: NormalPrior | None = None
    variance: InverseGamma | None = None

    name: ClassVar = "trend"
    columns: ClassVar = 2

    def resolve(self, observations: Observations) -> Self:
        """Return the family with every prior filled."""
        scale = Scale.of(observations)
        return replace(
            self,
            level=self.level or scale.level,
            slope=self.slope or scale.slope,
            variance=self.variance or noise_prior(observations, columns=2),
        )

    @property
    def terms(self) -> tuple[NormalPrior | None, NormalPrior | None, InverseGamma]:
        """The priors of level, slope and variance."""
        assert self.variance is not None  # resolved
        return self.level, self.slope, self.variance
