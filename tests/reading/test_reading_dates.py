"""Dates in all ways of writing, each decided from the whole column."""

import warnings

import numpy as np
import pytest

from changepoint.errors import DataError, DataWarning


def times(reads, cells, header="date", **options):
    """Read a column of times; what the grid has to say about them is tested elsewhere."""
    text = f"{header}|count\n" + "".join(f"{cell}|1\n" for cell in cells)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*(irregular|reverse|absent)", DataWarning)
        observations = reads(text, **options)
    if observations.time.dtype.kind == "f":
        return observations.time.tolist()
    return [str(np.datetime_as_string(time, unit="auto")) for time in observations.time]


def test_unsorted_rows_stay_in_place(reads):
    assert times(reads, ["2020-01-02", "2020-01-01", "2020-01-03"])[0] == "2020-01-02"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2020-01-31", "2020-02-01"], ["2020-01-31", "2020-02-01"]),
        (["2020-1-5", "2020-01-06"], ["2020-01-05", "2020-01-06"]),
        (["2020/01/31", "2020/2/1"], ["2020-01-31", "2020-02-01"]),
        (
            ["2020-01-31T10:20", "2020-01-31 10:20:30.5"],
            ["2020-01-31T10:20", "2020-01-31T10:20:30.500"],
        ),
        (["2020-01-31", "2020-01-31 10:20"], ["2020-01-31", "2020-01-31T10:20"]),
        (
            ["2020-01-31T10:20Z", "2020-01-31T10:21:00Z"],
            ["2020-01-31T10:20", "2020-01-31T10:21"],
        ),
        (["2020-01", "2020-12"], ["2020-01-01", "2020-12-01"]),
        (["2020-W01", "2020-W53"], ["2019-12-30", "2020-12-28"]),
        (["2020-W01-3", "2020W02"], ["2020-01-01", "2020-01-06"]),
        (["2020Q1", "2020-Q4", "2021 q2"], ["2020-01-01", "2020-10-01", "2021-04-01"]),
        (["Q1 2020", "Q3 2020"], ["2020-01-01", "2020-07-01"]),
        (["20200131", "20200201"], ["2020-01-31", "2020-02-01"]),
        (["31/01/2020", "01/02/2020"], ["2020-01-31", "2020-02-01"]),
        (["01/31/2020", "02/01/2020"], ["2020-01-31", "2020-02-01"]),
        (["1.2.2020", "2.2.2020"], ["2020-02-01", "2020-02-02"]),
        (["1.31.2020", "2.1.2020"], ["2020-01-31", "2020-02-01"]),
        (["13/2/69", "13/2/68"], ["1969-02-13", "2068-02-13"]),
        (["01/01/2020", "02/02/2020"], ["2020-01-01", "2020-02-02"]),
        (
            ["31/01/2020 9:05", "01/02/2020 21:05:30"],
            ["2020-01-31T09:05", "2020-02-01T21:05:30"],
        ),
        (["1/31/2020 12:05 AM", "1/31/2020 1:05 pm"], ["2020-01-31T00:05", "2020-01-31T13:05"]),
        (["1 Jan 2020", "2 February 2020"], ["2020-01-01", "2020-02-02"]),
        (["1-Jan-20", "2-Sept-20"], ["2020-01-01", "2020-09-02"]),
        (["Jan 2020", "September 2020"], ["2020-01-01", "2020-09-01"]),
        (["Jan-20", "May-21"], ["2020-01-01", "2021-05-01"]),
        (["January 5, 2020", "Feb 6, 2020"], ["2020-01-05", "2020-02-06"]),
        (["Mon, Jan 6 2020", "Tuesday Jan 7 2020 10:00"], ["2020-01-06", "2020-01-07T10:00"]),
        (["Mon 6 Jan 2020", "7th Jan 2020"], ["2020-01-06", "2020-01-07"]),
        (["2020 Jan", "2020 Feb"], ["2020-01-01", "2020-02-01"]),
        (["1841", "1842"], [1841, 1842]),
        (["0,5", "1,5"], [0.5, 1.5]),
        (["-1", "0", "2.5"], [-1, 0, 2.5]),
        (["99999998", "99999999"], [99999998, 99999999]),
    ],
)
def test_ways_of_writing(reads, cells, expected):
    assert times(reads, cells) == expected


