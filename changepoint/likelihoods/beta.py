"""Rates whose trials are unknown: the Beta family."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.likelihoods.base import Fault, default_rate_prior, spread_faults
from changepoint.likelihoods.coordinates import BetaMean, Coordinate
from changepoint.likelihoods.counts import two_sided
from changepoint.likelihoods.grid import Columns, GridLikelihood
from changepoint.likelihoods.hyperparameter import Hyperparameter
from changepoint.likelihoods.series import Nodes, Series, Terms, each_terms
from changepoint.observations import Observations
from changepoint.priors import LogNormal, Prior

Floats = NDArray[np.float64]

SMALLEST = 1e-15  # rate


@dataclass(frozen=True)
class Beta(GridLikelihood):
    """p(y) = y^(a-1) (1-y)^(b-1) / B(a, b), 0 < y < 1, a = rate c, b = (1 - rate) c.

    For rates alone. The concentration c, shared by all segments, plays the part of the
    unknown trials. If you have the trials, use them: BetaBinomial knows more.

    Parameters
    ----------
    rate
        Prior of each segment's mean rate, in (0, 1): Beta or Uniform. Default: Beta worth
        about two events around the mean.
    concentration
        Prior of c, above 0. Default: LogNormal around the moment estimate, sigma 1.5.

    Raises
    ------
    ModelError
        If a prior's support doesn't fit.

    References
    ----------
    S. Ferrari and F. Cribari-Neto (2004), J. Applied Statistics 31, 799: the distribution by
    its mean and a precision, here the concentration.

    Examples
    --------
    >>> from changepoint import Observations
    >>> print(Beta().resolve(Observations(rate=[0.008, 0.010, 0.009, 0.012])).rate)
    Beta(alpha=2, beta=203.128)
    """

    rate: Prior | None = None
    concentration: Prior | None = None

    name: ClassVar = "beta"
    response: ClassVar = "rate"
    needs: ClassVar = ("rate",)
    parameter: ClassVar = "rate"
    domain: ClassVar = (0.0, 1.0)
    supports: ClassVar = {"concentration": (0.0, math.inf)}

    @property
    def hyper(self) -> Hyperparameter:
        """The concentration; the larger, the finer the nodes."""
        return Hyperparameter(
            "concentration", "concentration", self.concentration, (0.0, math.inf), finest=-1
        )

    def resolve(self, observations: Observations) -> Self:
        """Return the family with every prior filled."""
        mean, concentration = self.pooled(observations), self.concentration
        if concentration is None:
            variance = float(np.nanvar(observations.column("rate")))
            concentration = LogNormal(math.log(max(mean * (1 - mean) / variance - 1, 0.1)), 1.5)
        rate = self.rate or default_rate_prior(mean)
        return replace(self, rate=rate, concentration=concentration)

    def faults(self, observations: Observations) -> Iterator[Fault]:
        """Yield the rules of the support that rows break."""
        y = observations.column("rate")
        percent = bool(np.any((y > 1) & np.isfinite(y)))
        divide = (
            "A rate is a proportion. If these are percentages, say --percent (per=100 in "
            "Python), or write them with a % sign; --per 1000 or 100000 for other units."
        )
        correct = "Correct it, or leave it empty."
        yield Fault("rate", np.isinf(y), "an infinite rate", correct)
        yield Fault("rate", y < 0, "a rate below 0", correct)
        yield Fault(
            "rate", (y > 1) & np.isfinite(y), "a rate above 1", divide if percent else correct
        )
        trials = (
            "A Beta density has no mass at 0 and 1, and a rate is biased where such rows are "
            "left out. Unbiased: counts and trials (likelihood 'beta-binomial'), or rates of "
            "longer periods, in which none is 0 or 1, or the rates as --value."
        )
        least = f"a rate below {SMALLEST:g}, which is too small to compute with"
        yield Fault("rate", (y > 0) & (y < SMALLEST), least, "Check the unit.")
        yield Fault("rate", y == 0, "a rate of exactly 0", trials)
        yield Fault("rate", y == 1, "a rate of exactly 1", divide if percent else trials)
        yield from spread_faults("rate", y, self.concentration is None)
        yield from _unit_faults(observations)

    def estimates(self, observations: Observations) -> Floats:
        """Return the rates themselves, shape (T,)."""
        return observations.column("rate")

    def pooled(self, observations: Observations) -> float:
        """Return the mean rate."""
        return float(np.nanmean(observations.column("rate")))

    def tail(self, observations: Observations, theta: Floats, pool: bool) -> Floats:
        """Return two-sided tails; a mean of T rates is worth T (c + 1) - 1 in concentration."""
        y = observations.column("rate")
        c = self.hyper.prior.support[0]
        if pool:
            c = np.sum(~np.isnan(y)) * (c + 1) - 1
            y = np.nanmean(y, keepdims=True)
        a, b = np.maximum(theta * c, 1e-12), np.maximum((1 - theta) * c, 1e-12)
        return two_sided(special.betainc(a, b, y), special.betainc(b, a, 1 - y))

    def coordinate(self, series: Series, shared: Floats) -> Coordinate:
        """Return the coordinate of a Beta mean at this concentration."""
        return BetaMean(shared)

    def information(self, series: Series, shared: Floats) -> Floats:
        """Return the number of rows with data."""
        return series.sum(np.ones_like(series.copies))

    def log_density(self, rows: Columns, nodes: Nodes, shared: Floats | float) -> Floats:
        """Return log p(y | rate, concentration), by broadcasting."""
        a, b = nodes.theta * shared, nodes.companion * shared
        log_p: Floats = (a - 1) * np.log(rows["rate"]) + (b - 1) * np.log1p(-rows["rate"])
        return log_p - special.betaln(a, b)

    def terms(self, series: Series, nodes: Nodes, shared: Floats) -> list[Terms]:
        """Return log y and log(1 - y) times the shapes less 1, less the log of their norm."""
        y, concentration = series.columns["rate"], nodes.by_node(shared)
        a, b = nodes.theta * concentration, nodes.companion * concentration
        node = np.array([a - 1, b - 1, -special.betaln(a, b)])
        row = np.column_stack([np.log(y), np.log1p(-y), np.ones_like(y)])
        return each_terms(series, nodes, np.zeros_like(y), row, node)

    def pymc(
        self, columns: Mapping[str, Any], theta: Any, shared: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Return PyMC's Beta."""
        import pymc as pm

        return pm.Beta, {"mu": theta, "nu": shared}

    def draw(
        self, rows: Columns, theta: Floats, shared: Floats, rng: np.random.Generator
    ) -> Floats:
        """Return rates drawn at mean theta."""
        y = rng.beta(
            np.maximum(theta * shared, 1e-300), np.maximum((1 - theta) * shared, 1e-300)
        )
        return y + np.zeros_like(rows["rate"])

    def standardized(self, rows: Columns, theta: Floats, shared: Floats) -> Floats:
        """Return (y - mean) / sqrt(mean (1 - mean) / (1 + concentration))."""
        sd = np.sqrt(theta * (1 - theta) / (1 + shared))
        told: Floats = (rows["rate"] - theta) / sd
        return told


def _unit_faults(observations: Observations) -> Iterator[Fault]:
    """Where counts and trials stand beside the rates, these must be their ratio."""
    if observations.count is None or observations.trials is None:
        return
    with np.errstate(all="ignore"):
        factor = observations.column("rate") / (observations.count / observations.trials)
    factor = factor[np.isfinite(factor) & (factor > 0)]
    for times, told in ((100.0, "percentages"), (0.01, "fractions of a percent")):
        if len(factor) and abs(np.log(np.median(factor) / times)) < 0.1:
            rule = f"rates that are {times:g} times count / trials: {told} instead of fractions"
            yield Fault("rate", None, rule, "Use the counts and trials, or correct the unit.")
