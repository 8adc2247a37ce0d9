"""Counts per unit of exposure that vary more than a Poisson would: NegativeBinomial."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.errors import ModelError
from changepoint.likelihoods.base import Fault
from changepoint.likelihoods.coordinates import Coordinate, OverdispersedRate
from changepoint.likelihoods.counts import (
    EXCESS,
    log_negative_binomial,
    log_ratio,
    poisson_tail,
    two_sided,
)
from changepoint.likelihoods.grid import Columns, GridLikelihood
from changepoint.likelihoods.hyperparameter import Hyperparameter
from changepoint.likelihoods.poisson import Poisson
from changepoint.likelihoods.series import Nodes, Series, Terms, each_terms
from changepoint.observations import Observations
from changepoint.priors import Gamma, Prior

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
        with the mean count. Default Logistic(-2, 1): half the mass below phi = 1.14, an eighth
        above 2.
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
    NegativeBinomial(rate=Gamma(alpha=2, beta=10.6667), log_excess=Logistic(mu=-2, s=1))
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
    supports: ClassVar = {"log_excess": (-math.inf, math.inf)}

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

    @property
    def hyper(self) -> Hyperparameter:
        """The dispersion d; its prior is about log excess, and the Poisson is its limit."""
        prior = self.log_excess
        return Hyperparameter(
            "dispersion",
            "log_excess",
            prior,
            (-math.inf, math.inf),
            limit=0.0 if prior is not None and math.isinf(prior.support[0]) else None,
            value=self._dispersion,
            pymc_value=self._pymc_dispersion,
        )

    def resolve(self, observations: Observations) -> Self:
        """Return the family with every prior filled."""
        used = observations.observed("count") & (Poisson().exposure(observations) > 0)
        count = observations.column("count")[used]
        return replace(
            self,
            rate=self.rate or Gamma(2, 2 / self.pooled(observations)),
            log_excess=self.log_excess or EXCESS,
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
        ends = self._dispersion(np.array(self.hyper.prior.support)) / rows
        least = np.where(k > mean, k / mean, np.maximum(np.log(mean / np.maximum(k, 1)), 3))
        d = np.clip(least, *ends)
        r = 1 / d
        share = r / (r + mean)
        below = special.betainc(r, k + 1, share)
        above = np.where(k > 0, special.betainc(np.maximum(k, 1e-300), r, 1 - share), 1.0)
        return np.where(
            d * (1 + k + mean) < 1e-6, poisson_tail(k, mean), two_sided(below, above)
        )

    def _dispersion(self, log_excess: Floats) -> Floats:
        """Return the dispersion d from log excess."""
        largest, mean = math.log(MOST), self.mean_count or 1.0
        return np.exp(np.clip(log_excess - math.log(mean), -largest, largest))

    def _pymc_dispersion(self, log_excess: Any) -> Any:
        """Return the same for a PyTensor variable."""
        import pytensor.tensor as pt

        return pt.exp(log_excess - math.log(self.mean_count or 1.0))

    def coordinate(self, series: Series, shared: Floats) -> Coordinate:
        """Return the coordinate of a rate at this dispersion and the mean exposure."""
        return OverdispersedRate(shared * _mean_exposure(series))

    def information(self, series: Series, shared: Floats) -> Floats:
        """Return the whole exposure; it is exact where exposures are equal, else the most.

        And enough for steps of 0.4 in log rate, where few rows would ask for wider ones: there
        the likelihood isn't a Gaussian but bends.
        """
        exposure = series.sum(series.columns["exposure"])
        return np.maximum(exposure, 4 * shared * _mean_exposure(series))

    def log_density(self, rows: Columns, nodes: Nodes, shared: Floats | float) -> Floats:
        """Return log p(k | rate, dispersion), by broadcasting.

        Relative to the probability at the pooled rate, as the Poisson's.
        """
        k, e = rows["count"], rows["exposure"]
        r = 1 / np.maximum(shared, LEAST)
        event, row = _log_ratios(nodes.theta, e, rows["pooled"], r)
        log_p: Floats = k * event - r * row + log_negative_binomial(k, e * rows["pooled"], r)
        return log_p

    def terms(self, series: Series, nodes: Nodes, shared: Floats) -> list[Terms] | None:
        """Return sums of products where all rows have one exposure: events, and rows."""
        k, e = series.columns["count"], series.columns["exposure"]
        same = np.array([np.all(e[a:b] == e[a]) for a, b in pairwise(series.bounds)])
        if not same.all():
            return None
        r = 1 / np.maximum(shared, LEAST)
        own, each = series.by_row(r), nodes.by_node(r)
        exposure, pooled = e[series.bounds[:-1]], nodes.by_node(series.pooled)
        event, row = _log_ratios(nodes.theta, nodes.by_node(exposure), pooled, each)
        constant = log_negative_binomial(k, e * series.by_row(series.pooled), own)
        rows = np.column_stack([k, np.ones_like(k)])
        return each_terms(series, nodes, constant, rows, np.array([event, -each * row]))

    def pymc(
        self, columns: Mapping[str, Any], theta: Any, shared: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Return a NegativeBinomial that is accurate near the Poisson."""
        from changepoint.sampling.distributions.negative_binomial import (
            NegativeBinomial as Accurate,
        )

        return Accurate, {"mu": columns.get("exposure", 1.0) * theta, "dispersion": shared}

    def draw(
        self, rows: Columns, theta: Floats, shared: Floats, rng: np.random.Generator
    ) -> Floats:
        """Return counts drawn at rate theta."""
        r = 1 / np.maximum(shared, 1e-12)
        own = theta * rng.gamma(r, 1 / r, np.broadcast(theta, rows["count"], r).shape)
        return rng.poisson(np.minimum(own * rows["exposure"], 1e18)).astype(float)

    def standardized(self, rows: Columns, theta: Floats, shared: Floats) -> Floats:
        """Return (k - mean) / sqrt(mean (1 + dispersion mean))."""
        mean = theta * rows["exposure"]
        told: Floats = (rows["count"] - mean) / np.sqrt(mean * (1 + shared * mean))
        return told


def _mean_exposure(series: Series) -> Floats:
    """Return the mean exposure of rows that have any, (B,)."""
    exposure = series.columns["exposure"]
    return series.sum(exposure) / series.sum((exposure > 0).astype(float))


def _log_ratios(
    theta: Floats, exposure: Floats, pooled: Floats, r: Floats | float
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
