"""Columns of Arrow as rows: answers of a database, Parquet files, data frames."""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

from changepoint.errors import DataError
from changepoint.reading.arrow import UnknownTypeError, cells_of
from changepoint.reading.grids import Place
from changepoint.reading.table import Cells, prefixed


def first_line(error: Exception) -> str:
    """Return what a database says, without the picture of the place below it."""
    text = str(error).split("\n\nLINE ")[0]
    return " ".join(text.split()).rstrip(".") or type(error).__name__


def named_cells(column: Any, file: str | None, name: str) -> tuple[Cells, tuple[str, ...]]:
    """Return the cells of a column that is used, and what was done to them.

    Raises
    ------
    DataError
        If they are neither numbers, nor dates, nor text.
    """
    try:
        return cells_of(column)
    except Exception as error:
        kind = isinstance(error, UnknownTypeError)
        told = f"is of type {error}" if kind else f"can't be read ({first_line(error)})"
        message = (
            f"column {name!r} {told}; expected numbers, dates or text. Convert it first, or "
            "name another column"
        )
        raise DataError(prefixed(file, message)) from None


class ArrowRows:
    """Rows that are held, or read when they are asked for, as columns of Arrow.

    Parameters
    ----------
    fetch
        Returns the cells of a column from one row to another.
    width, length
        How many columns and rows there are.
    """

    def __init__(self, fetch: Callable[[int, int, int], Any], width: int, length: int) -> None:
        self.fetch, self.width = fetch, width
        self.lines: Sequence[int] = range(1, length + 1)

    def values(self, index: int) -> list[Any]:
        """Return a column as it stands."""
        return _listed(self.fetch(index, 0, len(self.lines)))

    def column(
        self, index: int, most: int | None = None, place: Place | None = None
    ) -> tuple[Cells, tuple[str, ...]]:
        """Return the cells of a column, and what was done to them."""
        count = len(self.lines)
        column = self.fetch(index, 0, count if most is None else min(most, count))
        if place is not None:
            return named_cells(column, *place[:2])
        try:
            return cells_of(column)
        except Exception:
            return [""] * len(column), ()

    def row(self, number: int) -> Sequence[Any]:
        """Return a row, of which only cells that are asked for are read."""
        return _Row(self, number)

    def cut(self, number: int) -> None:
        """Remove the rows from one on."""
        self.lines = self.lines[:number]

    def whole(self) -> Iterator[Sequence[Any]]:
        """Return the rows."""
        return zip(*map(self.values, range(self.width)), strict=True)


class _Row(Sequence[Any]):
    def __init__(self, rows: ArrowRows, number: int) -> None:
        self.rows, self.number = rows, number

    def __len__(self) -> int:
        return self.rows.width

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return _listed(self.rows.fetch(index, self.number, self.number + 1))[0]


def rows_of(table: Any) -> ArrowRows:
    """Return the rows of a table of Arrow."""

    def fetch(index: int, start: int, stop: int) -> Any:
        return table.column(index).slice(start, stop - start)

    return ArrowRows(fetch, table.num_columns, len(table))


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
