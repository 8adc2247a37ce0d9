"""What shifts every row, whatever the segment: the design of an effect and its prior.

With eta = link(theta) of a row's segment, effects make it eta + x_t' beta. The coefficients
beta are shared by all segments, each Normal(0, sigma) a priori.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError, ModelError
from changepoint.likelihoods import Likelihood
from changepoint.likelihoods.hyperparameter import Hyperparameter
from changepoint.observations import RESPONSES, Observations
from changepoint.reading.timegrid import find_grid

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Design(NamedTuple):
    """An effect on the rows of some data.

    rows
        What each coefficient is multiplied by in each row, (T, d).
    terms, contrasts
        What is reported, such as days of the week, and how it is made of the coefficients,
        (L, d).
    pulls
        What share of its level a row loses to the effect, in coefficients, (T, d); None: none.
    """

    rows: Floats
    terms: tuple[str, ...]
    contrasts: Floats
    pulls: Floats | None = None


@dataclass(frozen=True)
class Effect(ABC):
    """What shifts the parameter of every row by the link, whatever its segment.

    Parameters
    ----------
    sigma
        Standard deviation of the prior of each coefficient, on the scale of the link: of a
        rate, about that of the relative effect. Default: 0.3; of measurements their standard
        deviation.
    probability
        That there is such an effect, a priori. Below 1 the answer is an average over with and
        without it, by evidence.
    """

    sigma: float | None = field(default=None, kw_only=True)
    probability: float = field(default=1.0, kw_only=True)

    name: ClassVar[str]
    period: ClassVar[np.timedelta64 | None] = None  # after which it repeats
    alone: ClassVar[str | None] = None  # where it stands alone: what measurements have instead
    of_level: ClassVar[bool] = True  # whether its terms say how far the level of rows is off

    def __post_init__(self) -> None:
        if self.sigma is not None:
            self._set_number("sigma", np.inf, "a number above 0")
        self._set_number("probability", 1.0, "above 0, and at most 1")
        if self.sigma == np.inf:
            raise self._wrong("sigma", "a number above 0")

    def _set_number(self, name: str, most: float, expected: str) -> None:
        told = getattr(self, name)
        number = isinstance(told, int | float | np.integer | np.floating)
        if isinstance(told, bool) or not number or not 0 < told <= most:
            raise self._wrong(name, expected)
        object.__setattr__(self, name, float(told))

    def _wrong(self, name: str, expected: str) -> ModelError:
        kind, told = type(self).__name__, getattr(self, name)
        return ModelError(f"{name} of {kind} must be {expected}, not {told!r}")

    @abstractmethod
    def design(self, observations: Observations) -> Design:
        """Return what the effect is of these rows.

        Raises
        ------
        DataError
            If the data don't have what it needs.
        """

    def design_under(self, family: Likelihood, observations: Observations) -> Design:
        """Return the same where it depends on the likelihood, whose priors are filled."""
        return self.design(observations)

    @property
    def hyper(self) -> Hyperparameter | None:
        """Its one coefficient with its prior, where that is summed out on a lattice.

        For posteriors that Gaussians don't resemble: of many narrow modes, or at an end. Such
        an effect stands alone.
        """
        return None

    def cautions(self, observations: Observations) -> Iterator[str]:
        """Warn of data that hardly tell the effect from changes."""
        if self.period is None or observations.time is None:
            return
        first, end = _ends(observations.time)
        if end - first < 2 * self.period:
            yield (
                f"the data cover less than two periods of the effect {self.name!r}: it can "
                "hardly be told from changes"
            )

    def resolve(self, scale: float) -> Self:
        """Return the effect with the prior that was left out at this scale."""
        return self if self.sigma is not None else replace(self, sigma=scale)

    def __str__(self) -> str:
        told = {name: value for name, value in vars(self).items() if value is not None}
        if self.probability == 1:
            del told["probability"]
        inside = ", ".join(
            f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in told.items()
        )
        return f"{type(self).__name__}({inside})"

    @property
    def title(self) -> str:
        """What tells it from other effects."""
        return self.name

    def coefficients(self, size: int) -> tuple[str, ...]:
        """Return the names of so many coefficients in a posterior."""
        title = self.title.replace("/", "\N{DIVISION SLASH}")  # no path, as names in files are
        return tuple(f"{title}[{i}]" for i in range(size))

    @abstractmethod
    def words(self, term: str, size: str) -> str:
        """Return the effect as the start of a sentence, with its largest term, and a verb."""

    def to_dict(self) -> dict[str, Any]:
        """Return name and settings, ready for JSON."""
        return {"name": self.name, **vars(self)}


def contrasts(levels: int) -> Floats:
    """Return orthonormal contrasts that add up to 0, (L, L - 1).

    Coefficients with independent Normal(0, s) priors give effects of L levels that are alike:
    all have the variance s^2 (1 - 1/L), all pairs the same correlation.
    """
    table = np.zeros((levels, levels - 1))
    for j in range(1, levels):
        table[:j, j - 1] = 1 / np.sqrt(j * (j + 1))
        table[j, j - 1] = -j / np.sqrt(j * (j + 1))
    return table


def dates(observations: Observations, name: str) -> NDArray[np.datetime64]:
    """Return the times as clocks show them, which must be dates."""
    time = observations.clocks
    if time is None or time.dtype.kind != "M":
        raise DataError(
            f"the effect {name!r} needs dates, and the data have "
            + ("no times" if time is None else "numbers as times")
            + ": name the column of dates (--time)"
        )
    return time


def middles(time: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Return the middle of each row's period: of a month, whatever day stands for it."""
    grid = find_grid(time) if len(time) > 1 and np.all(time[1:] > time[:-1]) else None
    if grid is None:
        return time
    begin, end = time, grid.time(grid.places + 1)
    first, last = begin.astype("datetime64[M]"), end.astype("datetime64[M]")
    months = last - first
    uneven = np.ptp((end - begin).astype(np.int64)) > 0  # as months are
    if uneven and months[0] > np.timedelta64(0, "M") and np.all(months == months[0]):
        after = (time + np.timedelta64(1, "D")).astype("datetime64[M]")
        if np.all(after > first):  # the last day of a quarter, say, stands for what is over
            first, last = after - months, after
        begin, end = first.astype(time.dtype), last.astype(time.dtype)
    middle: NDArray[np.datetime64] = begin + (end - begin) // 2
    return middle


