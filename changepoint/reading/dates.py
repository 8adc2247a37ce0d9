"""Text -> times, for a whole column at once: dates as datetime64[us], or numbers."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError, Problem
from changepoint.reading.datestyles import PLAIN_ISO, STYLES, TRIPLE, tried
from changepoint.reading.dayorder import read_triples
from changepoint.reading.numerals import MISSING, is_number, read_numbers
from changepoint.reading.table import Table

Times = NDArray[Any]  # datetime64[us] or float64, shape (T,)
Dates = dict[str, datetime | None]  # text -> its date, None where it isn't one

_CORRECT = "Correct the cell, or remove the row"
_MISSING = "the time is missing"


class TimesRead(NamedTuple):
    """A column of times, what was wrong in it, and what was noticed."""

    times: Times
    problems: list[Problem]
    notes: tuple[str, ...] = ()


class _Understood(NamedTuple):
    """The dates of a column's texts, and the rule that the others break."""

    dates: Dates
    rule: str


def read_times(table: Table, date_format: str | None) -> TimesRead:
    """Return the times of a table: dates, or numbers where these aren't dates."""
    name, cells = table.columns["time"]
    if not isinstance(cells, list):
        return _ready(table, cells)
    if date_format is None and (stamps := _plain_iso(cells)) is not None:
        return TimesRead(stamps, [])
    texts = [text for text in dict.fromkeys(cells) if text.lower() not in MISSING]
    if date_format is not None:
        understood = _by_format(texts, date_format)
    elif texts and all(map(is_number, texts)):
        compact = _compact(texts, name)
        if compact is None:
            return _numeric(table)
        understood = compact
    else:
        style = _common_style(texts)
        if style == "number":
            return _numeric(table)
        if style == "triple":
            order = read_triples([text for text in texts if TRIPLE.fullmatch(text)])
            if order.ambiguous:
                return TimesRead(np.empty(0), [_which_order(table, *order.ambiguous)])
            understood = _Understood(
                order.dates, f"a date in the order {order.name} was expected"
            )
        else:
            understood = _by_style(texts, style)
    return _assembled(table, cells, understood)


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
        rows = np.flatnonzero(np.isnat(cells))
        return TimesRead(
            cells, [table.problem("time", int(r), _MISSING, _CORRECT) for r in rows]
        )
    if len(cells) and np.all((cells >= 1e7) & (cells < 1e8) & (cells == np.floor(cells))):
        texts = [str(int(cell)) for cell in cells]
        compact = _compact(texts, table.columns["time"].name)
        if compact is not None:
            return _assembled(table, texts, compact)
    return _numeric(table)


def _numeric(table: Table) -> TimesRead:
    found, problems, notes = read_numbers(table, ["time"])
    times = found.get("time", np.empty(0))
    told = {problem.line for problem in problems}
    rule = "a time must be a finite number, or a date"
    for row in np.flatnonzero(~np.isfinite(times)):
        if int(table.lines[row]) not in told:
            problems.append(table.problem("time", int(row), rule, _CORRECT))
    return TimesRead(times, problems, notes)


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


def _by_style(texts: list[str], index: int | str) -> _Understood:
    style = STYLES[int(index)]
    dates = {text: tried(style.read, text) for text in texts}
    if not any(dates.values()):
        return _Understood(dates, "a date (such as 2020-01-31) or a number was expected")
    return _Understood(
        dates, f"a real date like {style.example}, as in the other rows, was expected"
    )


def _by_format(texts: list[str], date_format: str) -> _Understood:
    probe = datetime(2001, 12, 31, 23, 59)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's own about formats without a year
        back = tried(lambda form: datetime.strptime(probe.strftime(form), form), date_format)
        if back is None or back.year != probe.year:
            raise DataError(
                f"date format {date_format!r} can't be used: expected codes of strptime that "
                "include a year, such as %d/%m/%Y or %Y-%m-%d %H:%M"
            )
        dates = {text: tried(datetime.strptime, text, date_format) for text in texts}
    return _Understood(dates, f"a date of the form {date_format} was expected")


def _compact(texts: list[str], name: str) -> _Understood | None:
    """Read YYYYMMDD (YYYYMM in a column called month); None where these are other numbers."""
    name = name.strip().lower()
    form = re.compile("[0-9]{6}" if name == "month" else "[0-9]{8}")

    def build(text: str) -> datetime:
        date = datetime(int(text[:4]), int(text[4:6]), int(text[6:] or 1))
        if not (form.fullmatch(text) and 1600 <= date.year <= 2200):
            raise ValueError(text)
        return date

    if not form.fullmatch(texts[0]):
        return None
    dates = {text: tried(build, text) for text in texts}
    wrong = sum(1 for date in dates.values() if date is None)
    # Under a name that means a day, one bad number is a bad date and no reason to doubt others.
    if wrong > (len(texts) / 2 if name in ("date", "day") else 0):
        return None
    return _Understood(dates, "a date of the form YYYYMMDD was expected")


def _which_order(table: Table, text: str, formats: tuple[str, str]) -> Problem:
    if table.delimiter is None:  # a text file with a time column has one
        remedy = "Convert the column to dates first"
    else:
        remedy = "Say which: --date-format '{}' or '{}' (in Python, date_format=...)"
    rule = "the order of day and month can't be told: all dates are possible in both"
    row = list(table.columns["time"].cells).index(text)
    return table.problem("time", row, rule, remedy.format(*formats))


def _assembled(table: Table, cells: list[str], understood: _Understood) -> TimesRead:
    good = {text: date for text, date in understood.dates.items() if date is not None}
    aware = {text for text, date in good.items() if date.tzinfo is not None}
    wrong = dict.fromkeys(set(cells) - good.keys(), understood.rule)
    wrong |= {text: _MISSING for text in wrong if text.lower() in MISSING}
    if aware:
        mixed = "the time has no offset from UTC, and others have one"
        wrong |= dict.fromkeys(good.keys() - aware, mixed)
    if wrong:
        rules = ((row, wrong[cell]) for row, cell in enumerate(cells) if cell in wrong)
        problems = [table.problem("time", row, rule, _CORRECT) for row, rule in rules]
        return TimesRead(np.empty(0), problems)
    notes: tuple[str, ...] = ()
    if aware:
        good, notes = _without_offsets(good)
    stamps = np.array(list(good.values()), dtype="datetime64[us]")
    position = {text: index for index, text in enumerate(good)}
    rows = np.fromiter(map(position.__getitem__, cells), np.intp, len(cells))
    return TimesRead(stamps[rows], [], notes)


def _without_offsets(aware: dict[str, datetime]) -> tuple[dict[str, datetime], tuple[str, ...]]:
    local = {text: date.replace(tzinfo=None) for text, date in aware.items()}
    if not any(date.utcoffset() for date in aware.values()):
        return local, ()
    if all(
        date == date.replace(hour=0, minute=0, second=0, microsecond=0)
        for date in local.values()
    ):
        return local, (
            "all times are local midnights: kept as dates, without their UTC offsets",
        )
    utc = {text: date.astimezone(UTC).replace(tzinfo=None) for text, date in aware.items()}
    return utc, ("times with an offset were converted to UTC",)
