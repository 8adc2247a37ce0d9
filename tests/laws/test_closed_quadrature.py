"""Fejér's rule for a hyperparameter whose posterior may be highest at an end."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from changepoint import Observations
from changepoint.exact import closed_quadrature as closed
from changepoint.exact import outer_quadrature as outer
from changepoint.likelihoods import Autoregressive

FAMILY = Autoregressive().resolve(Observations(value=[1.0, 3.0, 2.0, 4.0]))
LOW, HIGH = 0.0, 0.9  # of its default prior


CASES = [
    (mean, sd)
    for mean in (-0.05, 0.0, 0.03, 0.5, 0.88, 0.95)
    for sd in (0.004, 0.02, 0.1, 0.4)
    if LOW - 8 * sd < mean < HIGH + 8 * sd  # or nothing of it is inside
]


@pytest.mark.parametrize(("mean", "sd"), CASES)
def test_truncated_normals(mean: float, sd: float) -> None:
    """Log evidence, mean and quantiles of draws, wherever the posterior is cut off."""
    z = (LOW - mean) / sd, (HIGH - mean) / sd
    told = stats.truncnorm(*z, loc=mean, scale=sd)
    inside = stats.norm.cdf(z[1]) - stats.norm.cdf(z[0])
    asked = []

    def log_evidence(hyper: np.ndarray) -> float:
        (value,) = hyper.tolist()
        asked.append(value)
        return float(stats.norm.logpdf(value, mean, sd))

    nodes = outer.answered(closed.search(FAMILY.hyper), log_evidence)
    assert isinstance(nodes, closed.ClosedNodes)
    log_sums = nodes.log_weights + [log_evidence(hyper) for hyper in nodes.values]
    total = float(np.logaddexp.reduce(log_sums))
    assert total == pytest.approx(np.log(inside / (HIGH - LOW)), abs=2e-5)
    weights = np.exp(log_sums - total)
    assert weights @ nodes.values[:, 0] == pytest.approx(told.mean(), abs=1e-4 * sd)
    rank = np.linspace(0.01, 0.99, 99)
    drawn = nodes.draws(weights, rank)[:, 0]
    assert np.abs(told.cdf(drawn) - rank).max() < 2e-3
    assert len(set(asked)) < 60
