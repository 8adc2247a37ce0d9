"""Measurements with outliers around a level: the Student-t family with a shared scale."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.errors import EngineError, ModelError
from changepoint.likelihoods.autoregressive import LONGEST
from changepoint.likelihoods.base import Fault, SegmentLikelihood
from changepoint.likelihoods.coordinates import Coordinate, Level
from changepoint.likelihoods.counts import log_rising_ratio, two_sided
from changepoint.likelihoods.grid import Columns, GridLikelihood
from changepoint.likelihoods.hyperparameter import Hyperparameter
from changepoint.likelihoods.normal import Normal
from changepoint.likelihoods.series import Nodes, Series
from changepoint.observations import Observations
from changepoint.priors import LogNormal, Prior
from changepoint.priors import Normal as NormalPrior

Floats = NDArray[np.float64]

NUS = (1.5, 3.0, 6.0, 12.0, 25.0)  # from nearly Cauchy to nearly Normal, each twice the other
PHIS = (0.0, 0.5, 0.8, LONGEST)  # of little, some and much memory
WINDOW = 5  # rows: a median of them forgets one or two outliers, and keeps a step
FEW = 8  # rows times nu + 1: with fewer, steps are bounded by nu, not by the rows


@dataclass(frozen=True)
class StudentT(GridLikelihood):
    """p(y) proportional to (1 + z^2 / nu)^(-(nu + 1) / 2) / s, z = (y - level) / s, y real.

    With phi above 0 rows remember: z = (y_t - level - phi (y_(t-1) - level)) / s, where y_(t-1)
    is the value observed before, of whichever segment; after g - 1 missing rows phi^g is kept,
    and s grows by the root of 1 + phi^2 + ... + phi^(2g-2). A step of the level then looks like
    an outlier, after which values go to the new level bit by bit.

    Each segment has a level; the scale s and the degrees of freedom nu are shared by all.
    Single values far out hardly move a level, and aren't taken for changes, as the Normal
    would take them: the smaller nu, the less. For nu -> infinity it is the Normal.

    Parameters
    ----------
    level
        Prior of each segment's level. Default: Normal, around the median, with twice the
        root mean square distance of running medians of five rows from it.
    scale
        Prior of s, above 0. Default: LogNormal around the median absolute first difference
        over 0.6745 sqrt 2, which is the standard deviation of Normal noise, sigma 1.
    nu
        Degrees of freedom, from 1 (Cauchy) up. Default: averaged over 1.5, 3, 6, 12 and 25,
        all equally likely before the data are seen.
    phi
        How much of the distance from the level each row keeps from the one before, in [0, 1).
        Default 0; None averages over 0, 0.5, 0.8 and 0.9.

    Raises
    ------
    ModelError
        If a prior's support doesn't fit, nu isn't a number of at least 1, or
        phi not one from 0 to below 1.

    References
    ----------
    K. L. Lange, R. J. A. Little and J. M. G. Taylor (1989), JASA 84, 881: the t distribution
    as a robust model of noise.

    Examples
    --------
    >>> from changepoint import Observations
    >>> data = Observations(value=[1.0, 1.4, 0.8, 900.0, 1.2, 3.1, 2.9, 3.3, 3.0])
    >>> print(StudentT(nu=3).resolve(data))
    StudentT(level=Normal(mu=2.9, sigma=2.03765), scale=LogNormal(mu=-0.645937, sigma=1), nu=3)
    """

    level: Prior | None = None
    scale: Prior | None = None
    nu: float | None = None
    phi: float | None = 0.0

    name: ClassVar = "student-t"
    response: ClassVar = "value"
    needs: ClassVar = ("value",)
    parameter: ClassVar = "level"
    domain: ClassVar = (-math.inf, math.inf)
    supports: ClassVar = {"scale": (0.0, math.inf)}
    heavy_tails: ClassVar = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low, high in (("nu", 1.0, math.inf), ("phi", 0.0, 1.0)):
            number = getattr(self, name)
            if number is None:
                continue
            numbers = int | float | np.integer | np.floating
            if isinstance(number, bool) or not isinstance(number, numbers):
                raise ModelError(f"{name} of StudentT must be a number, not {number!r}")
            if not low <= number < high:
                raise ModelError(
                    f"{name} of StudentT must be at least {low:g}, and below {high:g}, not "
                    f"{number}"
                )
            object.__setattr__(self, name, float(number))

    def candidates(self, observations: Observations) -> tuple[SegmentLikelihood, ...]:
        """Return the family with each of NUS and PHIS, or with the one that is given."""
        nus = NUS if self.nu is None else (self.nu,)
        phis = PHIS if self.phi is None else (self.phi,)
        return tuple(replace(self, nu=nu, phi=phi) for phi in phis for nu in nus)

    @property
    def hyper(self) -> Hyperparameter:
        """The scale of the noise."""
        return Hyperparameter("scale", "scale", self.scale, (0.0, math.inf))

    @property
    def unshiftable(self) -> str | None:
        """What to give so that effects may shift the level: of an average, or with memory."""
        return "give it a nu, and no phi" if self.nu is None or self.phi != 0 else ""

    def resolve(self, observations: Observations) -> Self:
        """Return the family with every prior filled; nu stays as it is."""
        y = observations.column("value")
        y = y[~np.isnan(y)]
        level, scale = self.level, self.scale
        if level is not None and scale is not None:
            return self
        # Outliers, and the steps between levels, enter neither of the two.
        center = float(np.median(y))
        around = math.sqrt(float(np.mean((_running_medians(y) - center) ** 2)))
        steps = np.abs(np.diff(y))
        step = float(np.median(steps)) or float(np.median(steps[steps > 0]))
        noise = max(step / (0.6745 * math.sqrt(2)), 1e-5 * around)
        return replace(
            self,
            level=level or NormalPrior(center, 2 * max(around, noise)),
            scale=scale or LogNormal(math.log(noise), 1.0),
        )

    def faults(self, observations: Observations) -> Iterator[Fault]:
        """Yield the rules of the support that rows break."""
        yield from Normal(self.level, self.scale).faults(observations)

    def cautions(self, observations: Observations) -> Iterator[str]:
        """Warn of rounded values that stand still most of the time."""
        yield from Normal().cautions(observations)

    def estimates(self, observations: Observations) -> Floats:
        """Return the values themselves, shape (T,)."""
        return observations.column("value")

    def pooled(self, observations: Observations) -> float:
        """Return the median."""
        return float(np.nanmedian(observations.column("value")))

    def tail(self, observations: Observations, theta: Floats, pool: bool) -> Floats:
        """Return two-sided tails at the largest scale that the prior allows.

        A median of n rows has about the tails of one row of the scale 1.6 s / sqrt n, or
        lighter ones.
        """
        y, scale = observations.column("value"), self.hyper.prior.support[1]
        if pool:
            n = float(np.sum(~np.isnan(y)))
            y, scale = np.nanmedian(y, keepdims=True), scale * max(1.6 / math.sqrt(n), 1 / n)
        z, nu = (y - theta) / scale, self.nu or NUS[0]
        return two_sided(special.stdtr(nu, z), special.stdtr(nu, -z))

    def coordinate(self, series: Series, shared: Floats) -> Coordinate:
        """Return the level, measured from the median."""
        return Level(series.pooled)

    def information(self, series: Series, shared: Floats) -> Floats:
        """Return T (nu + 1) / (nu s^2): of T rows with the same value, the most there is.

        With memory a row counts for (1 - phi)^2.
        """
        kept = series.columns.get("kept", np.zeros_like(series.copies))
        rows = series.sum(((1 - kept) / self.growth(kept)) ** 2)
        nu = self._nu
        most: Floats = np.maximum(rows * (nu + 1), FEW) / nu / np.maximum(shared, 1e-150) ** 2
        return most

    @property
    def _nu(self) -> float:
        if self.nu is None:
            raise ModelError(
                "StudentT without nu stands for several values of nu; give one here, such as "
                "StudentT(nu=4)"
            )
        return self.nu

    @property
    def alike(self) -> tuple[Any, ...]:
        """Further nu and phi."""
        return (*super().alike, self.nu, self.phi)

    def log_density(self, rows: Columns, nodes: Nodes, shared: Floats | float) -> Floats:
        """Return log p(y | level, s), by broadcasting."""
        nu = self._nu
        z = (rows["value"] - rows["pooled"]) - nodes.companion
        scale = np.asarray(shared)
        if self.phi:
            z = z - rows["kept"] * ((rows["before"] - rows["pooled"]) - nodes.companion)
            scale = scale * self.growth(rows["kept"])
        z = z / scale
        constant = float(log_rising_ratio(np.array(nu / 2), np.array(0.5)))
        log_p: Floats = -(nu + 1) / 2 * np.log1p(z**2 / nu) - np.log(scale)
        return log_p + (constant - 0.5 * math.log(2 * math.pi))

    def pymc(
        self, columns: Mapping[str, Any], theta: Any, shared: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Return PyMC's StudentT; rows that remember have none."""
        if self.phi:
            raise EngineError(
                "there is no PyMC model of StudentT with phi above 0: use Exact()"
            )
        import pymc as pm

        return pm.StudentT, {"nu": np.float64(self._nu), "mu": theta, "sigma": shared}

    def draw(
        self, rows: Columns, theta: Floats, shared: Floats, rng: np.random.Generator
    ) -> Floats:
        """Return values drawn around level theta."""
        shape = np.broadcast(theta, rows["value"], shared).shape
        noise = shared * rng.standard_t(self._nu, shape)
        if not self.phi:
            return theta + noise
        noise *= self.growth(rows["kept"])
        for row in range(1, len(noise)):  # each goes on from the one drawn before
            noise[row] += rows["kept"][row] * (noise[row - 1] + theta[row - 1] - theta[row])
        return theta + noise

    def standardized(self, rows: Columns, theta: Floats, shared: Floats) -> Floats:
        """Return (y - level) / s, less what is kept of the row before; there may be no sd."""
        residual = rows["value"] - theta
        if self.phi:
            before = np.roll(rows["value"], 1, axis=0)  # of the first row nothing is kept
            residual = residual - rows["kept"] * (before - theta)
            residual = residual / self.growth(rows["kept"])
        told: Floats = residual / shared
        return told

    def columns(self, observations: Observations) -> dict[str, Floats]:
        """Return the values; with memory, the values before and what is kept of them, too."""
        columns = super().columns(observations)
        if not self.phi:
            return columns
        y = observations.column("value")
        before = np.maximum.accumulate(np.where(np.isnan(y), 0, np.arange(len(y))))
        before = y[np.append(0, before[:-1])]
        kept = self._kept(observations)
        before = np.where(kept > 0, before, self.pooled(observations))
        return {**columns, "before": before, "kept": kept}

    def _kept(self, observations: Observations) -> Floats:
        """Return phi^g, g rows after the last one observed, 0 before the first, (T,)."""
        observed = observations.observed("value")
        last = np.where(observed, np.arange(len(observed)), -1)
        last = np.append(-1, np.maximum.accumulate(last)[:-1])
        gap = np.arange(len(observed)) - last
        kept: Floats = np.where(last >= 0, float(self.phi or 0.0) ** gap, 0.0)
        return kept

    def growth(self, kept: Floats) -> Floats:
        """Return the scale of a row over s: the root of (1 - phi^2g) / (1 - phi^2)."""
        growth: Floats = np.sqrt((1 - kept**2) / (1 - (self.phi or 0.0) ** 2))
        return growth

    @property
    def title(self) -> str:
        """The name with nu where it is given, and phi where there is, or may be, memory."""
        settings = self._settings()
        return f"{self.name}({', '.join(settings)})" if settings else self.name

    def __str__(self) -> str:
        return f"{', '.join([super().__str__()[:-1], *self._settings()])})"

    def _settings(self) -> list[str]:
        """Return what is told of nu and phi."""
        nu = [] if self.nu is None else [f"nu={self.nu:g}"]
        if self.phi is None:
            return [*nu, "phi=None"]
        return [*nu, f"phi={self.phi:g}"] if self.phi else nu


def _running_medians(y: Floats) -> Floats:
    """Return the medians of WINDOW neighbours, or of all rows if they are fewer."""
    windows = np.lib.stride_tricks.sliding_window_view(y, min(WINDOW, len(y)))
    medians: Floats = np.median(windows, axis=1)
    return medians