def _ends(time: NDArray[np.datetime64]) -> tuple[np.datetime64, np.datetime64]:
    """Return the first time, and when the last row ends: where the next one would begin."""
    grid = find_grid(time) if len(time) > 1 and np.all(time[1:] > time[:-1]) else None
    if grid is None:
        return time[0], time[-1]
    first, end = grid.time(np.array([0, grid.places[-1] + 1]))
    return first, end


def with_response(observations: Observations) -> NDArray[np.bool_]:
    """Return which rows have a number for a response, whichever the likelihood explains."""
    present = [role for role in RESPONSES if getattr(observations, role) is not None]
    return np.any([observations.observed(role) for role in present], axis=0)


def no_effect(rows: int, term: str) -> Design:
    """Return the design of an effect that is the same in every row: it does nothing."""
    return Design(np.zeros((rows, 1)), (term,), np.zeros((1, 1)))


def of_levels(name: str, level: Integers, terms: tuple[str, ...]) -> Design:
    """Return the design of an effect by level, such as the day of the week."""
    found = np.unique(level)
    if len(found) < 2:
        same = f"all rows are of {terms[found[0]]}" if len(found) else "there are no rows"
        raise DataError(f"the effect {name!r} can't be told from the level: {same}")
    table = contrasts(len(terms))
    return Design(table[level], terms, table)
