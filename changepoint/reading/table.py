"""A table as it was found: one column for each role, nothing interpreted yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import Problem
from changepoint.plain import plain

# Stripped text from files; from frames also numbers (float64, NaN where missing) and dates
# (datetime64, NaT where missing).
Cells = list[str] | NDArray[Any]


class Column(NamedTuple):
    """A column and the header it stands under."""

    name: str
    cells: Cells


class Tags(NamedTuple):
    """A column that tells series apart, or several with commas, and the tags."""

    column: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """The columns that have a role, and where their rows stand.

    Parameters
    ----------
    file
        The file, None for a frame.
    lines
        Line of each row in the file, or number of each row in the frame, from 1.
    columns
        The columns by role.
    delimiter
        What separates the cells in the file, None where nothing does.
    notes
        What was noticed, and done, so far.
    whole
        Returns the rows with all their columns, those without a role too.
    others
        The first rows of the columns that have no role.
    tags
        The one of them that tells series apart, where times repeat.
    typed
        Whether it is a frame or a Parquet file, for which no date format can be told.
    elsewhere
        Texts by role, of rows that are read apart: they have a say in how cells are written.
    """

    file: str | None
    lines: NDArray[np.int64]
    columns: Mapping[str, Column]
    delimiter: str | None = None
    notes: tuple[str, ...] = ()
    others: tuple[Column, ...] = ()
    tags: Tags | None = None
    whole: Callable[[], Iterable[Sequence[Any]]] | None = None
    typed: bool = False
    elsewhere: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def copies(self) -> NDArray[np.int64]:
        """Return the line of the first row that is the same in every column, 0 if none is."""
        used = (column.cells for column in self.columns.values())
        rows = zip(*used, strict=True) if self.whole is None else self.whole()
        first: dict[int, int] = {}
        found = np.zeros(len(self.lines), np.int64)
        for row, cells in enumerate(rows):
            # A hash in place of the cells: there may be millions of them.
            earlier = first.setdefault(hash(tuple(map(str, cells))), row)
            if earlier != row:
                found[row] = self.lines[earlier]
        return found

    def problem(self, role: str, row: int, rule: str, remedy: str) -> Problem:
        """Describe what is wrong with the cell of a role in a row."""
        column = self.columns[role]
        time = ""
        if "time" in self.columns and role != "time":
            time = shown(self.columns["time"].cells[row])
        return Problem(
            file=self.file,
            line=int(self.lines[row]),
            time=time or None,
            column=column.name,
            value=repr(shown(column.cells[row])),
            rule=rule,
            remedy=remedy,
        )


def shown(cell: object) -> str:
    """Return a cell as text that fits into a message."""
    if isinstance(cell, np.datetime64):
        return str(np.datetime_as_string(cell, unit="auto"))
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        cell = int(cell)
    text = f"{cell:g}" if isinstance(cell, float) else str(cell).strip()
    return plain(text if len(text) <= 40 else text[:37] + "...")


def prefixed(file: str | None, message: str) -> str:
    """Put the file, where there is one, in front of a message."""
    return message if file is None else f"{plain(file)}: {message}"
