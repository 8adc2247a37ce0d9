"""The PyMC density, summed over placements and integrated, is the exact evidence."""

from __future__ import annotations

import math

import numpy as np
import pytensor.tensor as pt
import pytest
from cases import CASES, GRID, answer, simulate
from pytensor.graph.replace import vectorize_graph
from reference import log_sum, placements

from changepoint import Changes, Model
from changepoint.likelihoods import FAMILIES

# Of each value variable, on the whole line: first node, last node, how many. Wide enough that
# the density has vanished at both ends, fine enough for the trapezoid rule.
GRIDS = {
    "binomial": {"rate_logodds__": (-10.0, 4.0, 101)},
    "beta-binomial": {"rate_logodds__": (-8.0, 4.0, 121), "log_excess_interval__": (-9, 4, 40)},
    "beta": {"rate_logodds__": (-6.0, 2.0, 100), "concentration_log__": (-2.0, 9.0, 36)},
    "poisson": {"rate_log__": (-6.0, 5.0, 80)},
    "normal": {"level": (-2.0, 25.0, 110), "noise_sd_log__": (-3.5, 4.5, 40)},
}
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


@pytest.mark.parametrize("name", GRID)
def test_one_change(name):
    """Two rates, and a shared parameter where the family has one."""
    assert error(name, 1, 6) < (1e-6 if FAMILIES[name].shared is None else 1e-3)


def test_two_changes_with_a_shortest_segment_and_missing_rows():
    """Three rates, and the distribution over ordered placements."""
    assert error("poisson", 2, 8, min_length=2, missing=0.3) < 1e-3


@pytest.mark.parametrize("name", GRID)
def test_no_change(name):
    """One rate, and a shared parameter where the family has one."""
    assert error(name, 0, 7) < (1e-6 if FAMILIES[name].shared is None else 1e-5)
