"""Options for what shifts rows whatever their segment, beside seasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from changepoint.effects import Effect, Holidays, Pulse
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
    """

    pulse: Annotated[list[str] | None, Parameter(negative=())] = None
    holidays: str | None = None

    def effects(self, observations: Observations | None = None) -> tuple[Effect, ...]:
        """Return the effects; times are written as the data's, if these are known."""
        windows = dict.fromkeys(said_window(text, observations) for text in self.pulse or ())
        pulses = tuple(Pulse(first=first, last=last) for first, last in windows)
        if self.holidays is None:
            return pulses
        country, _, part = self.holidays.partition("-")
        return (*pulses, Holidays(country, part or None))

    def flags(self) -> list[str]:
        """Return the options that were given."""
        return [f"--{name}" for name, given in vars(self).items() if given]
