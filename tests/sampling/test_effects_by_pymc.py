"""Models with effects in PyMC: their density by hand, their draws beside the exact answer."""

from __future__ import annotations

import functools
import json
import math
from dataclasses import replace

import jsonschema
import numpy as np
import pymc as pm
import pytest
from cases import CASES, SHIFTABLE, answer, simulate
from chance import RARE, errors_allowed, frequencies
from reference import log_sum, placements
from runs import agrees, converged
from scipy import special, stats

from changepoint import (
    MCMC,
    Changes,
    DataWarning,
    EngineError,
    Exact,
    Model,
    Observations,
    Posterior,
    check_pymc,
    effects,
    fit,
    likelihoods,
    read_csv,
)
from changepoint.report.json_schema import SCHEMA
from changepoint.sampling import engine
from changepoint.sampling.conditional import conditional
from changepoint.sampling.models import build

T = 10
TIME = np.datetime64("2025-01-03") + np.arange(T)  # from a Friday
PULSE = effects.Pulse(first="2025-01-05", last="2025-01-07")
EFFECTS = (effects.Weekday(sigma=0.4), PULSE)


def stated(name, k=1, missing=0.2):
    """A resolved model of a family with both effects, and ten days."""
    data = replace(simulate(name, 3, T, missing), time=TIME)
    model = Model(CASES[name].models[-1], Changes(exactly=k, min_length=2), EFFECTS)
    return model.resolve(data), data


def design():
    """The rows of both effects, written anew: Helmert's contrasts of days, 1 in the pulse."""
    days = np.array([day.astype(object).weekday() for day in TIME])
    helmert = np.zeros((7, 6))
    for j in range(1, 7):  # the day numbered j against those before it
        helmert[:j, j - 1], helmert[j, j - 1] = 1, -j
    helmert /= np.sqrt((helmert**2).sum(axis=0))
    return helmert[days], ((2 <= np.arange(T)) & (np.arange(T) <= 4)).astype(float)


def moved(domain, theta, by):
    """The parameter and its complement, from the scale of the link."""
    if domain == (0, 1):
        eta = special.logit(theta) + by
        return special.expit(eta), special.expit(-eta)
    there = theta * np.exp(by) if domain[0] == 0 else theta + by
    return there, 1 - there


def by_hand(name, model, data, point):
    """Log p of rows in each segment, (k + 1, T), and log p of all that is continuous."""
    family, (week, pulse) = model.likelihood, (effect.sigma for effect in model.effects)
    days, inside = design()
    by = days @ point["weekday"] + inside * point[PULSE.title]
    own = 0.0 if family.hyper is None else float(family.hyper.value(np.array(point["own"])))
    rows = []
    for theta in point["theta"]:
        there, complement = moved(family.domain, theta, by)
        rows.append(np.diagonal(CASES[name].log_density(data, there, complement, own)))
    prior = float(family.prior.log_density(point["theta"]).sum())
    if family.hyper is not None:
        low, high = (float(family.hyper.prior.cdf(end)) for end in family.hyper.domain)
        inner = float(family.hyper.prior.log_density([point["own"]])[0])
        prior += inner - math.log(high - low)
    prior += stats.norm.logpdf(point["weekday"], 0, week).sum()
    prior += stats.norm.logpdf(point[PULSE.title], 0, pulse).sum()
    return np.where(data.observed(family.response), rows, 0.0), prior


def random_point(model, rng):
    family, (week, pulse) = model.likelihood, (effect.sigma for effect in model.effects)
    point = {
        "theta": family.prior.quantile(rng.uniform(0.1, 0.9, model.changes.exactly + 1)),
        "weekday": rng.normal(0, week, 6),
        PULSE.title: rng.normal(0, pulse, 1),
    }
    if family.hyper is not None:
        point["own"] = float(family.hyper.quantile(rng.uniform(0.1, 0.9)))
    return point


def as_values(pm_model, model, point):
    """The same as PyMC's value variables, by its own transforms."""
    family = model.likelihood
    named = {family.parameter: point["theta"], **{k: v for k, v in point.items() if k != "own"}}
    if family.hyper is not None:
        named[family.hyper.field] = np.array(point["own"])
    told = {}
    for rv in (rv for rv in pm_model.free_RVs if rv.name in named):
        transform, value = pm_model.rvs_to_transforms[rv], pm_model.rvs_to_values[rv]
        natural = np.asarray(named[rv.name], float)
        if transform is not None:
            made = transform.forward(pm.math.constant(natural), *rv.owner.inputs)
            natural = made.eval(mode="FAST_COMPILE")
        told[value.name] = natural
    return told


