"""Sums by calendar day, ISO week or month."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError
from changepoint.observations import Floats
from changepoint.reading.table import prefixed
from changepoint.reading.timegrid import DAY, MONTH, Series, commonest
from changepoint.roles import TABLE

PERIODS = ("day", "week", "month")
_SUMMED = tuple(role.name for role in TABLE if role.summed)
_COUNTS = tuple(role.name for role in TABLE if role.summed and role.response)


def check_period(period: str | None) -> None:
    """Refuse what isn't a period."""
    if period is not None and period not in PERIODS:
        raise DataError(f"aggregate must be one of {', '.join(PERIODS)}, not {period!r}")


def aggregated(
    series: Series, period: str, asked: dict[str, str], file: str | None
) -> tuple[Series, tuple[str, ...]]:
    """Return a row per period that has rows, in order, with the sums of its complete rows.

    A row is complete where none of its numbers is missing: a count whose trials are unknown
    says nothing about a rate. The row of a period without a complete row is missing.
    """
    notes = _check(series, asked, file)
    assert series.time is not None
    numbers = {role: series.numbers[role] for role in _SUMMED if role in series.numbers}
    start = _start(series.time, period)
    starts, first, group = np.unique(start, return_index=True, return_inverse=True)
    complete = ~np.isnan(np.column_stack(list(numbers.values()))).any(axis=1)
    rows = np.bincount(group, weights=complete, minlength=len(starts))
    sums = {role: _sums(values, group, complete, rows) for role, values in numbers.items()}
    incomplete = starts[np.bincount(group, weights=~complete, minlength=len(starts)) > 0]
    if len(incomplete):
        named = [str(day) for day in incomplete[:5]]
        more = [f"and {len(incomplete) - 5} more"] if len(incomplete) > 5 else []
        notes += (
            "rows with a missing number were left out of the sums of the "
            f"{'periods' if len(incomplete) > 1 else 'period'} {', '.join(named + more)}",
        )
    if period != "day":
        notes += _partial(series.time, starts, period)
    summed = Series(starts.astype("datetime64[us]"), sums, series.lines[first])
    return summed, notes


def _check(series: Series, asked: dict[str, str], file: str | None) -> tuple[str, ...]:
    if series.time is None or series.time.dtype.kind != "M":
        found = "no time column" if series.time is None else "a time column of numbers"
        remedy = "name a column of dates with --time (time= in Python)"
        raise DataError(
            prefixed(file, f"aggregate needs dates, and there is {found}; {remedy}")
        )
    others = [role for role in series.numbers if role not in _SUMMED]
    counts = any(role in series.numbers for role in _COUNTS)
    if not counts or any(role in asked for role in others):
        what = " or ".join(others)
        raise DataError(
            prefixed(
                file,
                f"aggregate sums counts, and a {what} can't be summed; give the count and the "
                "trials behind it (--count, --trials), or leave out aggregate",
            )
        )
    return tuple(f"the {role} column can't be summed: left out of the sums" for role in others)


def _start(time: NDArray[Any], period: str) -> NDArray[Any]:
    """Return the first day of the period of each time."""
    day: NDArray[Any] = time.astype("datetime64[D]")
    if period == "month":
        return day.astype("datetime64[M]").astype("datetime64[D]")
    if period == "week":
        # Day 0, 1970-01-01, was a Thursday: three days after a Monday.
        day = day - (day.astype(np.int64) + 3) % 7 * DAY
    return day


def _sums(
    values: Floats, group: NDArray[Any], complete: NDArray[np.bool_], rows: Floats
) -> Floats:
    if values.ndim == 2:
        return np.column_stack([_sums(each, group, complete, rows) for each in values.T])
    weights = np.where(complete, values, 0.0)
    return np.where(rows > 0, np.bincount(group, weights=weights, minlength=len(rows)), np.nan)


def _partial(time: NDArray[Any], starts: NDArray[Any], period: str) -> tuple[str, ...]:
    """Say if days lack at the outer ends of the first and last period of daily data."""
    days = np.unique(time.astype("datetime64[D]"))
    if len(days) < 3 or commonest(np.diff(days).astype(np.int64)) != 1:
        return ()
    mask = "1111100" if np.is_busday(days).all() else "1111111"
    if period == "month":
        end = (starts[-1].astype("datetime64[M]") + MONTH).astype("datetime64[D]")
    else:
        end = starts[-1] + 7 * DAY
    lacking = (
        (starts[0], int(np.busday_count(starts[0], days[0], weekmask=mask))),
        (starts[-1], int(np.busday_count(days[-1] + DAY, end, weekmask=mask))),
    )
    names = [f"{start} ({n} days lack)" for start, n in lacking if n > 0]
    if not names:
        return ()
    return (
        f"the first or last {period} is partial, so its sums are small: {', '.join(names)}. "
        "Counts without trials or exposure are comparable only if its rows are removed",
    )
