"""Effects that all rows share, summed out: against enumeration, with quadrature over them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cases import CASES, SHIFTABLE, check, inferred, simulate
from reference import Floats, enumeration, log_sum
from scipy import special

from changepoint import Changes, Model, Observations, fit, likelihoods
from changepoint.effects import Covariate, Pulse, Weekday
from changepoint.exact import effect_mixture
from changepoint.exact.effect_filter import FilterSurface
from changepoint.exact.hyper_mixture import Condition
from changepoint.likelihoods.grid import GridLikelihood

T = 7
PULSES = (Pulse(first=1, last=3), Pulse(first=3, last=4))
INSIDE = np.array([[1 <= t <= 3, 3 <= t <= 4] for t in range(T)], float)


def moved(domain: tuple[float, float], theta: Floats, companion: Floats, by: float):
    """A parameter and its complement, shifted on the scale of the link; written anew."""
    if domain == (0, 1):
        eta = special.logit(theta) if theta.min() > 0 else np.log(theta / companion)
        return special.expit(eta + by), special.expit(-eta - by)
    there = theta * np.exp(by) if domain[0] == 0 else theta + by
    return there, 1 - there


def log_likelihood(name: str, data: Observations, grid, own: float, beta: Floats) -> Floats:
    """The likelihood, written anew, with two pulses, (T, G)."""
    theta, companion, _ = grid.nodes
    domain = CASES[name].models[0].domain
    shifts, table = INSIDE @ beta, np.zeros((T, len(theta)))
    for by in np.unique(shifts):
        with np.errstate(divide="ignore"):
            there = moved(domain, theta, companion, by)
            rows = CASES[name].log_density(data, *there, own)
        table[shifts == by] = rows[shifts == by]
    table[~data.observed(CASES[name].models[0].response)] = 0.0
    return table


def with_pulses(name: str, changes: Changes, seed: int = 1) -> tuple[Model, Observations]:
    data = simulate(name, seed, T, missing=0.2)
    return Model(CASES[name].models[-1], changes, PULSES).resolve(data), data


@pytest.mark.parametrize("name", SHIFTABLE)
def test_the_filter_equals_enumeration_at_every_node(name: str, monkeypatch) -> None:
    monkeypatch.setattr(effect_mixture, "CHEAP", 0.0)  # few points will do
    monkeypatch.setattr(effect_mixture, "AFFORDED", 0.0)
    for changes in (Changes(), Changes(at_most=2, min_length=2), Changes(exactly=1)):
        model, data = with_pulses(name, changes)
        inference = inferred(model, data)
        mixture = inference.mixture
        some = np.argsort(-inference.weights)[:6]
        own = model.likelihood.own(mixture.outer.values)
        tables = [
            log_likelihood(name, data, mixture.grid, own[j], mixture.outer.values[j, -2:])
            for j in some
        ]
        weights = mixture.outer.log_weights[some]
        told = enumeration(np.array(tables), mixture.grid.log_weights, weights, changes)
        p = inference.weights[some] / inference.weights[some].sum()
        total = float(np.log(inference.weights[some].sum())) + inference.log_evidence()
        errors = {"P(node)": p - told.outer, "log evidence": total - told.log_evidence}
        check({key: float(np.abs(e).max()) for key, e in errors.items()}, 1e-9, changes)


QUICK = ("binomial", "poisson", "exponential", "negative-binomial")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in SHIFTABLE],
)
def test_importance_equals_quadrature(name: str) -> None:
    """Over both coefficients, by Gauss and Hermite; the family's own by its lattice.

    And over whether the second effect is there.
    """
    likely = PULSES[0], replace(PULSES[1], probability=0.4)
    data = simulate(name, 1, T, missing=0.2)
    model = Model(CASES[name].models[-1], Changes(), likely).resolve(data)
    inference = inferred(model, data)
    nodes, grid = inference.mixture.outer, inference.mixture.grid
    sigma = np.array([effect.sigma for effect in model.effects])
    z, w = np.polynomial.hermite_e.hermegauss(11)
    w /= w.sum()
    both = sigma * np.array(np.meshgrid(z, z)).reshape(2, -1).T
    first = sigma * np.array([z, np.zeros_like(z)]).T
    total = np.zeros(2)
    for i, (beta, weights) in enumerate(((first, w), (both, np.outer(w, w).ravel()))):
        at = nodes.parts[i].gaussians
        log_p = at.lattice.log_weights + at.laplace
        own = model.likelihood.own(at.lattice.values)
        each = []
        for j in np.flatnonzero(log_p > log_p.max() - 9):
            tables = [log_likelihood(name, data, grid, own[j], b) for b in beta]
            told = enumeration(
                np.array(tables), grid.log_weights, np.log(weights), model.changes
            )
            each.append(told.log_evidence + at.lattice.log_weights[j])
        total[i] = float(log_sum(np.array(each))) + np.log([0.6, 0.4][i])
    wrong = 3 * nodes.error(inference.weights) + 2e-3
    assert abs(float(log_sum(total)) - inference.log_evidence()) < wrong
    assert nodes.error(inference.weights) < 0.05
    p, _ = nodes.given(inference.weights, np.array([False, True]))
    assert abs(p - np.exp(total[1] - log_sum(total))) < wrong
    assert nodes.given(inference.weights, np.array([True, False]))[0] == 1.0


@pytest.mark.parametrize("name", SHIFTABLE)
def test_the_gradient_is_that_of_the_height(name: str) -> None:
    model, data = with_pulses(name, Changes())
    family = model.likelihood
    assert isinstance(family, GridLikelihood)
    series = family.series(data, model.shifts(data))
    surface = FilterSurface(model, series, Condition())
    own = np.empty(0) if family.hyper is None else np.atleast_1d(family.hyper.median())
    beta = 0.3 * surface.sigma * np.array([1.0, -1.0])
    gradient = surface.at(own, beta).gradient
    for i, step in enumerate(np.diag(1e-3 * surface.sigma)):
        up, down = (surface.at(own, beta + sign * step).log_p for sign in (1, -1))
        slope = (up - down) / (2e-3 * surface.sigma[i])
        assert abs(slope - gradient[i]) < 1e-5 * max(abs(slope), 1 / surface.sigma[i])


def test_a_covariate_of_counts_is_a_factor_of_the_exposure():
    """The same of a further column; that of a unit is as it stands."""
    data = simulate("poisson", 1, T, missing=0.2)
    x = np.array([1.5, -0.3, 0.2, 2.2, 0.0, -1.1, 0.7])
    effect = Covariate("x", standardise=False)
    model = Model(CASES["poisson"].models[-1], Changes(), [effect]).resolve(data)
    inference = inferred(model, replace(data, covariates={"x": x}))
    nodes = inference.mixture.outer
    exposure = np.ones(T) if data.exposure is None else data.exposure
    for j in np.argsort(-inference.weights)[:3]:
        plain = replace(data, exposure=exposure * np.exp(x * nodes.values[j, -1]))
        known = inferred(Model(model.likelihood, model.changes), plain)
        with_effects = np.log(inference.weights[j]) - nodes.log_weights[j]
        assert abs(with_effects + inference.log_evidence() - known.log_evidence()) < 1e-7


def weeks(seed: int, rise: float = 1.0, rows: int = 210) -> Observations:
    """Daily counts of 20,000 trials at 0.01, fewer events at weekends; a rise at row 120."""
    rng, t = np.random.default_rng(seed), np.arange(rows)
    rate = 0.01 * np.where(t % 7 >= 5, 0.75, 1.1) * np.where(t >= 120, rise, 1.0)
    trials = rng.integers(18_000, 22_000, rows)
    day = np.datetime64("2025-01-06") + t  # a Monday
    return Observations(count=rng.binomial(trials, rate), trials=trials, time=day)


def test_a_week_is_no_change_and_hides_none():
    model = Model(likelihoods.Binomial(), effects=[Weekday()])
    data = weeks(0)
    assert inferred(model.resolve(data), data).number(10, 1e-9, 32)[0] > 0.9
    data = weeks(0, rise=1.1)
    assert inferred(model.resolve(data), data).number(10, 1e-9, 32)[0] < 0.05


def test_days_of_the_week_are_alike(monkeypatch):
    """The same rows a day later: each effect is another day's, and nothing else differs."""
    monkeypatch.setattr(FilterSurface.climb, "__defaults__", (1e-9,))  # modes to all digits
    data = weeks(3, rows=42)
    later = replace(data, time=data.time + np.timedelta64(1, "D"))
    modes, days = [], []
    for one in (data, later):
        model = Model(likelihoods.Binomial(), effects=[Weekday()]).resolve(one)
        series = model.likelihood.series(one, model.shifts(one))
        mode = FilterSurface(model, series, Condition()).modes(np.empty(0))[0]
        modes.append(mode.log_evidence)
        days.append(model.effects[0].design(one).contrasts @ mode.beta)
    assert abs(modes[0] - modes[1]) < 1e-6
    np.testing.assert_allclose(days[1], np.roll(days[0], 1), atol=1e-5)


