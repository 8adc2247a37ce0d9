"""A time in several columns, such as year, month and day: which they are, and their union."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence

from changepoint.reading.table import Cells, Column

# The parts of a date by the names of their columns, as `matching.normal` writes them.
NAMES = {
    "year": ("year", "yr", "jahr", "année", "annee"),
    "quarter": ("quarter", "qtr", "quartal", "trimestre"),
    "month": ("month", "monat", "mois"),
    "week": ("week", "woche", "semaine"),
    "day": ("day", "day_of_month", "dayofmonth", "mday", "dom", "tag", "jour"),
}
PART = {name: part for part, names in NAMES.items() for name in names}
# Which parts make a date, the finest first.
DATES = (("year", "month", "day"), ("year", "month"), ("year", "week"), ("year", "quarter"))
_ORDER = ("year", "month", "day")  # of columns whose names don't say what they are


def role_of(part: str) -> str:
    """Return the role of a column that is a part of the time."""
    return f"time[{part}]"


def is_part(role: str) -> bool:
    """Whether a column is a part of the time."""
    return role.startswith("time[")


def by_name(names: Mapping[int, str]) -> dict[str, int]:
    """Return the columns by part that make a date, by their names; none if they make none."""
    found: dict[str, int] = {}
    for index, name in names.items():
        part = PART.get(name)
        if part in found:
            return {}
        if part is not None:
            found[part] = index
    for parts in DATES:
        if all(part in found for part in parts):
            return {part: found[part] for part in parts}
    return {}


def split(name: str) -> list[str]:
    """Return the names of columns that were told as one time, such as year,month,day."""
    return [part.strip() for part in next(csv.reader([name], skipinitialspace=True), [])]


def by_order(names: Sequence[str]) -> tuple[str, ...] | None:
    """Return which part each name is: by the names, else by the order; None if neither."""
    told = tuple(PART.get(name, "") for name in names)
    if any(sorted(told) == sorted(date) for date in DATES):
        return told
    return _ORDER[: len(names)] if 2 <= len(names) <= len(_ORDER) else None


def joined(columns: Mapping[str, Column]) -> tuple[dict[str, Column], tuple[str, ...]]:
    """Return the columns with the parts of the time as one, and what was done."""
    parts = {role: column for role, column in columns.items() if is_part(role)}
    if not parts:
        return dict(columns), ()
    texts = {role[5:-1]: _texts(column.cells) for role, column in parts.items()}
    cells = [
        _written(dict(zip(texts, row, strict=True)))
        for row in zip(*texts.values(), strict=True)
    ]
    names = [column.name for column in parts.values()]
    time = Column(", ".join(names), cells)
    rest = {role: column for role, column in columns.items() if role not in parts}
    quoted = ", ".join(map(repr, names))
    return {"time": time, **rest}, (f"columns {quoted} were joined: they are the time",)


def _texts(cells: Cells) -> list[str]:
    """Return the cells as text, whole numbers without a decimal point."""
    if isinstance(cells, list):
        return [cell.removesuffix(".0") for cell in cells]
    return ["" if cell != cell else f"{cell:.15g}" for cell in cells.tolist()]


def _written(part: Mapping[str, str]) -> str:
    """Return a date as text, in a way that is read; "" where all of it is missing."""
    if not any(part.values()):
        return ""
    year = part["year"]
    if "week" in part:
        return f"{year}-W{part['week'].upper().lstrip('W').zfill(2)}"
    if "quarter" in part:
        return f"{year}-Q{part['quarter'].upper().lstrip('Q')}"
    month, day = part["month"], part.get("day", "")
    if month.isdecimal():
        return f"{year}-{month.zfill(2)}" + (f"-{day.zfill(2)}" if "day" in part else "")
    return f"{year} {month} {day}".rstrip()
