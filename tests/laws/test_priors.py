"""Priors against scipy.stats."""

from __future__ import annotations

import inspect
import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from changepoint import priors

PRIORS = [
    (priors.Beta(2, 200), stats.beta(2, 200)),
    (priors.Beta(0.5, 0.5), stats.beta(0.5, 0.5)),
    (priors.Beta(0.1, 10), stats.beta(0.1, 10)),
    (priors.Beta(10, 0.1), stats.beta(10, 0.1)),
    (priors.Gamma(2, 0.1), stats.gamma(2, scale=10)),
    (priors.Gamma(0.3, 5), stats.gamma(0.3, scale=0.2)),
    (priors.Normal(-3, 2.5), stats.norm(-3, 2.5)),
    (priors.LogNormal(1, 1.5), stats.lognorm(1.5, scale=math.e)),
    (priors.HalfNormal(3), stats.halfnorm(scale=3)),
    (priors.Exponential(0.25), stats.expon(scale=4)),
    (priors.InverseGamma(3, 0.6), stats.invgamma(3, scale=0.6)),
    (priors.InverseGamma(0.7, 20), stats.invgamma(0.7, scale=20)),
    (priors.Uniform(0.005, 0.012), stats.uniform(0.005, 0.007)),
    (priors.Uniform(-4, 11), stats.uniform(-4, 15)),
    (priors.Logistic(1, 0.5), stats.logistic(1, 0.5)),
]
LEVELS = np.array([1e-15, 1e-9, 1e-4, 0.1, 0.5, 0.9, 0.9999])


def test_every_prior_is_here() -> None:
    families = {
        name
        for name, each in inspect.getmembers(priors, inspect.isclass)
        if issubclass(each, priors.Prior) and each is not priors.Prior
    }
    assert families == {type(prior).__name__ for prior, _ in PRIORS}


@pytest.mark.parametrize(("prior", "told"), PRIORS, ids=lambda one: str(one)[:30])
class TestPrior:
    def test_support(self, prior: priors.Prior, told) -> None:
        np.testing.assert_allclose(prior.support, told.support(), rtol=1e-15)

    def test_log_density(self, prior: priors.Prior, told) -> None:
        x = told.ppf(LEVELS)
        np.testing.assert_allclose(prior.log_density(x), told.logpdf(x), rtol=1e-11, atol=1e-11)
        low, high = prior.support
        outside = np.array([low - 1, high + 1])
        assert np.all(prior.log_density(outside[np.isfinite(outside)]) == -np.inf)

    def test_density_integrates_to_one(self, prior: priors.Prior, told) -> None:
        """From one quantile to another, in pieces: what scipy says lies between."""
        ends = told.ppf([1e-6, 0.01, 0.2, 0.5, 0.8, 0.99, 1 - 1e-6])
        if prior.support[1] == 1:
            ends = np.unique(np.minimum(ends, 0.999))  # the density may be infinite at 1
        positive = prior.support[0] == 0  # then over log x: the density may be infinite at 0

        def p(z: float) -> float:
            x = math.exp(z) if positive else z
            return float(np.exp(prior.log_density(x))) * (x if positive else 1.0)

        places = np.log(ends) if positive else ends
        total = sum(integrate.quad(p, a, b)[0] for a, b in itertools.pairwise(places))
        assert abs(total - (told.cdf(ends[-1]) - told.cdf(ends[0]))) < 1e-8

    def test_cdf_and_quantile(self, prior: priors.Prior, told) -> None:
        """As scipy has them; there and back where scipy has few digits."""
        x = told.ppf(LEVELS)
        np.testing.assert_allclose(prior.cdf(x), told.cdf(x), rtol=1e-9, atol=1e-300)
        np.testing.assert_allclose(prior.quantile(LEVELS)[2:], x[2:], rtol=1e-9)
        back = prior.cdf(prior.quantile(LEVELS))
        inside = np.ones(len(LEVELS), bool)
        if prior.support[1] == 1:  # where x is rounded
            inside = prior.quantile(LEVELS) < 1 - 1e-5
        start = 0 if prior.support[0] == 0 else 2  # elsewhere x itself is rounded
        np.testing.assert_allclose(
            back[start:][inside[start:]], LEVELS[start:][inside[start:]], rtol=1e-9
        )

    def test_upper_quantile(self, prior: priors.Prior, told) -> None:
        for q in (1e-18, 1e-9, 0.01, 0.4):
            found, expected = prior.upper_quantile(q), told.isf(q)
            # scipy's isf isn't accurate in every tail: judge by the tail it leaves.
            assert found == pytest.approx(expected, rel=1e-8) or told.sf(
                found
            ) == pytest.approx(q, rel=1e-6)

    def test_complement_quantile(self, prior: priors.Prior, told) -> None:
        """1 - x, accurate where x rounds to 1."""
        if prior.support != (0.0, 1.0):
            return
        mirror = stats.beta(prior.beta, prior.alpha)
        for q in (1e-18, 1e-9, 0.01, 0.4):
            assert prior.complement_quantile(q) == pytest.approx(mirror.ppf(q), rel=1e-8)

    def test_companion(self, prior: priors.Prior, told) -> None:
        """The complement, given to a prior of proportions, is used near 1."""
        if prior.support != (0.0, 1.0):
            return
        small = np.array([1e-30, 1e-12, 1e-3])
        mirror = stats.beta(prior.beta, prior.alpha)
        np.testing.assert_allclose(
            prior.log_density(1 - small, small), mirror.logpdf(small), rtol=1e-11
        )
