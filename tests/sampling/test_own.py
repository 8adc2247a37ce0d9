"""PyMC models written by hand, under the toolkit's check, fit and report."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from matplotlib.figure import Figure
from runs import converged
from scipy import stats

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
    SupportError,
    fit,
    likelihoods,
    priors,
    sum_out,
)
from changepoint.sampling.hand_written_checks import (
    check_switchpoint,
    distribution_text,
    told_parameter,
    told_switchpoint,
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
    return converged(lambda seed: fit(hand_written(), DATA, MCMC(500, 300, seed=seed)))


def test_it_is_told_like_any_other(by_hand, truth, tmp_path):
    (mine,), (its,) = by_hand.changes, truth.changes
    assert abs(mine.index - its.index) <= 1
    assert mine.before.mean == pytest.approx(its.before.mean, rel=0.05)
    assert mine.ratio is not None
    assert by_hand.sentence().startswith("Assuming exactly 1 change")
    assert "PyMC, written by hand: switchpoint ~ DiscreteUniform" in str(by_hand)
    named = "Binomial(rate=priors.Beta(alpha=2, beta=50)), Changes(exactly=1)), data)"
    assert [warning.endswith(named) for warning in by_hand.warnings] == [True]
    told = by_hand.to_dict()
    assert told["model"]["likelihood"] == "pymc"
    assert set(told["model"]["priors"]) == {"switchpoint", "rate", "conversions"}
    json.dumps(told, allow_nan=False)
    by_hand.plot().savefig(tmp_path / "figure.png")
    assert by_hand.plot_prior(ax=by_hand.plot_compare(truth, ax=Figure().subplots())).lines
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


def test_groups_that_pymc_computes(by_hand):
    tree = by_hand.build("log_likelihood", "posterior_predictive", "prior")
    assert tree["log_likelihood"]["conversions"].sizes["row"] == T
    assert tree["posterior_predictive"]["conversions"].sizes["row"] == T
    assert "rate" in tree["prior"]


def test_switchpoints_summed_out(truth):
    posterior = converged(lambda seed: fit(summed(), DATA, MCMC(500, 300, seed=seed)))
    assert posterior.engine["settings"]["switchpoints"] == "sum-out"
    (mine,), (its,) = posterior.changes, truth.changes
    assert abs(mine.index - its.index) <= 1
    assert mine.after.mean == pytest.approx(its.after.mean, rel=0.05)
    with pytest.raises(DataError, match="no observed variable"):
        posterior.build("log_likelihood")


def test_names_are_free():
    """The same draws under other names, and what PyMC computes from them."""
    with pm.Model(coords=COORDS) as model:
        place = pm.DiscreteUniform("tau", 1, T - 1, dims="change")
        rates = pm.Beta("p", 2.0, 50.0, dims="segment")
        segment = (np.arange(T) >= place[0]).astype("int64")
        pm.Binomial("y", n=TRIALS, p=rates[segment], observed=DATA.count.astype(int))
    posterior = converged(lambda seed: fit(model, DATA, MCMC(500, 300, seed=seed)))
    assert set(posterior.tree["posterior"].data_vars) == {"switchpoint", "p"}
    assert abs(posterior.changes[0].index - 35) <= 1
    assert set(posterior.model.likelihood.priors()) == {"tau", "p", "y"}
    # Row by row at the draws' own places.
    tree = posterior.build("log_likelihood", "posterior_predictive", "prior")
    place = tree["posterior"]["switchpoint"].values
    later = np.arange(T) >= place
    rate = np.where(later, *np.moveaxis(tree["posterior"]["p"].values[..., ::-1, None], 2, 0))
    told = stats.binom(TRIALS, rate).logpmf(DATA.count)
    np.testing.assert_allclose(tree["log_likelihood"]["y"].values, told, rtol=1e-8)
    assert set(tree["prior"].data_vars) == {"tau", "p"}


COUNT = DATA.count.astype(int)


def scalars():
    with pm.Model() as model:
        place = pm.DiscreteUniform("tau", 1, T - 1)
        rates = [pm.Beta(name, 2.0, 50.0) for name in ("p_1", "p_2")]
        pm.Binomial("y", n=TRIALS, p=pt.switch(np.arange(T) < place, *rates), observed=COUNT)
    return model


def vector():
    with pm.Model() as model:
        place = pm.DiscreteUniform("tau", 1, T - 1)
        rates = pm.Beta("p", 2.0, 50.0, shape=2)
        segment = (np.arange(T) >= place).astype("int64")
        pm.Binomial("y", n=TRIALS, p=rates[segment], observed=COUNT)
    return model


def two_places():
    with pm.Model() as model:
        places = [pm.DiscreteUniform(name, 1, T - 1) for name in ("tau", "rho")]
        rates = pm.Beta("p", 2.0, 50.0, shape=3)
        segment = sum((np.arange(T) >= place).astype("int64") for place in places)
        pm.Binomial("y", n=TRIALS, p=rates[segment], observed=COUNT)
    return model


ONE_CHANGE = "coords={'change': [0], 'segment': [0, 1]}"
TWO_CHANGES = "coords={'change': [0, 1], 'segment': [0, 1, 2]}"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (scalars, (ONE_CHANGE, "give tau dims='change', and write tau[0] where it is used",
                   "those of p_1, p_2 that belong to one segment each")),
        (vector, (ONE_CHANGE, "give tau dims='change'", "give p dims='segment'")),
        (two_places, (TWO_CHANGES, "those of tau, rho that are switchpoints become one",
                      "give p dims='segment'")),
    ],
)  # fmt: skip
def test_variables_without_dims_are_told_what_to_write(model, words):
    with pytest.raises(ModelError) as caught:
        fit(model(), DATA, MCMC(20, 20, 2))
    for each in words:
        assert each in str(caught.value)


def test_what_is_written_so_is_taken():
    """The cure, done: the same density as before it, and nothing is refused."""
    with pm.Model(coords={"change": [0], "segment": [0, 1]}) as model:
        place = pm.DiscreteUniform("tau", 1, T - 1, dims="change")
        rates = pm.Beta("p", 2.0, 50.0, dims="segment")
        segment = (np.arange(T) >= place[0]).astype("int64")
        pm.Binomial("y", n=TRIALS, p=rates[segment], observed=COUNT)
    cured, bare = (
        each.compile_logp(mode="FAST_COMPILE")(each.initial_point())
        for each in (model, vector())
    )
    assert cured == pytest.approx(bare)
    assert told_parameter(model) == "p"
    assert told_switchpoint(model) == "tau"
    check_switchpoint(MCMC(20, 20, 2), model, DATA)


def test_rates_that_are_known():
    """Then the place alone is sampled: its posterior is one product a row."""
    known = np.array([0.02, 0.05])
    with pm.Model(coords=COORDS) as model:
        place = pm.DiscreteUniform("switchpoint", 1, T - 1, dims="change")
        rates = pm.Deterministic("rate", pt.as_tensor(known), dims="segment")
        segment = (np.arange(T) >= place[0]).astype("int64")
        pm.Binomial("y", n=TRIALS, p=rates[segment], observed=DATA.count.astype(int))
    posterior = converged(lambda seed: fit(model, DATA, MCMC(500, 300, seed=seed)))
    rows = stats.binom(TRIALS, known[:, None]).logpmf(DATA.count)
    log_p = np.array([rows[0, :s].sum() + rows[1, s:].sum() for s in range(1, T)])
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    assert abs(posterior.change_probability.to_numpy()[1:] - p).sum() / 2 < 0.1
    assert posterior.changes[0].before.mean == pytest.approx(0.02)


def test_two_variables_by_change_are_asked_about():
    with pm.Model(coords=COORDS) as model:
        for name in ("tau", "sigma"):
            pm.DiscreteUniform(name, 1, T - 1, dims="change")
        pm.Beta("rate", 2.0, 50.0, dims="segment")
    with pytest.raises(ModelError, match=r"several integer variables .* tau and sigma: call"):
        fit(model, DATA, MCMC())


def test_what_cannot_converge_is_said():
    """A Metropolis that never moves: draws are all equal, and R-hat sees nothing."""
    model = hand_written()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        posterior = fit(model, DATA, MCMC(4, 0, seed=1, repeats=1))
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
        count = DATA.count.astype(int)
        pm.Binomial("k", n=np.maximum(count - 1, 0), p=rates[segment], observed=count)
    return model


def three_segments():
    coords = {**COORDS, "segment": ["a", "b", "c"]}
    with pm.Model(coords=coords) as model:
        place = pm.DiscreteUniform("switchpoint", 1, T - 1, dims="change")
        rates = pm.Beta("rate", 2.0, 50.0, dims="segment")
        segment = pt.ge(np.arange(T), place[0]).astype("int64")
        pm.Binomial("k", n=TRIALS, p=rates[segment], observed=DATA.count.astype(int))
    return model


def continuous():
    with pm.Model(coords=COORDS) as model:
        pm.Uniform("switchpoint", 1, T - 1, dims="change")
        pm.Beta("rate", 2.0, 50.0, dims="segment")
    return model


def in_years():
    with pm.Model(coords=COORDS) as model:
        pm.DiscreteUniform("switchpoint", 1851, 1910, dims="change")
        pm.Beta("rate", 2.0, 50.0, dims="segment")
    return model


def other_rows():
    with pm.Model(coords=COORDS) as model:
        pm.DiscreteUniform("switchpoint", 1, 49, dims="change")
        rates = pm.Beta("rate", 2.0, 50.0, dims="segment")
        pm.Binomial("k", n=TRIALS[:50], p=rates[0], observed=DATA.count[:50].astype(int))
    return model


def both():
    model = summed()
    with model:
        pm.DiscreteUniform("switchpoint", 1, T - 1, dims="change")
    return model


def summed_too_short():
    with pm.Model(coords=COORDS) as model:
        rates = pm.Beta("rate", 2.0, 50.0, dims="segment")
        pm.Potential("data", sum_out(pt.log(rates)[:, None] * np.ones(50)))
    return model


def summed_segments():
    with pm.Model(coords=COORDS) as model:
        rates = pm.Beta("rate", 2.0, 50.0, dims="segment")
        pm.Potential("data", sum_out(pt.log(rates[0]) * np.ones((3, T))))
    return model


WRITTEN = {
    "Gamma(alpha=2, beta=4)": lambda: pm.Gamma("x", 2, 4),
    "Gamma(alpha=9, beta=3)": lambda: pm.Gamma("x", mu=3, sigma=1),
    "Beta(alpha=2, beta=100)": lambda: pm.Beta("x", 2, 100, dims="segment"),
    "Beta(alpha=[2, 3], beta=100)": lambda: pm.Beta("x", [2, 3], 100, dims="segment"),
    "Exponential(lam=2)": lambda: pm.Exponential("x", 2.0),
    "HalfNormal(sigma=3)": lambda: pm.HalfNormal("x", 3),
    "DiscreteUniform(lower=1, upper=110)": lambda: pm.DiscreteUniform(
        "x", 1, 110, dims="change"
    ),
    "Uniform(lower=0, upper=1)": lambda: pm.Uniform("x"),
    "Normal(mu=top, sigma=1)": lambda: pm.Normal("x", pm.Flat("top"), 1, dims="segment"),
    "Poisson(mu=f(top))": lambda: pm.Poisson("x", 2 * pm.HalfFlat("top"), dims="segment"),
    "Dirichlet(a=[1, 2, 3])": lambda: pm.Dirichlet("x", [1, 2, 3]),
}


@pytest.mark.parametrize("text", WRITTEN)
def test_priors_print_as_they_are_written(text):
    with pm.Model(coords={"segment": [0, 1], "change": [0]}) as model:
        WRITTEN[text]()
    assert distribution_text(model["x"]) == text


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (without_dims, r"found switchpoint \(int64, dims none\), rate \(float64, dims none\)"),
        (without_switchpoint, "must have an integer variable with dims='change'"),
        (continuous, r"found switchpoint \(float64, dims \('change',\)\)"),
        (in_years, "lies between 18.. and 19.. by its prior"),
        (other_rows, "'k' of the PyMC model has 50 rows, the observations have 60 rows"),
        (both, "both sums the switchpoints out and has a variable 'switchpoint'"),
        (summed_too_short, "given to `sum_out` has 50 rows, the observations have 60"),
        (summed_segments, "which makes 3 segments, but 2 in the dim 'segment'"),
        (impossible, "can't be sampled as it is:\n(.|\n)*more successes than trials"),
        (three_segments, "which makes 2 segments, but 3 in the dim 'segment'"),
        (lambda: "a model", "fits a Model or a pm.Model"),
    ],
)
def test_what_it_cannot_fit(model, message):
    with pytest.raises(ModelError, match=message):
        fit(model(), DATA, MCMC(20, 20, 2))


def test_numbers_that_a_cast_has_changed_are_found():
    """Fractions cut off, and an empty cell made a number, by astype(int) in the model."""
    count = DATA.count.copy()
    count[3], count[7] = 2.5, np.nan
    data = Observations(count=count, trials=TRIALS, file="it.csv", lines=np.arange(2, T + 2))
    with pytest.raises(SupportError, match="not about these data") as caught:
        fit(hand_written(), data, MCMC(20, 20, 2))
    problems = caught.value.problems
    assert problems["line"].tolist() == [5, 9]
    assert problems["value"].tolist() == ["2.5", "nan"]


def test_modes_that_only_other_starts_find():
    """Two modes of equal mass, far apart: chains that all start in one are caught.

    Starts are draws of NumPy, the same on every machine, and no chain crosses over.
    """
    with pm.Model(coords=COORDS) as model:
        base = pm.Beta("base", 2.0, 50.0)
        lift = pm.Normal("lift", 0.0, 3.0)
        rate = pm.Deterministic("rate", base * pt.stack([1, 1 + lift**2]), dims="segment")
        loglik = pm.logp(pm.Binomial.dist(n=TRIALS, p=rate[:, None]), DATA.count.astype(int))
        pm.Potential("data", sum_out(loglik))
    with pytest.warns(ConvergenceWarning, match="R-hat of lift"):
        posterior = fit(model, DATA, MCMC(200, 200, 4, seed=1))
    signs = np.sign(posterior.tree["posterior"]["lift"].values.mean(axis=1))
    assert set(signs) == {-1, 1}


def test_switchpoints_at_the_ends_are_no_changes():
    """Two unordered ones that may be 0 or T, on data without a change."""
    rng = np.random.default_rng(0)
    data = Observations(count=rng.poisson(4, 20))
    coords = {"change": [0, 1], "segment": [0, 1, 2]}
    with pm.Model(coords=coords) as model:
        place = pm.DiscreteUniform("switchpoint", 0, 20, dims="change")
        rate = pm.Gamma("rate", 4.0, 1.0, dims="segment")
        row = np.arange(20)
        segment = pt.ge(row[:, None], place[None, :]).sum(axis=1)
        pm.Poisson("y", rate[segment], observed=data.count.astype(int))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        posterior = fit(model, data, MCMC(100, 100, 2, seed=1, repeats=1))
    assert "of the draws put a change outside rows 1..19" in posterior.warnings[0]
    rows = posterior.tree["posterior"]["switchpoint"].values
    assert (np.diff(rows, axis=2) >= 0).all()
    told = posterior.marginals
    assert told["change_probability"].values[0] == 0
    paths = posterior.trajectories()
    assert told["rate_mean"].values == pytest.approx(
        paths["rate"].values.reshape(-1, 20).mean(axis=0)
    )
    assert paths["changed"].values[..., 0].max() == 0
    assert posterior.probability_between(0, 19) == pytest.approx(
        ((rows > 0) & (rows < 20)).any(axis=2).mean()
    )
    assert str(posterior)


def test_a_users_initval_is_kept():
    from changepoint.sampling.hand_written import _starts

    model = hand_written(initval=np.array([0.1, 0.2]))
    found = _starts(MCMC(chains=3), model)
    assert len(found) == 3
    for start in found:
        assert start["rate"].tolist() == pytest.approx([0.1, 0.2])
        assert 1 <= start["switchpoint"][0] < T


def test_improper_priors_start_where_pymc_does():
    with pm.Model(coords=COORDS) as model:
        place = pm.DiscreteUniform("switchpoint", 1, T - 1, dims="change")
        logit = pm.Flat("logit", dims="segment")
        segment = pt.ge(np.arange(T), place[0]).astype("int64")
        count = DATA.count.astype(int)
        pm.Binomial("k", n=TRIALS, logit_p=logit[segment], observed=count)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert fit(model, DATA, MCMC(50, 200, 2, seed=1, repeats=1)).number == 1


def test_a_model_of_to_pymc_without_changes():
    model = Model(likelihoods.Binomial(), Changes(exactly=0)).to_pymc(DATA)
    posterior = converged(lambda seed: fit(model, DATA, MCMC(300, 300, seed=seed)))
    assert posterior.number == 0


def test_ways_and_engines_that_do_not_fit():
    with pytest.raises(ModelError, match="needs a model that sums them out"):
        fit(hand_written(), DATA, MCMC(switchpoints="sum-out"))
    with pytest.raises(ModelError, match="can't sample what is discrete"):
        with summed() as model:
            pm.Bernoulli("coin", 0.5)
        fit(model, DATA, MCMC(switchpoints="sum-out", nuts="nutpie"))
    with pytest.raises(ModelError, match="gibbs' integrates out"):
        fit(hand_written(), DATA, MCMC(switchpoints="gibbs"))
    with pytest.raises(ModelError, match="needs the engine MCMC"):
        fit(hand_written(), DATA)
    with pytest.raises(ModelError, match="the engine must be"):
        fit(TRUTH, DATA, "mcmc")
