"""PyMC models written by hand, under the toolkit's check, fit and report."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from changepoint import (
    MCMC,
    Changes,
    ConvergenceWarning,
    DataError,
    Exact,
    Model,
    ModelError,
    Observations,
    Posterior,
    fit,
    likelihoods,
    priors,
    sum_out,
)

T = 60
RNG = np.random.default_rng(3)
TRIALS = RNG.integers(300, 500, T)
DATA = Observations(
    count=RNG.binomial(TRIALS, np.where(np.arange(T) < 35, 0.02, 0.05)), trials=TRIALS
)
COORDS = {"segment": ["before", "after"], "change": [0], "row": np.arange(T)}
TRUTH = Model(likelihoods.Binomial(priors.Beta(2, 50)), Changes(exactly=1))


def hand_written(number=1, **rate):
    with pm.Model(coords=COORDS) as model:
        place = pm.DiscreteUniform("switchpoint", 1, T - 1, dims="change")
        rates = pm.Beta("rate", 2.0, 50.0, dims="segment", **rate)
        row = pm.Data("position", np.arange(T), dims="row")
        trials = pm.Data("trials", TRIALS, dims="row")
        count = pm.Data("count", DATA.count.astype(int), dims="row")
        segment = (row >= place[0]).astype("int64")
        pm.Binomial("conversions", n=trials, p=rates[segment], observed=count, dims="row")
    return model


def summed():
    with pm.Model(coords=COORDS) as model:
        rates = pm.Beta("rate", 2.0, 50.0, dims="segment")
        loglik = pm.logp(pm.Binomial.dist(n=TRIALS, p=rates[:, None]), DATA.count.astype(int))
        pm.Potential("data", sum_out(loglik))
    return model


@pytest.fixture(scope="module")
def truth():
    return fit(TRUTH, DATA, Exact(draws=20_000))


@pytest.fixture(scope="module")
def by_hand():
    return fit(hand_written(), DATA, MCMC(500, 500, seed=1))


def test_it_is_told_like_any_other(by_hand, truth, tmp_path):
    assert by_hand.converged
    (mine,), (its,) = by_hand.changes, truth.changes
    assert abs(mine.index - its.index) <= 1
    assert mine.before.mean == pytest.approx(its.before.mean, rel=0.05)
    assert mine.ratio is not None
    assert by_hand.sentence().startswith("Assuming exactly 1 change")
    assert "PyMC, written by hand: switchpoint ~ DiscreteUniform" in str(by_hand)
    told = by_hand.to_dict()
    assert told["model"]["likelihood"] == "pymc"
    assert set(told["model"]["priors"]) == {"switchpoint", "rate", "conversions"}
    json.dumps(told, allow_nan=False)
    by_hand.plot().savefig(tmp_path / "figure.png")
    assert set(by_hand.tree["posterior"].data_vars) == {"switchpoint", "rate"}
    comparison = by_hand.compare(truth)
    distance = comparison.table.loc["change 1: total variation of the row", "difference"]
    assert distance < 0.1


def test_it_is_saved_and_loaded(by_hand, tmp_path):
    by_hand.save(tmp_path / "own.nc")
    loaded = Posterior.load(tmp_path / "own.nc")
    assert str(loaded) == str(by_hand)
    assert loaded.model == by_hand.model
    assert loaded.tree["sample_stats"]["diverging"].dtype == bool
    with pytest.raises(DataError, match="needs the PyMC model"):
        loaded.build("log_likelihood")


@pytest.mark.filterwarnings("ignore:Numba will use object mode")
def test_groups_that_pymc_computes(by_hand):
    tree = by_hand.build("log_likelihood", "posterior_predictive", "prior")
    assert tree["log_likelihood"]["conversions"].sizes["row"] == T
    assert tree["posterior_predictive"]["conversions"].sizes["row"] == T
    assert "rate" in tree["prior"]


def test_switchpoints_summed_out(truth):
    posterior = fit(summed(), DATA, MCMC(500, 500, seed=1))
    assert posterior.converged
    assert posterior.engine["settings"]["switchpoints"] == "sum-out"
    (mine,), (its,) = posterior.changes, truth.changes
    assert abs(mine.index - its.index) <= 1
    assert mine.after.mean == pytest.approx(its.after.mean, rel=0.05)
    with pytest.raises(DataError, match="no observed variable"):
        posterior.build("log_likelihood")


def test_what_cannot_converge_is_said():
    """A Metropolis that never moves: draws are all equal, and R-hat sees nothing."""
    model = hand_written()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        posterior = fit(model, DATA, MCMC(4, 0, seed=1))
    assert not posterior.converged
    (message,) = [str(w.message) for w in caught if w.category is ConvergenceWarning]
    assert "Sum the switchpoints out of the model (`changepoint.sum_out`)" in message


def without_dims():
    with pm.Model() as model:
        pm.DiscreteUniform("switchpoint", 1, T - 1)
        pm.Beta("rate", 2.0, 50.0, shape=2)
    return model


def without_switchpoint():
    with pm.Model(coords=COORDS) as model:
        pm.Beta("rate", 2.0, 50.0, dims="segment")
    return model


def impossible():
    with pm.Model(coords=COORDS) as model:
        place = pm.DiscreteUniform("switchpoint", 1, T - 1, dims="change")
        rates = pm.Beta("rate", 2.0, 50.0, dims="segment")
        segment = pt.ge(np.arange(T), place[0]).astype("int64")
        pm.Binomial("k", n=TRIALS, p=rates[segment], observed=TRIALS + 1)
    return model


def three_segments():
    coords = {**COORDS, "segment": ["a", "b", "c"]}
    with pm.Model(coords=coords) as model:
        place = pm.DiscreteUniform("switchpoint", 1, T - 1, dims="change")
        rates = pm.Beta("rate", 2.0, 50.0, dims="segment")
        segment = pt.ge(np.arange(T), place[0]).astype("int64")
        pm.Binomial("k", n=TRIALS, p=rates[segment], observed=DATA.count.astype(int))
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (without_dims, "dims='segment'"),
        (without_switchpoint, "must have an integer variable 'switchpoint'"),
        (impossible, "can't be sampled as it is:\n(.|\n)*more successes than trials"),
        (three_segments, "which makes 2 segments, but 3 in 'segment'"),
        (lambda: "a model", "fits a Model or a pm.Model"),
    ],
)
def test_what_it_cannot_fit(model, message):
    with pytest.raises(ModelError, match=message):
        fit(model(), DATA, MCMC(20, 20, 2))


def test_ways_and_engines_that_do_not_fit():
    with pytest.raises(ModelError, match="gibbs' integrates out"):
        fit(hand_written(), DATA, MCMC(switchpoints="gibbs"))
    with pytest.raises(ModelError, match="needs the engine MCMC"):
        fit(hand_written(), DATA)
    with pytest.raises(ModelError, match="the engine must be"):
        fit(TRUTH, DATA, "mcmc")
