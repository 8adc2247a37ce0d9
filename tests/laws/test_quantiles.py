"""Means and quantiles of the parameter against closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from cases import Marginals, check
from reference import Floats, segment_probabilities, segment_table
from scipy import special, stats

from changepoint import Changes, Model, Observations, likelihoods, priors
from changepoint.results.result import QUANTILES

T = 80


def prefix(numbers: Floats) -> Callable[[np.ndarray, np.ndarray], Floats]:
    running = np.append(0.0, np.cumsum(np.nan_to_num(numbers)))
    return lambda first, end: running[end] - running[first]


# -- one segment: quantiles of one Beta, Gamma or Normal ----------------------------------

BINOMIAL = {
    "ordinary": np.random.default_rng(0).binomial(1000, 0.009, T),
    "many": np.random.default_rng(1).binomial(1000, 0.4, T),
    "three events": np.eye(1, T, 20)[0] * 3,
    "one event": np.eye(1, T, 20)[0],
    "all zero": np.zeros(T),
}


def compare(model: Model, data: Observations, told, tolerance: float) -> None:
    """Bands at every row against quantiles of one distribution, in its sd; the mean too."""
    found = Marginals.of(model, data)
    expected = told.ppf(QUANTILES)[:, None]
    errors = {
        "band of one segment": np.abs(found.bands - expected).max() / told.std(),
        "mean of one segment": np.abs(found.mean - told.mean()).max() / told.std(),
    }
    check(errors, tolerance, model)


@pytest.mark.parametrize("count", ["ordinary", "many"])
@pytest.mark.parametrize("shapes", [(2, 200), (1, 1), (0.5, 0.5), (0.1, 10)], ids=str)
def test_one_binomial_segment(count: str, shapes: tuple[float, float]) -> None:
    data = Observations(count=BINOMIAL[count], trials=np.full(T, 1000))
    a, b = shapes[0] + data.count.sum(), shapes[1] + (data.trials - data.count).sum()
    model = Model(likelihoods.Binomial(priors.Beta(*shapes)), Changes(exactly=0))
    compare(model, data, stats.beta(a, b), 1e-6)


@pytest.mark.parametrize("count", ["three events", "one event", "all zero"])
@pytest.mark.parametrize("shapes", [(2, 200), (1, 1), (0.5, 0.5)], ids=str)
def test_one_binomial_segment_near_zero(count: str, shapes: tuple[float, float]) -> None:
    """A skewed posterior between nodes 0.8 sd apart."""
    data = Observations(count=BINOMIAL[count], trials=np.full(T, 1000))
    a, b = shapes[0] + data.count.sum(), shapes[1] + (data.trials - data.count).sum()
    model = Model(likelihoods.Binomial(priors.Beta(*shapes)), Changes(exactly=0))
    compare(model, data, stats.beta(a, b), 1e-6)


@pytest.mark.parametrize("rate", [9.0, 300.0])
@pytest.mark.parametrize("shapes", [(2, 0.2), (0.5, 0.5)], ids=str)
def test_one_poisson_segment(rate: float, shapes: tuple[float, float]) -> None:
    rng = np.random.default_rng(1)
    data = Observations(count=rng.poisson(rate, T), exposure=rng.uniform(0.5, 2, T))
    told = stats.gamma(
        shapes[0] + data.count.sum(), scale=1 / (shapes[1] + data.exposure.sum())
    )
    model = Model(likelihoods.Poisson(priors.Gamma(*shapes)), Changes(exactly=0))
    compare(model, data, told, 1e-6)


@pytest.mark.parametrize("sd", [0.1, 1.0])
def test_one_normal_segment(sd: float) -> None:
    """The noise all but known."""
    y = np.random.default_rng(1).normal(10, sd, T)
    precision = T / sd**2 + 1 / 4
    told = stats.norm((y.sum() / sd**2 + 12 / 4) / precision, precision**-0.5)
    family = likelihoods.Normal(priors.Normal(12, 2), priors.LogNormal(math.log(sd), 1e-5))
    compare(Model(family, Changes(exactly=0)), Observations(value=y), told, 1e-6)


# -- several segments: mixtures of Betas, Gammas ------------------------------------------


SERIES = {
    "a small change": (0.009, 0.013),
    "a large change": (0.009, 0.03),
    "no change": (0.009, 0.009),
    "hardly any event": (0.00001, 0.00001),
    "none, then some": (0.0, 0.005),
}


@pytest.mark.parametrize("rates", SERIES)
@pytest.mark.parametrize("shapes", [(2, 200), (0.5, 0.5)], ids=str)
def test_binomial_with_any_number_of_changes(rates: str, shapes: tuple[float, float]) -> None:
    """P(rate <= band) is its level, where the posterior is a mixture of Betas."""
    low, high = SERIES[rates]
    rng = np.random.default_rng(5)
    count = rng.binomial(1000, np.where(np.arange(T) < T // 2, low, high))
    data = Observations(count=count, trials=np.full(T, 1000))
    sum_k, sum_f = prefix(data.count), prefix(data.trials - data.count)
    table = segment_table(
        T,
        lambda s, e: (
            special.betaln(shapes[0] + sum_k(s, e), shapes[1] + sum_f(s, e))
            - special.betaln(*shapes)
        ),
    )
    weight = segment_probabilities(table, math.log(math.expm1(math.log(2) / (T - 1))))
    found = Marginals.of(Model(likelihoods.Binomial(priors.Beta(*shapes))), data)
    s, e = np.nonzero(weight > 1e-16)
    w, a, b = weight[s, e], shapes[0] + sum_k(s, e), shapes[1] + sum_f(s, e)
    errors = {"probability below a band": 0.0, "mean": 0.0, "P(change at s)": 0.0}

    def worse(key: str, error: float) -> None:
        errors[key] = max(errors[key], abs(error))

    for t in range(T):
        on = (s <= t) & (t < e)
        for q, level in zip(found.bands[:, t], QUANTILES, strict=True):
            below = w[on] @ special.betainc(a[on], b[on], q)
            worse("probability below a band", below - level)
        worse("mean", (w[on] @ (a / (a + b))[on] - found.mean[t]) / found.sd[t])
        if t:
            worse("P(change at s)", found.change[t] - weight[t].sum())
    check(errors, 1e-6)
