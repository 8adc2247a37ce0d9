"""Sums over placements against enumeration; their gradient against finite differences."""

from __future__ import annotations

import warnings

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from chance import RARE, frequencies
from reference import placements as all_placements

from changepoint import ModelError, draw_switchpoints, sum_out
from changepoint.kernels import placements

SIZES = [(T, k, m) for T in (4, 7, 10) for k in (0, 1, 2, 3) for m in (1, 2, 3)]
POSSIBLE = [size for size in SIZES if size[0] >= (size[1] + 1) * size[2]]


def enumerated(L, m):
    """All placements, the log of each one's product, and which segment each row lies in."""
    S, T = L.shape
    found = [rows for rows in all_placements(T, m) if len(rows) == S - 1]
    segment = np.array([np.searchsorted(rows, np.arange(T), "right") for rows in found])
    return found, L[segment, np.arange(T)].sum(axis=1), segment


def matrix(T, k, impossible=0):
    """Log likelihoods, some of them -inf."""
    rng = np.random.default_rng([T, k])
    L = 3 * rng.normal(size=(k + 1, T))
    L[rng.integers(0, k + 1, impossible), rng.integers(0, T, impossible)] = -np.inf
    return L


@pytest.mark.parametrize("impossible", [0, 2])
@pytest.mark.parametrize(("T", "k", "m"), POSSIBLE)
def test_the_sum_and_the_segments_of_rows(T, k, m, impossible):
    L = matrix(T, k, impossible)
    _, log_p, segment = enumerated(L, m)
    log_sum, P = placements.sum_out(L, m)
    expected = np.logaddexp.reduce(log_p)
    assert log_sum == expected or abs(log_sum - expected) < 1e-12
    if np.isfinite(expected):
        weight = np.exp(log_p - expected)
        inside = [(weight[:, None] * (segment == j)).sum(axis=0) for j in range(k + 1)]
        assert P == pytest.approx(np.array(inside), abs=1e-12)
    else:
        assert (P == 0).all()


def test_too_few_rows():
    log_sum, P = placements.sum_out(np.zeros((3, 5)), 2)
    assert log_sum == -np.inf
    assert (P == 0).all()


def test_a_long_series_loses_nothing():
    """T = 100,000, likelihoods over 1,000 nats apart: against the sums of a single change."""
    T = 100_000
    L = np.random.default_rng(0).normal(size=(2, T)) * 5
    log_sum, P = placements.sum_out(L, 1)
    first, second = np.cumsum(L[0]), np.cumsum(L[1][::-1])[::-1]
    each = first[:-1] + second[1:]
    assert log_sum == pytest.approx(np.logaddexp.reduce(each), rel=1e-12)
    place = np.exp(each - np.logaddexp.reduce(each))
    assert P[1, 1:] == pytest.approx(np.cumsum(place), abs=1e-7)


@pytest.mark.parametrize(("T", "k", "m"), [(7, 1, 1), (7, 2, 2), (10, 3, 1), (10, 2, 3)])
def test_draws_have_the_placements_probabilities(T, k, m):
    """By chi-square: 1e-6 by chance."""
    L, size = matrix(T, k), 20_000
    found, log_p, _ = enumerated(L, m)
    rng = np.random.default_rng(1)
    drawn = [tuple(placements.draw(L, m, rng.random(k)).tolist()) for _ in range(size)]
    counts = np.array([drawn.count(rows) for rows in found])
    p = np.exp(log_p - np.logaddexp.reduce(log_p))
    assert counts.sum() == size
    assert frequencies(counts, p) > RARE


@pytest.mark.parametrize("mode", ["NUMBA", "FAST_COMPILE"])
def test_the_gradient(mode):
    """Of a function of the log likelihoods, where other operations come before and after."""
    x = pt.dmatrix()
    y = sum_out(pt.sin(x) * 2, min_length=2) ** 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of object mode, where there is no numba dispatch
        function = pytensor.function([x], [y, pt.grad(y, x)], mode=mode)
        value = matrix(9, 2)
        _, gradient = function(value)
    h = 1e-6
    for place in np.ndindex(value.shape):
        step = np.zeros_like(value)
        step[place] = h
        up, down = function(value + step)[0], function(value - step)[0]
        assert gradient[place] == pytest.approx((up - down) / (2 * h), abs=2e-7)


