"""The PyMC density, summed over placements and integrated, is the exact evidence."""

from __future__ import annotations

import math

import lines_anew as anew
import numpy as np
import pytensor.tensor as pt
import pytest
from cases import CASES, answer, simulate
from lines_anew import NAMES, draw_point, log_conditional, series
from pytensor.graph.replace import vectorize_graph
from reference import log_sum, placements

from changepoint import Changes, Model
from changepoint.likelihoods import FAMILIES
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.regression import LinearLikelihood

# Of each value variable, on the whole line: first node, last node, how many. Wide enough that
# the density has vanished at both ends, fine enough for the trapezoid rule.
GRIDS = {
    "binomial": {"rate_logodds__": (-10.0, 4.0, 101)},
    "beta-binomial": {"rate_logodds__": (-8.0, 4.0, 121), "log_excess_interval__": (-9, 4, 80)},
    "bernoulli": {"rate_logodds__": (-20.0, 20.0, 200)},
    "beta": {"rate_logodds__": (-6.0, 2.0, 100), "concentration_log__": (-2.0, 9.0, 36)},
    "negative-binomial": {"rate_log__": (-7.0, 6.0, 100), "log_excess": (-22.0, 16.0, 76)},
    "poisson": {"rate_log__": (-6.0, 5.0, 80)},
    "student-t": {"level": (-30.0, 55.0, 200), "scale_log__": (-5.5, 5.5, 60)},
    "exponential": {"rate_log__": (-9.0, 7.0, 160)},
    "normal": {"level": (-2.0, 25.0, 110), "noise_sd_log__": (-3.5, 4.5, 40)},
}
for plain in ("binomial", "beta-binomial", "negative-binomial", "poisson"):
    GRIDS[f"spiked-{plain}"] = GRIDS[plain]
CHUNK = 50_000


def density(pm_model):
    """Names of the value variables, and a function from many points to log densities."""
    values = pm_model.value_vars
    batched = [pt.tensor(v.name, dtype=v.dtype, shape=(None, *v.type.shape)) for v in values]
    log_p = vectorize_graph(pm_model.logp(), dict(zip(values, batched, strict=True)))
    return pm_model.compile_fn(log_p, inputs=batched, point_fn=False)


def log_integral(pm_model, function, grids, placement):
    """Log of the integral over all continuous value variables at one placement."""
    start = pm_model.initial_point()
    axes = [
        (name, i) for name in start if name != "switchpoint" for i in range(start[name].size)
    ]
    finer = 1 if len(axes) > 2 else 2  # affordable, and asked for
    nodes = [
        np.linspace(low, high, finer * count)
        for low, high, count in (grids[name] for name, _ in axes)
    ]
    shape = tuple(len(x) for x in nodes)
    sums = []
    for first in range(0, math.prod(shape), CHUNK):
        places = np.unravel_index(np.arange(first, min(first + CHUNK, math.prod(shape))), shape)
        at = {axis: x[i] for axis, x, i in zip(axes, nodes, places, strict=True)}
        point = []
        for name in [v.name for v in pm_model.value_vars]:
            if name == "switchpoint":
                point.append(np.tile(placement, (len(places[0]), 1)))
            else:
                parts = np.stack([at[name, i] for i in range(start[name].size)], axis=1)
                point.append(parts if start[name].ndim else parts[:, 0])
        sums.append(log_sum(function(*point)))
    return float(log_sum(np.array(sums))) + sum(math.log(x[1] - x[0]) for x in nodes)


def error(name, k, T, min_length=1, missing=0.0):
    """Log evidence by the PyMC density, less that of the exact engine."""
    data = simulate(name, 3, T, missing)
    model = Model(CASES[name].models[0], Changes(exactly=k, min_length=min_length))
    pm_model = model.to_pymc(data)
    function = density(pm_model)
    found = [np.array(rows) for rows in placements(T, min_length) if len(rows) == k]
    integrals = [log_integral(pm_model, function, GRIDS[name], rows) for rows in found]
    difference = float(log_sum(np.array(integrals))) - answer(model, data).log_evidence
    print(f"{name}, {k} changes in {T} rows: {difference:.1e}")
    return abs(difference)