def test_an_effect_on_counts_is_a_factor_of_the_exposure():
    """Given the coefficients, a Poisson with effects is one with other exposures."""
    model, data = with_pulses("poisson", Changes())
    inference = inferred(model, data)
    nodes, best = inference.mixture.outer, int(np.argmax(inference.weights))
    exposure = np.ones(T) if data.exposure is None else data.exposure
    factor = np.exp(INSIDE @ nodes.values[best])
    plain = replace(data, exposure=exposure * factor)
    known = inferred(Model(model.likelihood, model.changes), plain)
    with_effects = np.log(inference.weights[best]) - nodes.log_weights[best]
    assert abs(with_effects + inference.log_evidence() - known.log_evidence()) < 1e-7


@pytest.mark.parametrize("seed", [0, 2, 4])
def test_the_average_over_effects_is_that_of_models_with_some_of_them(seed: int) -> None:
    """One that hides behind another, which dispersion stands in for where neither is there."""
    rng, t = np.random.default_rng(seed), np.arange(84)
    strong, weak, x = rng.uniform(0.2, 0.6), rng.uniform(0.03, 0.1), rng.standard_normal(84)
    rate = 0.01 * np.exp(strong * np.sin(2 * np.pi * t / 7) + weak * x)
    trials = rng.integers(18_000, 22_000, 84)
    day, family = np.datetime64("2025-01-06") + t, likelihoods.BetaBinomial()
    data = Observations(
        count=rng.binomial(trials, rate), trials=trials, time=day, covariates={"x": x}
    )
    both = Weekday(), Covariate("x")
    average = fit(Model(family, effects=[replace(one, probability=0.5) for one in both]), data)
    subsets = [(), both[:1], both[1:], both]
    every = np.array([fit(Model(family, effects=some), data).log_evidence for some in subsets])
    every -= np.log(4)
    assert abs(average.log_evidence - log_sum(every)) < 0.1
    p = np.exp(every - log_sum(every))
    told = [one.probability for one in average.effects]
    np.testing.assert_allclose(told, [p[1] + p[3], p[2] + p[3]], atol=0.01)
