"""Effects that all rows share: what is said of them, and what can't have any."""

import csv
import json

import jsonschema
import numpy as np
import pytest

from changepoint import (
    Changes,
    DataError,
    Exact,
    Model,
    ModelError,
    Observations,
    Posterior,
    effects,
    fit,
    likelihoods,
)
from changepoint.cli.command import main
from changepoint.effects import EFFECTS, SEASONS
from changepoint.model import default_model
from changepoint.report.json_schema import SCHEMA

ROWS = 63
TIME = np.datetime64("2025-01-06") + np.arange(ROWS)  # from a Monday
COUNT = np.where(np.arange(ROWS) % 7 < 5, 220, 150) + np.arange(ROWS) % 3
DATA = Observations(count=COUNT, trials=[20_000] * ROWS, time=TIME)
WEEK = Model(likelihoods.Binomial(), effects=[effects.Weekday()])


@pytest.fixture(scope="module")
def posterior():
    return fit(WEEK, DATA, Exact(draws=400))


def test_a_week_is_told_and_is_no_change(posterior):
    (week,) = posterior.effects
    assert (week.name, week.probability, week.relative) == ("weekday", 1.0, True)
    assert [term.name for term in week.terms] == list(effects.seasons.DAYS)
    assert all(term.lower < term.mean < term.upper for term in week.terms)
    assert all((term.mean < 0.9) == (term.name[0] == "S") for term in week.terms)
    assert posterior.number == 0
    assert "A weekly pattern (S" in posterior.sentence()
    assert "Effect weekday: Monday +" in str(posterior)
    assert fit(Model(likelihoods.Binomial()), DATA, Exact(draws=4)).number > 1
    assert 0 < posterior.engine["diagnostics"]["log_evidence_error"] < 0.05
    jsonschema.Draft202012Validator(SCHEMA).validate(posterior.to_dict())


def test_dots_are_without_effects(posterior):
    spread = [np.ptp(one) for one in (posterior.estimates, COUNT / 20_000)]
    assert spread[0] < spread[1] / 5
    assert posterior.plot() is not None


def test_groups_and_files_hold_the_effects(posterior, tmp_path):
    tree = posterior.build("log_likelihood", "posterior_predictive", "prior")
    assert "weekday[5]" in tree["posterior"]
    assert "weekday[5]" in tree["prior"]
    predicted = tree["posterior_predictive"]["y"].values.mean(axis=(0, 1))
    assert np.abs(predicted / COUNT - 1).max() < 0.05
    posterior.save(tmp_path / "it.nc")
    again = Posterior.load(tmp_path / "it.nc")
    assert again.model == posterior.model
    assert again.effects == posterior.effects
    assert again.to_dict() == posterior.to_dict()


def test_models_are_told_and_read_again():
    every = [
        effects.Weekday(), effects.Monthly(sigma=0.2), effects.Yearly(harmonics=3),
        effects.Hourly(), effects.Pulse(first="2025-01-10", last=np.datetime64("2025-01-12")),
        effects.Holidays("DE"), effects.Holidays("DE", "BY", sigma=0.5),
        effects.Covariate("price", sigma=1), effects.Covariate("region", standardise=False),
    ]  # fmt: skip
    alone = [effects.Memory(probability=0.3), effects.Drift(sigma=0.5)]
    assert {effect.name for effect in (*every, *alone)} == set(EFFECTS)
    for some in ([one] for one in alone):
        model = Model(likelihoods.Poisson(), Changes(), some)
        assert Model.from_dict(json.loads(json.dumps(model.to_dict()))) == model
    model = Model(likelihoods.Poisson(), Changes(), every)
    assert Model.from_dict(json.loads(json.dumps(model.to_dict()))) == model
    assert "Yearly(harmonics=3)" in str(model)


