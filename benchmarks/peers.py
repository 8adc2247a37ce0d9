"""Small rates with one change, or none: this package beside ruptures and Rbeast.

    pip install -r benchmarks/peers-requirements.txt
    python benchmarks/peers.py [--repetitions 100] [--tools binomial,ruptures]

Each series has 200 rows of 400 trials, and changes at row 100. Every tool sees the same
series and is used as its documentation says, with no setting for these data: ruptures gets
rates, PELT with the l2 cost and the penalty 2 s^2 log T, s^2 being half the mean square of
differences of neighbours; Rbeast gets rates, no season, and its most probable number of
changes counts. Ours reports what `posterior.changes` holds.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is imported

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint import Model, Observations, fit, likelihoods
from changepoint.likelihoods import Likelihood

T, TRIALS, PLACE, MARGIN = 200, 400, 100, 5
SCENARIOS = [(0.010, 0.010), (0.010, 0.015), (0.010, 0.025), (0.002, 0.004)]

Floats = NDArray[np.float64]


class Report(NamedTuple):
    """The rows of the changes that a tool reports, and what it gives for P(any change)."""

    changes: list[int]
    probability: float = np.nan


def ours(family: Likelihood) -> Callable[[Floats], Report]:
    def run(count: Floats) -> Report:
        data = Observations(count=count, trials=np.full(T, TRIALS))
        posterior = fit(Model(family), data)
        return Report([c.index for c in posterior.changes], posterior.probability_of_change)

    return run


def by_ruptures(count: Floats) -> Report:
    import ruptures

    y = count / TRIALS
    penalty = 2 * np.log(T) * np.mean(np.diff(y) ** 2) / 2
    found = ruptures.Pelt(model="l2", min_size=1, jump=1).fit(y).predict(pen=penalty)
    return Report([int(row) for row in found[:-1]])


def by_rbeast(count: Floats) -> Report:
    import Rbeast

    told = Rbeast.beast(
        count / TRIALS, season="none", quiet=True, print_progress=False, print_param=False,
        print_warning=False,
    )  # fmt: skip
    number = int(np.ravel(told.trend.ncp_mode)[0])
    places = np.ravel(told.trend.cp)[:number]  # by probability, counted from 1
    return Report(
        [int(place) - 1 for place in places if np.isfinite(place)],
        1 - float(np.ravel(told.trend.ncpPr)[0]),
    )


TOOLS: dict[str, Callable[[Floats], Report]] = {
    "beta-binomial": ours(likelihoods.BetaBinomial()),
    "binomial": ours(likelihoods.Binomial()),
    "ruptures": by_ruptures,
    "Rbeast": by_rbeast,
}


def measure(tool: str, before: float, after: float, repetitions: int) -> str:
    """Return one row of the table."""
    reports, seconds = [], 0.0
    for seed in range(repetitions):
        rng = np.random.default_rng([seed, round(1e4 * after)])
        rate = np.where(np.arange(T) < PLACE, before, after)
        count = rng.binomial(TRIALS, rate).astype(float)
        start = time.perf_counter()
        reports.append(TOOLS[tool](count))
        seconds += time.perf_counter() - start
    near = [any(abs(row - PLACE) <= MARGIN for row in one.changes) for one in reports]
    numbers = (
        np.mean([bool(one.changes) for one in reports]),
        np.mean(near) if before != after else np.nan,
        np.mean([len(one.changes) for one in reports]),
        np.mean([one.probability for one in reports]),
    )
    told = " | ".join("" if np.isnan(n) else f"{n:.2f}" for n in numbers)
    return f"| {before} to {after} | {tool} | {told} | {1e3 * seconds / repetitions:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--tools", default=",".join(TOOLS))
    chosen = parser.parse_args()
    print("| rates | tool | any | near | number | mean P(any) | ms |")
    print("|---|---|---|---|---|---|---|")
    for tool in chosen.tools.split(","):
        TOOLS[tool](np.ones(T) + np.eye(1, T)[0])  # imports and compiles
        for before, after in SCENARIOS:
            print(measure(tool, before, after, chosen.repetitions), flush=True)


if __name__ == "__main__":
    main()