def test_months_as_six_digits_only_under_that_name(reads):
    assert times(reads, ["202001", "202002"], "month") == ["2020-01-01", "2020-02-01"]
    assert times(reads, ["202001", "202002"], "time") == [202001, 202002]


def test_eight_digits_are_numbers_unless_all_are_dates(reads):
    assert times(reads, ["20200101", "20209999"], "time") == [20200101, 20209999]
    with pytest.raises(DataError, match=r"line 4.*'20201301'.*YYYYMMDD"):
        times(reads, ["20200101", "20200102", "20201301"], "date")


@pytest.mark.parametrize(
    ("cells", "formats"),
    [
        (["01/02/2020", "02/02/2020"], "'%d/%m/%Y' or '%m/%d/%Y'"),
        (["31-01-20", "01-02-20"], "'%d-%m-%y' or '%y-%m-%d'"),
        (["1-2-20", "2-2-20"], "'%d-%m-%y' or '%m-%d-%y'"),
        (["01/02/2020 10:00:00"], "'%d/%m/%Y %H:%M:%S' or '%m/%d/%Y %H:%M:%S'"),
        (["01/02/2020 10:00 PM"], "'%d/%m/%Y %I:%M %p' or '%m/%d/%Y %I:%M %p'"),
    ],
)
def test_an_unclear_order_asks_for_the_format(reads, cells, formats):
    with pytest.raises(DataError, match=f"line 2.*--date-format {formats}"):
        times(reads, cells)
    for form in formats.split(" or "):
        assert len(times(reads, cells, date_format=form.strip("'"))) == len(cells)


@pytest.mark.parametrize("size", [1, 10**3, 10**6, 10**9])
def test_numbers_since_1970_are_times_and_said(reads, size):
    days = np.arange("2024-01-01", "2024-01-15", dtype="datetime64[D]")
    rows = [f"{int(day.astype('datetime64[s]').astype(int)) * size},5" for day in days]
    with pytest.warns(DataWarning, match="seconds since 1970, in UTC"):
        observations = reads("time,count\n" + "\n".join(rows))
    assert observations.time.astype("datetime64[D]").tolist() == days.tolist()


def test_date_format_decides(reads):
    cells = ["01/02/2020", "02/02/2020"]
    assert times(reads, cells, date_format="%d/%m/%Y") == ["2020-02-01", "2020-02-02"]
    assert times(reads, cells, date_format="%m/%d/%Y") == ["2020-01-02", "2020-02-02"]
    assert times(reads, ["1.2.20 1:00 +0000"], date_format="%d.%m.%y %H:%M %z") == [
        "2020-02-01T01:00"
    ]
    assert times(reads, ["2020", "2021"], date_format="%Y") == ["2020-01-01", "2021-01-01"]
    with pytest.raises(DataError, match=r"line 3.*'x'.*%d/%m/%Y"):
        times(reads, ["01/02/2020", "x", "01/03/2020"], date_format="%d/%m/%Y")


@pytest.mark.parametrize("form", ["%d/%m", "%Q", "dd/mm/yyyy", "", "%"])
def test_a_useless_date_format_is_refused(reads, form):
    with pytest.raises(DataError, match=r"date format.*strptime"):
        times(reads, ["01/02/2020"], date_format=form)


