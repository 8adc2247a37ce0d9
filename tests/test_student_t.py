"""Student-t rows that remember, and ranges of grids where nothing changes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from changepoint import (
    Changes,
    EngineError,
    Exact,
    Model,
    ModelError,
    Observations,
    fit,
    likelihoods,
    priors,
)
from changepoint.exact import quadrature as grids
from changepoint.exact.solve import solve
from changepoint.likelihoods.base import Likelihood

NAN = np.nan
STILL = Changes(exactly=0)
DRAWS = Exact(draws=4)

SERIES = {
    "no gap": [1.0, 1.4, -0.3, 9.0, 5.1, 2.0],
    "gaps": [1.0, NAN, 1.4, NAN, NAN, -3.0, 8.0, 2.2, NAN],
    "begins with a gap": [NAN, NAN, 4.0, 3.1, NAN, 0.2],
    "two values": [NAN, 2.0, NAN, 2.9],
}


def family(**settings: float) -> likelihoods.StudentT:
    return likelihoods.StudentT(priors.Normal(1, 3), priors.Gamma(4, 2), **settings)


def memory(y: np.ndarray, phi: float) -> np.ndarray:
    """What each observed row keeps, of which value, and its spread over s, (n, 3).

    A step adds 1 to the square of the spread and leaves phi of the distance; the first row
    has had all steps there are.
    """
    told, last = [], None
    for t, value in enumerate(y):
        if math.isnan(value):
            continue
        if last is None:
            told.append((0.0, 0.0, 1 / math.sqrt(1 - phi**2)))
        else:
            kept, square = 1.0, 0.0
            for _ in range(t - last):
                kept, square = phi * kept, phi**2 * square + 1
            told.append((kept, y[last], math.sqrt(square)))
        last = t
    return np.array(told)


def log_rows(y: np.ndarray, level: np.ndarray, scale: float, nu: float, phi: float):
    """log p(y_t) of the observed rows given those before; level by row, (T,)."""
    rows = ~np.isnan(y)
    kept, before, spread = memory(y, phi).T
    mean = level[rows] + kept * (before - level[rows])
    return stats.t.logpdf(y[rows], nu, mean, scale * spread)


# -- rows that remember ---------------------------------------------------------------------


@pytest.mark.parametrize("phi", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("name", SERIES)
def test_the_log_density_row_by_row(name, phi):
    y = np.array(SERIES[name])
    T = len(y)
    levels, scales = np.array([0.5, 2.0, -4.0]), np.array([0.7, 1.5, 1.0])
    paths = {"level": np.tile(levels, (T, 1)), "first": np.zeros((T, 3), int)}
    found = family(nu=3, phi=phi).pointwise(Observations(value=y), paths, scales)
    assert found.shape == (np.sum(~np.isnan(y)), 3)
    for i, (level, scale) in enumerate(zip(levels, scales, strict=True)):
        exact = log_rows(y, np.full(T, level), scale, 3, phi)
        np.testing.assert_allclose(found[:, i], exact, rtol=1e-10, atol=1e-10)


def test_a_change_of_level_looks_like_one_outlier():
    """The row before is measured from the new level."""
    y, phi = np.array([0.2, -0.1, 5.3, NAN, 5.0, 4.8]), 0.6
    level = np.where(np.arange(6) < 2, 0.0, 5.0)
    paths = {"level": level[:, None], "first": np.where(level > 0, 2, 0)[:, None]}
    found = family(nu=4, phi=phi).pointwise(Observations(value=y), paths, np.array([1.3]))
    np.testing.assert_allclose(found[:, 0], log_rows(y, level, 1.3, 4, phi), rtol=1e-10)


def test_draws_have_the_density_of_rows():
    """Of each row given those before: uniform under its own distribution function.

    Each of four checks fails by chance with probability 1e-6.
    """
    D, phi = 20_000, 0.7
    y = np.array([NAN, 1.0, 2.0, NAN, NAN, 0.0, 1.0])
    paths = {"level": np.full((7, D), 2.0), "first": np.zeros((7, D), int)}
    rng = np.random.default_rng(1)
    drawn = family(nu=3, phi=phi).predict(Observations(value=y), paths, np.full(D, 1.5), rng)
    assert drawn.shape == (4, D)
    before = np.full(D, 2.0)
    for values, (kept, _, spread) in zip(drawn, memory(y, phi), strict=True):
        uniform = stats.t.cdf(values, 3, 2 + kept * (before - 2), 1.5 * spread)
        assert stats.kstest(uniform, "uniform").pvalue > 1e-6
        before = values


@pytest.mark.parametrize("name", ["no gap", "gaps"])
@pytest.mark.parametrize("phi", [0.0, 0.8])
def test_the_evidence_without_change_is_an_integral(name, phi):
    y = np.array(SERIES[name])
    kept, before, spread = memory(y, phi).T
    y = y[~np.isnan(y)]
    constant = special.gammaln(2) - special.gammaln(1.5) - 0.5 * math.log(3 * math.pi)

    def log_p(mu: float, v: float) -> float:
        """log p(y, mu, log s), of Normal(1, 3) and Gamma(4, 2)."""
        s = math.exp(v)
        z = (y - mu - kept * (before - mu)) / (s * spread)
        rows = np.sum(constant - 2 * np.log1p(z**2 / 3) - np.log(s * spread))
        log_level = -0.5 * ((mu - 1) / 3) ** 2 - math.log(3 * math.sqrt(2 * math.pi))
        return rows + log_level + 4 * math.log(2) + 4 * v - 2 * s - special.gammaln(4)

    top = max(log_p(mu, v) for mu in np.linspace(-4, 8, 49) for v in np.linspace(-2, 2, 17))
    total = sum(
        integrate.dblquad(
            lambda mu, v: math.exp(log_p(mu, v) - top), -4, 3, low, high, epsabs=1e-8
        )[0]
        for low, high in itertools.pairwise([-30, -5, 0, 2, 5, 10, 32])
    )
    found = fit(Model(family(nu=3, phi=phi), STILL), Observations(value=SERIES[name]), DRAWS)
    assert found.log_evidence == pytest.approx(math.log(total) + top, abs=1e-5)


def test_memory_that_is_averaged_over():
    """phi = None is the mean over its values; so is nu = None."""
    data = Observations(value=SERIES["no gap"])
    both = family(phi=None)
    each = both.candidates(data)
    assert len(each) == len({(one.nu, one.phi) for one in each}) == 20
    models = [Model(one, STILL).resolve(data) for one in each]
    log_p = [solve(model, data, 4, 0, one_of_many=True).log_evidence for model in models]
    found = fit(Model(both, STILL), data, DRAWS)
    assert found.log_evidence == pytest.approx(
        special.logsumexp(log_p) - math.log(20), abs=1e-6
    )
    assert sorted(one.title for one in found.likelihoods) == sorted(one.title for one in each)


def test_titles_and_text_tell_nu_and_phi():
    told = {
        "student-t": {},
        "student-t(nu=4)": {"nu": 4},
        "student-t(phi=0.5)": {"phi": 0.5},
        "student-t(nu=2.5, phi=0.5)": {"nu": 2.5, "phi": 0.5},
        "student-t(phi=None)": {"phi": None},
    }
    for title, settings in told.items():
        assert family(**settings).title == title
        inside = title.removeprefix("student-t").strip("()")
        priors_told = "level=Normal(mu=1, sigma=3), scale=Gamma(alpha=4, beta=2)"
        parts = [priors_told, *([inside] if inside else [])]
        assert str(family(**settings)) == f"StudentT({', '.join(parts)})"


@pytest.mark.parametrize("phi", [-0.1, 1.0, NAN, "0.5", True])
def test_memory_that_is_none(phi):
    with pytest.raises(ModelError, match="phi of StudentT must be"):
        likelihoods.StudentT(phi=phi)


def test_memory_has_no_pymc_model():
    with pytest.raises(EngineError, match="no PyMC model of StudentT with phi above 0"):
        family(nu=3, phi=0.5).pymc({}, None, None)


# -- ranges of grids where nothing changes --------------------------------------------------


def _values(rng: np.random.Generator) -> dict[str, np.ndarray]:
    noise = rng.normal(size=60)
    outliers = noise.copy()
    outliers[[3, 30, 31]] += [1e4, -300, 5e5]
    return {
        "plain": noise,
        "outliers": outliers,
        "two clusters": np.where(rng.random(60) < 0.5, 0.0, 500.0) + noise,
        "two far clusters": np.where(np.arange(60) % 2 == 0, 0.0, 1e5) + noise,
        "a small cluster": np.where(np.arange(60) < 12, 60.0, 0.0) + noise,
        "repeated values": np.where(rng.random(60) < 0.6, 7.0, noise + 9),
        "two repeated values": np.where(np.arange(60) % 2 == 0, 7.0, 8.0) + 1e-7 * noise,
    }


VALUES = {name: Observations(value=y) for name, y in _values(np.random.default_rng(2)).items()}
RNG = np.random.default_rng(3)
COUNTS = {
    "rare": Observations(count=RNG.binomial(50_000, 2e-4, 40), trials=np.full(40, 50_000)),
    "two rates": Observations(
        count=RNG.binomial(90_000, np.where(RNG.random(40) < 0.5, 0.1, 0.4)),
        trials=np.full(40, 90_000),
    ),
    "zeros": Observations(count=np.arange(40) // 39, trials=np.full(40, 9000)),
}


def log_evidence(model: Model, data: Observations, steady: bool, monkeypatch) -> tuple:
    """The evidence on the range where nothing changes or the ordinary one; sizes of grids."""
    build, sizes = grids.build, []

    def recorded(*args: object) -> grids.Grid:
        assert args[-1] is True  # the last argument, at the only two calls
        grid = build(*args[:-1], steady)
        sizes.append(len(grid.log_weights))
        return grid

    with monkeypatch.context() as patch:
        patch.setattr(grids, "build", recorded)
        return fit(model, data, DRAWS).log_evidence, sizes


@pytest.mark.parametrize(
    ("family", "data"),
    [
        *[(likelihoods.StudentT(nu=nu), name) for nu in (1.5, 3, 12) for name in VALUES],
        *[(likelihoods.StudentT(nu=3, phi=0.8), name) for name in VALUES],
        *[(likelihoods.Normal(), name) for name in ("plain", "two clusters")],
        *[(likelihoods.Binomial(), name) for name in COUNTS],
        *[(likelihoods.BetaBinomial(), name) for name in COUNTS],
    ],
    ids=lambda value: value.title if isinstance(value, Likelihood) else value,
)
def test_the_range_where_nothing_changes_holds_all_there_is(family, data, monkeypatch):
    model, data = Model(family, STILL), {**VALUES, **COUNTS}[data]
    narrow, some = log_evidence(model, data, True, monkeypatch)
    whole, all_of_them = log_evidence(model, data, False, monkeypatch)
    print(f"{narrow} {whole}, nodes {some[-1]} of {all_of_them[-1]}")
    assert narrow == pytest.approx(whole, abs=1e-5)
    assert max(some) <= max(all_of_them)


def test_the_range_where_nothing_changes_is_smaller(monkeypatch):
    """Where there are outliers; the tests above would else compare a grid with itself."""
    model, data = Model(likelihoods.StudentT(nu=3), STILL), VALUES["outliers"]
    _, some = log_evidence(model, data, True, monkeypatch)
    _, all_of_them = log_evidence(model, data, False, monkeypatch)
    assert some[-1] < all_of_them[-1] / 2
