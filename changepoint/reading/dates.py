"""Text -> times, for a whole column at once: dates as datetime64[us], or numbers."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError, Problem
from changepoint.reading.datestyles import (
    PLAIN_ISO,
    STYLES,
    TRIPLE,
    read_clock,
    split_clock,
    tried,
)
from changepoint.reading.dayorder import clock_format, format_of, in_no_order, read_triples
from changepoint.reading.numerals import MISSING, is_number, read_numbers
from changepoint.reading.spans import as_seasons, as_weeks, like_weeks
from changepoint.reading.table import Cells, Column, Table, prefixed, shown
from changepoint.reading.yearless import lack_year, with_years

Times = NDArray[Any]  # datetime64[us] or float64, shape (T,)

_EPOCHS = {"seconds": 0, "milliseconds": 3, "microseconds": 6, "nanoseconds": 9}
_SECONDS = (1e9, 4.2e9)  # since 1970, from 2001 to 2103: no count of anything else
_MONTH = "2020-01"  # the style that weeks may be mistaken for
_CORRECT = "Correct the cell, or remove the row"
_FIRST, _LAST = np.datetime64("0001-01-01", "us"), np.datetime64("9999-12-31T23:59:59.999999")


class TimesRead(NamedTuple):
    """A column of times, what was wrong in it, what was noticed; `Observations.date_format`."""

    times: Times
    problems: list[Problem]
    notes: tuple[str, ...] = ()
    written: str = ""


class _Stamps(NamedTuple):
    """The cells as local times and offsets from UTC, NaT where there is none."""

    local: NDArray[np.datetime64]
    offset: NDArray[np.timedelta64]
    rule: str  # what the cells without a time break
    written: str = ""  # the format, where day and month could stand in either order


def read_times(
    table: Table, date_format: str | None = None, year: int | None = None
) -> TimesRead:
    """Return the times of a table: dates, or numbers where these aren't dates.

    Dates without a year have that of the first row, where it was told.
    """
    cells = table.columns["time"].cells
    if isinstance(cells, list) and date_format is None:
        texts = [text for text in dict.fromkeys(cells) if text.lower() not in MISSING]
        if texts and lack_year(texts):
            return _yearless(table, cells, year)
    if year is not None:
        name = table.columns["time"].name
        raise DataError(
            prefixed(
                table.file,
                f"a year was told, and the times in column {name!r} aren't dates without one: "
                "leave it out",
            )
        )
    return _with_years(table, cells, date_format)


def _yearless(table: Table, cells: list[str], year: int | None) -> TimesRead:
    """Return dates that are written without a year."""
    if year is None:
        row = next(row for row, cell in enumerate(cells) if cell.lower() not in MISSING)
        rule = "a date without a year, as in the other rows"
        remedy = "Say the year of the first row: --year 2024 (year=2024 in Python)"
        return TimesRead(np.empty(0), [table.problem("time", row, rule, remedy)])
    dated = with_years(cells, year)
    column = table.columns["time"]._replace(cells=dated.cells)
    named = replace(table, columns={**table.columns, "time": column})
    read = _with_years(named, dated.cells, None)
    wrong = [
        table.problem("time", row, rule, "Give the year of the first row (--year)")
        for row, rule in dated.other_day.items()
    ]
    return read._replace(problems=read.problems + wrong, notes=dated.notes + read.notes)


def _with_years(table: Table, cells: Cells, date_format: str | None) -> TimesRead:
    """Return dates that are written with their year, and numbers."""
    name = table.columns["time"].name
    if date_format is None and (weeks := as_weeks(name, cells)) is not None:
        return _written_as(table, weeks, "its cells were read as ISO weeks")
    if date_format is None and (years := as_seasons(cells)) is not None:
        return _written_as(table, years, "its seasons were read as the years they begin in")
    if not isinstance(cells, list):
        return _ready(table, cells)
    if date_format is not None:
        return _assembled(table, _by_format(cells, date_format))
    plain = _plain_iso(cells)
    if plain is not None:
        return TimesRead(plain, [])
    texts = [text for text in dict.fromkeys(cells) if text.lower() not in MISSING]
    if texts and all(map(is_number, texts)):
        compact = _compact(cells, name)
        return _numeric(table) if compact is None else _assembled(table, compact)
    stamps = _by_style(table, cells)
    if stamps is None:
        return _numeric(table)
    return (
        TimesRead(np.empty(0), [stamps])
        if isinstance(stamps, Problem)
        else _assembled(table, stamps)
    )


def _written_as(table: Table, cells: list[str], note: str) -> TimesRead:
    """Return times that were written in another way, and say so."""
    name = table.columns["time"].name
    column = Column(name, cells)
    read = _with_years(replace(table, columns={**table.columns, "time": column}), cells, None)
    return read._replace(notes=(f"column {name!r}: {note}", *read.notes))


def _plain_iso(cells: list[str]) -> Times | None:
    """Read a column of ISO dates or time stamps fast; None if it isn't that throughout."""
    if not cells or not all(map(PLAIN_ISO.fullmatch, cells)):
        return None
    try:
        return np.array(cells, dtype="datetime64[us]")
    except ValueError:
        return None