@pytest.mark.parametrize("name", SHIFTABLE)
def test_the_density_at_points(name):
    """Of all placements, and with these summed out: one more way, and the same model."""
    rng = np.random.default_rng(5)
    model, data = stated(name)
    found = [rows for rows in placements(T, 2) if len(rows) == 1]
    models = [
        build.build(model.likelihood, model.changes, data, summed, model.effects)
        for summed in (False, True)
    ]
    plain, summed = (one.compile_logp(jacobian=False, mode="FAST_COMPILE") for one in models)
    for _ in range(3):
        point = random_point(model, rng)
        rows, prior = by_hand(name, model, data, point)
        values = as_values(models[0], model, point)
        total = []
        for (s,) in found:
            total.append(prior + rows[0, :s].sum() + rows[1, s:].sum() - math.log(len(found)))
            told = float(plain({**values, "switchpoint": np.array([s])}))
            assert told == pytest.approx(total[-1], rel=1e-9, abs=1e-8)
        told = float(summed(values))
        assert told == pytest.approx(float(log_sum(np.array(total))), rel=1e-9, abs=1e-8)


def test_its_variables_and_coordinates():
    model, data = stated("beta-binomial", k=2)
    pm_model = model.to_pymc(data)
    free = ["rate", "log_excess", "weekday", PULSE.title, "switchpoint"]
    assert [rv.name for rv in pm_model.free_RVs] == free
    days, inside = design()
    for name, rows in (("weekday", days), (PULSE.title, inside[:, None])):
        (dim,) = pm_model.named_vars_to_dims[name]
        assert list(pm_model.coords[dim]) == list(range(rows.shape[1]))
        held = pm_model[f"{name}_design"]
        assert pm_model.named_vars_to_dims[held.name] == ("time", dim)
        assert held.get_value() == pytest.approx(rows[data.observed("count")])
    steady = Model(likelihoods.BetaBinomial(), effects=EFFECTS).to_pymc(data, exactly=0)
    assert [rv.name for rv in steady.free_RVs] == free[:-1]
    model, data = stated("poisson")  # whose gradients are compiled in no time
    assert check_pymc(model.to_pymc(data)).ok


def test_gibbs_draws_given_the_coefficients():
    """A Poisson with effects is one with other exposures, which the exact engine knows."""
    model, data = stated("poisson", missing=0.0)
    beta = np.append(np.random.default_rng(0).normal(0, 0.3, 6), 0.5)
    days, inside = design()
    factor = np.exp(np.column_stack([days, inside]) @ beta)
    plain = Model(model.likelihood, model.changes)
    other = Exact(draws=8000).run(plain, replace(data, exposure=data.exposure * factor))
    draws, rng = conditional(model, data), np.random.default_rng(1)
    drawn = [draws.draw(beta, rng) for _ in range(1500)]
    places = np.bincount([rows[0] for rows, _ in drawn], minlength=T)
    assert frequencies(places, other.given.probability[0]) > RARE
    for i in (0, 1):
        rates = [told["rate"][i] for _, told in drawn]
        assert stats.ks_2samp(rates, other.draws.parameter[:, i]).pvalue > RARE


def test_an_open_number_is_the_exact_engines():
    data = days()
    model = Model(likelihoods.Binomial(), effects=[effects.Weekday()]).resolve(data)
    known, (note,) = engine._with_number(model, data)
    assert known.effects == model.effects
    assert known.changes.exactly == fit(model, data, Exact(draws=4)).number
    assert "Weekday" not in note


