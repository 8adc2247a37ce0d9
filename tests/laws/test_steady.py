"""One level throughout under heavy-tailed noise: as the filter has it."""

from __future__ import annotations

import numpy as np
import pytest

from changepoint import Changes, EngineError, Model, Observations, priors
from changepoint.exact import filter_posterior, steady_posterior
from changepoint.exact.solve import solve
from changepoint.likelihoods import StudentT
from tests.laws.chance import errors_allowed

NONE = Changes(exactly=0)


def data(kind: str) -> Observations:
    rng = np.random.default_rng(3)
    y = rng.standard_t(3, 60)
    if kind == "step":
        y[30:] += 40.0
    if kind == "outliers":
        y[[7, 20]] += [100.0, -40.0]
    if kind == "few":
        y = y[:9]
    if kind == "missing":
        y[rng.random(60) < 0.3] = np.nan
    return Observations(value=y + 1000.0)


@pytest.mark.parametrize("kind", ["plain", "step", "outliers", "few", "missing"])
@pytest.mark.parametrize("nu", [1.5, 25.0])
@pytest.mark.parametrize("phi", [0.0, 0.8])
@pytest.mark.parametrize("within", [False, True])
def test_it_says_what_the_filter_says(kind: str, nu: float, phi: float, within: bool) -> None:
    rows = data(kind)
    y = rows.column("value")
    level = priors.Uniform(float(np.nanmin(y)), float(np.nanmax(y))) if within else None
    model = Model(StudentT(level=level, nu=nu, phi=phi), NONE).resolve(rows)
    assert steady_posterior.applies(model)
    one = steady_posterior.solve(model, rows, 4000, 0)
    other = filter_posterior.solve(model, rows, 4000, 0)
    assert one.log_evidence == pytest.approx(other.log_evidence, abs=2e-5)
    mine, its = one.answer(), other.answer()
    width = its.rows[3, 0] - its.rows[1, 0]
    assert np.abs(mine.rows - its.rows).max() < 1e-4 * width
    assert not mine.change_probability.any()
    assert mine.number_probability.tolist() == [1.0]
    drawn = mine.draws
    assert (drawn.first == 0).all()
    often = errors_allowed(3)
    levels = drawn.parameter[:, 0]
    for rank, place in zip((0.025, 0.5, 0.975), mine.rows[1:, 0], strict=True):
        assert np.mean(levels < place) == pytest.approx(rank, abs=often * np.sqrt(0.25 / 4000))


def test_a_prior_that_says_more_than_the_rows() -> None:
    rows = Observations(value=np.random.default_rng(1).standard_t(2, 12))
    for level in (priors.Normal(50.0, 0.1), priors.Logistic(-8.0, 2.0)):
        model = Model(StudentT(level=level, nu=2.0), NONE).resolve(rows)
        told, filtered = (
            way.solve(model, rows, 4, 0) for way in (steady_posterior, filter_posterior)
        )
        assert told.log_evidence == pytest.approx(filtered.log_evidence, abs=2e-5)


def test_noise_too_small_beside_an_outlier_is_left_to_the_filter() -> None:
    rows = Observations(value=[0.0, 1.0, 0.5, 1e9])
    model = Model(StudentT(nu=2.0), NONE).resolve(rows)
    with pytest.raises(EngineError, match="too small for these levels"):
        steady_posterior.solve(model, rows, 4, 0)
    told = solve(model, rows, 4, 0, one_of_many=True).log_evidence
    assert told == filter_posterior.solve(model, rows, 4, 0).log_evidence
