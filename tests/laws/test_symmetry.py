"""What may not matter: which outcome is called a success, and the units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cases import CASES, Marginals, check, simulate

from changepoint import Changes, Model, Observations, likelihoods

T = 40
BANDS = 1e-6  # in posterior standard deviations; found by interpolation between nodes
KINDS = [Changes(), Changes(exactly=1), Changes(at_most=3, min_length=4), Changes(every=15)]


def band_distance(one: Marginals, other: Marginals) -> float:
    return float(np.abs((one.bands - other.bands) / one.sd).max())


MIRRORED = {
    "binomial": lambda d: replace(d, count=d.trials - d.count),
    "beta-binomial": lambda d: replace(d, count=d.trials - d.count),
    "bernoulli": lambda d: replace(d, count=1 - d.count),
    "beta": lambda d: replace(d, rate=1 - d.rate),
}


def rare(name: str, rng: np.random.Generator) -> Observations:
    """Small rates, as conversions have."""
    rate = np.where(np.arange(T) < T // 2, 0.009, 0.02)
    if name == "beta":
        # Rates whose complement has an exact mirror image.
        return Observations(
            rate=np.round(rng.beta(rate * 1e4, (1 - rate) * 1e4) * 2**40) / 2**40
        )
    if name == "bernoulli":
        return Observations(count=rng.binomial(1, rate))
    trials = rng.integers(800, 1200, T)
    return Observations(count=rng.binomial(trials, rate), trials=trials)


@pytest.mark.parametrize("changes", KINDS, ids=str)
@pytest.mark.parametrize("name", MIRRORED)
def test_swapping_successes_and_failures_mirrors_the_answer(
    name: str, changes: Changes
) -> None:
    rng = np.random.default_rng(1)
    family = CASES[name].models[0]
    tolerance = 1e-8
    for data in (simulate(name, 5, T, missing=0.1), rare(name, rng)):
        one = Marginals.of(Model(family, changes), data)
        other = Marginals.of(Model(family, changes), MIRRORED[name](data))
        mirrored = other._replace(mean=1 - other.mean, bands=1 - other.bands[::-1])
        check(one.distance(mirrored), tolerance, Model(family, changes))
        check({"bands": band_distance(one, mirrored)}, BANDS)


@pytest.mark.parametrize("changes", KINDS, ids=str)
@pytest.mark.parametrize(
    ("a", "b"), [(1, 1e8), (1e-3, 0), (1e3, -5e4), (1e-3, 1e3), (-2, 7), (1e3, 1e8)]
)
@pytest.mark.parametrize("name", ["normal", "student-t"])
def test_scaling_and_shifting_a_series(name: str, a: float, b: float, changes: Changes) -> None:
    """Places keep their probabilities, levels and noise move with the series."""
    rng = np.random.default_rng(2)
    y = rng.normal(np.where(np.arange(T) < T // 2, 0.0, 1.5), 1.0)
    moved = a * y + b
    y = (moved - b) / a  # what is left of it after rounding
    model = Model(CASES[name].models[0], changes)
    one = Marginals.of(model, Observations(value=y))
    other = Marginals.of(model, Observations(value=moved))
    back = (other.bands - b) / a
    told = other._replace(
        log_evidence=other.log_evidence + T * np.log(abs(a)),
        mean=(other.mean - b) / a,
        bands=back if a > 0 else back[::-1],
    )
    errors = one.distance(told)
    # Adding b to a level rounds it: by 1e-16 b / (a sd) of its sd.
    rounding = 4 * np.spacing(abs(b)) / abs(a) / one.sd.min()
    tolerance = 1e-7 + 10 * rounding
    check(errors, tolerance, (a, b))
    check({"bands": band_distance(one, told)}, tolerance if a > 0 else BANDS)


@pytest.mark.parametrize("changes", KINDS, ids=str)
@pytest.mark.parametrize("factor", [1e-6, 60.0, 1e5])
@pytest.mark.parametrize("name", ["poisson", "negative-binomial"])
def test_scaling_exposure_scales_the_rate_alone(
    name: str, factor: float, changes: Changes
) -> None:
    data = simulate(name, 4, T, missing=0.1)
    model = Model(CASES[name].models[0], changes)
    one = Marginals.of(model, data)
    other = Marginals.of(model, replace(data, exposure=data.exposure * factor))
    told = other._replace(mean=other.mean * factor, bands=other.bands * factor)
    check(one.distance(told) | {"bands": band_distance(one, told)}, 1e-8)


@pytest.mark.parametrize("changes", KINDS, ids=str)
@pytest.mark.parametrize("factor", [1e-12, 60.0, 1e12])
def test_another_unit_of_time_scales_the_rate_of_waiting_times(
    factor: float, changes: Changes
) -> None:
    data = simulate("exponential", 4, T, missing=0.1)
    model = Model(likelihoods.Exponential(), changes)
    one = Marginals.of(model, data)
    other = Marginals.of(model, replace(data, value=data.value * factor))
    told = other._replace(
        log_evidence=other.log_evidence + data.observed("value").sum() * np.log(factor),
        mean=other.mean * factor,
        bands=other.bands * factor,
    )
    # The nodes stand at other places between the old ones, where bands are interpolated.
    check(one.distance(told), 1e-8)
    check({"bands": band_distance(one, told)}, BANDS)
