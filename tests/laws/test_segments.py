"""Given the number of changes, draws of each segment's parameter against its exact summary."""

from __future__ import annotations

import numpy as np
import pytest
from chance import errors_allowed

from changepoint import Changes, Exact, Model, Observations, likelihoods, priors, read_csv
from changepoint.results.result import QUANTILES

DRAWS = 20_000
LOW, HIGH = 0.0, 0.016
SHARP = priors.Uniform(LOW, HIGH)  # its ends are cliffs


def rates() -> Observations:
    return read_csv("data/conversion_rates.csv")


def counts() -> Observations:
    return read_csv("data/conversions.csv")


def values() -> Observations:
    return read_csv("data/conversion_rates.csv", value="conversion_rate")


@pytest.mark.parametrize(
    ("data", "likelihood"),
    [
        (rates, likelihoods.Beta(SHARP)),
        (counts, likelihoods.Binomial(SHARP)),
        (counts, likelihoods.BetaBinomial(SHARP)),
        (values, likelihoods.Normal(SHARP)),
    ],
    ids=["beta", "binomial", "beta-binomial", "normal"],
)
@pytest.mark.parametrize("changes", [Changes(), Changes(exactly=2)], ids=str)
def test_segments_of_draws(data, likelihood, changes) -> None:
    """Under priors that end abruptly; each number is off by chance once in a million."""
    observations = data()
    model = Model(likelihood, changes).resolve(observations)
    given = Exact(draws=DRAWS, seed=5).run(model, observations).given
    assert given is not None
    theta = given.draws.parameter
    assert LOW < theta.min() and theta.max() < HIGH
    mean, *bands = given.segments
    error = np.abs(theta.mean(axis=0) - mean) / (theta.std(axis=0) / np.sqrt(len(theta)))
    print("mean, in standard errors:", error.round(1))
    assert error.max() < errors_allowed()
    for band, q in zip(bands, QUANTILES, strict=True):
        below = (theta < band).mean(axis=0)
        deviation = np.abs(below - q) / np.sqrt(q * (1 - q) / len(theta))
        print(f"quantile {q}, in standard errors:", deviation.round(1))
        assert deviation.max() < errors_allowed()
