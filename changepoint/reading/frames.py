"""Data frames and Parquet files -> a table."""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from changepoint.errors import AccessError, DataError
from changepoint.reading.arrowrows import ArrowRows, rows_of
from changepoint.reading.files import check_path
from changepoint.reading.matching import meaning
from changepoint.reading.rows import table_of_rows
from changepoint.reading.systems import filesystem, is_url
from changepoint.reading.table import Table, prefixed
from changepoint.reading.unused import SAMPLE

FRAMES = "a data frame of pandas, polars, pyarrow or DuckDB"
DAMAGED = "the file is damaged"


def read_parquet_table(path: str | os.PathLike[str], asked: Mapping[str, str]) -> Table:
    """Return the columns of a Parquet file that have a role; no others are held."""
    name = os.fspath(path)
    with open_parquet(path) as source:
        header = source.schema_arrow.names

        def fetch(index: int, start: int, stop: int) -> Any:
            what = [header[index]]
            return foreign(name, DAMAGED, lambda: _read(source, what, start, stop)).column(0)

        rows = ArrowRows(fetch, len(header), source.metadata.num_rows)
        found = table_of_rows(rows, header, asked, name, typed=True)

    def whole() -> Iterable[Any]:
        with open_parquet(path) as source:
            every = foreign(name, DAMAGED, source.read)
        return rows_of(every.slice(0, len(rows.lines))).whole()

    return replace(found, whole=whole)


def _read(source: Any, columns: list[str], start: int, stop: int) -> Any:
    """Return some rows of columns of an open Parquet file, of the row groups that have them."""
    import pyarrow as pa

    if start == 0 and 0 < stop <= SAMPLE < source.metadata.num_rows:
        batch = next(source.iter_batches(SAMPLE, columns=columns))  # not all of a row group
        return pa.Table.from_batches([batch]).slice(0, stop)
    groups = range(source.num_row_groups)
    ends = list(accumulate((source.metadata.row_group(g).num_rows for g in groups), initial=0))
    wanted = [g for g in groups if ends[g] < stop and start < ends[g + 1]]
    first = ends[wanted[0]] if wanted else 0
    return source.read_row_groups(wanted, columns=columns).slice(start - first, stop - start)


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
    import pyarrow as pa

    expected = f"expected {FRAMES}, found {type(frame).__name__}"
    frame = _with_index(frame)
    given = doubled_names(frame)
    if given:
        frame = frame.set_axis(range(len(given)), axis=1)
    wrapped = foreign(None, expected, lambda: nw.from_native(frame))
    names = foreign(None, "the columns can't be read", lambda: wrapped.collect_schema().names())
    # Once, as the order of rows may differ from one time to the next.
    lazy, what = isinstance(wrapped, nw.LazyFrame), "the frame can't be computed"
    every = foreign(None, what, wrapped.collect) if lazy else wrapped

    def fetch(index: int, start: int, stop: int) -> Any:
        cells = foreign(None, what, lambda: every.get_column(names[index]))
        return pa.chunked_array([_arrow(cells[start:stop])])

    rows = ArrowRows(fetch, len(names), len(every))
    told = [str(name) for name in given or names]
    return table_of_rows(rows, told, asked, None, typed=True)


def doubled_names(frame: Any) -> list[Any]:
    """Return the columns' names where some are the same, as only pandas has them; else none."""
    if not hasattr(frame, "set_axis") or not hasattr(frame, "columns"):
        return []  # lazy frames would be computed to say what they have
    return [] if getattr(frame.columns, "is_unique", True) else list(frame.columns)


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
