"""Public holidays of a country, from the package holidays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from changepoint.effects.base import Design, Effect, dates, no_effect, with_response
from changepoint.errors import DataError, ModelError
from changepoint.observations import Observations
from changepoint.reading.timegrid import DAY, commonest

HOLIDAY = "holiday"  # its one term, against other days


@dataclass(frozen=True)
class Holidays(Effect):
    """An effect of public holidays, one for all of them, against other days.

    It needs the package holidays, the extra of that name.

    Parameters
    ----------
    country
        Its code, such as "DE".
    subdivision
        That of a state or region, such as "BY"; without, the holidays of the whole country.

    Examples
    --------
    >>> import numpy as np
    >>> from changepoint import Observations
    >>> days = np.datetime64("2024-12-23") + np.arange(5)
    >>> Holidays("DE").design(Observations(count=[1] * 5, time=days)).rows[:, 0]
    array([0., 0., 1., 1., 0.])
    """

    country: str
    subdivision: str | None = None

    name: ClassVar = "holidays"

    def __post_init__(self) -> None:
        super().__post_init__()
        told = {"country": self.country}
        if self.subdivision is not None:
            told["subdivision"] = self.subdivision
        for field, text in told.items():
            if not isinstance(text, str) or not text:
                raise ModelError(
                    f"{field} of Holidays must be a code such as 'DE' or 'BY', not {text!r}"
                )

    def words(self, term: str, size: str) -> str:
        """Return the effect with its largest term, and a verb."""
        return f"The {self.title} ({size}) are"

    def design(self, observations: Observations) -> Design:
        """Return 1 on holidays, 0 on other days."""
        free = self._free(observations)
        if free.all() or not free.any():
            return no_effect(len(free), HOLIDAY)
        return Design(free[:, None].astype(float), (HOLIDAY,), np.ones((1, 1)))

    def cautions(self, observations: Observations) -> Iterator[str]:
        """Warn of rows that are all alike."""
        seen = self._free(observations)[with_response(observations)]
        if seen.all() or not seen.any():
            which = "every row is" if seen.any() else "no row is"
            yield f"{which} a holiday ({self.title}): it changes nothing"

    def _free(self, observations: Observations) -> NDArray[np.bool_]:
        """Return which rows are of holidays.

        Raises
        ------
        DataError
            If rows aren't days, or parts of them.
        """
        time = dates(observations, self.name)
        if len(time) > 1 and commonest(np.diff(time)) > DAY:
            raise DataError(
                f"the {self.title} need rows that are days, or parts of them, and these are "
                "longer: give daily data, or a covariate that counts the holidays of each row"
            )
        day = time.astype("datetime64[D]")
        if not len(day):
            return np.zeros(0, np.bool_)
        first, last = (int(str(end)[:4]) for end in (day.min(), day.max()))
        return np.isin(day, holidays_of(self.country, self.subdivision, first, last))

    @property
    def title(self) -> str:
        """What tells it from holidays of other places."""
        place = (
            self.country if self.subdivision is None else f"{self.country}-{self.subdivision}"
        )
        return f"holidays of {place}"


@lru_cache(maxsize=64)
def holidays_of(
    country: str, subdivision: str | None, first: int, last: int
) -> NDArray[np.datetime64]:
    """Return the holidays from a first to a last year.

    Raises
    ------
    ModelError
        If the package is absent, or knows no such place.
    """
    try:
        import holidays
    except ImportError:
        raise ModelError(
            "holidays need the package holidays, which isn't installed: pip install "
            "'changepoint-toolkit[holidays]'"
        ) from None
    try:
        found = holidays.country_holidays(
            country, subdiv=subdivision, years=range(first, last + 1)
        )
    except (NotImplementedError, ValueError) as error:
        raise ModelError(
            f"the package holidays doesn't know this place ({error}): expected the code of a "
            "country, such as DE, and of a part of it, such as BY (--holidays DE-BY)"
        ) from None
    return np.array(sorted(found), dtype="datetime64[D]")
