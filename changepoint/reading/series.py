"""Rows as they were read -> Observations: put together by period, on their grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from changepoint.errors import DataError
from changepoint.observations import Observations
from changepoint.reading.aggregate import Aggregation, aggregated
from changepoint.reading.matching import EVENTS, constants
from changepoint.reading.table import prefixed
from changepoint.reading.timegrid import Series, on_grid


def gathered(
    series: Series,
    how: Aggregation,
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
    if EVENTS in asked:
        if how.aggregate is None:
            raise DataError(
                prefixed(
                    file, "events are counted by period: add --aggregate day, week or month"
                )
            )
        if "count" not in series.numbers:
            series = series.with_constants({"count": 1.0})
    fixed = constants(asked, series.numbers)
    if fixed and "count" not in series.numbers:
        raise DataError(
            prefixed(file, f"{' and '.join(fixed)} stand behind a count, and there is none")
        )
    if how.aggregate is not None:
        whole, noticed = aggregated(series, how, asked, file)
        rows = series.with_constants(fixed).observations(told)
        notes = [*notes, *noticed]
        series = whole
    series, noticed = on_grid(series)
    notes += [*noticed, *_fixed_notes(fixed, how)]
    series = series.with_constants(fixed)
    return series.observations(told, warnings=tuple(notes), rows=rows)


def _fixed_notes(fixed: Mapping[str, float], how: Aggregation) -> list[str]:
    each = how.aggregate or "row"
    return [
        f"{role} of {number:.12g} for each {each}, as told" for role, number in fixed.items()
    ]
