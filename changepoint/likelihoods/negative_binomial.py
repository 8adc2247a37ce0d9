"""Counts per unit of exposure that vary more than a Poisson would: NegativeBinomial."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.errors import ModelError
from changepoint.likelihoods.base import Fault
from changepoint.likelihoods.coordinates import Coordinate, Nodes, OverdispersedRate
from changepoint.likelihoods.counts import (
    log_negative_binomial,
    log_ratio,
    poisson_tail,
    two_sided,
)
from changepoint.likelihoods.grid import Data, Evaluator, GridLikelihood, RowLikelihood
from changepoint.likelihoods.poisson import Poisson
from changepoint.observations import Observations
from changepoint.priors import Gamma, Logistic, Prior

Floats = NDArray[np.float64]

LEAST, MOST = 1e-100, 1e100  # dispersion: beyond, nothing changes in 64 bits


@dataclass(frozen=True)
class NegativeBinomial(GridLikelihood):
    """p(k) = C(k + r - 1, k) (r / (r + m))^r (m / (r + m))^k, m = rate e, r = 1 / d.

    k = 0, 1, ... events in exposure e. Each row has a rate of its own, Gamma distributed
    around its segment's, with a dispersion d shared by all segments. Its variance is that of
    the Poisson times 1 + m d; the Poisson is the limit d -> 0. The exposure is the time,
    distance or population at risk of each row, 1 where the data have none; the rate is in
    events per unit of exposure.

    Parameters
    ----------
    rate
        Prior of each segment's rate, above 0: Gamma, LogNormal, HalfNormal, Exponential or
        Uniform. Default: Gamma(2, 2 / pooled rate).
    log_excess
        Prior of log(phi - 1), where phi = 1 + mean_count d is the variance inflation of a row
        with the mean count. Default Logistic(0, 1): half the mass below phi = 2.
    mean_count
        Mean count of a row, above 0; default: that of the rows that have exposure.

    Raises
    ------
    ModelError
        If a prior's support doesn't fit, or mean_count isn't above 0.

    References
    ----------
    J. F. Lawless (1987), Canadian J. Statistics 15, 209: the distribution by its mean and
    dispersion. C. Loader (2000), Fast and accurate computation of binomial probabilities: the
    way the probabilities are computed.

    Examples
    --------
    >>> from changepoint import Observations
    >>> data = Observations(count=[3, 1, 0], exposure=[12.0, 8.0, 4.0])  # hours
    >>> print(NegativeBinomial().resolve(data))
    NegativeBinomial(rate=Gamma(alpha=2, beta=10.6667), log_excess=Logistic(mu=0, s=1))
    """

    rate: Prior | None = None
    log_excess: Prior | None = None
    mean_count: float | None = None

    name: ClassVar = "negative-binomial"
    response: ClassVar = "count"
    needs: ClassVar = ("count",)
    uses: ClassVar = ("exposure",)
    parameter: ClassVar = "rate"
    domain: ClassVar = (0.0, math.inf)
    shared: ClassVar = "dispersion"
    shared_field: ClassVar = "log_excess"
    shared_support: ClassVar = (-math.inf, math.inf)

    def __post_init__(self) -> None:
        super().__post_init__()
        mean = self.mean_count
        if mean is None:
            return
        numbers = int | float | np.integer | np.floating
        if isinstance(mean, bool) or not isinstance(mean, numbers):
            raise ModelError(f"mean_count of NegativeBinomial must be a number, not {mean!r}")
        if not 1e-100 < float(mean) < 1e100:
            raise ModelError(
                f"mean_count of NegativeBinomial must be above 0 and finite, not {mean}"
            )
        object.__setattr__(self, "mean_count", float(mean))

    def resolve(self, observations: Observations) -> Self:
        """Return the family with every prior filled."""
        used = observations.observed("count") & (Poisson().exposure(observations) > 0)
        count = observations.column("count")[used]
        return replace(
            self,
            rate=self.rate or Gamma(2, 2 / self.pooled(observations)),
            log_excess=self.log_excess or Logistic(0, 1),
            mean_count=self.mean_count or max(float(count.sum()), 0.5) / len(count),
        )

    def faults(self, observations: Observations) -> Iterator[Fault]:
        """Yield the rules of the support that rows break."""
        yield from Poisson().faults(observations)

    def cautions(self, observations: Observations) -> Iterator[str]:
        """Warn of what looks like single trials."""
        count = observations.column("count")
        if observations.exposure is None and {0.0, 1.0} == set(
            np.unique(count[~np.isnan(count)])
        ):
            yield "every count is 0 or 1: if each row is a single trial, use 'bernoulli'"

    def estimates(self, observations: Observations) -> Floats:
        """Return count / exposure, NaN without exposure, shape (T,)."""
        return Poisson().estimates(observations)

    def pooled(self, observations: Observations) -> float:
        """Return (events + 1/2) / exposure."""
        return Poisson().pooled(observations)

    def tail(self, observations: Observations, theta: Floats, pool: bool) -> Floats:
        """Return two-sided tails at about the dispersion that makes a count least surprising.

        Of those that the prior allows: k / m for counts above their mean m, log(m / k) for
        those below; with more, nearly all counts would be 0. The sum of T rows has d / T.
        """
        k, exposure = observations.column("count"), Poisson().exposure(observations)
        rows = 1.0
        if pool:
            exposure = exposure[~np.isnan(k)]
            rows = float(exposure.sum() ** 2 / (exposure**2).sum())
            exposure, k = exposure.sum(keepdims=True), np.nansum(k, keepdims=True)
        mean = np.maximum(exposure * theta, 1e-300)
        ends = self.shared_value(np.array(self.shared_prior.support)) / rows
        least = np.where(k > mean, k / mean, np.maximum(np.log(mean / np.maximum(k, 1)), 3))
        d = np.clip(least, *ends)
        r = 1 / d
        share = r / (r + mean)
        below = special.betainc(r, k + 1, share)
        above = np.where(k > 0, special.betainc(np.maximum(k, 1e-300), r, 1 - share), 1.0)
        return np.where(
            d * (1 + k + mean) < 1e-6, poisson_tail(k, mean), two_sided(below, above)
        )

    def shared_value(self, native: Floats) -> Floats:
        """Return the dispersion d from log excess."""
        largest, mean = math.log(MOST), self.mean_count or 1.0
        return np.exp(np.clip(native - math.log(mean), -largest, largest))

    def pymc_shared(self, native: Any) -> Any:
        """Return the same for a PyTensor variable."""
        import pytensor.tensor as pt

        return pt.exp(native - math.log(self.mean_count or 1.0))

    @property
    def shared_limit(self) -> float | None:
        """Return 0, the Poisson, where the prior reaches down to it."""
        return 0.0 if math.isinf(self.shared_prior.support[0]) else None

    def coordinate(self, observations: Observations, shared: float) -> Coordinate:
        """Return the coordinate of a rate at this dispersion and the mean exposure."""
        return OverdispersedRate(shared * self._mean_exposure(observations))

    def information(self, observations: Observations, shared: float) -> float:
        """Return the whole exposure; it is exact where exposures are equal, else the most.

        And enough for steps of 0.4 in log rate, where few rows would ask for wider ones: there
        the likelihood isn't a Gaussian but bends.
        """
        exposure = Poisson().information(observations, shared) / 4
        return max(exposure, 4 * shared * self._mean_exposure(observations))

    def _mean_exposure(self, observations: Observations) -> float:
        exposure = Poisson().exposure(observations)[observations.observed("count")]
        return float(exposure[exposure > 0].mean())

    def log_density(self, data: Data, nodes: Nodes, shared: Floats | float) -> Floats:
        """Return log p(k | rate, dispersion), by broadcasting.

        Relative to the probability at the pooled rate, as the Poisson's.
        """
        k, e = data.count, data.exposure
        r = 1 / np.maximum(shared, LEAST)
        event, row = _log_ratios(nodes.theta, e, data.pooled, r)
        log_p: Floats = k * event - r * row + log_negative_binomial(k, e * data.pooled, r)
        return log_p

    def evaluator(self, observations: Observations) -> Evaluator:
        """Tabulate by distinct exposures."""
        observed = observations.observed("count")
        k = np.where(observed, observations.column("count"), 0.0)
        exposure, pooled = Poisson().exposure(observations), self.pooled(observations)
        each, at_exposure = np.unique(np.where(observed, exposure, 0.0), return_inverse=True)
        missing = ~observed

        def at(nodes: Nodes, shared: float) -> RowLikelihood:
            r = 1 / max(shared, LEAST)
            at_pooled = log_negative_binomial(k, np.where(observed, exposure, 0.0) * pooled, r)

            def log_likelihood(first: int, end: int) -> Floats:
                used, which = np.unique(at_exposure[first:end], return_inverse=True)
                event, row = _log_ratios(nodes.theta, each[used, None], pooled, r)
                values: Floats = k[first:end, None] * event[which]
                values -= r * row[which]
                values += at_pooled[first:end, None]
                values[missing[first:end]] = 0.0
                return values

            return log_likelihood

        return at

    def pymc(
        self, columns: Mapping[str, Any], theta: Any, shared: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Return a NegativeBinomial that is accurate near the Poisson."""
        from changepoint.sampling.distributions.negative_binomial import (
            NegativeBinomial as Accurate,
        )

        return Accurate, {"mu": columns.get("exposure", 1.0) * theta, "dispersion": shared}

    def draw(
        self, data: Data, theta: Floats, shared: Floats, rng: np.random.Generator
    ) -> Floats:
        """Return counts drawn at rate theta."""
        r = 1 / np.maximum(shared, 1e-12)
        own = theta * rng.gamma(r, 1 / r, np.broadcast(theta, data.count, r).shape)
        return rng.poisson(np.minimum(own * data.exposure, 1e18)).astype(float)


def _log_ratios(
    theta: Floats, exposure: Floats, pooled: float, r: Floats | float
) -> tuple[Floats, Floats]:
    """Return the logs of m / (r + m) and of r + m, both less those at the pooled rate.

    The first is what each event counts, written so that nothing cancels where m is far above
    r, and both are the same.
    """
    shift, total = theta - pooled, r + exposure * theta
    row = log_ratio(total, exposure * shift, r + exposure * pooled)
    excess = (shift / pooled) * (r / total)
    far = log_ratio(theta, shift, pooled) - row
    near = np.abs(excess) < 0.5
    return np.where(near, np.log1p(np.where(near, excess, 0)), far), row