@pytest.mark.parametrize("likelihood", ["multinomial", "categorical", "student-t"])
def test_what_has_no_level_of_a_row_has_no_effects(likelihood):
    with pytest.raises(ModelError, match=rf"'{likelihood}' can't have effects.*binomial"):
        Model(likelihoods.FAMILIES[likelihood](), effects=[effects.Weekday()])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([effects.Weekday(), effects.Weekday(sigma=1)], "an effect is given twice"),
        (["week"], "effects must be of changepoint.effects, not 'week'"),
    ],
)
def test_effects_that_do_not_fit_together(given, message):
    with pytest.raises(ModelError, match=message):
        Model(likelihoods.Poisson(), effects=given)


@pytest.mark.parametrize("sigma", [0, -1, np.inf])
def test_priors_of_effects(sigma):
    with pytest.raises(ModelError, match="sigma of Weekday must be a number above 0"):
        effects.Weekday(sigma=sigma)
    with pytest.raises(ModelError, match="harmonics of Yearly must be 1 to 6"):
        effects.Yearly(harmonics=0)


def test_data_without_what_an_effect_needs():
    numbers = Observations(count=COUNT, trials=[20_000] * ROWS, time=np.arange(ROWS))
    for data in (numbers, Observations(count=COUNT, trials=[20_000] * ROWS)):
        with pytest.raises(DataError, match="the effect 'weekday' needs dates"):
            fit(WEEK, data)
    outside = Model(likelihoods.Binomial(), effects=[effects.Pulse(first=0, last=62)])
    with pytest.raises(DataError, match="all of the rows lie in the pulse"):
        fit(outside, numbers)


def test_data_that_hardly_tell_an_effect():
    mondays = Observations(count=[5, 6, 7], time=TIME[:21:7])
    with pytest.raises(DataError, match="can't be told from the level: all rows are of Monday"):
        Model(likelihoods.Poisson(), effects=[effects.Weekday()]).check(mondays)
    short = Observations(count=COUNT[:10], trials=[20_000] * 10, time=TIME[:10])
    (told,) = WEEK.check(short)
    assert "less than two periods of the effect 'weekday'" in told
    assert WEEK.check(DATA) == ()


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "days.csv"
    rows = zip(TIME.astype(str), COUNT, [20_000] * ROWS, strict=True)
    path.write_text(
        "\n".join(["date,count,trials", *(",".join(map(str, row)) for row in rows)])
    )
    return path


