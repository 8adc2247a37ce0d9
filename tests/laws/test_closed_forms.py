"""Closed-form segments: their marginals, and the recursions over segment starts."""

from __future__ import annotations

from cases import GRID
from closed_cases import (
    CLOSED,
)

from changepoint.likelihoods import FAMILIES, Likelihood

OUTER = 1e-5  # with a parameter shared by all segments
INNER = 1e-9


def test_the_table_covers_every_family_with_closed_forms() -> None:
    own = Likelihood.candidates
    averages = {name for name, family in FAMILIES.items() if family.candidates is not own}
    without_grid = set(FAMILIES) - set(GRID) - averages
    conjugate = {
        name for name in GRID if FAMILIES[name].statistics is not Likelihood.statistics
    }
    assert set(CLOSED) == without_grid | conjugate
