"""Dates without a year, such as "Sat, Oct 11": what they need, and the year put to them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from changepoint.errors import DataError
from changepoint.reading.datestyles import STYLES, WEEKDAYS, YEARLESS, split_clock, tried

_LEAP = 2000
_TURN = 150  # days that rows jump at the turn of a year, at least
_MOST = 0.9  # of the cells have no year


class Dated(NamedTuple):
    """The cells with a year, what was noticed, and rows of another weekday."""

    cells: list[str]
    notes: tuple[str, ...]
    other_day: dict[int, str]


def lack_year(texts: Sequence[str]) -> bool:
    """Whether dates, with or without clock times, are written without a year."""
    found = sum(1 for text in texts if YEARLESS.fullmatch(split_clock(text)[0]))
    return found > _MOST * len(texts)


def check_year(year: object) -> None:
    """Refuse what is no year."""
    whole = isinstance(year, int) and not isinstance(year, bool)
    if year is not None and not (whole and 1 <= int(str(year)) <= 9999):
        raise DataError(f"year is that of the first row, such as 2024, not {year!r}")


def with_years(cells: Sequence[str], year: int) -> Dated:
    """Return the cells with a year each: that of the first row, one more after each December.

    Rows that go back in time throughout have one less after each January.
    """
    texts = [split_clock(cell) for cell in cells]
    days = {text: _of_year(text, _LEAP) for text in dict.fromkeys(text for text, _ in texts)}
    known = [(row, days[text]) for row, (text, _) in enumerate(texts) if days[text] is not None]
    steps = {
        row: (day - before).days
        for (_, before), (row, day) in itertools.pairwise(known)
        if before is not None and day is not None
    }
    back = sum(1 for step in steps.values() if step < 0) > len(steps) / 2
    years, own = [], year
    for row in range(len(cells)):
        step = steps.get(row, 0)
        # Rows that are out of order go back by less: the check of times tells of them.
        if back and step > _TURN:
            own -= 1
        elif not back and step < -_TURN:
            own += 1
        years.append(own)
    dated, other_day = [], {}
    for row, ((text, clock), own) in enumerate(zip(texts, years, strict=True)):
        day = _of_year(text, own)
        said = re.match("[a-z]{3}", text.lower())
        if day is not None and said and said[0] in WEEKDAYS:
            real = WEEKDAYS[day.weekday()]
            if said[0] != real:
                other_day[row] = f"{day} is a {real.capitalize()}: another year?"
        written = text if day is None else day.isoformat()
        dated.append(f"{written} {clock}".rstrip())
    span = f"{year}" if own == year else f"{year} to {own}"
    return Dated(dated, (f"dates without a year: read as those of {span}",), other_day)


def _of_year(text: str, year: int) -> date | None:
    """Return the date of a year, None if that has no such day."""
    match = YEARLESS.fullmatch(text)
    if match is None:
        return None
    name = match["b"] or match["b2"]
    written = f"{name.rstrip('.')} {match['d'] or match['d2']}, {year:04}"
    style = next(style for style in STYLES if style.pattern.fullmatch(written))
    return tried(style.read, written)