def _ready(table: Table, cells: Times) -> TimesRead:
    """Check times that came as dates or numbers."""
    if cells.dtype.kind == "M":
        offset = np.full(len(cells), np.timedelta64("NaT", "us"))
        return _assembled(table, _Stamps(cells, offset, "the time is missing"))
    if len(cells) and np.all((cells >= 1e7) & (cells < 1e8) & (cells == np.floor(cells))):
        compact = _compact([str(int(cell)) for cell in cells], table.columns["time"].name)
        if compact is not None:
            return _assembled(table, compact)
    return _numeric(table)


def _numeric(table: Table) -> TimesRead:
    found, problems, notes = read_numbers(table, ["time"])
    times = found.get("time", np.empty(0))
    told = {problem.line for problem in problems}
    rule = "a time must be a finite number, or a date"
    for row in np.flatnonzero(~np.isfinite(times)):
        if int(table.lines[row]) not in told:
            problems.append(table.problem("time", int(row), rule, _CORRECT))
    return (
        _since_1970(table, times, notes) if not problems else TimesRead(times, problems, notes)
    )


def _since_1970(table: Table, times: Times, notes: tuple[str, ...]) -> TimesRead:
    """Return numbers as times, if all count seconds since 1970, or parts of them."""
    for unit, power in _EPOCHS.items():
        first, last = (edge * 10.0**power for edge in _SECONDS)
        if len(times) and np.all((times >= first) & (times < last) & (times == np.rint(times))):
            name = table.columns["time"].name
            note = f"column {name!r}: its numbers were read as {unit} since 1970, in UTC"
            micro = np.rint(times * 10.0 ** (6 - power)).astype(np.int64)
            return TimesRead(micro.astype("datetime64[us]"), [], (*notes, note))
    return TimesRead(times, [], notes)


def _by_style(table: Table, cells: list[str]) -> _Stamps | Problem | None:
    """Read dates in the style of all, or most, cells; None if these are numbers.

    Days and clock times are read apart: of each there are few, of pairs there may be many.
    """
    parts = [split_clock(cell) for cell in cells]
    texts = [text for text in dict.fromkeys(part[0] for part in parts)]
    present = [text for text in texts if text.lower() not in MISSING]
    style = _common_style(present)
    if style == "number":
        return None
    days: dict[str, date | None]
    written = ""
    if style == "triple":
        elsewhere = table.elsewhere.get("time", ())
        if (pair := in_no_order(elsewhere)) is not None:
            return _no_order(table, parts, pair)
        order = read_triples(present, elsewhere)
        if order.ambiguous is not None:
            return _which_order(table, parts, *order.ambiguous)
        days, rule = order.dates, f"a date in the order {order.name} was expected"
        written = next((form for t in present if (form := format_of(t, order.name))), "")
    else:
        example, read = STYLES[int(style)].example, STYLES[int(style)].read
        days = {text: tried(read, text) for text in present}
        rule = f"a real date like {example}, as in the other rows, was expected"
        if not any(days.values()):
            rule = "a date (such as 2020-01-31) or a number was expected"
        elif example == _MONTH and like_weeks(present):
            rule += "; weeks are written as 2020-W05, or stand in a column named as weeks"
    day = _spread((part[0] for part in parts), days.get, "datetime64[D]")
    clocks = {
        text: tried(read_clock, text) for text in dict.fromkeys(part[1] for part in parts)
    }
    elapsed = {text: clock and clock.elapsed for text, clock in clocks.items()}
    offsets = {text: clock and clock.offset for text, clock in clocks.items()}
    clock = _spread((part[1] for part in parts), elapsed.get, "timedelta64[us]")
    offset = _spread((part[1] for part in parts), offsets.get, "timedelta64[us]")
    return _Stamps(day + clock, offset, rule, written)


def _spread(
    cells: Iterable[str], value: Callable[[str], date | timedelta | None], dtype: str
) -> NDArray[Any]:
    """Return the value of each cell, NaT where it has none, computed once per text."""
    cells = list(cells)
    place = {text: index for index, text in enumerate(dict.fromkeys(cells))}
    values = np.array([value(text) for text in place], dtype=dtype)
    return values[np.fromiter(map(place.__getitem__, cells), np.intp, len(cells))]


def _common_style(texts: list[str]) -> int | str:
    """Return the style of all texts (an index of STYLES), or of the most of them."""
    tests: dict[int | str, Callable[[str], object]] = {
        index: style.pattern.fullmatch for index, style in enumerate(STYLES)
    }
    tests |= {"triple": TRIPLE.fullmatch, "number": is_number}
    for key, test in tests.items():
        if all(map(test, texts)):
            return key
    fits = {key: sum(1 for text in texts if test(text)) for key, test in tests.items()}
    return max(fits, key=lambda key: fits[key])


