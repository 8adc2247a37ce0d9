"""What the families of measurements with closed-form segments share."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from changepoint.likelihoods.base import Fault, SegmentLikelihood, spread_faults
from changepoint.likelihoods.segment_statistics import (
    LEVEL,
    NOISE_SD,
    Lines,
    coefficients,
    linear_statistics,
)
from changepoint.observations import Observations, in_rows
from changepoint.priors import InverseGamma, Normal

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FEW = 8  # values
LARGEST = 1e100  # value whose square can still be summed


class Scale(NamedTuple):
    """Mean and standard deviation of the values, and how many rows there are."""

    mean: float
    sd: float
    T: int

    @classmethod
    def of(cls, observations: Observations) -> Scale:
        """Return that of the observed values."""
        y = observations.column("value")
        y = y[~np.isnan(y)]
        return cls(float(y.mean()), float(y.std()), len(observations))

    @property
    def level(self) -> Normal:
        """The default prior of a level."""
        return Normal(self.mean, 2 * self.sd)

    @property
    def slope(self) -> Normal:
        """The default prior of a slope: twice the spread is crossed within half of all rows."""
        return Normal(0.0, 4 * self.sd / self.T)


@dataclass(frozen=True)
class LinearLikelihood(SegmentLikelihood):
    """y = level + slope x + noise of variance v by segment; conjugate priors.

    v is inverse gamma; level and slope are Normal given v, with sigmas in proportion to its
    root: those of their priors are meant at v's typical value, beta / alpha. With these the
    marginal likelihood of a segment is that of a multivariate Student-t.
    """

    response: ClassVar = "value"
    needs: ClassVar = ("value",)
    parameter: ClassVar = "level"
    domain: ClassVar = (-math.inf, math.inf)
    columns: ClassVar[int] = 1  # of the regression: a level, and a slope

    # -- for each family to state -------------------------------------------------------

    @property
    @abstractmethod
    def terms(self) -> tuple[Normal | None, Normal | None, InverseGamma]:
        """The priors of level, slope and variance; only once resolved."""

    def correlation(self, shared: Floats) -> Floats:
        """Return the correlation of neighbours, from the shared parameter."""
        return np.zeros_like(shared)

    # -- what follows from it -----------------------------------------------------------

    @property
    def shifted_domain(self) -> tuple[float, float]:
        """That of the values: effects are taken off them, whatever the parameter."""
        return -math.inf, math.inf

    @property
    def unshiftable(self) -> str | None:
        """Effects shift the level of rows as it stands."""
        return ""

    @property
    def remembers(self) -> bool:
        """Whether rows depend on the one before."""
        return bool(self.correlation(np.array(0.5)) != 0)

    def __post_init__(self) -> None:
        for field, kind, example in (
            ("level", Normal, "priors.Normal(900, 300)"),
            ("slope", Normal, "priors.Normal(0, 0.1)"),
            ("variance", InverseGamma, "priors.InverseGamma(3, 0.6)"),
        ):
            if not hasattr(self, field):
                continue
            self.check_prior(field, (-math.inf, math.inf), example)
            prior = getattr(self, field)
            if prior is not None and not isinstance(prior, kind):
                from changepoint.errors import ModelError

                raise ModelError(
                    f"{field} of {type(self).__name__} must be conjugate, such as {example}, "
                    f"not {prior}"
                )
        for name, support in self.supports.items():
            self.check_prior(name, support, "priors.Uniform(0, 0.9)")

    def with_strength(self, strength: float) -> Self | None:
        """Return the family with the prior of level or variance worth so many times as much."""
        field = "level" if self.columns else "variance"
        return replace(self, **{field: getattr(self, field).strengthened(strength)})

    def faults(self, observations: Observations) -> Iterator[Fault]:
        """Yield the rules of the support that rows break."""
        unfilled = any(getattr(self, f, 1) is None for f in ("level", "slope", "variance"))
        yield from value_faults(observations, unfilled)
        yield self._without_mean(observations)

    def _without_mean(self, observations: Observations) -> Fault:
        """Return the rule for missing rows: a segment of them has its prior, of 2 alpha df.

        For alpha <= 1/2 neither its level nor its noise_sd has a mean. One value is enough for
        both to have one.
        """
        prior: InverseGamma | None = getattr(self, "variance", None)
        heavy = prior is not None and prior.alpha <= 0.5
        return Fault(
            "value",
            np.isnan(observations.column("value")) & heavy,
            f"no value, where variance={prior} leaves a segment without values no mean",
            "Give variance an alpha above 0.5, or leave these rows out.",
        )

    def cautions(self, observations: Observations) -> Iterator[str]:
        """Warn of rounded values that stand still most of the time."""
        yield from value_cautions(observations)

    def estimates(self, observations: Observations) -> Floats:
        """Return the values themselves, shape (T,)."""
        return observations.column("value")

    def statistics(self, observations: Observations, shared: float) -> Lines:
        """Return sums of squares and products, measured from the mean."""
        level, slope, variance = self.terms
        return linear_statistics(
            observations.column("value"),
            rows_of(observations),
            self.columns,
            level,
            slope,
            variance,
            Scale.of(observations).mean if level else shared,
            float(self.correlation(np.array(shared))),
            LEVEL if self.parameter == "level" else NOISE_SD,
        )

    def segment_draws(
        self,
        observations: Observations,
        shared: float,
        first: Integers,
        end: Integers,
        rng: np.random.Generator,
    ) -> dict[str, Floats]:
        """Return level (at the segment's first row), slope and noise_sd, each (S,)."""
        st = self.statistics(observations, shared)
        c = coefficients(st, first, end)
        variance = c.scale / rng.gamma(c.shape)
        told = {"noise_sd": np.sqrt(variance)}
        if not self.columns:
            return told
        # The level given the slope, and the slope alone: both Normal given the variance.
        alone = np.sqrt(variance / (c.p11 - c.p01**2 / c.p00))
        slope = rng.normal(c.slope, alone) if self.columns == 2 else np.zeros_like(c.slope)
        level = c.level - c.p01 / c.p00 * (slope - c.slope)
        level = rng.normal(level, np.sqrt(variance / c.p00)) + st.origin
        if self.columns == 2:
            told = {"slope": slope, **told}
        return {"level": level + slope * (st.x[first] - c.middle), **told}

    def segment_prior(
        self, observations: Observations, shape: tuple[int, ...], rng: np.random.Generator
    ) -> dict[str, Floats]:
        """Return parameters of segments drawn from their priors."""
        level, slope, variance = self.terms
        v = variance.beta / rng.gamma(variance.alpha, size=shape)
        told = {"noise_sd": np.sqrt(v)}
        wide = np.sqrt(v * variance.alpha / variance.beta)
        if level:
            told["level"] = rng.normal(level.mu, level.sigma * wide)
        if slope:
            told["slope"] = rng.normal(slope.mu, slope.sigma * wide)
        return told

    def pointwise(
        self, observations: Observations, paths: Mapping[str, Floats], shared: Floats
    ) -> Floats:
        """Return log p(y_t) of the observed rows given those before, (n, D)."""
        y = observations.column("value")[observations.observed("value"), None]
        z = self.residuals(observations, paths, shared, y)
        sd = self._rows(observations, paths, shared)[1]
        log_p: Floats = -0.5 * z**2 - np.log(sd) - 0.5 * math.log(2 * math.pi)
        return log_p

    def residuals(
        self, observations: Observations, paths: Mapping[str, Floats], shared: Floats, y: Floats
    ) -> Floats:
        """Return (y - mean) / sd of the observed rows given those before, (n, D)."""
        level, sd, kept, _ = self._rows(observations, paths, shared)
        residual = y - level
        residual[1:] = residual[1:] - kept * residual[:-1]
        told: Floats = residual / sd
        return told

    def predict(
        self,
        observations: Observations,
        paths: Mapping[str, Floats],
        shared: Floats,
        rng: np.random.Generator,
    ) -> Floats:
        """Return new data for the observed rows, (n, D)."""
        level, sd, kept, _ = self._rows(observations, paths, shared)
        residual = rng.normal(0.0, sd)
        for row in range(1, len(residual)):
            residual[row] += kept[row - 1] * residual[row - 1]
        return level + residual

    def _rows(
        self, observations: Observations, paths: Mapping[str, Floats], shared: Floats
    ) -> tuple[Floats, Floats, Floats, Integers]:
        """Return level, sd and what is kept of the row before, by observed row; those rows."""
        rows = np.flatnonzero(observations.observed("value"))
        sd = paths["noise_sd"][rows]
        level = paths["level"][rows] if "level" in paths else np.broadcast_to(shared, sd.shape)
        kept = self.correlation(shared) ** np.diff(rows)[:, None]
        kept = np.where(paths["first"][rows[1:]] <= rows[:-1, None], kept, 0.0)
        sd = np.concatenate([sd[:1], sd[1:] * np.sqrt(1 - kept**2)])
        return level, sd, kept, rows


def rows_of(observations: Observations) -> Floats:
    """Return time in mean distances of rows, measured from the middle, shape (T,)."""
    time = observations.time
    return in_rows(np.arange(len(observations)) if time is None else time)


def value_faults(observations: Observations, defaults: bool) -> Iterator[Fault]:
    """Rules for measurements: finite, and not all the same."""
    y = observations.column("value")
    yield Fault("value", np.isinf(y), "an infinite value", "Correct it, or leave it empty.")
    far = np.isfinite(y) & (np.abs(y) > LARGEST)
    yield Fault("value", far, f"a value beyond {LARGEST:.0e}", "Use another unit.")
    yield from spread_faults("value", y, defaults)


def value_cautions(observations: Observations) -> Iterator[str]:
    """Warn of rounded values that stand still most of the time, and of very few values."""
    y = observations.column("value")
    y = y[~np.isnan(y)]
    if len(y) < FEW:
        yield f"{len(y)} values tell little: the answer hangs on the priors"
    still = float(np.sum(np.diff(y) == 0)) / max(len(y) - 1, 1)
    if still > 0.5:
        yield (
            f"{still:.0%} of the values repeat the one before: they look rounded or "
            "carried forward, not independent, so the posterior is too sure of itself"
        )
