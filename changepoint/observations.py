"""The data: one row per time, columns by role."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from changepoint.errors import SHOWN, DataError
from changepoint.roles import RESPONSES as RESPONSES
from changepoint.roles import ROLES as ROLES
from changepoint.roles import behind
from changepoint.zones import by_clocks, told_by_clocks, zone_of

Floats = NDArray[np.float64]

DAY = "datetime64[D]"
BINARY_ROWS = 10  # in fewer, counts may be 0 and 1 by chance


@dataclass(frozen=True, eq=False)
class Observations:
    """A series of T rows: times, and numbers by role; NaN where a number is missing.

    The rows form the time grid: a row without data still counts in T, so that "30 rows" is
    the same length of time everywhere. What the numbers may be is not checked here but by
    the model they are used with (`Model.check`), because it depends on the likelihood.

    Parameters
    ----------
    count
        Events in each row, shape (T,).
    trials
        Trials behind each count, shape (T,).
    exposure
        Time, area or volume at risk behind each count, in units of your choice, shape (T,).
    rate
        Proportions whose trials are unknown, shape (T,).
    value
        Measurements, shape (T,).
    outcomes
        Counts by outcome, where a trial has one of C outcomes, such as the step of a funnel
        that was reached, shape (T, C), C at least 2. A row in which any of them is NaN counts
        as missing.
    outcome_names
        Names of the C outcomes; "0", "1", ... where none are given.
    time
        Dates, time stamps or numbers, ascending, shape (T,). May be absent.
    covariates
        Further columns by name, which `effects.Covariate` takes: numbers, NaN where missing, or
        categories as text, "" where missing, shape (T,).
    file, lines, columns
        Where the rows come from: the file, the line of each row (0 for a row that was added
        to fill the time grid), the column of each role. For messages.
    zone
        A time zone such as Europe/Berlin, by whose clocks rows are told, events are placed and
        hours and weekdays are known; `time` is in UTC then. "" where times are as they stand.
    date_format
        How the file writes its dates, in codes of strptime, where day and month could stand in
        either order; "" otherwise.
    copies
        The line of an earlier row that is the same in every column of the file, 0 where there
        is none, shape (T,); None where no time repeats.
    warnings
        What was noticed, and done, while reading.
    rows
        The rows as they stood in the file, where these are sums or means of them by period:
        they are checked too, as a sum can hide what is impossible.

    Raises
    ------
    DataError
        If there is no response (count, rate, value or outcomes), if lengths differ, if
        something isn't a number, or if outcomes don't have each a name of its own; or if a
        covariate is neither numbers nor text.

    Examples
    --------
    >>> Observations(count=[3, 1, 4], trials=[200, 150, 210])
    Observations(T=3, count, trials)
    >>> Observations(outcomes=[[7, 2], [8, 0], [6, 1]], outcome_names=("left", "bought"))
    Observations(T=3, 2 outcomes)
    """

    count: Floats | None = None
    trials: Floats | None = None
    exposure: Floats | None = None
    rate: Floats | None = None
    value: Floats | None = None
    outcomes: Floats | None = None
    outcome_names: tuple[str, ...] = ()
    time: NDArray[Any] | None = None
    covariates: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    file: str | None = None
    lines: NDArray[np.int64] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    date_format: str = ""
    zone: str = ""
    copies: NDArray[np.int64] | None = None
    warnings: tuple[str, ...] = ()
    rows: Observations | None = None

    def __post_init__(self) -> None:
        given = {role: _numbers(role, getattr(self, role)) for role in ROLES}
        for role, numbers in given.items():
            object.__setattr__(self, role, numbers)
        if all(given[role] is None for role in RESPONSES):
            raise DataError(f"observations need a response: {_responses()}")
        names = _names(self.outcome_names, given["outcomes"])
        object.__setattr__(self, "outcome_names", names)
        object.__setattr__(self, "time", _times(self.time))
        if self.zone:
            zone_of(self.zone)
            if self.time is None or self.time.dtype.kind != "M":
                raise DataError(f"the zone {self.zone} is about times, and there are none")
        object.__setattr__(self, "lines", _lines(self.lines))
        object.__setattr__(self, "file", None if self.file is None else str(self.file))
        if not isinstance(self.columns, Mapping):
            raise DataError(
                f"columns must be a dictionary {{role: column}}, not {self.columns!r}"
            )
        covariates = _covariates(self.covariates)
        object.__setattr__(self, "covariates", covariates)
        lengths = {role: len(numbers) for role, numbers in given.items() if numbers is not None}
        lengths |= {f"covariate {name!r}": len(c) for name, c in covariates.items()}
        if self.time is not None:
            lengths["time"] = len(self.time)
        if self.lines is not None:
            lengths["lines"] = len(self.lines)
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{role} has {length}" for role, length in lengths.items())
            raise DataError(f"all columns must have the same number of rows: {found}")

    def __len__(self) -> int:
        return len(self.column(self.response))

    def __repr__(self) -> str:
        parts = [f"T={len(self)}"]
        for role in ROLES:
            if getattr(self, role) is not None:
                several = f"{len(self.outcome_names)} " if role == "outcomes" else ""
                parts.append(f"{several}{role}")
        if self.time is not None and len(self):
            parts.insert(1, f"{self.label(0)} to {self.label(len(self) - 1)}")
        parts += [f"covariate {name}" for name in self.covariates]
        missing = len(self) - int(self.observed(self.response).sum())
        if missing:
            parts.append(f"{missing} missing")
        return "\n  ".join([f"Observations({', '.join(parts)})", *self.warnings])

    @property
    def response(self) -> str:
        """The role that a default likelihood explains."""
        return next(role for role in RESPONSES if getattr(self, role) is not None)

    def column(self, role: str) -> Floats:
        """Return the numbers of a role, (T,), outcomes (T, C); DataError if it is absent."""
        numbers: Floats | None = getattr(self, role)
        if numbers is None:
            present = ", ".join(r for r in ROLES if getattr(self, r) is not None)
            raise DataError(f"this needs a column for {role!r}; the data have: {present}")
        return numbers

    @property
    def single_trials(self) -> bool:
        """Whether each count is a trial of its own: 0 and 1, both of them, nothing beside."""
        if self.count is None or self.trials is not None or self.exposure is not None:
            return False
        return zero_and_one(self.count)

    def observed(self, role: str) -> NDArray[np.bool_]:
        """Return which rows have a number for a role, of outcomes all of them, shape (T,)."""
        missing = np.isnan(self.column(role))
        return ~(missing.any(axis=1) if missing.ndim == 2 else missing)

    def stamp(self, row: int) -> str | int | float:
        """Return the time of a row: an ISO date (a time stamp when not midnight), a number.

        With its offset from UTC where a zone is known; without times, the row itself.
        """
        return row if self.time is None else stamp_of(self.time[row], self.zone)

    @cached_property
    def clocks(self) -> NDArray[Any] | None:
        """The times as clocks show them, where a zone is known; else as they stand, (T,)."""
        return None if self.time is None else by_clocks(self.time, self.zone)

    def label(self, row: int) -> str:
        """Return the same as text."""
        return str(self.stamp(row))

    def fingerprint(self) -> str:
        """Return a short hash of times, numbers, names of outcomes, and covariates."""
        digest = hashlib.sha256()
        for name in ("time", *ROLES):
            numbers = getattr(self, name)
            if numbers is not None:
                digest.update(name.encode())
                digest.update(np.ascontiguousarray(numbers).tobytes())
        digest.update(self.zone.encode())
        for name in self.outcome_names:
            digest.update(f"{name}\0".encode())
        for name, column in self.covariates.items():
            told = column.tolist()
            digest.update(f"{name}\0{told!r}\0".encode(errors="backslashreplace"))
        return digest.hexdigest()[:16]


def stamp_of(time: Any, zone: str = "") -> str | int | float:
    """Return a time as text or number: an ISO date, a time stamp when not midnight.

    By the clocks of a zone where there is one, whose midnights these are, with its offset.
    """
    if zone:
        (shown,) = by_clocks(np.array([time]), zone)
        return stamp_of(shown) if shown == shown.astype(DAY) else told_by_clocks(time, zone)
    if not isinstance(time, np.datetime64):
        number: int | float = time.item()
        return int(number) if number == int(number) else number
    if time == time.astype(DAY):
        return str(time.astype(DAY))
    whole = time == time.astype("datetime64[s]")
    return str(time.astype("datetime64[s]") if whole else time)


def in_rows(time: NDArray[Any]) -> Floats:
    """Return times in mean distances of rows, measured from their middle, shape (T,)."""
    middle = (len(time) - 1) / 2
    elapsed = (time - time[0]).astype(float)
    x: Floats = elapsed / max(elapsed[-1], 1e-300) * 2 * middle - middle
    return x


def _responses() -> str:
    """Return the responses in words, with what can stand behind them."""
    told = [
        f"{role} (with {' or '.join(roles)})" if (roles := behind(role)) else role
        for role in RESPONSES
    ]
    return f"{', '.join(told[:-1])} or {told[-1]}"


def _numbers(role: str, numbers: ArrayLike | None) -> Floats | None:
    if numbers is None:
        return None
    if isinstance(numbers, np.ma.MaskedArray):
        numbers = np.where(np.ma.getmaskarray(numbers), np.nan, np.ma.getdata(numbers))
    try:
        kind = np.asarray(numbers).dtype
        if kind.kind in "cmM":
            raise TypeError(f"these are {kind}")
        array = np.array(numbers, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{role} must be numbers, NaN where missing: {error}") from None
    if role == "outcomes":
        _check_outcomes(array)
    elif array.ndim != 1:
        raise DataError(f"{role} must have one dimension (one number a row), not {array.ndim}")
    array.flags.writeable = False
    return array


def zero_and_one(numbers: Floats) -> bool:
    """Whether numbers are 0 and 1, both of them, where they aren't missing."""
    known = numbers[~np.isnan(numbers)]
    if len(known) < BINARY_ROWS:
        return False
    return bool(np.any(known == 0) and np.any(known == 1) and np.isin(known, (0, 1)).all())


