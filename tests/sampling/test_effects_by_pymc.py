"""Models with effects in PyMC: their density by hand, their draws beside the exact answer."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pymc as pm
import pytest
from cases import CASES, GRID, simulate
from reference import log_sum, placements
from scipy import special, stats

from changepoint import Changes, Model, check_pymc, effects
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


@pytest.mark.parametrize("name", GRID)
def test_the_density_at_points(name):
    """Of all placements, and with these summed out: one more way, and the same model."""
    rng = np.random.default_rng(5)
    model, data = stated(name)
    found = [rows for rows in placements(T, 2) if len(rows) == 1]
    models = [
        build.build(model.likelihood, model.changes, data, summed, model.effects)
        for summed in (False, True)
    ]
    plain, summed = (
        one.compile_logp(jacobian=False, mode="FAST_COMPILE") for one in models
    )
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
