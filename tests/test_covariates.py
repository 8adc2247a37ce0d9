"""A further column that shifts rows: against other models that say the same, and its data."""

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from changepoint import (
    DataError,
    DataWarning,
    Exact,
    Model,
    ModelError,
    Observations,
    Posterior,
    effects,
    fit,
    from_frame,
    likelihoods,
    priors,
    read_csv,
)
from changepoint.cli.command import main
from changepoint.effects.covariate import best_split
from changepoint.exact.effect_filter import FilterSurface
from changepoint.exact.hyper_mixture import Condition
from changepoint.recommend import verdicts

ROWS = 40
RNG = np.random.default_rng(7)
PRICE = np.round(RNG.normal(10, 2, ROWS), 2)
REGION = np.array(["north", "south", "east"])[RNG.integers(0, 3, ROWS)]
SHARE = {"north": 1.3, "south": 0.8, "east": 1.0}
COUNT = RNG.poisson(30 * np.exp(-0.08 * (PRICE - 10)) * [SHARE[name] for name in REGION])
DAYS = np.datetime64("2025-01-06") + np.arange(ROWS)
DATA = Observations(count=COUNT, time=DAYS, covariates={"price": PRICE, "region": REGION})
POISSON = likelihoods.Poisson(rate=priors.Gamma(2, 2 / 30))
FEW = Exact(draws=400)


def only(*names, data=DATA):
    return replace(data, covariates={name: data.covariates[name] for name in names})


def surface(model, data):
    model = model.resolve(data)
    series = model.likelihood.series(data, model.shifts(data))
    return FilterSurface(model, series, Condition())


# -- other models that say the same ----------------------------------------------------------


@pytest.mark.parametrize("column", [np.full(ROWS, 3.0), ["all"] * ROWS])
@pytest.mark.parametrize("standardise", [True, False])
def test_a_constant_column_changes_nothing(column, standardise):
    data = Observations(count=COUNT, time=DAYS, covariates={"x": column})
    plain = fit(Model(POISSON), only(), FEW)
    same = fit(Model(POISSON, effects=[effects.Covariate("x", standardise)]), data, FEW)
    assert same.log_evidence == pytest.approx(plain.log_evidence, abs=0.02)
    p = [one.change_probability.to_numpy() for one in (plain, same)]
    np.testing.assert_allclose(*p, atol=2e-3)
    (term,) = same.effects[0].terms
    assert (term.mean, term.lower, term.upper) == (1, 1, 1)
    assert same.warnings == ("the covariate x is the same in every row: it changes nothing",)


def test_a_column_of_two_values_is_a_pulse():
    inside = (np.arange(ROWS) >= 10) & (np.arange(ROWS) < 16)
    data = Observations(count=COUNT, time=DAYS, covariates={"x": inside})
    pulse = effects.Pulse(first=DAYS[10], last=DAYS[15])
    told = []
    for effect, rows in ((pulse, only()), (effects.Covariate("x", standardise=False), data)):
        told.append(fit(Model(POISSON, effects=[effect]), rows, FEW))
    assert told[0].log_evidence == told[1].log_evidence
    np.testing.assert_array_equal(*(one.change_probability.to_numpy() for one in told))
    first, again = (one.effects[0].terms[0] for one in told)
    assert first[1:] == again[1:]


def test_names_of_categories_do_not_matter():
    other = {"north": "b", "south": "c", "east": "a"}
    renamed = Observations(
        count=COUNT, time=DAYS, covariates={"region": [other[name] for name in REGION]}
    )
    modes, found = [], []
    for data in (only("region"), renamed):
        model = Model(POISSON, effects=[effects.Covariate("region")])
        mode = surface(model, data).modes(np.empty(0))[0]
        design = model.effects[0].design(data)
        modes.append(mode.log_evidence)
        found.append(dict(zip(design.terms, design.contrasts @ mode.beta, strict=True)))
    assert modes[0] == pytest.approx(modes[1], abs=1e-4)
    assert sum(found[0].values()) == pytest.approx(0, abs=1e-12)
    for name, value in found[0].items():
        assert found[1][other[name]] == pytest.approx(value, abs=1e-4)


