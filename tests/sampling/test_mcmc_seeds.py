"""By Gibbs and by sums, several seeds, and by all ways where segments are not short."""

from __future__ import annotations

import pytest
from counted import CASES, HARD, WAYS, exact, no_seed_passes, sampled
from runs import agrees, converged


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", ["gibbs", "sum-out"])
def test_no_seed_passes_with_a_wrong_answer(way, case):
    no_seed_passes(way, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", HARD)
@pytest.mark.parametrize("way", WAYS)
def test_it_agrees_where_segments_are_not_short(way, case):
    posterior = converged(lambda seed: sampled(*CASES[case], way, seed, tune=500))
    agrees([posterior], exact(case))
