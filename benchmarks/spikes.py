"""False alarms by spikes of one or two rows, and power, with families that allow for them.

    python benchmarks/spikes.py [series]

180 rows of 1,000 trials at a rate of .009. For each family, how often P(any) is above .5
and .95:

- where one row, two neighbouring rows, or three single rows are three times as high;
- where the rate rises for good by 25 % or by half;
- where the last row, or the last two, are three times as high, and it can't be known yet
  whether that lasts.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from changepoint import Exact, Model, Observations, fit, likelihoods

ROWS, TRIALS, RATE = 180, 1000, 0.009
FAMILIES = (
    likelihoods.Binomial,
    likelihoods.SpikedBinomial,
    likelihoods.BetaBinomial,
    likelihoods.SpikedBetaBinomial,
)


def ratios(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return by how much each row's rate is raised, (T,)."""
    raised = np.ones(ROWS)
    at = int(rng.integers(40, ROWS - 40))
    match kind:
        case "one spike":
            raised[at] = 3
        case "two neighbouring rows":
            raised[at : at + 2] = 3
        case "three spikes":
            raised[[at - 20, at, at + 20]] = 3
        case "lasting, x1.25":
            raised[at:] = 1.25
        case "lasting, x1.5":
            raised[at:] = 1.5
        case "last row x3":
            raised[-1] = 3
        case "last two rows x3":
            raised[-2:] = 3
    return raised


KINDS = (
    "nothing",
    "one spike",
    "two neighbouring rows",
    "three spikes",
    "lasting, x1.25",
    "lasting, x1.5",
    "last row x3",
    "last two rows x3",
)


def main(series: int) -> None:
    """Print a table: a line for each kind of series and family."""
    print("| series | family | P(any) > .5 | P(any) > .95 | mean P(any) | CPU ms a fit |")
    print("|---|---|---|---|---|---|")
    for kind in KINDS:
        rng = np.random.default_rng(17)
        data = [
            Observations(
                count=rng.binomial(TRIALS, RATE * ratios(kind, rng)), trials=[TRIALS] * ROWS
            )
            for _ in range(series)
        ]
        for family in FAMILIES:
            start = time.process_time()
            p = np.array(
                [
                    fit(Model(family()), one, Exact(draws=4)).probability_of_change
                    for one in data
                ]
            )
            each = 1000 * (time.process_time() - start) / series
            print(
                f"| {kind} | {family.name} | {np.mean(p > 0.5):.2f} | {np.mean(p > 0.95):.2f} "
                f"| {p.mean():.2f} | {each:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
