"""Counts out of trials that vary more than independent trials would: BetaBinomial."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.errors import ModelError
from changepoint.likelihoods.base import Fault, default_rate_prior
from changepoint.likelihoods.binomial import Binomial
from changepoint.likelihoods.coordinates import Arcsine, Coordinate
from changepoint.likelihoods.counts import (
    EXCESS,
    binomial_tail,
    log_binomial,
    log_ratios,
    log_rising_ratio,
    reference,
    rising_table,
    trials_faults,
)
from changepoint.likelihoods.grid import Columns, GridLikelihood
from changepoint.likelihoods.hyperparameter import Hyperparameter
from changepoint.likelihoods.series import Nodes, Series, Terms
from changepoint.observations import Observations
from changepoint.priors import Prior

Floats = NDArray[np.float64]

LEAST = 1e-100  # dispersion: below, nothing changes in 64 bits


@dataclass(frozen=True)
class BetaBinomial(GridLikelihood):
    """p(k) = C(n, k) B(k + a, n - k + b) / B(a, b), k = 0..n events in n trials.

    Each row has a rate of its own, Beta(a, b) around its segment's: a = rate (1/d - 1),
    b = (1 - rate)(1/d - 1), with a dispersion d = 1 / (a + b + 1) shared by all segments. Its
    variance is that of the Binomial times 1 + (n - 1) d; the Binomial is the limit d -> 0.

    Parameters
    ----------
    rate
        Prior of each segment's rate, in (0, 1): Beta or Uniform. Default: Beta worth about
        two events around the pooled rate.
    log_excess
        Prior of log(phi - 1), where phi = 1 + (mean_trials - 1) d is the variance inflation
        of a row with the mean number of trials; cut off at its largest value, d = 1. Default
        Logistic(-2, 1): half the mass below phi = 1.14, an eighth above 2.
    mean_trials
        Mean trials of a row, above 1; default: that of the rows that have any.

    Raises
    ------
    ModelError
        If the prior of the rate isn't inside (0, 1), or there is at most one trial a row.

    References
    ----------
    J. G. Skellam (1948), JRSS B 10, 257: the distribution, as a Binomial whose probability is
    Beta distributed.

    Examples
    --------
    >>> from changepoint import Observations
    >>> data = Observations(count=[9, 8, 14], trials=[1000, 1000, 1020])
    >>> print(BetaBinomial().resolve(data))
    BetaBinomial(rate=Beta(alpha=2, beta=189.81), log_excess=Logistic(mu=-2, s=1))
    """

    rate: Prior | None = None
    log_excess: Prior | None = None
    mean_trials: float | None = None

    name: ClassVar = "beta-binomial"
    response: ClassVar = "count"
    needs: ClassVar = ("count", "trials")
    parameter: ClassVar = "rate"
    domain: ClassVar = (0.0, 1.0)
    supports: ClassVar = {"log_excess": (-math.inf, math.inf)}

    def __post_init__(self) -> None:
        super().__post_init__()
        mean = self.mean_trials
        if mean is None:
            return
        numbers = int | float | np.integer | np.floating
        if isinstance(mean, bool) or not isinstance(mean, numbers):
            raise ModelError(f"mean_trials of BetaBinomial must be a number, not {mean!r}")
        if not 1 < mean < math.inf:
            raise ModelError(f"mean_trials of BetaBinomial must be above 1, not {mean}")
        object.__setattr__(self, "mean_trials", float(mean))

    @property
    def hyper(self) -> Hyperparameter:
        """The dispersion d; its prior is about log excess, and the Binomial is its limit."""
        prior = self.log_excess
        return Hyperparameter(
            "dispersion",
            "log_excess",
            prior,
            (-math.inf, math.inf if self.mean_trials is None else self._highest),
            limit=0.0 if prior is not None and math.isinf(prior.support[0]) else None,
            value=self._dispersion,
            pymc_value=self._pymc_dispersion,
        )

    def resolve(self, observations: Observations) -> Self:
        """Return the family with every prior filled."""
        observed = observations.observed("count")
        trials = observations.column("trials")[observed]
        trials = trials[trials > 0]  # rows without trials say nothing, of their mean neither
        return replace(
            self,
            rate=self.rate or default_rate_prior(self.pooled(observations)),
            log_excess=self.log_excess or EXCESS,
            mean_trials=self.mean_trials or float(trials.mean()),
        )

    def faults(self, observations: Observations) -> Iterator[Fault]:
        """Yield the rules of the support that rows break."""
        yield from trials_faults(observations)
        trials = observations.column("trials")[observations.observed("count")]
        if len(trials) and np.nanmax(trials, initial=0) <= 1:
            rule = "at most one trial in every row, which leaves no overdispersion to see"
            remedy = "Use the likelihood 'binomial', or sum rows with --aggregate."
            yield Fault("trials", None, rule, remedy)

    def estimates(self, observations: Observations) -> Floats:
        """Return count / trials, NaN without trials, shape (T,)."""
        return Binomial().estimates(observations)

    def pooled(self, observations: Observations) -> float:
        """Return (events + 1/2) / (trials + 1)."""
        return Binomial().pooled(observations)

    def tail(self, observations: Observations, theta: Floats, pool: bool) -> Floats:
        """Return two-sided tails of a Binomial with as many trials as the counts are worth."""
        highest = min(self.hyper.prior.support[1], self._highest)
        d = float(self._dispersion(np.array(highest)))
        k, n = observations.column("count"), observations.column("trials")
        worth = n / (1 + np.maximum(n - 1, 0) * d)
        if pool:
            observed = ~np.isnan(k)
            k, n, variance = k[observed], n[observed], (n * n / worth)[observed]
            k, n = k.sum(keepdims=True), n.sum(keepdims=True)
            worth = n**2 / np.nansum(variance)
        return binomial_tail(k * worth / n, worth, theta)

    @property
    def _highest(self) -> float:
        """The largest log excess, where d = 1."""
        return math.log(max(self.mean_trials or 0.0, 1.0 + 1e-12) - 1)

    def _dispersion(self, log_excess: Floats) -> Floats:
        """Return the dispersion d from log excess."""
        return np.exp(np.minimum(log_excess - self._highest, -1e-12))

    def _pymc_dispersion(self, log_excess: Any) -> Any:
        """Return the same for a PyTensor variable."""
        import pytensor.tensor as pt

        return pt.exp(pt.minimum(log_excess - self._highest, -1e-12))

    def coordinate(self, series: Series, shared: Floats) -> Coordinate:
        """Return the arcsine coordinate."""
        return Arcsine()

    def information(self, series: Series, shared: Floats) -> Floats:
        """Return 4 s (psi(n + s) - psi(s)), s = 1/d - 1, summed over rows.

        It is exact for small rates and above the information elsewhere; 4 n where d = 0.
        """
        trials = series.columns["trials"]
        with np.errstate(divide="ignore"):
            s = series.by_row(np.maximum(1 / np.maximum(shared, 0.0) - 1, 1e-9))
        near = s < 1e6 * np.maximum(trials, 1.0)
        s = np.where(near, s, 1.0)
        worth = np.where(near, s * (special.psi(trials + s) - special.psi(s)), trials)
        return 4 * series.sum(worth)

    def at_pooled(self, rows: Columns) -> Floats:
        """Return the log Binomial probability at the pooled rate, as the rows."""
        return log_binomial(rows["count"], rows["trials"], *reference(rows["pooled"]))

    def columns(self, observations: Observations) -> dict[str, Floats]:
        """Return counts, trials and their difference."""
        columns = super().columns(observations)
        return {**columns, "failures": columns["trials"] - columns["count"]}

    def log_density(self, rows: Columns, nodes: Nodes, shared: Floats | float) -> Floats:
        """Return log p(k | rate, dispersion), by broadcasting."""
        k, n = rows["count"], rows["trials"]
        log_p, log_q = log_ratios(nodes, rows["pooled"])
        s = 1 / np.maximum(shared, LEAST) - 1
        success = log_rising_ratio(nodes.theta * s, k) + k * log_p
        failure = log_rising_ratio(nodes.companion * s, n - k) + (n - k) * log_q
        row: Floats = rows["at_pooled"] - log_rising_ratio(s, n)
        return success + failure + row

    def terms(self, series: Series, nodes: Nodes, shared: Floats) -> list[Terms]:
        """Return the Binomial's, and tables of what overdispersion adds, by distinct counts."""
        binomial = Binomial(self.rate).terms(series, nodes, shared)
        counts = [len(nodes.theta)] if nodes.counts is None else nodes.counts
        ends = np.append(0, np.cumsum(counts))
        found = []
        for i, terms in enumerate(binomial):
            d = float(shared[i])
            if d <= 0:
                found.append(terms)
                continue
            s, some = 1 / d - 1, slice(ends[i], ends[i + 1])
            names = "count", "failures", "trials"
            (events, at_k), (rest, at_rest), (trials, at_n) = map(series.one(i).distinct, names)
            more = log_rising_ratio(np.array(s), trials)[at_n]
            found.append(
                terms._replace(
                    constant=terms.constant - more,
                    first=rising_table(nodes.theta[some] * s, events),
                    at_first=at_k,
                    second=rising_table(nodes.companion[some] * s, rest),
                    at_second=at_rest,
                )
            )
        return found

    def pymc(
        self, columns: Mapping[str, Any], theta: Any, shared: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Return a BetaBinomial that is accurate near the Binomial."""
        from changepoint.sampling.distributions.beta_binomial import BetaBinomial as Accurate

        s = 1 / shared - 1
        return Accurate, {"n": columns["trials"], "alpha": theta * s, "beta": (1 - theta) * s}

    def draw(
        self, rows: Columns, theta: Floats, shared: Floats, rng: np.random.Generator
    ) -> Floats:
        """Return counts drawn at rate theta."""
        s = 1 / np.maximum(shared, 1e-12) - 1
        rate = rng.beta(np.maximum(theta * s, 1e-300), np.maximum((1 - theta) * s, 1e-300))
        return rng.binomial(rows["trials"].astype(np.int64), rate).astype(float)

    def standardized(self, rows: Columns, theta: Floats, shared: Floats) -> Floats:
        """Return (k - n rate) / sqrt(n rate (1 - rate) (1 + (n - 1) dispersion))."""
        n = rows["trials"]
        variance = n * theta * (1 - theta) * (1 + (n - 1) * shared)
        told: Floats = (rows["count"] - n * theta) / np.sqrt(variance)
        return told
