"""The logarithm, exponential and ratios of the kernels, against NumPy's and exact sums."""

from __future__ import annotations

import math

import numpy as np

from changepoint.kernels import elementary
from changepoint.likelihoods.counts import log_ratio, log_rising_ratio

RNG = np.random.default_rng(0)


def test_logarithm() -> None:
    x = np.exp(RNG.uniform(-700, 700, 2000))
    x = np.concatenate([x, RNG.uniform(0.5, 2, 2000), [1.0, 2.0, np.sqrt(0.5)]])
    told = np.array([elementary.log(value) for value in x])
    np.testing.assert_allclose(told, np.log(x), rtol=3e-16, atol=3e-16)


def test_exponential() -> None:
    x = np.concatenate([RNG.uniform(-659, 700, 2000), RNG.uniform(-1, 1, 2000), [0.0]])
    told = np.array([elementary.exp(value) for value in x])
    np.testing.assert_allclose(told, np.exp(x), rtol=5e-16)
    assert elementary.exp(-np.inf) == 0
    assert elementary.exp(-745.0) == 0


def test_sums_of_exponentials() -> None:
    for x in (RNG.normal(0, 100, 1000), np.array([-np.inf, 3.0]), np.array([-2000.0])):
        assert elementary.largest(x) == x.max()
        told = np.logaddexp.reduce(x)
        np.testing.assert_allclose(elementary.log_sum(x.copy()), told, rtol=1e-15)
    assert elementary.log_sum(np.full(3, -np.inf)) == -np.inf
    assert elementary.log_sum(np.zeros(0)) == -np.inf


def test_rising_factorials() -> None:
    a, k = 10 ** RNG.uniform(-12, 15, 500), np.floor(10 ** RNG.uniform(-0.5, 3.5, 500))
    sums = [math.fsum(np.log1p(np.arange(n) / x)) for x, n in zip(a, k, strict=True)]
    off = np.abs(log_rising_ratio(a, k) - sums)
    assert np.all(off < 1e-15 * (10 + k + np.abs(sums)))
    assert abs(log_rising_ratio(np.array(np.inf), np.array(7.0))) < 1e-14
    assert np.isnan(log_rising_ratio(np.array([0.0, np.nan]), np.array(7.0))).all()
    by_row = log_rising_ratio(a[:5], k[:3, None])
    assert by_row.shape == (3, 5)
    assert by_row[1, 2] == log_rising_ratio(a[2], k[1])


def test_logarithms_of_ratios() -> None:
    x, x0 = 10 ** RNG.uniform(-9, 3, 500), 10 ** RNG.uniform(-9, 3, 500)
    np.testing.assert_allclose(log_ratio(x, x - x0, x0), np.log(x / x0), rtol=1e-14, atol=1e-15)
    for digits in range(4, 17):  # near 1 the difference says more than the quotient
        share = 10.0**-digits
        assert abs(log_ratio(0.3, 0.3 * share, 0.3) - math.log1p(share)) < 1e-15 * share
    assert np.isnan(log_ratio(np.nan, np.nan, 0.3))
