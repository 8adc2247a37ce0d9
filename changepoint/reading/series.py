"""Rows as they were read -> Observations: put together by period, on their grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError
from changepoint.observations import Observations
from changepoint.reading.aggregate import aggregated
from changepoint.reading.clocks import ascending, in_utc
from changepoint.reading.exclusion import without
from changepoint.reading.instructions import Instructions
from changepoint.reading.matching import EVENTS, constants
from changepoint.reading.outcomes import trials_by_row
from changepoint.reading.table import Table, prefixed
from changepoint.reading.timegrid import Series, on_grid
from changepoint.reading.totals import of_totals


def gathered(
    series: Series,
    how: Instructions,
    asked: Mapping[str, str],
    notes: Sequence[str],
    **told: Any,
) -> Observations:
    """Return the observations of one series.

    Parameters
    ----------
    series
        Its rows as they stand in the file.
    how
        What to put together.
    asked
        The columns asked for, and numbers in their place.
    notes
        What was noticed so far.
    **told
        Further fields of `Observations`.

    Raises
    ------
    DataError
        If the rows can't be put together.
    """
    file, notes, rows = told.get("file"), list(notes), None
    told["columns"] = columns = dict(told["columns"])
    if EVENTS in asked:
        if how.aggregate is None:
            raise DataError(
                prefixed(
                    file, "events are counted by period: add --aggregate day, week or month"
                )
            )
        if "count" not in series.numbers:
            series = series.with_constants({"count": 1.0})
    if how.aggregate is not None and series.covariates:
        raise DataError(
            prefixed(
                file,
                f"covariates ({', '.join(series.covariates)}) can't be summed by "
                f"{how.aggregate}: leave out --aggregate or --covariate, or sum up the table "
                "first",
            )
        )
    fixed = constants(asked, series.numbers)
    if EVENTS not in asked and not fixed:
        series, noticed = trials_by_row(series, columns)
        if how.aggregate is None:
            notes += noticed
        elif noticed:  # their sums are counts of trials, and `aggregated` says so
            numbers = {r: n for r, n in series.numbers.items() if r != "value"}
            series = replace(series, numbers=numbers)
    if fixed and "count" not in series.numbers:
        raise DataError(
            prefixed(file, f"{' and '.join(fixed)} stand behind a count, and there is none")
        )
    if how.zone is not None and how.aggregate is not None:
        notes.append("the zone isn't used: days are those of the clock times as they stand")
    elif how.zone is not None:
        if any("UTC" in note for note in notes):
            raise DataError(prefixed(file, "the times have offsets already: leave out zone"))
        series, noticed = in_utc(series, how.zone, file)
        notes += noticed
        told["zone"] = how.zone
    if how.aggregate is None:
        series, noticed = ascending(series)
        notes += noticed
    else:
        whole, noticed = aggregated(series, how, asked, file)
        rows = series.with_constants(fixed).observations(told)
        notes += [*noticed, *_copied(series)]
        series = whole
    series, noticed = on_grid(series, told.get("zone", ""))
    notes += [*noticed, *_fixed_notes(fixed, how)]
    series, noticed = of_totals(series, columns, file, how.difference)
    notes += noticed
    series = series.with_constants(fixed)
    found = series.observations(told, warnings=tuple(notes), rows=rows)
    return without(found, how.exclude, how.aggregate) if how.exclude else found


MANY = 500_000  # rows, beyond which copies aren't looked for


def repeats(
    table: Table, time: NDArray[Any] | None, code: NDArray[np.int64] | None = None
) -> NDArray[np.int64] | None:
    """Return which rows are copies, None where no time repeats (in one series, by its code)."""
    if time is None or not 1 < len(time) <= MANY:
        return None
    order = np.argsort(time, kind="stable") if code is None else np.lexsort((time, code))
    again = time[order][1:] == time[order][:-1]
    if code is not None:
        again &= code[order][1:] == code[order][:-1]
    return table.copies() if again.any() else None


def _copied(series: Series) -> tuple[str, ...]:
    """Say which rows are put together with others though they are copies of them.

    Several events, or measurements, of one time may well be the same: copies are said where
    numbers are behind the counts, or where no time repeats but by copies.
    """
    lines, copies, numbers = series.lines, series.copies, series.numbers
    if copies is None or series.time is None:
        return ()
    rows = np.flatnonzero(copies)
    if set(numbers) == {"count"}:
        rows = rows[numbers["count"][rows] > 1]
    others = len(lines) - len(np.unique(series.time)) > len(rows)
    if not len(rows) or (others and not {"trials", "exposure"} & set(numbers)):
        return ()
    some = [f"line {lines[row]} of line {copies[row]}" for row in rows[:5]]
    more = f", and {len(rows) - 5} more" if len(rows) > 5 else ""
    count = "1 row is a copy" if len(rows) == 1 else f"{len(rows)} rows are copies"
    return (
        f"{count} of another, the same in every column, and counted again: "
        f"{', '.join(some)}{more}. If that is a mistake, delete one of the two",
    )


def _fixed_notes(fixed: Mapping[str, float], how: Instructions) -> list[str]:
    each = how.aggregate or "row"
    return [
        f"{role} of {number:.12g} for each {each}, as told" for role, number in fixed.items()
    ]
