"""P(any change) of many series with shared nodes is that of each by itself."""

import numpy as np
import pytest
from cases import CASES, answer, simulate

from changepoint import Changes, Model
from changepoint.likelihoods import FAMILIES
from changepoint.trust.chances import FEW, Chances


def series(name, missing=0.2, T=24):
    rows = [simulate(name, seed, T, missing) for seed in range(FEW + 2)]
    return Model(CASES[name].models[0]).resolve(rows[1]), rows


@pytest.mark.parametrize("name", CASES)
def test_every_family(name):
    model, rows = series(name)
    together = Chances(model)(rows)
    alone = [answer(model, data).probability_of_change for data in rows]
    np.testing.assert_allclose(together, alone, atol=1e-4)


@pytest.mark.parametrize(
    "changes",
    [Changes(min_length=4), Changes(at_most=2), Changes(every=10, min_length=2)],
    ids=str,
)
def test_every_prior_on_changes(changes):
    model, rows = series("binomial")
    model = Model(model.likelihood, changes)
    alone = [answer(model, data).probability_of_change for data in rows]
    np.testing.assert_allclose(Chances(model)(rows), alone, atol=1e-9)


def test_series_of_another_kind_are_answered_too():
    """Nodes that suit series with little dispersion don't reach that of others."""
    model, rows = series("normal", missing=0.0)
    chances = Chances(model)
    chances(rows)
    wild = [type(one)(value=one.value * 8) for one in rows]
    alone = [answer(model, data).probability_of_change for data in wild]
    np.testing.assert_allclose(chances(wild), alone, atol=1e-4)


def test_not_all_families_share_nodes():
    """Or the laws above would compare the engine with itself."""
    rows = {name: simulate(name, 1, 24, 0.0) for name in CASES}
    shared = {
        name
        for name in CASES
        if Chances(Model(FAMILIES[name]()).resolve(rows[name])).shares(rows[name])
    }
    assert shared == {name for name in CASES if not FAMILIES[name].heavy_tails}
