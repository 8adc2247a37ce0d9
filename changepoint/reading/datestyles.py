"""The ways in which a date can be written in text, one pattern each."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    "sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_NUMBER = {name[:3]: month for month, name in enumerate(_MONTHS.split("|"), 1)}
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+)?"
_CLOCK = (
    r"(?:(?:T|,?\s+)(?P<H>[0-9]{1,2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]+))?)?"
    r"\s*(?P<p>[ap]\.?m\.?)?\s*(?P<z>Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_YEAR = "(?P<y>[0-9]{4})"
_DAY = "(?P<d>[0-9]{1,2})"
_NAME = rf"(?P<b>{_MONTHS})\.?"
_SHORT = "(?P<y>[0-9]{4}|[0-9]{2})"


def _built(match: re.Match[str]) -> datetime:
    """Return the date of a match; ValueError if there is none, as on 31 February."""
    part = match.groupdict()
    year = full_year(part["y"])
    if "w" in part:
        return datetime.fromisocalendar(year, int(part["w"]), int(part["wd"] or 1))
    if "q" in part:
        return datetime(year, 3 * int(part["q"]) - 2, 1)
    month = _NUMBER[part["b"][:3].lower()] if "b" in part else int(part["m"])
    return with_clock(datetime(year, month, int(part.get("d") or 1)), part)


def full_year(digits: str) -> int:
    """Return a year from its two or four digits; 69-99 are 1969-1999, as in strptime."""
    year = int(digits)
    if len(digits) > 2:
        return year
    return year + (1900 if year >= 69 else 2000)


def with_clock(day: datetime, part: dict[str, str | None]) -> datetime:
    """Add the clock time of a match to its day."""
    if part.get("H") is None:
        return day
    hour = int(part["H"] or 0)
    if part["p"]:
        if not 1 <= hour <= 12:
            raise ValueError(f"{hour} {part['p']}")
        hour = hour % 12 + (12 if part["p"][0] in "pP" else 0)
    fraction = ((part["f"] or "") + "000000")[:6]
    moment = day.replace(
        hour=hour,
        minute=int(part["M"] or 0),
        second=int(part["S"] or 0),
        microsecond=int(fraction),
    )
    zone = part["z"]
    if zone is None:
        return moment
    if zone[0] not in "+-":
        return moment.replace(tzinfo=UTC)
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return moment.replace(tzinfo=timezone(-offset if zone[0] == "-" else offset))


def tried(build: Callable[..., datetime], *arguments: object) -> datetime | None:
    """Return the date that is built, None if there is no such date."""
    try:
        date = build(*arguments)
        if date.tzinfo is not None:
            date.astimezone(UTC)  # may leave the calendar
        return date
    except (ValueError, OverflowError):
        return None


class Style(NamedTuple):
    """One way to write dates: an example for messages, a pattern, and how to build the date."""

    example: str
    pattern: re.Pattern[str]
    build: Callable[[re.Match[str]], datetime]

    def read(self, text: str) -> datetime:
        """Return the date; ValueError if there is none."""
        match = self.pattern.fullmatch(text)
        if match is None:
            raise ValueError(text)
        return self.build(match)


def _style(example: str, pattern: str) -> Style:
    return Style(example, re.compile(pattern, re.I), _built)


# What numpy reads at once, for whole columns.
PLAIN_ISO = re.compile(
    "[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]{1,6})?)?)?"
)

# The first is that of the standard library, which is ten times faster.
_ISO = Style(
    "2020-01-31",
    re.compile(
        "[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
        "(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
    ),
    lambda match: datetime.fromisoformat(match[0]),
)
STYLES = (
    _ISO,
    _style("2020-01-31", rf"{_YEAR}(?P<s>[-/.])(?P<m>[0-9]{{1,2}})(?P=s){_DAY}{_CLOCK}"),
    _style("2020-01", rf"{_YEAR}[-/](?P<m>[0-9]{{1,2}})"),
    _style("2020-W05", rf"{_YEAR}-?W(?P<w>[0-9]{{1,2}})(?:-?(?P<wd>[1-7]))?"),
    _style("2020-Q1", rf"{_YEAR}[-\s]?Q(?P<q>[1-4])"),
    _style("Q1 2020", rf"Q(?P<q>[1-4])[-/\s]{_YEAR}"),
    _style(
        "31 Jan 2020",
        rf"{_WEEKDAY}{_DAY}(?:st|nd|rd|th)?[\s.-]+{_NAME}[\s,.-]+{_SHORT}{_CLOCK}",
    ),
    _style("Jan 31, 2020", rf"{_WEEKDAY}{_NAME}\s+{_DAY}(?:st|nd|rd|th)?,?\s+{_YEAR}{_CLOCK}"),
    _style("Jan 2020", rf"{_NAME}[\s,-]+{_YEAR}"),
    _style("Jan-20", rf"{_NAME}(?:-|\s')(?P<y>[0-9]{{2}})"),
    _style("2020 Jan 31", rf"{_YEAR}[\s-]{_NAME}(?:[\s-]{_DAY})?"),
)


# Day and month in either order, decided in dayorder.py from the whole column.
TRIPLE = re.compile(
    rf"(?P<a>[0-9]{{1,2}})(?P<s>[/.-]\s?)(?P<b>[0-9]{{1,2}})(?P=s){_SHORT}{_CLOCK}", re.I
)


def is_date(cell: str) -> bool:
    """Whether a stripped cell is written like a date, be it a real one or not."""
    patterns = (TRIPLE, *(style.pattern for style in STYLES))
    return any(pattern.fullmatch(cell) for pattern in patterns)
