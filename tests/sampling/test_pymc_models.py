"""The PyMC form of a model: its names, its data, its distributions."""

from __future__ import annotations

import mpmath
import numpy as np
import pymc as pm
import pytest
from cases import CASES, GRID, simulate
from reference import placements
from scipy import stats

from changepoint import (
    Changes,
    EngineError,
    Model,
    Observations,
    SupportError,
    likelihoods,
    priors,
)
from changepoint.likelihoods import FAMILIES
from changepoint.sampling.beta_binomial import BetaBinomial

every_family = pytest.mark.parametrize("name", GRID)


def built(name, k=2, T=12, missing=0.3, **changes):
    data = simulate(name, 3, T, missing)
    model = Model(CASES[name].models[0], Changes(exactly=k, **changes))
    return model.to_pymc(data), data


@every_family
def test_its_variables_and_coordinates(name):
    pm_model, data = built(name)
    family = FAMILIES[name]
    observed = data.observed(family.response)
    assert 0 < observed.sum() < len(data)
    dims = pm_model.named_vars_to_dims
    assert dims[family.parameter] == ("segment",)
    assert dims["switchpoint"] == ("change",)
    assert dims["y"] == dims["position"] == ("time",)
    assert list(pm_model.coords["segment"]) == [0, 1, 2]
    assert list(pm_model.coords["change"]) == [0, 1]
    assert list(pm_model.coords["time"]) == np.flatnonzero(observed).tolist()
    assert (pm_model["position"].eval() == np.flatnonzero(observed)).all()
    if family.shared is not None:
        assert family.shared in pm_model.named_vars
    (y,) = pm_model.observed_RVs
    held = pm_model.rvs_to_values[y].eval(mode="FAST_COMPILE")
    assert (held == data.column(family.response)[observed]).all()


PRIORS = [
    # Whole numbers, which PyMC would keep in 8 bits, where sums overflow.
    (likelihoods.Binomial(rate=priors.Beta(64, 100)), 0.4),
    (likelihoods.Binomial(rate=priors.Uniform(0, 1)), 0.4),
    (likelihoods.Poisson(rate=priors.Gamma(100, 100)), 1.1),
    (likelihoods.Poisson(rate=priors.LogNormal(1, 2)), 3.0),
    (likelihoods.Poisson(rate=priors.HalfNormal(100)), 50.0),
    (likelihoods.Poisson(rate=priors.Exponential(100)), 0.02),
    (likelihoods.Normal(level=priors.Normal(100, 100)), 120.0),
    (likelihoods.Normal(level=priors.Logistic(100, 100)), 120.0),
]


@pytest.mark.parametrize(("family", "theta"), PRIORS, ids=lambda x: str(x)[:40])
def test_priors_have_their_own_density(family, theta):
    """Every class of `priors` by its name in PyMC."""
    data = simulate(family.name, 3, 12)
    pm_model = Model(family, Changes(exactly=0)).to_pymc(data)
    rv = pm_model[family.parameter]
    told = pm.logp(rv, np.array([theta])).eval(mode="FAST_COMPILE")
    assert told == pytest.approx(family.prior.log_density([theta]), rel=1e-12)


def test_every_prior_has_a_form_in_pymc():
    named = {type(family.prior).__name__ for family, _ in PRIORS}
    assert named == {c.__name__ for c in priors.Prior.__subclasses__()}


def test_a_prior_that_is_cut_off():
    """log_excess ends where the dispersion is 1; the rest of its prior is weighed anew."""
    data = simulate("beta-binomial", 3, 12)
    family = likelihoods.BetaBinomial(log_excess=priors.Normal(3, 2)).resolve(data)
    pm_model = Model(family, Changes(exactly=0)).to_pymc(data)
    x = np.linspace(-3, family.shared_domain[1] - 1e-6, 7)
    log_p = [float(pm.logp(pm_model["log_excess"], at).eval(mode="FAST_COMPILE")) for at in x]
    inside = float(family.shared_prior.cdf(family.shared_domain[1]))
    assert inside < 0.9
    expected = family.shared_prior.log_density(x) - np.log(inside)
    assert log_p == pytest.approx(expected.tolist(), rel=1e-8)  # of its cdf
    told = pm_model["dispersion"].eval({pm_model["log_excess"]: 1.5}, mode="FAST_COMPILE")
    assert told == pytest.approx(family.shared_value(np.array(1.5)), rel=1e-12)


