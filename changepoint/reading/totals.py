"""Running totals, and what each row adds to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import SHOWN, DataError
from changepoint.observations import Floats
from changepoint.reading.table import prefixed
from changepoint.reading.timegrid import Series

_ROWS = 10  # fewer may ascend by chance
_LOW = 0.2  # of the last number: where a total that is known from its beginning starts
_MOVING = 0.5  # of the rows add something
_RESPONSES = ("count", "value", "outcomes")
_BESIDE = ("trials", "exposure")


def is_total(numbers: Floats, time: NDArray[Any] | None) -> bool:
    """Whether numbers never fall, start low and go on rising, as a running total does."""
    rows = np.flatnonzero(np.isfinite(numbers))
    known = numbers[rows]
    if len(known) < _ROWS or known[0] < 0 or not _never_falls(known):
        return False
    steps = np.diff(known)
    apart = np.diff(rows if time is None else time[rows].astype(np.float64))
    slope = steps / np.where(apart > 0, apart, 1.0)
    if np.ptp(slope) <= 1e-9 * slope.max():
        return False  # a line: it counts something off, as an index does
    return bool(known[0] <= _LOW * known[-1] and np.mean(steps > 0) > _MOVING)


def check_difference(difference: bool | None, period: str | None) -> None:
    """Refuse differences beside sums."""
    if difference and period is not None:
        raise DataError("difference and aggregate can't be used together: give one of the two")


def of_totals(
    series: Series, columns: Mapping[str, str], file: str | None, difference: bool | None
) -> tuple[Series, tuple[str, ...]]:
    """Return the differences, where they are wanted; else say what looks like a total."""
    if difference:
        return differences(series, columns, file)
    return series, said_of_totals(series, columns)


def said_of_totals(series: Series, columns: Mapping[str, str]) -> tuple[str, ...]:
    """Say which response looks like a running total."""
    return tuple(
        f"column {columns.get(role, role)!r} never falls and starts low: if it is a running "
        "total, take what each row adds with --difference (difference=True in Python)"
        for role in ("count", "value")
        if role in series.numbers and is_total(series.numbers[role], series.time)
    )


def differences(
    series: Series, columns: Mapping[str, str], file: str | None
) -> tuple[Series, tuple[str, ...]]:
    """Return what each row adds to the running total of the row before it.

    The first row is left out: what it adds isn't known. So is, as missing, what is added after
    a missing row. Trials and exposure are taken for totals too where they never fall.

    Raises
    ------
    DataError
        If there is no total, or one that falls.
    """
    roles = [role for role in _RESPONSES if role in series.numbers]
    if not roles:
        raise DataError(prefixed(file, "--difference is about a count, a value or outcomes"))
    for role in roles:
        _check(series, role, columns.get(role, role), file)
    roles += [
        r for r in _BESIDE if r in series.numbers and is_total(series.numbers[r], series.time)
    ]
    rest = series.take(np.arange(1, len(series.lines)))
    numbers = {
        role: np.diff(series.numbers[role], axis=0) if role in roles else kept
        for role, kept in rest.numbers.items()
    }
    names = ", ".join(repr(columns.get(role, role)) for role in roles)
    note = f"running totals ({names}) became what each row adds; the first row is left out"
    return replace(rest, numbers=numbers), (note,)


def _never_falls(known: Floats) -> bool:
    return bool(np.all(known[1:] >= known[:-1]))


def _check(series: Series, role: str, column: str, file: str | None) -> None:
    total = series.numbers[role]
    rows = np.flatnonzero(~np.isnan(total if total.ndim == 1 else total.sum(axis=1)))
    fell = np.diff(total[rows], axis=0) < 0
    places = rows[1:][fell if fell.ndim == 1 else fell.any(axis=1)]
    if len(places):
        lines = ", ".join(str(series.lines[place]) for place in places[:SHOWN])
        more = ", ..." if len(places) > SHOWN else ""
        raise DataError(
            prefixed(
                file,
                f"column {column!r} is no running total, as --difference needs: it falls in "
                f"line {lines}{more}. Correct it, or leave out --difference",
            )
        )
