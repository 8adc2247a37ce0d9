"""Seasons: the day of the week, the month and the course of the year, the hour of the day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from changepoint.effects.base import Design, Effect, Floats, dates, middles, of_levels
from changepoint.errors import ModelError
from changepoint.observations import Observations

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
THURSDAY = 3  # 1970-01-01


@dataclass(frozen=True)
class Weekday(Effect):
    """An effect of each day of the week; they add up to 0.

    Examples
    --------
    Seven weeks of visits, with fewer of them buying at weekends and no change:

    >>> import numpy as np
    >>> from changepoint import Model, Observations, fit, likelihoods
    >>> day = np.datetime64("2025-01-06") + np.arange(49)  # from a Monday
    >>> count = np.where(np.arange(49) % 7 < 5, 220, 150)
    >>> data = Observations(count=count, trials=[20000] * 49, time=day)
    >>> posterior = fit(Model(likelihoods.Binomial(), effects=[Weekday()]), data)
    >>> posterior.number
    0
    >>> posterior.effects[0].largest.name in ("Saturday", "Sunday")
    True
    """

    name: ClassVar = "weekday"
    period: ClassVar = np.timedelta64(7, "D")

    def words(self, term: str, size: str) -> str:
        """Return the effect with its largest term, and a verb."""
        return f"A weekly pattern ({term} {size}) is"

    def design(self, observations: Observations) -> Design:
        """Return contrasts of the day of the week."""
        day = dates(observations, self.name).astype("datetime64[D]").astype(np.int64)
        return of_levels(self.name, (day + THURSDAY) % 7, DAYS)


@dataclass(frozen=True)
class Monthly(Effect):
    """An effect of each month of the year; they add up to 0.

    Examples
    --------
    >>> import numpy as np
    >>> from changepoint import Observations
    >>> months = np.datetime64("2020-01") + np.arange(24)
    >>> Monthly().design(Observations(count=[1] * 24, time=months)).rows.shape
    (24, 11)
    """

    name: ClassVar = "monthly"
    period: ClassVar = np.timedelta64(365, "D")

    def words(self, term: str, size: str) -> str:
        """Return the effect with its largest term, and a verb."""
        return f"A pattern of the months ({term} {size}) is"

    def design(self, observations: Observations) -> Design:
        """Return contrasts of the month."""
        month = dates(observations, self.name).astype("datetime64[M]").astype(np.int64) % 12
        return of_levels(self.name, month, MONTHS)


@dataclass(frozen=True)
class Hourly(Effect):
    """An effect of each hour of the day; they add up to 0.

    Examples
    --------
    >>> import numpy as np
    >>> from changepoint import Observations
    >>> hours = np.datetime64("2020-01-01T00") + np.arange(48)
    >>> Hourly().design(Observations(count=[1] * 48, time=hours)).terms[17]
    '17:00'
    """

    name: ClassVar = "hourly"
    period: ClassVar = np.timedelta64(1, "D")

    def words(self, term: str, size: str) -> str:
        """Return the effect with its largest term, and a verb."""
        return f"A daily pattern ({term} {size}) is"

    def design(self, observations: Observations) -> Design:
        """Return contrasts of the hour."""
        hour = dates(observations, self.name).astype("datetime64[h]").astype(np.int64) % 24
        return of_levels(self.name, hour, tuple(f"{h:02d}:00" for h in range(24)))


@dataclass(frozen=True)
class Yearly(Effect):
    """The course of the year: so many pairs of sine and cosine.

    Parameters
    ----------
    harmonics
        The first has the period of a year, the second half of it, ...

    Examples
    --------
    >>> import numpy as np
    >>> from changepoint import Observations
    >>> weeks = np.datetime64("2020-01-06") + 7 * np.arange(104)
    >>> Yearly(harmonics=1).design(Observations(count=[1] * 104, time=weeks)).rows.shape
    (104, 2)
    """

    harmonics: int = 2

    name: ClassVar = "yearly"
    period: ClassVar = np.timedelta64(365, "D")

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.harmonics, bool) or self.harmonics not in range(1, 7):
            raise ModelError(f"harmonics of Yearly must be 1 to 6, not {self.harmonics!r}")

    def words(self, term: str, size: str) -> str:
        """Return the effect with its largest term, and a verb."""
        return f"A yearly pattern ({term} {size}) is"

    def design(self, observations: Observations) -> Design:
        """Return sines and cosines of the middle of each row; reported for the months."""
        time = middles(dates(observations, self.name))
        year = time.astype("datetime64[Y]")
        whole = (year + np.timedelta64(1, "Y")).astype("datetime64[s]") - year.astype(
            "datetime64[s]"
        )
        share = (time.astype("datetime64[s]") - year.astype("datetime64[s]")) / whole
        return Design(self._waves(share), MONTHS, self._waves((np.arange(12) + 0.5) / 12))

    def _waves(self, share: Floats) -> Floats:
        angle = 2 * np.pi * np.outer(share, np.arange(1, self.harmonics + 1))
        return np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
