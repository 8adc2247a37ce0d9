"""Which row a switchpoint of a hand-written model moves, and whether one could move at all."""

from __future__ import annotations

import warnings

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr
from scipy import stats

from changepoint import MCMC, ConvergenceWarning, ModelError, Observations, fit
from changepoint.sampling.convergence import FROZEN
from changepoint.sampling.hand_written_places import NEAR, certain_places, check_moved_row

T, N = 60, 400
ROW = np.arange(T)

# The segment of each row, given the places; of several changes, how many lie behind the row.
RIGHT = {
    "t >= s": lambda s: (s[None] <= ROW[:, None]).sum(axis=1),
    "not t < s": lambda s: pt.sum([1 - pt.switch(ROW < s[i], 1, 0) for i in range(2)], axis=0),
}
EARLY = {
    "t > s": lambda s: (ROW[:, None] > s[None]).sum(axis=1),
    "not s >= t": lambda s: pt.sum(
        [1 - pt.switch(s[i] >= ROW, 1, 0) for i in range(2)], axis=0
    ),
}
FAMILIES = {
    "binomial": (
        lambda: pm.Beta("p", 2, 50, dims="segment"),
        lambda p: pm.Binomial("y", n=N, p=p, observed=np.full(T, 9)),
    ),
    "poisson": (
        lambda: pm.Gamma("p", 2, 1, dims="segment"),
        lambda p: pm.Poisson("y", p, observed=ROW % 5),
    ),
    "no proper prior": (
        lambda: pm.Flat("p", dims="segment"),
        lambda p: pm.Normal("y", p, pm.HalfFlat("sigma"), observed=np.cos(ROW)),
    ),
    "normal": (
        lambda: pm.Normal("p", 0, 3, dims="segment"),
        lambda p: pm.Normal("y", p, pm.HalfNormal("sigma", 1), observed=np.cos(ROW)),
    ),
}
DATA = Observations(value=np.cos(ROW))


def by_hand(family, segment, changes=2):
    prior, likelihood = FAMILIES[family]
    coords = {"segment": range(changes + 1), "change": range(changes)}
    with pm.Model(coords=coords) as model:
        place = pm.DiscreteUniform("tau", 1, T - 1, dims="change")
        likelihood(prior()[segment(place).astype("int64")])
    return model


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("written", EARLY)
def test_the_last_row_of_the_old_segment_is_refused(family, written):
    with pytest.raises(ModelError, match=r"'tau' .* last row of the old .* write t >= tau"):
        check_moved_row(by_hand(family, EARLY[written]), "tau", DATA)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("written", RIGHT)
def test_what_the_remedy_says_cures(family, written):
    check_moved_row(by_hand(family, RIGHT[written]), "tau", DATA)


def test_nothing_is_said_of_rows_that_remember_their_neighbours():
    """Then more than one row moves with the place, whichever way it is written."""
    for segment in (RIGHT["t >= s"], EARLY["t > s"]):
        with pm.Model(coords={"segment": range(2), "change": range(1)}) as model:
            place = pm.DiscreteUniform("tau", 1, T - 1, dims="change")
            level = pm.Normal("level", 0, 3, dims="segment")[segment(place)]
            before = pt.concatenate([level[:1], level[:-1]])
            pm.Normal("y", level + 0.5 * (np.cos(ROW) - before), 1, observed=np.cos(ROW))
        check_moved_row(model, "tau", DATA)


def test_it_is_said_before_anything_is_sampled():
    model = by_hand("normal", EARLY["t > s"])
    with pytest.raises(ModelError, match="moves row"):
        fit(model, DATA, MCMC(20, 20, 2))


# -- certain, or stuck ------------------------------------------------------------------------


def counts(rates):
    return np.round(N * np.where(ROW < 35, *rates)).astype(int)


def one_change(k):
    with pm.Model(coords={"segment": range(2), "change": range(1)}) as model:
        place = pm.DiscreteUniform("tau", 1, T - 1, dims="change")
        rate = pm.Beta("rate", 2, 50, dims="segment")
        p = rate[(place[0] <= ROW).astype("int64")]
        pm.Binomial("y", n=N, p=p, observed=k)
    return model


def test_certain_is_what_an_ideal_step_would_hardly_leave():
    """Against enumeration of the rows near it, given the rates."""
    size, found = 500, []
    for after in (0.021, 0.05, 0.08, 0.5):
        for place in (35, 20):
            k = counts((0.02, after))
            draws = xr.Dataset(
                {
                    "tau": (("chain", "draw", "change"), np.full((2, size, 1), place)),
                    "rate": (
                        ("chain", "draw", "segment"),
                        np.tile([0.02, after], (2, size, 1)),
                    ),
                }
            )
            rows = np.arange(max(place - NEAR, 1), min(place + NEAR, T - 1) + 1)
            rates = np.where(rows[:, None] <= ROW, after, 0.02)
            log_p = stats.binom(N, rates).logpmf(k).sum(axis=1)
            p = np.exp(log_p - log_p.max())
            certain = 2 * size * (1 - (p / p.sum())[rows == place].item()) <= FROZEN
            told = certain_places(one_change(k), "tau", draws)
            assert told == frozenset({0} if certain else ()), (after, place)
            found.append(certain)
    assert {True, False} == set(found)


def test_places_that_move_are_not_asked_about():
    draws = xr.Dataset(
        {
            "tau": (("chain", "draw", "change"), np.arange(30, 40).reshape(2, 5, 1)),
            "rate": (("chain", "draw", "segment"), np.tile([0.02, 0.5], (2, 5, 1))),
        }
    )
    assert certain_places(one_change(counts((0.02, 0.5))), "tau", draws) == frozenset()


@pytest.mark.slow
def test_a_certain_change_converges():
    k = counts((0.02, 0.3))
    data = Observations(count=k.astype(float), trials=np.full(T, N))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        posterior = fit(one_change(k), data, MCMC(400, 400, 4, seed=2))
    assert posterior.converged
    assert posterior.changes[0].index == 35
