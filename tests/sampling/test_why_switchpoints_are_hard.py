"""What the notebook on switchpoints claims, asserted on what it computes."""

import contextlib
import runpy
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from scipy.special import logsumexp, softmax

ROOT = Path(__file__).parent.parent.parent
PAIRS = [("sigmoid", 0.3), ("sigmoid", 2.0), ("straight-through", 0.3)]


@pytest.fixture(scope="module")
def book():
    mpl.use("Agg")
    with contextlib.chdir(ROOT):
        variables = runpy.run_path("notebooks/5_why_switchpoints_are_hard.py")
    plt.close("all")
    return SimpleNamespace(**variables)


# 1. No slope


def test_gradient_of_a_choice_is_exactly_zero(book):
    for at in (0.4, 2.5, 3.0, 3.6):
        assert np.all(np.array(book.gradient(at)) == 0)


def test_differences_are_zero_but_across_an_edge_where_they_grow_as_one_over_h(book):
    assert np.all(book.difference(2.5, 0.4) == 0)
    jumps = np.array(book.value(3.5)) - np.array(book.value(2.5))
    assert np.all(jumps != 0)
    for h in (1e-2, 1e-4, 1e-6):
        np.testing.assert_allclose(book.difference(3, h) * 2 * h, jumps, rtol=1e-12)


def test_log_likelihood_of_the_step_has_no_slope(book):
    places = np.linspace(30.0, 49.0, 400)
    log_p, slope = book.follow["step"](places, np.full(400, 3.1), np.full(400, 0.94), 0.3)
    assert np.ptp(log_p) > 5
    assert np.all(slope == 0)


# 2. Slopes, and where they lead


@pytest.mark.parametrize(("name", "temperature"), PAIRS)
def test_relaxed_gradients_are_not_zero(book, name, temperature):
    places = np.linspace(30.1, 48.9, 400)
    _, slope = book.follow[name](places, np.full(400, 3.1), np.full(400, 0.94), temperature)
    assert np.mean(abs(slope) > 1e-3) > 0.98


def values(book, name, place, temperature=0.3):
    place = np.asarray(place, float)
    return book.follow[name](
        place, np.full(len(place), 3.1), np.full(len(place), 0.94), temperature
    )


def test_sigmoid_gradient_is_that_of_its_value(book):
    places, h = np.linspace(30.13, 48.9, 50), 1e-5
    by_differences = (
        values(book, "sigmoid", places + h)[0] - values(book, "sigmoid", places - h)[0]
    )
    np.testing.assert_allclose(
        values(book, "sigmoid", places)[1], by_differences / (2 * h), rtol=1e-6, atol=1e-8
    )


def test_straight_through_has_the_value_of_the_step_and_not_its_gradient(book):
    places = np.linspace(30.13, 48.9, 50)
    log_p, slope = values(book, "straight-through", places)
    np.testing.assert_allclose(log_p, values(book, "step", places)[0], rtol=1e-14)
    assert abs(slope - values(book, "sigmoid", places)[1]).max() > 1


def test_straight_through_sees_the_two_ends_of_a_step(book):
    """Its integral over an edge is the trapezoid of one interval, not the step's height."""
    row, a, b, temperature = 36, 3.1, 0.94, 0.02
    place = row + 0.5 + (np.arange(2000) + 0.5) / 2000 - 0.5
    integral = values(book, "straight-through", place, temperature)[1].mean()
    y = book.y[row]
    height = (y * np.log(a) - a) - (y * np.log(b) - b)  # the row falls before the change
    ends = (a - b) * ((y / a - 1) + (y / b - 1)) / 2
    ahead, behind = values(book, "step", [row, row + 1])[0]
    assert behind - ahead == pytest.approx(height, rel=1e-12)
    assert integral == pytest.approx(ends, rel=1e-6)
    assert abs(integral - height) > 0.3
    soft = values(book, "sigmoid", place, temperature)[1].mean()
    assert soft == pytest.approx(height, rel=1e-6)


def test_the_grid_gives_the_exact_answer_of_the_step_model(book):
    log_p = np.empty(book.T - 1)
    for s in range(1, book.T):
        at = np.full(book.rates.shape[1], float(s))
        log_p[s - 1] = logsumexp(book.follow["step"](at, *book.rates, 1.0)[0] + book.log_prior)
    assert book.distance(softmax(log_p)) < 1e-4


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_sigmoid_settles_at_the_posterior_of_its_own_model(book, temperature):
    log_p = [
        logsumexp(
            book.follow["sigmoid"](np.full(book.rates.shape[1], x), *book.rates, temperature)[0]
            + book.log_prior
        )
        for x in book.fine
    ]
    posterior = softmax(log_p).reshape(book.T - 1, -1).sum(1)
    settled = book.settled["sigmoid", temperature][0]
    assert abs(settled - posterior).sum() / 2 < 0.001


def test_sigmoid_bias_grows_with_temperature_and_is_above_noise(book):
    bias = book.bias["sigmoid"].to_numpy()
    assert np.all(np.diff(bias) > 0.01)
    assert bias[0] > 1.5 * np.mean(book.noise)
    assert np.all(bias[1:] > 6 * np.mean(book.noise))


def test_straight_through_is_biased_however_cold(book):
    bias = book.bias["straight-through"].to_numpy()
    assert np.all(bias > 0.29)
    assert bias[0] == bias.max()
    assert book.settled["straight-through", 0.1][0][1897 - 1852] > 0.2
    assert book.exact[1897 - 1852] < 0.04


def test_cold_slopes_are_cliffs(book):
    steepest = book.bias["sigmoid's steepest slope"].to_numpy()
    assert np.all(np.diff(steepest) < 0)
    assert steepest[0] > 3 * steepest[1]


def test_chains_go_where_the_integral_says(book):
    expected = book.settled["straight-through", 1.0][0]
    assert abs(book.followed - expected).sum() / 2 < 0.04
    assert book.distance(book.followed) > 0.25


def test_a_metropolis_step_corrects_them(book):
    assert book.distance(book.corrected) < np.mean(book.noise)


# 3. Summing out


def test_gradient_of_the_sum_is_that_of_its_value(book):
    np.testing.assert_allclose(book.slope, book.differences, rtol=1e-6)
    assert np.all(abs(book.slope) > 1)


def test_summed_out_draws_are_as_near_as_independent_ones(book):
    """Twice their mean distance: NUTS draws others on another machine, at worst a little less
    independent, and of 1,000 sets of independent ones none is as far (`book.noise`).
    """
    assert len(book.rows) == 4000
    assert max(book.noise) < 2 * np.mean(book.noise)
    assert book.distance(book.drawn) < 2 * np.mean(book.noise)
