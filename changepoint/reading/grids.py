"""Rows as they were found, however they are held, and what stands below the data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from changepoint.reading.datestyles import is_date
from changepoint.reading.numerals import MISSING
from changepoint.reading.table import Cells, Column, shown
from changepoint.reading.unused import SAMPLE
from changepoint.reading.values import cells_of_values, text_of

_FOOTER_ROWS = 10  # more than these aren't a footer but dates that can't be read
_FOOTER_WORDS = re.compile(
    r"\W*(?:(?:grand|sub)[\s-]?)?(?:totals?|subtotals?|sum|average|avg|mean|median|source|notes?"
    r"|summe|gesamt\w*|durchschnitt|mittelwert|quelle|somme|moyenne)\b",
    re.I,
)


Place = tuple[str | None, str, Sequence[int]]  # a file, a column in it, the lines of its rows


class Rows(NamedTuple):
    """The rows that aren't blank, and the lines they start at.

    Cells are text, as in text files, or typed: None, numbers, dates and text.
    """

    lines: list[int]
    cells: list[Any]  # a sequence for each row
    typed: bool = False

    def values(self, index: int) -> list[Any]:
        """Return a column as it stands; of rows that are too short, without text."""
        return [row[index] if index < len(row) else "" for row in self.cells]

    def column(
        self, index: int, most: int | None = None, place: Place | None = None
    ) -> tuple[Cells, tuple[str, ...]]:
        """Return the first cells of a column, or all, and what was done to them.

        Raises
        ------
        DataError
            If its place is given, as it is used, and it holds what no cell can be.
        """
        rows = self if most is None else self._replace(cells=self.cells[:most])
        values = rows.values(index)
        if not self.typed:
            return [value.strip() for value in values], ()
        return cells_of_values(values, place), ()

    def row(self, number: int) -> Sequence[Any]:
        """Return a row."""
        found: Sequence[Any] = self.cells[number]
        return found

    def cut(self, number: int) -> None:
        """Remove the rows from one on."""
        del self.lines[number:], self.cells[number:]

    def whole(self) -> Iterable[Sequence[Any]]:
        """Return the rows."""
        return self.cells


class Grid(Protocol):
    """What rows are, however they are held."""

    @property
    def lines(self) -> Sequence[int]:
        """Where they stand."""
        ...

    def values(self, index: int) -> list[Any]:
        """Return a column as it stands."""
        ...

    def column(
        self, index: int, most: int | None = None, place: Place | None = None
    ) -> tuple[Cells, tuple[str, ...]]:
        """Return the cells of a column, and what was done to them."""
        ...

    def row(self, number: int) -> Sequence[Any]:
        """Return a row."""
        ...

    def cut(self, number: int) -> None:
        """Remove the rows from one on."""
        ...

    def whole(self) -> Iterable[Sequence[Any]]:
        """Return the rows."""
        ...


def sample(rows: Grid, header: Sequence[str], index: int) -> Column:
    """Return the first rows of a column that has no role."""
    return Column(header[index], rows.column(index, SAMPLE)[0])


def cut_footer(rows: Grid, time: int | None) -> tuple[str, ...]:
    """Remove the rows below the data, such as totals and sources; say which."""

    def is_footer(cells: Sequence[Any]) -> bool:
        if time is None:
            return bool(cells and _FOOTER_WORDS.match(text_of(cells[0])))
        cell = text_of(cells[time]) if time < len(cells) else ""
        if not cell:
            return True  # blank rows are gone already, so other cells are filled
        if _FOOTER_WORDS.match(cell):
            return True
        words = re.match(r"\D*[^\W\d_]{3}", cell)  # 31 Jän 2020 is a bad date
        return bool(words) and cell.lower() not in MISSING and not is_date(cell)

    last = end = len(rows.lines)
    while last and end - last <= _FOOTER_ROWS and is_footer(rows.row(last - 1)):
        last -= 1
    footer = [(rows.lines[number], rows.row(number)) for number in range(last, end)]
    # Without a single date above, it is the dates that can't be read.
    if not footer or len(footer) > _FOOTER_ROWS or (time is not None and not last):
        return ()
    rows.cut(last)
    which = []
    for line, cells in footer:
        text = shown(" ".join(filter(None, map(text_of, cells))))
        which.append(f"line {line} ({text})")
    return (f"left out as a footer, not data: {', '.join(which)}",)
