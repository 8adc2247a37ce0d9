"""Memory and drift: false changes, power, and whether a step's ratio is told without bias.

    python benchmarks/memory.py ar 8 --trials 20000

Series of 210 rows with a rate of .01, by seed; each is answered without the effect and with it.
`ar` has a deviation of sd 12 % that lasts (AR .6) and no change; `step` a lasting change by
25 % and no memory; `both` both; `drift` moves by 40 % from the first row to the last; `moving`
has that and the step.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

from changepoint import Model, Observations, effects, fit, likelihoods

T, RATE, PHI, SD, RATIO, DRIFT = 210, 0.01, 0.6, 0.12, 1.25, 0.4
KINDS = ("ar", "step", "both", "drift", "moving")


def drawn(kind: str, trials: int, seed: int) -> Observations:
    """Return a series of a kind; a change stands in the middle where there is one."""
    rng = np.random.default_rng([KINDS.index(kind), trials, seed])
    eta, after = np.full(T, np.log(RATE)), np.arange(T) >= T // 2
    if kind in ("ar", "both"):
        noise = SD * rng.standard_normal(T)
        for t in range(1, T):
            noise[t] = PHI * noise[t - 1] + np.sqrt(1 - PHI**2) * noise[t]
        eta += noise
    if kind in ("drift", "moving"):
        eta += DRIFT * np.linspace(-0.5, 0.5, T)
    if kind in ("step", "both", "moving"):
        eta += np.log(RATIO) * after
    return Observations(count=rng.binomial(trials, np.exp(eta)), trials=np.full(T, trials))


@dataclass
class Tally:
    """What was found in the series so far."""

    any: int = 0
    sure: int = 0
    covered: int = 0
    told: int = 0
    near: int = 0
    runs: int = 0
    seconds: float = 0.0

    def add(self, data: Observations, model: Model) -> None:
        """Answer a series."""
        start = time.process_time()
        found = fit(model, data)
        p = found.probability_of_change
        self.runs, self.any, self.sure = (
            self.runs + 1,
            self.any + (p > 0.5),
            self.sure + (p > 0.95),
        )
        if p > 0.5 and len(found.changes) == 1:
            (change,) = found.changes
            ratio = change.ratio
            assert ratio is not None  # rates have one
            self.told += 1
            self.covered += ratio.lower < RATIO < ratio.upper
            self.near += abs(change.index - T // 2) <= 3
        self.seconds += time.process_time() - start

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.runs:3d} series: P(any) > .5 in {self.any}, > .95 in {self.sure}; one "
            f"change in {self.told}, at most 3 rows off in {self.near}, ratio covered in "
            f"{self.covered}; "
            f"{self.seconds / self.runs:.1f} s a series"
        )


def main() -> None:
    """Print a line for each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("runs", type=int)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--likelihood", default="beta-binomial")
    told = parser.parse_args()
    family = likelihoods.FAMILIES[told.likelihood]()
    effect = effects.Drift() if told.kind in ("drift", "moving") else effects.Memory()
    tallies = {"without": Tally(), str(effect): Tally()}
    for seed in range(told.runs):
        data = drawn(told.kind, told.trials, seed)
        for tally, own in zip(tallies.values(), ([], [effect]), strict=True):
            tally.add(data, Model(family, effects=own))
        for name, tally in tallies.items():
            print(f"{told.kind} {told.trials} {family.name} {name}: {tally}", flush=True)


if __name__ == "__main__":
    main()
