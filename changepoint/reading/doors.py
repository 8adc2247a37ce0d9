"""The ways into a table: a file of any kind -> what has a role in it, by its content."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from changepoint.errors import AccessError, DataError
from changepoint.reading import databases
from changepoint.reading.files import (
    STANDARD_INPUT,
    check_path,
    content_of,
    lines_of,
    name_of,
    text_of_bytes,
)
from changepoint.reading.frames import read_parquet_table
from changepoint.reading.jsontables import is_json, read_json_table
from changepoint.reading.layout import read_table
from changepoint.reading.systems import is_url
from changepoint.reading.table import Table
from changepoint.reading.wide import WIDE
from changepoint.reading.workbooks import is_workbook, read_workbook


@dataclass(frozen=True)
class Choice:
    """Which table, of a file that holds several.

    Parameters
    ----------
    query
        What a database is asked.
    sheet
        The name of a sheet.
    """

    query: str | None = None
    sheet: str | None = None


THE_ONLY = Choice()


def table_of_file(
    path: str | os.PathLike[str],
    asked: Mapping[str, str],
    choice: Choice = THE_ONLY,
    most: int | None = None,
) -> Table:
    """Return the columns of a file that have a role.

    Parameters
    ----------
    path
        The file; "-" for standard input.
    asked
        The columns asked for, by role.
    choice
        Which table.
    most
        Bytes of a text that are refused as too large if there are more.

    Raises
    ------
    DataError
        If it can't be read, or columns have no or several roles.
    """
    file, kind = name_of(path), None
    if path != STANDARD_INPUT and not is_url(path):
        kind = databases.kind_of(_head(path))
    if WIDE in asked and file.lower().endswith((".parquet", ".pq")):
        refuse_choice(file, choice)
        return read_parquet_table(path, asked)
    if kind is not None:
        _refuse_sheet(file, choice)
        return databases.read_database(path, kind, choice.query, asked)
    content = content_of(path)
    kind = databases.kind_of(content)
    if kind is not None:
        piped = "on standard input" if path == STANDARD_INPUT else "compressed"
        where = "on another system" if is_url(path) else piped
        raise DataError(f"{file}: this {kind} database is {where}: make a plain copy here")
    if choice.query is not None or file.lower().endswith(databases.SUFFIXES):
        raise DataError(
            f"{file}: this is no DuckDB or SQLite database, the files that a query is for"
        )
    if most is not None and len(content) > most:
        raise DataError(
            f"{file}: {len(content) / 2**20:,.0f} MB of text are too much to be read as a "
            f"whole (at most {most / 2**20:.0f}). Write the table as Parquet, ordered by "
            "series, or split it"
        )
    if is_workbook(content):
        return read_workbook(content, file, choice.sheet, asked)
    _refuse_sheet(file, choice)
    text = text_of_bytes(content, file)
    if is_json(text, file):
        return read_json_table(text, file, asked)
    return read_table(lines_of(text, file), asked, file)


def refuse_choice(file: str, choice: Choice) -> None:
    """Refuse to choose a table of a Parquet file, which holds one."""
    if choice != THE_ONLY:
        raise DataError(
            f"{file}: a query is for databases, a sheet for Excel files; this is a Parquet file"
        )


def _refuse_sheet(file: str, choice: Choice) -> None:
    if choice.sheet is not None:
        raise DataError(f"{file}: this is no Excel file (.xlsx), the files that have sheets")


def table_of_csv(path: str | os.PathLike[str], asked: Mapping[str, str]) -> Table:
    """Return the same of a text file with a header line, and of nothing else."""
    content = content_of(path)
    kind = databases.kind_of(content) or ("Excel" if is_workbook(content) else None)
    text = text_of_bytes(content, path) if kind is None else ""
    kind = "JSON" if is_json(text, "") else kind
    if kind is not None:
        raise DataError(f"{path}: this is a file of {kind}, not CSV: use changepoint.read")
    return read_table(lines_of(text, path), asked, os.fspath(path))


def _head(path: str | os.PathLike[str]) -> bytes:
    """Return the first bytes of a file that can be read twice, of any other none."""
    try:
        if not (file := check_path(path)).is_file():
            return b""
        with Path(file).open("rb") as stream:
            return stream.read(databases.HEAD)
    except OSError as error:
        raise AccessError(f"{path}: the file can't be read: {error.strerror}") from None
