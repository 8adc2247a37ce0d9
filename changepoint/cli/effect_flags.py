"""Options for what shifts rows whatever their segment, beside seasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from changepoint.effects import Effect, Pulse
from changepoint.time_window import window_of


@Parameter(name="*")
@dataclass(frozen=True)
class Stated:
    """What shifts rows whatever their segment.

    Parameters
    ----------
    pulse
        FROM:TO, both included: rows that have a level of their own, such as those of a
        campaign; written as for --exclude. May be given several times.
    """

    pulse: Annotated[list[str] | None, Parameter(negative=())] = None

    def effects(self) -> tuple[Effect, ...]:
        """Return the effects."""
        windows = dict.fromkeys(map(window_of, self.pulse or ()))
        return tuple(Pulse(first=first, last=last) for first, last in windows)

    def flags(self) -> list[str]:
        """Return the options that were given."""
        return [f"--{name}" for name, given in vars(self).items() if given]
