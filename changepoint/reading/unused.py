"""Columns without a role: a time under another name, tags of series, numbers left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from changepoint.reading.datestyles import is_date
from changepoint.reading.matching import EVENTS, is_outcome, meaning
from changepoint.reading.numerals import MISSING, is_number
from changepoint.reading.table import Cells, Column, Tags, shown
from changepoint.roles import RESPONSES

SAMPLE = 1000  # rows that are looked at
_MOST = 0.9  # of the cells are of the column's kind: totals may stand below them
_COMPACT = re.compile("(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
_ACROSS = re.compile(r"(?:18|19|20)[0-9]{2}(?: \[YR[0-9]{4}\])?")
_FEW = 3  # columns that are called as a time may be chance
_DISTINCT = 0.5  # of a column of times differ, at least
_NAMED = 5
_FULL = 0.5  # of all pairs of time and tag have a row


def kind_of(cells: Cells) -> str | None:
    """Return what a column holds, "dates" or "numbers"; None for anything else."""
    if not isinstance(cells, list):
        if cells.dtype.kind == "M":
            return None if np.isnat(cells).all() else "dates"
        known = cells[:SAMPLE][np.isfinite(cells[:SAMPLE])]
        if len(known) and (known == np.floor(known)).all() and 1e7 < known.min():
            return kind_of([f"{cell:.0f}" for cell in known])  # 20240131 is a date as text too
        return "numbers" if np.isfinite(cells).any() else None
    texts = [cell for cell in cells[:SAMPLE] if cell.lower() not in MISSING]
    least = max(_MOST * len(texts), 1)

    def mostly(test: Any) -> bool:
        return sum(1 for text in texts if test(text)) >= least

    distinct = len(set(texts)) > 1
    if mostly(is_date) or (distinct and mostly(_COMPACT.fullmatch)):
        return "dates"
    return "numbers" if mostly(lambda text: is_number(text.rstrip("% "))) else None


def time_among(columns: Mapping[int, Column]) -> tuple[int | None, tuple[str, ...]]:
    """Return the only column of dates, None where not one is; and what to say."""
    dates = [index for index, column in columns.items() if kind_of(column.cells) == "dates"]
    names = [columns[index].name for index in dates]
    if len(dates) == 1 and _repeats(columns[dates[0]].cells):
        return None, (
            f"no time: the dates in column {names[0]!r} repeat; if they are the times, say so "
            "with --time (time= in Python)",
        )
    if len(dates) == 1:
        return dates[0], (f"column {names[0]!r} is the only one of dates: used as the time",)
    single = [index for index in dates if not _repeats(columns[index].cells)]
    if len(single) == 1:
        name = columns[single[0]].name
        return single[0], (f"column {name!r} is the only one of dates that differ: the time",)
    if dates:
        return None, (
            f"no time: columns {_quoted(names)} hold dates, and none is named as a time; say "
            "which with --time (time= in Python)",
        )
    return None, ()


def with_event_times(
    header: Sequence[str], asked: Mapping[str, str], columns: Callable[[], Mapping[int, Column]]
) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Return what was asked for, with the only column of dates as the times of a log."""
    found = "time" in asked or any(meaning(name) == "time" for name in header)
    if asked.get(EVENTS) != "" or found or len(header) == 1:
        return asked, ()
    dates = [column for column in columns().values() if kind_of(column.cells) == "dates"]
    if len(dates) != 1:
        return asked, ()
    name = dates[0].name
    note = f"column {name!r} is the only one of dates: used as the times of the events"
    return {**asked, EVENTS: name}, (note,)


def times_across(header: Iterable[str]) -> str:
    """Say that times are the columns, as in many tables of countries by year; "" if not."""
    times = [name for name in header if _ACROSS.fullmatch(name) or is_date(name)]
    if len(times) < _FEW:
        return ""
    return (
        f"; columns {_quoted(times)} are times, so that a row is a series: turn the table "
        "round, to a row for each time and a column for each series, for batch --wide"
    )


def _repeats(cells: Cells) -> bool:
    """Whether most dates stand in several rows, as the day of an export or of a cohort does."""
    texts = cells if isinstance(cells, list) else cells.tolist()
    return len(set(texts)) < _DISTINCT * len(texts)


def left_out(others: Iterable[Column], asked: Iterable[str]) -> tuple[str, ...]:
    """Say which columns of dates or numbers aren't used, unless the response was told."""
    if any(role in RESPONSES or is_outcome(role) for role in asked):
        return ()
    kinds = {
        column.name: kind_of(column.cells) for column in others if not _counts_rows(column)
    }
    names = [f"{shown(name)!r} ({kind})" for name, kind in kinds.items() if kind is not None]
    if not names:
        return ()
    more = [f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return (f"columns not used: {', '.join([*names[:_NAMED], *more])}",)


def _counts_rows(column: Column) -> bool:
    """Whether a column counts the rows, as the index that some tools write."""
    cells = column.cells
    if isinstance(cells, list):
        first = cells[0] if cells else ""
        if first not in ("0", "1"):
            return False
        return cells == [str(row) for row in range(int(first), int(first) + len(cells))]
    if cells.dtype.kind != "f" or not len(cells):
        return False
    return cells[0] in (0, 1) and bool(np.all(np.diff(cells) == 1))


def find_tags(time: Cells, columns: Iterable[Column]) -> Tags | None:
    """Return the column that tells series apart where times repeat, None if there is none.

    No row has time and tag of another, and most pairs of them have a row. Where no column does
    so, those of text may do together.
    """
    times = time if isinstance(time, list) else time.tolist()
    distinct = len(set(times))
    if distinct in (0, len(times)):
        return None

    def told(cells: Sequence[Any]) -> list[Any]:
        tags = list(dict.fromkeys(cells))
        if len(times) < _FULL * len(tags) * distinct:
            return []
        return tags if len(set(zip(times, cells, strict=True))) == len(times) else []

    some: dict[str, list[str]] = {}
    for column in columns:
        cells = column.cells if isinstance(column.cells, list) else column.cells.tolist()
        if 1 < len(set(cells)) <= len(times) / 2:
            if tags := told(cells):
                return Tags(column.name, tuple(shown(tag) for tag in tags))
            if isinstance(column.cells, list) and kind_of(column.cells) is None:
                some[column.name] = column.cells
    if len(some) > 1 and (pairs := told(list(zip(*some.values(), strict=True)))):
        return Tags(",".join(some), tuple(shown(", ".join(pair)) for pair in pairs))
    return None


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(repr(shown(name)) for name in names[:_NAMED])
