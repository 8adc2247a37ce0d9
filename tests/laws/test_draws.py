"""Draws against the exact marginals: each check fails by chance with probability 1e-6."""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES, GRID, answer, inferred, node_probability, simulate
from chance import RARE, errors_allowed, frequencies, worst_share
from scipy import interpolate, stats

from changepoint import Changes, Model, likelihoods, priors
from changepoint.exact import outer_quadrature as outer
from changepoint.likelihoods import FAMILIES
from changepoint.results.result import QUANTILES

T = 24
DRAWS = 20_000
KINDS = [
    Changes(),
    Changes(probability=0.9, min_length=3),
    Changes(at_most=2),
    Changes(at_most=3, min_length=4),
    Changes(exactly=2),
    Changes(exactly=1, min_length=5),
    Changes(every=12),
]


def first_change(model: Model, data) -> np.ndarray:
    """P(first change at s), s = T for none: one minus P(no change up to s), step by step."""
    inference = inferred(model, data)
    rows = np.arange(T)
    below = [inference.probability_inside(rows <= s) for s in range(1, T)]
    return np.diff([0.0, 0.0, *below, 1.0])


@pytest.mark.parametrize("changes", KINDS, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_placements_and_parameters(name: str, changes: Changes) -> None:
    """Number of changes, first change, changed at s, the parameter at some rows."""
    data = simulate(name, 7, T, missing=0.1)
    family = CASES[name].models[KINDS.index(changes) % 2]
    model = Model(family, changes).resolve(data)
    posterior = answer(model, data, DRAWS, seed=11)
    exact, paths = posterior.tree["exact"].dataset, posterior.trajectories()
    changed = paths["changed"].values.reshape(DRAWS, T)
    number = changed.sum(axis=1)
    p_number = exact["number_probability"].values
    counts = np.bincount(number, minlength=len(p_number))
    assert counts[len(p_number) :].sum() == 0
    assert frequencies(counts[: len(p_number)], p_number) > RARE
    # Segments are long enough.
    ends = [np.flatnonzero(np.append(row, 1)) for row in np.unique(changed, axis=0)]
    assert min(np.diff(np.append(0, end)).min() for end in ends) >= changes.min_length
    # Where the first change is.
    first = np.where(number > 0, changed.argmax(axis=1), T)
    told = first_change(model, data)
    assert frequencies(np.bincount(first, minlength=T + 1), told) > RARE
    # Changed at s: a binomial test a row.
    assert worst_share(changed.sum(axis=0), DRAWS, exact["change_probability"].values) > RARE
    # The parameter: Kolmogorov and Smirnov's test against nodes four times as dense.
    fine = inferred(model, data, step=0.2)
    grid, P = fine.mixture.grid, node_probability(fine)
    theta = paths[model.likelihood.parameter].values.reshape(DRAWS, T)
    for t in (0, T // 2 - 1, T // 2, T - 1):
        cdf = interpolate.CubicSpline(np.arange(P.shape[1]), P[t]).antiderivative()
        x = np.sort(theta[:, t])
        places = grid.stretch.u(x, 1 - x) - grid.first
        distance = stats.kstest(cdf(places), "uniform")
        print(f"Kolmogorov-Smirnov distance: {distance.statistic:.1e}")
        assert distance.pvalue > RARE


@pytest.mark.parametrize("changes", [Changes(), Changes(exactly=1, min_length=3)], ids=str)
@pytest.mark.parametrize("name", [name for name in GRID if FAMILIES[name]().hyper is not None])
def test_the_shared_parameter(name: str, changes: Changes, monkeypatch) -> None:
    """Against the posterior weights of an outer grid with a quarter of the spacing."""
    data = simulate(name, 7, T, missing=0.1)
    for family in CASES[name].models:
        model = Model(family, changes).resolve(data)
        posterior = answer(model, data, DRAWS, seed=12)
        drawn = posterior.tree["posterior"][model.likelihood.hyper.name].values.ravel()
        with monkeypatch.context() as patch:
            patch.setattr(outer, "SPACING", outer.SPACING / 4)
            patch.setattr(outer, "WIDEST", outer.WIDEST / 4)
            patch.setattr(outer, "WIDEST_BENT", outer.WIDEST_BENT / 4)
            fine = inferred(model, data)
        nodes = fine.mixture.outer
        # What a limit carries is spread over the places below again, but for the last.
        first, step, log_density = nodes.posterior(fine.weights)
        p = np.exp(log_density)
        limit = int(np.isinf(nodes.v[0]))
        cumulative = ((np.cumsum(p) - p / 2) / p.sum())[limit:]
        values = nodes.prior.value(first + step * np.arange(limit, len(p)))
        if values[0] > values[-1]:  # a shared parameter may fall with v
            values, cumulative = values[::-1], 1 - cumulative[::-1]
        apart = (np.diff(values, prepend=0) > 0) & (values > 0)  # some round to one
        values, cumulative = values[apart], cumulative[apart]
        cdf = interpolate.PchipInterpolator(np.log(values), cumulative)
        inside = (drawn > values.min()) & (drawn < values.max())
        below = np.clip(cdf(np.log(drawn[inside])), 0, 1)
        # What lies below, next to the limit, is counted.
        lost = stats.binomtest(
            int(np.sum(drawn <= values.min())), DRAWS, float(np.clip(cumulative[0], 0, 1))
        )
        ends = cdf(np.log([values.min(), values.max()]))
        distance = stats.kstest((below - ends[0]) / (ends[1] - ends[0]), "uniform")
        print(f"Kolmogorov-Smirnov distance: {distance.statistic:.1e}")
        assert lost.pvalue > RARE
        assert distance.pvalue > RARE


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_bands_against_a_million_draws(name: str) -> None:
    """The share of draws below each band, at every row."""
    data, size = simulate(name, 8, T), 1_000_000
    for changes in (Changes(), Changes(exactly=1)):
        posterior = answer(Model(CASES[name].models[0], changes), data, size, seed=5)
        parameter = posterior.model.likelihood.parameter
        bands = posterior.tree["exact"][f"{parameter}_quantile"].values
        theta = posterior.trajectories()[parameter].values.reshape(size, T)
        for level, band in zip(QUANTILES, bands, strict=True):
            share = (theta < band).mean(axis=0)
            error = np.abs(share - level).max()
            print(f"share below a band: {error:.1e}")
            assert error < errors_allowed(T) * np.sqrt(level * (1 - level) / size)


def test_draws_of_a_conjugate_segment() -> None:
    """Independent of the grid: Beta, Gamma and Normal."""
    rng = np.random.default_rng(3)
    k = rng.binomial(500, 0.02, T).astype(float)
    from changepoint import Observations

    told = {
        "binomial": (
            likelihoods.Binomial(priors.Beta(2, 50)),
            Observations(count=k, trials=np.full(T, 500)),
            stats.beta(2 + k.sum(), 50 + 500 * T - k.sum()),
        ),
        "poisson": (
            likelihoods.Poisson(priors.Gamma(2, 0.5)),
            Observations(count=k),
            stats.gamma(2 + k.sum(), scale=1 / (0.5 + T)),
        ),
        "exponential": (
            likelihoods.Exponential(priors.Gamma(2, 0.5)),
            Observations(value=k / 500),
            stats.gamma(2 + T, scale=1 / (0.5 + k.sum() / 500)),
        ),
        "uniform": (  # not conjugate: from the spline
            likelihoods.Binomial(priors.Uniform(0, 1)),
            Observations(count=k, trials=np.full(T, 500)),
            stats.beta(1 + k.sum(), 1 + 500 * T - k.sum()),
        ),
    }
    for name, (family, data, distribution) in told.items():
        posterior = answer(Model(family, Changes(exactly=0)), data, DRAWS, seed=4)
        drawn = posterior.tree["posterior"]["rate"].values.ravel()
        assert stats.kstest(drawn, distribution.cdf).pvalue > RARE, name
