"""Counts out of trials: the Binomial family."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.likelihoods.base import Fault, default_rate_prior
from changepoint.likelihoods.coordinates import Arcsine, Coordinate
from changepoint.likelihoods.counts import (
    binomial_log_density,
    binomial_tail,
    log_binomial,
    log_ratios,
    reference,
    trials_faults,
)
from changepoint.likelihoods.grid import Columns, GridLikelihood, segment_sums
from changepoint.likelihoods.segment_statistics import (
    MANY,
    Outcomes,
    Statistics,
    prefix_sums,
)
from changepoint.likelihoods.series import Nodes, Series, Terms, each_terms
from changepoint.observations import Observations
from changepoint.priors import Beta, Prior

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Binomial(GridLikelihood):
    """p(k | rate) = C(n, k) rate^k (1 - rate)^(n-k), k = 0..n events in n trials.

    Every trial succeeds independently with the segment's rate. Real counts usually vary
    more than that, and then this family reports changes that aren't there: prefer
    BetaBinomial unless you know that trials are independent.

    Parameters
    ----------
    rate
        Prior of each segment's rate, in (0, 1): Beta or Uniform. Default: Beta worth about
        two events around the pooled rate.

    Raises
    ------
    ModelError
        If the prior's support isn't inside (0, 1).

    Examples
    --------
    >>> from changepoint import Model, Observations, fit
    >>> data = Observations(count=[2, 1, 3, 9, 12, 8], trials=[400] * 6)
    >>> fit(Model(Binomial()), data).changes[0].index
    3
    """

    rate: Prior | None = None

    name: ClassVar = "binomial"
    response: ClassVar = "count"
    needs: ClassVar = ("count", "trials")
    parameter: ClassVar = "rate"
    domain: ClassVar = (0.0, 1.0)

    def resolve(self, observations: Observations) -> Self:
        """Return the family with every prior filled."""
        return replace(self, rate=self.rate or default_rate_prior(self.pooled(observations)))

    def faults(self, observations: Observations) -> Iterator[Fault]:
        """Yield the rules of the support that rows break."""
        yield from trials_faults(observations)

    def estimates(self, observations: Observations) -> Floats:
        """Return count / trials, NaN without trials, shape (T,)."""
        trials = observations.column("trials")
        return observations.column("count") / np.where(trials > 0, trials, np.nan)

    def pooled(self, observations: Observations) -> float:
        """Return (events + 1/2) / (trials + 1)."""
        observed = observations.observed("count")
        events = observations.column("count")[observed].sum()
        return float((events + 0.5) / (observations.column("trials")[observed].sum() + 1))

    def tail(self, observations: Observations, theta: Floats, pool: bool) -> Floats:
        """Return two-sided Binomial tail probabilities at theta."""
        k, n = observations.column("count"), observations.column("trials")
        if pool:
            k, n = (
                np.nansum(k, keepdims=True),
                np.nansum(np.where(np.isnan(k), 0, n), keepdims=True),
            )
        return binomial_tail(k, n, theta)

    def coordinate(self, series: Series, shared: Floats) -> Coordinate:
        """Return the arcsine coordinate."""
        return Arcsine()

    def information(self, series: Series, shared: Floats) -> Floats:
        """Return 4 times all trials."""
        return 4 * series.sum(series.columns["trials"])

    def at_pooled(self, rows: Columns) -> Floats:
        """Return log p(k | pooled rate), as the rows."""
        return log_binomial(rows["count"], rows["trials"], *reference(rows["pooled"]))

    def log_density(self, rows: Columns, nodes: Nodes, shared: Floats | float) -> Floats:
        """Return log p(k | rate), by broadcasting."""
        return binomial_log_density(rows, nodes)

    def terms(self, series: Series, nodes: Nodes, shared: Floats) -> list[Terms]:
        """Return successes times log(p / p0) and failures times log((1 - p) / (1 - p0))."""
        k = series.columns["count"]
        row = np.column_stack([k, series.columns["trials"] - k])
        node = np.array(log_ratios(nodes, nodes.by_node(series.pooled)))
        return each_terms(series, nodes, series.columns["at_pooled"], row, node)

    def conjugate(
        self, observations: Observations, shared: float
    ) -> Callable[[Integers, Integers, np.random.Generator], Floats] | None:
        """Return draws from Beta(alpha + events, beta + failures) under a Beta prior."""
        prior = self.prior
        if not isinstance(prior, Beta):
            return None
        count = observations.column("count")
        failures = observations.column("trials") - count

        def draw(first: Integers, end: Integers, rng: np.random.Generator) -> Floats:
            a = prior.alpha + segment_sums(count, first, end)
            return rng.beta(a, prior.beta + segment_sums(failures, first, end))

        return draw

    def statistics(self, observations: Observations, shared: float) -> Statistics | None:
        """Return events and failures under a Beta prior.

        None under other priors, and where log-gammas of so many trials have too few digits.
        """
        prior = self.prior
        k, n = observations.column("count"), observations.column("trials")
        trials = float(n[observations.observed("count")].sum())
        if not isinstance(prior, Beta) or trials > MANY:
            return None
        log_ways = -np.log1p(n) - special.betaln(k + 1, n - k + 1)
        rows = np.nan_to_num(np.column_stack([log_ways, k, n - k]))
        return Outcomes(prefix_sums(rows), np.array([prior.alpha, prior.beta]), 0)

    def pymc(
        self, columns: Mapping[str, Any], theta: Any, shared: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Return PyMC's Binomial."""
        import pymc as pm

        return pm.Binomial, {"n": columns["trials"], "p": theta}

    def draw(
        self, rows: Columns, theta: Floats, shared: Floats, rng: np.random.Generator
    ) -> Floats:
        """Return counts drawn at rate theta."""
        return rng.binomial(rows["trials"].astype(np.int64), theta).astype(float)

    def standardized(self, rows: Columns, theta: Floats, shared: Floats) -> Floats:
        """Return (k - n rate) / sqrt(n rate (1 - rate))."""
        n = rows["trials"]
        told: Floats = (rows["count"] - n * theta) / np.sqrt(n * theta * (1 - theta))
        return told
