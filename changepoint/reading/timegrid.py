"""The time grid: order, step, and the rows that are absent from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.observations import Floats, Observations, stamp_of

Indices = NDArray[np.int64]
DAY, MONTH = np.timedelta64(1, "D"), np.timedelta64(1, "M")
MOST_ADDED = 0.2  # of the rows present; beyond this the times count as irregular
_NAMED = 5  # absent rows named in the warning


@dataclass(frozen=True)
class Series:
    """Times and numbers of T rows on their way to Observations.

    `time` is datetime64[us], float64 or None; `numbers` are by role, those of outcomes (T, C);
    `covariates` are by name, numbers or text; `lines` are 0 for rows added to fill the grid;
    `copies` are the lines of earlier rows that say the same in every column, 0 where there is
    none, None where no time repeats.
    """

    time: NDArray[Any] | None
    numbers: dict[str, Floats]
    lines: Indices
    copies: Indices | None = None
    covariates: dict[str, NDArray[Any]] = field(default_factory=dict)

    def take(self, rows: NDArray[Any]) -> Series:
        """Return some rows, in the order given."""
        return Series(
            None if self.time is None else self.time[rows],
            {role: numbers[rows] for role, numbers in self.numbers.items()},
            self.lines[rows],
            None if self.copies is None else self.copies[rows],
            {name: column[rows] for name, column in self.covariates.items()},
        )

    def with_constants(self, constants: Mapping[str, float]) -> Series:
        """Return the rows with numbers that are the same in each of them."""
        full = {role: np.full(len(self.lines), number) for role, number in constants.items()}
        return replace(self, numbers={**self.numbers, **full})

    def observations(self, told: Mapping[str, Any], **more: Any) -> Observations:
        """Return the rows as Observations, with what is told of all of them."""
        fields: dict[str, Any] = {**self.numbers, **told, **more}
        return Observations(
            **fields,
            time=self.time,
            covariates=self.covariates,
            lines=self.lines,
            copies=self.copies,
        )


class Grid(NamedTuple):
    """A regular grid: its step in words, each row's place on it, the time of any place."""

    step: str
    places: Indices
    time: Callable[[Indices], NDArray[Any]]


def on_grid(series: Series, zone: str = "") -> tuple[Series, tuple[str, ...]]:
    """Return rows in ascending order on a regular grid, and what was done to them.

    Times that repeat or go back and forth stay as they are, for the model's check to report.
    """
    time = series.time
    if time is None or len(time) < 3 or np.any(time[1:] <= time[:-1]):
        return series, ()
    grid = find_grid(time)
    added = -1 if grid is None else int(grid.places[-1]) + 1 - len(time)
    if grid is None or added > MOST_ADDED * len(time):
        return series, (_irregular(time, grid, added),)
    if added == 0:
        return series, ()
    absent = np.setdiff1d(np.arange(grid.places[-1] + 1), grid.places, assume_unique=True)
    return _filled(series, grid, absent), (_report(grid, absent, zone),)


def _filled(series: Series, grid: Grid, absent: Indices) -> Series:
    assert series.time is not None
    length = len(series.lines) + len(absent)
    time = np.empty(length, series.time.dtype)
    time[grid.places], time[absent] = series.time, grid.time(absent)
    numbers = {}
    for role, present in series.numbers.items():
        numbers[role] = np.full((length, *present.shape[1:]), np.nan)
        numbers[role][grid.places] = present
    lines = np.zeros(length, np.int64)
    lines[grid.places] = series.lines
    covariates = {}
    for name, column in series.covariates.items():
        covariates[name] = np.full(
            length, "" if column.dtype.kind == "U" else np.nan, column.dtype
        )
        covariates[name][grid.places] = column
    return Series(time, numbers, lines, covariates=covariates)


def _irregular(time: NDArray[Any], grid: Grid | None, added: int) -> str:
    why = "" if grid is None else f" ({added} rows would be absent from a {grid.step} grid)"
    note = (
        f"the times of the {len(time)} rows are irregular{why}: no rows were added, and "
        "changes are counted in rows, as if equally spaced (lines alone know the times)"
    )
    if time.dtype.kind == "M":
        note += "; --aggregate day, week or month (aggregate= in Python) sums counts by period"
    return note


