"""Finer grids move nothing."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from cases import CASES, GRID, Marginals, check, inferred, node_probability, simulate
from scipy import interpolate

from changepoint import Changes, Model, Observations, likelihoods, priors
from changepoint.exact import hyper_mixture as mixtures
from changepoint.exact import outer_quadrature as shared
from changepoint.exact import quadrature
from changepoint.likelihoods import FAMILIES, Likelihood
from changepoint.results.result import QUANTILES

T = 40
KINDS = [Changes(), Changes(at_most=2, min_length=3), Changes(exactly=1), Changes(every=20)]
INNER = 1e-6
OUTER = 1e-5  # where there is an outer grid
BANDS = 1e-6  # in probability
SHARED = [name for name in GRID if FAMILIES[name]().hyper is not None]


def finer_inner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the step of the parameter grid."""
    monkeypatch.setattr(quadrature, "STEP", quadrature.STEP / 2)


def finer_outer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the spacing of the shared grid, and a wider one."""
    monkeypatch.setattr(shared, "SPACING", shared.SPACING / 2)
    monkeypatch.setattr(shared, "WIDEST", shared.WIDEST / 2)
    monkeypatch.setattr(shared, "WIDEST_BENT", shared.WIDEST_BENT / 2)
    monkeypatch.setattr(shared, "CUT", shared.CUT + 10)
    monkeypatch.setattr(shared, "TAIL", shared.TAIL / 1e3)
    monkeypatch.setattr(shared, "FAINT", 0.0)
    monkeypatch.setattr(shared, "FAINT_BLUNT", 0.0)


def light_nodes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """No outer node left out of the marginals."""
    monkeypatch.setattr(mixtures, "LIGHT", 0.0)


@cache
def usual(name: str, model: Model) -> Marginals:
    """On the grids as they are."""
    return Marginals.of(model, simulate(name, 3, T, missing=0.1))


def two_of(name: str, changes: Changes) -> list[Likelihood]:
    """The family with priors left out and with others, each of which some kind takes."""
    first, *others = CASES[name].models
    return [first, *others[:1]] if KINDS.index(changes) % 2 else [first, *others[-1:]]


@pytest.mark.parametrize("changes", KINDS, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_a_finer_inner_grid(name: str, changes: Changes, monkeypatch) -> None:
    data = simulate(name, 3, T, missing=0.1)
    models = [Model(family, changes) for family in two_of(name, changes)]
    before = [usual(name, model) for model in models]
    finer_inner(monkeypatch)
    for model, coarse in zip(models, before, strict=True):
        check(Marginals.of(model, data).distance(coarse), INNER, model)


@pytest.mark.parametrize("changes", KINDS, ids=str)
@pytest.mark.parametrize("name", SHARED)
def test_a_finer_outer_grid(name: str, changes: Changes, monkeypatch) -> None:
    data = simulate(name, 3, T, missing=0.1)
    models = [Model(family, changes) for family in two_of(name, changes)]
    before = [usual(name, model) for model in models]
    light_nodes_too(monkeypatch)
    lighter = [Marginals.of(model, data) for model in models]
    finer_outer(monkeypatch)
    for model, coarse, light in zip(models, before, lighter, strict=True):
        check(light.distance(coarse), 1e-6, f"light nodes of {model}")
        check(Marginals.of(model, data).distance(coarse), OUTER, model)


@pytest.mark.parametrize("changes", KINDS, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_bands_have_their_probability(name: str, changes: Changes) -> None:
    """Under the cumulative distribution on nodes four times as dense."""
    data = simulate(name, 3, T, missing=0.1)
    for family in two_of(name, changes):
        bands = usual(name, Model(family, changes)).bands
        model = Model(family, changes).resolve(data)
        fine = inferred(model, data, step=0.2)
        grid, P = fine.mixture.grid, node_probability(fine)
        levels = np.empty_like(bands)
        for t in range(T):
            cdf = interpolate.CubicSpline(np.arange(P.shape[1]), P[t]).antiderivative()
            q = bands[:, t]
            levels[:, t] = cdf(grid.stretch.u(q, 1 - q) - grid.first)
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


# -- the outer grid under all sorts of series ---------------------------------------------


def odd_series(name: str, seed: int) -> tuple[Model, Observations]:
    """A short series with some changes, of a family with a shared parameter."""
    rng = np.random.default_rng(seed)
    rows, number = int(rng.integers(8, 90)), int(rng.integers(0, 4))
    places = np.sort(rng.choice(np.arange(1, rows), number, replace=False))
    segment = np.searchsorted(places, np.arange(rows), side="right")
    if name == "normal":
        level = rng.normal(0, rng.choice([0.3, 2, 20]), number + 1)[segment]
        data = Observations(value=rng.normal(level, 1))
    elif name == "student-t":
        level = rng.normal(0, rng.choice([0.3, 2, 20]), number + 1)[segment]
        y = level + rng.standard_t(rng.choice([1, 3, 30]), rows)
        y[rng.integers(rows)] += rng.choice([0, 1e4])
        data = Observations(value=y)
    elif name == "beta":
        mean = rng.uniform(0.005, 0.6, number + 1)[segment]
        c = rng.choice([3, 40, 1e3, 1e5])
        data = Observations(rate=np.clip(rng.beta(mean * c, (1 - mean) * c), 1e-9, 1 - 1e-9))
    elif name == "negative-binomial":
        mean = rng.choice([0.2, 3, 100]) * np.exp(rng.normal(0, 1, number + 1))[segment]
        d = rng.choice([0, 0, 0.01, 0.3, 5])
        mean = mean * rng.gamma(1 / d, d, rows) if d else mean
        exposure = rng.uniform(0.1, 2, rows)
        data = Observations(count=rng.poisson(mean * exposure), exposure=exposure)
    else:
        high = rng.choice([0.05, 0.9])
        mean = rng.uniform(high / 20, high, number + 1)[segment]
        trials = rng.integers(2, rng.choice([5, 50, 1500, 10**5]), rows, endpoint=True)
        d = rng.choice([0, 0, 1e-4, 0.01, 0.2])
        mean = rng.beta(mean * (1 / d - 1), (1 - mean) * (1 / d - 1)) if d else mean
        data = Observations(count=rng.binomial(trials, mean), trials=trials)
    kinds = [Changes(), Changes(exactly=1), Changes(every=max(5, rows / 4)),
             Changes(at_most=2, min_length=2)]  # fmt: skip
    family = CASES[name].models[0]
    return Model(family, kinds[int(rng.integers(4))]).resolve(data), data


def plain_conversions(seed: int) -> tuple[Model, Observations]:
    """Binomial counts under BetaBinomial: the posterior of the dispersion presses to 0."""
    rng = np.random.default_rng(seed)
    rows = (60, 180, 400)[seed % 3]
    trials = rng.integers(800, 1200, rows)
    rate = np.where(np.arange(rows) < 0.6 * rows, 0.009, 0.013)
    data = Observations(count=rng.binomial(trials, rate), trials=trials)
    return Model(likelihoods.BetaBinomial()).resolve(data), data


# The evidence of these crosses that of the limit, or is far from linear next to it.
CROSSING = [("beta-binomial", seed) for seed in (162, 336, 357, 1482, 1821, 1872)]
FIRST = [(name, seed) for name in SHARED for seed in range(5)]
MORE = [(name, seed) for name in SHARED for seed in range(5, 30)]


@pytest.mark.parametrize(
    ("name", "seed"),
    [*FIRST, *CROSSING, *(pytest.param(*case, marks=pytest.mark.slow) for case in MORE)],
)
def test_a_finer_outer_grid_of_odd_series(name: str, seed: int, monkeypatch) -> None:
    """Few rows, several numbers of changes, posteriors far from Gaussian."""
    model, data = odd_series(name, seed)
    coarse = inferred(model, data).log_evidence()
    finer_outer(monkeypatch)
    fine = inferred(model, data).log_evidence()
    check({"log evidence": abs(fine - coarse)}, OUTER, model)


@pytest.mark.parametrize("seed", range(6))
def test_a_finer_outer_grid_of_plain_conversions(seed: int, monkeypatch) -> None:
    model, data = plain_conversions(seed)
    coarse = Marginals.of(model, data)
    finer_outer(monkeypatch)
    check(Marginals.of(model, data).distance(coarse), OUTER, model)
