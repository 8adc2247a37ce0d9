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

PERIOD = 7  # rows, where the model has no season
ENOUGH = 100  # draws with a change exactly there, to say what it did


@dataclass(frozen=True)
class EventEffect:
    """The parameter before and after an event, were there a change exactly there.

    Whatever the number of changes. `ratio` is None where the parameter isn't positive; where a
    ratio has no mean, its median stands for it.
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
    first and the last row of the window around it: one period of the shortest season of the
    model, or 7 rows, the event's in the middle, as far as there are rows at which a change can
    stand. `probability` is that of any change in there, whatever their number; `chance` the
    same before the data were seen, None of a PyMC model of your own. `effect` is None where
    neither sums nor enough draws tell.
    """

    time: str | int | float
    label: str
    index: int
    start: str | int | float
    rows: tuple[int, int]
    times: tuple[Any, Any]
    probability: float
    chance: float | None
    effect: EventEffect | None

    @property
    def name(self) -> str:
        """The label, with the time."""
        return str(Event(self.time, self.label))


class Period(NamedTuple):
    """How many rows the shortest season of a model has, and its name; 7 and "" of none."""

    rows: int
    season: str


def period_of(model: Model | OwnModel, observations: Observations) -> Period:
    """Return the shortest season, in rows at the end of the data."""
    T, time = len(observations), observations.time
    seasons = [e for e in getattr(model, "effects", ()) if e.period is not None]
    if not seasons or time is None or time.dtype.kind != "M":
        return Period(min(PERIOD, T), "")
    period = {season.name: season.period for season in seasons}
    name = min(period, key=lambda name: int(period[name].astype("timedelta64[s]").astype(int)))
    first = int(np.searchsorted(time, time[-1] - period[name], "right"))
    return Period(T - first, name)


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
    T, rows = len(observations), period_of(model, observations).rows
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
