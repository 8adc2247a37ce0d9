"""What can't be held or reached is an error that names the row, prior or setting to look at."""

import numpy as np
import pytest

from changepoint import (
    MCMC,
    Changes,
    DataError,
    EngineError,
    Exact,
    Model,
    ModelError,
    Observations,
    fit,
    likelihoods,
    priors,
    read_csv,
)
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


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"draws": 10**12}, "draws of .* must be at most 10000000, not 1000000000000"),
        ({"seed": 2**64}, "seed of .* must be at most 9223372036854775807"),
        ({"seed": -1}, "seed of .* must be at least 0"),
    ],
    ids=str,
)
@pytest.mark.parametrize("engine", [Exact, MCMC])
def test_settings_have_limits(engine, settings, words):
    with pytest.raises(ModelError, match=words):
        engine(**settings)


@pytest.mark.parametrize("date_format", ["%Y-%Y", "%Y-%m-%m", "%", "%Y%", "%Y-%Q", "%d", ""])
def test_formats_of_dates_that_are_none(date_format, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("day,count\n2024/1/1,1\n2024/1/2,2\n")
    with pytest.raises(DataError, match=r"date format .* can't be used"):
        read_csv(file, date_format=date_format)


@pytest.mark.parametrize(
    ("family", "prior"),
    [
        (likelihoods.BetaBinomial, priors.Normal(0, 1e20)),
        (likelihoods.BetaBinomial, priors.Normal(-1e17, 1e5)),
        (likelihoods.BetaBinomial, priors.Logistic(0, 1e20)),
        (likelihoods.NegativeBinomial, priors.Normal(1e20, 1e20)),
        (likelihoods.NegativeBinomial, priors.Normal(1e18, 1e6)),
        (likelihoods.NegativeBinomial, priors.Normal(-1e18, 1e6)),
    ],
    ids=str,
)
def test_a_search_whose_step_is_lost_in_rounding_ends(family, prior):
    counts = np.repeat([3.0, 9.0], 10)
    data = Observations(count=counts, trials=np.full(20, 100.0))
    with pytest.raises(EngineError, match=r"on the log_excess .* orders of magnitude"):
        fit(Model(family(log_excess=prior)), data)
