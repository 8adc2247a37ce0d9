"""Measurements with outliers around a level: the Student-t family with a shared scale."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.errors import ModelError
from changepoint.likelihoods.base import Data, Fault, Likelihood
from changepoint.likelihoods.coordinates import Coordinate, Level, Nodes
from changepoint.likelihoods.counts import log_rising_ratio, two_sided
from changepoint.likelihoods.normal import Normal
from changepoint.observations import Observations
from changepoint.priors import LogNormal, Prior
from changepoint.priors import Normal as NormalPrior

Floats = NDArray[np.float64]

NUS = (1.5, 3.0, 6.0, 12.0, 25.0)  # from nearly Cauchy to nearly Normal, each twice the other
WINDOW = 5  # rows: a median of them forgets one or two outliers, and keeps a step
FEW = 8  # rows times nu + 1: with fewer, steps are bounded by nu, not by the rows


@dataclass(frozen=True)
class StudentT(Likelihood):
    """p(y) proportional to (1 + z^2 / nu)^(-(nu + 1) / 2) / s, z = (y - level) / s, y real.

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

    Raises
    ------
    ModelError
        If a prior's support doesn't fit, or nu isn't a number of at least 1.

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

    name: ClassVar = "student-t"
    response: ClassVar = "value"
    needs: ClassVar = ("value",)
    parameter: ClassVar = "level"
    domain: ClassVar = (-math.inf, math.inf)
    shared: ClassVar = "scale"
    shared_field: ClassVar = "scale"
    heavy_tails: ClassVar = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nu is None:
            return
        numbers = int | float | np.integer | np.floating
        if isinstance(self.nu, bool) or not isinstance(self.nu, numbers):
            raise ModelError(f"nu of StudentT must be a number, not {self.nu!r}")
        if not 1 <= self.nu < math.inf:
            raise ModelError(f"nu of StudentT must be 1 or more, and finite, not {self.nu}")
        object.__setattr__(self, "nu", float(self.nu))

    def candidates(self, observations: Observations) -> tuple[Likelihood, ...]:
        """Return the family with each of NUS, or with the nu that is given."""
        if self.nu is not None:
            return (self,)
        return tuple(replace(self, nu=nu) for nu in NUS)

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
        y, scale = observations.column("value"), self.shared_prior.support[1]
        if pool:
            n = float(np.sum(~np.isnan(y)))
            y, scale = np.nanmedian(y, keepdims=True), scale * max(1.6 / math.sqrt(n), 1 / n)
        z, nu = (y - theta) / scale, self.nu or NUS[0]
        return two_sided(special.stdtr(nu, z), special.stdtr(nu, -z))

    def coordinate(self, observations: Observations, shared: float) -> Coordinate:
        """Return the level, measured from the median."""
        return Level(self.pooled(observations))

    def information(self, observations: Observations, shared: float) -> float:
        """Return T (nu + 1) / (nu s^2): of T rows with the same value, the most there is."""
        rows = float(observations.observed("value").sum())
        nu = self._nu
        return max(rows * (nu + 1), FEW) / nu / max(shared, 1e-150) ** 2

    @property
    def _nu(self) -> float:
        if self.nu is None:
            raise ModelError(
                "StudentT without nu stands for several values of nu; give one here, such as "
                "StudentT(nu=4)"
            )
        return self.nu

    def log_density(self, data: Data, nodes: Nodes, shared: Floats | float) -> Floats:
        """Return log p(y | level, s), by broadcasting."""
        nu = self._nu
        z = ((data.value - data.pooled) - nodes.companion) / shared
        constant = float(log_rising_ratio(np.array(nu / 2), np.array(0.5)))
        log_p: Floats = -(nu + 1) / 2 * np.log1p(z**2 / nu) - np.log(shared)
        return log_p + (constant - 0.5 * math.log(2 * math.pi))

    def pymc(
        self, columns: Mapping[str, Any], theta: Any, shared: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Return PyMC's StudentT."""
        import pymc as pm

        return pm.StudentT, {"nu": np.float64(self._nu), "mu": theta, "sigma": shared}

    def draw(
        self, data: Data, theta: Floats, shared: Floats, rng: np.random.Generator
    ) -> Floats:
        """Return values drawn around level theta."""
        shape = np.broadcast(theta, data.value, shared).shape
        return theta + shared * rng.standard_t(self._nu, shape)

    def __str__(self) -> str:
        return (
            super().__str__()
            if self.nu is None
            else f"{super().__str__()[:-1]}, nu={self.nu:g})"
        )


def _running_medians(y: Floats) -> Floats:
    """Return the medians of WINDOW neighbours, or of all rows if they are fewer."""
    windows = np.lib.stride_tricks.sliding_window_view(y, min(WINDOW, len(y)))
    medians: Floats = np.median(windows, axis=1)
    return medians
