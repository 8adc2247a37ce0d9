"""Time zones: the clocks that rows are told by, where their times are kept in UTC."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError

US = "datetime64[us]"


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """Return a time zone by its name; DataError if there is none."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise DataError(
            f"there is no time zone {name!r}: expected a name such as Europe/Berlin"
        ) from None


def by_clocks(time: NDArray[Any], zone: str) -> NDArray[Any]:
    """Return times in UTC as the clocks of a zone show them, (T,); as they are, of none.

    Examples
    --------
    >>> utc = np.array(["2024-10-27T00:30", "2024-10-27T01:30"], "datetime64[us]")
    >>> by_clocks(utc, "Europe/Berlin").astype("datetime64[m]").tolist()[1]
    datetime.datetime(2024, 10, 27, 2, 30)
    """
    if not zone:
        return time
    there = zone_of(zone)
    shown = [_aware(at, there).replace(tzinfo=None) for at in time]
    return np.array(shown, US)


def told_by_clocks(at: np.datetime64, zone: str) -> str:
    """Return a time in UTC as the clocks of a zone show it, with the offset from UTC.

    Examples
    --------
    >>> told_by_clocks(np.datetime64("2024-10-27T01:30"), "Europe/Berlin")
    '2024-10-27T02:30+01:00'
    """
    shown = _aware(at, zone_of(zone))
    whole = not shown.second and not shown.microsecond
    return shown.isoformat(timespec="minutes" if whole else "auto")


def in_utc(told: datetime, zone: str) -> np.datetime64:
    """Return a time in UTC; without an offset it is one of the clocks of the zone, if any.

    Of an hour that comes twice, the first.

    Examples
    --------
    >>> in_utc(datetime(2024, 10, 27, 2, 30), "Europe/Berlin")
    np.datetime64('2024-10-27T00:30:00.000000')
    """
    if told.tzinfo is None:
        told = told.replace(tzinfo=zone_of(zone) if zone else UTC)
    return np.datetime64(told.astimezone(UTC).replace(tzinfo=None), "us")


def _aware(at: np.datetime64, zone: zoneinfo.ZoneInfo) -> datetime:
    plain: datetime = at.astype(US).item()
    return plain.replace(tzinfo=UTC).astimezone(zone)
