"""Effects on levels and lines: against enumeration, with quadrature over the coefficient."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from closed_cases import CLOSED, closed_data, outer_nodes
from reference import by_placement, log_sum

from changepoint import Changes, EngineError, Exact, Model, Observations, fit, likelihoods
from changepoint.effects import Covariate, Monthly, Pulse, Weekday
from changepoint.exact.effect_mixture import summed
from changepoint.exact.effect_segments import SegmentProblem, SegmentSurface
from changepoint.exact.hyper_mixture import Condition
from changepoint.likelihoods import FAMILIES
from changepoint.likelihoods.regression import LinearLikelihood
from changepoint.model import default_model
from changepoint.sampling.conditional import conditional

T = 7
LINES = [name for name, family in FAMILIES.items() if issubclass(family, LinearLikelihood)]
NUMBERS = [Changes(), Changes(at_most=2, min_length=2), Changes(exactly=1)]


def with_pulses(name: str, changes: Changes, *effects: Pulse) -> tuple[Model, Observations]:
    data = replace(closed_data(name, 1, T), time=None)
    return Model(CLOSED[name].models[-1], changes, effects).resolve(data), data


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("changes", NUMBERS, ids=str)
def test_the_gradient_is_that_of_the_height(name: str, changes: Changes) -> None:
    model, data = with_pulses(name, changes, Pulse(first=1, last=3), Pulse(first=3, last=5))
    shifts = model.shifts(data)
    assert shifts is not None
    surface = SegmentSurface(model, data, Condition.of(changes, T), shifts)
    beta = 0.3 * surface.sigma * np.array([1.0, -1.0])
    gradient = surface.at(surface.median(), beta).gradient
    for i, step in enumerate(np.diag(1e-4 * surface.sigma)):
        up, down = (surface.at(surface.median(), beta + way * step).log_p for way in (1, -1))
        slope = (up - down) / (2e-4 * surface.sigma[i])
        assert abs(slope - gradient[i]) < 1e-6 * max(abs(slope), 1 / surface.sigma[i])


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if "auto" in name else []) for name in LINES],
)
@pytest.mark.parametrize("changes", NUMBERS[::2], ids=str)
def test_importance_equals_quadrature(name: str, changes: Changes) -> None:
    """Over the coefficient, by Gauss and Hermite, and over whether there is an effect."""
    likely = 0.4
    model, data = with_pulses(name, changes, Pulse(first=2, last=4, probability=likely))
    family, inside = model.likelihood, (np.arange(T) >= 2) & (np.arange(T) <= 4)
    nodes, found = summed(SegmentProblem(model, data, Condition.of(changes, T)))
    shared, log_outer = outer_nodes(family)
    z, w = np.polynomial.hermite_e.hermegauss(61)
    log_evidence = []
    for beta in (0.0, *(float(model.effects[0].sigma or 0) * z)):
        rows = replace(data, value=data.value - beta * inside)
        log_m = np.full((len(shared), T + 1, T + 1), -np.inf)
        for first, end in combinations(range(T + 1), 2):
            log_m[:, first, end] = CLOSED[name].log_marginal(family, rows, first, end, shared)
        told = by_placement(log_m, np.zeros((*log_m.shape, T)), log_outer, changes)
        log_evidence.append(told.log_evidence)
    absent, there = log_evidence[0], float(log_sum(log_evidence[1:] + np.log(w / w.sum())))
    both = np.array([np.log(1 - likely) + absent, np.log(likely) + there])
    total, wrong = float(log_sum(both)), 3 * nodes.error(found.weights) + 2e-3
    assert nodes.error(found.weights) < 0.05
    assert abs(found.log_evidence() - total) < wrong
    p, _ = nodes.given(found.weights, np.array([True]))
    assert abs(p - np.exp(both[1] - total)) < wrong


def days(seed: int, rows: int = 63, rise: float = 0.0) -> Observations:
    """Values with lower weekends, and a step at row 40."""
    rng, t = np.random.default_rng(seed), np.arange(rows)
    y = rng.normal(np.where(t % 7 >= 5, 7.0, 10.0) + rise * (t >= 40), 0.8)
    return Observations(value=y, time=np.datetime64("2025-01-06") + t)  # from a Monday


@pytest.mark.parametrize("name", LINES)
def test_a_week_is_told_and_new_data_have_it(name: str) -> None:
    data = days(1)
    model = Model(FAMILIES[name](), Changes(min_length=5), [Weekday()])
    posterior = fit(model, data, Exact(draws=400))
    (week,) = posterior.effects
    assert [term.mean < -1 for term in week.terms] == [False] * 5 + [True] * 2
    assert all(term.lower < term.mean < term.upper for term in week.terms)
    tree = posterior.build("log_likelihood", "posterior_predictive", "prior")
    predicted = tree["posterior_predictive"]["y"].values.mean(axis=(0, 1))
    weekend = np.arange(63) % 7 >= 5
    assert 2 < predicted[~weekend].mean() - predicted[weekend].mean() < 4
    assert "weekday[5]" in tree["prior"]
    assert np.ptp(posterior.estimates) < 0.8 * np.ptp(data.value) or name == "normal-variance"


@pytest.mark.parametrize("name", LINES)
def test_given_the_coefficients_draws_are_of_rows_less_their_effects(name: str) -> None:
    model, data = with_pulses(name, Changes(exactly=1), Pulse(first=2, last=4))
    hyper = [] if model.likelihood.hyper is None else [model.likelihood.hyper.median()]
    less = replace(data, value=data.value - 1.5 * ((np.arange(T) >= 2) & (np.arange(T) <= 4)))
    plain = conditional(Model(model.likelihood, model.changes), less)
    one = conditional(model, data).several(np.array([*hyper, 1.5]), 5, np.random.default_rng(0))
    other = plain.several(np.array(hyper), 5, np.random.default_rng(0))
    for (places, told), (places_less, told_less) in zip(one, other, strict=True):
        np.testing.assert_array_equal(places, places_less)
        for part, values in told.items():
            np.testing.assert_allclose(values, told_less[part])


@pytest.mark.parametrize("name", LINES)
def test_the_density_in_pymc_is_that_of_rows_less_their_effects(name: str) -> None:
    model, data = with_pulses(name, Changes(exactly=1), Pulse(first=2, last=4))
    title, sigma = model.effects[0].title, float(model.effects[0].sigma or 0)
    less = replace(data, value=data.value - 1.5 * ((np.arange(T) >= 2) & (np.arange(T) <= 4)))
    plain = Model(model.likelihood, model.changes).to_pymc(less)
    full = model.to_pymc(data)
    point = plain.initial_point()
    told = full.compile_logp(mode="FAST_COMPILE")({**point, title: np.array([1.5])})
    prior = -0.5 * (1.5 / sigma) ** 2 - np.log(sigma) - 0.5 * np.log(2 * np.pi)
    expected = plain.compile_logp(mode="FAST_COMPILE")(point) + prior
    assert told == pytest.approx(float(expected), rel=1e-9)


@pytest.fixture(scope="module")
def risen():
    """The default's answer to a week and a step."""
    data = days(3, rows=84, rise=2.0)
    return fit(default_model(data), data, Exact(draws=400))


