"""Which hand-written models the exact engine could solve, by their density."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest

from changepoint import Changes, Exact, Model, Observations, fit, likelihoods, priors
from changepoint.sampling.hand_written_exact import as_code, same_model

T = 30
ROW = np.arange(T)
N = np.random.default_rng(0).integers(200, 400, T)
K = np.random.default_rng(1).binomial(N, np.where(ROW < 12, 0.02, 0.06))
DATA = Observations(count=K.astype(float), trials=N)
EVENTS = Observations(count=K.astype(float))


def by_hand(rate, observe, first=1, gap=0):
    with pm.Model(coords={"segment": range(2), "change": range(1)}) as model:
        place = pm.DiscreteUniform("tau", first, T - 1, dims="change")
        by_row = rate()[(place[0] <= ROW).astype("int64")]
        observe(by_row[gap:])
    return model


def beta():
    return pm.Beta("p", 2, 50, dims="segment")


def binomial(p):
    return pm.Binomial("y", n=N, p=p, observed=K)


def poisson(p):
    return pm.Poisson("y", p, observed=K)


SAME = {
    "binomial, beta": (beta, binomial, DATA, likelihoods.Binomial(rate=priors.Beta(2, 50))),
    "binomial, uniform": (
        lambda: pm.Uniform("p", 0, 0.2, dims="segment"),
        binomial,
        DATA,
        likelihoods.Binomial(rate=priors.Uniform(0, 0.2)),
    ),
    "poisson, gamma": (
        lambda: pm.Gamma("p", mu=4, sigma=2, dims="segment"),
        poisson,
        EVENTS,
        likelihoods.Poisson(rate=priors.Gamma(4, 1)),
    ),
    "poisson, uniform": (
        lambda: pm.Uniform("p", 0.5, 60, dims="segment"),
        poisson,
        EVENTS,
        likelihoods.Poisson(rate=priors.Uniform(0.5, 60)),
    ),
}
OTHER = {
    "other trials": (beta, lambda p: pm.Binomial("y", n=N + 1, p=p, observed=K), {}),
    "a row that counts twice": (
        beta,
        lambda p: pm.Binomial("y", n=N * (1 + (ROW == 4)), p=p, observed=K * (1 + (ROW == 4))),
        {},
    ),
    "no change allowed too": (beta, binomial, {"first": 0}),
    "another prior of each segment": (
        lambda: pm.Beta("p", [2, 3], 50, dims="segment"), binomial, {},
    ),
    "a prior that is not known": (
        lambda: pm.LogitNormal("p", -3, 1, dims="segment"), binomial, {},
    ),
    "a function of the rate": (beta, lambda p: pm.Binomial("y", n=N, p=p**2, observed=K), {}),
    "days that differ": (beta, lambda p: pm.BetaBinomial("y", 9 * p, 9, n=N, observed=K), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_the_model_that_is_named_is_the_same(name):
    """Its code, typed, makes it again, and the exact engine takes it."""
    rate, observe, data, likelihood = SAME[name]
    model = by_hand(rate, observe)
    found = same_model(model, "tau", data)
    assert found == Model(likelihood, Changes(exactly=1))
    names = {"Model": Model, "Changes": Changes, "likelihoods": likelihoods, "priors": priors}
    assert eval(as_code(found), names) == found
    assert fit(found, data, Exact(draws=4)).probability_of_change == 1


@pytest.mark.parametrize("name", OTHER)
def test_nothing_is_said_of_other_models(name):
    rate, observe, options = OTHER[name]
    assert same_model(by_hand(rate, observe, **options), "tau", DATA) is None


def test_nothing_is_said_of_several_changes_or_of_potentials():
    model = by_hand(beta, binomial)
    with model:
        pm.Potential("more", -model["p"].sum())
    assert same_model(model, "tau", DATA) is None
    with pm.Model(coords={"segment": range(3), "change": range(2)}) as two:
        place = pm.DiscreteUniform("tau", 1, T - 1, dims="change")
        binomial(beta()[(ROW[:, None] >= place[None]).sum(axis=1)])
    assert same_model(two, "tau", DATA) is None
    assert same_model(two, None, DATA) is None
