"""Dates whose day and month can stand in either order: 03/04/2020, 3.4.20, 03-04-2020."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from changepoint.reading.datestyles import CLOCK, TRIPLE, full_year, tried

ORDERS = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}


class Order(NamedTuple):
    """The dates in the order that fits the column.

    Parameters
    ----------
    name
        The order.
    dates
        Text -> date, None where it isn't one.
    ambiguous
        None, or a text that two orders read differently, and the formats of the two.
    """

    name: str
    dates: dict[str, date | None]
    ambiguous: tuple[str, tuple[str, str]] | None = None


def orders_of(text: str) -> frozenset[str]:
    """Return the orders in which a text is a date; none where it isn't one of three numbers."""
    match = TRIPLE.fullmatch(text)
    if match is None:
        return frozenset()
    orders = ("dmy", "mdy", *(["ymd"] if _short(match) else []))
    return frozenset(order for order in orders if tried(_build, match, order) is not None)


def in_order(text: str, order: str) -> date:
    """Return the date of a text in one of `orders_of` it."""
    match = TRIPLE.fullmatch(text)
    assert match is not None
    return _build(match, order)


def format_of(text: str, name: str) -> str:
    """Return the strptime format of a date of three numbers, read in the order of a name."""
    match = TRIPLE.fullmatch(text)
    return "" if match is None else _format(match, name)


def in_no_order(texts: Sequence[str]) -> tuple[str, str] | None:
    """Return the first two texts that no order makes dates both, None if there are none."""
    pairs = itertools.combinations(texts, 2)
    return next((pair for pair in pairs if not orders_of(pair[0]) & orders_of(pair[1])), None)


def read_triples(texts: Sequence[str], elsewhere: Sequence[str] = ()) -> Order:
    """Read dates in the one order that makes all, or most, of them dates.

    Texts elsewhere are of the same column, and have a say in the order.
    """
    every = (*texts, *elsewhere)
    matches = {text: match for text in every if (match := TRIPLE.fullmatch(text))}
    readings = [
        Order(ORDERS[order], {text: tried(_build, m, order) for text, m in matches.items()})
        for order in _possible(matches)
    ]
    fits = [sum(1 for date in r.dates.values() if date is not None) for r in readings]
    best = [reading for reading, fit in zip(readings, fits, strict=True) if fit == max(fits)]
    first = best[0]
    if all("." in match["s"] for match in matches.values()):
        return first  # by convention the day comes first where points separate
    for other in best[1:]:
        for text in filter(matches.__contains__, texts):
            if first.dates[text] != other.dates[text]:
                pair = _format(matches[text], first.name), _format(matches[text], other.name)
                return first._replace(ambiguous=(text, pair))
    return first


def clock_format(clock: str) -> str:
    """Return the strptime format of a clock time, with the space in front of it."""
    match = CLOCK.fullmatch(clock)
    if match is None:
        return ""
    form = (" %I" if match["p"] else " %H") + ":%M" + (":%S" if match["S"] else "")
    form += (".%f" if match["f"] else "") + (" %p" if match["p"] else "")
    return form + ("%z" if match["z"] else "")


def _possible(matches: dict[str, re.Match[str]]) -> list[str]:
    """Return the orders worth trying: all, but for those that some number contradicts."""
    first_is_day = any(int(match["a"]) > 12 for match in matches.values())
    second_is_day = any(int(match["b"]) > 12 for match in matches.values())
    orders = ["dmy", "mdy"]
    if first_is_day != second_is_day:
        orders = ["dmy"] if first_is_day else ["mdy"]
    # 20-01-31 is how some write 2020-01-31.
    if all(map(_short, matches.values())):
        orders.append("ymd")
    return orders


def _short(match: re.Match[str]) -> bool:
    return match["s"] == "-" and len(match["y"]) == 2


def _build(match: re.Match[str], order: str) -> date:
    first, second, last = match["a"], match["b"], match["y"]
    if order == "ymd":
        return date(full_year(first.zfill(2)), int(second), int(last))
    if order == "mdy":
        return date(full_year(last), int(first), int(second))
    return date(full_year(last), int(second), int(first))


def _format(match: re.Match[str], name: str) -> str:
    """Return the strptime format of a text read in an order."""
    year = "%y" if len(match["y"]) == 2 else "%Y"
    letters = {"day": "%d", "month": "%m", "year": year}
    separator: str = match["s"]
    return separator.join(letters[word] for word in name.split(", "))
