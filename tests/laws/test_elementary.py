"""The logarithm and exponential of the kernels, against NumPy's."""

from __future__ import annotations

import numpy as np

from changepoint.kernels import elementary

RNG = np.random.default_rng(0)


def test_logarithm() -> None:
    x = np.exp(RNG.uniform(-700, 700, 2000))
    x = np.concatenate([x, RNG.uniform(0.5, 2, 2000), [1.0, 2.0, np.sqrt(0.5)]])
    told = np.array([elementary.log(value) for value in x])
    np.testing.assert_allclose(told, np.log(x), rtol=3e-16, atol=3e-16)


def test_exponential() -> None:
    x = np.concatenate([RNG.uniform(-699, 700, 2000), RNG.uniform(-1, 1, 2000), [0.0]])
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
