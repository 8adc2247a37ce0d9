"""What an answer can't say, because of what was allowed or of how few rows there are."""

import itertools

import numpy as np
import pytest

from changepoint import Changes, Exact, Model, Observations, fit, likelihoods
from changepoint.report.sentences import sentence

DRAWS = Exact(draws=4)


def quiet(size, seed):
    """Return series without a change, and the model of each."""
    rng = np.random.default_rng(seed)
    trials = rng.integers(90, 300, size)
    return {
        "normal": (likelihoods.Normal(), {"value": rng.normal(10, 1, size)}),
        "poisson": (likelihoods.Poisson(), {"count": rng.poisson(2, size)}),
        "binomial": (
            likelihoods.Binomial(),
            {"count": rng.binomial(trials, 0.1), "trials": trials},
        ),
        "exposed": (
            likelihoods.NegativeBinomial(),
            {"count": rng.poisson(3, size), "exposure": rng.uniform(1, 5, size)},
        ),
    }


def told(posterior):
    return [text for text in posterior.warnings if "too few to show" in text]


@pytest.mark.parametrize("name", quiet(3, 0))
def test_rows_that_are_called_too_few_show_no_change_in_any_order(name):
    family, columns = quiet(3, 4)[name]
    asked = fit(Model(family), Observations(**columns), DRAWS)
    assert told(asked)
    others = [
        fit(Model(family), Observations(**{k: v[order] for k, v in columns.items()}), DRAWS)
        for order in map(list, list(itertools.permutations(range(3)))[1:])
    ]
    assert max(one.probability_of_change for one in (asked, *others)) < 0.95


@pytest.mark.parametrize("name", quiet(3, 0))
def test_rows_that_say_something_are_not_called_too_few(name):
    family, columns = quiet(60, 5)[name]
    assert not told(fit(Model(family), Observations(**columns), DRAWS))
    clear = {**columns, "count": np.repeat([1.0, 80.0], 3)}
    clear.pop("value", None)
    if name != "normal":
        clear = {key: numbers[:6] for key, numbers in clear.items()}
        assert not told(fit(Model(family), Observations(**clear), DRAWS))


@pytest.mark.parametrize("K", [1, 2, 4])
def test_a_largest_number_that_binds_is_said(K):
    counts = np.repeat([5.0, 60.0] * 3, 8)  # five changes
    observations = Observations(count=counts)
    found = fit(Model(likelihoods.Poisson(), Changes(at_most=K)), observations, DRAWS)
    assert any(f"that was allowed, {K}, has most" in text for text in found.warnings)
    enough = fit(Model(likelihoods.Poisson(), Changes(at_most=8)), observations, DRAWS)
    assert not any("that was allowed" in text for text in enough.warnings)


def test_a_number_told_with_less_than_half_is_called_one_of_several():
    rng = np.random.default_rng(3)
    rates = np.repeat([4.0, 6.5, 4.5, 7.0, 5.0], 12)
    found = fit(Model(likelihoods.Poisson()), Observations(count=rng.poisson(rates)), DRAWS)
    assert found.number and found.number_probability[found.number] < 0.5
    assert "the most probable of several numbers" in sentence(found)
    sure = Observations(count=np.repeat([4.0, 60.0], 20))
    assert "of several" not in sentence(fit(Model(likelihoods.Poisson()), sure, DRAWS))
