"""Runs of a sampler by several seeds: each is right, or says that it did not converge.

Draws of a seed rest on the last bits of the processor: on another one the same seed is
another run. So no test asserts that a seed's chains converge. `converged` takes seeds until
they do, and a test that looks at draws gives each number as much room as chance needs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection

import numpy as np
from chance import RARE
from scipy import stats

from changepoint import ConvergenceWarning, Posterior

TRIES = 6


def quietly(run: Callable[[int], Posterior], seed: int) -> Posterior:
    """Run with a seed, and see to it that the verdict is told, and nothing else warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        posterior = run(seed)
    told = [str(w.message) for w in caught if w.category is ConvergenceWarning]
    if posterior.converged:
        assert not told
    else:
        (message,) = told
        assert "have not converged" in message
        assert message in posterior.warnings
    return posterior


def converged(run: Callable[[int], Posterior]) -> Posterior:
    """Return the first run that converged, by seeds 1 to 6; those before it must say no.

    Right chains as long as here are not called converged once in 10 runs, or more rarely: R-hat
    and ESS vary, and distances from the exact answer are held to their 99 % quantile. That all
    six say no has probability 1e-6.
    """
    for seed in range(1, TRIES + 1):
        posterior = quietly(run, seed)
        if posterior.converged:
            return posterior
        print(f"seed {seed}: {posterior.warnings}")
    raise AssertionError(f"none of {TRIES} runs converged")


def room(ess: float, others: float = np.inf) -> float:
    """Return how far two distribution functions of so many independent draws may be apart.

    By the inequality of Dvoretzky, Kiefer, Wolfowitz and Massart, P(distance > x) is at most
    2 exp(-2 n x^2), which is `RARE` here. A fifth is taken off the ESS, which is an estimate.
    """
    n = 1 / (1 / (0.8 * ess) + 1 / others)
    return float(np.sqrt(np.log(2 / RARE) / (2 * n)))


def agrees(posteriors: list[Posterior], truth: Posterior, but: Collection[str] = ()) -> None:
    """Assert that all runs together have the exact distribution.

    For each number the largest distance of the distribution functions, 1e-6 by chance: of
    switchpoints from the sums over placements, of parameters, `but` some, from as many draws as
    `truth` has.
    """
    trees = [posterior.tree["posterior"].dataset for posterior in posteriors]
    told = [posterior.engine["diagnostics"]["variables"] for posterior in posteriors]
    places = truth.marginals["switchpoint_probability"].values
    its = truth.tree["posterior"].dataset
    for i, p in enumerate(places):
        rows = np.concatenate([tree["switchpoint"].values[..., i].ravel() for tree in trees])
        ess = min(sum(each[f"switchpoint[{i}]"]["ess_bulk"] for each in told), rows.size)
        found = np.cumsum(np.bincount(rows, minlength=len(p)) / rows.size)
        distance = abs(found - np.cumsum(p)).max()
        print(f"switchpoint {i}: {distance:.3f} of {room(ess):.3f}")
        assert distance < room(ess)
    for name in (name for name in its if name not in ("switchpoint", *but)):
        exact = its[name].values.reshape(its.sizes["chain"] * its.sizes["draw"], -1)
        for j in range(exact.shape[1]):
            label = f"{name}[{j}]" if its[name].ndim > 2 else name
            each = [tree[name].values.reshape(-1, exact.shape[1])[:, j] for tree in trees]
            drawn = np.concatenate(each)
            ess = min(sum(numbers[label]["ess_bulk"] for numbers in told), drawn.size)
            distance = stats.ks_2samp(drawn, exact[:, j]).statistic
            print(f"{label}: {distance:.3f} of {room(ess, len(exact)):.3f}")
            assert distance < room(ess, len(exact))
