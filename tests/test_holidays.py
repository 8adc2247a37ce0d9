"""Public holidays: against days written down here, and what is said where there are none."""

import json
import sys

import numpy as np
import pytest

from changepoint import (
    DataError,
    Exact,
    Model,
    ModelError,
    Observations,
    effects,
    fit,
    likelihoods,
)
from changepoint.cli.command import main
from changepoint.effects.holidays import holidays_of

DAYS = np.datetime64("2024-12-01") + np.arange(60)
GERMAN = np.isin(DAYS.astype(str), ["2024-12-25", "2024-12-26", "2025-01-01"])
BAVARIAN = GERMAN | (DAYS == np.datetime64("2025-01-06"))
COUNT = np.where(GERMAN, 60, 200) + np.arange(60) % 5
DATA = Observations(count=COUNT, time=DAYS)


@pytest.fixture
def absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "holidays", None)
    holidays_of.cache_clear()
    yield
    holidays_of.cache_clear()


@pytest.mark.parametrize(("place", "days"), [(("DE",), GERMAN), (("DE", "BY"), BAVARIAN)])
def test_holidays_are_those_of_the_place(place, days):
    design = effects.Holidays(*place).design(DATA)
    np.testing.assert_array_equal(design.rows[:, 0], days)
    hours = Observations(
        count=np.arange(72), time=DAYS[23] + np.arange(72) * np.timedelta64(1, "h")
    )
    assert effects.Holidays(*place).design(hours).rows.sum() == 48  # from the 24th


def test_they_are_no_changes():
    posterior = fit(
        Model(likelihoods.Poisson(), effects=[effects.Holidays("DE")]), DATA, Exact(draws=40)
    )
    assert posterior.number == 0
    assert posterior.warnings == ()
    (term,) = posterior.effects[0].terms
    assert (term.name, term.upper < 0.5) == ("holiday", True)
    assert "The holidays of DE (-" in posterior.sentence()
    assert "%) are taken into account." in posterior.sentence()


def test_they_are_the_covariate_that_says_the_same():
    marked = Observations(count=COUNT, time=DAYS, covariates={"free": GERMAN})
    both = (effects.Holidays("DE"), effects.Covariate("free", standardise=False))
    told = [
        fit(Model(likelihoods.Poisson(), effects=[effect]), marked, Exact(draws=40))
        for effect in both
    ]
    assert told[0].log_evidence == told[1].log_evidence


def test_where_no_row_is_one():
    summer = Observations(count=COUNT, time=np.datetime64("2025-07-01") + np.arange(60))
    model = Model(likelihoods.Poisson(), effects=[effects.Holidays("DE")])
    assert model.check(summer) == ("no row is a holiday (holidays of DE): it changes nothing",)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("XX",), "doesn't know this place .*XX.*such as DE"),
        (("DE", "ZZ"), "doesn't know this place .*ZZ"),
        ((3,), "country of Holidays must be a code"),
        (("DE", ""), "subdivision of Holidays must be a code"),
    ],
)
def test_places_that_are_none(given, said):
    with pytest.raises(ModelError, match=said):
        effects.Holidays(*given).design(DATA)


@pytest.mark.parametrize(
    ("time", "said"),
    [
        (
            np.datetime64("2024-01-01") + 7 * np.arange(60),
            "rows that are days, or parts of them",
        ),
        (np.arange(60), "needs dates"),
    ],
)
def test_rows_that_are_no_days(time, said):
    with pytest.raises(DataError, match=said):
        effects.Holidays("DE").design(Observations(count=COUNT, time=time))


def test_without_the_package(absent):
    model = Model(likelihoods.Poisson(), effects=[effects.Holidays("DE")])
    assert Model.from_dict(json.loads(json.dumps(model.to_dict()))) == model
    with pytest.raises(ModelError, match=r"pip install 'changepoint-toolkit\[holidays\]'"):
        model.check(DATA)


def test_the_command(tmp_path, capsys):
    table = tmp_path / "days.csv"
    rows = [f"{day},{k}" for day, k in zip(DAYS, COUNT, strict=True)]
    table.write_text("\n".join(["date,count", *rows]))
    with pytest.raises(SystemExit) as ended:
        main(["fit", str(table), "--likelihood", "poisson", "--holidays", "DE-BY",
              "--season", "none", "--json"])  # fmt: skip
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert [effect["name"] for effect in told["model"]["effects"]] == ["holidays of DE-BY"]