@pytest.mark.parametrize(("T", "k", "m"), POSSIBLE)
def test_it_is_the_mean_over_placements(T, k, m):
    L = matrix(T, k)
    _, log_p, _ = enumerated(L, m)
    told = sum_out(pt.as_tensor(L), m).eval(mode="FAST_COMPILE")
    assert told == pytest.approx(np.logaddexp.reduce(log_p) - np.log(len(log_p)), abs=1e-12)


def test_wrong_matrices():
    with pytest.raises(ModelError, match="too few for 3 segments"):
        sum_out(pt.zeros((3, 5)), min_length=2)
    with pytest.raises(ModelError, match="matrix \\(segment, time\\)"):
        sum_out(pt.zeros(5))
    with pytest.raises(ModelError, match="min_length"):
        sum_out(pt.zeros((2, 5)), min_length=0)


def test_switchpoints_of_a_model_of_ones_own():
    """A rate and a factor, which no family has; places by chi-square, 1e-6 by chance."""
    count, T = np.array([1, 0, 2, 1, 7, 0, 9, 6, 8]), 9
    with pm.Model() as model:
        base, lift = pm.Gamma("base", 2.0, 1.0), pm.HalfNormal("lift", 5.0)
        rate = pt.stack([base, base * (1 + lift)])
        loglik = pm.logp(pm.Poisson.dist(rate[:, None]), count)
        pm.Potential("data", sum_out(loglik[:, :]))
    draws = xr.Dataset(
        {"base": (("chain", "draw"), np.full((2, 3000), 1.1)), "lift": 4.0 + xr.zeros_like(
            xr.DataArray(np.zeros((2, 3000)), dims=("chain", "draw")))}
    )  # fmt: skip
    drawn = draw_switchpoints(model, draws, seed=3)
    assert drawn.dims == ("chain", "draw", "change")
    assert drawn.name == "switchpoint"
    from scipy import stats

    log_p = [
        stats.poisson.logpmf(count[:s], 1.1).sum() + stats.poisson.logpmf(count[s:], 5.5).sum()
        for s in range(1, T)
    ]
    p = np.exp(log_p - np.logaddexp.reduce(log_p))
    assert frequencies(np.bincount(drawn.values.ravel(), minlength=T)[1:], p) > RARE
    tree = xr.DataTree.from_dict({"/posterior": draws.transpose("draw", "chain")})
    again = draw_switchpoints(model, tree, seed=3)
    assert (again == drawn).all()
    with pytest.raises(ModelError, match="the draws lack lift"):
        draw_switchpoints(model, draws[["base"]])


@pytest.mark.parametrize("k", [1, 2])
def test_draws_where_nothing_is_possible(k):
    for L in (np.full((k + 1, 5), -np.inf), np.full((k + 1, 5), np.nan), np.zeros((k + 1, k))):
        assert (placements.draw(L, 1, np.full(k, 0.5)) == -1).all()
    y = np.array([0.2, 0.3, 0.5, 0.6, 0.1])
    with pm.Model() as model:
        lowest = pm.Uniform("lowest", 0, 1, shape=k + 1)
        pm.Potential("data", sum_out(pm.logp(pm.Uniform.dist(lowest[:, None], 1), y)))
    draws = xr.Dataset({"lowest": (("chain", "draw", "x"), np.full((1, 5, k + 1), 0.9))})
    with pytest.raises(ModelError, match="no placement is possible at draw 0 of chain 0"):
        draw_switchpoints(model, draws)


def test_too_few_rows_of_unknown_number():
    x = pt.dmatrix()
    assert sum_out(x, 1).eval({x: np.zeros((3, 2))}, mode="FAST_COMPILE") == -np.inf


def test_a_model_without_a_sum():
    with pm.Model() as model:
        pm.Normal("x")
    with pytest.raises(ModelError, match="must hold one `sum_out`"):
        draw_switchpoints(model, xr.Dataset())
