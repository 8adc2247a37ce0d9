"""Counts per unit of exposure: the Poisson family."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.likelihoods.base import Fault
from changepoint.likelihoods.coordinates import Coordinate, SquareRoot
from changepoint.likelihoods.counts import (
    count_faults,
    log_poisson,
    log_ratio,
    poisson_log_density,
    poisson_tail,
)
from changepoint.likelihoods.grid import Columns, GridLikelihood, segment_sums
from changepoint.likelihoods.segment_statistics import MANY, Events, Statistics, prefix_sums
from changepoint.likelihoods.series import Nodes, Series, Terms, each_terms
from changepoint.observations import Observations
from changepoint.priors import Gamma, Prior

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Poisson(GridLikelihood):
    """p(k | rate) = (rate e)^k exp(-rate e) / k!, k = 0, 1, ... events in exposure e.

    The exposure is the time, distance or population at risk of each row, 1 where the data
    have none; the rate is in events per unit of exposure. Real counts usually vary more than
    that, and then this family reports changes that aren't there: prefer NegativeBinomial
    unless you know that events are independent.

    Parameters
    ----------
    rate
        Prior of each segment's rate, above 0: Gamma, LogNormal, HalfNormal, Exponential or
        Uniform. Default: Gamma(2, 2 / pooled rate).

    Raises
    ------
    ModelError
        If the prior's support isn't above 0.

    Examples
    --------
    >>> from changepoint import Observations
    >>> data = Observations(count=[3, 1, 0], exposure=[12.0, 8.0, 4.0])  # hours
    >>> Poisson().estimates(data).round(3)  # events an hour
    array([0.25 , 0.125, 0.   ])
    """

    rate: Prior | None = None

    name: ClassVar = "poisson"
    response: ClassVar = "count"
    needs: ClassVar = ("count",)
    uses: ClassVar = ("exposure",)
    parameter: ClassVar = "rate"
    domain: ClassVar = (0.0, np.inf)

    def resolve(self, observations: Observations) -> Self:
        """Return the family with every prior filled."""
        return replace(self, rate=self.rate or Gamma(2, 2 / self.pooled(observations)))

    def faults(self, observations: Observations) -> Iterator[Fault]:
        """Yield the rules of the support that rows break."""
        yield from count_faults(observations)
        if observations.exposure is None:
            return
        exposure, correct = observations.exposure, "Correct it, or leave the whole row empty."
        beside = observations.observed("count")
        yield Fault(
            "exposure", np.isnan(exposure) & beside, "no exposure beside a count", correct
        )
        yield Fault("exposure", np.isinf(exposure), "an infinite exposure", correct)
        yield Fault("exposure", exposure < 0, "a negative exposure", correct)
        none = (exposure == 0) & (observations.column("count") > 0)
        yield Fault("exposure", none, "events without any exposure", correct)
        if np.any(beside) and not np.any(exposure[beside] != 0):
            yield Fault("exposure", None, "no row has any exposure", "Check the column.")
        far = (exposure > 0) & (exposure < 1e-100) | (exposure > 1e100) & np.isfinite(exposure)
        yield Fault("exposure", far, "outside 1e-100 to 1e100", "Use another unit.")

    def estimates(self, observations: Observations) -> Floats:
        """Return count / exposure, NaN without exposure, shape (T,)."""
        exposure = self.exposure(observations)
        return observations.column("count") / np.where(exposure > 0, exposure, np.nan)

    def pooled(self, observations: Observations) -> float:
        """Return (events + 1/2) / exposure."""
        observed = observations.observed("count")
        exposure = float(self.exposure(observations)[observed].sum())
        return float(observations.column("count")[observed].sum() + 0.5) / (exposure or 1.0)

    def tail(self, observations: Observations, theta: Floats, pool: bool) -> Floats:
        """Return two-sided Poisson tail probabilities at theta."""
        k, exposure = observations.column("count"), self.exposure(observations)
        if pool:
            exposure = np.sum(exposure[~np.isnan(k)], keepdims=True)
            k = np.nansum(k, keepdims=True)
        return poisson_tail(k, exposure * theta)

    def coordinate(self, series: Series, shared: Floats) -> Coordinate:
        """Return the square-root coordinate."""
        return SquareRoot()

    def information(self, series: Series, shared: Floats) -> Floats:
        """Return 4 times the whole exposure."""
        return 4 * series.sum(series.columns["exposure"])

    def at_pooled(self, rows: Columns) -> Floats:
        """Return log p(k | pooled rate), as the rows."""
        none = (rows["count"] == 0) & (rows["exposure"] == 0)
        mean = np.where(none, 1.0, rows["exposure"] * rows["pooled"])
        return np.where(none, 0.0, log_poisson(rows["count"], mean))

    def log_density(self, rows: Columns, nodes: Nodes, shared: Floats | float) -> Floats:
        """Return log p(k | rate), by broadcasting."""
        return poisson_log_density(rows, nodes.theta)

    def terms(self, series: Series, nodes: Nodes, shared: Floats) -> list[Terms]:
        """Return events times log(rate / rate0) and exposure times rate0 - rate."""
        columns, pooled = series.columns, nodes.by_node(series.pooled)
        shift = nodes.theta - pooled
        node = np.array([log_ratio(nodes.theta, shift, pooled), -shift])
        row = np.column_stack([columns["count"], columns["exposure"]])
        return each_terms(series, nodes, columns["at_pooled"], row, node)

    def conjugate(
        self, observations: Observations, shared: float
    ) -> Callable[[Integers, Integers, np.random.Generator], Floats] | None:
        """Return draws from Gamma(alpha + events, beta + exposure) under a Gamma prior."""
        prior = self.prior
        if not isinstance(prior, Gamma):
            return None
        count = observations.column("count")
        exposure = np.where(np.isnan(count), 0.0, self.exposure(observations))

        def draw(first: Integers, end: Integers, rng: np.random.Generator) -> Floats:
            a = prior.alpha + segment_sums(count, first, end)
            return rng.gamma(a, 1 / (prior.beta + segment_sums(exposure, first, end)))

        return draw

    def statistics(self, observations: Observations, shared: float) -> Statistics | None:
        """Return events and exposure under a Gamma prior.

        None under other priors, and where log-gammas of so many events have too few digits.
        """
        prior, k = self.prior, observations.column("count")
        if not isinstance(prior, Gamma) or np.nansum(k) > MANY:
            return None
        exposure = np.where(np.isnan(k), 0.0, self.exposure(observations))
        constant = special.xlogy(k, exposure) - special.gammaln(k + 1)
        rows = np.column_stack([np.nan_to_num(constant), np.nan_to_num(k), exposure])
        return Events(prefix_sums(rows), float(prior.alpha), float(prior.beta))

    def pymc(
        self, columns: Mapping[str, Any], theta: Any, shared: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Return PyMC's Poisson."""
        import pymc as pm

        return pm.Poisson, {"mu": columns.get("exposure", 1.0) * theta}

    def draw(
        self, rows: Columns, theta: Floats, shared: Floats, rng: np.random.Generator
    ) -> Floats:
        """Return counts drawn at rate theta."""
        return rng.poisson(theta * rows["exposure"]).astype(float)

    def standardized(self, rows: Columns, theta: Floats, shared: Floats) -> Floats:
        """Return (k - mean) / sqrt(mean)."""
        mean = theta * rows["exposure"]
        told: Floats = (rows["count"] - mean) / np.sqrt(mean)
        return told

    def exposure(self, observations: Observations) -> Floats:
        """Return the exposures, 1 where the data have none, shape (T,)."""
        if observations.exposure is None:
            return np.ones(len(observations))
        return observations.exposure
