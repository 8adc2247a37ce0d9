"""Data frames and Parquet files -> a table."""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from changepoint.errors import AccessError, DataError
from changepoint.reading.arrow import UnknownTypeError, cells_of
from changepoint.reading.arrowrows import ArrowRows
from changepoint.reading.files import check_path
from changepoint.reading.matching import find_roles, meaning
from changepoint.reading.parts import is_part, joined
from changepoint.reading.rows import table_of_rows
from changepoint.reading.systems import filesystem, is_url
from changepoint.reading.table import Column, Table, prefixed
from changepoint.reading.unused import SAMPLE, left_out, time_among

FRAMES = "a data frame of pandas, polars, pyarrow or DuckDB"
DAMAGED = "the file is damaged"


def read_parquet_table(path: str | os.PathLike[str], asked: Mapping[str, str]) -> Table:
    """Return the columns of a Parquet file that have a role."""
    import pyarrow as pa

    name = os.fspath(path)
    with open_parquet(path) as source:
        header = source.schema_arrow.names
        roles = find_roles(header, asked, name)
        unused = [column for index, column in enumerate(header) if index not in roles.values()]

        def first_rows() -> Any:
            batches = source.iter_batches(SAMPLE, columns=unused)
            return pa.Table.from_batches([next(batches)]) if source.metadata.num_rows else None

        sample = foreign(name, DAMAGED, first_rows) if unused else None
        others = {} if sample is None else {c: sample.column(c) for c in unused}
        named, notes, left = _with_time({r: header[i] for r, i in roles.items()}, others)
        columns = list(dict.fromkeys(named.values()))
        table = foreign(name, DAMAGED, lambda: source.read(columns=columns))
    found = _noted(table_of(name, named, table.column), notes, left, asked)

    def whole() -> Iterable[Any]:
        with open_parquet(path) as source:
            every = foreign(name, DAMAGED, source.read)
        return zip(*(column.to_pylist() for column in every.columns), strict=True)

    return replace(found, whole=whole)


def read_wide_parquet(path: str | os.PathLike[str], asked: Mapping[str, str]) -> Table:
    """Return the long table of a Parquet file in which each column is a series."""
    name = os.fspath(path)
    with open_parquet(path) as source:
        table = foreign(name, DAMAGED, source.read)
    return table_of_rows(ArrowRows(table), table.column_names, asked, name)


def open_parquet(path: str | os.PathLike[str], dictionaries: Sequence[str] = ()) -> Any:
    """Return pyarrow's ParquetFile of a path or URL; text of some columns as dictionaries."""
    from pyarrow import parquet

    name = os.fspath(path)
    system, place = filesystem(name) if is_url(path) else (None, check_path(path))

    def opened() -> Any:
        found = parquet.ParquetFile(place, filesystem=system)
        wanted = sorted(set(dictionaries) & set(found.schema_arrow.names))
        if not wanted:
            return found
        found.close()
        return parquet.ParquetFile(
            place, metadata=found.metadata, read_dictionary=wanted, filesystem=system
        )

    return foreign(name, "this can't be read as a Parquet file", opened)


def read_frame(frame: Any, asked: Mapping[str, str]) -> Table:
    """Return the columns of a data frame that have a role."""
    import narwhals as nw

    expected = f"expected {FRAMES}, found {type(frame).__name__}"
    wrapped = foreign(None, expected, lambda: nw.from_native(_with_index(frame)))
    what = "the columns can't be read"
    names = foreign(None, what, lambda: wrapped.collect_schema().names())
    roles = find_roles([str(name) for name in names], asked, None)
    unused = [name for index, name in enumerate(names) if index not in roles.values()]

    def collected(columns: Iterable[Any], rows: int | None = None) -> Any:
        chosen = wrapped.select(nw.col(*columns))
        chosen = chosen if rows is None else chosen.head(rows)
        return chosen.collect() if isinstance(chosen, nw.LazyFrame) else chosen

    def whole() -> Any:
        every = wrapped.collect() if isinstance(wrapped, nw.LazyFrame) else wrapped
        return foreign(None, "the frame can't be computed", every.iter_rows)

    failed = "the frame can't be computed"
    others = {}
    if unused:
        sample = foreign(None, failed, lambda: collected(unused, SAMPLE))
        others = {name: sample.get_column(name) for name in unused}
    columns, notes, left = _with_time({r: names[i] for r, i in roles.items()}, others)
    table = foreign(None, failed, lambda: collected(dict.fromkeys(columns.values())))
    found = _noted(table_of(None, columns, table.get_column), notes, left, asked)
    return replace(found, whole=whole)


