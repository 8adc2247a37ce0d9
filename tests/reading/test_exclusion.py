"""Windows of time: as text, and as rows that count as missing."""

import json
import re

import numpy as np
import pytest

from changepoint import (
    DataError,
    DataWarning,
    Model,
    Observations,
    from_frame,
    likelihoods,
    read_csv,
)
from changepoint.cli.command import main
from changepoint.reading.saidtimes import window_of
from changepoint.time_window import rows_between

DAYS = np.datetime64("2024-01-01") + np.arange(35)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "days.csv"
    rows = [f"{day},{7 + i % 3},{100 + i}" for i, day in enumerate(DAYS)]
    path.write_text("\n".join(["date,count,trials", *rows]))
    return path


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("2024-01-01:2024-01-31", ("2024-01-01", "2024-01-31")),
        ("2024-01-01T05:2024-01-01T09", ("2024-01-01T05", "2024-01-01T09")),
        ("2024-01-01T05:00:2024-01-01T09:00", ("2024-01-01T05:00", "2024-01-01T09:00")),
        ("2024-01-01 05:00:30:2024-01-02", ("2024-01-01 05:00:30", "2024-01-02")),
        ("2024-01:2025", ("2024-01", "2025")),
        (" 3:5 ", ("3", "5")),
        ("-1.5:2e3", ("-1.5", "2e3")),
    ],
)
def test_the_colon_between_two_times_is_found(text, ends):
    assert window_of(text) == ends


@pytest.mark.parametrize(
    "text", ["", "3", "2024-01-01", "05:00:09:00", "2024-01-01T05:00:30", "a:b", "1:2:3", "1:"]
)
def test_what_is_no_window(text):
    with pytest.raises(DataError, match=f"{re.escape(repr(text))} isn't a window of time"):
        window_of(text)


def test_a_day_is_included_as_a_whole():
    hours = np.datetime64("2024-01-01T00") + np.arange(72)
    data = Observations(count=np.arange(72), time=hours)
    for last, rows in (("2024-01-02", 48), ("2024-01-02T09", 34), ("2024-01", 72)):
        assert rows_between(data, "2024-01-01", last).rows.sum() == rows
    assert rows_between(data, hours[3], hours[5]).rows.sum() == 3


def test_rows_stay_in_the_grid_and_are_told(table):
    windows = ["2024-01-03:2024-01-05", ("2024-01-05", np.datetime64("2024-01-06"))]
    with pytest.warns(DataWarning, match="4 rows were excluded"):
        data = read_csv(table, exclude=windows)
    out = np.isin(np.arange(35), [2, 3, 4, 5])
    np.testing.assert_array_equal(data.observed("count"), ~out)
    np.testing.assert_array_equal(np.isnan(data.trials), out)
    assert data.warnings == (
        "4 rows were excluded, and count as missing: 2024-01-03 to 2024-01-05 (3), "
        "2024-01-05 to 2024-01-06 (2)",
    )
    whole = read_csv(table)
    np.testing.assert_array_equal(data.count[~out], whole.count[~out])
    np.testing.assert_array_equal(data.time, whole.time)


def test_what_is_wrong_in_them_is_no_obstacle(table):
    table.write_text(table.read_text().replace(",107\n", ",-3\n"))
    with pytest.raises(DataError, match="a negative number of trials"):
        Model(likelihoods.Binomial()).check(read_csv(table))
    with pytest.warns(DataWarning, match="1 row was excluded"):
        data = read_csv(table, exclude=["2024-01-08:2024-01-08"])
    assert Model(likelihoods.Binomial()).check(data) == ()


def test_every_way_in_takes_it(table):
    import pandas

    with pytest.warns(DataWarning):
        data = from_frame(pandas.read_csv(table), exclude=[("2024-01-03", "2024-01-05")])
    assert (~data.observed("count")).sum() == 3


def test_of_sums_whole_periods_are_left_out_with_what_is_wrong_in_them(table):
    table.write_text(table.read_text().replace("2024-01-10,7", "2024-01-10,-7"))
    with pytest.warns(DataWarning, match="widened|1 row was excluded"):
        data = read_csv(table, aggregate="week", exclude=["2024-01-10:2024-01-11"])
    assert np.flatnonzero(~data.observed("count")).tolist() == [1]
    gone = ~data.rows.observed("count")
    assert np.flatnonzero(gone).tolist() == list(range(7, 14))


def test_rows_without_times_have_numbers(tmp_path):
    path = tmp_path / "bare.csv"
    path.write_text("\n".join(["count", *"5657585"]))
    with pytest.warns(DataWarning, match=r"2 rows .* 1 to 2 \(2\)"):
        data = read_csv(path, exclude=["1:2"])
    assert np.flatnonzero(~data.observed("count")).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ["2030-01-01:2030-02-01"],
            "--exclude 2030-01-01:2030-02-01: there are no rows",
        ),
        (["2024-01-05:2024-01-03"], "ends, at 2024-01-03, before it begins"),
        (["2024-01-05"], "isn't a window of time: expected FROM:TO"),
        ([3], "exclude must be a list of pairs of times"),
        (3, "exclude must be a list of pairs of times"),
        (["3:5"], "there are no rows between 3 and 5; the data have 2024-01-01 to"),
    ],
)
def test_windows_that_cannot_be(table, given, said):
    with pytest.raises(DataError, match=re.escape(said)):
        read_csv(table, exclude=given)


def test_the_commands(table, tmp_path, capsys):
    words = ["--exclude", "2024-01-03:2024-01-05", "--exclude", "2024-01-07:2024-01-07"]
    words += ["--likelihood", "binomial"]
    for command in (["fit", str(table), "--json"], ["check", str(table)]):
        with pytest.raises(SystemExit) as ended:
            main([*command, *(words if command[0] == "fit" else words[:4])])
        assert ended.value.code == 0
        out = capsys.readouterr().out
        assert out.count("4 rows were excluded") == 1
    with pytest.raises(SystemExit) as ended:
        main(["batch", str(table), *words, "--out", str(tmp_path / "out")])
    assert ended.value.code == 0
    assert "4 rows were excluded" in (tmp_path / "out" / "series.csv").read_text()
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())["settings"]["how"]
    assert told["exclude"][1] == ["2024-01-07", "2024-01-07"]
