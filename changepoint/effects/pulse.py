"""Rows of a known time that have a level of their own: an outage, a campaign."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from changepoint.effects.base import Design, Effect, with_response
from changepoint.errors import DataError
from changepoint.observations import Observations
from changepoint.time_window import Covered, rows_between


@dataclass(frozen=True)
class Pulse(Effect):
    """An effect of the rows from a first to a last time, both included.

    Parameters
    ----------
    first, last
        Times as the data have them: dates as text or otherwise, or numbers; of data without
        times numbers of rows, from 0. A day, or a month, is included as a whole.

    Examples
    --------
    >>> from changepoint import Observations
    >>> Pulse(first=2, last=3).design(Observations(count=[5, 4, 9, 8, 6])).rows[:, 0]
    array([0., 0., 1., 1., 0.])
    """

    first: Any
    last: Any

    name: ClassVar = "pulse"

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("first", "last"):
            told = getattr(self, field)
            if not isinstance(told, int | float):
                object.__setattr__(self, field, str(told))

    def words(self, term: str, size: str) -> str:
        """Return the effect with its largest term, and a verb."""
        return f"The time {self.title} ({size}) is"

    def design(self, observations: Observations) -> Design:
        """Return 1 inside, 0 outside."""
        inside = self._covered(observations).rows
        if inside.all():
            raise DataError(
                f"all of the rows lie in the pulse from {self.title}: its effect can't be told "
                "from the level"
            )
        return Design(inside[:, None].astype(float), (self.title,), np.ones((1, 1)))

    def cautions(self, observations: Observations) -> Iterator[str]:
        """Warn of a pulse that was widened, tells nothing or reaches an end of the data."""
        inside, note = self._covered(observations)
        if note:
            yield f"the pulse from {self.title}: {note}"
        seen = np.flatnonzero(with_response(observations))
        mine = inside[seen]
        if not mine.any() or mine.all():
            which = "every row" if mine.any() else "no row"
            yield f"{which} with a number lies in the pulse from {self.title}: it tells nothing"
        elif mine[0] or mine[-1]:
            # Where rows on one side only are outside, a change there says the same.
            end, change = ("last", mine.argmax()) if mine[-1] else ("first", mine.argmin())
            yield (
                f"the pulse from {self.title} reaches the {end} row of the data: it can't be "
                f"told from a change at {observations.label(seen[change])} but by the priors"
            )

    def _covered(self, observations: Observations) -> Covered:
        try:
            return rows_between(observations, self.first, self.last)
        except DataError as error:
            raise DataError(f"the pulse from {self.title}: {error}") from None

    @property
    def title(self) -> str:
        """What tells it from other pulses."""
        return f"{self.first} to {self.last}"
