"""The options of the readers beside columns: what is put together, and how it is read."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np

from changepoint.errors import DataError
from changepoint.reading.exclusion import Windows, windows_of
from changepoint.reading.timegrid import DAY
from changepoint.reading.totals import check_difference
from changepoint.reading.units import check_per
from changepoint.reading.yearless import check_year

PERIODS = ("day", "week", "month")
OF_PERIODS = ("statistic", "keep_partial", "start", "end")
STATISTICS = ("mean", "median", "sum")


@dataclass(frozen=True)
class Instructions:
    """What is put together, and how numbers and dates are read: options as they were given.

    Parameters
    ----------
    aggregate
        The period: day, week or month; None where rows stay as they are.
    statistic
        What stands for the values of a period: mean, median or sum.
    keep_partial
        Whether periods that rows cover in part only are kept.
    start, end
        The first and the last day, or time, of which the rows tell.
    zone
        The time zone of clock times that have none.
    exclude
        Windows of time whose rows count as missing, pairs of first and last.
    per
        What rates are counted by.
    year
        That of the first row, where dates have none.
    difference
        Whether responses are running totals, of which each row's part is taken.
    """

    aggregate: str | None = None
    statistic: str | None = None
    keep_partial: bool = False
    start: str | None = None
    end: str | None = None
    zone: str | None = None
    exclude: Windows | None = None
    per: float | None = None
    year: int | None = None
    difference: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> tuple[Self, dict[str, Any]]:
        """Return what options say of it, and the others.

        Raises
        ------
        DataError
            If they can't be used.
        """
        names = {field.name for field in fields(cls)}
        told = {n: o for n, o in options.items() if n in names and o is not None}
        told |= {name: str(told[name]) for name in ("start", "end") if name in told}
        if "exclude" in told:
            told["exclude"] = windows_of(told["exclude"])
        how = cls(**told)
        how._check()
        return how, {n: o for n, o in options.items() if n not in names}

    def options(self) -> dict[str, Any]:
        """Return the options that were given."""
        return {n: o for n, o in asdict(self).items() if o not in (None, False)}

    def _check(self) -> None:
        if self.aggregate is not None and self.aggregate not in PERIODS:
            raise DataError(
                f"aggregate must be one of {', '.join(PERIODS)}, not {self.aggregate!r}"
            )
        if self.statistic is not None and self.statistic not in STATISTICS:
            raise DataError(
                f"statistic must be one of {', '.join(STATISTICS)}, not {self.statistic!r}"
            )
        others = [name.replace("_", "-") for name in self.options() if name in OF_PERIODS]
        if self.aggregate is None and others:
            told = " and ".join("from or to" if n in ("start", "end") else n for n in others)
            raise DataError(f"{told} is about periods: say which, with --aggregate")
        check_per(self.per)
        check_year(self.year)
        check_difference(self.difference, self.aggregate)
        first, end = self.limits()
        if first is not None and end is not None and end <= first:
            raise DataError(f"--from, {self.start}, is after --to, {self.end}")

    def limits(self) -> tuple[np.datetime64 | None, np.datetime64 | None]:
        """Return from when rows count, and to when, which isn't counted any more."""
        first = None if self.start is None else _instant("from", self.start)
        end = None if self.end is None else _instant("to", self.end)
        if end is not None and self.end is not None and len(self.end) <= len("2024-01-31"):
            end += DAY  # the last day is part of it
        return first, end


AS_THEY_ARE = Instructions()


def _instant(option: str, text: str) -> np.datetime64:
    with contextlib.suppress(ValueError):
        found: np.datetime64 = np.datetime64(text.strip(), "us")
        if not np.isnat(found):
            return found
    raise DataError(f"--{option} must be a date such as 2024-01-31, not {text!r}")
