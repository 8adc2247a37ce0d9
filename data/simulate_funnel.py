"""Write funnel.csv: `python data/simulate_funnel.py`.

It is made up, so that the truth is known: how far each visit of a shop came, with one change.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

DAYS = 150
DATES = np.datetime64("2025-01-01") + np.arange(DAYS) * np.timedelta64(1, "D")
OUTCOMES = ("bounced", "browsed", "carted", "bought")


def simulate_visits(rng: np.random.Generator) -> Iterable[tuple[object, ...]]:
    """Yield date and visits by the last step reached, from a multinomial.

    From row 95 (from 0) on, of the 0.080 that fill a cart, 0.028 buy instead of 0.020; how many
    bounce or browse stays as it was.
    """
    before, after = (0.55, 0.37, 0.060, 0.020), (0.55, 0.37, 0.052, 0.028)
    p = np.where(np.arange(DAYS)[:, None] < 95, before, after)
    counts = rng.multinomial(rng.poisson(800, DAYS), p)
    return ((date, *row) for date, row in zip(DATES, counts.tolist(), strict=True))


def main() -> None:
    """Write the file beside this script, or into the folder given."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    path = parser.parse_args().folder / "funnel.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")  # the same bytes on every system
        writer.writerow(("date", *OUTCOMES))
        writer.writerows(simulate_visits(np.random.default_rng(1596)))


if __name__ == "__main__":
    main()
