"""Seasons that data of these times may have, unless somebody says which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from changepoint.effects.base import Effect
from changepoint.effects.seasons import Hourly, Monthly, Weekday, Yearly
from changepoint.errors import ModelError
from changepoint.observations import Observations

SEASONS: dict[str, type[Effect]] = {
    "week": Weekday,
    "month": Monthly,
    "year": Yearly,
    "day": Hourly,
}
WHOLE = 3  # periods from which a season is looked for
LONG = 2000  # rows beyond which that would take minutes,
LONG_VALUES = 750  # and of measurements, which may be of many families
EVEN = 0.5  # its probability, a priori
HOUR, DAY, WEEK, MONTH, YEAR = 3600.0, 86_400.0, 604_800.0, 2_678_400.0, 31_536_000.0  # seconds


def seasons_of(told: Sequence[str], observations: Observations | None) -> tuple[Effect, ...]:
    """Return the seasons of these names.

    For "auto", and without a name, those that may be there.

    Parameters
    ----------
    observations
        None where nothing is to be looked for.

    Raises
    ------
    ModelError
        If "none" stands beside others.
    """
    if "none" in told and len(set(told)) > 1:
        raise ModelError(f"--season none goes with no other, and there is {', '.join(told)}")
    stated = [SEASONS[name]() for name in dict.fromkeys(told) if name in SEASONS]
    left_open = "auto" in told or not told
    found = likely(observations) if left_open and observations is not None else ()
    known = {effect.name for effect in stated}
    return (*stated, *(effect for effect in found if effect.name not in known))


def likely(observations: Observations) -> tuple[Effect, ...]:
    """Return what three whole periods of data may have, with even odds.

    By the day a week, by the hour a day and a week, by weeks or months a year; in up to 2,000
    rows, of measurements 750, as it would take minutes beyond. The year of counts and rates is
    a smooth one, that of measurements by the month has a level of each: sales have a December.

    Examples
    --------
    >>> day = np.datetime64("2025-01-06") + np.arange(21)
    >>> [str(effect) for effect in likely(Observations(count=[3] * 21, time=day))]
    ['Weekday(probability=0.5)']
    """
    time, measured = observations.time, observations.value is not None
    longest = LONG_VALUES if measured else LONG
    if time is None or time.dtype.kind != "M" or not 2 <= len(time) <= longest:
        return ()
    seconds = time.astype("datetime64[s]").astype(float)
    step = float(np.median(np.diff(seconds)))
    whole = seconds[-1] - seconds[0] + step
    found: list[type[Effect]] = []
    if step <= HOUR and whole >= WHOLE * DAY:
        found.append(Hourly)
    if step <= DAY and whole >= WHOLE * WEEK:
        found.append(Weekday)
    if WEEK <= step <= MONTH and whole >= WHOLE * YEAR:
        found.append(Monthly if measured and step > WEEK else Yearly)
    return tuple(kind(probability=EVEN) for kind in found)
