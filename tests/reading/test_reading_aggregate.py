"""Sums by day, week and month."""

import numpy as np
import pytest

from changepoint.errors import DataError, DataWarning
from changepoint.reading import from_frame


def labels(observations):
    return [observations.label(row) for row in range(len(observations))]


def test_several_unsorted_rows_a_day(reads):
    text = "timestamp,clicks,visits,hours\n2020-01-02 10:00,1,10,0.5\n2020-01-01 23:59,2,20,1\n"
    text += "2020-01-02 00:00,3,30,1.5\n2020-01-03 00:00,0,5,2\n2020-01-01 10:00,4,40,0\n"
    observations = reads(text, aggregate="day")
    assert labels(observations) == ["2020-01-01", "2020-01-02", "2020-01-03"]
    assert observations.count.tolist() == [6, 4, 0]
    assert observations.trials.tolist() == [60, 40, 5]
    assert observations.exposure.tolist() == [1, 2, 2]
    assert observations.lines.tolist() == [3, 2, 5]
    assert observations.warnings == ()


def test_weeks_are_named_by_their_monday(reads):
    days = np.arange("2019-12-30", "2020-02-03", dtype="datetime64[D]")
    rows = "".join(f"{day},1\n" for day in days)
    observations = reads("date,count\n" + rows, aggregate="week")
    assert labels(observations) == [f"{day}" for day in days[::7]]
    assert observations.count.tolist() == [7] * 5


def test_months_are_named_by_their_first_day(reads):
    days = np.arange("2019-12-01", "2020-04-01", dtype="datetime64[D]")
    rows = "".join(f"{day},1\n" for day in days)
    observations = reads("date,count\n" + rows, aggregate="month")
    assert labels(observations) == ["2019-12-01", "2020-01-01", "2020-02-01", "2020-03-01"]
    assert observations.count.tolist() == [31, 31, 29, 31]


def test_times_before_1970():
    import pandas as pd

    days = pd.date_range("1969-12-22", "1970-01-11")
    observations = from_frame(pd.DataFrame({"date": days, "count": 1}), aggregate="week")
    assert labels(observations) == ["1969-12-22", "1969-12-29", "1970-01-05"]


@pytest.mark.parametrize(
    ("first", "last", "period", "lacking"),
    [
        ("2020-01-07", "2020-01-26", "week", r"2020-01-06 \(1 of 7 days lacks\)"),
        ("2020-01-06", "2020-01-24", "week", r"2020-01-20 \(2 of 7 days lack\)"),
        ("2020-01-02", "2020-02-29", "month", r"2020-01-01 \(1 of 31 days lacks\)"),
        ("2020-01-01", "2020-02-28", "month", r"2020-02-01 \(1 of 29 days lacks\)"),
    ],
)
def test_partial_periods_are_left_out_and_told(reads, first, last, period, lacking):
    days = np.arange(first, np.datetime64(last) + np.timedelta64(1, "D"), dtype="datetime64[D]")
    text = "date,count\n" + "".join(f"{day},1\n" for day in days)
    with pytest.warns(DataWarning, match=f"1 partial {period} left out.*{lacking}"):
        observations = reads(text, aggregate=period)
    with pytest.warns(DataWarning, match=f"1 partial {period} kept.*{lacking}"):
        everything = reads(text, aggregate=period, keep_partial=True)
    assert len(everything) == len(observations) + 1
    assert everything.count.sum() == len(days)


def test_weeks_without_weekends_are_whole(reads):
    days = np.busday_offset("2020-01-06", np.arange(20))
    text = "date,count\n" + "".join(f"{day},1\n" for day in days)
    assert reads(text, aggregate="week").count.tolist() == [5] * 4


def test_incomplete_rows_are_left_out_and_told(reads):
    text = (
        "date,count,visits\n2020-01-01,1,10\n2020-01-01,,20\n2020-01-02,3,\n2020-01-03,4,40\n"
    )
    with pytest.warns(DataWarning, match=r"left out of the sums.*2020-01-01, 2020-01-02"):
        observations = reads(text, aggregate="day")
    assert observations.trials.tolist()[::2] == [10, 40]
    assert np.isnan(observations.count[1]) and np.isnan(observations.trials[1])


def test_periods_without_rows_become_missing_rows(reads):
    days = [f"2020-01-{day:02d}" for day in range(1, 20) if day != 8]
    with pytest.warns(DataWarning, match=r"daily grid.*2020-01-08"):
        observations = reads(
            "date,count\n" + "".join(f"{d},40\n{d},41\n" for d in days), aggregate="day"
        )
    assert len(observations) == 19
    assert np.isnan(observations.count[7])
    assert observations.count[8] == 81


def test_rates_are_refused(reads):
    with pytest.raises(DataError, match=r"a rate can't be summed.*--trials"):
        reads("date,rate\n2020-01-01,0.5\n", aggregate="month")
    with pytest.raises(DataError, match="a rate can't be summed"):
        reads("date,count,rate\n2020-01-01,1,0.5\n", aggregate="month", rate="rate")


def test_values_need_a_statistic(reads):
    with pytest.raises(DataError, match=r"say --statistic mean, median or sum"):
        reads("date,value\n2020-01-01,0.5\n", aggregate="month")
    with pytest.raises(
        DataError, match="statistic must be one of mean, median, sum, not 'max'"
    ):
        reads("date,value\n2020-01-01,0.5\n", aggregate="month", statistic="max")
    with pytest.raises(DataError, match="counts are summed: leave it out"):
        reads("date,count\n2020-01-01,1\n", aggregate="month", statistic="mean")
    with pytest.raises(DataError, match="statistic is about periods"):
        reads("date,value\n2020-01-01,0.5\n", statistic="mean")


@pytest.mark.parametrize("statistic", ["mean", "median", "sum"])
def test_values_by_period(reads, statistic):
    rng = np.random.default_rng(3)
    days = np.repeat(np.arange("2024-01-01", "2024-02-12", dtype="datetime64[D]"), 3)
    values = rng.normal(20, 3, len(days)).round(2)
    order = rng.permutation(len(days))
    text = "".join(f"{days[i]},{values[i]}\n" for i in order)
    observations = reads("date,value\n" + text, aggregate="week", statistic=statistic)
    want = getattr(np, statistic)(values.reshape(6, 21), axis=1)
    assert observations.value == pytest.approx(want)
    assert observations.warnings == ()
    assert len(observations.rows) == len(days)


def test_a_rate_beside_counts_is_left_out(reads):
    with pytest.warns(DataWarning, match="rate column can't be summed"):
        observations = reads(
            "date,clicks,ctr\n2020-01-01,1,0.5\n2020-01-01,2,0.4\n", aggregate="day"
        )
    assert observations.count.tolist() == [3]
    assert observations.rate is None


@pytest.mark.parametrize(
    ("text", "found"), [("count\n1\n", "no time column"), ("year,count\n1900,1\n", "numbers")]
)
def test_aggregate_needs_dates(reads, text, found):
    with pytest.raises(DataError, match=f"needs dates.*{found}.*--time"):
        reads(text, aggregate="day")


def test_unknown_periods_are_refused(reads):
    with pytest.raises(DataError, match="day, week, month, not 'year'"):
        reads("date,count\n2020-01-01,1\n", aggregate="year")


def test_an_empty_file_stays_empty(reads):
    assert len(reads("date,count\n", aggregate="day")) == 0