def test_dates_are_coordinates():
    days = np.arange("2025-01-01", "2025-01-07", dtype="datetime64[D]")
    data = Observations(count=[1, 2, np.nan, 4, 9, 9], trials=[90] * 6, time=days)
    pm_model = Model(likelihoods.Binomial()).to_pymc(data, exactly=1)
    assert [str(t)[:10] for t in pm_model.coords["time"]] == [
        "2025-01-01", "2025-01-02", "2025-01-04", "2025-01-05", "2025-01-06",
    ]  # fmt: skip


def test_the_number_of_changes_must_be_known():
    data = simulate("binomial", 0, 12)
    with pytest.raises(EngineError, match="leaves open: give exactly="):
        Model(likelihoods.Binomial()).to_pymc(data)
    told = Model(likelihoods.Binomial(), Changes(exactly=3, min_length=2))
    assert told.to_pymc(data, exactly=2).eval_rv_shapes()["rate"] == (3,)
    assert told.to_pymc(data).eval_rv_shapes()["switchpoint"] == (3,)
    assert "switchpoint" not in told.to_pymc(data, exactly=0).named_vars


def test_data_are_checked():
    with pytest.raises(SupportError, match="more events than trials"):
        Model(likelihoods.Binomial()).to_pymc(Observations(count=[3, 9], trials=[5, 5]), 1)


@pytest.mark.parametrize(("T", "k", "m"), [(8, 1, 1), (8, 2, 1), (9, 2, 2), (12, 3, 2)])
def test_placements_are_ordered_and_all_alike(T, k, m):
    pm_model, _ = built("normal", k, T, missing=0.0, min_length=m)
    found = [rows for rows in placements(T, m) if len(rows) == k]
    switchpoint = pm_model["switchpoint"]
    evaluate = pm_model.compile_logp(vars=[switchpoint], mode="FAST_COMPILE")
    start = pm_model.initial_point()
    assert tuple(start["switchpoint"]) in found
    total = [float(evaluate({**start, "switchpoint": np.array(rows)})) for rows in found]
    assert np.exp(total) == pytest.approx(np.full(len(found), 1 / len(found)), rel=1e-12)
    for wrong in ([0] * k, [T] * k, list(range(k, 0, -1)) if k > 1 else [m - 1]):
        assert evaluate({**start, "switchpoint": np.array(wrong)}) == -np.inf
    size = 200 * len(found)
    drawn = pm.draw(switchpoint, draws=size, random_seed=1, mode="FAST_COMPILE")
    counts = [int((drawn == np.array(rows)).all(axis=1).sum()) for rows in found]
    assert sum(counts) == size
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("trials", [40, 10**6])
@pytest.mark.parametrize("dispersion", [0.3, 1e-3, 1e-9, 1e-14])
def test_the_beta_binomial_keeps_its_digits(dispersion, trials):
    """Against 50 digits: PyMC's own is wrong by up to tens of nats near the Binomial."""
    mpmath.mp.dps = 50
    k = np.unique(np.round(np.linspace(0, min(trials, 3000), 5)).astype(int))
    s = 1 / dispersion - 1
    alpha, beta = 0.01 * s, 0.99 * s
    told = pm.logp(BetaBinomial.dist(n=trials, alpha=alpha, beta=beta), k)

    def log_beta(a, b):
        return mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)

    a, b = mpmath.mpf(alpha), mpmath.mpf(beta)
    expected = [
        float(mpmath.log(mpmath.binomial(trials, int(j)))
              + log_beta(a + int(j), b + trials - int(j)) - log_beta(a, b))
        for j in k
    ]  # fmt: skip
    assert told.eval(mode="FAST_COMPILE") == pytest.approx(expected, rel=1e-9, abs=1e-7)


def test_the_beta_binomial_outside_its_support_and_its_draws():
    distribution = BetaBinomial.dist(n=5, alpha=2.0, beta=3.0)
    outside = pm.logp(distribution, np.array([-1, 6])).eval(mode="FAST_COMPILE")
    assert (outside == -np.inf).all()
    drawn = pm.draw(distribution, draws=5000, random_seed=2, mode="FAST_COMPILE")
    p = stats.betabinom.pmf(np.arange(6), 5, 2, 3)
    assert stats.chisquare(np.bincount(drawn, minlength=6), 5000 * p).pvalue > 1e-3
