"""What is known of changes beside events: near each of them, and were one exactly there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.events import Event, Placed
from changepoint.hand_written import OwnModel
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.results.reported import Interval, interval_of, ratio_of
from changepoint.results.result import Draws, Jump
from changepoint.results.summaries import at_rows

Floats = NDArray[np.float64]

ROWS = 7  # rows, where times say nothing better
HELD = 4  # rows that a length of the calendar must hold
# Lengths of the calendar in seconds, no longer than the shortest of their kind.
LENGTHS = {
    "a minute": 60,
    "an hour": 3600,
    "a day": 86_400,
    "a week": 7 * 86_400,
    "four weeks": 28 * 86_400,
    "half a year": 181 * 86_400,
    "a year": 365 * 86_400,
    "five years": 1826 * 86_400,
}
ENOUGH = 100  # draws with a change exactly there, to say what it did


@dataclass(frozen=True)
class EventEffect:
    """The parameter before and after an event, were there a change exactly there.

    Whatever the number of changes. `ratio` is None where the parameter isn't positive; where a
    ratio has no mean, or one beyond its interval, its median stands for it.
    """

    before: Interval
    after: Interval
    difference: Interval
    ratio: Interval | None
    probability_of_increase: float


@dataclass(frozen=True)
class EventFound:
    """What the data say of changes beside one event.

    `index` is the row that the event lies in, `start` its time. `rows` and `times` are the
    first and the last row of the window around it, which `window` says in words: `near` of
    the data, the event's row in the middle; fewer rows, where no more are there at which a
    change can stand. `probability` is that of any change in there, whatever their number;
    `chance` the same before the data were seen, None of a PyMC model of your own. `effect` is
    None where neither sums nor enough draws tell.
    """

    time: str | int | float
    label: str
    index: int
    start: str | int | float
    rows: tuple[int, int]
    times: tuple[Any, Any]
    window: str
    probability: float
    chance: float | None
    effect: EventEffect | None

    @property
    def name(self) -> str:
        """The label, with the time."""
        return str(Event(self.time, self.label))


class Near(NamedTuple):
    """How many rows count as near each other, and what that is in words."""

    rows: int
    words: str


def near(observations: Observations) -> Near:
    """Return what suits the distance of rows, whatever the model.

    The shortest of a minute, an hour, a day, a week, four weeks, half a year, a year and five
    years that holds four rows or more: a day of hourly rows, a week of daily ones, half a year
    of months. 7 rows where times are numbers, or there are none.

    Examples
    --------
    >>> import numpy as np
    >>> weeks = np.datetime64("2024-01-01") + 7 * np.arange(30)
    >>> near(Observations(count=np.ones(30), time=weeks))
    Near(rows=4, words='four weeks')
    """
    T, time = len(observations), observations.time
    return _some(T) if time is None or time.dtype.kind != "M" else _of_calendar(time)


def _some(T: int) -> Near:
    rows = min(ROWS, T)
    return Near(rows, _rows(rows))


def _rows(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"


def _of_calendar(time: NDArray[np.datetime64]) -> Near:
    """Return the shortest length that holds enough rows, as most of them have it."""
    for words, seconds in LENGTHS.items():
        length = np.timedelta64(seconds, "s")
        begin = np.flatnonzero(time + length <= time[-1])  # whole ones alone
        if not len(begin):
            break
        ends = np.searchsorted(time, time[begin] + length, "left")
        rows = int(np.median(ends - begin))
        if rows >= HELD:
            return Near(rows, words)
    return _some(len(time))


def events_found(
    placed: Placed,
    model: Model | OwnModel,
    observations: Observations,
    inside: Callable[[NDArray[np.bool_]], Floats],
    jump: Callable[[int], Jump | None] | None,
    draws: Callable[[], Draws],
    share: float,
    x: Floats | None,
) -> tuple[EventFound, ...]:
    """Return what is told of each event, in order of time.

    Parameters
    ----------
    inside
        From sets of rows, (S, T), to P(some change stands in the set), (S,).
    jump
        From a row to what is known of a change there, where that is summed.
    draws
        Gives draws, which tell otherwise.
    share
        Of the models that were averaged over, which are equally probable before: those that
        allow a change.
    x
        Time by row, (T,), where a slope tilts the parameter.
    """
    T, (rows, words) = len(observations), near(observations)
    windows = [
        (max(row - (rows - 1) // 2, 1), min(row + rows // 2, T - 1)) for row in placed.rows
    ]
    sets = np.zeros((len(windows), T), bool)
    for window, (first, last) in zip(sets, windows, strict=True):
        window[first : last + 1] = True
    told = np.maximum(inside(sets), 0.0).tolist() if windows else []  # not -0.0
    found = []
    for event, row, (first, last), p in zip(
        placed.events, placed.rows, windows, told, strict=True
    ):
        chance = None
        if isinstance(model, Model):
            chance = share * model.changes.probability_inside(T, first, last)
        at = None if jump is None else jump(row)
        found.append(
            EventFound(
                event.time,
                event.label,
                row,
                observations.stamp(row),
                (first, last),
                (observations.stamp(first), observations.stamp(last)),
                words if last - first + 1 == rows else _rows(last - first + 1),
                p,
                chance,
                _summed(at) if at else _drawn(draws(), row, model, x),
            )
        )
    return tuple(found)


def _summed(jump: Jump) -> EventEffect:
    difference, ratio, increase = jump.step
    return EventEffect(
        Interval(*jump.before),
        Interval(*jump.after),
        Interval(*difference),
        None if math.isnan(ratio[0]) else Interval(*ratio),
        increase,
    )


def _drawn(
    draws: Draws, row: int, model: Model | OwnModel, x: Floats | None
) -> EventEffect | None:
    """Return the same from draws that have a change there; None of too few."""
    there = (draws.first[:, 1:] == row).any(axis=1)
    if there.sum() < ENOUGH:
        return None
    before, after = at_rows(draws, np.array([row - 1, row]), x)[there].T
    positive = model.likelihood.domain[0] >= 0
    return EventEffect(
        interval_of(before),
        interval_of(after),
        interval_of(after - before),
        ratio_of(before, after) if positive else None,
        float(np.mean(after > before)),
    )
