"""Averages over families: what is told of measurements whose kind isn't known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from changepoint import (
    Changes,
    DataError,
    Exact,
    Model,
    Observations,
    fit,
    likelihoods,
)
from changepoint.exact.solve import solve
from changepoint.likelihoods.auto import LONG, LONG_MEMORY, Auto
from changepoint.model import default_likelihood, default_model
from changepoint.posterior import Posterior

DRAWS = Exact(draws=400)
NAN = np.nan
STEADY = "student-t(phi=None)"  # one level, with outliers and memory


def autoregressive(seed: int, T: int, phi: float) -> Observations:
    """Values without a change that remember phi of the one before."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=T)
    y[0] /= np.sqrt(1 - phi**2)
    for i in range(1, T):
        y[i] += phi * y[i - 1]
    return Observations(value=y)


def default(data: Observations, **changes: object) -> Posterior:
    return fit(default_model(data, **changes), data, DRAWS)


@pytest.fixture(scope="module")
def step() -> Posterior:
    rng = np.random.default_rng(1)
    return default(Observations(value=np.repeat([10.0, 13.0], 30) + rng.normal(0, 1, 60)))


@pytest.fixture(scope="module")
def unsure() -> Posterior:
    """A change of which the families think differently."""
    rng = np.random.default_rng(3)
    return default(Observations(value=np.repeat([10.0, 11.2], 20) + rng.normal(0, 1, 40)))


@pytest.fixture(scope="module")
def given(unsure) -> Posterior:
    return default(unsure.observations, exactly=1)


# -- the candidates -------------------------------------------------------------------------


def test_candidates_sum_to_one_and_the_most_probable_comes_first(step, unsure, given):
    for posterior in (step, unsure, given):
        table = posterior.candidates
        assert table["probability"].sum() == pytest.approx(1, abs=1e-12)
        assert table["probability"].is_monotonic_decreasing
        assert table["log_evidence"].is_monotonic_decreasing
        odds = np.exp(table["log_evidence"] - table["log_evidence"].iloc[0])
        np.testing.assert_allclose(table["probability"], odds / odds.sum(), rtol=1e-9)
        assert table.index.is_unique


def test_the_evidence_is_the_mean_of_the_candidates(unsure):
    log_evidence = unsure.candidates["log_evidence"].to_numpy()
    mean = np.log(np.mean(np.exp(log_evidence - log_evidence.max()))) + log_evidence.max()
    assert unsure.log_evidence == pytest.approx(mean, abs=1e-9)


def test_the_probability_of_change_is_the_weighted_one(step, unsure):
    for posterior in (step, unsure):
        told = posterior.candidates.dropna()  # others weigh less than 1e-4 each
        p, each = told["probability"], told["probability_of_change"]
        weighted = float((p * each).sum() / p.sum())
        assert posterior.probability_of_change == pytest.approx(weighted, abs=1e-9)
    assert each.min() + 0.05 < weighted < each.max() - 0.01  # they do differ


def test_each_candidate_is_what_a_fit_of_it_says(unsure):
    changes = unsure.model.changes
    table = unsure.candidates
    weighed = np.flatnonzero(table["probability"] > 1e-3)
    assert len(weighed) >= 4
    for i in weighed:
        family, row = unsure.likelihoods[i], table.iloc[i]
        steady = family.title == STEADY
        alone = fit(
            Model(family, Changes(exactly=0, min_length=5) if steady else changes),
            unsure.observations,
            DRAWS,
        )
        assert row["log_evidence"] == pytest.approx(alone.log_evidence, abs=1e-4)
        assert row["probability_of_change"] == pytest.approx(
            alone.probability_of_change, abs=1e-4
        )
        assert row["number"] == alone.number
        assert table.index[i] == family.title
        assert row["priors"] == str(family)


def test_marginals_are_weighted_too(unsure):
    told = unsure.candidates.dropna()
    p = told["probability"].to_numpy() / told["probability"].sum()
    assert unsure.number_probability.sum() == pytest.approx(1, abs=1e-9)
    change = np.zeros(40)
    for weight, family in zip(p, unsure.likelihoods, strict=False):
        if family.title != STEADY and weight > 1e-3:
            alone = fit(Model(family, unsure.model.changes), unsure.observations, Exact(4))
            change += weight * alone.change_probability.to_numpy()
    np.testing.assert_allclose(unsure.change_probability, change, atol=3e-3)


def test_families_that_never_change_count_without_changes_alone(unsure, given):
    """A level from which values jump and to which they return: it has no change to offer."""
    row = unsure.candidates.loc[STEADY]
    assert row["probability"] > 1e-4
    assert row["probability_of_change"] == 0
    assert row["number"] == 0
    assert STEADY not in given.candidates.index
    assert len(given.candidates) == len(unsure.candidates) - 1
    none = default(unsure.observations, exactly=0)
    assert STEADY in none.candidates.index
    assert none.probability_of_change == 0


