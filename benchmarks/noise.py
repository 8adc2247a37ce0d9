"""How well default priors of noise by segment are calibrated, on simulated series.

    python benchmarks/noise.py [SERIES]

For each case and family, of so many series (100) of 100 rows: the share of 95 % intervals of
level, slope and noise_sd, in the middle of each segment, that hold the true ones, and the
median noise_sd that is told of the first segment; then how often P(any change) is above one
half where there is none, or a small one.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is imported

import itertools
import sys
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint import Changes, Exact, Model, Observations, fit
from changepoint.likelihoods import (
    Autoregressive,
    AutoregressiveTrend,
    NormalMeanVariance,
    NormalVariance,
    Trend,
)
from changepoint.likelihoods.regression import LinearLikelihood

Floats = NDArray[np.float64]
T = 100
ROW = np.arange(T)
SECOND = ROW >= T // 2
LEVELS, LINES = (NormalMeanVariance, Autoregressive), (Trend, AutoregressiveTrend)
SPREADS = (NormalMeanVariance, NormalVariance)


class Truth(NamedTuple):
    """Level, slope and noise_sd by row, and the correlation of neighbours."""

    level: Floats
    slope: Floats
    noise: Floats
    phi: float = 0.0

    def series(self, rng: np.random.Generator) -> Observations:
        """Return values drawn around it."""
        u = rng.normal(size=T)
        for t in range(1, T):
            u[t] = self.phi * u[t - 1] + np.sqrt(1 - self.phi**2) * u[t]
        return Observations(value=self.level + self.noise * u)


def steps(*levels: float, noise: tuple[float, float] = (1, 1), phi: float = 0.0) -> Truth:
    level = np.array(levels, float)[ROW * len(levels) // T]
    return Truth(level, np.zeros(T), np.where(SECOND, noise[1], noise[0]), phi)


def kink(before: float, after: float, noise: float) -> Truth:
    slope = np.where(SECOND, after, before)
    return Truth(np.cumsum(slope) - slope[0], slope, np.full(T, noise))


COVERAGE: dict[str, tuple[Truth, tuple[type[LinearLikelihood], ...]]] = {
    "kink, noise 0.2": (kink(0.05, -0.1, 0.2), LINES),
    "jump of 3 sd": (steps(0, 3), LEVELS + LINES),
    "jump of 30 sd": (steps(0, 30), LEVELS + LINES),
    "jump of 300 sd": (steps(0, 300), LEVELS + LINES),
    "four jumps of 30 sd": (steps(0, 30, 0, 30, 0), LEVELS + LINES),
    "noise 1 to 3": (steps(0, 0, noise=(1, 3)), SPREADS),
    "noise 1 to 30": (steps(0, 0, noise=(1, 30)), SPREADS),
    "memory 0.6, jump of 6 sd": (steps(0, 6, phi=0.6), (Autoregressive, AutoregressiveTrend)),
}
FOUND: dict[str, tuple[Truth, tuple[type[LinearLikelihood], ...]]] = {
    "no change": (steps(0), (*SPREADS, *LINES, Autoregressive)),
    "no change, a line": (kink(0.05, 0.05, 1), LINES),
    "no change, memory 0.6": (steps(0, phi=0.6), (Autoregressive, AutoregressiveTrend)),
    "jump of 1 sd": (steps(0, 1), LEVELS),
    "kink": (kink(0, 0.06, 1), LINES),
    "noise 1 to 2": (steps(0, 0, noise=(1, 2)), SPREADS),
}


def middles(truth: Truth) -> list[int]:
    """Return the middle row of each segment."""
    moved = np.diff(truth.noise) != 0
    moved |= np.diff(truth.slope) != 0
    if not truth.slope.any():
        moved |= np.diff(truth.level) != 0
    ends = [0, *(np.flatnonzero(moved) + 1).tolist(), T]
    return [(first + end) // 2 for first, end in itertools.pairwise(ends)]


def covered(truth: Truth, family: type[LinearLikelihood], series: int) -> str:
    """Return the shares of intervals that hold the truth, and the median noise told."""
    rng, rows = np.random.default_rng(17), middles(truth)
    changes = Changes(exactly=len(rows) - 1)
    hits: dict[str, list[bool]] = {"level": [], "slope": [], "noise_sd": []}
    noise = []
    for _ in range(series):
        told = fit(Model(family(), changes), truth.series(rng), Exact(draws=1000))
        paths = told.trajectories()
        for name, true in zip(hits, truth[:3], strict=True):
            if name in paths:
                draws = paths[name].values.reshape(-1, T)[:, rows]
                lower, middle, upper = np.quantile(draws, [0.025, 0.5, 0.975], axis=0)
                hits[name] += ((lower <= true[rows]) & (true[rows] <= upper)).tolist()
                noise += [middle[0]] if name == "noise_sd" else []
    shares = [f"{np.mean(hit):7.2f}" if hit else f"{'':7}" for hit in hits.values()]
    return "".join(shares) + f"{np.median(noise):9.2f}"


def found(truth: Truth, family: type[LinearLikelihood], series: int) -> str:
    """Return how often P(any change) is above one half, and its mean."""
    rng = np.random.default_rng(18)
    p = [
        fit(Model(family()), truth.series(rng), Exact(draws=4)).probability_of_change
        for _ in range(series)
    ]
    return f"{np.mean(np.array(p) > 0.5):7.2f}{np.mean(p):7.2f}"


def table(cases: dict, columns: str, row: Callable[..., str], series: int) -> None:
    print(f"{'':26}{'':22}{columns}")
    for name, (truth, families) in cases.items():
        for family in families:
            print(f"{name:26}{family.name:22}{row(truth, family, series)}", flush=True)


def main() -> None:
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    warnings.simplefilter("ignore")
    table(COVERAGE, "  level  slope  noise   median", covered, series)
    table(FOUND, "  P>0.5   mean", found, series)


if __name__ == "__main__":
    main()
