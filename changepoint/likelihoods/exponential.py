"""Waiting times: the Exponential family."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.likelihoods.base import Fault, spread_faults
from changepoint.likelihoods.coordinates import Coordinate, Log
from changepoint.likelihoods.counts import two_sided
from changepoint.likelihoods.grid import Columns, GridLikelihood, segment_sums
from changepoint.likelihoods.series import Nodes, Series, Terms, each_terms
from changepoint.observations import Observations
from changepoint.priors import Gamma, Prior

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SMALLEST, LARGEST = 1e-100, 1e100  # waiting time whose inverse can still be summed
FEW = 4  # rows: with fewer, a segment's posterior is narrower somewhere than its sd says


LIKE = (0.75, 1.8)  # sd / mean: 1 of waiting times, more where their rate changes
SMALL = 0.04  # of waiting times are below a tenth of their mean: 0.095 of them


def looks_exponential(y: Floats) -> bool:
    """Whether positive values are spread as waiting times are."""
    y = y[np.isfinite(y)]
    if len(y) < 20 or y.min() <= 0:
        return False
    mean = float(y.mean())
    spread, small = float(y.std()) / mean, float(np.mean(y < 0.1 * mean))
    return LIKE[0] < spread < LIKE[1] and small > SMALL


@dataclass(frozen=True)
class Exponential(GridLikelihood):
    """p(y) = rate exp(-rate y), y >= 0: the time to the next event of a Poisson process.

    A row per event, in their order; the mean waiting time is 1 / rate. Where events are
    counted in given times instead, use NegativeBinomial or Poisson with exposure. Values with
    a typical size, whose standard deviation is far below their mean, aren't waiting times in
    this sense: use Normal, perhaps of their logarithms.

    Parameters
    ----------
    rate
        Prior of each segment's rate, above 0, in events per unit of the values: Gamma,
        LogNormal, HalfNormal, Exponential or Uniform. Default: Gamma(2, 2 * mean waiting
        time), worth about two events.

    Raises
    ------
    ModelError
        If the prior's support isn't above 0.

    Examples
    --------
    >>> from changepoint import Observations
    >>> data = Observations(value=[12.0, 3.0, 5.0, 4.0])  # days between accidents
    >>> print(Exponential().resolve(data))
    Exponential(rate=Gamma(alpha=2, beta=12))
    """

    rate: Prior | None = None

    name: ClassVar = "exponential"
    response: ClassVar = "value"
    needs: ClassVar = ("value",)
    parameter: ClassVar = "rate"
    domain: ClassVar = (0.0, np.inf)

    def resolve(self, observations: Observations) -> Self:
        """Return the family with every prior filled."""
        return replace(self, rate=self.rate or Gamma(2, 2 / self.pooled(observations)))

    def faults(self, observations: Observations) -> Iterator[Fault]:
        """Yield the rules of the support that rows break."""
        y = observations.column("value")
        correct = "Correct it, or leave it empty."
        yield Fault("value", np.isinf(y), "an infinite waiting time", correct)
        times = (
            "Give the times between events, not the times of the events or their logarithms."
        )
        yield Fault("value", y < 0, "a negative waiting time", times)
        far = (y > 0) & (y < SMALLEST) | (y > LARGEST) & np.isfinite(y)
        yield Fault(
            "value", far, f"outside {SMALLEST:.0e} to {LARGEST:.0e}", "Use another unit."
        )
        if np.any(y == 0) and np.nanmax(y) == 0:
            yield Fault("value", None, "all waiting times are 0", "Check the column.")
        else:
            yield from spread_faults("value", y, defaults=False)

    def cautions(self, observations: Observations) -> Iterator[str]:
        """Warn of values that are far more regular than waiting times."""
        y = observations.column("value")
        y = y[~np.isnan(y)]
        ratio = float(y.std() / y.mean())
        if len(y) >= 20 and ratio < 0.5:
            yield (
                f"the values' standard deviation is {ratio:.2g} of their mean, that of waiting "
                "times 1 or more: changes are missed that 'normal' would see"
            )

    def estimates(self, observations: Observations) -> Floats:
        """Return 1 / value, NaN where that isn't finite, shape (T,)."""
        y = observations.column("value")
        return 1 / np.where(y > 0, y, np.nan)

    def worth(self, observations: Observations) -> Floats:
        """Return the waiting times, of which 1 / estimate is the mean."""
        return observations.column("value")

    def pooled(self, observations: Observations) -> float:
        """Return 1 / mean waiting time."""
        return 1 / float(np.nanmean(observations.column("value")))

    def tail(self, observations: Observations, theta: Floats, pool: bool) -> Floats:
        """Return two-sided tails; the sum of n waiting times is Gamma distributed."""
        y, n = observations.column("value"), 1.0
        if pool:
            n, y = float(np.sum(~np.isnan(y))), np.nansum(y, keepdims=True)
        return two_sided(special.gammainc(n, theta * y), special.gammaincc(n, theta * y))

    def coordinate(self, series: Series, shared: Floats) -> Coordinate:
        """Return the logarithm."""
        return Log()

    def information(self, series: Series, shared: Floats) -> Floats:
        """Return the number of rows with data."""
        return np.maximum(series.sum(np.ones_like(series.copies)), FEW)

    def log_density(self, rows: Columns, nodes: Nodes, shared: Floats | float) -> Floats:
        """Return log p(y | rate), by broadcasting."""
        log_p: Floats = np.log(nodes.theta) - nodes.theta * rows["value"]
        return log_p

    def terms(self, series: Series, nodes: Nodes, shared: Floats) -> list[Terms]:
        """Return log rate and value times minus the rate."""
        y = series.columns["value"]
        node = np.array([np.log(nodes.theta), -nodes.theta])
        row = np.column_stack([np.ones_like(y), y])
        return each_terms(series, nodes, np.zeros_like(y), row, node)

    def conjugate(
        self, observations: Observations, shared: float
    ) -> Callable[[Integers, Integers, np.random.Generator], Floats] | None:
        """Return draws from Gamma(alpha + rows, beta + sum) under a Gamma prior."""
        prior = self.prior
        if not isinstance(prior, Gamma):
            return None
        y = observations.column("value")
        rows = (~np.isnan(y)).astype(float)

        def draw(first: Integers, end: Integers, rng: np.random.Generator) -> Floats:
            a = prior.alpha + segment_sums(rows, first, end)
            return rng.gamma(a, 1 / (prior.beta + segment_sums(y, first, end)))

        return draw

    def pymc(
        self, columns: Mapping[str, Any], theta: Any, shared: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Return PyMC's Exponential."""
        import pymc as pm

        return pm.Exponential, {"lam": theta}

    def draw(
        self, rows: Columns, theta: Floats, shared: Floats, rng: np.random.Generator
    ) -> Floats:
        """Return waiting times drawn at rate theta."""
        return rng.exponential(1 / theta + np.zeros_like(rows["value"]))

    def standardized(self, rows: Columns, theta: Floats, shared: Floats) -> Floats:
        """Return rate y - 1: mean and sd are both 1 / rate."""
        told: Floats = theta * rows["value"] - 1
        return told
