"""Segments of several parameters, sampled: lines, noise of their own, noise that remembers."""

from __future__ import annotations

import numpy as np
import pytest
from counted import WAYS
from lines_anew import series
from runs import TRIES, agrees, converged, quietly

from changepoint import (
    MCMC,
    Changes,
    EngineError,
    Exact,
    Model,
    fit,
    likelihoods,
)

OF_LINES = {
    "normal-mean-variance": WAYS,
    "normal-variance": WAYS,
    "trend": ("metropolis", "gibbs"),
    "autoregressive": ("metropolis", "gibbs"),
    "autoregressive-trend": ("gibbs",),
}


def of_lines(name, missing=0.1):
    """A series with a change, and a model of one."""
    return series(name, 60, 4, missing), Model(
        likelihoods.FAMILIES[name](), Changes(exactly=1, min_length=5)
    )


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("normal-mean-variance", "metropolis"),
        ("normal-variance", "sum-out"),
        pytest.param("autoregressive-trend", "gibbs", marks=pytest.mark.slow),
    ],
)
def test_segments_of_several_parameters(name, way):
    data, model = of_lines(name)
    posterior = converged(
        lambda seed: fit(model, data, MCMC(500, 300, switchpoints=way, seed=seed))
    )
    agrees([posterior], fit(model, data, Exact(draws=40_000)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "way"), [(name, way) for name, ways in OF_LINES.items() for way in ways]
)
def test_segments_of_several_parameters_by_all_ways(name, way):
    """Two runs that converged, together."""
    data, model = of_lines(name)

    def run(seed):
        return fit(model, data, MCMC(2000, 500, switchpoints=way, seed=seed))

    both = [converged(lambda seed, first=first: run(first + seed)) for first in (0, TRIES)]
    agrees(both, fit(model, data, Exact(draws=40_000)))


@pytest.mark.slow
def test_metropolis_on_lines_that_remember_is_right_or_says_no():
    """A change there is sharp, and a single step rarely finds it."""
    data, model = of_lines("autoregressive-trend")
    posterior = quietly(lambda seed: fit(model, data, MCMC(300, 300, seed=seed)), 1)
    if posterior.converged:
        agrees([posterior], fit(model, data, Exact(draws=40_000)))


@pytest.fixture(scope="module")
def lines():
    data, model = of_lines("trend")
    mine = converged(
        lambda seed: fit(model, data, MCMC(300, 300, switchpoints="gibbs", seed=seed))
    )
    return mine, fit(model, data, Exact(4000))


def test_lines_are_told_as_by_the_exact_engine(lines):
    posterior, truth = lines
    mine, its = (one.tree["posterior"].dataset for one in lines)
    assert list(mine) == list(its) == ["switchpoint", "level", "slope", "noise_sd"]
    assert all(mine[name].dims == its[name].dims for name in its)
    # The exact answer beside it has its own draws, enough for its quantiles; of a Normal's mean
    # n draws know sd / sqrt(n), of its outer quantiles 2.7 times as much. Five times that.
    beside, exactly = posterior.tree["exact"].dataset, truth.tree["exact"].dataset
    sd = (exactly["level_quantile"][2] - exactly["level_quantile"][0]).values / 3.92
    error = sd / np.sqrt(min(posterior.engine["diagnostics"]["ess_bulk"], 1200))
    for told in (beside, posterior.marginals):
        assert (np.abs(told["level_mean"] - exactly["level_mean"]) < 5 * error).all()
        off = np.abs(told["level_quantile"] - exactly["level_quantile"])
        assert (off < 5 * 2.7 * error).all()
    # A path is its segment's line: from the level at the first row, on by the slope.
    x = 59 * (posterior.observations.time - posterior.observations.time[0])
    x = x / (posterior.observations.time[-1] - posterior.observations.time[0])
    paths = posterior.trajectories(draws=5)["level"].values[2, 3]
    s = int(mine["switchpoint"][2, 3, 0])
    level, slope = mine["level"][2, 3].values, mine["slope"][2, 3].values
    line = np.where(
        np.arange(60) < s, level[0] + slope[0] * (x - x[0]), level[1] + slope[1] * (x - x[s])
    )
    assert paths == pytest.approx(line)
    assert posterior.marginals["level_mean"].values == pytest.approx(
        posterior.trajectories()["level"].values.mean(axis=(0, 1))
    )


def test_tables_of_lines(lines):
    posterior, truth = lines
    assert posterior.changes[0].index == truth.changes[0].index
    assert "slope" in str(posterior)
    assert posterior.sentence().startswith("Assuming exactly 1 change")
    comparison = posterior.compare(truth)
    assert str(comparison)
    pointwise = [one.build("log_likelihood")["log_likelihood"]["y"] for one in lines]
    assert pointwise[0].shape == (4, 300, posterior.observations.observed("value").sum())
    mean = [y.mean(("chain", "draw")).values for y in pointwise]
    assert mean[0] == pytest.approx(mean[1], abs=0.1)


NOT_SUMMED = {
    "trend": "the middle of its segment",
    "autoregressive": "rows depend on the one before",
    "autoregressive-trend": "rows depend on the one before",
}


@pytest.mark.parametrize("name", NOT_SUMMED)
def test_what_cannot_be_summed_out(name):
    data, model = of_lines(name)
    expected = rf"'{name}', because .*{NOT_SUMMED[name]}.*'gibbs' or 'metropolis'"
    with pytest.raises(EngineError, match=expected):
        fit(model, data, MCMC(switchpoints="sum-out"))


@pytest.mark.parametrize(
    "name", ["trend", pytest.param("normal-variance", marks=pytest.mark.slow)]
)
def test_of_an_average_the_most_probable_family(name):
    data = series(name, 60, 4)
    model = Model(likelihoods.Auto(), Changes(min_length=10))
    best = Exact(draws=4).run(model, data).candidates[0]
    assert best.likelihood.name == name
    posterior = quietly(lambda seed: fit(model, data, MCMC(40, 40, 2, 1, seed, repeats=1)), 1)
    assert posterior.model.likelihood == best.likelihood
    chosen, number, *_ = posterior.warnings
    assert chosen == (
        "MCMC uses the most probable of the families that 'auto' averages over, "
        f"{name}, with probability {best.probability:.2f}"
    )
    assert number.startswith(f"MCMC assumes exactly {posterior.number} change")


@pytest.mark.slow
def test_of_tails_the_most_probable():
    """A StudentT without nu is an average too."""
    data = series("normal-mean-variance", 60, 4)
    model = Model(likelihoods.StudentT(), Changes(exactly=1, min_length=10))
    best = Exact(draws=4).run(model, data).candidates[0]
    posterior = quietly(lambda seed: fit(model, data, MCMC(40, 40, 2, 1, seed, repeats=1)), 1)
    assert posterior.model.likelihood == best.likelihood
    assert f"averages over, {best.likelihood.title}, with" in posterior.warnings[0]
