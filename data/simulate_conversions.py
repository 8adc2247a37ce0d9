"""Write conversions.csv and conversion_rates.csv: `python data/simulate_conversions.py`.

Both are made up, so that the truth is known: each has one change of the rate.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

DAYS = 180
DATES = np.datetime64("2025-01-01") + np.arange(DAYS) * np.timedelta64(1, "D")


def simulate_counts(rng: np.random.Generator) -> Iterable[tuple[object, ...]]:
    """Yield date, visits, conversions: a rate of 0.009, and 0.013 from row 110 (from 0) on."""
    rate = np.where(np.arange(DAYS) < 110, 0.009, 0.013)
    visits = rng.poisson(1000, DAYS)
    return zip(DATES, visits, rng.binomial(visits, rate), strict=True)


def simulate_rates(rng: np.random.Generator) -> Iterable[tuple[object, ...]]:
    """Yield date, conversion_rate: a mean of 0.0068, and 0.0100 from row 60 (from 0) on."""
    mean = np.where(np.arange(DAYS) < 60, 0.0068, 0.0100)
    concentration = 1200
    rates = rng.beta(mean * concentration, (1 - mean) * concentration)
    return zip(DATES, (f"{rate:.5f}" for rate in rates), strict=True)


def write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """Write one file, the same bytes on every system."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main() -> None:
    """Write both files beside this script, or into the folder given."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    folder = parser.parse_args().folder
    counts, rates = np.random.default_rng(1595).spawn(2)
    header = ("date", "visits", "conversions")
    write(folder / "conversions.csv", header, simulate_counts(counts))
    write(folder / "conversion_rates.csv", ("date", "conversion_rate"), simulate_rates(rates))


if __name__ == "__main__":
    main()
