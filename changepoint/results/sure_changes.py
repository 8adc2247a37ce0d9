"""What is sure, whatever the number of changes: rows among which one surely stands."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.observations import Observations
from changepoint.results.reported import Interval, interval_of, ratio_of
from changepoint.results.result import Draws
from changepoint.results.summaries import at_rows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

TRIES = 10  # windows asked about, of one stretch of rows
WEIGHED = 200_000  # rows that are summed over, for all windows


@dataclass(frozen=True)
class SureChange:
    """Rows that hold a change with at least the probability asked for, whatever the number.

    `rows` and `times` are the first and the last row at which the new segment may begin, and
    their times; `probability` is that of any change there; `index` and `time` are those of the
    most probable row. `before` is the parameter at the row before these, `after` that at the
    last of them: if it changed more than once, all of that lies between. Difference, ratio and
    the probability of an increase are from draws of both that have a change there. `ratio` is
    None where the parameter isn't positive; its median stands for a mean beyond the interval.
    """

    rows: tuple[int, int]
    times: tuple[Any, Any]
    probability: float
    index: int
    time: str | int | float
    before: Interval
    after: Interval
    difference: Interval
    ratio: Interval | None
    probability_of_increase: float


class Window(NamedTuple):
    """First and last row, and P(some change stands there)."""

    first: int
    last: int
    probability: float


class _Stretches:
    """Which windows of rows hold a change: proposed by draws, weighed by an exact sum."""

    def __init__(self, p: Floats, draws: Draws, inside: Callable[[Mask], Floats]) -> None:
        self.p, self.inside, self.T = p, inside, len(p)
        changes = np.sort(np.where(draws.first == self.T, 0, draws.first), axis=1)
        early, late = changes[:, :-1].ravel(), changes[:, 1:].ravel()
        some = early > 0  # else there is no change
        self.share, self.left = 1 / len(draws.first), WEIGHED // self.T
        self.late = _by_row(early[some], late[some], self.T)
        self.early = _by_row(late[some], early[some], self.T)

    def weigh(self, first: int, last: int) -> float:
        """Return P(some change stands in first..last), exactly while that is affordable."""
        self.left -= 1
        if self.left < 0:
            return self.estimate(first, last)
        rows = np.zeros((1, self.T), bool)
        rows[0, first : last + 1] = True
        return float(self.inside(rows)[0])

    def estimate(self, first: int, last: int) -> float:
        """Return the same by the rows' probabilities, and pairs of changes in draws."""
        at, late = self.late
        pairs = np.sum(late[at[first] : at[last + 1]] <= last)
        held = float(self.p[first : last + 1].sum() - self.share * pairs)
        return min(max(held, 0.0), 1.0)

    def shortest(self, low: int, high: int, mass: float) -> Window | None:
        """Return the shortest window of low..high that holds so much; None if all is less."""
        from changepoint.kernels.sure_windows import shortest

        if self.p[low : high + 1].sum() < mass:  # which is at least P(any)
            return None
        pairs = self.share, *self.late, *self.early
        best, target, seen = None, mass, set[tuple[int, int]]()
        for _ in range(TRIES):
            first, last, held = shortest(self.p, *pairs, low, high, target)
            if first > last and best is None:  # even of all of them, draws say
                first, last, held = low, high, self.estimate(low, high)
            if first > last or (first, last) in seen:
                break
            seen.add((first, last))
            found = Window(first, last, self.weigh(first, last))
            target = mass + held - found.probability  # by about so much draws are off
            if found.probability < mass:
                if (first, last) == (low, high):
                    return None
            elif best is None or last - first < best.last - best.first:
                best = found
        if best is None:
            best = Window(low, high, self.weigh(low, high))
        return best if best.probability >= mass else None


def _by_row(row: Integers, other: Integers, T: int) -> tuple[Integers, Integers]:
    """Return where each row's pairs begin, (T + 1,), and their other rows, ascending."""
    order = np.lexsort((other, row))
    return np.searchsorted(row[order], np.arange(T + 1)), other[order]


def sure_windows(
    p: Floats, draws: Draws, inside: Callable[[Mask], Floats], mass: float
) -> list[Window]:
    """Return disjoint windows that hold a change with at least this probability, in order.

    The shortest first, then what is left on both of its sides, until nowhere is enough left.

    Parameters
    ----------
    p
        P(a change stands at the row), (T,).
    inside
        From sets of rows, (S, T), to P(some change stands in the set), (S,).
    """
    stretches, found = _Stretches(p, draws, inside), []
    left = [(1, len(p) - 1)]
    while left:
        low, high = left.pop()
        window = stretches.shortest(low, high, mass)
        if window is not None:
            found.append(window)
            left += [(low, window.first - 1), (window.last + 1, high)]
    return sorted(found)


def sure_changes(
    windows: list[Window],
    p: Floats,
    rows: Floats,
    draws: Draws,
    observations: Observations,
    positive: bool,
    x: Floats | None,
) -> list[SureChange]:
    """Return what is told of each window.

    Parameters
    ----------
    rows
        Mean and quantiles of the parameter by row, (4, T); NaN where draws must tell.
    positive
        Whether the parameter is.
    x
        Time by row, (T,), where a slope tilts the parameter.
    """
    found = []
    for first, last, probability in windows:
        before, after = at_rows(draws, np.array([first - 1, last]), x).T
        start, end = _known(rows[:, first - 1], before), _known(rows[:, last], after)
        there = ((draws.first >= first) & (draws.first <= last)).any(axis=1)
        if there.any():  # not so of very few draws
            before, after = before[there], after[there]
        index = first + int(p[first : last + 1].argmax())
        found.append(
            SureChange(
                rows=(first, last),
                times=(observations.stamp(first), observations.stamp(last)),
                probability=probability,
                index=index,
                time=observations.stamp(index),
                before=start,
                after=end,
                difference=interval_of(after - before),
                ratio=ratio_of(before, after) if positive else None,
                probability_of_increase=float(np.mean(after > before)),
            )
        )
    return found


def _known(row: Floats, drawn: Floats) -> Interval:
    """Return mean and interval at a row: the exact ones, where they are there."""
    mean, lower, _, upper = row.tolist()
    return interval_of(drawn) if math.isnan(mean) else Interval(mean, lower, upper)
