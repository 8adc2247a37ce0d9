"""What an answer is worth: how often it would be given without a change, what it would miss."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.answer import Answer
from changepoint.errors import EngineError, ModelError
from changepoint.trust.detection import (
    FEWEST,
    SURE,
    Share,
    Smallest,
    check_runs,
    share_of,
    smallest,
    told,
    trials_of_screening,
)
from changepoint.trust.likeness import Likeness

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

RATIOS = (1.05, 1.1, 1.15, 1.2, 1.3, 1.4, 1.6, 1.8, 2.0)
AT_ONCE = 64  # series
FIRST = 16  # series by which the time is measured
CLOSELY = 100  # series, at least, with a change and without, if the smallest is looked for


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
    runs_with_change
        Series with a change; 0 where there was no time for them, or no ratio to speak of.
    smallest
        The smallest ratio, up or down, that is found (P(any change) > 0.95) in 80 % of series
        with a change at a random place; None where even twice, or half, isn't, or where none
        was looked for.
    """

    left_out: tuple[str, ...]
    probability_of_change: float
    runs: int
    reached: Share
    false_alarms: Share
    runs_with_change: int
    smallest: Smallest | None

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            **self._asdict(),
            "left_out": list(self.left_out),
            "reached": told(self.reached),
            "false_alarms": told(self.false_alarms),
            "smallest": told(self.smallest),
        }


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
    rng = np.random.default_rng(seed)
    answered = Answered(Likeness(posterior, rng), progress)
    null, each = answered.measured(min(FIRST, runs))
    affordable = int(min(seconds / max(each, 1e-9), 2 * runs + trials_of_screening(RATIOS)))
    if affordable < FEWEST:
        raise EngineError(
            f"one series like the data takes {each:.2g} s to answer, so {seconds:g} s don't "
            f"suffice for {FEWEST} of them: give more seconds, or a simpler model"
        )
    ratios = answered.likeness.possible(RATIOS)
    screening = trials_of_screening(ratios)
    searching = min(runs, max((affordable - screening) // 2, CLOSELY))
    without = min(runs, affordable - screening - searching)
    if len(ratios) < 2 or min(searching, without) < CLOSELY:
        without, searching, screening = min(runs, affordable), 0, 0
    answered.expect(without + searching + screening)
    null = np.append(null, answered.chances(np.ones(max(without - len(null), 0))))[:runs]
    least = None
    if searching:
        least = smallest(answered.found_either_way, ratios, searching, rng)
    answered.finish()
    p = posterior.probability_of_change
    return Certificate(
        left_out=answered.likeness.left_out,
        probability_of_change=p,
        runs=len(null),
        reached=share_of(null >= p * (1 - 1e-9)),
        false_alarms=share_of(null > SURE),
        runs_with_change=searching,
        smallest=least,
    )


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

    def measured(self, first: int) -> tuple[Floats, float]:
        """Return P(any change) of a few series without a change, and the seconds each takes."""
        if not self._chances.shares(self.likeness.observations):
            began = time.monotonic()
            return self.chances(np.ones(2)), (time.monotonic() - began) / 2
        laid = self.chances(np.ones(first))  # what is laid once isn't paid again
        began = time.monotonic()
        found = np.append(laid, self.chances(np.ones(first)))
        return found, (time.monotonic() - began) / first

    def found_either_way(self, ratios: Floats) -> Mask:
        """Return whether a change by each ratio is found, half of them downwards."""
        up = self.likeness.rng.random(len(ratios)) < 0.5
        return self.chances(np.where(up, ratios, 1 / ratios)) > SURE

    def finish(self) -> None:
        """Say that all is done."""
        if self.done < self.every:
            self.progress(self.every, self.every)