def test_likelihoods_are_the_candidates(unsure):
    assert [family.title for family in unsure.likelihoods] == list(unsure.candidates.index)
    alone = fit(Model(likelihoods.Normal()), unsure.observations, DRAWS)
    assert alone.likelihoods == (alone.model.likelihood,)
    assert len(alone.candidates) == 0


# -- which family wins, and what it says ----------------------------------------------------


def test_a_step_is_found(step):
    assert step.number == 1
    assert step.probability_of_change > 0.99
    (change,) = step.changes
    assert abs(change.index - 30) <= 1
    y = step.observations.value
    for interval, rows in ((change.before, y[:30]), (change.after, y[30:])):
        assert interval.lower < rows.mean() < interval.upper
        assert interval.mean == pytest.approx(rows.mean(), abs=0.3)
    assert change.probability_of_increase > 0.99


def test_outliers_are_no_change():
    rng = np.random.default_rng(4)
    y = rng.normal(0, 1, 80)
    y[[15, 40, 41, 66]] += [14, -18, 15, 20]
    posterior = default(Observations(value=y))
    assert posterior.candidates.index[0].startswith("student-t")
    assert posterior.number == 0
    assert posterior.probability_of_change < 0.5
    # The level alone, under Normal noise, would have changed.
    alone = fit(Model(likelihoods.NormalMeanVariance()), posterior.observations, DRAWS)
    assert alone.probability_of_change > 0.9


def test_a_kink_is_one_of_lines():
    rng = np.random.default_rng(5)
    x = np.arange(60.0)
    y = 0.3 * x - 0.5 * np.maximum(x - 30, 0) + rng.normal(0, 0.5, 60)
    posterior = default(Observations(value=y))
    assert posterior.candidates.index[0] in ("trend", "autoregressive-trend")
    assert posterior.number == 1
    assert posterior.probability_of_change > 0.95
    (change,) = posterior.changes
    assert abs(change.index - 30) <= 4


def test_a_line_is_no_change():
    y = 0.2 * np.arange(60) + np.random.default_rng(6).normal(0, 0.7, 60)
    posterior = default(Observations(value=y))
    assert posterior.candidates.index[0] in ("trend", "autoregressive-trend")
    assert posterior.number == 0
    assert posterior.probability_of_change < 0.5


def test_memory_is_no_change():
    misled = []
    for seed in range(3):
        data = autoregressive(seed, 150, 0.7)
        posterior = default(data)
        assert posterior.probability_of_change < 0.5
        assert "autoregressive" in posterior.candidates.index[:2]
        independent = Model(likelihoods.Normal(), Changes(min_length=5))
        misled.append(fit(independent, data, DRAWS).probability_of_change)
    assert max(misled) > 0.99  # as a level under independent noise would have it


@pytest.mark.parametrize("period", [2, 5, 7])
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_pattern_that_returns_is_one_level_within_the_data(period, noise):
    """Steps up that are alike, and a fall: a drift to a level far above, or so it looks."""
    rng = np.random.default_rng(period)
    y = 10.0 * (1 + np.arange(8 * period) % period) * (1 + noise * rng.normal(size=8 * period))
    posterior = default(Observations(value=y))
    rows = posterior.arrays.rows
    assert (rows[0] >= y.min()).all()
    assert (rows[0] <= y.max()).all()
    told = posterior.to_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_an_answer_that_cannot_change_says_so_and_what_others_say():
    posterior = default(Observations(value=10.0 * (1 + np.arange(42) % 7)))
    best = posterior.candidates.iloc[0]
    assert best["steady"]
    assert best["probability"] > 0.99
    assert str(posterior).startswith("No change, by assumption: ")
    assert f"Under {posterior.varied.title}, the most probable that allows any" in str(
        posterior
    )
    model = Model(posterior.varied, posterior.model.changes)
    alone = fit(model, posterior.observations, DRAWS).probability_of_change
    assert posterior.sensitivity[1.0] == pytest.approx(alone, abs=1e-4)


def test_noise_alone_changes():
    rng = np.random.default_rng(7)
    y = 50 + rng.normal(0, 1, 80) * np.repeat([1.0, 5.0], 40)
    posterior = default(Observations(value=y))
    assert posterior.candidates.index[0] in ("normal-variance", "normal-mean-variance")
    assert posterior.probability_of_change > 0.9
    assert posterior.number == 1
    assert abs(posterior.changes[0].index - 40) <= 5


def test_missing_rows_leave_the_step_where_it_is(step):
    y = step.observations.value.copy()
    y[[0, 7, 8, 9, 29, 45]] = NAN
    posterior = default(Observations(value=y))
    assert posterior.number == 1
    assert abs(posterior.changes[0].index - 30) <= 2


# -- long series ----------------------------------------------------------------------------


