"""Times that options say, in the ways that the file may write them: 12.09.2024, 2024-W37."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone
from typing import NamedTuple

from changepoint.errors import DataError
from changepoint.events import Event
from changepoint.observations import Observations
from changepoint.reading.datestyles import (
    CLOCK,
    STYLES,
    TRIPLE,
    Style,
    read_clock,
    split_clock,
    tried,
)
from changepoint.reading.dayorder import ORDERS, in_order, orders_of
from changepoint.reading.spans import as_weeks

_CLOCK = r"[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?"
_ISO = re.compile(rf"[0-9]{{4}}(?:-[0-9]{{2}}(?:-[0-9]{{2}}(?:[T ]{_CLOCK})?)?)?")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_COMPACT = re.compile("[0-9]{8}")


class Said(NamedTuple):
    """The first and the last of what a time covers, as ISO dates, or numbers as text.

    The two are the same but for weeks and quarters: a month is told as such, 2024-09.
    """

    first: str
    last: str


def said(text: str, observations: Observations | None = None) -> Said:
    """Return a time as it is known to the package.

    Parameters
    ----------
    text
        An ISO date, with a clock time or without; a number; or a date in one of the ways that
        a file may write it. Day and month stand in the order of the file, if it has one. What
        is none of these is returned as it is.
    observations
        Of the file; None where it is not known.

    Raises
    ------
    DataError
        If it can be two dates, or isn't a real one.

    Examples
    --------
    >>> said("12.09.2024").first, said("Sep 2024").first, said("2024-W37")
    ('2024-09-12', '2024-09', Said(first='2024-09-09', last='2024-09-15'))
    """
    text = text.strip()
    time = None if observations is None else observations.time
    dates = time is not None and time.dtype.kind == "M"
    if observations is not None and not dates:
        return Said(text, text)
    if observations is not None and (weeks := _week(text, observations)):
        text = weeks
    if dates and _COMPACT.fullmatch(text):
        text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
    if _ISO.fullmatch(text) or not _as_date(text):
        return Said(text, text)
    day, clock = split_clock(text)
    written = "" if observations is None else observations.date_format
    style = next((style for style in STYLES if style.pattern.fullmatch(day)), None)
    found = _span(style, day, text) if style else (_in_order(day, text, written),) * 2
    elapsed = tried(read_clock, clock)
    if elapsed is None:
        raise DataError(f"{text!r}: {clock!r} isn't a clock time; write it as 05:30")
    if clock:
        zone = None if elapsed.offset is None else timezone(elapsed.offset)
        at = datetime.fromisoformat(found[0]).replace(tzinfo=zone) + elapsed.elapsed
        return Said(at.isoformat(), at.isoformat())
    return Said(*found)


def window_of(text: str) -> tuple[str, str]:
    """Return the two times of FROM:TO, as they are written.

    Raises
    ------
    DataError
        If these aren't two dates, with clock times or without, or two numbers.

    Examples
    --------
    >>> window_of("2024-01-01T05:00:2024-01-01T09:00")
    ('2024-01-01T05:00', '2024-01-01T09:00')
    """
    # Clock times have colons too: the one between the two has a time on both of its sides.
    pairs = [(text[:at].strip(), text[at + 1 :].strip()) for at in _colons(text)]
    tests = (_as_date, _as_number)
    found = [pair for pair in pairs if any(all(map(test, pair)) for test in tests)]
    if len(found) != 1:
        raise DataError(
            f"{text!r} isn't a window of time: expected FROM:TO, both included, such as "
            "2024-01-01:2024-01-31, 2024-01-01T05:00:2024-01-01T09:00 or 12:15"
        )
    return found[0]


def said_window(text: str, observations: Observations | None = None) -> tuple[str, str]:
    """Return the two times of FROM:TO as they are known to the package.

    Raises
    ------
    DataError
        As `window_of` and `said`.

    Examples
    --------
    >>> said_window("2024-W37:15.10.2024")
    ('2024-09-09', '2024-10-15')
    """
    first, last = window_of(text)
    return said_ends(first, last, observations)


def said_ends(
    first: str, last: str, observations: Observations | None = None
) -> tuple[str, str]:
    """Return the two times of a window as they are known to the package; both included."""
    return said(first, observations).first, said(last, observations).last


def events_of_texts(
    texts: Iterable[str], observations: Observations | None = None
) -> tuple[Event, ...]:
    """Return the events of texts, TIME:LABEL or a time alone.

    Raises
    ------
    DataError
        With all that don't begin with a date, with a clock time or without, or a number; and
        as `said`.

    Examples
    --------
    >>> events_of_texts(["2024-09-12T05:30:launch: part 2", "12.09.2024:mail"])[1]
    Event(time='2024-09-12', label='mail')
    """
    found, wrong, unclear = list[Event](), list[str](), list[str]()
    for text in texts:
        ends = [at for at in (*_colons(text), len(text)) if _is_time(text[:at].strip())]
        if not ends:
            wrong.append(repr(text))
            continue
        try:
            time = said(text[: ends[-1]], observations).first
            found.append(Event(time, text[ends[-1] + 1 :].strip()))
        except DataError as error:
            unclear.append(str(error))
    if wrong:
        unclear.append(
            f"no event: {', '.join(wrong)}; expected TIME or TIME:LABEL, such as "
            "2024-09-12:launch, 2024-09-12T05:30:launch or 12:launch"
        )
    if unclear:
        raise DataError("; ".join(unclear))
    return tuple(found)


def _colons(text: str) -> list[int]:
    return [at for at, letter in enumerate(text) if letter == ":"]


def _is_time(text: str) -> bool:
    return _as_date(text) or _as_number(text)


def _as_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _as_date(text: str) -> bool:
    """Whether it is written like a date with its year, be it a real one or not."""
    if _ISO.fullmatch(text):
        return True
    day, clock = split_clock(text)
    if clock and not CLOCK.fullmatch(clock):
        return False
    patterns = (TRIPLE, *(style.pattern for style in STYLES))
    return any(pattern.fullmatch(day) for pattern in patterns)


def _week(text: str, observations: Observations) -> str | None:
    """Return a week of a file whose times are weeks, where 2024-09 is no month."""
    weeks = as_weeks(observations.columns.get("time", ""), [text])
    return weeks[0] if weeks else None


def _span(style: Style, day: str, text: str) -> tuple[str, str]:
    """Return the first and the last day of what a style tells, or a month."""
    parts = style.pattern.fullmatch(day)
    first = tried(style.read, day)
    if first is None or parts is None:
        raise DataError(f"{text!r} isn't a real date")
    told = parts.groupdict()
    if "w" in told:
        last = first if told["wd"] else first + timedelta(days=6)
        return str(first), str(last)
    if "q" in told:
        return f"{first:%Y-%m}", f"{first.replace(month=first.month + 2):%Y-%m}"
    one = str(first) if told.get("d") else f"{first:%Y-%m}"
    return one, one


def _in_order(day: str, text: str, written: str) -> str:
    """Return the date of three numbers, in the order of those of the file."""
    own, possible = _order_of(written), orders_of(day)
    orders = possible
    if "." in day and "." not in written:  # by convention the day comes first
        orders = possible & ({"dmy"} if own is None else {"dmy", own}) or possible
    elif own is not None:
        orders = possible & {own}
    if possible and not orders:
        instead = " or ".join(sorted({str(in_order(day, order)) for order in possible}))
        raise DataError(
            f"{text!r} isn't a date in the order of the file, {ORDERS[str(own)]}: write "
            f"{instead}"
        )
    found: set[date] = {in_order(day, order) for order in orders}
    if not found:
        raise DataError(f"{text!r} isn't a real date")
    if len(found) > 1:
        both = " or ".join(map(str, sorted(found)))
        raise DataError(
            f"{text!r} may be {both}, and the dates of the file don't say which: write it so"
        )
    return str(found.pop())


def _order_of(written: str) -> str | None:
    """Return the order of day, month and year in a format; None where it has none."""
    letters = "".join(re.findall("%-?([dmyY])", written)).lower()
    return letters if letters in ORDERS else None