@pytest.mark.parametrize("name", GRIDS)
def test_one_change(name):
    """Two rates, and a shared parameter where the family has one."""
    assert error(name, 1, 6) < (1e-6 if FAMILIES[name]().hyper is None else 1e-3)


def test_every_family_is_integrated():
    on_grid = {name for name, one in FAMILIES.items() if issubclass(one, GridLikelihood)}
    assert set(GRIDS) == on_grid
    lines = {name for name, one in FAMILIES.items() if issubclass(one, LinearLikelihood)}
    assert set(NAMES) == lines


def test_two_changes_with_a_shortest_segment_and_missing_rows():
    """Three rates, and the distribution over ordered placements."""
    assert error("poisson", 2, 8, min_length=2, missing=0.3) < 1e-3


@pytest.mark.parametrize("name", GRIDS)
def test_no_change(name):
    """One rate, and a shared parameter where the family has one."""
    assert error(name, 0, 7) < (1e-6 if FAMILIES[name]().hyper is None else 1e-5)


def value_point(family, natural, placement):
    """The values that PyMC samples, from parameters in their own terms."""
    told = {"switchpoint": np.array(placement)} if placement else {}
    told |= {name: np.asarray(natural[name]) for name in ("level", "slope") if name in natural}
    told["variance_log__"] = np.log(natural["variance"])
    if "phi" in natural:
        low, high = family.phi.support
        told["phi_interval__"] = np.log((natural["phi"] - low) / (high - natural["phi"]))
    return told


@pytest.mark.parametrize("k", [0, 1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_lines_at_points(name, k):
    """Against priors and rows written anew; of placements all are alike."""
    rng = np.random.default_rng(k)
    data = series(name, 10, missing=0.3)
    model = Model(FAMILIES[name](), Changes(exactly=k, min_length=2)).resolve(data)
    family = model.likelihood
    pm_model = model.to_pymc(data)
    evaluate = pm_model.compile_logp(jacobian=False, mode="FAST_COMPILE")
    found = [rows for rows in placements(10, 2) if len(rows) == k]
    for _ in range(5):
        placement = found[rng.integers(len(found))]
        natural = draw_point(family, k, rng)
        told = evaluate(value_point(family, natural, placement))
        expected = anew.log_density(family, data, placement, natural)
        assert told == pytest.approx(expected - math.log(len(found)), rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_lines_integrated(name):
    """p(y, shared) = p(y, parameters) / p(parameters | y, shared), at any parameters.

    S. Chib (1995), JASA 90, 1313. What is shared is summed over by quadrature.
    """
    data, rng = series(name, 8, missing=0.2), np.random.default_rng(0)
    model = Model(FAMILIES[name](), Changes(exactly=1)).resolve(data)
    family = model.likelihood
    pm_model = model.to_pymc(data)
    evaluate = pm_model.compile_logp(jacobian=False, mode="FAST_COMPILE")
    values, log_weights = [None], np.zeros(1)
    if family.hyper is not None:
        low, high = getattr(family, family.hyper.field).support
        if family.hyper_names == ("level",):
            low, high = family.level.mu + 8 * family.level.sigma * np.array([-1, 1])
        nodes, weights = np.polynomial.legendre.leggauss(60 if low == 0 else 200)
        values = low + (high - low) * (nodes + 1) / 2
        log_weights = np.log(weights * (high - low) / 2)
    terms = []
    for placement in (rows for rows in placements(8, 1) if len(rows) == 1):
        for value, log_weight in zip(values, log_weights, strict=True):
            natural = draw_point(family, 1, rng)
            if value is not None:
                natural[family.hyper.name] = value
            joint = float(evaluate(value_point(family, natural, placement)))
            terms.append(log_weight + joint - log_conditional(family, data, placement, natural))
    difference = float(log_sum(np.array(terms))) - answer(model, data).log_evidence
    print(f"{name}: {difference:.1e}")
    assert abs(difference) < (1e-9 if family.hyper is None else 1e-5)
