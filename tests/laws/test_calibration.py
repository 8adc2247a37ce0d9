"""Probabilities mean what they say: ranks of the truth among draws are uniform.

`benchmarks/calibration.py` does the same with a thousand series of each model.
"""

import sys
from pathlib import Path

import pytest
from scipy import stats

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from calibration import FAMILIES, ranks

RUNS = 50
MODELS = [(family, False) for family in FAMILIES] + [
    (family, True)
    for family in FAMILIES
    if family.name in ("binomial", "beta-binomial", "trend")
]
ALARM = 1e-3  # probability that a right engine fails any of these: some 4 quantities a model


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "weekly"), MODELS, ids=[f.name + "-week" * weekly for f, weekly in MODELS]
)
def test_ranks_are_uniform(family, weekly):
    told = ranks(family, weekly, RUNS, seed=1)
    assert {"changes", "first change", "middle"} <= set(told)
    p = {name: stats.kstest(u, "uniform").pvalue for name, u in told.items()}
    assert min(p.values()) > ALARM / (4 * len(MODELS)), p