def test_an_effect_that_may_be_absent_is_there_or_left_out():
    data = days()
    pulse = effects.Pulse(first="2025-01-09", last="2025-01-10", probability=0.5)
    model = Model(
        likelihoods.Binomial(), Changes(exactly=1), [effects.Weekday(probability=0.5), pulse]
    ).resolve(data)
    found = {effect.name: effect.probability for effect in fit(model, data).effects}
    assert found["weekday"] > 0.5 > found[pulse.title]
    known, notes = engine._sure_of_effects(model, data)
    assert known.effects == (replace(model.effects[0], probability=1.0),)
    assert "assumes the effect 'weekday', which is there with probability " in notes[0]
    assert f"leaves out the effect {pulse.title!r}, which is there with" in notes[1]
    with pytest.raises(EngineError, match="which may be there or not: give it probability 1"):
        model.to_pymc(data)


def days():
    """Six weeks of counts out of trials, fewer at weekends; a rise at row 20."""
    rng, t = np.random.default_rng(1), np.arange(42)
    rate = 0.011 * np.where(t % 7 >= 5, 0.75, 1.1) * np.where(t >= 20, 1.25, 1.0)
    time = np.datetime64("2025-01-06") + t
    return Observations(count=rng.binomial(3000, rate), trials=[3000] * 42, time=time)


def values():
    """Measurements of which some are raised by 2, beside a rise by 1.5 at row 24."""
    rng, t = np.random.default_rng(2), np.arange(40)
    y = 10 + 1.5 * (t >= 24) + 2.0 * ((t >= 8) & (t <= 13)) + rng.normal(size=40)
    y[30] = np.nan
    return Observations(value=y)


def months():
    """Four years of drivers killed, with a law in the third."""
    whole = read_csv("data/seatbelts.csv", count="drivers_killed", time="month")
    some = slice(132, 180)
    return Observations(count=whole.count[some], time=whole.time[some])


def flights():
    """Five months of flights that were cancelled."""
    whole = read_csv("data/nyc_flights_2013.csv", count="cancelled", trials="scheduled")
    some = slice(0, 150)
    return Observations(
        count=whole.count[some], trials=whole.trials[some], time=whole.time[some]
    )


def deaths():
    """Eight years of births and deaths by month in a clinic; one month is missing."""
    with pytest.warns(DataWarning, match="1 row is absent"):
        return read_csv("data/semmelweis.csv", count="deaths", trials="births")


SERIES = {
    "days": (days, likelihoods.Binomial(), effects.Weekday()),
    "values": (values, likelihoods.Normal(), effects.Pulse(first=8, last=13)),
    "months": (months, likelihoods.NegativeBinomial(), effects.Yearly(harmonics=1)),
    "deaths": (deaths, likelihoods.BetaBinomial(), effects.Yearly(harmonics=1)),
    "flights": (flights, likelihoods.BetaBinomial(), effects.Weekday()),
}


@functools.cache
def asked(name):
    data, family, effect = SERIES[name]
    return Model(family, Changes(exactly=1, min_length=4), [effect]), data()


@functools.cache
def exact(name):
    return fit(*asked(name), Exact(draws=20_000))


@functools.cache
def sampled(name, way):
    """The first run that converged, of two chains; Metropolis needs more draws."""
    size = {"draws": 500, "tune": 500, "chains": 2} if way != "metropolis" else {}
    return converged(lambda seed: fit(*asked(name), MCMC(**size, seed=seed, switchpoints=way)))


FAST = {("gibbs", "days"), ("sum-out", "values")}
SOLVED = 0.1  # of a standard deviation, or of it: how far sums over points may be off


@pytest.mark.parametrize(
    ("way", "name"),
    [
        pytest.param(way, name, marks=() if (way, name) in FAST else pytest.mark.slow)
        for way in ("gibbs", "sum-out", "metropolis")
        for name in SERIES
        if way != "metropolis" or name == "days"
    ],
)
def test_it_agrees_with_the_exact_answer(way, name):
    posterior, truth = sampled(name, way), exact(name)
    mine, its = posterior.tree["posterior"].dataset, truth.tree["posterior"].dataset
    assert list(mine.data_vars) == list(its.data_vars)
    coefficients = [one for one in its if one.endswith("]")]
    agrees([posterior], truth, but=coefficients)  # of which the draws of `truth` are few points
    told = posterior.engine["diagnostics"]["variables"]
    ess = 0.8 * min(
        told[one][kind] for one in coefficients for kind in ("ess_bulk", "ess_tail")
    )
    (mine,), (its,) = posterior.effects, truth.effects
    allowed = errors_allowed(2 * len(its.terms)) / np.sqrt(ess)
    for one, other in zip(mine.terms, its.terms, strict=True):
        width = other.upper - other.lower
        off = (one.mean - other.mean) / (width / 3.92), (one.upper - one.lower) / width - 1
        print(f"{one.name}: {off[0]:.3f} and {off[1]:.3f} of {allowed + SOLVED:.3f}")
        # The standard error of a width is that of two tail quantiles: 0.96 / sqrt(n) of it.
        assert max(map(abs, off)) < allowed + SOLVED