def _check_outcomes(array: Floats) -> None:
    if array.ndim != 2:
        raise DataError(
            "outcomes must have two dimensions (a row per time, a column per outcome), not "
            f"{array.ndim}"
        )
    if array.shape[1] < 2:
        raise DataError(
            f"outcomes need two columns or more, not {array.shape[1]}: that nothing happened "
            "is an outcome too; else give a count, and trials"
        )


def _names(names: Iterable[str] | None, outcomes: Floats | None) -> tuple[str, ...]:
    """Return a name for each outcome."""
    if names is None:
        names = ()
    listed = isinstance(names, Iterable) and not isinstance(names, str)
    told = tuple(str(name) for name in (names if listed else [names]))
    if outcomes is None:
        if told:
            raise DataError(f"outcome_names are given, {names!r}, but no outcomes")
        return ()
    C = outcomes.shape[1]
    if told and (len(told) != C or len(set(told)) != C):
        raise DataError(f"outcome_names must be {C} names that differ, not {names!r}")
    return told or tuple(str(outcome) for outcome in range(C))


def _covariates(given: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
    """Return columns of numbers, or of text."""
    if not isinstance(given, Mapping):
        raise DataError(f"covariates must be a dictionary {{name: column}}, not {given!r}")
    found = {}
    for name, column in given.items():
        if not isinstance(name, str) or not name:
            raise DataError(f"a covariate's name must be text, not {name!r}")
        array = _covariate(column)
        if array is None or array.ndim != 1:
            raise DataError(
                f"the covariate {name!r} must be a number a row, NaN where missing, or a "
                f"category as text, '' where missing, not {column!r}"
            )
        array.flags.writeable = False
        found[name] = array
    return found


def _is_absent(cell: object) -> bool:
    """Whether it stands for nothing, in NumPy or pandas, whose NA doesn't compare."""
    kinds = ("NoneType", "NAType", "NaTType")
    return type(cell).__name__ in kinds or (isinstance(cell, float) and cell != cell)


def _covariate(column: ArrayLike) -> NDArray[Any] | None:
    """Return numbers, or text where some of it is; None of anything else, such as dates."""
    if isinstance(column, np.ma.MaskedArray):
        column = np.where(np.ma.getmaskarray(column), None, np.ma.getdata(column))  # type: ignore[call-overload]
    array = np.asarray(column)
    if array.dtype.kind not in "biufOUT":
        return None
    if array.dtype.kind == "O":
        cells = [None if _is_absent(cell) else cell for cell in array]
        if any(isinstance(cell, str) for cell in cells):
            array = np.array(["" if cell is None else str(cell) for cell in cells])
        else:
            array = np.array(cells, dtype=object)
    try:
        return array.astype(str if array.dtype.kind in "UT" else np.float64)
    except (TypeError, ValueError):
        return None


def _times(time: ArrayLike | None) -> NDArray[Any] | None:
    """Dates become datetime64[us]; numbers stay numbers."""
    if time is None:
        return None
    try:
        array = np.array(time)
        if array.dtype.kind in "bcm":
            raise TypeError(f"these are {array.dtype}")
        if array.dtype.kind not in "iuf":
            array = array.astype("datetime64[us]")
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"time must be dates, time stamps or numbers: {error}") from None
    if array.ndim != 1:
        raise DataError(f"time must have one dimension, not {array.ndim}")
    missing = np.flatnonzero(~np.isfinite(array))
    if len(missing):
        rows = ", ".join(str(row) for row in missing[:SHOWN])
        more = ", ..." if len(missing) > SHOWN else ""
        raise DataError(
            f"every row needs a time, but {len(missing)} have none (counted from 0: row {rows}"
            f"{more}). Fill them in, or leave out time altogether"
        )
    array.flags.writeable = False
    return array


def _lines(lines: ArrayLike | None) -> NDArray[np.int64] | None:
    if lines is None:
        return None
    array = np.array(lines)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise DataError(f"lines must be whole numbers, one a row, not {lines!r}")
    return array.astype(np.int64)
