"""What is wrong with data for a likelihood and its prior, row by row, before any inference."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import Problem
from changepoint.likelihoods import Likelihood
from changepoint.likelihoods.base import Fault
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.observations import Observations

EXCLUDED = 1e-12  # tail probability at which a prior excludes data


def series_problem(observations: Observations, rule: str, remedy: str) -> Problem:
    """Return a problem of a series as a whole."""
    return Problem(observations.file, None, None, None, None, rule, remedy)


def spell_out(fault: Fault, observations: Observations) -> list[Problem]:
    """Return a problem per row, per cell of outcomes, or one for the series."""
    column = observations.columns.get(fault.role, fault.role)
    if fault.rows is None:
        return [Problem(observations.file, None, None, column, None, fault.rule, fault.remedy)]
    numbers, names = observations.column(fault.role), observations.outcome_names
    return [
        Problem(
            observations.file,
            None if observations.lines is None else int(observations.lines[row]),
            observations.label(row) if observations.time is not None else f"row {row}",
            names[outcome[0]] if outcome else column,
            ", ".join(f"{number:.12g}" for number in np.atleast_1d(numbers[row, *outcome])),
            fault.rule,
            fault.remedy,
        )
        for row, *outcome in np.argwhere(fault.rows).tolist()
    ]


def row_problems(family: Likelihood, observations: Observations) -> list[Problem]:
    """Return what is wrong with the rows that were summed, each on its own.

    That a number is missing is no fault here: such rows were left out of the sums. What is said
    of a series as a whole is about the sums.
    """
    rows, problems = observations.rows, list[Problem]()
    if rows is None or any(getattr(rows, role) is None for role in family.needs):
        return problems
    for fault in family.faults(rows):
        if fault.rows is not None:
            there = fault.rows & ~np.isnan(rows.column(fault.role))
            problems += spell_out(fault._replace(rows=there), rows)
    return problems


def excluded(
    family: GridLikelihood, observations: Observations, shifted: bool
) -> Iterator[Fault]:
    """Yield rows, or the pooled total, that no value in the prior's support can explain.

    Of rows that effects shift, which may lie anywhere, the total alone.
    """
    low, high = family.prior.support

    def nearest(estimate: NDArray[np.float64] | float) -> NDArray[np.float64]:
        # Open ends: the limit itself may be impossible where values close to it aren't.
        return np.clip(estimate, np.nextafter(low, high), np.nextafter(high, low))

    estimates, pool = family.estimates(observations), family.pooled(observations)
    all_of_them = np.append(estimates, pool)
    if low <= np.nanmin(all_of_them) and np.nanmax(all_of_them) <= high:
        return  # each has its own estimate in the support
    rows = family.tail(observations, nearest(estimates), pool=False) < EXCLUDED
    rows &= not shifted
    name = f"{family.prior} on the {family.parameter}"
    remedy = "Widen the prior, or check the units of this column."
    if rows.any():
        yield Fault(family.response, rows & ~np.isnan(estimates),
                    f"impossible under the prior {name}", remedy)  # fmt: skip
    pooled = family.tail(observations, nearest(pool), pool=True)
    if not rows.any() and np.any(pooled < EXCLUDED):
        rule = f"all rows together are impossible under the prior {name}"
        yield Fault(family.response, None, rule, remedy)