def _report(grid: Grid, absent: Indices, zone: str) -> str:
    times = grid.time(absent[:_NAMED])
    if zone:
        names = [str(stamp_of(time, zone)) for time in times]
    elif times.dtype.kind == "M":
        names = [str(name) for name in np.datetime_as_string(times, unit="auto")]
    else:
        names = [f"{number:.12g}" for number in times]
    if len(absent) > _NAMED:
        names.append(f"and {len(absent) - _NAMED} more")
    rows = "1 row is" if len(absent) == 1 else f"{len(absent)} rows are"
    counts = "counts" if len(absent) == 1 else "count"
    return (
        f"{rows} absent from the {grid.step} grid and {counts} as missing: {', '.join(names)}"
    )


def find_grid(time: NDArray[Any]) -> Grid | None:
    """Return the grid on which strictly ascending times sit, None if they sit on none."""
    if time.dtype.kind != "M":
        return _numeric(time)
    return _monthly(time) or _weekdays(time) or _constant(time)


def commonest(steps: NDArray[Any]) -> Any:
    """Return the commonest step, the smallest of several."""
    values, counts = np.unique(steps, return_counts=True)
    return values[counts.argmax()]


def _monthly(time: NDArray[Any]) -> Grid | None:
    """Months, quarters, years: the same day of each month, or its last day."""
    day, month = time.astype("datetime64[D]"), time.astype("datetime64[M]")
    clock = time - day
    number = month.astype(np.int64)
    steps = np.diff(number)
    step = int(commonest(steps))
    at_end = np.all((day + DAY).astype("datetime64[M]") > month)
    day_of_month = day - month.astype("datetime64[D]")
    same_day = np.all(day_of_month == day_of_month[0])
    if not (at_end or same_day) or np.any(clock != clock[0]) or steps.min() < 1:
        return None
    if np.any(steps % step):
        return None

    def at(places: Indices) -> NDArray[Any]:
        months = month[0] + places * step * MONTH
        last = (months + MONTH).astype("datetime64[D]") - DAY
        same = months.astype("datetime64[D]") + day_of_month[0]
        filled: NDArray[Any] = (last if at_end else np.minimum(same, last)) + clock[0]
        return filled

    names = {1: "monthly", 3: "quarterly", 12: "yearly"}
    return Grid(names.get(step, f"{step}-month"), (number - number[0]) // step, at)


def _weekdays(time: NDArray[Any]) -> Grid | None:
    """Monday to Friday, without weekends."""
    day = time.astype("datetime64[D]")
    clock = time - day
    if np.any(clock != clock[0]) or not np.all(np.is_busday(day)):
        return None
    steps = np.diff(day).astype(np.int64)
    if commonest(steps) != 1 or np.all(np.diff(np.busday_count(day[0], day)) == steps):
        return None  # other steps, or no weekend in between: plain days
    return Grid(
        "weekday (Monday to Friday)",
        np.busday_count(day[0], day).astype(np.int64),
        lambda places: np.busday_offset(day[0], places) + clock[0],
    )


def _constant(time: NDArray[Any]) -> Grid | None:
    """Weeks, days, hours: any constant number of microseconds."""
    elapsed = (time - time[0]).astype(np.int64)
    step = int(commonest(np.diff(elapsed)))
    if np.any(elapsed % step):
        return None
    names = {604800: "weekly", 86400: "daily", 3600: "hourly", 60: "minutely", 1: "secondly"}
    seconds = step / 1e6
    name = names.get(int(seconds) if seconds == int(seconds) else 0)
    if name is None:
        unit, size = next(
            (
                (u, s)
                for u, s in (("day", 86400), ("hour", 3600), ("minute", 60))
                if not seconds % s
            ),
            ("second", 1),
        )
        name = f"{seconds / size:g}-{unit}"
    return Grid(
        name, elapsed // step, lambda places: time[0] + places * np.timedelta64(step, "us")
    )


def _numeric(time: Floats) -> Grid | None:
    """Numbers a constant step apart, rounded ones included (decimal years)."""
    with np.errstate(all="ignore"):  # times may be as far apart as numbers can be
        steps = np.diff(time)
        # Nine digits: 0.2 - 0.1 and 0.3 - 0.2 differ in the last place.
        size = 10.0 ** np.floor(np.log10(np.median(steps)) - 8)
        step = float(commonest(np.round(steps / size))) * size
        if not 0 < step < np.inf:
            return None
        multiples = np.round(steps / step)
        if not np.all((multiples >= 1) & (multiples < 1e15)):
            return None
        if np.any(np.abs(steps / step - multiples) > 0.01):
            return None
    places = np.concatenate([[0], np.cumsum(multiples)]).astype(np.int64)

    def at(absent: Indices) -> NDArray[Any]:
        filled: NDArray[Any] = np.interp(absent, places, time)
        return filled

    return Grid(f"step-{step:.6g}", places, at)
