"""Write signups.csv: `python data/simulate_signups.py`.

It is made up, so that the truth is known: growth along a line that ends.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

WEEKS, STALL = 104, 70
DATES = np.datetime64("2023-01-02") + np.arange(WEEKS) * np.timedelta64(7, "D")


def simulate_signups(rng: np.random.Generator) -> list[int]:
    """Return sign-ups by week: 4 more each week up to row 70 (from 0), then no more growth."""
    line = 200 + 4 * np.minimum(np.arange(WEEKS), STALL)
    return [round(value) for value in rng.normal(line, 20)]


def main() -> None:
    """Write the file beside this script, or into the folder given."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    path = parser.parse_args().folder / "signups.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")  # the same bytes on every system
        writer.writerow(("week", "signups"))
        writer.writerows(zip(DATES, simulate_signups(np.random.default_rng(1848)), strict=True))


if __name__ == "__main__":
    main()
