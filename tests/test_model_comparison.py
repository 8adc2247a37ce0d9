"""Comparison of models by their evidence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from changepoint import (
    MCMC,
    Changes,
    Exact,
    Model,
    ModelComparison,
    ModelError,
    Observations,
    SupportError,
    compare_models,
    fit,
    likelihoods,
    priors,
)
from changepoint.posterior import Posterior

COUNT = np.array([3, 1, 4, 2, 2, 5, 11, 9, 12, 8])
TRIALS = np.array([100, 90, 120, 80, 100, 110, 100, 95, 105, 100])
DATA = Observations(count=COUNT, trials=TRIALS)
DRAWS = Exact(draws=400)
BETAS = [(2.0, 30.0), (1.0, 1.0), (40.0, 60.0)]


def binomial(a: float, b: float, changes: Changes) -> Model:
    return Model(likelihoods.Binomial(rate=priors.Beta(a, b)), changes)


def log_marginal(a: float, b: float) -> float:
    """log p(y) of one segment: the beta-binomial of the sums, and how they fall on the rows."""
    k, n = COUNT.sum(), TRIALS.sum()
    ways = np.log(special.comb(TRIALS, COUNT)).sum() - np.log(special.comb(n, k))
    return float(stats.betabinom.logpmf(k, n, a, b) + ways)


@pytest.fixture(scope="module")
def still() -> ModelComparison:
    """Three models without changes, the prior of the second one flat."""
    models = (binomial(a, b, Changes(probability=0)) for a, b in BETAS)
    return compare_models(models, DATA, DRAWS)


@pytest.fixture(scope="module")
def several() -> ModelComparison:
    """Two families, and changes of two kinds."""
    models = [
        Model(likelihoods.BetaBinomial()),
        Model(likelihoods.Binomial(), Changes(exactly=0)),
        Model(likelihoods.Binomial(), Changes(at_most=2)),
    ]
    return compare_models(models, DATA, DRAWS)


# -- probabilities ----------------------------------------------------------------------------


def test_evidence_and_probability_in_closed_form(still):
    exact = np.array([log_marginal(a, b) for a, b in BETAS])
    found = [posterior.log_evidence for posterior in still.posteriors]
    np.testing.assert_allclose(found, exact, atol=1e-6)
    np.testing.assert_allclose(still.probability, special.softmax(exact), atol=1e-6)


def test_probabilities_are_the_softmax_of_the_evidences(several):
    found = [posterior.log_evidence for posterior in several.posteriors]
    np.testing.assert_allclose(several.probability, special.softmax(found), rtol=1e-12)
    assert several.probability.sum() == pytest.approx(1, abs=1e-12)


def test_evidences_far_apart_do_not_underflow():
    data = Observations(count=[100_000] * 4, trials=[200_000] * 4)
    models = [binomial(1e6, 1e6, Changes()), binomial(1, 1000, Changes())]
    probability = compare_models(models, data, DRAWS).probability
    assert probability[0] == 1
    assert 0 <= probability[1] < 1e-300


def test_each_posterior_is_that_of_fit(several):
    for posterior in several.posteriors:
        alone = fit(posterior.model, DATA, DRAWS)
        assert posterior.tree.equals(alone.tree)


# -- the table --------------------------------------------------------------------------------


def test_the_table_has_the_most_probable_first(several):
    table = several.table
    assert table["probability"].is_monotonic_decreasing
    order = np.argsort(-several.probability)
    assert table.index.tolist() == [several.labels[i] for i in order]
    for row, i in zip(table.itertuples(), order, strict=True):
        posterior = several.posteriors[i]
        assert row.log_evidence == posterior.log_evidence
        assert row.probability == several.probability[i]
        assert row.probability_of_change == posterior.probability_of_change
        assert row.number == posterior.number
        assert row.changes == ", ".join(str(change.index) for change in posterior.changes)
    assert table["changes"].str.len().max() > 0  # a change was found


def test_the_table_names_times_and_counts_what_it_leaves_out():
    rng = np.random.default_rng(1)
    value = np.repeat([0.0, 9] * 4, 5) + rng.normal(0, 0.1, 40)
    days = np.datetime64("2025-03-01") + np.arange(40)
    data = Observations(value=value, time=days)
    models = [
        Model(likelihoods.Normal(), Changes(exactly=7)),
        Model(likelihoods.Normal(), Changes(exactly=1)),
    ]
    compared = compare_models(models, data, DRAWS)
    first, second = (compared.table.loc[label, "changes"] for label in compared.labels)
    times = [str(days[5 * i]) for i in range(1, 6)]
    assert first == ", ".join(times) + " and 2 more"
    assert second in [str(day) for day in days]


def test_the_best_is_the_most_probable(several, still):
    for compared in (several, still):
        assert compared.best is compared.posteriors[int(np.argmax(compared.probability))]
        label = compared.labels[compared.posteriors.index(compared.best)]
        assert compared.table.index[0] == label


def test_the_order_of_models_does_not_matter(several):
    models = [posterior.model for posterior in several.posteriors]
    turned = compare_models(models[::-1], DATA, DRAWS)
    np.testing.assert_allclose(turned.probability[::-1], several.probability, rtol=1e-9)
    assert turned.best.model == several.best.model


def test_labels_tell_the_changes_only_of_names_that_repeat(several):
    first, second, third = several.labels
    assert first == "beta-binomial"
    assert second == f"binomial, {Changes(exactly=0)}"
    assert third == f"binomial, {Changes(at_most=2)}"


def test_labels_of_equal_names_and_changes_are_numbered(still):
    assert len(set(still.labels)) == 3
    same = f"binomial, {Changes(probability=0)}"
    assert still.labels == tuple(f"{same} ({i})" for i in (1, 2, 3))


def test_labels_tell_what_tells_families_of_one_name_apart():
    data = Observations(value=[1.0, 2.0, 1.5, 9.0, 1.2, 1.7])
    models = [Model(likelihoods.StudentT(nu=nu), Changes(exactly=0)) for nu in (2, 20)]
    compared = compare_models(models, data, DRAWS)
    assert compared.labels == ("student-t(nu=2)", "student-t(nu=20)")


def test_it_is_told_as_text_and_html(several):
    assert isinstance(several.table, pd.DataFrame)
    told, html = str(several), several._repr_html_()
    assert html.startswith("<table")
    for label in several.labels:
        assert label in told
        assert label in html
    for column in several.table.columns:
        assert column in told
        assert f"<th>{column}</th>" in html
    for p in several.probability:
        assert f"{p:.4g}" in told
        assert f"{p:.4g}" in html


# -- what can't be compared -------------------------------------------------------------------


@pytest.mark.parametrize(
    "models",
    [
        [],
        [Model(likelihoods.Binomial())],
        [Model(likelihoods.Binomial()), likelihoods.BetaBinomial()],
        [Model(likelihoods.Binomial()), None],
    ],
)
def test_two_models_are_needed(models):
    with pytest.raises(ModelError, match="takes two or more Models"):
        compare_models(models, DATA)


def test_a_single_model_is_no_list_of_models():
    with pytest.raises(ModelError, match="takes two or more Models"):
        compare_models(Model(likelihoods.Binomial()), DATA)


def test_models_of_other_columns():
    models = [Model(likelihoods.Binomial()), Model(likelihoods.Normal())]
    data = Observations(count=COUNT, trials=TRIALS, value=COUNT / TRIALS)
    with pytest.raises(ModelError, match="explain count and value"):
        compare_models(models, data)


def test_a_sampler_has_no_evidence():
    models = [Model(likelihoods.Binomial()), Model(likelihoods.BetaBinomial())]
    with pytest.raises(ModelError, match=r"only the engine Exact\(\)"):
        compare_models(models, DATA, MCMC())


def test_data_that_one_model_rules_out():
    models = [
        Model(likelihoods.Binomial()),
        Model(likelihoods.Binomial(rate=priors.Uniform(0.9, 1))),
    ]
    with pytest.raises(SupportError, match="impossible under the prior"):
        compare_models(models, DATA)


def test_averages_over_families_are_compared_too():
    value = np.random.default_rng(2).normal(0, 1, 24)
    data = Observations(value=value)
    models = [Model(likelihoods.Auto(), Changes(min_length=5)), Model(likelihoods.Normal())]
    compared = compare_models(models, data, Exact(draws=40))
    assert compared.labels == ("auto", "normal")
    assert all(isinstance(posterior, Posterior) for posterior in compared.posteriors)
