"""Values that came with a type -> cells: JSON, sheets and databases have them."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from changepoint.errors import DataError, Problem
from changepoint.reading.table import Cells, prefixed, shown


class Fault(NamedTuple):
    """What stands in place of a value: why there is none, and what to do."""

    shown: str
    rule: str
    remedy: str


_NUMBERS = (bool, int, float, Decimal)
_DATES = (datetime.date, datetime.datetime)
_FLAT = (str, *_NUMBERS, *_DATES, datetime.time, datetime.timedelta)


def cells_of_values(
    values: Sequence[Any], place: tuple[str | None, str, Sequence[int]] | None = None
) -> Cells:
    """Return cells: numbers as numbers, dates as dates, anything else as text.

    Parameters
    ----------
    values
        None where one is missing.
    place
        The file, the column and the lines, for a column that is used.

    Raises
    ------
    DataError
        If a column that is used holds what no cell can be, such as a list.
    """
    if place is not None:
        _check(values, place)
    present = [value for value in values if value is not None]
    if present and all(isinstance(value, _NUMBERS) for value in present):
        return np.array([_float(value) for value in values], dtype=np.float64)
    if present and all(isinstance(value, _DATES) for value in present):
        return np.array(
            [np.datetime64("NaT") if value is None else _stamp(value) for value in values],
            dtype="datetime64[us]",
        )
    return [_beside_text(value) for value in values]


def text_of(value: Any) -> str:
    """Return a value as the text that a cell of a text file would hold, stripped."""
    if isinstance(value, str):
        return value.strip()
    if (
        value is None
        or isinstance(value, Fault)
        or (isinstance(value, float) and math.isnan(value))
    ):
        return ""
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ") if value.time() != datetime.time() else f"{value.date()}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | Decimal):
        return repr(float(value)).removesuffix(".0")
    return str(value)


def _beside_text(value: Any) -> str:
    """Return a value of a column that holds text too: no number may look like another.

    Three digits behind a point could be thousands, beside a text with a decimal comma.
    """
    text = text_of(value)
    if isinstance(value, float | Decimal) and len(text.partition(".")[2]) == 3:
        return f"{text}0"
    return text


def _float(value: Any) -> float:
    return math.nan if value is None else float(value)


def _stamp(value: datetime.date) -> np.datetime64:
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return np.datetime64(value, "us")


def _check(values: Sequence[Any], place: tuple[str | None, str, Sequence[int]]) -> None:
    """Refuse what no cell can be: nested values, and numbers beyond all bounds."""
    file, column, lines = place
    problems = []
    for line, value in zip(lines, values, strict=True):
        if value is None or type(value) is str:
            continue
        fault = _fault(value)
        if fault is not None:
            told = repr(shown(value.shown if isinstance(value, Fault) else value))
            problems.append(Problem(file, line, None, column, told, *fault))
    if problems:
        cells = "1 cell" if len(problems) == 1 else f"{len(problems)} cells"
        raise DataError(prefixed(file, f"{cells} can't be understood"), problems)


def _fault(value: Any) -> tuple[str, str] | None:
    if isinstance(value, Fault):
        return value.rule, value.remedy
    if not isinstance(value, _FLAT):
        kinds = ((dict, "an object"), (list, "a list"), (bytes, "binary data"))
        told = (name for kind, name in kinds if isinstance(value, kind))
        found = next(told, type(value).__name__)
        rule = f"a number, a date or text was expected, not {found}"
        return rule, "Write a column for each value inside, or name another column"
    if isinstance(value, int | float | Decimal):
        try:
            if not math.isinf(float(value)):
                return None
        except (OverflowError, ValueError):
            pass
        return "a finite number was expected", "Correct it, or leave it empty if it is missing"
    return None