def test_the_average_over_families_looks_for_a_week(risen) -> None:
    (week,) = risen.effects
    assert week.probability > 0.99
    assert week.largest.name[0] == "S"
    assert [abs(change.index - 40) <= 2 for change in risen.changes] == [True]
    assert "weekly pattern" in risen.sentence()
    assert "weekday[5]" in risen.tree["posterior"]
    named = {one["model"] for one in risen.models}
    assert {"normal", "trend", "student-t(nu=3)"} < named
    assert sum(one["probability"] for one in risen.models) == pytest.approx(1)
    assert min(risen.sensitivity.values()) > 0.9


def test_what_is_left_at_a_glance_hardly_counts(risen) -> None:
    """Its evidence is told from the coefficients of another model; here it is in full."""
    top = max(one["log_evidence"] for one in risen.models)
    glanced = [one for one in risen.models if one["probability"] < 1e-4 and not one["steady"]]
    families = {one.title: one for one in risen.model.likelihood.candidates(risen.observations)}
    assert glanced
    for one in glanced:
        family = families[one["model"]]
        full = fit(Model(family, risen.model.changes, risen.model.effects), risen.observations)
        assert full.log_evidence is not None
        assert full.log_evidence - top < np.log(2e-3)


def test_values_by_the_month_have_a_level_of_each() -> None:
    months = (np.datetime64("2015-01") + np.arange(48)).astype("datetime64[D]")
    data = Observations(value=np.sin(np.arange(48.0)), time=months)
    assert default_model(data).effects == (Monthly(probability=0.5),)
    long = Observations(value=np.sin(np.arange(800.0)), time=months[0] + np.arange(800))
    assert default_model(long).effects == ()


def test_counts_whose_coefficients_are_too_many_for_a_sum_have_an_error_that_says_so() -> None:
    """Not one of a column for values, which counts don't have."""
    t = np.arange(60)
    column = {"x": t / 60}
    data = Observations(count=np.where(t < 30, 20, 60), trials=[2000] * 60, covariates=column)
    model = Model(likelihoods.Binomial(), effects=[Covariate("x")]).resolve(data)
    with pytest.raises(EngineError, match="no closed form with effects"):
        SegmentProblem(model, data, Condition())
