"""How long a batch takes, against its engine alone; and that memory doesn't grow.

    python benchmarks/batch.py              100,000 series of 365 days, BetaBinomial beside
    python benchmarks/batch.py 200000

The ideal is the time of `Exact.run_each` by itself, on one thread and series that are in memory
and checked already, divided by the number of cores. Start-up (imports, compiled code from its
cache) is left out by a small batch before.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from changepoint import Exact, Model, Observations, batch, likelihoods
from changepoint.batch import row
from changepoint.batch.executors import cores
from changepoint.batch.runner import Progress

T = 365
AT_ONCE = 1000  # series in a row group
GROUPS = 8  # row groups in a file


def table(first: int, count: int) -> pa.Table:
    """Daily counts of about 1,000 trials at 0.009; one series in 20 goes up by 30 %."""
    rng = np.random.default_rng(first)
    rate = np.full((count, T), 0.009)
    rate[::20, T // 2 :] *= 1.3
    trials = rng.integers(800, 1200, (count, T))
    names = pa.array([f"series {i:08d}" for i in range(first, first + count)])
    series = pa.DictionaryArray.from_arrays(
        np.repeat(np.arange(count, dtype=np.int32), T), names
    )
    day = np.tile(np.datetime64("2025-01-01") + np.arange(T), count)
    counts = rng.binomial(trials, rate)
    return pa.table(
        {"series": series, "date": day, "count": counts.ravel(), "trials": trials.ravel()}
    )


def write(folder: Path, count: int) -> None:
    """Write Parquet files of so many series."""
    for i, first in enumerate(range(0, count, AT_ONCE * GROUPS)):
        with parquet.ParquetWriter(folder / f"{i:05d}.parquet", table(0, 1).schema) as writer:
            for start in range(first, min(first + AT_ONCE * GROUPS, count), AT_ONCE):
                writer.write_table(table(start, min(AT_ONCE, count - start)), T * AT_ONCE)


def memory() -> float:
    """Return the resident memory of this process in MB."""
    return (
        int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    )


def alone(model: Model, count: int) -> float:
    """Return seconds for each series, of the engine by itself: the median of five."""
    data = table(0, 5 * count)
    columns = {role: data.column(role).to_numpy() for role in ("count", "trials")}
    seconds = []
    for first in range(0, 5 * count, count):
        places = [slice(i * T, (i + 1) * T) for i in range(first, first + count)]
        several = [
            Observations(**{role: numbers[place] for role, numbers in columns.items()})
            for place in places
        ]
        models = [model.resolve(one) for one in several]
        notes = [model.check(one) for one in several]
        rows = [row.middles(T)] * count
        began = time.perf_counter()
        for _, result in Exact().run_each(models, several, notes, range(count), rows):
            if isinstance(result, Exception):
                raise result
        seconds.append((time.perf_counter() - began) / count)
    return float(np.median(seconds))


class Watch:
    """Notes time and memory as parts are done."""

    def __init__(self) -> None:
        self.noted: list[tuple[float, float, int]] = []

    def __call__(self, told: Progress) -> None:
        """Take note."""
        self.noted.append((time.perf_counter(), memory(), told.series_done))

    def memory_at(self, share: float) -> float:
        """Return the memory when this share of all series was done."""
        wanted = share * self.noted[-1][2]
        return next(mb for _, mb, done in self.noted if done >= wanted)


def run(folder: Path, model: Model, count: int) -> None:
    """Run a batch over new files, and print what it took."""
    inputs, out = folder / "inputs", folder / "out"
    inputs.mkdir()
    write(inputs, count)
    size = sum(path.stat().st_size for path in inputs.iterdir()) / 1e6
    watch, began = Watch(), time.perf_counter()
    done = batch.run(inputs, model, out, by="series", progress=watch)
    total = time.perf_counter() - began
    first, last = watch.noted[0][0], watch.noted[-1][0]
    print(f"\n{count:,} series of {T} rows ({size:,.0f} MB of Parquet), {model}")
    parts = (first - began, last - first, began + total - last)
    print("  plan {:.1f} s, fits {:.1f} s, tables {:.1f} s,".format(*parts), end=" ")
    print(f"all {total:.1f} s: {total / count * 1e3:.3f} ms a series")
    share = f"{done.share_changed:.3f} of all changed"
    print(f"  {done.flagged:,} flagged, {share}, {done.failed} failed")
    shares = (0.1, 0.25, 0.5, 0.75, 1.0)
    told = ", ".join(f"{watch.memory_at(share):,.0f} at {share:.0%}" for share in shares)
    print(f"  memory in MB: {told}; {memory():,.0f} after the tables")
    each = alone(model, min(AT_ONCE, count // 5))
    ideal = each * count / cores()
    print(f"  alone {each * 1e3:.3f} ms a series, so ideally {ideal:.1f} s on {cores()} cores")
    print(f"  fits / ideal {(last - first) / ideal:.3f}, all / ideal {total / ideal:.3f}")


def main() -> None:
    """Run the batches."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    binomial = Model(likelihoods.Binomial())
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "inputs").mkdir()
        write(Path(folder) / "inputs", 64)
        for model in (binomial, Model(likelihoods.BetaBinomial())):  # start-up
            batch.run(
                Path(folder) / "inputs", model, Path(folder) / "out", by="series", fresh=True
            )
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), binomial, count)
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), Model(likelihoods.BetaBinomial()), 1000)


if __name__ == "__main__":
    main()
