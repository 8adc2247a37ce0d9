"""Databases: which table is read, what is refused, and that nothing is written to them."""

import contextlib
import gzip
import shutil
import sqlite3
import sys

import duckdb
import pytest

from changepoint import DataError, DataWarning, read, read_parquet

CREATE = (
    "create table sales (day text, shop text, n bigint)",
    "create view daily as select day as date, sum(n) as count from sales group by day",
    'create table "a b" ("order" double)',
)
ROWS = [(f"2024-01-{day:02d}", shop, day % 5) for day in range(1, 21) for shop in "ab"]
COUNTS = [2.0 * (day % 5) for day in range(1, 21)]


def connect(path):
    return (duckdb if path.suffix == ".duckdb" else sqlite3).connect(path)


@pytest.fixture(params=["shop.duckdb", "shop.sqlite"])
def shop(request, tmp_path):
    """A database of two tables and a view."""
    path = tmp_path / request.param
    with contextlib.closing(connect(path)) as connection:
        for statement in CREATE:
            connection.execute(statement)
        connection.executemany("insert into sales values (?, ?, ?)", ROWS)
        connection.commit()
    return path


def test_a_query_is_answered_and_nothing_written(shop):
    before = shop.read_bytes()
    own = "select day as date, sum(n) as count from sales group by day order by day"
    found = read(shop, query=own)
    again = read(shop, query="select * from daily order by date -- every day")
    assert found.count.tolist() == again.count.tolist() == COUNTS
    assert found.label(0) == "2024-01-01"
    assert shop.read_bytes() == before
    assert [path.name for path in shop.parent.iterdir()] == [shop.name]


def test_without_a_query_the_tables_are_listed(shop):
    with pytest.raises(DataError, match=r'3 tables and views, "a b", daily, sales') as caught:
        read(shop)
    assert "--query 'select date, count from " in str(caught.value)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select * from sale", "sale.*it has"),
        ("select nn from sales", "nn.*it has"),
        ("selec", "syntax error.*it has"),
        ("", "can't be answered.*it has"),
        ("select 1; select 2", "can't be answered: .*statement"),
        ("select n, n from sales", "same name, 'n'"),
        ("select day, n as price from sales", "no column has a name that means a response"),
        ("delete from sales", "can't be answered"),
        ("create table more (x integer)", "can't be answered"),
        ("drop table sales", "can't be answered"),
        ("attach 'other.db' as other", "can't be answered"),
        ("select count(*) as count from read_csv('shop.csv')", "can't be answered"),
        ("copy sales to 'out.csv'", "can't be answered"),
        ("vacuum into 'out.db'", "can't be answered"),
        ("pragma user_version = 5", "can't be answered"),
    ],
)
def test_what_cannot_be_asked_is_said_with_the_tables(shop, monkeypatch, query, message):
    monkeypatch.chdir(shop.parent)
    before = shop.read_bytes()
    with pytest.raises(DataError, match=message) as caught:
        read(shop, query=query)
    assert str(caught.value).startswith(f"{shop}: ")
    assert "\n" not in str(caught.value)
    assert shop.read_bytes() == before
    assert [path.name for path in shop.parent.iterdir()] == [shop.name]


@pytest.mark.parametrize("cut", [20, 3000, 5000])
def test_a_damaged_database_is_one_error(shop, cut):
    shop.write_bytes(shop.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"can't be read.*damaged|it has no tables"):
        read(shop, query="select * from sales")


def test_an_empty_database_has_no_tables(tmp_path):
    for name in ("none.duckdb", "none.sqlite"):
        path = tmp_path / name
        with contextlib.closing(connect(path)) as connection:
            connection.execute("create table t (x integer)")
            connection.execute("drop table t")
        with pytest.raises(DataError, match="has no tables"):
            read(path)
    (tmp_path / "zero.db").write_bytes(b"")
    with pytest.raises(DataError, match="no DuckDB or SQLite database"):
        read(tmp_path / "zero.db")


def test_kinds_are_told_by_content(shop):
    path = shop.with_name("50% of #1.csv")
    shutil.copy(shop, path)
    assert read(path, query="select * from daily order by date").count.tolist() == COUNTS
    with pytest.raises(DataError, match="on another system"):
        read(path.as_uri())
    path.write_bytes(gzip.compress(shop.read_bytes()))
    with pytest.raises(DataError, match="is compressed"):
        read(path)


def test_a_locked_database_is_one_error(tmp_path, monkeypatch):
    monkeypatch.setattr("changepoint.reading.databases._WAIT", 0.1)
    path = tmp_path / "shop.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(CREATE[0])
        connection.execute("begin exclusive")
        with pytest.raises(DataError, match=r"locked.*another program"):
            read(path)
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(CREATE[0])
        with pytest.raises(DataError, match=r"can't be read.*another program"):
            read(path)


def test_types_of_duckdb(tmp_path):
    path = tmp_path / "types.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(
            "create table t as select timestamptz '2024-01-01 12:00:00+02' + i * interval 1 "
            "hour as time, (i * 1.25)::decimal(9, 2) as value, [i] as list, uuid() as id, "
            "{'a': i} as pair, date '290000-01-01' as late, 'x'::enum ('x', 'y') as kind, "
            "interval 1 day as span from range(30) r(i)"
        )
    with pytest.warns(DataWarning):
        found = read(path)
    assert found.value.tolist() == [1.25 * i for i in range(30)]
    assert found.label(0) == "2024-01-01T10:00:00"
    big = read(path, query="select sum(value * 100)::hugeint as count, 1 as year from t")
    assert big.count.tolist() == [54375]
    with pytest.raises(DataError, match=r"column 'list' is of type list.*Convert it first"):
        read(path, value="list")
    with pytest.raises(DataError, match="column 'late'"):
        read(path, time="late")


def test_binary_cells_are_refused(tmp_path):
    path = tmp_path / "blob.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("create table t as select 2024 as year, x'00ff' as count")
        connection.commit()
    with pytest.raises(DataError, match="not binary data"):
        read(path)


def test_a_query_is_for_databases(tmp_path):
    (tmp_path / "t.csv").write_text("year,count\n2024,5\n2025,6\n")
    with pytest.raises(DataError, match="no DuckDB or SQLite database"):
        read(tmp_path / "t.csv", query="select 1")
    with pytest.raises(DataError, match="a query is for databases"):
        read(tmp_path / "t.parquet", query="select 1")
    with pytest.raises(TypeError, match="query"):
        read_parquet(tmp_path / "t.parquet", query="select 1")


def test_without_duckdb_the_extra_is_named(tmp_path, monkeypatch):
    path = tmp_path / "shop.duckdb"
    duckdb.connect(path).close()
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(DataError, match=r"pip install 'changepoint-toolkit\[sql\]'"):
        read(path)
