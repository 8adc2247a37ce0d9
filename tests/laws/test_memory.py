"""Memory and drift, summed out on a lattice: against enumeration, with quadrature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cases import inferred
from reference import enumeration
from scipy import special, stats

from changepoint import Changes, Model, ModelError, Observations, fit, likelihoods
from changepoint.effects import Drift, Memory, Weekday
from changepoint.priors import Beta, Gamma
from changepoint.report.sentences import misfits

T, P = 7, 0.4
COUNT = np.array([3.0, 9.0, 7.0, np.nan, 2.0, 1.0, 4.0])
TRIALS = np.array([40.0, 60.0, 50.0, 40.0, 70.0, 40.0, 50.0])
DATA = {
    "binomial": Observations(count=COUNT, trials=TRIALS),
    "poisson": Observations(count=COUNT, exposure=TRIALS),
}
FAMILY = {
    "binomial": likelihoods.Binomial(rate=Beta(2, 20)),
    "poisson": likelihoods.Poisson(rate=Gamma(2, 20)),
}
EFFECT = {"memory": Memory(probability=P), "drift": Drift(sigma=0.7, probability=P)}


def remembered(name: str) -> np.ndarray:
    """What a row remembers, on the scale of the link, written anew; NaN of nothing."""
    total = np.nansum(COUNT) + 0.5
    if name == "binomial":
        p = total / (TRIALS[~np.isnan(COUNT)].sum() + 1)
        x = special.logit((COUNT + 1) / (TRIALS + 1 / p))
    else:
        p = total / TRIALS[~np.isnan(COUNT)].sum()
        x = np.log((COUNT + 1) / (TRIALS + 1 / p))
    return np.append(np.nan, x[:-1])


def table(name: str, kind: str, theta: np.ndarray, value: float) -> np.ndarray:
    """The log likelihood at a value of the coefficient, by scipy, (T, G)."""
    eta = special.logit(theta) if name == "binomial" else np.log(theta)
    eta = np.broadcast_to(eta, (T, len(theta)))
    if kind == "memory":
        x = remembered(name)[:, None]
        eta = np.where(np.isnan(x), eta, eta + value * (x - eta))
    else:
        eta = eta + value * (np.arange(T) / (T - 1) - 0.5)[:, None]
    if name == "binomial":
        log_p = stats.binom.logpmf(COUNT[:, None], TRIALS[:, None], special.expit(eta))
    else:
        log_p = stats.poisson.logpmf(COUNT[:, None], TRIALS[:, None] * np.exp(eta))
    return np.where(np.isnan(COUNT)[:, None], 0.0, log_p)


def quadrature(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Values of the coefficient, and the prior's weights."""
    if kind == "memory":
        z, w = np.polynomial.legendre.leggauss(40)
        return 0.4 * (z + 1), w / 2
    z, w = np.polynomial.hermite_e.hermegauss(40)
    return 0.7 * z, w / w.sum()


