"""How to read a file: options that all commands share."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from changepoint.effects import Covariate, Effect
from changepoint.errors import DataWarning, ModelError
from changepoint.roles import BY_NAME, TABLE

if TYPE_CHECKING:
    from changepoint.observations import Observations


def with_roles[C](columns: type[C]) -> type[C]:
    """Give a class a field for each role: an option whose help is what the role is."""
    fields = {}
    for role in TABLE:
        kind, name = (list[str], f"--{role.flag}") if role.flag else (str, None)
        fields[role.name] = Annotated[
            kind | None, Parameter(name=name, help=role.about, negative=())
        ]
        setattr(columns, role.name, None)
    columns.__annotations__ = fields | columns.__annotations__
    return columns


@Parameter(name="*")
@dataclass(frozen=True)
@with_roles
class Columns:
    """How to read the file: a column for each role, and what follows.

    Parameters
    ----------
    date_format
        How dates are written, such as %d/%m/%Y, where the file leaves it open.
    aggregate
        Sum rows by day, week or month. Periods that are cut off are left out of counts without
        trials or exposure; in a log of events, those without rows count 0.
    statistic
        What stands for the values of a period: mean, median or sum.
    keep_partial
        Keep periods that are cut off, or in which rows are absent.
    start
        The first day, or time, of which the file tells.
    end
        The last one.
    zone
        The time zone of clock times, such as Europe/Berlin, where an hour comes twice as clocks
        go back. Times are told, and options read, by its clocks.
    exclude
        FROM:TO, both included: rows that count as missing, such as an outage; dates as the file
        has them or as 2024-01-31, also with clock times (2024-01-01T05:00:2024-01-01T09:00), or
        numbers. May be given several times.
    percent
        The rates are percentages, where neither header nor cells say so.
    per
        The same for rates per 1000, per 100000; 1 for proportions.
    year
        The year of the first row, where dates are written without one.
    difference
        Counts or values are running totals: take what each row adds.
    query
        What a DuckDB or SQLite database is asked, such as 'select date, count from sales order
        by date'.
    sheet
        The sheet of an Excel file (.xlsx), where several have data.
    """

    date_format: str | None = None
    aggregate: Literal["day", "week", "month"] | None = None
    statistic: Literal["mean", "median", "sum"] | None = None
    keep_partial: Annotated[bool | None, Parameter(negative=())] = None
    start: Annotated[str | None, Parameter(name="--from")] = None
    end: Annotated[str | None, Parameter(name="--to")] = None
    zone: str | None = None
    exclude: Annotated[list[str] | None, Parameter(negative=())] = None
    percent: Annotated[bool, Parameter(negative=())] = False
    per: float | None = None
    year: int | None = None
    difference: Annotated[bool, Parameter(negative=())] = False
    query: str | None = None
    sheet: str | None = None

    def given(self) -> dict[str, Any]:
        """Return what was said."""
        given = {name: text for name, text in vars(self).items() if text is not None}
        if not given["difference"]:
            del given["difference"]
        if given.pop("percent"):
            if self.per is not None:
                raise ModelError("--percent is --per 100: give one of the two")
            given["per"] = 100.0
        lists = {role.name for role in TABLE if role.several}
        return {
            n: listed(text) if n in lists and isinstance(text, str) else text
            for n, text in given.items()
        }

    def effects(self) -> tuple[Effect, ...]:
        """Return the effects of the covariates."""
        return tuple(map(Covariate, dict.fromkeys(vars(self)["covariates"] or ())))

    def others(self) -> list[str]:
        """Return the names of the options that aren't columns."""
        return [name for name in vars(self) if name not in BY_NAME]

    def read(self, file: str, defaults: Mapping[str, Any] | None = None) -> Observations:
        """Read a file; columns that aren't given come from the defaults."""
        from changepoint.reading import read

        given, defaults = self.given(), dict(defaults or {})
        alone = {role.name for role in TABLE if role.alone}
        if alone & set(given):  # they take the place of each other
            defaults = {r: c for r, c in defaults.items() if r not in alone}
        with warnings.catch_warnings():
            # What was noticed is printed with the result.
            warnings.simplefilter("ignore", DataWarning)
            return read(file, **{**defaults, **given})


def listed(text: str | None) -> list[str]:
    """Return names separated by commas; one that holds a comma stands in quotes."""
    return [] if text is None else next(csv.reader([text], skipinitialspace=True), [])
