"""Wide tables: the answers are those of the long table that says the same."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from changepoint import DataError, ModelError, batch, read
from changepoint.batch.loading import load
from changepoint.batch.plan import Settings, plan
from changepoint.roles import ROLES

DAYS = [f"2024-01-{day:02d}" for day in range(1, 21)]
EMPTY = ""


def numbers(k):
    return [(3 * i + k) % 7 for i in range(20)]


# Name -> the role that is told, options, the time's name, columns.
TABLES = {
    "counts": ("count", {}, "date", {"north": numbers(0), "south": numbers(1)}),
    "counts with trials": ("count", {"trials": 90}, "day", {"a": numbers(0), "b": numbers(1)}),
    "values": ("value", {}, "when", {"x": np.array(numbers(2)) / 7, "y": np.arange(20.0) - 3}),
    "rates": ("rate", {}, "date", {"x": [f"{n + 1}.5%" for n in numbers(2)], "y": ["3%"] * 20}),
    "missing": (
        "count",
        {},
        "date",
        {"a": [5, EMPTY, "n/a", *[6] * 17], "b": numbers(1)},
    ),
    "German": ("value", {}, "Datum", {"a": ["1,5", *["2,25"] * 19], "b": ["1.234,5"] * 20}),
    "bad cells": ("count", {}, "date", {"a": [5, "x", "2?", *[6] * 17], "b": numbers(1)}),
    "names": (
        "count",
        {},
        "date",
        {"a, b": numbers(0), "=1+1": numbers(1), "9": numbers(2)},
    ),
    "texts": ("value", {}, "date", {"note": ["so"] * 20, "b": numbers(1)}),
}


def settings(role, columns, **told):
    return Settings.of({"trials": columns["trials"]} if "trials" in columns else {}, **told)


def series_of(path, told):
    """Return what a batch says of each series before it is fitted, lines aside."""
    found = {}
    for job in plan([str(path)], told, fast=True):
        loaded = load(job, told)
        for i, name in enumerate(loaded.names):
            try:
                one = loaded.observations(i, job.first)
            except DataError as error:
                found[name] = re.sub(r"line \d+", "line", str(error)).replace(str(path), "FILE")
                continue
            parts = [None if (x := getattr(one, r)) is None else x.tolist() for r in ROLES]
            found[name] = repr((one.time.tolist(), parts, one.warnings))
    return found


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
@pytest.mark.parametrize("name", TABLES)
def test_a_wide_table_is_the_long_one(tmp_path, name, kind):
    role, columns, time, cells = TABLES[name]
    wide = pd.DataFrame({time: DAYS, **cells})
    long = wide.melt(time, var_name="series", value_name=role)
    long.to_csv(tmp_path / "long.csv", index=False, sep=";")
    path = tmp_path / f"wide.{kind}"
    if kind == "csv":
        wide.to_csv(path, index=False, sep=";")
    elif kind == "json":
        path.write_text(json.dumps(wide.to_dict("list")))
    else:
        wide.astype({n: str for n in cells if wide[n].dtype == object}).to_parquet(path)
    expected = series_of(tmp_path / "long.csv", settings(role, columns, by="series"))
    found = series_of(path, settings(role, columns, wide=role))
    assert list(found) == list(cells)
    for series, told in expected.items():
        own = found[series]
        if "column" in told and "problem" not in told and told.startswith("FILE"):
            told = told.replace(f"column '{role}'", f"column {series!r}")
        assert own == told


@pytest.mark.parametrize(
    ("columns", "told", "role"),
    [
        ({"a": numbers(0), "b": [*numbers(1)[:-1], None]}, {}, "count"),
        ({"a": numbers(0), "b": np.arange(20) / 4}, {}, "value"),
        ({"a": numbers(0), "b": -np.arange(20)}, {}, "value"),
        ({"a": numbers(0), "b": numbers(1)}, {"trials": "90"}, "count"),
    ],
)
def test_what_the_columns_hold_is_found_and_said(tmp_path, columns, told, role):
    pd.DataFrame({"date": DAYS, **columns}).to_csv(tmp_path / "t.csv", index=False)
    settings = Settings.of(told, wide="")
    (job,) = plan([str(tmp_path / "t.csv")], settings, fast=True)
    one = load(job, settings).observations(0, 0)
    assert one.columns == {"time": "date", role: "a"}
    assert getattr(one, role).tolist() == numbers(0)
    assert one.lines.tolist() == list(range(2, 22))
    said = [note for note in one.warnings if f"were taken as {role}s" in note]
    assert len(said) == (0 if told else 1)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("north,south,west", "this has none"),
        ("date,week,west", "this has several, 'date', 'week'"),
        ("date,north,north", "several columns are called 'north'"),
        ("date,north,", "column 3 has no name"),
    ],
)
def test_what_is_no_wide_table_is_refused(tmp_path, header, message):
    (tmp_path / "t.csv").write_text(
        f"{header}\n{'2024-01-01' if 'date' in header else 1},1,2\n"
    )
    job, *_ = plan([str(tmp_path / "t.csv")], Settings.of({}, wide=""), fast=True)
    assert message in job.refused


def test_fit_says_where_wide_tables_go(tmp_path):
    (tmp_path / "t.csv").write_text("date,north,south\n2024-01-01,1,2\n2024-01-02,1,2\n")
    with pytest.raises(DataError, match="if each column is a series: changepoint batch --wide"):
        read(tmp_path / "t.csv")
    assert read(tmp_path / "t.csv", count="south").count.tolist() == [2, 2]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"wide": "sums"}, "count, rate, value or nothing, not 'sums'"),
        ({"wide": True, "columns": {"count": "north"}}, "leave out count"),
        ({"wide": True, "columns": {"trials": "visits"}}, "one number only"),
        ({"wide": True, "by": "shop"}, "give one"),
    ],
)
def test_options_that_do_not_fit(tmp_path, told, message):
    with pytest.raises((ModelError, DataError), match=message):
        batch.run(tmp_path, None, tmp_path / "out", **told)
