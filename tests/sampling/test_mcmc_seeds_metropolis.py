"""By Metropolis, several seeds: what converged is right; the longest of the long tests."""

from __future__ import annotations

import pytest
from counted import CASES, no_seed_passes


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_no_seed_passes_with_a_wrong_answer(case):
    no_seed_passes("metropolis", case)
