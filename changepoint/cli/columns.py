"""How to read a file: options that all commands share."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import Parameter

from changepoint.errors import DataWarning

if TYPE_CHECKING:
    from changepoint.observations import Observations


@Parameter(name="*")
@dataclass(frozen=True)
class Columns:
    """How to read the file.

    Parameters
    ----------
    time
        Column of dates, time stamps or numbers.
    count
        Column of events.
    trials
        Column of trials behind each count.
    exposure
        Column of the time or population at risk behind each count.
    rate
        Column of proportions whose trials are unknown.
    value
        Column of measurements.
    outcomes
        Columns of counts by outcome, separated by commas, such as left,carted,bought.
    outcome
        Column that says the outcome of a trial, where each row is one.
    date_format
        How dates are written, such as %d/%m/%Y, where the file leaves it open.
    aggregate
        Sum rows by day, week or month.
    """

    time: str | None = None
    count: str | None = None
    trials: str | None = None
    exposure: str | None = None
    rate: str | None = None
    value: str | None = None
    outcomes: str | None = None
    outcome: str | None = None
    date_format: str | None = None
    aggregate: Literal["day", "week", "month"] | None = None

    def given(self) -> dict[str, Any]:
        """Return what was said."""
        given = {name: text for name, text in vars(self).items() if text is not None}
        if self.outcomes is not None:
            given["outcomes"] = listed(self.outcomes)
        return given

    def read(self, file: Path, defaults: Mapping[str, Any] | None = None) -> Observations:
        """Read a file; columns that aren't given come from the defaults."""
        from changepoint.reading import read

        given, defaults = self.given(), dict(defaults or {})
        if {"outcomes", "outcome"} & set(given):
            defaults = {r: c for r, c in defaults.items() if r not in ("outcomes", "outcome")}
        with warnings.catch_warnings():
            # What was noticed is printed with the result.
            warnings.simplefilter("ignore", DataWarning)
            return read(file, **{**defaults, **given})


def listed(text: str | None) -> list[str]:
    """Return names separated by commas; one that holds a comma stands in quotes."""
    return [] if text is None else next(csv.reader([text], skipinitialspace=True), [])
