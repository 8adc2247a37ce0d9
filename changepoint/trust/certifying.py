"""What an answer is worth: how often it would be given without a change, what it would miss."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.answer import Answer
from changepoint.errors import EngineError, ModelError
from changepoint.trust.detection import (
    FEWEST,
    MOSTLY,
    SURE,
    Delay,
    FoundAt,
    Share,
    Smallest,
    check_runs,
    delay_of,
    share_of,
    smallest,
    told,
)
from changepoint.trust.likeness import Likeness

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

RATIOS = (1.05, 1.1, 1.2, 1.35, 1.6, 2.0)  # of the power curve: up, and as many down
AT_ONCE = 64  # series
FIRST = 16  # series by which the time is measured
PART = (
    5  # of the seconds: one series that takes longer than this part leaves no time for others
)
CLOSELY = 100  # series without a change, at least, if the power curve is drawn
EACH, CLOSER = 16, 40  # series of each ratio, and close to the smallest of each way, at least
LEAST = CLOSELY, EACH, CLOSER
ROUND = 100  # series
PLACED = 12  # series of each way whose places are compared: a whole answer each,
WHOLE = 4  # which takes as long as so many series that only P(any change) is asked of


class Certificate(NamedTuple):
    """What simulated series say of an answer.

    Attributes
    ----------
    left_out
        Effects that are rather absent than there, without which series were drawn and answered.
    probability_of_change
        P(any change) of the data.
    runs
        Series without a change.
    reached
        Share of them whose P(any change) is at least that of the data.
    false_alarms
        Share of them whose P(any change) is above 0.95.
    curve
        The power curve: what is found by ratio, ascending, the false alarms at ratio 1 among
        them. Changes stand at random places and last. Only these false alarms where there was
        no time for more, or where there is no ratio to speak of.
    smallest_increase, smallest_decrease
        The ratio nearest to 1 that is found (P(any change) > 0.95) in 80 % of series with such
        a change; None where even twice, or half, isn't, or where none was looked for.
    delay
        Rows between the true place and the reported one, in series with these smallest changes;
        None where there are none, or fewer than 6 were found.
    """

    left_out: tuple[str, ...]
    probability_of_change: float
    runs: int
    reached: Share
    false_alarms: Share
    curve: tuple[FoundAt, ...]
    smallest_increase: Smallest | None
    smallest_decrease: Smallest | None
    delay: Delay | None

    @property
    def sentence(self) -> str | None:
        """What would have been seen, in words; None where that wasn't looked for."""
        up, down = self.smallest_increase, self.smallest_decrease
        seen = [by_percent(one.ratio) for one in (up, down) if one is not None]
        ends = (self.curve[-1].ratio, self.curve[0].ratio)
        tried = [by_percent(ratio) for ratio in ends if ratio != 1]
        if not tried:
            return None
        # By the last ratio of each way, the downwards first; no increase may be possible.
        missed = [by for by, one in zip(tried[::-1], (down, up), strict=False) if one is None]
        if not seen:
            return f"Not even a change of {' or '.join(tried)} {SEEN}."
        but = f", but not even one of {missed[0]}" if missed else ""
        return f"A change of {' or '.join(seen)} {SEEN}{but}."

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the power curve: the share of series in which a change is found, by its ratio.

        Parameters
        ----------
        ax
            Axes to draw into; by default those of a new figure.
        """
        from changepoint.trust.power_curve import plot

        return plot(self.curve, ax)

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            **self._asdict(),
            "left_out": list(self.left_out),
            "reached": told(self.reached),
            "false_alarms": told(self.false_alarms),
            "curve": [{**at._asdict(), "found": told(at.found)} for at in self.curve],
            "smallest_increase": told(self.smallest_increase),
            "smallest_decrease": told(self.smallest_decrease),
            "delay": told(self.delay),
            "sentence": self.sentence,
        }


SEEN = (
    "at a random place, lasting from there on, would have been seen in 80 % of series like this"
)


def by_percent(ratio: float) -> str:
    """Return a ratio as a change in percent.

    >>> by_percent(1.183), by_percent(0.952), by_percent(1.0031)
    ('+18 %', '-4.8 %', '+0.31 %')
    """
    by = 100 * (ratio - 1)
    digits = max(0, 1 - math.floor(math.log10(max(abs(by), 1e-6))))
    return f"{by:+.{digits}f} %"


def certificate(
    posterior: Answer,
    runs: int = 1000,
    seed: int = 0,
    seconds: float = 10.0,
    progress: Callable[[int, int], None] = lambda done, every: None,
) -> Certificate:
    """Return what an answer is worth; see `Posterior.certificate`."""
    check_runs(runs, seed)
    if not (isinstance(seconds, int | float) and seconds > 0):
        raise ModelError(f"seconds must be a number above 0, not {seconds!r}")
    answered = Answered(Likeness(posterior, np.random.default_rng(seed)), progress)
    null, each = answered.measured(min(FIRST, runs), seconds / PART)
    affordable = int(min(seconds / max(each, 1e-9), 1e9))
    if affordable < FEWEST:
        raise EngineError(
            f"one series like the data takes {each:.2g} s to answer, so {seconds:g} s don't "
            f"suffice for {FEWEST} of them: give more seconds, or a simpler model"
        )
    ways = answered.ways()
    plan = Plan.within(affordable, runs, sum(map(len, ways)))
    answered.expect(plan.series(ways))
    null = np.append(null, answered.chances(np.ones(max(plan.without - len(null), 0))))
    null = null[: plan.without]
    false_alarms = share_of(null > SURE)
    curve, least = [FoundAt(1.0, len(null), false_alarms)], list[Smallest | None]()
    for way in ways:
        shares = [share_of(answered.found(np.full(plan.each, r))) for r in way if plan.each]
        curve += [FoundAt(r, plan.each, s) for r, s in zip(way, shares, strict=False)]
        # The last ratio must do, too: a small one that does by luck is no smallest change.
        seen = [i for i, share in enumerate(shares) if share.share >= MOSTLY]
        none = not seen or shares[-1].share < MOSTLY
        rng = answered.likeness.rng
        least.append(None if none else smallest(answered.found, way, plan.closer, rng, seen[0]))
    delays = [answered.delays(one.ratio, PLACED) for one in least if one is not None]
    answered.finish()
    p = posterior.probability_of_change
    return Certificate(
        left_out=answered.likeness.left_out,
        probability_of_change=p,
        runs=len(null),
        reached=share_of(null >= p * (1 - 1e-9)),
        false_alarms=false_alarms,
        curve=tuple(sorted(curve)),
        smallest_increase=least[0],
        smallest_decrease=least[1],
        delay=delay_of(np.concatenate(delays)) if delays else None,
    )


class Plan(NamedTuple):
    """How many series: without a change, of each ratio, and close to the smallest of each way.

    The last two are 0 where only series without a change are affordable.
    """

    without: int
    each: int
    closer: int

    @classmethod
    def within(cls, affordable: int, runs: int, ratios: int) -> Plan:
        """Return what is affordable: all halved until it is, what is left without a change.

        In round numbers, so that a few ms decide nothing.

        >>> Plan.within(100_000, 1000, 12)
        Plan(without=1000, each=100, closer=200)
        >>> Plan.within(1700, 1000, 12)
        Plan(without=800, each=50, closer=100)
        >>> Plan.within(99, 1000, 12)
        Plan(without=99, each=0, closer=0)
        """
        plan = cls(runs, max(runs // 10, EACH), max(runs // 5, CLOSER))
        while ratios and runs >= CLOSELY:
            left = affordable - ratios * plan.each - 2 * (plan.closer + PLACED * WHOLE)
            if plan.without <= left:
                return plan._replace(without=min(runs, left // ROUND * ROUND))
            fewer = (max(n // 2, least) for n, least in zip(plan, LEAST, strict=True))
            plan, before = cls(*fewer), plan
            if plan == before:
                break
        return cls(min(runs, affordable), 0, 0)

    def series(self, ways: Sequence[Sequence[float]]) -> int:
        """Return how many there will be at most."""
        looked = [way for way in ways if way and self.each]
        return self.without + sum(len(way) * self.each + self.closer + PLACED for way in looked)


class Answered:
    """Series like the data, and P(any change) of each, under the model of the answer."""

    def __init__(self, likeness: Likeness, progress: Callable[[int, int], None]) -> None:
        from changepoint.trust.chances import Chances

        self.likeness, self._chances = likeness, Chances(likeness.model)
        self.progress, self.done, self.every = progress, 0, 0

    def expect(self, every: int) -> None:
        """Say how many series there will be at most."""
        self.every = every
        self.progress(self.done, every)

    def chances(self, ratios: Floats) -> Floats:
        """Return P(any change) of a series for each ratio of a change; 1 for none."""
        found = [np.empty(0)]
        for first in range(0, len(ratios), AT_ONCE):
            series = self.likeness.draw(ratios[first : first + AT_ONCE])
            found.append(self._chances(series))
            self.done += len(series)
            if self.every:
                self.progress(min(self.done, self.every), self.every)
        return np.concatenate(found)

    def measured(self, first: int, longest: float) -> tuple[Floats, float]:
        """Return P(any change) of a few series without a change, and the seconds each takes.

        One series, if that takes longer than `longest` seconds.
        """
        began = time.monotonic()
        found = self.chances(np.ones(1))
        took = time.monotonic() - began
        if took > longest:
            return found, took
        many = self._chances.shares(self.likeness.observations)
        if many:  # what is laid once isn't paid again
            found = np.append(found, self.chances(np.ones(first)))
        first = first if many else 2
        began = time.monotonic()
        found = np.append(found, self.chances(np.ones(first)))
        return found, (time.monotonic() - began) / first

    def ways(self) -> tuple[list[float], list[float]]:
        """Return the ratios of increases that are possible, and of decreases."""
        if not self.likeness.has_ratio:
            return [], []
        return self.likeness.possible(RATIOS), [1 / ratio for ratio in RATIOS]

    def found(self, ratios: Floats) -> Mask:
        """Return whether a change is found in a series of each of some ratios."""
        return self.chances(ratios) > SURE

    def delays(self, ratio: float, n: int) -> Floats:
        """Return the rows from the true place to the reported one, where a change is found."""
        places = self.likeness.places(n)
        series = self.likeness.draw(np.full(n, ratio), places)
        answers = [Answer(result) for result in self._chances.results(series)]
        self.done += n
        apart = [
            abs(max(answer.changes, key=lambda c: abs(c.difference.mean)).index - place)
            for answer, place in zip(answers, places.tolist(), strict=True)
            if answer.probability_of_change > SURE and answer.changes
        ]
        return np.array(apart, float)

    def finish(self) -> None:
        """Say that all is done."""
        if self.done < self.every:
            self.progress(self.every, self.every)