def test_long_series_are_averaged_over_fewer_families_and_warned_of():
    y = np.random.default_rng(8).normal(size=LONG + 1)
    family = Auto()
    short, long = Observations(value=y[:LONG_MEMORY]), Observations(value=y)
    middle = Observations(value=y[:-1])
    assert not list(family.cautions(short))
    (caution,) = family.cautions(middle)
    assert caution.startswith("3000 rows, above 1200: levels and lines with autocorrelated")
    left = {one.name for one in family.candidates(short)} - {
        one.name for one in family.candidates(middle)
    }
    assert left == {"autoregressive", "autoregressive-trend"}
    (caution,) = family.cautions(long)
    assert caution.startswith("3001 rows, above 3000: lines, autocorrelation and noise")
    names = [one.name for one in family.candidates(long)]
    assert names == ["normal", "student-t"]
    assert {one.name for one in family.candidates(short)} > set(names)


def test_the_warning_is_in_the_answer(monkeypatch):
    from changepoint.likelihoods import auto

    monkeypatch.setattr(auto, "LONG", 39)
    rng = np.random.default_rng(9)
    posterior = default(Observations(value=np.repeat([0.0, 4.0], 20) + rng.normal(size=40)))
    assert any("40 rows, above 39" in text for text in posterior.warnings)
    assert "40 rows, above 39" in str(posterior)
    names = {family.name for family in posterior.likelihoods}
    assert names == {"normal", "student-t"}
    assert posterior.number == 1


# -- the default model ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (Observations(count=[1, 2], trials=[9, 9]), "beta-binomial"),
        (Observations(count=[1, 2]), "negative-binomial"),
        (Observations(rate=[0.1, 0.2]), "beta"),
        (Observations(value=[1.0, 2.5]), "auto"),
        (Observations(outcomes=[[1, 2], [2, 1]]), "multinomial"),
    ],
)
def test_the_default_follows_the_columns(data, name):
    assert default_likelihood(data).name == name
    assert default_model(data).likelihood == default_likelihood(data)


@pytest.mark.parametrize(("T", "lasting"), [(1, 1), (3, 1), (8, 2), (19, 4), (20, 5), (500, 5)])
def test_measurements_change_for_a_while(T, lasting):
    data = Observations(value=np.arange(float(T)))
    assert default_model(data).changes == Changes(min_length=lasting)
    assert default_model(data, min_length=1).changes == Changes()
    assert default_model(data, at_most=2).changes == Changes(at_most=2, min_length=lasting)
    counts = Observations(count=np.arange(float(T)))
    assert default_model(counts).changes == Changes()


# -- what is stored -------------------------------------------------------------------------


@pytest.mark.parametrize("group", ["log_likelihood", "posterior_predictive", "prior"])
def test_groups_of_one_model_are_refused(unsure, group):
    with pytest.raises(DataError, match=r"average over several.*candidates"):
        unsure.build(group)
    assert group not in unsure.tree.children


def test_the_most_probable_candidate_has_pointwise_likelihoods(step):
    best = fit(Model(step.likelihoods[0], step.model.changes), step.observations, DRAWS)
    assert best.build("log_likelihood")["log_likelihood"]["y"].shape == (4, 100, 60)


@pytest.mark.parametrize("name", ["posterior.nc", "posterior.zarr"])
def test_candidates_are_saved(unsure, name, tmp_path):
    if name.endswith("zarr"):
        pytest.importorskip("zarr")
    unsure.save(tmp_path / name)
    loaded = Posterior.load(tmp_path / name)
    assert loaded.candidates.equals(unsure.candidates)
    assert loaded.likelihoods == unsure.likelihoods
    assert loaded.model == unsure.model
    assert str(loaded) == str(unsure)


def test_the_reports_name_the_candidates(unsure):
    table = unsure.candidates
    told = unsure.to_dict()["models"]
    assert [one["model"] for one in told] == list(table.index)
    assert [one["probability"] for one in told] == list(table["probability"])
    best = table.index[0]
    (line,) = (text for text in str(unsure).splitlines() if text.startswith("Probability of"))
    assert line.startswith(f"Probability of each model: {best} ")
    for title in table.index[table["probability"] > 0.005]:
        assert title in str(unsure).replace("\n", " ")
        assert f"<th>{title}</th>" in unsure._repr_html_()


# -- false alarms ---------------------------------------------------------------------------


@pytest.mark.slow
def test_false_alarms_of_series_with_memory():
    """Of AR(1) series without a change at most one in ten is taken for one that changed."""
    alarms, series = 0, 100
    for seed in range(series):
        data = autoregressive(1000 + seed, 300, 0.7)
        answer = solve(default_model(data).resolve(data), data, 4, 0).answer()
        alarms += answer.number_probability[0] < 0.5
    print(f"P(any change) > 0.5 in {alarms} of {series} series")
    assert alarms <= series / 10