def test_the_unit_of_a_standardised_column_does_not_matter():
    cents = replace(only("price"), covariates={"price": 100 * PRICE - 5})
    designs = [effects.Covariate("price").design(one) for one in (DATA, cents)]
    np.testing.assert_allclose(designs[0].rows, designs[1].rows, atol=1e-12)
    assert (designs[0].rows.mean(), designs[0].rows.std()) == pytest.approx((0, 1))


# -- what is said ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def posterior():
    both = [effects.Covariate("price"), effects.Covariate("region")]
    return fit(Model(likelihoods.Poisson(), effects=both), DATA, FEW)


def test_both_are_told(posterior, tmp_path):
    price, region = posterior.effects
    assert price.terms[0].upper < 1
    assert price.terms[0].name == f"{PRICE.std():.3g} more"
    assert {t.name: t.mean > 1 for t in region.terms}["north"]
    assert posterior.number == 0
    assert posterior.warnings == ()
    assert "The covariate price (" in posterior.sentence()
    assert "Effect covariate region: east" in str(posterior)
    posterior.save(tmp_path / "it.nc")
    again = Posterior.load(tmp_path / "it.nc")
    assert again.model == posterior.model
    assert again.to_dict() == posterior.to_dict()
    assert again.observations.fingerprint() == DATA.fingerprint()
    assert Model.from_dict(json.loads(json.dumps(again.model.to_dict()))) == again.model


def test_any_name_of_a_column_can_be_saved(tmp_path):
    name = "price / unit [€]"
    data = Observations(count=COUNT, time=DAYS, covariates={name: PRICE})
    posterior = fit(Model(POISSON, effects=[effects.Covariate(name)]), data, FEW)
    posterior.build("posterior_predictive", "prior")
    posterior.save(tmp_path / "it.nc")
    assert Posterior.load(tmp_path / "it.nc").effects == posterior.effects


def test_a_step_cannot_be_told_from_a_change():
    law = np.arange(ROWS) >= 25
    for column in (law, np.where(law, "yes", "no"), 5.0 * law + RNG.normal(0, 0.1, ROWS)):
        data = Observations(count=COUNT, time=DAYS, covariates={"law": column})
        (told,) = Model(POISSON, effects=[effects.Covariate("law")]).check(data)
        assert f"the covariate law is a step at {DAYS[25]}, or nearly so" in told
    for column in (PRICE, np.arange(ROWS), REGION):  # a line isn't a step
        data = Observations(count=COUNT, time=DAYS, covariates={"law": column})
        assert Model(POISSON, effects=[effects.Covariate("law")]).check(data) == ()


def test_the_best_split_is_the_best_of_all():
    rows = RNG.normal(size=(9, 2))
    rows[6:] += 1
    total = np.sum((rows - rows.mean(axis=0)) ** 2)

    def left(split):
        parts = (rows[:split], rows[split:])
        return sum(np.sum((part - part.mean(axis=0)) ** 2) for part in parts)

    every = [1 - left(split) / total for split in range(1, 9)]
    assert best_split(rows) == (1 + int(np.argmax(every)), pytest.approx(max(every)))


def test_a_column_that_no_effect_uses_is_said():
    (told,) = Model(POISSON, effects=[effects.Covariate("price")]).check(DATA)
    assert "the covariate 'region' isn't used: the model has no effect of it" in told
    assert all("isn't used" not in "".join(verdict.cautions) for verdict in verdicts(DATA))


# -- data ------------------------------------------------------------------------------------


def test_a_row_needs_its_covariate_where_it_has_a_response():
    price, region = PRICE.copy(), REGION.copy()
    price[[3, 8]], region[5] = np.nan, ""
    data = Observations(
        count=COUNT, time=DAYS, lines=np.arange(2, ROWS + 2), file="x.csv",
        covariates={"price": price, "region": region},
    )  # fmt: skip
    with pytest.raises(DataError, match="'price' isn't known in 2 rows") as caught:
        effects.Covariate("price").design(data)
    assert [(one.line, one.time) for one in caught.value.rows] == [
        (5, str(DAYS[3])),
        (10, str(DAYS[8])),
    ]
    assert "Fill it in, or leave the row out (--exclude), or the covariate" in str(caught.value)
    with pytest.raises(DataError, match="'region' isn't known in 1 row"):
        effects.Covariate("region").design(data)
    gone = replace(data, count=np.where(np.isin(np.arange(ROWS), [3, 5, 8]), np.nan, COUNT))
    for name in ("price", "region"):
        assert not effects.Covariate(name).design(gone).rows[5 if name == "region" else 3].any()


