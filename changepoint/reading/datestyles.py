"""The ways in which dates and clock times can be written in text, one pattern each."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    "sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_NUMBER = {name[:3]: month for month, name in enumerate(_MONTHS.split("|"), 1)}
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+)?"
_YEAR = "(?P<y>[0-9]{4})"
_SHORT_YEAR = "(?P<y>[0-9]{4}|[0-9]{2})"
_MONTH = "(?P<m>[0-9]{1,2})"
_NAME = rf"(?P<b>{_MONTHS})\.?"
_DAY = "(?P<d>[0-9]{1,2})"
_ORDINAL = rf"{_DAY}(?:st|nd|rd|th)?"


class Style(NamedTuple):
    """One way to write dates: an example for messages, and a pattern."""

    example: str
    pattern: re.Pattern[str]

    def read(self, text: str) -> date:
        """Return the date; ValueError if there is none, as on 31 February."""
        match = self.pattern.fullmatch(text)
        if match is None:
            raise ValueError(text)
        part = match.groupdict()
        year = full_year(part["y"])
        if "w" in part:
            return date.fromisocalendar(year, int(part["w"]), int(part["wd"] or 1))
        if "q" in part:
            return date(year, 3 * int(part["q"]) - 2, 1)
        month = _NUMBER[part["b"][:3].lower()] if "b" in part else int(part["m"])
        return date(year, month, int(part.get("d") or 1))


def _style(example: str, pattern: str) -> Style:
    return Style(example, re.compile(pattern, re.I))


STYLES = (
    _style("2020-01-31", rf"{_YEAR}(?P<s>[-/.]){_MONTH}(?P=s){_DAY}"),
    _style("2020-01", rf"{_YEAR}[-/]{_MONTH}"),
    _style("2020-W05", rf"{_YEAR}-?W(?P<w>[0-9]{{1,2}})(?:-?(?P<wd>[1-7]))?"),
    _style("2020-Q1", rf"{_YEAR}[-\s]?Q(?P<q>[1-4])"),
    _style("Q1 2020", rf"Q(?P<q>[1-4])[-/\s]{_YEAR}"),
    _style("31 Jan 2020", rf"{_WEEKDAY}{_ORDINAL}[\s.-]+{_NAME}[\s,.-]+{_SHORT_YEAR}"),
    _style("Jan 31, 2020", rf"{_WEEKDAY}{_NAME}\s+{_ORDINAL},?\s+{_YEAR}"),
    _style("Jan 2020", rf"{_NAME}[\s,-]+{_YEAR}"),
    _style("Jan-20", rf"{_NAME}(?:-|\s')(?P<y>[0-9]{{2}})"),
    _style("2020 Jan 31", rf"{_YEAR}[\s-]{_NAME}(?:[\s-]{_DAY})?"),
)

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# Dates without a year, which yearless.py puts to them.
YEARLESS = re.compile(
    rf"{_WEEKDAY}(?:(?P<b>{_MONTHS})\.?\s+{_ORDINAL}"
    rf"|(?P<d2>[0-9]{{1,2}})(?:st|nd|rd|th)?[\s.-]+(?P<b2>{_MONTHS})\.?)",
    re.I,
)

# Day and month in either order, decided in dayorder.py from the whole column.
TRIPLE = re.compile(
    rf"(?P<a>[0-9]{{1,2}})(?P<s>[/.-]\s?)(?P<b>[0-9]{{1,2}})(?P=s){_SHORT_YEAR}"
)

# What numpy reads at once, for whole columns.
PLAIN_ISO = re.compile(
    "[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]{1,6})?)?)?"
)

_DATE_AND_CLOCK = re.compile(r"(.+?)(?:T|,?\s+)([0-9]{1,2}:.*)", re.I)
CLOCK = re.compile(
    r"(?P<H>[0-9]{1,2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]+))?)?"
    r"\s*(?P<p>[ap]\.?m\.?)?\s*(?P<z>Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?",
    re.I,
)


class Clock(NamedTuple):
    """A clock time, and its offset from UTC where it has one."""

    elapsed: timedelta
    offset: timedelta | None


def split_clock(text: str) -> tuple[str, str]:
    """Return the date and the clock time of a text, "" where there is none."""
    match = _DATE_AND_CLOCK.fullmatch(text) if ":" in text else None
    return (match[1], match[2]) if match else (text, "")


def read_clock(text: str) -> Clock:
    """Return a clock time; ValueError if there is none, as at 24:30."""
    if not text:
        return Clock(timedelta(0), None)
    match = CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(text)
    hour, minute, second = (int(match[part] or 0) for part in "HMS")
    if match["p"]:
        if not 1 <= hour <= 12:
            raise ValueError(text)
        hour = hour % 12 + (12 if match["p"][0] in "pP" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(text)
    fraction = int(((match["f"] or "") + "000000")[:6])
    elapsed = timedelta(hours=hour, minutes=minute, seconds=second, microseconds=fraction)
    zone = match["z"]
    if zone is None:
        return Clock(elapsed, None)
    if zone[0] not in "+-":
        return Clock(elapsed, timedelta(0))
    size = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:].lstrip(":") or 0))
    return Clock(elapsed, -size if zone[0] == "-" else size)


def full_year(digits: str) -> int:
    """Return a year from its two or four digits; 69-99 are 1969-1999, as in strptime."""
    year = int(digits)
    if len(digits) > 2:
        return year
    return year + (1900 if year >= 69 else 2000)


def tried[T](build: Callable[..., T], *arguments: object) -> T | None:
    """Return what is built, None if there is no such date."""
    try:
        return build(*arguments)
    except (ValueError, OverflowError):
        return None


def is_date(cell: str) -> bool:
    """Whether a stripped cell is written like a date, be it a real one or not."""
    text = split_clock(cell)[0]
    patterns = (TRIPLE, YEARLESS, *(style.pattern for style in STYLES))
    return any(pattern.fullmatch(text) for pattern in patterns)
