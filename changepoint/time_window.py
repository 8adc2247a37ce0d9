"""A window of time, as rows."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError
from changepoint.observations import Observations
from changepoint.zones import in_utc

_OFFSET = re.compile(r"(.+[T ][0-9:.]+)(Z|[+-][0-9]{2}(?::?[0-9]{2})?)")
_MOMENT = np.timedelta64(1, "us")


class Covered(NamedTuple):
    """The rows of a window, (T,), and a note where it was widened to whole rows, else ""."""

    rows: NDArray[np.bool_]
    note: str


def rows_between(observations: Observations, first: Any, last: Any) -> Covered:
    """Return which rows a window of time covers, whole or in part.

    Parameters
    ----------
    first, last
        Dates, numbers, or rows where the data have no times; both included: a day, or a
        month, is included as a whole.

    Raises
    ------
    DataError
        If these aren't times, if the last is before the first, or if there are no rows
        between them.
    """
    T = len(observations)
    if not T:
        raise DataError(f"there are no rows between {first} and {last}, nor any others")
    low, high = _place(observations, first)[0], _place(observations, last)[1]
    return _covered(observations, (low, high), first, last)


def _covered(
    observations: Observations, ends: tuple[Any, Any], first: Any, last: Any
) -> Covered:
    """Return the rows between two moments, which were told so."""
    (low, high), T = ends, len(observations)
    stamps = np.arange(T) if observations.time is None else observations.time
    if low > high:
        raise DataError(
            f"the window ends, at {last}, before it begins, at {first}: exchange the two"
        )
    # A row lasts until the next one; the last, as long as the one before it.
    step = stamps[-1] - stamps[-2] if T > 1 else stamps[-1] - stamps[-1]
    if high < stamps[0] or (low > stamps[-1] and low >= stamps[-1] + step):
        told = f"{observations.label(0)} to {observations.label(T - 1)}"
        raise DataError(f"there are no rows between {first} and {last}; the data have {told}")
    begin = max(int(np.searchsorted(stamps, low, "right")) - 1, 0)
    end = int(np.searchsorted(stamps, high, "right"))
    note = ""
    if stamps[begin] < low:
        named = " to ".join(dict.fromkeys(map(observations.label, (begin, end - 1))))
        note = f"the window begins inside a row: it was widened to whole rows, {named}"
    rows = np.zeros(T, np.bool_)
    rows[begin:end] = True
    return Covered(rows, note)


def rows_since(observations: Observations, since: Any) -> Covered:
    """Return which rows lie after a time, or hold it.

    Raises
    ------
    DataError
        If this is no time, or later than the last row.

    Examples
    --------
    >>> import numpy as np
    >>> months = np.arange("2024-01", "2024-07", dtype="datetime64[M]")
    >>> rows_since(Observations(count=[1] * 6, time=months), "2024-05").rows.tolist()
    [False, False, False, False, True, True]
    """
    stamps = np.arange(len(observations)) if observations.time is None else observations.time
    last = stamps[-1]
    begin, _ = _place(observations, since, "since must be a time")
    step = last - stamps[-2] if len(stamps) > 1 else last - last
    end = observations.label(len(stamps) - 1)
    if begin > last and begin >= last + step:
        raise DataError(f"there are no rows since {since}: the data end with {end}")
    return _covered(observations, (begin, max(last, begin)), since, end)


def moment(time: Any, observations: Observations) -> Any:
    """Return the first moment of a time as compares with those of the data; None of no time."""
    ends = _ends(time, observations)
    return None if ends is None else ends[0]


def _place(
    observations: Observations, end: Any, rule: str = "first and last must be times"
) -> tuple[Any, Any]:
    """Return first and last moment of a time, as compares with those of the data."""
    ends = _ends(end, observations)
    if ends is None:
        raise DataError(f"{rule} such as {observations.label(0)}, not {end!r}")
    return ends


def _ends(end: Any, observations: Observations) -> tuple[Any, Any] | None:
    """Return first and last moment of a time; None where it is none.

    Without an offset from UTC it is one of the clocks of the data.
    """
    dates = observations.time is not None and observations.time.dtype.kind == "M"
    if isinstance(end, datetime) and end.tzinfo is not None:
        end = end.isoformat()
    apart = _OFFSET.fullmatch(end) if dates and isinstance(end, str) else None
    try:
        offset = datetime.fromisoformat(end).tzinfo if apart else None
        place = np.asarray(apart[1] if apart else end)
        if dates and place.dtype.kind not in "MUO":
            return None
        begin = place.astype("datetime64[us]" if dates else np.float64)
        if place.ndim or not np.isfinite(begin):
            return None
        if not dates:
            return begin, begin
        told = place.astype("datetime64")
        unit: Any = np.datetime_data(told.dtype)[0]  # such as that of days
        next_one = (told + np.timedelta64(1, unit)).astype("datetime64[us]")
        first, after = (
            in_utc(at.item().replace(tzinfo=offset), observations.zone)
            for at in (begin, next_one)
        )
        return first, max(after - _MOMENT, first)
    except (TypeError, ValueError, OverflowError, AttributeError):
        return None
