"""Counts with spikes: now and then a row that isn't of its segment's rate."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.likelihoods.beta_binomial import BetaBinomial
from changepoint.likelihoods.binomial import Binomial
from changepoint.likelihoods.counts import log_negative_binomial
from changepoint.likelihoods.grid import Columns, GridLikelihood
from changepoint.likelihoods.negative_binomial import NegativeBinomial
from changepoint.likelihoods.poisson import Poisson
from changepoint.likelihoods.segment_statistics import Statistics
from changepoint.likelihoods.series import Nodes, Series
from changepoint.observations import Observations

Floats = NDArray[np.float64]

WEIGHT = 0.03  # P(a row is a spike): a day a month; less takes two such neighbours for changes
EVENTS = 2.0  # what a spike's own rate is worth a priori, as the default prior of a segment's


class Spiked(GridLikelihood):
    """p(y | rate) = (1 - e) p_family(y | rate) + e p_spike(y), e = 0.03: for each row.

    With probability e a row is a spike: its rate is its own, drawn from a prior worth two
    events around the pooled rate, and says nothing of its segment's. Where that is summed out,
    p_spike is the same at all rates: Beta-Binomial with trials, negative binomial without. So a
    row far off is a spike, at the price of log(e), where it stands alone, and a segment of its
    own only where its neighbours are like it.

    To be mixed into a family of counts, before it.
    """

    heavy_tails: ClassVar = True

    @abstractmethod
    def log_spike(self, rows: Columns) -> Floats:
        """Return log p_spike(y) of rows, as the rows."""

    @abstractmethod
    def draw_spikes(self, rows: Columns, shape: tuple[int, ...], rng: Any) -> Floats:
        """Return data of rows that are spikes."""

    @abstractmethod
    def pymc_spike(self, columns: Mapping[str, Any]) -> Any:
        """Return the distribution of spikes for PyMC, without a name."""

    @abstractmethod
    def moments(self, rows: Columns, theta: Floats, shared: Floats) -> tuple[Floats, ...]:
        """Return mean and variance of the family's own rows, then those of spikes."""

    # -- what follows from it -----------------------------------------------------------

    def log_density(self, rows: Columns, nodes: Nodes, shared: Floats | float) -> Floats:
        """Return the log density of the mixture, by broadcasting; NaN without data."""
        own = super().log_density(rows, nodes, shared)  # type: ignore[safe-super]
        mixed: Floats = np.logaddexp(
            own + math.log1p(-WEIGHT), self.log_spike(rows) + math.log(WEIGHT)
        )
        return mixed

    def terms(self, series: Series, nodes: Nodes, shared: Floats) -> Any:
        """Return None: a mixture is no sum of terms, as that of the families themselves."""
        return None

    def statistics(self, observations: Observations, shared: float) -> Statistics | None:
        """Return None: a mixture has no closed form."""
        return None

    def conjugate(self, observations: Observations, shared: float) -> None:
        """Return None, likewise."""

    @property
    def unshiftable(self) -> str | None:
        """Effects can't shift the rows: a spike would have to be shifted, too."""
        return None

    def draw(
        self, rows: Columns, theta: Floats, shared: Floats, rng: np.random.Generator
    ) -> Floats:
        """Return data drawn at rate theta, some of them spikes."""
        own = super().draw(rows, theta, shared, rng)  # type: ignore[safe-super]
        spikes = self.draw_spikes(rows, own.shape, rng)
        mixed: Floats = np.where(rng.random(own.shape) < WEIGHT, spikes, own)
        return mixed

    def standardized(self, rows: Columns, theta: Floats, shared: Floats) -> Floats:
        """Return (y - mean) / sd of the mixture."""
        mean, variance, far, wide = self.moments(rows, theta, shared)
        middle = (1 - WEIGHT) * mean + WEIGHT * far
        whole = (
            (1 - WEIGHT) * variance + WEIGHT * wide + WEIGHT * (1 - WEIGHT) * (far - mean) ** 2
        )
        told: Floats = (rows["count"] - middle) / np.sqrt(whole)
        return told

    def pymc(
        self, columns: Mapping[str, Any], theta: Any, shared: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Return PyMC's Mixture of the family and of spikes."""
        import pymc as pm

        own, parameters = super().pymc(columns, theta, shared)  # type: ignore[safe-super]
        parts = [own.dist(**parameters), self.pymc_spike(columns)]
        return pm.Mixture, {"w": [1 - WEIGHT, WEIGHT], "comp_dists": parts}

    def chance_of_spikes(
        self, observations: Observations, paths: Mapping[str, Floats], shared: Floats
    ) -> Floats:
        """Return P(row t is a spike | y_t, rate) of the observed rows under D draws, (n, D)."""
        log_spike = self.log_spike(self.beside_draws(observations)) + math.log(WEIGHT)
        return np.exp(log_spike - self.pointwise(observations, paths, shared))


class _OfTrials(Spiked):
    """Spikes of counts with trials: k ~ BetaBinomial(n, a, b), the default prior summed out."""

    def log_spike(self, rows: Columns) -> Floats:
        """Return log C(n, k) B(a + k, b + n - k) / B(a, b)."""
        k, n = rows["count"], rows["trials"]
        a, b = _beta(rows["pooled"])
        log_choose = -np.log1p(n) - special.betaln(k + 1, n - k + 1)
        told: Floats = log_choose + special.betaln(a + k, b + n - k) - special.betaln(a, b)
        return told

    def draw_spikes(self, rows: Columns, shape: tuple[int, ...], rng: Any) -> Floats:
        """Return counts, each of a rate of its own."""
        rate = rng.beta(*_beta(rows["pooled"]), shape)
        drawn: Floats = rng.binomial(rows["trials"].astype(np.int64), rate).astype(float)
        return drawn

    def moments(self, rows: Columns, theta: Floats, shared: Floats) -> tuple[Floats, ...]:
        """Return n rate, n rate (1 - rate) (1 + (n - 1) dispersion), and both of spikes."""
        n, pooled = rows["trials"], rows["pooled"]
        dispersion = shared if self.hyper is not None else 0.0
        of_spikes = 1 / (sum(_beta(pooled)) + 1)

        def variance(rate: Floats, excess: Floats | float) -> Floats:
            told: Floats = n * rate * (1 - rate) * (1 + (n - 1) * excess)
            return told

        return n * theta, variance(theta, dispersion), n * pooled, variance(pooled, of_spikes)

    def pymc_spike(self, columns: Mapping[str, Any]) -> Any:
        """Return a BetaBinomial."""
        import pymc as pm
        import pytensor.tensor as pt

        n = columns["trials"]
        pooled = (pt.sum(columns["count"]) + 0.5) / (pt.sum(n) + 1.0)
        q = pt.minimum(pooled, 1 - pooled)
        alpha, beta = EVENTS * pooled / q, EVENTS * (1 - pooled) / q
        return pm.BetaBinomial.dist(n=n, alpha=alpha, beta=beta)


class _OfExposure(Spiked):
    """Spikes of counts: k ~ Poisson(exposure rate), rate ~ Gamma(2, 2 / pooled) summed out."""

    def log_spike(self, rows: Columns) -> Floats:
        """Return that of a negative binomial of size 2 around the pooled rate."""
        mean = rows["exposure"] * rows["pooled"]
        none = (rows["count"] == 0) & (rows["exposure"] == 0)
        told = log_negative_binomial(rows["count"], np.where(none, 1.0, mean), EVENTS)
        return np.where(none, 0.0, told)

    def draw_spikes(self, rows: Columns, shape: tuple[int, ...], rng: Any) -> Floats:
        """Return counts, each of a rate of its own."""
        rate = rng.gamma(EVENTS, rows["pooled"] / EVENTS, shape)
        return np.asarray(rng.poisson(np.minimum(rate * rows["exposure"], 1e18)), float)

    def moments(self, rows: Columns, theta: Floats, shared: Floats) -> tuple[Floats, ...]:
        """Return m = exposure rate, m (1 + dispersion m), and both of spikes."""
        mean, far = rows["exposure"] * theta, rows["exposure"] * rows["pooled"]
        dispersion = shared if self.hyper is not None else 0.0
        return mean, mean * (1 + dispersion * mean), far, far * (1 + far / EVENTS)

    def pymc_spike(self, columns: Mapping[str, Any]) -> Any:
        """Return a negative binomial of size 2."""
        import pytensor.tensor as pt

        from changepoint.sampling.distributions.negative_binomial import (
            NegativeBinomial as Wide,
        )

        k = columns["count"]
        exposure = columns.get("exposure", pt.ones_like(k, dtype="float64"))
        pooled = (pt.sum(k) + 0.5) / pt.sum(exposure)
        return Wide.dist(exposure * pooled, 1 / EVENTS)


def _beta(pooled: Floats) -> tuple[Floats, Floats]:
    """Return a, b of the default prior of a rate, around the pooled one."""
    q = np.minimum(pooled, 1 - pooled)
    return EVENTS * pooled / q, EVENTS * (1 - pooled) / q


@dataclass(frozen=True)
class SpikedBinomial(_OfTrials, Binomial):
    """Binomial, but for spikes."""

    name: ClassVar = "spiked-binomial"


@dataclass(frozen=True)
class SpikedBetaBinomial(_OfTrials, BetaBinomial):
    """Beta-binomial, but for spikes."""

    name: ClassVar = "spiked-beta-binomial"


@dataclass(frozen=True)
class SpikedPoisson(_OfExposure, Poisson):
    """Poisson, but for spikes."""

    name: ClassVar = "spiked-poisson"


@dataclass(frozen=True)
class SpikedNegativeBinomial(_OfExposure, NegativeBinomial):
    """Negative binomial, but for spikes."""

    name: ClassVar = "spiked-negative-binomial"