def _which_order(
    table: Table, parts: list[tuple[str, str]], text: str, formats: tuple[str, str]
) -> Problem:
    row = next(row for row, part in enumerate(parts) if part[0] == text)
    if table.typed:
        remedy = "Convert the column to dates first"
    else:
        first, second = (form + clock_format(parts[row][1]) for form in formats)
        remedy = (
            f"Say which: --date-format '{first}' or '{second}' (in Python, date_format=...)"
        )
    rule = "the order of day and month can't be told: all dates are possible in both"
    return table.problem("time", row, rule, remedy)


def _no_order(table: Table, parts: list[tuple[str, str]], pair: tuple[str, str]) -> Problem:
    row = next(row for row, part in enumerate(parts) if TRIPLE.fullmatch(part[0]))
    both = " and ".join(repr(shown(text)) for text in pair)
    rule = f"the order of day and month can't be told: none fits both {both} in this column"
    remedy = "Write all dates in one order, best as 2020-01-31, or read the files apart"
    return table.problem("time", row, rule, remedy)


def _by_format(cells: list[str], date_format: str) -> _Stamps:
    probe = datetime(2001, 12, 31, 23, 59, tzinfo=UTC)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's own about formats without a year
        back = tried(_there_and_back, probe, date_format)
        if back is None or back.year != probe.year:
            raise DataError(
                f"date format {date_format!r} can't be used: expected codes of strptime, each "
                "once, that include a year, such as %d/%m/%Y or %Y-%m-%d %H:%M"
            )
        dates = {
            text: tried(datetime.strptime, text, date_format) for text in dict.fromkeys(cells)
        }
    local = {text: stamp and stamp.replace(tzinfo=None) for text, stamp in dates.items()}
    offsets = {text: stamp and stamp.utcoffset() for text, stamp in dates.items()}
    return _Stamps(
        _spread(cells, local.get, "datetime64[us]"),
        _spread(cells, offsets.get, "timedelta64[us]"),
        f"a date of the form {date_format} was expected",
        date_format,
    )


def _there_and_back(stamp: datetime, form: str) -> datetime:
    """Write a date and read it again; ValueError where the format can't do both."""
    try:
        return datetime.strptime(stamp.strftime(form), form)
    except (re.error, LookupError) as error:  # a code that stands twice, a lone %
        raise ValueError(str(error)) from None


def _compact(cells: list[str], name: str) -> _Stamps | None:
    """Read YYYYMMDD (YYYYMM in a column called month); None where these are other numbers."""
    name = name.strip().lower()
    form = re.compile("[0-9]{6}" if name == "month" else "[0-9]{8}")

    def read(text: str) -> date:
        day = date(int(text[:4]), int(text[4:6]), int(text[6:] or 1))
        if not (form.fullmatch(text) and 1600 <= day.year <= 2200):
            raise ValueError(text)
        return day

    present = [text for text in dict.fromkeys(cells) if text.lower() not in MISSING]
    if not form.fullmatch(present[0]):
        return None
    days = {text: tried(read, text) for text in present}
    wrong = sum(1 for day in days.values() if day is None)
    # Under a name that means a day, one bad number is a bad date and no reason to doubt others.
    if wrong > (len(present) / 2 if name in ("date", "day") else 0):
        return None
    stamps = _spread(cells, days.get, "datetime64[us]")
    offset = np.full(len(cells), np.timedelta64("NaT", "us"))
    return _Stamps(stamps, offset, "a date of the form YYYYMMDD was expected")


def _assembled(table: Table, stamps: _Stamps) -> TimesRead:
    """Return the times in UTC, or what is wrong with them."""
    local, offset, rule, written = stamps
    aware = ~np.isnat(offset)
    utc = local - np.where(aware, offset, np.timedelta64(0, "us"))
    wrong = np.isnat(local) | (utc < _FIRST) | (utc > _LAST)
    mixed = ~wrong & ~aware & aware.any()
    problems = []
    for row in np.flatnonzero(wrong | mixed).tolist():
        why = "the time has no offset from UTC, and others have one" if mixed[row] else rule
        cell = table.columns["time"].cells[row]
        if isinstance(cell, str) and cell.lower() in MISSING:
            why = "the time is missing"
        problems.append(table.problem("time", row, why, _CORRECT))
    if problems or np.array_equal(utc, local):
        return TimesRead(local, problems, (), written)
    if np.all(local == local.astype("datetime64[D]")):
        kept = "all times are local midnights: kept as dates, without their UTC offsets"
        return TimesRead(local, [], (kept,), written)
    return TimesRead(utc, [], ("times with an offset were converted to UTC",), written)
