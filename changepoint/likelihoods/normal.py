"""Measurements around a level: the Normal family with a shared noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.errors import EngineError
from changepoint.likelihoods.base import Fault, spread_faults
from changepoint.likelihoods.coordinates import Coordinate, Level
from changepoint.likelihoods.counts import two_sided
from changepoint.likelihoods.grid import Columns, GridLikelihood, segment_sums
from changepoint.likelihoods.hyperparameter import Hyperparameter
from changepoint.likelihoods.segment_statistics import Statistics, linear_statistics
from changepoint.likelihoods.series import Nodes, Series
from changepoint.observations import Observations
from changepoint.priors import LogNormal, Prior
from changepoint.priors import Normal as NormalPrior

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LARGEST = 1e100  # value whose square can still be summed
SMALLEST = 1e-9  # noise, over the largest distance from the mean, that closed forms resolve


@dataclass(frozen=True)
class Normal(GridLikelihood):
    """p(y) = exp(-(y - level)^2 / (2 s^2)) / (s sqrt(2 pi)), y any real number.

    Each segment has a level; the noise's standard deviation s is shared by all. Single values
    far out are taken for changes: prefer StudentT where there are such outliers.

    Parameters
    ----------
    level
        Prior of each segment's level. Default: Normal(mean, twice the standard deviation).
    noise_sd
        Prior of s, above 0. Default: LogNormal around the root mean square of first
        differences over sqrt 2, sigma 1. It has no mass at 0, so that rounded values that
        repeat can't look infinitely precise.

    Raises
    ------
    ModelError
        If a prior's support doesn't fit.

    Examples
    --------
    >>> from changepoint import Observations
    >>> print(Normal().resolve(Observations(value=[1.0, 3.0, 2.0, 4.0])).level)
    Normal(mu=2.5, sigma=2.23607)
    """

    level: Prior | None = None
    noise_sd: Prior | None = None

    name: ClassVar = "normal"
    response: ClassVar = "value"
    needs: ClassVar = ("value",)
    parameter: ClassVar = "level"
    domain: ClassVar = (-math.inf, math.inf)
    supports: ClassVar = {"noise_sd": (0.0, math.inf)}

    @property
    def hyper(self) -> Hyperparameter:
        """The standard deviation of the noise."""
        return Hyperparameter("noise_sd", "noise_sd", self.noise_sd, (0.0, math.inf))

    def resolve(self, observations: Observations) -> Self:
        """Return the family with every prior filled."""
        y = observations.column("value")
        y = y[~np.isnan(y)]
        level, noise_sd = self.level, self.noise_sd
        if level is None:
            level = NormalPrior(float(y.mean()), 2 * float(y.std()))
        if noise_sd is None:
            noise = math.sqrt(float(np.mean(np.diff(y) ** 2)) / 2)
            noise_sd = LogNormal(math.log(noise), 1.0)
        return replace(self, level=level, noise_sd=noise_sd)

    def faults(self, observations: Observations) -> Iterator[Fault]:
        """Yield the rules of the support that rows break."""
        y = observations.column("value")
        yield Fault("value", np.isinf(y), "an infinite value", "Correct it, or leave it empty.")
        far = np.isfinite(y) & (np.abs(y) > LARGEST)
        yield Fault("value", far, f"a value beyond {LARGEST:.0e}", "Use another unit.")
        yield from spread_faults("value", y, self.level is None or self.noise_sd is None)

    def cautions(self, observations: Observations) -> Iterator[str]:
        """Warn of rounded values that stand still most of the time."""
        y = observations.column("value")
        y = y[~np.isnan(y)]
        still = float(np.sum(np.diff(y) == 0)) / max(len(y) - 1, 1)
        if still > 0.5:
            yield (
                f"{still:.0%} of the values repeat the one before: they look rounded or "
                "carried forward, not independent, so the posterior is too sure of itself"
            )

    def estimates(self, observations: Observations) -> Floats:
        """Return the values themselves, shape (T,)."""
        return observations.column("value")

    def pooled(self, observations: Observations) -> float:
        """Return the mean."""
        return float(np.nanmean(observations.column("value")))

    def tail(self, observations: Observations, theta: Floats, pool: bool) -> Floats:
        """Return two-sided tails at the largest noise that the prior allows."""
        y, sd = observations.column("value"), self.hyper.prior.support[1]
        if pool:
            sd = sd / math.sqrt(np.sum(~np.isnan(y)))
            y = np.nanmean(y, keepdims=True)
        z = (y - theta) / sd
        return two_sided(special.ndtr(z), special.ndtr(-z))

    def coordinate(self, series: Series, shared: Floats) -> Coordinate:
        """Return the level, measured from the mean."""
        return Level(series.pooled)

    def information(self, series: Series, shared: Floats) -> Floats:
        """Return T / s^2."""
        rows: Floats = series.sum(np.ones_like(series.copies))
        told: Floats = rows / np.maximum(shared, 1e-150) ** 2
        return told

    def log_density(self, rows: Columns, nodes: Nodes, shared: Floats | float) -> Floats:
        """Return log p(y | level, s), by broadcasting."""
        z = ((rows["value"] - rows["pooled"]) - nodes.companion) / shared
        log_p: Floats = -0.5 * z**2 - np.log(shared) - 0.5 * math.log(2 * math.pi)
        return log_p

    def conjugate(
        self, observations: Observations, shared: float
    ) -> Callable[[Integers, Integers, np.random.Generator], Floats] | None:
        """Return Normal draws of the level given the noise, under a Normal prior."""
        prior = self.prior
        if not isinstance(prior, NormalPrior):
            return None
        center = self.pooled(observations)
        shifted = observations.column("value") - center
        rows = (~np.isnan(shifted)).astype(float)

        def draw(first: Integers, end: Integers, rng: np.random.Generator) -> Floats:
            precision = segment_sums(rows, first, end) / shared**2 + prior.sigma**-2
            pull = segment_sums(shifted, first, end) / shared**2
            pull += (prior.mu - center) * prior.sigma**-2
            return center + rng.normal(pull / precision, 1 / np.sqrt(precision))

        return draw

    def statistics(self, observations: Observations, shared: float) -> Statistics | None:
        """Return sums of squares, measured from the mean, under a Normal prior; else None.

        Raises EngineError where the noise is too small to be told from rounding.
        """
        if not isinstance(self.prior, NormalPrior):
            return None
        y, center = observations.column("value"), self.pooled(observations)
        if shared < SMALLEST * np.nanmax(np.abs(y - center)):
            raise EngineError(f"a noise_sd of {shared:.2g} is lost in the rounding of sums")
        return linear_statistics(y, np.zeros(len(y)), 1, self.prior, None, shared**2, center)

    def pymc(
        self, columns: Mapping[str, Any], theta: Any, shared: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Return PyMC's Normal."""
        import pymc as pm

        return pm.Normal, {"mu": theta, "sigma": shared}

    def draw(
        self, rows: Columns, theta: Floats, shared: Floats, rng: np.random.Generator
    ) -> Floats:
        """Return values drawn around level theta."""
        return rng.normal(theta + np.zeros_like(rows["value"]), shared)

    def standardized(self, rows: Columns, theta: Floats, shared: Floats) -> Floats:
        """Return (y - level) / s."""
        told: Floats = (rows["value"] - theta) / shared
        return told
