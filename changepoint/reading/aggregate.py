"""Sums, means or medians by calendar day, ISO week or month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError
from changepoint.observations import Floats, zero_and_one
from changepoint.reading.coverage import (
    Coverage,
    Mask,
    Times,
    Window,
    by_grid,
    by_window,
    end_of,
    regular,
    start_of,
)
from changepoint.reading.instructions import Instructions
from changepoint.reading.table import prefixed
from changepoint.reading.timegrid import DAY, Series
from changepoint.roles import TABLE

_SUMMED = tuple(role.name for role in TABLE if role.summed)
_COUNTS = tuple(role.name for role in TABLE if role.summed and role.response)
_NAMED = 5  # periods that a note names
_ALL = "every {period} is partial or has no complete row; --keep-partial keeps partial ones"


class _Plan(NamedTuple):
    """The statistic of each role, and whether rows beside them say how much stands behind."""

    statistics: dict[str, str]
    known: bool


def aggregated(
    series: Series, how: Instructions, asked: Mapping[str, str], file: str | None
) -> tuple[Series, tuple[str, ...]]:
    """Return a row per period that has rows, in order, from its complete rows.

    A row is complete where none of its numbers is missing: a count whose trials are unknown
    says nothing about a rate. The row of a period without a complete row is missing, except
    that in a log of events nothing happened then. A period that is covered in part is left out
    where that would show in its number.
    """
    period, events = str(how.aggregate), "events" in asked
    series, notes = _as_trials(series, asked)
    plan, noticed = _planned(series, how, asked, file)
    notes += noticed
    series, noticed = _inside(series, how)
    notes += noticed
    assert series.time is not None
    if not len(series.time):
        return _nothing(series, plan), notes
    numbers = {role: series.numbers[role] for role in plan.statistics}
    complete = ~np.isnan(np.column_stack(list(numbers.values()))).any(axis=1)
    grid = regular(series.time)
    log = "count" in numbers and not plan.known and (events or _is_log(series, grid))
    window = _window(series.time, how, plan.known)
    starts = np.unique(start_of(series.time, period))
    if log:
        starts = _every(window, period)
    group = np.searchsorted(starts, start_of(series.time, period))
    rows = np.bincount(group, weights=complete, minlength=len(starts))
    sums = {
        role: _statistic(plan.statistics[role], values, group, complete, len(starts))
        for role, values in numbers.items()
    }
    unsure = np.bincount(group, weights=~complete, minlength=len(starts)) > 0
    notes += _incomplete(starts[unsure], out=not (plan.known or how.keep_partial))
    if log:
        sums["count"] = np.where(rows + unsure > 0, sums["count"], 0.0)
        notes += _log_note(window, how, starts[rows + unsure == 0], period)
    if log or grid is None:
        coverage = by_window(window, starts, period)
    else:
        coverage = by_grid(grid, series.time[complete], starts, period)
    partial = _out(coverage, unsure, plan)
    if how.keep_partial:
        kept, said = np.zeros(len(starts), bool), coverage.partial
    else:
        kept, said = partial, coverage.partial & ~partial
    notes += _partial_notes(starts, coverage, kept & coverage.partial, said, how)
    first_lines = np.zeros(len(starts), np.int64)
    first_lines[group[::-1]] = series.lines[::-1]
    found = Series(starts.astype("datetime64[us]"), sums, first_lines)
    return _left(found, kept, file, period), notes


def _left(found: Series, out: Mask, file: str | None, period: str) -> Series:
    """Return the periods without those left out: at the ends absent, between them missing."""
    if not out.any():
        return found
    there = np.flatnonzero(~out)
    if not len(there):
        raise DataError(prefixed(file, _ALL.format(period=period)))
    for role, values in found.numbers.items():
        found.numbers[role] = np.where(
            out if values.ndim == 1 else out[:, None], np.nan, values
        )
    return found.take(np.arange(there[0], there[-1] + 1))


def _nothing(series: Series, plan: _Plan) -> Series:
    numbers = {role: series.numbers[role] for role in plan.statistics}
    return replace(series, numbers=numbers)


def _as_trials(series: Series, asked: Mapping[str, str]) -> tuple[Series, tuple[str, ...]]:
    """Rows of 0 and 1 are trials, one each."""
    numbers = series.numbers
    count = numbers.get("count")
    if count is None or "trials" in numbers or "exposure" in numbers:
        return series, ()
    if {"trials", "exposure", "events"} & set(asked) or not zero_and_one(count):
        return series, ()
    trials = np.where(np.isnan(count), np.nan, 1.0)
    note = "the count is 0 or 1 in every row: rows were taken as trials, and counted as such"
    return replace(series, numbers={**numbers, "trials": trials}), (note,)


def _planned(
    series: Series, how: Instructions, asked: Mapping[str, str], file: str | None
) -> tuple[_Plan, tuple[str, ...]]:
    """Return what becomes of each role, and what is left out."""
    if series.time is None or series.time.dtype.kind != "M":
        found = "no time column" if series.time is None else "a time column of numbers"
        remedy = "name a column of dates with --time (time= in Python)"
        raise DataError(
            prefixed(file, f"aggregate needs dates, and there is {found}; {remedy}")
        )
    present = list(series.numbers)
    counts = any(role in present for role in _COUNTS)
    values = "value" in present and ("value" in asked or not counts)
    if values and how.statistic is None:
        raise DataError(
            prefixed(
                file,
                "a value can be put together in several ways: say --statistic mean, median or "
                "sum (statistic= in Python)",
            )
        )
    if values:
        left, statistics = [r for r in present if r != "value"], {"value": str(how.statistic)}
    else:
        left = [role for role in present if role not in _SUMMED]
        statistics = {role: "sum" for role in present if role in _SUMMED}
        _refuse(left, counts, asked, how, file)
    known = any(r in statistics for r in ("trials", "exposure", "outcomes"))
    known = known or (values and how.statistic != "sum")
    notes = tuple(f"the {role} column can't be summed: left out of the sums" for role in left)
    return _Plan(statistics, known), notes


def _refuse(
    left: Sequence[str],
    counts: bool,
    asked: Mapping[str, str],
    how: Instructions,
    file: str | None,
) -> None:
    if not counts or any(role in asked for role in left):
        what = " or ".join(left)
        raise DataError(
            prefixed(
                file,
                f"aggregate sums counts, and a {what} can't be summed; give the count and the "
                "trials behind it (--count, --trials), or leave out aggregate",
            )
        )
    if how.statistic is not None:
        raise DataError(
            prefixed(
                file, "statistic is about values (--value), and counts are summed: leave it out"
            )
        )


def _inside(series: Series, how: Instructions) -> tuple[Series, tuple[str, ...]]:
    """Return the rows from start to end."""
    (first, end), time = how.limits(), series.time
    assert time is not None
    out = np.zeros(len(time), bool)
    if first is not None:
        out |= time < first
    if end is not None:
        out |= time >= end
    if not out.any():
        return series, ()
    lines = series.lines[out]
    some = ", ".join(str(line) for line in lines[:_NAMED].tolist())
    more = f" and {len(lines) - _NAMED} more" if len(lines) > _NAMED else ""
    rows = "1 row was" if len(lines) == 1 else f"{len(lines)} rows were"
    note = f"{rows} left out, as outside --from and --to: line {some}{more}"
    return series.take(np.flatnonzero(~out)), (note,)


def _is_log(series: Series, grid: Any) -> bool:
    """Whether counts are a log of events, which has no row where nothing happened.

    So it is if no row says 0 while many say 1, as many as are absent about: counts so small
    are 0 at times. Large counts whose rows are absent were not recorded.
    """
    assert series.time is not None
    count = series.numbers["count"]
    count = count[~np.isnan(count)]
    ones, few = int(np.sum(count == 1)), len(count) / 10
    if np.any(count <= 0) or len(np.unique(series.time)) < 3:
        return False
    absent = np.inf if grid is None else grid.absent
    return bool(absent and ones and ones >= min(absent / 2, few))


def _window(time: Times, how: Instructions, known: bool) -> Window:
    """Return when the rows are known: as told, else from the first to the last one.

    From the first day to the last one, unless it is about parts of a day: of a log of events
    that has clock times, by day.
    """
    first, end = how.limits()
    low, high = time.min(), time.max()
    days = known or how.aggregate != "day" or not np.any(time != time.astype("datetime64[D]"))
    if days:
        low, high = low.astype("datetime64[D]"), high.astype("datetime64[D]") + DAY
    low, high = low.astype("datetime64[us]"), high.astype("datetime64[us]")
    return Window(low if first is None else first, high if end is None else end)


def _every(window: Window, period: str) -> Times:
    """Return all periods that a window touches."""
    last = window.end - np.timedelta64(1, "us") if window.end > window.first else window.end
    ends = start_of(np.array([window.first, last]), period)
    if period == "month":
        months = ends.astype("datetime64[M]")
        every: Times = np.arange(months[0], months[1] + np.timedelta64(1, "M"))
        return every.astype("datetime64[D]")
    step = (7 if period == "week" else 1) * DAY
    return np.arange(ends[0], end_of(ends[1:], period)[0], step)


def _statistic(
    statistic: str, values: Floats, group: NDArray[Any], complete: Mask, size: int
) -> Floats:
    """Return the statistic of the complete rows of each group, NaN where there are none."""
    if values.ndim == 2:
        each = [_statistic(statistic, column, group, complete, size) for column in values.T]
        return np.column_stack(each)
    group, values = group[complete], values[complete]
    rows = np.bincount(group, minlength=size)
    if statistic == "median":
        order = np.lexsort((values, group))
        found = np.full(size, np.nan)
        parts = np.split(values[order], np.cumsum(rows)[:-1])
        for i in np.flatnonzero(rows):
            found[i] = np.median(parts[i])
        return found
    sums = np.bincount(group, weights=values, minlength=size)
    if statistic == "mean":
        sums = sums / np.maximum(rows, 1)
    return np.where(rows > 0, sums, np.nan)


def _out(coverage: Coverage, unsure: Mask, plan: _Plan) -> Mask:
    """Which periods are left out: their number would be that of a part of them."""
    return coverage.lopsided if plan.known else coverage.partial | unsure


def _incomplete(starts: Times, out: bool) -> tuple[str, ...]:
    if not len(starts):
        return ()
    named = _listed([str(day) for day in starts[:_NAMED]], len(starts))
    periods = "periods" if len(starts) > 1 else "period"
    also = f", and so {'are' if len(starts) > 1 else 'is'} the {periods}" if out else ""
    return (
        f"rows with a missing number were left out of the sums of the {periods} {named}{also}",
    )


def _log_note(window: Window, how: Instructions, empty: Times, period: str) -> tuple[str, ...]:
    first = str(window.first.astype("datetime64[D]"))
    last = str((window.end - np.timedelta64(1, "us")).astype("datetime64[D]"))
    told = how.start is not None and how.end is not None
    ends = "" if told else ", its first and last row where --from and --to don't say otherwise"
    periods = f"1 {period} counts" if len(empty) == 1 else f"{len(empty)} {period}s count"
    return (
        f"the rows were taken as a log of events, from {first} to {last}{ends}: {periods} 0 "
        "for want of rows. If a row is absent for another reason, give it an empty count",
    )


def _partial_notes(
    starts: Times, coverage: Coverage, out: Mask, kept: Mask, how: Instructions
) -> tuple[str, ...]:
    """Say which periods are partial, and what became of them."""
    notes = []
    for which, done in (
        (out, "left out (--keep-partial keeps them)"),
        (kept, "kept: a sum over less than the whole" if how.keep_partial else "kept"),
    ):
        places = np.flatnonzero(which)
        if len(places):
            named = [f"{starts[i]} ({coverage.lacks[i]})" for i in places[:_NAMED]]
            some = _listed(named, len(places))
            one = f"1 partial {how.aggregate}" if len(places) == 1 else ""
            many = one or f"{len(places)} partial {how.aggregate}s"
            notes.append(f"{many} {done}: {some}")
    return tuple(notes)


def _listed(named: list[str], count: int) -> str:
    more = [f"and {count - _NAMED} more"] if count > _NAMED else []
    return ", ".join(named[:_NAMED] + more)