def test_a_row_counts_where_any_response_is_there():
    price = np.where(np.arange(ROWS) == 4, np.nan, PRICE)
    count = np.where(np.arange(ROWS) == 4, np.nan, COUNT)
    both = Observations(count=count, value=COUNT, covariates={"price": price})
    with pytest.raises(DataError, match="'price' isn't known in 1 row"):
        effects.Covariate("price").design(both)


@pytest.mark.parametrize(
    ("covariates", "said"),
    [
        ({"x": [1, 2]}, "covariate 'x' has 2"),
        ({"x": DAYS}, "the covariate 'x' must be a number a row"),
        ({"x": np.ones((ROWS, 2))}, "the covariate 'x' must be a number a row"),
        ({"x": [{}] * ROWS}, "the covariate 'x' must be a number a row"),
        ({3: PRICE}, "a covariate's name must be text, not 3"),
        ([PRICE], "covariates must be a dictionary"),
    ],
)
def test_what_observations_do_not_take(covariates, said):
    with pytest.raises(DataError, match=re.escape(said)):
        Observations(count=COUNT, covariates=covariates)


def test_what_observations_take():
    import pandas as pd

    columns = {
        "none": ["a", None] * 20, "bool": [True, False] * 20, "whole": [1, None] * 20,
        "na": pd.array([1, pd.NA] * 20, dtype="Int64"), "kinds": pd.Categorical(REGION),
        "masked": np.ma.masked_equal(np.arange(ROWS), 1),
    }  # fmt: skip
    data = Observations(count=COUNT, covariates=columns)
    found = {name: column[1] for name, column in data.covariates.items()}
    assert (found["none"], found["bool"], found["kinds"]) == ("", 0.0, REGION[1])
    assert all(np.isnan(found[name]) for name in ("whole", "na", "masked"))
    assert "covariate none, covariate bool" in repr(data)
    with pytest.raises(ValueError, match="read-only"):
        data.covariates["bool"][0] = 3


def test_effects_that_cannot_be():
    with pytest.raises(ModelError, match="needs the name of a column"):
        effects.Covariate(3)
    with pytest.raises(ModelError, match="standardise of a Covariate is True or False"):
        effects.Covariate("x", standardise=2)
    with pytest.raises(DataError, match=r"needs the covariate 'x', and the data have 'price'"):
        Model(POISSON, effects=[effects.Covariate("x")]).check(DATA)
    many = Observations(count=COUNT, covariates={"id": [f"no {i}" for i in range(ROWS)]})
    with pytest.raises(DataError, match="'id' has 40 categories in 40 rows, such as 'no 0'"):
        effects.Covariate("id").design(many)


# -- reading ---------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "days.csv"
    rows = zip(DAYS, COUNT, PRICE, REGION, strict=True)
    lines = ["date,count,Price,region", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines))
    return path


def same(found, name="price"):
    np.testing.assert_array_equal(found.covariates[name], PRICE)
    np.testing.assert_array_equal(found.covariates["region"], REGION)


def test_every_door(table, tmp_path):
    import pandas as pd

    names = ["price", "region"]
    data = read_csv(table, covariates=names)
    same(data)
    assert data.columns == {"time": "date", "count": "count"}
    frame = pd.read_csv(table)
    same(from_frame(frame, covariates=names))
    frame.to_parquet(tmp_path / "it.parquet")
    frame.to_json(tmp_path / "it.json", orient="records")
    from changepoint import read

    for file in ("it.parquet", "it.json"):
        same(read(tmp_path / file, covariates=names))
    text = frame.assign(region=["1"] * 20 + ["2"] * 20)  # of frames, text is no number
    found = from_frame(text, count="count", covariates=["region"])
    assert found.covariates["region"].dtype.kind == "U"


