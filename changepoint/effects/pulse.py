"""Rows of a known time that have a level of their own: an outage, a campaign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from changepoint.effects.base import Design, Effect
from changepoint.errors import DataError
from changepoint.observations import Observations
from changepoint.time_window import rows_between


@dataclass(frozen=True)
class Pulse(Effect):
    """An effect of the rows from a first to a last time, both included.

    Parameters
    ----------
    first, last
        Times as the data have them: dates as text or otherwise, or numbers; of data without
        times numbers of rows, from 0.

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

    def design(self, observations: Observations) -> Design:
        """Return 1 inside, 0 outside."""
        inside = rows_between(observations, self.first, self.last)
        if not inside.any() or inside.all():
            which = "all" if inside.any() else "none"
            raise DataError(
                f"{which} of the rows lie in the pulse from {self.first} to {self.last}: its "
                "effect can't be told from the level"
            )
        return Design(inside[:, None].astype(float), (self.title,), np.ones((1, 1)))

    @property
    def title(self) -> str:
        """What tells it from other pulses."""
        return f"{self.first} to {self.last}"
