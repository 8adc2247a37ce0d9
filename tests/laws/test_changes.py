"""The prior on changes against a list of all placements."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from cases import SHORTEST, kinds
from chance import RARE, frequencies
from reference import number_weights, placements

from changepoint import Changes
from changepoint.changes import log_placements

T = 12


def ways(m: int) -> np.ndarray:
    """Number of placements of k changes in 12 rows, by counting them."""
    return np.bincount([len(rows) for rows in placements(T, m)])


@pytest.mark.parametrize("m", SHORTEST)
def test_the_number_of_placements(m: int) -> None:
    counted = ways(m)
    np.testing.assert_allclose(
        np.exp(log_placements(T, m, len(counted) - 1)), counted, rtol=1e-12
    )


@pytest.mark.parametrize("m", SHORTEST)
def test_every_placement_of_k_changes_weighs_c_k(m: int) -> None:
    """P(k) = N_k c_k, with c_k = rho^k and rho as defined for each kind."""
    for changes in kinds(m):
        told = np.exp(changes.log_number(T))
        expected = (number_weights(changes, T)[: len(ways(m))] * ways(m))[: len(told)]
        np.testing.assert_allclose(told, expected, rtol=1e-11, atol=1e-15)
        assert abs(told.sum() - 1) < 1e-12
        if changes.exactly is None and changes.possible:
            rho = told[1] / ways(m)[1] / told[0]
            assert abs(math.log(rho) - changes.log_rho(T)) < 1e-11


@pytest.mark.parametrize("m", SHORTEST)
@pytest.mark.parametrize("probability", [1e-6, 0.5, 0.999])
def test_probability_is_that_of_any_change(m: int, probability: float) -> None:
    for rows in (2 * m, 2 * m + 1, 180, 100_000):
        for at_most in (None, 1, 3):
            changes = Changes(probability=probability, at_most=at_most, min_length=m)
            none = math.exp(changes.log_number(rows)[0])
            assert abs(1 - none - probability) < 1e-9


@pytest.mark.parametrize("m", SHORTEST)
def test_every_is_a_constant_hazard(m: int) -> None:
    """Sequentially: no change in the first m rows of a segment, then one with probability h.

    Placements whose last segment is still young don't count.
    """
    changes = Changes(every=m + 3, min_length=m)
    hazard = 1 / (3 + 1)
    probability = []
    for rows in placements(T, m):
        p = 1.0
        for first, end in itertools.pairwise((0, *rows, T)):
            old = end - first - m
            p *= (1 - hazard) ** old * (hazard if end < T else 1)
        probability.append(p)
    by_number = np.bincount([len(rows) for rows in placements(T, m)], weights=probability)
    np.testing.assert_allclose(
        np.exp(changes.log_number(T)), by_number / by_number.sum(), rtol=1e-12
    )


def test_the_mean_segment_of_every_has_n_rows() -> None:
    """m - 1 rows, and then a geometric number of them."""
    for m, every in [(1, 30), (3, 5.5), (7, 100)]:
        hazard = 1 / (every - m + 1)
        assert abs(m - 1 + 1 / hazard - every) < 1e-9
        rho = math.exp(Changes(every=every, min_length=m).log_rho(1000))
        assert abs(rho * (1 - hazard) ** m - hazard) < 1e-15


@pytest.mark.parametrize("m", SHORTEST)
def test_draws_are_uniform_over_placements(m: int) -> None:
    """Chi-square over every placement that a prior allows: 1e-6 by chance for each prior."""
    rng = np.random.default_rng(m)
    size = 20_000
    for changes in kinds(m):
        c = number_weights(changes, T)
        expected = {rows: c[len(rows)] * size for rows in placements(T, m) if c[len(rows)] > 0}
        counts = dict.fromkeys(expected, 0)
        for _ in range(size):
            counts[tuple(changes.draw(T, rng).tolist())] += 1
        told, found = (
            np.array([each[rows] for rows in expected]) for each in (expected, counts)
        )
        assert frequencies(found, told) > RARE, changes
