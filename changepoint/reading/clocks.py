"""Local clock times without a zone: the hour that comes twice in autumn; zones."""

from __future__ import annotations

import datetime
import zoneinfo
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError, Problem
from changepoint.observations import stamp_of
from changepoint.reading.datestyles import read_clock, split_clock, tried
from changepoint.reading.table import Table, prefixed, shown
from changepoint.reading.timegrid import Series, commonest
from changepoint.zones import zone_of

Mask = NDArray[np.bool_]
HOUR = np.timedelta64(3_600_000_000, "us")
_MONTHS = (3, 4, 9, 10, 11)  # in which clocks go back, somewhere
_LATEST = 3  # the hour of the night in which they do


def in_repeated_hour(time: NDArray[Any]) -> Mask:
    """Return which rows stand in an hour that came before, because a clock went back.

    So it is where times ascend, go back by less than an hour or not at all in a night of spring
    or autumn, and would go on as everywhere else if an hour were added.
    """
    found = np.zeros(len(time), bool)
    if time.dtype.kind != "M" or len(time) < 3:
        return found
    steps = np.diff(time)
    forward = steps[steps > np.timedelta64(0, "us")]
    if len(forward) in (0, len(steps)) or commonest(forward) > HOUR:
        return found
    usual = commonest(forward)
    month = time.astype("datetime64[M]").astype(np.int64) % 12 + 1
    hour = (time - time.astype("datetime64[D]")) // HOUR
    for before in np.flatnonzero(steps <= np.timedelta64(0, "us")).tolist():
        row = before + 1
        goes_on = time[row] + HOUR - time[before] == usual
        if goes_on and month[row] in _MONTHS and hour[row] <= _LATEST:
            end = row + int(np.argmax(np.append(time[row:] > time[before], True)))
            found[row:end] = True
    return found


def ascending(series: Series) -> tuple[Series, tuple[str, ...]]:
    """Return rows that descend throughout in reverse, and whether that was done.

    Times that repeat, and the hour that comes twice as clocks go back, are no obstacle.
    """
    time = series.time
    if time is None or len(time) < 2 or not time[0] > time[-1]:
        return series, ()
    reverse = time[::-1]
    if not np.all((reverse[1:] >= reverse[:-1]) | in_repeated_hour(reverse)[1:]):
        return series, ()
    note = "the rows are in descending order of time: read in reverse"
    return series.take(np.arange(len(time))[::-1]), (note,)


def refuse_offsets(table: Table, zone: str | None) -> None:
    """Refuse a zone for times that say their offset from UTC.

    Raises
    ------
    DataError
        If any does.
    """
    if zone is None or "time" not in table.columns:
        return
    for cell in table.columns["time"].cells:
        clock = tried(read_clock, split_clock(cell)[1]) if isinstance(cell, str) else None
        if clock is not None and clock.offset is not None:
            said = f"the times say their offset from UTC, such as {shown(cell)!r}"
            raise DataError(prefixed(table.file, f"{said}: leave out zone"))


def in_utc(series: Series, zone: str, file: str | None) -> tuple[Series, tuple[str, ...]]:
    """Return local times of a zone as UTC; an hour that comes twice is told by its order.

    Raises
    ------
    DataError
        If there is no such zone, if there are no clock times, or if there are times that its
        clocks skip.
    """
    local, time = zone_of(zone), series.time
    if time is None or time.dtype.kind != "M":
        raise DataError(prefixed(file, "a zone is about clock times, and there are none"))
    reverse = len(time) > 1 and bool(time[0] > time[-1])
    order = np.arange(len(time))[::-1] if reverse else np.arange(len(time))
    utc, problems = time.copy(), []
    offsets: dict[Any, tuple[np.timedelta64, np.timedelta64, bool]] = {}
    before = None
    for row in order.tolist():
        at = time[row]
        if at not in offsets:
            offsets[at] = _offsets(at, local)
        first, second, skipped = offsets[at]
        if skipped:
            rule = f"clocks of {zone} skip this time"
            remedy = "Correct it, or name the zone that the file was written in."
            value = str(stamp_of(at))
            problems.append(
                Problem(file, int(series.lines[row]), None, "time", value, rule, remedy)
            )
        now = at - first
        if first != second and before is not None and now <= before:
            now = at - second
        utc[row] = before = now
    if problems:
        raise DataError(
            prefixed(file, f"{len(problems)} times don't exist in {zone}"), problems
        )
    note = f"clock times were taken as those of {zone}"
    return replace(series, time=utc), (note,)


def _offsets(
    at: np.datetime64, zone: zoneinfo.ZoneInfo
) -> tuple[np.timedelta64, np.timedelta64, bool]:
    """Return the offset from UTC as a local time comes first, and again; if it is skipped."""
    plain = at.astype("datetime64[us]").item()
    found = []
    for fold in (0, 1):
        moment = plain.replace(tzinfo=zone, fold=fold)
        offset = moment.utcoffset() or datetime.timedelta()
        found.append(np.timedelta64(offset // datetime.timedelta(microseconds=1), "us"))
    # Of a skipped time the second offset is the larger one, of a repeated time the smaller.
    return found[0], found[1], bool(found[1] > found[0])
