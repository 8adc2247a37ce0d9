"""Nodes of hyperparameters in more dimensions than a family's own."""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES, inferred, simulate

from changepoint import Changes, Model
from changepoint.exact.hyper_mixture import Inference, Mixture
from changepoint.exact.hyper_nodes import HyperNodes
from changepoint.exact.posterior_draws import draw
from changepoint.results.tree import unknown

T, DRAWS = 12, 400


@pytest.mark.parametrize("name", ["binomial", "beta-binomial"])
def test_a_family_takes_its_own_in_front(name: str) -> None:
    """What stands behind it is weighed, drawn and stored beside it."""
    data = simulate(name, 3, T)
    model = Model(CASES[name].models[0], Changes()).resolve(data)
    one = inferred(model, data)
    mixture, found = one.mixture, one.mixture.outer
    J, share = len(found.values), np.log([0.25, 0.75])
    nodes = HyperNodes(
        (*found.names, "further"),
        np.column_stack([np.repeat(found.values, 2, axis=0), np.tile([5.0, 7.0], J)]),
        (found.log_weights[:, None] + share).ravel(),
    )
    wide = Mixture(model, mixture.series, one.condition, nodes, mixture.grid)
    other = Inference(wide, one.condition)
    assert other.log_sum == pytest.approx(one.log_sum, abs=1e-12)
    np.testing.assert_allclose(other.weights, np.outer(one.weights, [0.25, 0.75]).ravel())
    draws = draw(other, data, DRAWS, np.random.default_rng(0))
    stored = unknown(draws, T)
    assert set(stored) == {"n_changes", *nodes.names}
    assert stored["n_changes"].dims == stored["further"].dims == ("chain", "draw")
    assert np.isin(draws.hyper[:, :-1], found.values).all()
    # Ranks are spread at random: a draw is a 7 with probability 3/4.
    assert abs((draws.hyper[:, -1] == 7).mean() - 0.75) < 4 * np.sqrt(0.75 * 0.25 / DRAWS)
