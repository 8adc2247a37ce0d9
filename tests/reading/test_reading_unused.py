"""Columns dropped: dates without a known name, parts of a date, tags, headers that are rows."""

from datetime import date, timedelta

import numpy as np
import pytest

from changepoint import from_frame, read_parquet
from changepoint.errors import DataError, DataWarning
from changepoint.reading import read as read_any
from changepoint.reading.long import long_file

DAYS = [date(2024, 2, 27) + timedelta(days=day) for day in range(20)]
FORMS = ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y%m%d", "%b %d, %Y"]


def table(header, *columns):
    rows = zip(*columns, strict=True)
    return "\n".join(["\t".join(map(str, row)) for row in [header, *rows]]) + "\n"


@pytest.mark.parametrize("form", FORMS)
def test_the_only_column_of_dates_is_the_time(reads, form):
    days = [day.strftime(form) for day in DAYS]
    text = table(["label", "Week ending", "count"], ["a"] * 20, days, range(20))
    with pytest.warns(DataWarning, match="'Week ending' is the only one of dates: used as the"):
        found = reads(text)
    assert found.time.astype("datetime64[D]").tolist() == DAYS
    assert found.columns["time"] == "Week ending"


@pytest.mark.parametrize("cohorts", [1, 3])
def test_dates_that_repeat_are_no_time_unless_told(reads, cohorts):
    cohort = [f"2024-0{row % cohorts + 1}" for row in range(20)]
    text = table(["cohort", "count"], cohort, [3, 4] * 10)
    with pytest.warns(DataWarning, match="the dates in column 'cohort' repeat"):
        assert reads(text, count="count").time is None


def test_of_several_columns_of_dates_none_is_taken_and_that_is_said(reads):
    text = table(["opened at", "closed at", "count"], DAYS, DAYS, range(20))
    with pytest.warns(DataWarning, match="no time: columns 'opened at', 'closed at' hold"):
        found = reads(text, count="count")
    assert found.time is None
    assert reads(text, count="count", time="closed at").time[0] == np.datetime64(DAYS[0])


def test_numbers_without_a_role_are_listed_unless_the_response_was_told(reads):
    columns = (range(20), DAYS, range(20), [1.5] * 20, ["x"] * 20, DAYS)
    text = table(["", "date", "count", "price", "note", "shipped"], *columns)
    with pytest.warns(DataWarning) as caught:
        reads(text)
    assert [str(each.message).split(": ", 1)[1] for each in caught] == [
        "columns not used: 'price' (numbers), 'shipped' (dates)"
    ]
    assert reads(text, count="count").warnings == ()


def test_frames_and_parquet_files_alike(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"ending": map(str, DAYS), "count": range(20), "price": 2.5})
    frame.assign(ending=pandas.to_datetime(frame.ending)).to_parquet(tmp_path / "a.parquet")
    for read in (lambda: from_frame(frame), lambda: read_parquet(tmp_path / "a.parquet")):
        with pytest.warns(DataWarning) as caught:
            found = read()
        assert found.time.astype("datetime64[D]").tolist() == DAYS
        said = " ".join(str(each.message) for each in caught)
        assert "'ending' is the only one" in said
        assert "not used: 'price'" in said


def test_a_footer_below_them_is_left_out(reads):
    text = table(["label", "ending", "count"], ["a"] * 20, DAYS, range(20)) + "\tTotal\t190\n"
    with pytest.warns(DataWarning) as caught:
        assert len(reads(text)) == 20
    assert "left out as a footer" in str(caught[1].message)


@pytest.mark.parametrize(
    ("names", "forms"),
    [
        (["year", "month", "day"], ["%Y", "%m", "%d"]),
        (["Tag", "Monat", "Jahr"], ["%d", "%m", "%Y"]),
        (["month", "day_of_month", "YEAR"], ["%B", "%d", "%Y"]),
        (["année", "mois", "jour"], ["%Y", "%m", "%d"]),
    ],
)
def test_year_month_and_day_are_joined(reads, names, forms):
    columns = [[day.strftime(form) for day in DAYS] for form in forms]
    with pytest.warns(DataWarning, match="were joined: they are the time"):
        found = reads(table([*names, "count"], *columns, range(20)))
    assert found.time.astype("datetime64[D]").tolist() == DAYS


@pytest.mark.parametrize(
    ("names", "rows", "expected"),
    [
        (["year", "month"], [[2023, 12], [2024, 1]], ["2023-12-01", "2024-01-01"]),
        (["year", "week"], [[2024, 1], [2024, 2]], ["2024-01-01", "2024-01-08"]),
        (["year", "quarter"], [[2023, "Q4"], [2024, "Q1"]], ["2023-10-01", "2024-01-01"]),
    ],
)
def test_coarser_dates_are_joined_too(reads, names, rows, expected):
    with pytest.warns(DataWarning, match="were joined"):
        found = reads(table([*names, "count"], *zip(*rows, strict=True), [1, 2]))
    assert found.time.astype("datetime64[D]").astype(str).tolist() == expected


