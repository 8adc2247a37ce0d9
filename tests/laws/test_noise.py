"""The noise that is told is what scatters within segments, whatever changes between them."""

from __future__ import annotations

import numpy as np
import pytest
from chance import RARE
from scipy import stats

from changepoint import Changes, Exact, Model, Observations, fit, likelihoods
from changepoint.likelihoods import Likelihood
from changepoint.likelihoods.regression import LinearLikelihood

T = 100
SECOND = np.arange(T) >= T // 2
LEVELS = (likelihoods.NormalMeanVariance(), likelihoods.Autoregressive())
LINES = (likelihoods.Trend(), likelihoods.AutoregressiveTrend())
ALL = (*LEVELS, *LINES, likelihoods.NormalVariance())


def intervals(
    family: Likelihood, y: np.ndarray, changes: Changes, draws: int = 1000
) -> dict[str, np.ndarray]:
    """Return 2.5, 50 and 97.5 % of what is told by row, (3, T), by name."""
    told = fit(Model(family, changes), Observations(value=y), Exact(draws=draws))
    paths = told.trajectories()
    return {
        str(name): np.quantile(values.values.reshape(-1, len(y)), [0.025, 0.5, 0.975], axis=0)
        for name, values in paths.items()
        if name in ("level", "slope", "noise_sd")
    }


def test_every_family_with_noise_by_segment_is_here() -> None:
    told = {
        family
        for family in likelihoods.FAMILIES.values()
        if issubclass(family, LinearLikelihood)
    }
    assert {type(family) for family in ALL} == told


@pytest.mark.parametrize("family", (*LEVELS, *LINES), ids=lambda one: one.name)
def test_a_jump_does_not_enter_the_noise(family: Likelihood) -> None:
    noise = np.random.default_rng(3).normal(size=T)
    inside = np.sqrt((noise[~SECOND].var() + noise[SECOND].var()) / 2)
    for jump in (10.0, 30.0, 300.0):
        told = intervals(family, noise + jump * SECOND, Changes(exactly=1))["noise_sd"][1]
        assert told[[25, 75]].mean() == pytest.approx(inside, rel=0.1), jump


@pytest.mark.parametrize("family", LINES, ids=lambda one: one.name)
def test_a_kink_does_not_enter_the_noise_nor_slopes(family: Likelihood) -> None:
    slope = np.where(SECOND, -0.1, 0.05)
    noise = np.random.default_rng(4).normal(0, 0.2, T)
    told = intervals(family, np.cumsum(slope) + noise, Changes(exactly=1))
    assert told["noise_sd"][1, [25, 75]].mean() == pytest.approx(0.2, rel=0.2)
    # Least squares over 50 rows: 12 sd^2 / n^3 is the variance of a slope.
    width = 2 * 1.96 * 0.2 * np.sqrt(12 / (T / 2) ** 3)
    found = (told["slope"][2] - told["slope"][0])[[25, 75]].mean()
    limit = 1.35 if family.hyper is None else 2.2  # memory that may be there widens it
    assert width / 1.35 < found < limit * width


@pytest.mark.parametrize("family", ALL[:2] + ALL[2:4], ids=lambda one: one.name)
@pytest.mark.parametrize("rows", [20, 40, 100])
def test_steps_without_noise_are_told_as_they_are(family: Likelihood, rows: int) -> None:
    y = np.where(np.arange(rows) < rows // 2, 500.0, 1100.0)
    told = intervals(family, y, Changes())["level"]
    assert np.abs(told - y).max() < 12  # 2 % of the step


def test_the_average_tells_steps_without_noise() -> None:
    for rows in (20, 100):
        y = np.where(np.arange(rows) < rows // 2, 500.0, 1100.0)
        lower, _, upper = intervals(likelihoods.Auto(), y, Changes())["level"]
        assert (lower > y - 75).all() and (upper < y + 75).all()


@pytest.mark.parametrize("family", (*ALL, likelihoods.Auto()), ids=lambda one: one.name)
@pytest.mark.parametrize(("a", "b"), [(-2.0, 7.0), (1e-3, 0.0), (1e3, -5e5)])
def test_units_of_the_values_do_not_matter(family: Likelihood, a: float, b: float) -> None:
    rng, rows = np.random.default_rng(2), 30
    y = rng.normal(np.where(np.arange(rows) < 12, 0.0, 2.0), 1.0)
    model = Model(family)
    one, other = (fit(model, Observations(value=z), Exact(draws=4)) for z in (y, a * y + b))
    names = ("change_probability", "number_probability")
    for name in names:
        left, right = (told.marginals[name].values for told in (one, other))
        size = min(len(left), len(right))
        assert left[:size] == pytest.approx(right[:size], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("family", (*LEVELS, *LINES), ids=lambda one: one.name)
@pytest.mark.parametrize("jump", [3.0, 30.0, 300.0])
def test_intervals_cover(family: Likelihood, jump: float) -> None:
    """At least 90 % of 95 % intervals of level, slope and noise hold the true ones."""
    rng = np.random.default_rng(5)
    hits: dict[str, list[bool]] = {}
    for _ in range(40):
        told = intervals(family, rng.normal(jump * SECOND), Changes(exactly=1), 400)
        for name, (lower, _, upper) in told.items():
            true = {"level": jump * SECOND, "slope": 0 * SECOND, "noise_sd": 1 + 0 * SECOND}[
                name
            ]
            hits.setdefault(name, []).extend(((lower <= true) & (true <= upper))[[25, 75]])
    for name, hit in hits.items():
        told = stats.binomtest(sum(hit), len(hit), 0.9, alternative="less")
        assert told.pvalue > RARE, (name, np.mean(hit))


@pytest.mark.slow
@pytest.mark.parametrize("family", ALL, ids=lambda one: one.name)
def test_false_alarms_are_rare(family: Likelihood) -> None:
    """P(any change) is above one half in few series without a change: 5 % at most."""
    rng = np.random.default_rng(6)
    alarms = 0
    for _ in range(60):
        data = Observations(value=rng.normal(size=T))
        alarms += fit(Model(family), data, Exact(draws=4)).probability_of_change > 0.5
    assert stats.binomtest(alarms, 60, 0.05, alternative="greater").pvalue > RARE
