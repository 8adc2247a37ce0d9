"""Rows of a known time with a level of their own: from the command, and what is said."""

import csv
import json
import warnings

import numpy as np
import pytest

from changepoint import DataError, Exact, Model, Observations, effects, fit, likelihoods
from changepoint.cli.command import main

ROWS = 40
DAYS = np.datetime64("2025-01-06") + np.arange(ROWS)  # from a Monday
INSIDE = (np.arange(ROWS) >= 10) & (np.arange(ROWS) < 14)
COUNT = np.where(INSIDE, 150, 220) + np.arange(ROWS) % 3
DATA = Observations(count=COUNT, trials=[20_000] * ROWS, time=DAYS)
OUTAGE = effects.Pulse(first="2025-01-16", last="2025-01-19")


def cautions(*pulses, data=DATA):
    return Model(likelihoods.Binomial(), effects=pulses).check(data)


def test_a_pulse_inside_is_no_change_and_no_caution():
    posterior = fit(Model(likelihoods.Binomial(), effects=[OUTAGE]), DATA, Exact(draws=40))
    assert posterior.number == 0
    assert posterior.warnings == ()
    assert posterior.effects[0].terms[0].mean == pytest.approx(150 / 220, rel=0.05)


@pytest.mark.parametrize(
    ("first", "last", "end", "change"),
    [
        ("2025-02-10", "2025-02-14", "last", "2025-02-10"),
        ("2025-01-01", "2025-01-09", "first", "2025-01-10"),
    ],
)
def test_at_an_end_it_cannot_be_told_from_a_change(first, last, end, change):
    (told,) = cautions(effects.Pulse(first=first, last=last))
    assert f"{first} to {last} reaches the {end} row" in told
    assert f"can't be told from a change at {change} but by the priors" in told


def test_rows_without_a_number_are_no_end():
    gone = Observations(
        count=np.where(np.arange(ROWS) < 30, COUNT, np.nan), trials=[20_000] * ROWS, time=DAYS
    )
    (told,) = cautions(effects.Pulse(first=DAYS[25], last=DAYS[29]), data=gone)
    assert "reaches the last row" in told
    (told,) = cautions(effects.Pulse(first=DAYS[32], last=DAYS[35]), data=gone)
    assert "no row with a number lies in the pulse" in told


def test_a_pulse_that_is_widened_is_said_once():
    weeks = Observations(count=COUNT[:20], time=DAYS[0] + 7 * np.arange(20))
    pulse = effects.Pulse(first="2025-02-05", last="2025-02-12")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        posterior = fit(Model(likelihoods.Poisson(), effects=[pulse]), weeks, Exact(draws=40))
        assert posterior.effects
    (told,) = posterior.warnings
    assert "widened to whole rows, 2025-02-03 to 2025-02-10" in told


def test_outside_of_the_data():
    with pytest.raises(DataError, match="the pulse from 2030 to 2031: there are no rows"):
        cautions(effects.Pulse(first="2030", last="2031"))


MONTHS = np.datetime64("2021-03") + np.arange(24)
WEEKDAYS = np.busday_offset(DAYS[0], np.arange(10))  # Monday to Friday
PERIODS = [
    (effects.Weekday, DAYS[:14]),
    (effects.Weekday, WEEKDAYS),
    (effects.Monthly, MONTHS),
    (effects.Yearly, MONTHS),
    (effects.Hourly, np.datetime64("2025-01-01T00") + np.arange(48)),
]


@pytest.mark.parametrize(("effect", "time"), PERIODS)
def test_two_whole_periods_are_two_periods(effect, time):
    for rows, said in ((len(time), 0), (len(time) - 1, 1)):
        data = Observations(count=np.arange(rows), time=time[:rows])
        told = [one for one in effect().cautions(data) if "less than two periods" in one]
        assert len(told) == said


def ended(*words):
    with pytest.raises(SystemExit) as found:
        main([str(word) for word in words])
    return found.value.code


def test_the_command(tmp_path, capsys):
    table = tmp_path / "days.csv"
    rows = [f"{day},{k},20000" for day, k in zip(DAYS, COUNT, strict=True)]
    table.write_text("\n".join(["date,count,trials", *rows]))
    words = ["--likelihood", "binomial", "--pulse", "2025-01-16:2025-01-19"]
    words += ["--pulse", "2025-02-10:2025-02-14"]
    words += ["--season", "none"]
    assert ended("fit", table, *words, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    names = [effect["name"] for effect in told["model"]["effects"]]
    assert names == ["2025-01-16 to 2025-01-19", "2025-02-10 to 2025-02-14"]
    assert len([one for one in told["warnings"] if "reaches the last row" in one]) == 1
    assert ended("batch", table, *words, "--out", tmp_path / "out") == 0
    with (tmp_path / "out" / "series.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["number"] == str(len(told["changes"]))
    assert "Pulse(sigma=0.3, first=2025-01-16, last=2025-01-19)" in row["model"]
    assert ended("fit", table, "--pulse", "2025-01-16") == 3
    assert "isn't a window of time: expected FROM:TO" in capsys.readouterr().err
