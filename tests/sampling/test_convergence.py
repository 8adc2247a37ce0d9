"""The verdict on chains: draws that are right pass, each way of being wrong is named."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from changepoint.sampling.convergence import judge

CHAINS, SIZE, T = 4, 1000, 60
FINE = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((CHAINS, SIZE), bool))})


def posterior(kind):
    """P(change at row s), (1, T)."""
    row = np.arange(T)
    weight = {
        "diffuse": np.exp(-0.5 * ((row - 30) / 8) ** 2),
        "sharp": np.where(row == 30, 1.0, 0.0) + np.where(row == 31, 0.02, 0.0),
        "certain": np.where(row == 30, 1.0, 1e-9),
    }[kind]
    weight[0] = 0
    return (weight / weight.sum())[None]


def draws(rng, p, chains=CHAINS, size=SIZE):
    """Independent draws of a switchpoint and two rates."""
    return xr.Dataset(
        {
            "switchpoint": (
                ("chain", "draw", "change"),
                rng.choice(T, size=(chains, size, 1), p=p[0]),
            ),
            "rate": (("chain", "draw", "segment"), rng.normal(size=(chains, size, 2))),
        }
    )


def failures(told, stats=FINE, exact=None, drawn=False, interrupted=False, sure=None):
    verdict = judge(told, stats, exact, drawn, interrupted, sure)
    assert verdict.converged == (not verdict.failures)
    return " | ".join(verdict.failures)


@pytest.mark.parametrize("kind", ["diffuse", "sharp", "certain"])
def test_independent_draws_pass_nearly_always(kind):
    """The draws are NumPy's own, the same on every machine, and verdicts are no chance."""
    p = posterior(kind)
    bad = [failures(draws(np.random.default_rng(s), p), exact=p) for s in range(100)]
    assert sum(map(bool, bad)) <= 5, bad


def test_chains_that_disagree():
    rng, p = np.random.default_rng(0), posterior("diffuse")
    told = draws(rng, p)
    told["rate"][0] += 0.5
    assert "R-hat of rate[0]" in failures(told, exact=p)


def test_slow_chains():
    rng, p = np.random.default_rng(0), posterior("diffuse")
    told = draws(rng, p)
    slow = rng.normal(size=(CHAINS, SIZE))
    for t in range(1, SIZE):
        slow[:, t] = 0.95 * slow[:, t - 1] + np.sqrt(1 - 0.95**2) * slow[:, t]
    told["rate"][..., 1] = slow
    assert "ESS of rate[1]" in failures(told, exact=p)


def test_one_frozen_chain_of_a_parameter():
    told = draws(np.random.default_rng(0), posterior("diffuse"))
    told["rate"][2, :, 0] = 0.1
    assert "rate[0] stands still in chain 2" in failures(told)


def test_all_chains_frozen_at_one_place():
    """R-hat and ESS see nothing: all draws are equal."""
    p = posterior("diffuse")
    told = draws(np.random.default_rng(0), p)
    told["switchpoint"][:] = 30
    assert "switchpoint[0] stands still in chain 0, 1, 2, 3" in failures(told, exact=p)
    assert "switchpoint[0] is the same in all draws" in failures(told)
    assert "it is certain, or a step that can't move" in failures(told)
    assert "so its step can't move" in failures(told, sure=frozenset())
    assert not failures(told, drawn=True)
    assert not failures(told, sure=frozenset({0}))
    certain = posterior("certain")
    assert not failures(told, exact=certain)


@pytest.mark.parametrize("share", [0.997, 0.999, 0.9997])
def test_a_sharp_posterior_without_an_exact_answer(share):
    """A chain of independent draws may stand still where nearly all mass is at one place."""
    p = np.zeros((1, T))
    p[0, 30], p[0, 31] = share, 1 - share
    told = [draws(np.random.default_rng(seed), p) for seed in range(60)]
    assert sum(bool(failures(each, drawn=True)) for each in told) <= 3


def test_a_chain_frozen_elsewhere():
    p = posterior("certain")
    told = draws(np.random.default_rng(0), p)
    told["switchpoint"][1] = 12
    found = failures(told, exact=p)
    assert "R-hat of switchpoint[0] is undefined" in found
    assert "stands still in chain 1" in found


def test_clean_diagnostics_and_a_wrong_answer():
    """What only the exact answer shows: draws of another distribution."""
    p = posterior("diffuse")
    other = np.roll(p, 4, axis=1)
    told = draws(np.random.default_rng(0), other)
    assert not failures(told)
    found = failures(told, exact=p)
    assert "switchpoint[0] is" in found
    assert "away from its exact posterior" in found


def test_divergences():
    stats = FINE.copy(deep=True)
    stats["diverging"][0, :40] = True
    told = draws(np.random.default_rng(0), posterior("diffuse"))
    assert failures(told, stats) == "40 of 4000 draws diverged"
    stats["diverging"][0, 39] = False
    assert not failures(told, stats)


def test_interrupted_and_single_chains():
    told = draws(np.random.default_rng(0), posterior("diffuse"))
    assert "interrupted" in failures(told, interrupted=True)
    one = draws(np.random.default_rng(0), posterior("diffuse"), chains=1, size=4000)
    assert "one chain alone" in failures(one, FINE.isel(chain=[0]))


def test_few_draws_are_undefined_not_an_error():
    told = draws(np.random.default_rng(0), posterior("diffuse"), size=4)
    assert failures(told, FINE.isel(draw=slice(4)), exact=posterior("diffuse"))
