"""Finer grids move nothing."""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES, Marginals, check, node_probability, simulate
from scipy import interpolate

from changepoint import Changes, Model, Observations, likelihoods, priors
from changepoint.engines import mixture as mixtures
from changepoint.engines import shared
from changepoint.engines.mixture import Condition, Inference, Mixture
from changepoint.likelihoods import FAMILIES
from changepoint.results import QUANTILES

T = 60
KINDS = [Changes(), Changes(at_most=2, min_length=3), Changes(exactly=1), Changes(every=20)]
INNER = 1e-6
OUTER = 1e-5  # where there is an outer grid
BANDS = 5e-4  # in probability
SHARED = [name for name, family in FAMILIES.items() if family.shared is not None]


def finer_inner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the step of the parameter grid."""
    *others, step = Mixture.__init__.__defaults__
    assert step == 0.8
    monkeypatch.setattr(Mixture.__init__, "__defaults__", (*others, 0.4))


def finer_outer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the spacing of the shared grid, and a wider one."""
    monkeypatch.setattr(shared, "SPACING", shared.SPACING / 2)
    monkeypatch.setattr(shared, "WIDEST", shared.WIDEST / 2)
    monkeypatch.setattr(shared, "CUT", shared.CUT + 10)


def light_nodes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """No outer node left out of the marginals."""
    monkeypatch.setattr(mixtures, "LIGHT", 0.0)


@pytest.mark.parametrize("changes", KINDS, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_a_finer_inner_grid(name: str, changes: Changes, monkeypatch) -> None:
    data = simulate(name, 3, T, missing=0.1)
    models = [Model(family, changes) for family in CASES[name].models]
    before = [Marginals.of(model, data) for model in models]
    finer_inner(monkeypatch)
    for model, coarse in zip(models, before, strict=True):
        check(Marginals.of(model, data).distance(coarse), INNER, model)


@pytest.mark.parametrize("changes", KINDS, ids=str)
@pytest.mark.parametrize("name", SHARED)
def test_a_finer_outer_grid(name: str, changes: Changes, monkeypatch) -> None:
    data = simulate(name, 3, T, missing=0.1)
    models = [Model(family, changes) for family in CASES[name].models]
    before = [Marginals.of(model, data) for model in models]
    light_nodes_too(monkeypatch)
    lighter = [Marginals.of(model, data) for model in models]
    finer_outer(monkeypatch)
    for model, coarse, light in zip(models, before, lighter, strict=True):
        check(light.distance(coarse), 1e-6, f"light nodes of {model}")
        check(Marginals.of(model, data).distance(coarse), OUTER, model)


@pytest.mark.parametrize("changes", KINDS, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_bands_have_their_probability(name: str, changes: Changes) -> None:
    """Under the cumulative distribution on nodes four times as dense.

    Nodes 0.8 sd of the narrowest posterior apart carry sums to 1e-12, but not the values
    between them: a Gaussian sampled at h leaves exp(-(pi / h)^2 / 2) = 4e-4 untold.
    """
    data = simulate(name, 3, T, missing=0.1)
    for family in CASES[name].models:
        model = Model(family, changes).resolve(data)
        bands = Marginals.of(model, data).bands
        condition = Condition.of(changes, T)
        fine = Mixture(model, data, condition, 0.2)
        P = node_probability(Inference(fine, condition))
        cumulative = np.cumsum(P, axis=1) - P / 2
        levels = np.empty_like(bands)
        for t in range(T):
            cdf = interpolate.CubicSpline(np.arange(P.shape[1]), cumulative[t])
            places = [fine.grid.stretch.u(q, 1 - q) - fine.grid.first for q in bands[:, t]]
            levels[:, t] = cdf(places)
        error = np.abs(levels - np.array(QUANTILES)[:, None]).max()
        check({"probability below a band": float(error)}, BANDS, model)


EDGES = {
    "all zero": np.zeros(T),
    "one event": np.eye(1, T, 20)[0],
    "all but one": np.full(T, 50.0) - np.eye(1, T, 20)[0],
}


@pytest.mark.parametrize("count", EDGES)
@pytest.mark.parametrize(
    "rate",
    [priors.Beta(1, 1), priors.Beta(0.5, 0.5), priors.Beta(0.1, 10), priors.Uniform(0.2, 0.9)],
    ids=str,
)
def test_a_finer_inner_grid_near_the_ends(count: str, rate: priors.Prior, monkeypatch) -> None:
    """Counts at the ends of their range, where the posterior presses against an end too."""
    data = Observations(count=EDGES[count], trials=np.full(T, 50))
    models = [Model(likelihoods.Binomial(rate)), Model(likelihoods.BetaBinomial(rate))]
    before = [Marginals.of(model, data) for model in models]
    finer_inner(monkeypatch)
    for model, coarse in zip(models, before, strict=True):
        check(Marginals.of(model, data).distance(coarse), INNER, model)
