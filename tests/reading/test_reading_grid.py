"""The time grid: order, steps, absent rows."""

from datetime import date, timedelta

import numpy as np
import pytest

from changepoint.errors import DataWarning
from changepoint.reading import read
from changepoint.reading.timegrid import find_grid

GRIDS = {
    "daily": np.arange("2020-01-01", "2020-03-01", dtype="datetime64[D]"),
    "weekly": np.arange(
        "2020-01-06", "2021-01-01", np.timedelta64(7, "D"), dtype="datetime64[D]"
    ),
    "weekday (Monday to Friday)": np.busday_offset("2020-01-06", np.arange(40)),
    "monthly": np.arange("2019-11", "2023-03", dtype="datetime64[M]"),
    "quarterly": np.arange("2010-01", "2020-01", np.timedelta64(3, "M"), dtype="datetime64[M]"),
    "yearly": np.arange("1950-01", "1990-01", np.timedelta64(12, "M"), dtype="datetime64[M]"),
    "6-month": np.arange("1950-01", "1990-01", np.timedelta64(6, "M"), dtype="datetime64[M]"),
    "hourly": np.arange("2020-01-01T05", "2020-01-04T05", dtype="datetime64[h]"),
    "minutely": np.arange("2020-01-01T05:30", "2020-01-01T07:00", dtype="datetime64[m]"),
    "15-minute": np.datetime64("2020-01-01") + np.arange(50) * np.timedelta64(15, "m"),
    "10-second": np.datetime64("2020-01-01") + np.arange(50) * np.timedelta64(10, "s"),
    "2-day": np.datetime64("2020-01-01") + np.arange(50) * np.timedelta64(2, "D"),
    "step-1": np.arange(1900.0, 1960.0),
    "step-0.1": np.array([float(f"{i / 10:.1f}") for i in range(60)]),
    "step-0.0833": np.array([float(f"{1990 + i / 12:.4f}") for i in range(200)]),
}
ENDS = (GRIDS["monthly"] + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(
    1, "D"
)
MIDS = GRIDS["monthly"].astype("datetime64[D]") + np.timedelta64(14, "D")


def exact(times):
    return times if times.dtype.kind == "f" else times.astype("datetime64[us]")


@pytest.mark.parametrize(
    ("step", "times"),
    [*GRIDS.items(), ("monthly", ENDS), ("quarterly", ENDS[1::3]), ("monthly", MIDS)],
)
def test_every_step_is_known_and_absent_rows_are_filled(step, times):
    times = exact(times)
    grid = find_grid(times)
    assert grid.step == step or step == "step-0.0833"
    assert grid.places.tolist() == list(range(len(times)))
    kept = np.setdiff1d(np.arange(len(times)), [3, 4, 9])
    grid = find_grid(times[kept])
    assert grid.places.tolist() == kept.tolist()
    filled = grid.time(np.array([3, 4, 9]))
    if times.dtype.kind == "f":
        assert filled == pytest.approx(times[[3, 4, 9]], abs=1e-4)
    else:
        assert filled.tolist() == times[[3, 4, 9]].tolist()


@pytest.mark.parametrize(
    "times",
    [
        ["2020-01-01", "2020-01-02", "2020-01-03T12:00"],
        ["2020-01-01", "2020-02-01", "2020-03-02"],
        ["2020-01-01", "2021-01-01", "2022-01-01", "2022-06-01"],
    ],
)
def test_times_off_the_grid(times):
    assert find_grid(np.array(times, "datetime64[us]")) is None


@pytest.mark.parametrize("times", [[0.0, 1.0, 2.5], [1.0, 2.0, 1e300], [-1e308, 0.0, 1e308]])
def test_numbers_off_the_grid(times):
    assert find_grid(np.array(times)) is None


def dated(days, first=date(2020, 1, 1)):
    rows = [f"{first + timedelta(days=day)},{day}" for day in days]
    return "\n".join(["date,count", *rows])


def test_semmelweis_lacks_december_1841():
    with pytest.warns(DataWarning, match=r"1 row is absent from the monthly grid.*1841-12-01"):
        observations = read("data/semmelweis.csv")
    assert len(observations) == 99
    assert observations.label(11) == "1841-12-01"
    assert np.isnan(observations.count[11]) and np.isnan(observations.trials[11])
    assert observations.lines[10:13].tolist() == [12, 0, 13]
    assert observations.warnings[0].startswith("1 row is absent")


def test_many_absent_rows_are_named_in_short(reads):
    kept = [day for day in range(60) if day not in range(20, 28)]
    with pytest.warns(DataWarning, match="2020-01-25, and 3 more"):
        observations = reads(dated(kept))
    assert observations.count[19:29].tolist()[::9] == [19, 28]
    assert np.isnan(observations.count[20:28]).all()


@pytest.mark.parametrize(("present", "absent", "regular"), [(10, 2, True), (10, 3, False)])
def test_a_fifth_of_the_rows_at_most_is_added(reads, present, absent, regular):
    days = [*range(5), *range(5 + absent, present + absent)]
    match = "absent from the daily grid and" if regular else "irregular.*equally spaced"
    with pytest.warns(DataWarning, match=match):
        observations = reads(dated(days))
    assert len(observations) == (present + absent if regular else present)


def test_regular_files_are_silent(reads):
    assert reads(dated(range(30))).warnings == ()
    assert len(read("data/nile.csv")) == 100


def test_weekday_files_lack_no_weekends(reads):
    days = [day for day in range(30) if (day + 2) % 7 < 5]  # 2020-01-01 is a Wednesday
    assert reads(dated(days)).warnings == ()
    with pytest.warns(DataWarning, match=r"weekday.*2020-01-06"):
        observations = reads(dated([day for day in days if day != 5]))
    assert len(observations) == len(days)


def test_descending_files_are_read_in_reverse(reads):
    with pytest.warns(DataWarning, match="in reverse"):
        observations = reads(dated(range(9, -1, -1)))
    assert observations.count.tolist() == list(range(10))
    assert observations.lines.tolist() == list(range(11, 1, -1))


@pytest.mark.parametrize("days", [[0, 1, 1, 2, 5], [0, 2, 1, 3], [0, 0], [3, 3, 4]])
def test_repeated_and_unsorted_times_are_left_to_the_check(reads, days):
    observations = reads(dated(days))
    assert observations.count.tolist() == days
    assert observations.warnings == ()


def test_short_series(reads):
    assert len(reads(dated([]))) == 0
    assert len(reads(dated([0]))) == 1
    assert len(reads(dated([0, 5]))) == 2


def test_integer_years_are_filled(reads):
    rows = "".join(f"{year},{year % 7}\n" for year in range(1900, 1920) if year != 1914)
    with pytest.warns(DataWarning, match="missing: 1914"):
        observations = reads("year,count\n" + rows)
    assert observations.time.tolist() == list(range(1900, 1920))
    assert observations.label(14) == "1914"


def test_every_warning_is_both_raised_and_kept(reads):
    with pytest.warns(DataWarning) as caught:
        observations = reads(dated([9, 8, 7, 6, 5, 3, 2, 1]) + "\nTotal,41\n")
    assert len(caught) == len(observations.warnings) == 3
    for warning, note in zip(caught, observations.warnings, strict=True):
        assert str(warning.message).endswith(f"table.csv: {note}")
        assert warning.filename.endswith("conftest.py")  # the caller, not the package