def test_the_command(table, tmp_path, capsys):
    words = ["--likelihood", "binomial", "--season", "week"]
    with pytest.raises(SystemExit) as ended:
        main(["fit", str(table), *words, "--json"])
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert [effect["name"] for effect in told["model"]["effects"]] == ["weekday"]
    with pytest.raises(SystemExit) as ended:
        main(["batch", str(table), *words, "--out", str(tmp_path / "out")])
    assert ended.value.code == 0
    with (tmp_path / "out" / "series.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["number"] == "0"
    assert "Weekday(sigma=0.3)" in row["model"]


def test_every_season_is_an_effect():
    assert all(EFFECTS[kind.name] is kind for kind in SEASONS.values())


DAYS, HOURS, WEEKS, MONTHS = (
    np.datetime64(start) + step * np.arange(2100)
    for start, step in (
        ("2025-01-01", np.timedelta64(1, "D")),
        ("2025-01-01T00", np.timedelta64(1, "h")),
        ("2020-01-06", np.timedelta64(7, "D")),
        ("2020-01", np.timedelta64(1, "M")),
    )
)


@pytest.mark.parametrize(
    ("time", "found"),
    [
        (DAYS[:21], ["weekday"]),
        (DAYS[:20], []),
        (DAYS, []),  # so many rows would take minutes
        (HOURS[:72], ["hourly"]),
        (HOURS[:504], ["hourly", "weekday"]),
        (WEEKS[:157], ["yearly"]),
        (WEEKS[:150], []),
        (MONTHS[:36].astype("datetime64[D]"), ["yearly"]),
        (MONTHS[:34].astype("datetime64[D]"), []),
        (np.arange(100), []),
        (None, []),
    ],
)
def test_seasons_of_three_periods_are_looked_for(time, found):
    data = Observations(count=np.ones(100 if time is None else len(time)), time=time)
    model = default_model(data)
    assert [effect.name for effect in model.effects] == found
    assert {effect.probability for effect in model.effects} <= {0.5}


@pytest.mark.parametrize("seasons", [["none", "week"], ["auto", "none"]])
def test_none_stands_alone(seasons):
    with pytest.raises(ModelError, match="--season none goes with no other"):
        default_model(DATA, seasons=seasons)


def test_a_season_that_is_stated_is_not_looked_for():
    model = default_model(DATA, seasons=["auto", "week"])
    assert [str(effect) for effect in model.effects] == ["Weekday()"]


def test_what_has_no_level_of_a_row_is_not_looked_at():
    counts = np.column_stack([COUNT, 20_000 - COUNT])
    assert default_model(Observations(outcomes=counts, time=TIME)).effects == ()
    values = Observations(value=np.sin(np.arange(ROWS)), time=TIME)
    for family in (None, likelihoods.Trend(), likelihoods.Normal()):
        assert [effect.name for effect in default_model(values, family).effects] == ["weekday"]


def test_the_default_averages_by_evidence(table, capsys):
    for season, number, likely in ((), 0, True), (("--season", "none"), 2, None):
        with pytest.raises(SystemExit):
            main(["fit", str(table), "--likelihood", "binomial", *season, "--json"])
        told = json.loads(capsys.readouterr().out)
        found = [effect["probability"] > 0.99 for effect in told["model"]["effects"]]
        assert found == ([] if likely is None else [likely])
        assert int(max(told["number_of_changes"], key=told["number_of_changes"].get)) >= number


def test_where_there_is_no_pattern_nothing_is_said_of_one():
    flat = Observations(count=200 + np.arange(ROWS) % 5, trials=[20_000] * ROWS, time=TIME)
    found = fit(default_model(flat), flat, Exact(draws=4))
    (week,) = found.effects
    assert week.probability < 0.01
    assert "pattern" not in found.sentence()
    assert "Effect weekday (P" in str(found)
    assert "no sign of it" in str(found)


@pytest.mark.parametrize("day", ["first", "middle", "last"])
@pytest.mark.parametrize("months", [1, 3])
def test_the_course_of_the_year_is_that_of_the_months(day, months):
    """Whatever day stands for a month, or for a quarter, which a last day ends."""
    month = np.datetime64("2019-01") + np.arange(0, 48, months)
    if day == "last":
        time = (month + np.timedelta64(months, "M")).astype("datetime64[D]") - np.timedelta64(
            1, "D"
        )
    else:
        time = month.astype("datetime64[D]") + np.timedelta64(14 if day == "middle" else 0, "D")
    design = effects.Yearly().design(Observations(count=np.ones(len(time)), time=time))
    middle = (month.astype(int) % 12 + months / 2) / 12  # of the year; months differ by days
    angle = 2 * np.pi * np.outer(middle, [1, 2])
    waves = np.hstack([np.cos(angle), np.sin(angle)])
    assert np.abs(design.rows - waves).max() < 0.06
    if months == 1:
        assert np.abs(design.rows - design.contrasts[month.astype(int) % 12]).max() < 0.06


def test_rows_of_a_day_or_a_week_stand_in_its_middle():
    for days in (1, 7):
        time = np.datetime64("2024-12-30") + days * np.arange(60)
        rows = (
            effects.Yearly(harmonics=1).design(Observations(count=np.ones(60), time=time)).rows
        )
        middle = (time - time.astype("datetime64[Y]")).astype(int) + days / 2
        whole = np.where(time.astype("datetime64[Y]").astype(int) + 1970 == 2024, 366, 365)
        angle = 2 * np.pi * middle / whole
        assert np.abs(rows - np.column_stack([np.cos(angle), np.sin(angle)])).max() < 1e-3
