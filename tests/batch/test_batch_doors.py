"""A table has the same series, in whatever kind of file it stands."""

import contextlib
import gzip
import io
import json
import sqlite3
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import openpyxl
import pandas as pd
import pytest

from changepoint import DataError
from changepoint.batch.inputs import find
from changepoint.batch.loading import load
from changepoint.batch.plan import Settings, plan
from changepoint.reading.doors import Choice

ROWS = [
    (f"2024-01-{day:02d}", shop, 3 + day % 4 + k, 50 + day)
    for k, shop in enumerate(("north", "south", "west"))
    for day in range(1, 21)
]
HEADER = ("date", "shop", "count", "trials")


def as_csv(rows=ROWS, header=HEADER):
    return "\n".join(",".join(map(str, row)) for row in (header, *rows)).encode() + b"\n"


def series_of(files, **told):
    """Return the series of a batch as it plans and loads them, without a fit."""
    settings = Settings.of({}, **told)
    found = {}
    for job in plan([str(file) for file in files], settings, fast=True):
        loaded = load(job, settings)
        for i, name in enumerate(loaded.names):
            found[name] = loaded.observations(i, job.first)
    return found


def same(one, other):
    np.testing.assert_array_equal(one.time, other.time)
    np.testing.assert_array_equal(one.count, other.count)
    np.testing.assert_array_equal(one.trials, other.trials)
    assert (one.columns, one.warnings) == (other.columns, other.warnings)


def database(kind):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "it")
        with contextlib.closing(kind.connect(path)) as connection:
            connection.execute("create table t (date text, shop text, count int, trials int)")
            connection.executemany("insert into t values (?, ?, ?, ?)", ROWS)
            connection.commit()
        return path.read_bytes()


def workbook():
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in (HEADER, *ROWS):
        book.active.append(row)
    book.save(content)
    return content.getvalue()


RECORDS = [dict(zip(HEADER, row, strict=True)) for row in ROWS]
KINDS = {
    "table.csv.gz": gzip.compress(as_csv()),
    "table.json": json.dumps(RECORDS).encode(),
    "lite.db": database(sqlite3),
    "sheet.xlsx": workbook(),
    "duck.db": database(duckdb),
    "table.jsonl.gz": gzip.compress("\n".join(map(json.dumps, RECORDS)).encode()),
}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "table.csv"
    path.write_bytes(as_csv())
    return series_of([path], by="shop")


@pytest.mark.parametrize("name", KINDS)
def test_the_series_of_a_long_table(tmp_path, expected, name):
    (tmp_path / name).write_bytes(KINDS[name])
    place = tmp_path / name if name.endswith(".db") else tmp_path  # a database must be named
    (file,) = find([place], tmp_path / "out").files
    found = series_of([file], by="shop")
    assert list(found) == list(expected)
    for shop, observations in found.items():
        same(observations, expected[shop])


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_says_so_once(tmp_path, name):
    (tmp_path / name).write_bytes(KINDS[name][:-12])
    with pytest.raises(DataError, match=name):
        series_of([tmp_path / name], by="shop")


@pytest.mark.parametrize("told", [{"by": "shop"}, {"wide": ""}, {}])
def test_a_choice_is_refused_where_there_is_none(tmp_path, told):
    pd.DataFrame(ROWS, columns=HEADER).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"a query is for databases.*this is a Parquet file"):
        series_of([tmp_path / "t.parquet"], choice=Choice("select 1"), **told)


def test_keys_are_told_to_the_last_digit(tmp_path):
    rows = [{"year": 2000 + i, "shop": 2**60 + i % 2, "count": i} for i in range(20)]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    assert list(series_of([tmp_path / "t.json"], by="shop")) == [str(2**60), str(2**60 + 1)]
