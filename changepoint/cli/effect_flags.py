"""Options for what shifts rows whatever their segment, beside seasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from changepoint.effects import Drift, Effect, Holidays, Memory, Pulse
from changepoint.observations import Observations
from changepoint.reading.saidtimes import said_window


@Parameter(name="*")
@dataclass(frozen=True)
class Stated:
    """What shifts rows whatever their segment.

    Parameters
    ----------
    pulse
        FROM:TO, both included: rows that have a level of their own, such as those of a
        campaign; written as for --exclude. May be given several times.
    holidays
        The country whose public holidays have an effect, such as DE, or a part of it, such as
        DE-BY. It needs days, and the package holidays.
    memory
        Rows may remember the one before: highs and lows of counts and rates that last some
        rows are no changes then. Not together with patterns, which aren't looked for. It takes
        seconds.
    drift
        All rows may drift slowly and evenly, which is no staircase of changes. As for --memory.
    """

    pulse: Annotated[list[str] | None, Parameter(negative=())] = None
    holidays: str | None = None
    memory: Annotated[bool, Parameter(negative=())] = False
    drift: Annotated[bool, Parameter(negative=())] = False

    def effects(self, observations: Observations | None = None) -> tuple[Effect, ...]:
        """Return the effects; times are written as the data's, if these are known."""
        windows = dict.fromkeys(said_window(text, observations) for text in self.pulse or ())
        pulses = tuple(Pulse(first=first, last=last) for first, last in windows)
        lasting = (*[Memory()] * self.memory, *[Drift()] * self.drift)
        if self.holidays is None:
            return (*pulses, *lasting)
        country, _, part = self.holidays.partition("-")
        return (*pulses, Holidays(country, part or None), *lasting)

    def flags(self) -> list[str]:
        """Return the options that were given."""
        return [f"--{name}" for name, given in vars(self).items() if given]
