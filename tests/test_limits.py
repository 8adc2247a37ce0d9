"""What the exact engine can't hold is an error that names the row and the prior to look at."""

import numpy as np
import pytest

from changepoint import Changes, EngineError, Model, Observations, fit, priors
from changepoint.likelihoods import Binomial, Normal


def test_rounding_that_a_prior_turns_into_infinite_precision():
    """Runs of equal values have density without bound as the noise goes to 0."""
    value = np.round(np.random.default_rng(0).normal(0, 0.01, 22), 2)
    model = Model(Normal(noise_sd=priors.Exponential(1)), Changes(every=5))
    with pytest.raises(EngineError, match="too much to such values of noise_sd"):
        fit(model, Observations(value=value))


def outlier():
    value = np.round(np.random.default_rng(8).normal(0, 0.01, 30), 2)
    value[7] = 1e6
    return value


def test_an_outlier_is_named_where_the_prior_has_no_closed_form():
    model = Model(Normal(level=priors.Logistic(0, 4e5)))
    with pytest.raises(EngineError, match=r"at row 7 the level would be 1e\+06"):
        fit(model, Observations(value=outlier()))
    days = np.arange("2025-01-01", "2025-01-31", dtype="datetime64[D]")
    with pytest.raises(EngineError, match=r"at 2025-01-08 the level would be 1e\+06"):
        fit(model, Observations(value=outlier(), time=days))


def test_an_outlier_is_two_changes_where_it_has():
    """What no grid can hold is answered by segments in closed form."""
    posterior = fit(Model(Normal()), Observations(value=outlier()))
    assert [change.index for change in posterior.changes] == [7, 8]
    assert posterior.changes[0].probability > 0.999


def test_counts_that_are_too_precise():
    trials = np.full(50, 1e12)
    count = np.round(trials * np.linspace(0.2, 0.7, 50))
    with pytest.raises(EngineError, match="Use fewer trials"):
        fit(Model(Binomial()), Observations(count=count, trials=trials))


def test_noise_beyond_the_smallest_numbers():
    value = np.random.default_rng(1).normal(0, 1, 20)
    model = Model(Normal(noise_sd=priors.LogNormal(-300, 1)))
    with pytest.raises(EngineError, match="where noise_sd is"):
        fit(model, Observations(value=value))
