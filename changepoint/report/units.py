"""The unit in which an answer is told: percent, per 1,000, per 100,000, or rates as such."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from changepoint.errors import DataError
from changepoint.report.numbers import apart, number
from changepoint.results.reported import Interval

if TYPE_CHECKING:
    from changepoint.answer import Answer

SHARE = (0.0, 1.0)  # the domain of what is a share of trials
# The unit of an answer, by its largest rate. Of events by exposure only the last two: percent
# of a year or of a square mile say nothing.
AUTO = ((0.005, 100.0), (0.0005, 1_000.0), (0.0, 100_000.0))


class Unit(NamedTuple):
    """By what a parameter is multiplied where it is told, and what stands behind it.

    Examples
    --------
    >>> unit = Unit(1000.0, " per 1,000")
    >>> unit.text(0.00123), unit.span(Interval(0.00123, 0.001, 0.0015))
    ('1.23 per 1,000', '1.23 per 1,000 (1.00 to 1.50)')
    >>> Unit(100.0, " %").span(Interval(0.102, 0.0873, 0.119))
    '10.2 % (8.73 to 11.9 %)'
    """

    per: float = 1.0
    label: str = ""

    def number(self, x: float) -> str:
        """Return three significant digits without the label, as a cell under `head` has it."""
        return number(self.per * x)

    def text(self, x: float) -> str:
        """Return the same with the label, as in a sentence."""
        return f"{self.number(x)}{self.label}"

    def cell(self, interval: Interval) -> str:
        """Return a mean and its ends without the label."""
        mean, lower, upper = apart(*self.scaled(interval))
        return f"{mean} ({lower} to {upper})"

    def span(self, interval: Interval) -> str:
        """Return a mean and its ends with the label."""
        mean, lower, upper = apart(*self.scaled(interval))
        return f"{mean}{self.label} ({lower} to {upper}{self.percent})"

    def scaled(self, interval: Interval) -> Interval:
        """Return the interval in this unit."""
        return Interval(*(self.per * x for x in interval))

    def ends(self, before: float, after: float) -> str:
        """Return from what to what; more digits where three don't tell them apart."""
        one, two = apart(self.per * before, self.per * after)
        return f"from {one}{self.percent} to {two}{self.label}"

    def head(self, name: str) -> str:
        """Return the head of a column, or the label of an axis, with the unit."""
        return f"{name}, {self.label.strip()}" if self.label else name

    def difference(self, name: str) -> str:
        """Return the same of a difference: one of percents is in percentage points."""
        return f"{name}, points" if self.percent else self.head(name)

    @property
    def percent(self) -> str:
        """What stands behind each number, the first and the last."""
        return self.label if self.label == " %" else ""

    def to_dict(self) -> dict[str, Any]:
        """Return what the JSON says of it."""
        return {"per": self.per, "label": self.label.strip()}


PLAIN = Unit()


def unit_of(posterior: Answer) -> Unit:
    """Return the one unit of an answer: what `told_per` asked for, or what its size suggests.

    Of a share of trials and of events by exposure; of all else the numbers as they are.
    """
    if not _is_rate(posterior):
        return PLAIN
    share = posterior.model.likelihood.domain == SHARE
    if posterior.per is not None:
        return _unit(posterior.per, share)
    rates = posterior.arrays.rows[0]
    largest = float(np.max(rates, initial=0.0, where=np.isfinite(rates)))
    if not share and largest >= AUTO[0][0]:
        return PLAIN
    return _unit(next(per for least, per in AUTO if largest >= least), share)


def check_per(posterior: Answer, per: float | None) -> None:
    """Refuse a unit that is no number, or that is asked for what is no rate.

    Raises
    ------
    DataError
        If it is.
    """
    check_number(per)
    if per is not None and not _is_rate(posterior):
        family = posterior.model.likelihood
        raise DataError(
            f"per {per:,.10g} is a unit of rates, and the {family.subject} is "
            "none: it is told as it is. Leave per out"
        )


def check_number(per: float | None) -> None:
    """Refuse what is no number of events, whatever the answer; DataError."""
    if per is None:
        return
    told = isinstance(per, int | float | np.number) and not isinstance(per, bool)
    if not told or not math.isfinite(per) or per <= 0:
        raise DataError(f"per must be a number above 0, such as 1000, not {per!r}")


def _is_rate(posterior: Answer) -> bool:
    family = posterior.model.likelihood
    if family.domain == SHARE:
        return True
    return family.name != "pymc" and family.divisor(posterior.observations) is not None


def _unit(per: float, share: bool) -> Unit:
    if per == 1:
        return PLAIN
    return Unit(float(per), " %" if share and per == 100 else f" per {per:,.10g}")