def level(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Levels, and the prior's weights, by the midpoints of quantiles' logits."""
    prior = stats.beta(2, 20) if name == "binomial" else stats.gamma(2, scale=1 / 20)
    v = np.linspace(-12, 1.5, 700)
    theta = special.expit(v) if name == "binomial" else np.exp(v)
    slope = theta * (1 - theta) if name == "binomial" else theta
    return theta, prior.logpdf(theta) + np.log(slope * (v[1] - v[0]))


@pytest.mark.parametrize("kind", ["memory", "drift"])
@pytest.mark.parametrize("name", ["binomial", "poisson"])
def test_the_sum_equals_enumeration(name: str, kind: str) -> None:
    model = Model(FAMILY[name], Changes(), [EFFECT[kind]])
    inference = inferred(model.resolve(DATA[name]), DATA[name])
    values, weights = quadrature(kind)
    theta, log_w = level(name)
    tables = np.array([table(name, kind, theta, value) for value in [0.0, *values]])
    prior = np.log([1 - P, *(P * weights)])
    told = enumeration(tables, log_w, prior, model.changes)
    assert abs(inference.log_evidence() - told.log_evidence) < 2e-3
    answer = fit(model, DATA[name])
    assert abs(answer.effects[0].probability - told.outer[1:].sum()) < 2e-3
    mean = float(told.outer[1:] @ values / told.outer[1:].sum())
    (found,) = inference.mixture.outer.given(inference.weights, np.array([True]))[1].mean(0)
    assert abs(found - mean) < 4e-3
    none = enumeration(tables, log_w, prior, Changes(exactly=0)).log_evidence
    one = answer.probability_of_change
    assert abs(1 - one - 0.5 * np.exp(none - told.log_evidence)) < 2e-3


@pytest.mark.parametrize("kind", ["memory", "drift"])
def test_without_an_effect_it_is_the_family(kind: str) -> None:
    """One that is next to impossible changes nothing."""
    plain = fit(Model(FAMILY["binomial"]), DATA["binomial"])
    rare = replace(EFFECT[kind], probability=1e-9)
    told = fit(Model(FAMILY["binomial"], effects=[rare]), DATA["binomial"])
    assert abs(plain.probability_of_change - told.probability_of_change) < 1e-5
    np.testing.assert_allclose(plain.change_probability, told.change_probability, atol=1e-5)


@pytest.mark.parametrize("kind", ["memory", "drift"])
def test_units_of_exposure_change_nothing(kind: str) -> None:
    data = DATA["poisson"]
    model = Model(likelihoods.Poisson(), effects=[EFFECT[kind]])
    scaled = replace(data, exposure=1000 * TRIALS)
    told = [fit(model, some) for some in (data, scaled)]
    p, q = (one.probability_of_change for one in told)
    assert abs(p - q) < 1e-6
    a, b = (one.effects[0].probability for one in told)
    assert abs(a - b) < 1e-6


def test_a_mirrored_drift_is_the_same_the_other_way() -> None:
    data = DATA["binomial"]
    back = Observations(count=COUNT[::-1].copy(), trials=TRIALS[::-1].copy())
    model = Model(FAMILY["binomial"], effects=[EFFECT["drift"]])
    there, again = fit(model, data), fit(model, back)
    assert abs(there.probability_of_change - again.probability_of_change) < 1e-5
    up, down = there.effects[0], again.effects[0]
    assert abs(up.probability - down.probability) < 1e-5


def test_what_has_another_way_is_refused_in_words() -> None:
    with pytest.raises(ModelError, match="'autoregressive'"):
        Model(likelihoods.Normal(), effects=[Memory()])
    with pytest.raises(ModelError, match="'trend'"):
        Model(likelihoods.Normal(), effects=[Drift()])
    with pytest.raises(ModelError, match="combined"):
        Model(likelihoods.Binomial(), effects=[Memory(), Weekday()])
    with pytest.raises(ModelError, match="no sigma"):
        Memory(sigma=0.3)


def rising(each: float, *signs: int, seed: int) -> Observations:
    """Rates that go by steps of a size, up or down."""
    rng = np.random.default_rng(seed)
    step = np.cumsum(np.repeat([0, *signs], 40) * np.tile(np.arange(40) == 0, len(signs) + 1))
    rate = 0.01 * np.exp(each * step)
    return Observations(count=rng.binomial(40_000, rate), trials=np.full(len(rate), 40_000))


@pytest.mark.parametrize(
    "each, signs, said",
    [
        (0.2, (1, 1, 1), True),
        (0.2, (-1, -1), True),
        (0.2, (1, -1), False),
        (0.7, (1, 1), False),
    ],
)
def test_small_steps_one_way_suggest_a_drift(
    each: float, signs: tuple[int, ...], said: bool
) -> None:
    """And only those; where it is in the model, it isn't suggested."""
    data = rising(each, *signs, seed=1)
    answer = fit(Model(FAMILY["binomial"]), data)
    assert len(answer.changes) == len(signs)
    assert ("--drift" in " ".join(misfits(answer))) == said
    if len(signs) == 3:
        again = fit(Model(FAMILY["binomial"], effects=[Drift()]), data)
        assert "--drift" not in " ".join(misfits(again))


def test_rows_that_are_alike_suggest_a_memory() -> None:
    """Where the check of neighbours is extreme; and not of one that is in the model."""
    rng = np.random.default_rng(2)
    eta, deviation = np.full(200, np.log(0.01)), 0.3 * rng.standard_normal(200)
    for t in range(1, 200):
        deviation[t] = 0.7 * deviation[t - 1] + 0.7 * deviation[t]
    count = rng.binomial(10_000, np.exp(eta + deviation))
    data = Observations(count=count, trials=np.full(200, 10_000))
    none = Changes(exactly=0)
    alike = fit(Model(likelihoods.BetaBinomial(), none), data).checks()
    (said,) = (one.sentence for one in alike if one.name == "lag-1 correlation")
    assert said is not None and said.endswith("try --memory")
    again = fit(Model(likelihoods.BetaBinomial(), none, [Memory(probability=0.9)]), data)
    assert again.effects[0].likely
    assert not any("--memory" in (one.sentence or "") for one in again.checks())
    assert "of its deviation) is taken into account" in again.sentence()
    assert "%" in again.sentence().split("A memory of the row before")[1]
