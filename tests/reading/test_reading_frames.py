"""Frames of pandas, polars, pyarrow and DuckDB, and Parquet files."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from changepoint.errors import DataError, DataWarning
from changepoint.reading import from_frame, read, read_csv, read_parquet

DAYS = [date(2020, 1, day) for day in range(1, 11)]
COUNTS = [*range(1, 10), None]
COLUMNS = {"date": DAYS, "conversions": COUNTS, "visits": [100] * 10, "note": ["?"] * 10}


def relation():
    rows = pa.table(COLUMNS)  # noqa: F841 (DuckDB finds it by its name)
    return duckdb.sql("select * from rows order by date")


FRAMES = {
    "pandas": lambda: pd.DataFrame(COLUMNS),
    "pandas with NA": lambda: pd.DataFrame(COLUMNS).astype({"conversions": "Int64"}),
    "pandas datetime": lambda: pd.DataFrame(COLUMNS).assign(date=pd.to_datetime(DAYS)),
    "pandas categorical": lambda: pd.DataFrame(COLUMNS).astype({"visits": "category"}),
    "pandas arrow": lambda: pa.table(COLUMNS).to_pandas(types_mapper=pd.ArrowDtype),
    "pandas index": lambda: pd.DataFrame(COLUMNS).set_index("date"),
    "pandas unnamed index": lambda: pd.DataFrame(
        {"count": COUNTS, "n": 100}, index=pd.DatetimeIndex(DAYS)
    ),
    "pandas periods": lambda: pd.DataFrame(
        {"count": COUNTS, "n": 100}, index=pd.period_range("2020-01-01", periods=10, freq="D")
    ),
    "pandas text": lambda: pd.DataFrame(COLUMNS).astype(str),
    "pandas Decimal": lambda: pd.DataFrame(
        COLUMNS | {"conversions": [None if c is None else Decimal(c) for c in COUNTS]}
    ),
    "pandas mixed": lambda: pd.DataFrame(
        COLUMNS | {"conversions": [1, "2", 3.0, Decimal(4), "5", 6, 7, 8, 9, pd.NA]}
    ),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "polars lazy": lambda: pl.LazyFrame(COLUMNS),
    "polars datetime": lambda: pl.DataFrame(COLUMNS).with_columns(
        pl.col("date").cast(pl.Datetime)
    ),
    "polars text": lambda: pl.DataFrame(COLUMNS).cast(pl.String),
    "pyarrow": lambda: pa.table(COLUMNS),
    "pyarrow binary": lambda: pa.table(
        COLUMNS | {"conversions": pa.array([b"%d" % c for c in range(1, 10)] + [None])}
    ),
    "pyarrow dictionary": lambda: pa.table(
        COLUMNS | {"visits": pa.array(["100"] * 10).dictionary_encode()}
    ),
    "DuckDB": relation,
}


def check(observations):
    assert observations.label(0) == "2020-01-01" and observations.label(9) == "2020-01-10"
    np.testing.assert_array_equal(observations.count, [*range(1, 10), np.nan])
    assert observations.trials.tolist() == [100] * 10
    assert observations.lines.tolist() == list(range(1, 11))
    assert observations.warnings == ()


@pytest.mark.parametrize("kind", FRAMES)
def test_every_kind_of_frame(kind):
    observations = from_frame(FRAMES[kind]())
    check(observations)
    assert observations.file is None


@pytest.mark.parametrize("kind", [kind for kind in FRAMES if kind.startswith("pyarrow")])
def test_parquet(kind, tmp_path):
    path = tmp_path / "table.parquet"
    parquet.write_table(FRAMES[kind](), path)
    for reader in (read, read_parquet):
        observations = reader(path)
        check(observations)
        assert observations.file == str(path)


def test_parquet_equals_csv(tmp_path):
    path = tmp_path / "table.pq"
    pd.read_csv("data/nyc_flights_2013.csv").to_parquet(path)
    columns = {"count": "cancelled", "trials": "scheduled"}
    text = read_csv("data/nyc_flights_2013.csv", **columns)
    assert read(path, **columns).fingerprint() == text.fingerprint()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_units_of_time_stamps(unit):
    stamps = pa.array([datetime(2020, 1, 1), datetime(2020, 1, 2)], pa.timestamp(unit))
    observations = from_frame(pa.table({"time": stamps, "value": [1.5, 2.5]}))
    assert observations.label(1) == "2020-01-02"
    assert observations.time.dtype == np.dtype("datetime64[us]")


def test_days_of_a_time_zone_stay_days():
    days = pd.date_range("2020-03-28", periods=4, tz="Europe/Vienna")
    with pytest.warns(DataWarning, match="Europe/Vienna were kept as dates"):
        observations = from_frame(pd.DataFrame({"date": days, "value": 1.0}))
    assert observations.label(3) == "2020-03-31"


def test_hours_of_a_time_zone_become_utc():
    hours = pd.date_range("2020-03-29", periods=4, tz="Europe/Vienna", freq="h")
    with pytest.warns(DataWarning, match="Europe/Vienna were converted to UTC"):
        observations = from_frame(pd.DataFrame({"time": hours, "value": 1.0}))
    assert observations.label(0) == "2020-03-28T23:00:00"


def test_utc_says_nothing():
    hours = pd.date_range("2020-03-29", periods=4, tz="UTC", freq="h")
    assert from_frame(pd.DataFrame({"time": hours, "value": 1.0})).warnings == ()


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([True, False, True], [1, 0, 1]),
        ([1.5, None, float("inf")], [1.5, np.nan, np.inf]),
        (np.array([1, 2, 3], np.uint8), [1, 2, 3]),
        (np.array([1, 2, 3], np.float32), [1, 2, 3]),
        (["1,5", "", "2,25"], [1.5, np.nan, 2.25]),
        ([None, None, None], [np.nan] * 3),
    ],
)
def test_numbers(cells, expected):
    for frame in (pd.DataFrame({"value": cells}), pl.DataFrame({"value": cells}, strict=False)):
        np.testing.assert_array_equal(from_frame(frame).value, expected)


def test_years_and_eight_digits():
    assert from_frame(pd.DataFrame({"year": [1900, 1901], "y": 1.0})).label(1) == "1901"
    frame = pd.DataFrame({"date": [20200101, 20200102], "y": 1.0})
    assert from_frame(frame).label(1) == "2020-01-02"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"time": [timedelta(1), timedelta(2)], "y": [1.0, 2.0]}, "duration"),
        ({"y": [timedelta(1), timedelta(2)]}, "duration"),
        ({"y": [[1], [2]]}, "list"),
        ({"y": [date(2020, 1, 1)] * 2}, "numbers were expected"),
        ({"y": ["1", "x"]}, "line 2.*'x'"),
        ({"date": [None, date(2020, 1, 1)], "y": [1.0, 2.0]}, "line 1.*missing"),
        ({"time": [None, 1.0], "y": [1.0, 2.0]}, "line 1.*finite"),
        (
            {"date": ["01/02/2020", "02/03/2020"], "y": [1.0, 2.0]},
            "Convert the column to dates",
        ),
        ({"a": [1.0], "b": [2.0]}, "'a', 'b'"),
    ],
)
def test_what_cant_be_read_is_a_data_error(columns, message, tmp_path):
    for frame in (
        pl.DataFrame(columns),
        pl.LazyFrame(columns),
        pl.DataFrame(columns).to_arrow(),
    ):
        with pytest.raises(DataError, match=message):
            from_frame(frame)
    pl.DataFrame(columns).write_parquet(tmp_path / "table.parquet")
    with pytest.raises(DataError, match=message) as caught:
        read_parquet(tmp_path / "table.parquet")
    assert "table.parquet" in str(caught.value)


@pytest.mark.parametrize(
    "thing", [None, 5, "data/nile.csv", {"y": [1.0]}, [1.0], np.ones(3), pd.Series([1.0])]
)
def test_other_things_are_no_frames(thing):
    with pytest.raises(DataError, match="expected a data frame"):
        from_frame(thing)


def test_odd_frames_are_data_errors():
    with pytest.raises(DataError):
        from_frame(pd.DataFrame([[1, 2]], columns=["y", "y"]))
    with pytest.raises(DataError, match="'0', '1'"):
        from_frame(pd.DataFrame([[1, 2]]))
    with pytest.raises(DataError):
        from_frame(pd.DataFrame(columns=pd.MultiIndex.from_tuples([("y", "a"), ("y", "b")])))
    with pytest.raises(DataError, match="can't be computed"):
        from_frame(duckdb.sql("select cast(word as double) as y from (values ('x')) t(word)"))


def test_columns_with_other_names_than_text():
    frame = pd.DataFrame({2020: [1.0, 2.0]})
    assert from_frame(frame, value="2020").value.tolist() == [1, 2]


def test_an_index_never_competes_with_a_time_column():
    frame = pd.DataFrame({"date": DAYS, "y": 1.0}, index=pd.Index(range(10), name="day"))
    assert from_frame(frame).columns["time"] == "date"


def test_empty_frames():
    assert len(from_frame(pl.DataFrame({"date": [], "y": []}))) == 0
    assert len(from_frame(pd.DataFrame({"date": [], "y": []}))) == 0
    assert len(from_frame(pl.DataFrame(schema={"date": pl.String, "y": pl.Date}))) == 0


def test_grid_and_aggregate_work_on_frames():
    frame = pl.DataFrame(COLUMNS).filter(pl.col("date") != date(2020, 1, 5))
    with pytest.warns(DataWarning, match=r"^1 row is absent.*2020-01-05"):
        assert len(from_frame(frame)) == 10
    with (
        pytest.warns(DataWarning, match="1 partial week left out.*2020-01-06"),
        pytest.warns(DataWarning, match="1 partial week kept.*2019-12-30"),
    ):
        sums = from_frame(pl.DataFrame(COLUMNS).drop_nulls(), aggregate="week")
    assert sums.count.tolist() == [15]


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"date,y\n1,2\n"]
)
def test_broken_parquet_files(tmp_path, content):
    path = tmp_path / "table.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match="parquet"):
        read_parquet(path)


def test_damaged_parquet_pages(tmp_path):
    path = tmp_path / "table.parquet"
    parquet.write_table(pa.table({"y": np.random.default_rng(0).normal(size=1000)}), path)
    content = bytearray(path.read_bytes())
    content[4:60] = bytes(56)
    path.write_bytes(content)
    with pytest.raises(DataError, match="parquet"):
        read_parquet(path)


def test_absent_parquet_files(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_parquet(tmp_path / "absent.parquet")
    with pytest.raises(DataError, match="folder"):
        read_parquet(tmp_path)


def through_csv(rows, path):
    pl.DataFrame(rows).write_csv(path / "t.csv")
    return read(path / "t.csv")


def through_json(rows, path):
    (path / "t.json").write_text(pl.DataFrame(rows).write_json())
    return read(path / "t.json")


def through_parquet(rows, path):
    pl.DataFrame(rows).write_parquet(path / "t.parquet", row_group_size=5)
    return read(path / "t.parquet")


DOORS = {
    "CSV": through_csv,
    "JSON": through_json,
    "Parquet": through_parquet,
    "pandas": lambda rows, path: from_frame(pd.DataFrame(rows)),
    "polars": lambda rows, path: from_frame(pl.DataFrame(rows)),
    "lazy": lambda rows, path: from_frame(pl.LazyFrame(rows)),
    "pyarrow": lambda rows, path: from_frame(pa.table(rows)),
}
TEXTS = [str(day) for day in DAYS]


@pytest.mark.parametrize("door", DOORS)
def test_rows_below_the_data_are_left_out_through_every_door(door, tmp_path):
    rows = {"date": [*TEXTS, "Total", "Source: sales"], "shop": ["a"] * 11 + [None]}
    rows["count"] = [*range(1, 11), 55, None]
    with pytest.warns(DataWarning, match=r"a footer.*Total a 55\), line 1[23] \(Source: sales"):
        observations = DOORS[door](rows, tmp_path)
    assert len(observations) == 10 and observations.count.sum() == 55


@pytest.mark.parametrize("door", DOORS)
def test_a_tag_column_is_told_through_every_door(door, tmp_path):
    rows = {"date": TEXTS * 2, "count": [*range(20)], "shop": ["a"] * 10 + ["b"] * 10}
    with pytest.raises(DataError, match=r"2 series, told apart by column 'shop'.*batch --by"):
        DOORS[door](rows, tmp_path)


def test_parquet_is_read_by_columns_and_row_groups(tmp_path):
    days = pl.date_range(date(2020, 1, 1), date(2024, 12, 31), eager=True)
    rows = pl.DataFrame({"z": [[1]] * len(days), "day": days, "n": range(len(days))})
    rows = rows.with_columns(other=pl.Series(["x"] * 1700 + ["2"] * (len(days) - 1700)))
    for size in (50, 700, 10_000):
        rows.write_parquet(tmp_path / "t.parquet", row_group_size=size)
        observations = read(tmp_path / "t.parquet", value="n")
        assert observations.value.tolist() == [*range(len(days))]
        assert observations.label(1000) == str(days[1000])