def test_parts_of_a_date_can_be_told(reads):
    parts = ([getattr(day, part) for day in DAYS] for part in ("year", "month", "day"))
    text = table(["y4", "m2", "d2", "count"], *parts, range(20))
    with pytest.warns(DataWarning, match="'y4', 'm2', 'd2' were joined"):
        found = reads(text, time="y4, m2,d2")
    assert found.time.astype("datetime64[D]").tolist() == DAYS
    with pytest.raises(DataError, match="no column 'x', asked for as time"):
        reads(text, time="y4,x")


def test_an_impossible_date_of_parts_is_named(reads):
    text = "year,month,day,count\n2023,2,28,1\n2023,2,29,2\n2023,3,1,3\n"
    with pytest.raises(DataError, match=r"line 3, column 'year, .*, value '2023-02-29'"):
        reads(text)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("2024-01-01,5\n2024-01-02,6\n", {}),
        ("2024-01-01,5\n2024-01-02,6\n", {"time": "2024-01-01", "count": "5"}),
        ("a,2024-01-01,5\nb,2024-01-02,6\n", {"time": "2024-01-01", "count": "5"}),
        ("1,5\n2,6\n", {"count": "5"}),
    ],
)
def test_a_row_is_no_header(reads, text, asked):
    with pytest.raises(DataError, match="line 1 looks like data") as caught:
        reads(text, **asked)
    assert "header" in str(caught.value)


SHOPS = "".join(f"{day},{shop},{i}\n" for i, day in enumerate(DAYS) for shop in ("kiel", "ulm"))


def test_series_told_apart_by_a_tag_are_said(reads):
    text = "date,shop,count\n" + SHOPS
    with pytest.raises(DataError, match=r"2 series, .* 'shop' \('kiel', 'ulm'\).*--by shop"):
        reads(text)
    with pytest.warns(DataWarning, match="rows of 2 series, .*, were summed"):
        found = reads(text, aggregate="day")
    assert found.count.tolist() == [2 * i for i in range(20)]


def test_other_columns_are_no_tags(reads):
    text = "date,amount,count\n2024-01-01,3.5,1\n2024-01-01,3.5,2\n2024-01-02,4.5,3\n"
    with pytest.warns(DataWarning, match="not used: 'amount'"):
        assert len(reads(text)) == 3


def test_tags_are_found_where_no_time_is(reads):
    days = sorted(DAYS[:10] * 2)
    ends = [day + timedelta(days=6) for day in days]
    text = table(["begins", "ends", "virus", "count"], days, ends, ["A", "B"] * 10, range(20))
    with pytest.raises(DataError, match="2 series, told apart by column 'virus'"):
        reads(text, count="count")
    text = table(["begins", "ends", "virus", "count"], DAYS, DAYS, ["A", "B"] * 10, range(20))
    with pytest.warns(DataWarning, match="no time"):
        assert len(reads(text, count="count")) == 20


@pytest.mark.parametrize("years", [["1990", "1991", "1992"], ["2020-01", "2020-02", "2020-03"]])
def test_times_that_are_the_columns_are_told(tmp_path, years):
    path = tmp_path / "t.csv"
    path.write_text(table(["country", *years], ["A", "B"], *([5, 6] for _ in years)))
    told = f"columns '{years[0]}'.*are times.*turn the table"
    with pytest.raises(DataError, match=told):
        read_any(path)
    with pytest.raises(DataError, match=told):
        long_file(str(path), (), {"wide": "count"})


def test_dates_that_repeat_dont_hide_the_time(reads):
    cohort = ["2024-02"] * 10 + ["2024-03"] * 10
    text = table(["cohort", "begun", "count"], cohort, DAYS, range(20))
    with pytest.warns(DataWarning) as caught:
        assert reads(text).columns["time"] == "begun"
    assert "'begun' is the only one of dates that differ" in str(caught[0].message)


@pytest.mark.parametrize("time", ["date", "seen"])
def test_several_columns_tell_series_apart(reads, time):
    days, half = [day for day in DAYS for _ in range(4)], [DAYS[0]] * 80
    shops, kinds = ["a", "a", "b", "b"] * 20, ["x", "y"] * 40
    header = ["printed", time, "shop", "kind", "land", "count"]
    text = table(header, half, days, shops, kinds, ["DE"] * 80, range(80))
    told = r"4 series, told apart by column 'shop,kind' \('a, x', 'a, y'.*--by shop,kind"
    with pytest.raises(DataError, match=told):
        reads(text, count="count")
