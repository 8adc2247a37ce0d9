"""Portions of a long table in Parquet: what is decided from a column is decided once."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from changepoint import batch
from changepoint.batch.loading import load
from changepoint.batch.plan import Job, Settings, plan

SHOPS = [f"shop {i:02d}" for i in range(20)]


def written(folder, column, cells, group=None):
    """Write a text column of three series or more as files, one after the other."""
    for i, (shop, texts) in enumerate(zip(SHOPS, cells, strict=False)):
        days = [f"2024-03-{day:02d}" for day in range(1, len(texts) + 1)]
        rows = {"shop": [shop] * len(texts), "day": days, "n": [5] * len(texts)}
        rows[column] = texts
        parquet.write_table(pa.table(rows), folder / f"{i}.parquet", group)
    return sorted(map(str, folder.glob("*.parquet")))


def series_of(files, **columns):
    """Return each series as it is planned and read, or what is wrong with it."""
    settings = Settings.of({"time": "day", "count": "n", **columns}, "shop")
    jobs = [Job.from_dict(vars(job)) for job in plan(files, settings, fast=True)]
    assert len(jobs) > 1
    found = []
    for job in jobs:
        loaded = load(job, settings)
        for i in range(len(job)):
            try:
                found.append(loaded.observations(i, job.first))
            except Exception as error:
                found.append(str(error))
    return found


def days(first, form):
    return [day.strftime(form) for day in pd.date_range(first, periods=6)]


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y %H:%M", "%y-%m-%d"])
@pytest.mark.parametrize("group", [None, 2])
def test_one_portion_tells_the_order_of_day_and_month(tmp_path, form, group):
    firsts = ["2024-03-01", "2024-04-02", "1999-03-25" if form == "%y-%m-%d" else "2024-05-20"]
    files = written(tmp_path, "day", [days(first, form) for first in firsts], group)
    for first, observations in zip(firsts, series_of(files), strict=True):
        assert observations.label(0).startswith(first) and len(observations) == 6


def test_orders_that_contradict_each_other_are_told_by_every_series(tmp_path):
    forms = ["%d/%m/%Y", "%d/%m/%Y", "%m/%d/%Y"]
    firsts = ["2024-03-01", "2024-03-20", "2024-05-20"]
    cells = [days(first, form) for first, form in zip(firsts, forms, strict=True)]
    for error in series_of(written(tmp_path, "day", cells)):
        assert "none fits both '20/03/2024' and '05/20/2024'" in error and "line 1" in error


def test_orders_that_nothing_tells_are_asked_for(tmp_path):
    files = written(tmp_path, "day", [days("2024-03-01", "%d/%m/%Y")] * 2)
    for error in series_of(files):
        assert "--date-format '%d/%m/%Y' or '%m/%d/%Y'" in error


@pytest.mark.parametrize(
    ("role", "cells", "expected"),
    [
        ("value", [["1.234", "9.876"], ["1.234,5", "2"]], [[1234, 9876], [1234.5, 2]]),
        ("value", [["1,234", "9,876"], ["1,5", "2,5"]], [[1.234, 9.876], [1.5, 2.5]]),
        ("value", [["1,234", "9,876"], ["1,234.5", "2"]], [[1234, 9876], [1234.5, 2]]),
        ("count", [["2.000", "3.000"], ["1.234", "7"]], [[2000, 3000], [1234, 7]]),
        ("rate", [["5", "0.5"], ["5%", "7%"], ["1%", "2%"]], ["mixes", [0.05, 0.07], None]),
        ("value", [["1,5", "2"], ["1.25", "2.5"], ["1.75", "2.1"]], ["decimal", [1.25, 2.5]]),
        ("value", [["-1.5", "2e1"], ["x", "2.5"], ["1", "2"]], [[-1.5, 20], "'x'", [1, 2]]),
    ],
)
def test_numbers_are_written_in_one_way(tmp_path, role, cells, expected):
    files = written(tmp_path, "y", cells)
    columns = {"count": None, role: "y"}
    for found, right in zip(series_of(files, **columns), expected, strict=False):
        if isinstance(right, str):
            assert right in found
        elif right is not None:
            np.testing.assert_allclose(getattr(found, role), right)


def test_a_batch_goes_on_with_what_was_planned(tmp_path, out):
    firsts = ["2024-03-01", "2024-04-02", "2024-05-20"]
    written(tmp_path, "day", [days(first, "%m/%d/%Y") for first in firsts])
    for _ in range(2):
        batch.run(f"{tmp_path}/*.parquet", out=out, by="shop", columns={"count": "n"})
        table = batch.read(out).set_index("series")
        assert table["start"].sort_values().tolist() == firsts
        next((out / "parts").glob("part-*")).unlink()
