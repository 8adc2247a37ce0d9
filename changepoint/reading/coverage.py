"""Which periods of a sum are covered by the rows: where a log begins and ends, and gaps."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.observations import Floats
from changepoint.reading.timegrid import DAY, MONTH, MOST_ADDED, Grid, find_grid

Mask = NDArray[np.bool_]
Times = NDArray[Any]

_MOST = 3_000_000  # places before the first or after the last row that are looked at
_KEPT = 0.5  # of a period's rows at least, where those that are there stand for all of them
_KEPT_DAY = 0.875  # of a day's: the hours that it lacks are a part of it unlike the others
_CLOCK_MONTHS = (3, 4, 9, 10, 11)  # in which clocks are changed, somewhere


class Window(NamedTuple):
    """From when the rows are known, and to when, which isn't in it any more."""

    first: np.datetime64
    end: np.datetime64


class Regular(NamedTuple):
    """Distinct times of rows, regular but for a few absent ones; days, if times aren't."""

    times: Times
    grid: Grid
    absent: int


class Coverage(NamedTuple):
    """How much of each period there is.

    partial
        Which lack something, (P,).
    lopsided
        Which lack a part unlike the others, as a week that lacks its weekend, (P,).
    lacks
        What each lacks, in words, (P,).
    """

    partial: Mask
    lopsided: Mask
    lacks: list[str]


def start_of(time: Times, period: str) -> Times:
    """Return the first day of the period of each time."""
    day: Times = time.astype("datetime64[D]")
    if period == "month":
        return day.astype("datetime64[M]").astype("datetime64[D]")
    if period == "week":
        # Day 0, 1970-01-01, was a Thursday: three days after a Monday.
        day = day - (day.astype(np.int64) + 3) % 7 * DAY
    return day


def end_of(starts: Times, period: str) -> Times:
    """Return the day after each period."""
    if period == "month":
        ends: Times = (starts.astype("datetime64[M]") + MONTH).astype("datetime64[D]")
        return ends
    return starts + (7 if period == "week" else 1) * DAY


def regular(time: Times) -> Regular | None:
    """Return the grid that rows in any order sit on, None if they are irregular."""
    for distinct in (np.unique(time), np.unique(time.astype("datetime64[D]"))):
        if len(distinct) < 3:
            return None
        times = distinct.astype("datetime64[us]")
        grid = find_grid(times)
        if grid is not None:
            absent = int(grid.places[-1]) + 1 - len(times)
            if absent <= MOST_ADDED * len(times):
                return Regular(times, grid, absent)
    return None


def by_grid(found: Regular, there: Times, starts: Times, period: str) -> Coverage:
    """Return how much of each period rows on a grid cover.

    Parameters
    ----------
    there
        Times, or days, of the rows that have all their numbers.
    starts
        First days of the periods, ascending.
    """
    expected = _places(found, period)
    if found.times.dtype != there.dtype or not np.isin(there, found.times).all():
        there = there.astype("datetime64[D]").astype("datetime64[us]")
    absent = np.setdiff1d(expected, there)
    absent = absent[~_skipped_by_clocks(absent)]
    index = np.searchsorted(starts, start_of(expected, period))
    known = (index < len(starts)) & np.isin(start_of(expected, period), starts)
    size = np.bincount(index[known], minlength=len(starts)).astype(float)
    at = start_of(absent, period)
    inside = np.isin(at, starts)
    index, absent = np.searchsorted(starts, at[inside]), absent[inside]
    lack = np.bincount(index, minlength=len(starts)).astype(float)
    daily = found.grid.step in ("daily", "weekday (Monday to Friday)")
    weekend = ~np.is_busday(absent.astype("datetime64[D]"))
    without = np.bincount(index, weights=weekend, minlength=len(starts)) > 0
    return _coverage(size, lack, without, period, "day" if daily else "row")


def by_window(window: Window, starts: Times, period: str) -> Coverage:
    """Return how much of each period lies in a window."""
    ends = end_of(starts, period)
    first = np.maximum(starts.astype("datetime64[us]"), window.first)
    end = np.minimum(ends.astype("datetime64[us]"), window.end)
    unit = np.timedelta64(1, "h") if period == "day" else DAY
    size = (ends - starts) / unit
    lack = size - np.maximum((end - first) / unit, 0.0)
    # Days of the weekend in the period, less those in the window.
    mask = "0000011"
    inside = np.busday_count(
        first.astype("datetime64[D]"),
        np.maximum(end, first).astype("datetime64[D]"),
        weekmask=mask,
    )
    without = np.busday_count(starts, ends, weekmask=mask) > inside
    return _coverage(size, lack, without, period, "hour" if period == "day" else "day")


def _coverage(size: Floats, lack: Floats, without: Mask, period: str, unit: str) -> Coverage:
    """Return the coverage of periods that lack so many of their rows, some of the weekend."""
    partial = (lack > 0) & (size > 1)  # of a row alone it is known whether it is there
    kept = _KEPT_DAY if period == "day" else _KEPT
    lopsided = partial & (size - lack < kept * size)
    if period == "week":
        lopsided |= partial & without
    words = []
    for n, whole in zip(lack.tolist(), size.tolist(), strict=True):
        verb = "lacks" if n == 1 else "lack"
        plural = "" if whole == 1 else "s"
        words.append(f"{n:.3g} of {whole:.3g} {unit}{plural} {verb}")
    return Coverage(partial, lopsided, words)


def _places(found: Regular, period: str) -> Times:
    """Return all places of a grid, to the outer ends of the first and the last period."""
    times, grid = found.times, found.grid
    last = int(grid.places[-1])
    step = max(int(np.diff(grid.time(np.arange(8))).min().astype(np.int64)), 1)
    before = times[0] - start_of(times[:1], period)[0].astype("datetime64[us]")
    end = end_of(start_of(times[-1:], period), period)[0].astype("datetime64[us]")
    n_before = min(int(before.astype(np.int64)) // step + 1, _MOST)
    n_after = min(int((end - times[-1]).astype(np.int64)) // step + 1, _MOST)
    places: Times = grid.time(np.arange(-n_before, last + n_after + 1)).astype("datetime64[us]")
    first, final = start_of(times[[0, -1]], period)
    periods = start_of(places, period)
    inside: Times = places[(periods >= first) & (periods <= final)]
    return inside


def _skipped_by_clocks(absent: Times) -> Mask:
    """Which absent times clocks can have skipped: an hour of a Sunday night of spring."""
    day = absent.astype("datetime64[D]")
    hour = (absent - day).astype("timedelta64[h]").astype(np.int64)
    month = day.astype("datetime64[M]").astype(np.int64) % 12 + 1
    sunday = (day.astype(np.int64) + 3) % 7 == 6
    night = sunday & (hour <= 3) & np.isin(month, _CLOCK_MONTHS)
    if not night.any() or np.all(absent == day.astype(absent.dtype)):
        return np.zeros(len(absent), bool)
    days, index = np.unique(day, return_inverse=True)
    hours = [len(set(hour[index == i])) for i in range(len(days))]
    alone: Mask = np.array(hours)[index] == 1
    skipped: Mask = night & alone
    return skipped