def _with_time(
    roles: dict[str, Any], others: Mapping[Any, Any]
) -> tuple[dict[str, Any], tuple[str, ...], list[Column]]:
    """Return the columns by role, with one of dates that has none; notes; what is left."""
    found = {}
    for place, (name, column) in enumerate(others.items()):
        with contextlib.suppress(DataError):  # of a type that is neither dates nor numbers
            found[place] = Column(str(name), _cells(None, str(name), column)[0])
    time: int | None = None
    notes: tuple[str, ...] = ()
    if not any(role == "time" or is_part(role) for role in roles):
        time, notes = time_among(found)
    if time is not None:
        roles = {"time": list(others)[time], **roles}
        del found[time]
    return roles, notes, list(found.values())


def _noted(
    table: Table, notes: tuple[str, ...], others: list[Column], asked: Mapping[str, str]
) -> Table:
    """Return a table with its columns without a role, and what was noticed about them."""
    notes = (*table.notes, *notes, *left_out(others, asked))
    return replace(table, notes=notes, others=tuple(others))


def _with_index(frame: Any) -> Any:
    """Turn the index of a pandas frame into a column if it says something."""
    index = getattr(frame, "index", None)
    if index is None or not hasattr(frame, "reset_index"):
        return frame
    named = [name for name in index.names if name is not None]
    if not named and type(index).__name__ not in ("DatetimeIndex", "PeriodIndex"):
        return frame
    names = [str(name) if name is not None else "time" for name in index.names]
    columns = [str(column) for column in frame.columns]
    # An index beside a time column of its own adds nothing but a second time.
    times = [column for column in columns if meaning(column) == "time"]
    if times or set(names) & set(columns):
        return frame
    return frame.reset_index(names=names)


def table_of(file: str | None, names: Mapping[str, Any], column: Callable[[Any], Any]) -> Table:
    """Return the table of columns by role."""
    columns, notes, length = {}, [], 0
    for role, name in names.items():
        cells, noticed = _cells(file, str(name), column(name))
        columns[role] = Column(str(name), cells)
        notes += [f"column {str(name)!r}: {note}" for note in noticed]
        length = len(cells)
    lines = np.arange(1, length + 1, dtype=np.int64)
    columns, noticed = joined(columns)
    return Table(file=file, lines=lines, columns=columns, notes=(*notes, *noticed), typed=True)


def _cells(file: str | None, name: str, column: Any) -> Any:
    import pyarrow as pa

    what = prefixed(file, f"column {name!r}")
    try:
        if not isinstance(column, pa.ChunkedArray):
            column = pa.chunked_array([_arrow(column)])
        return cells_of(column)
    except UnknownTypeError as error:
        raise DataError(
            f"{what} is of type {error}; expected numbers, dates or text. Convert it first, or "
            "name another column"
        ) from None
    except Exception as error:
        raise DataError(f"{what} can't be read: {_first_line(error)}") from error


def _arrow(series: Any) -> Any:
    """Return a narwhals series as Arrow, by way of text where Arrow has no type for it."""
    import pyarrow as pa

    try:
        array = series.to_arrow()
    except Exception:  # mixed types
        array = None
    if array is None or isinstance(array.type, pa.BaseExtensionType):  # such as periods
        cells = [None if _is_null(cell) else str(cell) for cell in series.to_list()]
        array = pa.array(cells, pa.string())
    return array


def _is_null(cell: object) -> bool:
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(cell, float) and cell != cell


def foreign(file: str | None, message: str, call: Callable[[], Any]) -> Any:
    """Call another library; whatever it raises becomes a DataError."""
    try:
        return call()
    except Exception as error:
        # Libraries raise OSError for damaged files too, then without a number of the system.
        now = isinstance(error, OSError) and error.errno is not None
        kind = AccessError if now else DataError
        raise kind(prefixed(file, f"{message} ({_first_line(error)})")) from error


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
