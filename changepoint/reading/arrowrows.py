"""Tables of Arrow as rows: answers of a database, wide Parquet files."""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from changepoint.errors import DataError
from changepoint.reading.arrow import UnknownTypeError, cells_of
from changepoint.reading.grids import Place
from changepoint.reading.table import Cells


def first_line(error: Exception) -> str:
    """Return what a database says, without the picture of the place below it."""
    text = str(error).split("\n\nLINE ")[0]
    return " ".join(text.split()).rstrip(".") or type(error).__name__


class ArrowRows:
    """Rows that are held as columns of Arrow."""

    def __init__(self, table: Any) -> None:
        self.table = table
        self.lines: Sequence[int] = range(1, len(table) + 1)

    def values(self, index: int) -> list[Any]:
        """Return a column as it stands."""
        return _listed(self.table.column(index))

    def column(
        self, index: int, most: int | None = None, place: Place | None = None
    ) -> tuple[Cells, tuple[str, ...]]:
        """Return the cells of a column, and what was done to them."""
        column = self.table.column(index)
        column = column if most is None else column.slice(0, most)
        try:
            return cells_of(column)
        except Exception as error:
            if place is None:
                return [""] * len(column), ()
            kind = isinstance(error, UnknownTypeError)
            told = f"is of type {error}" if kind else f"can't be read ({first_line(error)})"
            raise DataError(
                f"{place[0]}: column {place[1]!r} {told}; expected numbers, dates or text. "
                "Convert it first, or name another column"
            ) from None

    def row(self, number: int) -> Sequence[Any]:
        """Return a row."""
        return [_scalar(column[number]) for column in self.table.columns]

    def cut(self, number: int) -> None:
        """Remove the rows from one on."""
        self.table, self.lines = self.table.slice(0, number), self.lines[:number]

    def whole(self) -> Iterator[Sequence[Any]]:
        """Return the rows."""
        return zip(*map(_listed, self.table.columns), strict=True)


def _listed(column: Any) -> list[Any]:
    """Return an Arrow column as objects of Python, as text where these can't hold it."""
    try:
        found: list[Any] = column.to_pylist()
    except Exception:  # such as a date after the year 9999
        found = [_scalar(cell) for cell in column]
    return found


def _scalar(cell: Any) -> Any:
    try:
        return cell.as_py()
    except Exception:
        return str(getattr(cell, "value", ""))