def test_an_effect_of_one_coefficient_by_quadrature():
    """Sums over it of the answers for measurements less the effect: no engine for effects."""
    model, data = asked("values")
    model = model.resolve(data)
    inside, sigma = (np.arange(40) >= 8) & (np.arange(40) <= 13), model.effects[0].sigma
    beta, log_p, places = np.linspace(-1.5, 4.0, 45), [], []
    for x in beta:
        plain = Model(model.likelihood, model.changes)
        one = answer(plain, replace(data, value=data.value - x * inside))
        log_p.append(one.log_evidence + stats.norm.logpdf(x, 0, sigma))
        places.append(one.arrays.places.probability[0])
    p = np.exp(np.array(log_p) - max(log_p))
    p /= p.sum()
    mean = p @ beta
    sd = np.sqrt(p @ (beta - mean) ** 2)
    posterior = sampled("values", "sum-out")
    told = posterior.engine["diagnostics"]["variables"]
    name = "8 to 13[0]"
    drawn = posterior.tree["posterior"][name].values.ravel()
    ess = 0.8 * min(told[name]["ess_bulk"], told[name]["ess_tail"])
    assert abs(drawn.mean() - mean) < errors_allowed(2) / np.sqrt(ess) * sd
    # The standard error of a variance takes the fourth moment: tails are not Gaussian.
    fourth = p @ (beta - mean) ** 4 / sd**4
    assert abs(drawn.var() / sd**2 - 1) < errors_allowed(2) * np.sqrt((fourth - 1) / ess)
    its = np.cumsum(p @ np.array(places))
    assert np.abs(np.cumsum(exact("values").arrays.places.probability[0]) - its).max() < 0.01


def test_what_is_told_of_them(tmp_path):
    posterior, truth = sampled("days", "gibbs"), exact("days")
    (week,), (its,) = posterior.effects, truth.effects
    assert (week.name, week.relative) == ("weekday", True)
    assert week.largest.name == its.largest.name == "Saturday"
    for mine, other in zip(week.terms, its.terms, strict=True):
        assert mine.mean == pytest.approx(other.mean, abs=0.03)
        assert (mine.lower, mine.upper) == pytest.approx((other.lower, other.upper), abs=0.06)
    assert "A weekly pattern (Saturday -" in posterior.sentence()
    assert "Effect weekday: Monday +" in str(posterior)
    told = json.loads(json.dumps(posterior.to_dict(), allow_nan=False))
    jsonschema.Draft202012Validator(SCHEMA).validate(told)
    posterior.save(tmp_path / "it.nc")
    assert str(Posterior.load(tmp_path / "it.nc")) == str(posterior)


def test_groups_that_are_made_of_the_draws():
    posterior, data = sampled("days", "gibbs"), asked("days")[1]
    tree = posterior.build("log_likelihood", "posterior_predictive", "prior")
    draws = tree["posterior"].dataset
    beta = np.stack([draws[f"weekday[{i}]"].values for i in range(6)], axis=-1)
    table = effects.Weekday().design(data).contrasts[np.arange(42) % 7]
    first, rate = draws["switchpoint"].values, draws["rate"].values
    inside = np.where(np.arange(42) < first, rate[..., :1], rate[..., 1:])
    p = special.expit(special.logit(inside) + beta @ table.T)
    expected = stats.binom.logpmf(data.count, 3000, p)
    assert tree["log_likelihood"]["y"].values == pytest.approx(expected, rel=1e-9)
    predicted = tree["posterior_predictive"]["y"].values
    z = (predicted - 3000 * p) / np.sqrt(3000 * p * (1 - p))
    error = 1 / np.sqrt(z[..., 0].size)
    assert np.abs(z.mean(axis=(0, 1))).max() < errors_allowed(42) * error
    assert "weekday[5]" in tree["prior"]
