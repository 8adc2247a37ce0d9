"""Data for batches, made here, and what their tables are compared by."""

from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]


def long_table(series, rows, *, changed=0, seed=0, first="2024-01-01", step="2D"):
    """Return counts of trials by shop; the first `changed` shops change half-way.

    By every other day: by the day a weekly pattern would be looked for, which takes longer.
    """
    rng = np.random.default_rng(seed)
    rate = np.full((series, rows), 0.02)
    rate[:changed, rows // 2 :] = 0.06
    trials = rng.integers(300, 500, (series, rows))
    return pd.DataFrame(
        {
            "shop": np.repeat([f"shop {i:04d}" for i in range(series)], rows),
            "date": np.tile(pd.date_range(first, periods=rows, freq=step), series),
            "count": rng.binomial(trials, rate).ravel(),
            "trials": trials.ravel(),
        }
    )


def contents(out):
    """Return the bytes of the tables, lines sorted, and all parts."""
    tables = [(out / f"{name}.csv").read_bytes() for name in ("series", "changes")]
    parts = {path.name: path.read_bytes() for path in (out / "parts").glob("part-*")}
    return [sorted(table.splitlines()) for table in tables], parts
