"""The prior of a hyperparameter in its coordinate without ends."""

import math

import numpy as np
import pytest

from changepoint import priors
from changepoint.exact.hyper_prior import HyperPrior
from changepoint.likelihoods.hyperparameter import Hyperparameter

PRIORS = (
    priors.Beta(0.2, 0.3),
    priors.Beta(0.3, 0.2),
    priors.Beta(2, 30),
    priors.Uniform(0.1, 0.9),
    priors.LogNormal(1, 2),
    priors.Gamma(0.5, 2),
    priors.Normal(3, 2),
    priors.Logistic(0, 1),
)


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_it_has_all_its_mass(prior):
    """However close to an end it lies: the trapezoid rule sums to 1."""
    hyper = HyperPrior(Hyperparameter("it", "it", prior, (-math.inf, math.inf)))
    step = 0.05
    v = np.arange(-300, 300, step)
    mass = step * np.exp(hyper.log_density(v)).sum()
    assert mass == pytest.approx(1, abs=1e-8)
    below = np.array([hyper.below(float(at)) for at in (v[5900], v[6100])])
    between = step * np.exp(hyper.log_density(v[5900:6101])).sum()
    ends = step / 2 * np.exp(hyper.log_density(v[[5900, 6100]])).sum()
    assert between - ends == pytest.approx(below[1] - below[0], abs=1e-3)