@pytest.mark.parametrize(
    ("cells", "bad"),
    [
        (["2020-01-31", "2020-02-30", "2020-03-01"], "2020-02-30"),
        (["2020-01-31", "", "2020-03-01"], ""),
        (["2020-01-31", "NA", "2020-03-01"], "NA"),
        (["2020-01-31", "2020-02", "2020-03-01"], "2020-02"),
        (["2020-01-31", "soon", "2020-03-01"], "soon"),
        (["2020-01-31", "2020-01-31 25:00", "2020-03-01"], "2020-01-31 25:00"),
        (["13/01/2020", "31/02/2020", "14/01/2020"], "31/02/2020"),
        (["13/01/2020", "01/14/2020", "14/01/2020"], "01/14/2020"),
        (["1841", "184x", "1843"], "184x"),
        (["1841", "inf", "1843"], "inf"),
        (["2020-W52", "2021-W53", "2022-W01"], "2021-W53"),
        (["2020-01-01T10:00Z", "2020-01-01T11:00", "2020-01-01T12:00Z"], "2020-01-01T11:00"),
        (["0001-01-01T00:00-01:00", "0000-01-01", "0001-01-03T00:00-01:00"], "0000-01-01"),
        (["Jan 2020", "Januar 2020", "Mar 2020"], "Januar 2020"),
    ],
)
def test_bad_dates_are_problems(reads, cells, bad):
    with pytest.raises(DataError, match="line 3") as caught:
        times(reads, cells)
    assert [row.value for row in caught.value.rows] == [repr(bad)]


def test_offsets_are_converted_to_utc_and_noted(reads):
    text = "time,count\n2020-01-01T01:30:00+01:00,1\n2020-01-01T03:30+02:00,2\n"
    with pytest.warns(DataWarning, match="converted to UTC"):
        observations = reads(text + "2020-01-01T02:30:00Z,3\n")
    assert [observations.stamp(row) for row in range(3)] == [
        f"2020-01-01T0{hour}:30:00" for hour in range(3)
    ]


def test_local_midnights_stay_dates_across_a_change_of_the_clock(reads):
    rows = "2020-03-28T00:00+01:00,1\n2020-03-29T00:00+01:00,2\n2020-03-30T00:00+02:00,3\n"
    with pytest.warns(DataWarning, match="kept as dates"):
        observations = reads("time,count\n" + rows)
    assert observations.label(2) == "2020-03-30"
    assert len(observations) == 3


def test_an_offset_that_leaves_the_calendar_is_an_error(reads):
    with pytest.raises(DataError):
        reads("time,count\n0001-01-01T00:30+01:00,1\n0001-01-02T00:30+01:00,1\n")


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("week", "{}-{:02}"), ("Meldewoche", "{}/{}"), ("year_week", "{}{:02}"),
        ("epiweek", "{} {:02}"), ("KW", "{}-{}"),
    ],
)  # fmt: skip
def test_weeks_are_no_months_in_a_column_of_weeks(reads, header, form):
    weeks = [form.format(year, week) for year, week in ((2020, 51), (2020, 53), (2021, 2))]
    with pytest.warns(DataWarning, match="were read as ISO weeks"):
        found = times(reads, weeks, header, time=header)
    assert found == ["2020-12-14", "2020-12-28", "2021-01-11"]


def test_weeks_that_no_header_tells_are_named_in_the_error(reads):
    for header in ("period", "midweekly"):
        found = times(reads, ["2020-11", "2020-12"], header, time=header)
        assert found == ["2020-11-01", "2020-12-01"]
        with pytest.raises(DataError, match=r"2020-13'.*2020-W05, or stand in a column named"):
            times(reads, ["2020-11", "2020-12", "2020-13"], header, time=header)


def test_weeks_beyond_the_year_are_errors(reads):
    with pytest.raises(DataError, match="'2021-W53'"):
        times(reads, ["2021-51", "2021-52", "2021-53"], header="week")


@pytest.mark.parametrize("form", ["{}/{:02}", "{}-{:02}", "{}/20{:02}", "{}–{:02}"])
def test_seasons_are_years(reads, form):
    seasons = [form.format(year, year - 1999) for year in (2009, 2010, 2011, 2012)]
    with pytest.warns(DataWarning, match="its seasons were read as the years they begin in"):
        assert times(reads, seasons, "season", time="season") == [2009, 2010, 2011, 2012]
    assert times(reads, ["2010-11", "2010-12"], "season", time="season")[0] == "2010-11-01"
