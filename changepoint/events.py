"""Events that may have changed something, such as a launch, and the rows they lie in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from changepoint.errors import DataError
from changepoint.observations import Observations
from changepoint.plain import plain
from changepoint.time_window import moment

LISTED = 5  # events that are named in a note


class Event(NamedTuple):
    """A time, as text or a number, and what happened then, "" where that isn't said."""

    time: str | int | float
    label: str = ""

    def __str__(self) -> str:
        return f"{plain(self.label)} ({self.time})" if self.label else str(self.time)


class Placed(NamedTuple):
    """Events inside the data in order of time, the row that each lies in, and what to say."""

    events: tuple[Event, ...] = ()
    rows: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


def events_of(given: Any) -> tuple[Event, ...]:
    """Return events that are given as a mapping, or as a list of times and of pairs.

    Raises
    ------
    DataError
        If they are given otherwise.

    Examples
    --------
    >>> events_of({"2024-09-12": "launch"})
    (Event(time='2024-09-12', label='launch'),)
    """
    if isinstance(given, Mapping):
        given = given.items()
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise DataError(
            "events must be times with labels, such as {'2024-09-12': 'launch'}, or a list of "
            f"times or of such pairs, not {given!r}"
        )
    found = []
    for one in given:
        time, label = one if isinstance(one, tuple | list) and len(one) == 2 else (one, "")
        absent = label is None or label != label  # NaN, as frames have it
        found.append(Event(_told(time), "" if absent else str(label)))
    return tuple(dict.fromkeys(found))


def _told(time: Any) -> str | int | float:
    """Return a time as JSON can have it."""
    if isinstance(time, int | float) and not isinstance(time, bool):
        return time
    if isinstance(time, np.number):
        return time.item()  # type: ignore[no-any-return]
    if isinstance(time, np.datetime64):  # frames have nanoseconds
        time = time.astype("datetime64[us]").item()
    text = time.isoformat() if hasattr(time, "isoformat") else str(time)
    return text.removesuffix("T00:00:00")


def place(events: Iterable[Event], observations: Observations) -> Placed:
    """Return which row each event lies in: the last that begins no later than it.

    Raises
    ------
    DataError
        If times can't be read, all of them in one error; or if no event is inside the data:
        after the first row, before which nothing is known, and before the end of the last.
    """
    T, events = len(observations), tuple(events)
    if not events:
        return Placed()
    if not T:
        raise DataError(f"no event lies inside the data, which have no rows: {_named(events)}")
    stamps = np.arange(T) if observations.time is None else observations.time
    # The last row is as long as the longest of the twelve before it: months aren't all alike.
    end = stamps[-1] + np.diff(stamps[-13:]).max() if T > 1 else stamps[-1]
    found, outside, wrong = list[tuple[Any, Event]](), list[Event](), list[str]()
    for event in events:
        at = moment(event.time, observations)
        if at is None:
            named = f" ({plain(event.label)})" if event.label else ""
            wrong.append(f"{event.time!r}{named}")
        elif T < 2 or at < stamps[1] or at >= end:
            outside.append(event)
        else:
            found.append((at, event))
    if wrong:
        raise DataError(
            f"events need times such as {observations.label(0)}, however the file writes them; "
            f"these can't be read: {'; '.join(wrong)}"
        )
    ends = f"{observations.label(0)} to {observations.label(T - 1)}"
    if outside and not found:
        raise DataError(
            f"no event lies inside the data, {ends}, after their first row: {_named(outside)}"
        )
    found.sort(key=lambda pair: pair[0])
    inside = [(int(np.searchsorted(stamps, at, "right")) - 1, event) for at, event in found]
    rows = tuple(row for row, _ in inside)
    placed = tuple(event for _, event in inside)
    notes = []
    if outside:
        notes.append(
            f"left out, as they are outside the data, {ends}, or in their first row, before "
            f"which nothing is known: {_named(outside)}"
        )
    return Placed(
        placed, rows, (*notes, *_together(placed, rows), *_empty(inside, observations))
    )


def _named(events: Sequence[Event]) -> str:
    more = f", and {len(events) - LISTED} more" if len(events) > LISTED else ""
    return ", ".join(map(str, events[:LISTED])) + more


def _together(events: tuple[Event, ...], rows: tuple[int, ...]) -> list[str]:
    """Return which events no data can tell apart."""
    notes = []
    for row in dict.fromkeys(rows):
        same = [event for event, at in zip(events, rows, strict=True) if at == row]
        if len(same) > 1:
            notes.append(
                f"these events lie in one row, and can't be told apart: {_named(same)}"
            )
    return notes


def _empty(placed: list[tuple[int, Event]], observations: Observations) -> list[str]:
    """Return which events lie in rows without data, beside which a change looks the same."""
    observed = observations.observed(observations.response)
    some = [event for row, event in placed if not observed[row]]
    if not some:
        return []
    return [
        "these events lie in rows without data, where a change looks the same in all rows of "
        f"the gap: {_named(some)}"
    ]