def test_rows_that_are_absent_have_none(table):
    lines = table.read_text().splitlines()
    table.write_text("\n".join(lines[:10] + lines[11:]))
    with pytest.warns(DataWarning, match="1 row is absent"):
        data = read_csv(table, covariates=["price", "region"])
    assert np.isnan(data.covariates["price"][9])
    assert data.covariates["region"][9] == ""
    both = [effects.Covariate("price"), effects.Covariate("region")]
    assert Model(POISSON, effects=both).check(data) == ()


def test_rows_in_reverse_keep_theirs(table):
    header, *lines = table.read_text().splitlines()
    table.write_text("\n".join([header, *lines[::-1]]))
    with pytest.warns(DataWarning, match="descending"):
        same(read_csv(table, covariates=["price", "region"]))


def test_what_is_missing_and_what_is_no_number(table):
    text = table.read_text()
    table.write_text(text.replace(",north", ",none").replace(",south", ",NA"))
    data = read_csv(table, count="count", covariates=["region"])
    assert set(data.covariates["region"]) == {"none", "", "east"}
    table.write_text(text.replace(f",{PRICE[4]},", ",cheap,"))
    with pytest.raises(DataError, match="1 cell can't be understood") as caught:
        read_csv(table, covariates=["price"])
    assert caught.value.rows[0].column == "Price"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"covariates": ["prize"]}, "no column 'prize', asked for as a covariate"),
        ({"covariates": "price"}, "covariates must be a list of columns, not 'price'"),
        ({"covariates": ["price"], "aggregate": "week"}, "(price) can't be summed by week"),
        ({"covariates": ["price"], "count": "price"}, "was given for count and for covariates"),
        (
            {"covariates": ["region"], "outcomes": ["count", "Price"]},
            "covariates can't be used together with outcomes",
        ),
        (
            {"covariates": ["date"], "time": "Price"},
            "column 'date' holds dates, which can't be a covariate",
        ),
    ],
)  # fmt: skip
def test_columns_that_cannot_be(table, options, said):
    with pytest.raises(DataError, match=re.escape(said)):
        read_csv(table, **options)


def ended(*words):
    with pytest.raises(SystemExit) as found:
        main([str(word) for word in words])
    return found.value.code


def test_the_commands(table, tmp_path, capsys):
    words = ["--likelihood", "poisson", "--covariate", "price", "--covariate", "region"]
    assert ended("fit", table, *words, "--season", "none", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    names = [effect["name"] for effect in told["model"]["effects"]]
    assert names == ["covariate price", "covariate region"]
    assert ended("check", table, *words[2:]) == 0
    assert "covariate price, covariate region" in capsys.readouterr().out


def test_a_model_file_names_its_columns(table, tmp_path, capsys):
    file = tmp_path / "model.py"
    file.write_text(
        "from changepoint import Model, effects, likelihoods\n"
        "model = Model(likelihoods.Poisson(), effects=[effects.Covariate('price')])\n"
        "columns = {'count': 'count', 'covariates': ['price']}\n"
    )
    assert ended("fit", table, "--model", file, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [effect["name"] for effect in told["model"]["effects"]] == ["covariate price"]
    assert told["warnings"] == []


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_batch_by_series(table, tmp_path, kind):
    import pandas as pd

    frame = pd.read_csv(table)
    long = pd.concat([frame.assign(shop=shop) for shop in ("a", "b")])
    long.loc[long["shop"] == "b", "Price"] = 3.0
    file = tmp_path / f"long.{kind}"
    long.to_csv(file, index=False) if kind == "csv" else long.to_parquet(file)
    out = tmp_path / "out"
    words = ["--likelihood", "poisson", "--covariate", "price", "--covariate", "region"]
    assert ended("batch", file, *words, "--by", "shop", "--out", out) == 0
    with (out / "series.csv").open(newline="") as stream:
        rows = {row["shop"]: row for row in csv.DictReader(stream)}
    alone = fit(
        Model(likelihoods.Poisson(), effects=[effects.Covariate(n) for n in DATA.covariates]),
        DATA,
    )
    found = float(rows["a"]["probability_of_change"])
    assert found == pytest.approx(alone.probability_of_change, abs=5e-3)
    assert "the covariate price is the same in every row" in rows["b"]["warnings"]
