"""Databases in a file, DuckDB and SQLite -> a table, by a query; nothing is written to them."""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

import contextlib
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from changepoint.errors import DataError
from changepoint.reading.arrowrows import first_line, rows_of
from changepoint.reading.grids import Grid, Rows
from changepoint.reading.rows import table_of_rows
from changepoint.reading.table import Table, shown

SUFFIXES = (".duckdb", ".ddb", ".sqlite", ".sqlite3", ".db")
HEAD = 16  # bytes that tell them
_SQLITE = b"SQLite format 3\0"
_WAIT = 2.0  # seconds for another program to finish writing
_LISTED = 20
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*", re.I)


class _Answer(NamedTuple):
    """What a query gives."""

    header: list[str]
    rows: Grid


class _Open(NamedTuple):
    """An open database: its tables and views, as a query names them; how to ask it."""

    tables: Callable[[], list[str]]
    ask: Callable[[str], _Answer]


def kind_of(head: bytes) -> str | None:
    """Return which database a file is, by its first bytes; None if it is none."""
    if head.startswith(_SQLITE):
        return "SQLite"
    return "DuckDB" if head[8:12] == b"DUCK" else None


def read_database(
    path: str | os.PathLike[str], kind: str, query: str | None, asked: Mapping[str, str]
) -> Table:
    """Return the columns that have a role, of a query's answer or of the only table.

    Raises
    ------
    DataError
        If the database can't be read, the query can't be answered, or there is none and
        the tables are several.
    """
    file = os.fspath(path)
    opener = _duckdb if kind == "DuckDB" else _sqlite
    with opener(file) as opened:
        answer = _answer(opened, file, kind, query)
    twice = {name for name in answer.header if answer.header.count(name) > 1}
    if twice:
        names = ", ".join(repr(shown(name)) for name in sorted(twice))
        raise DataError(
            f"{file}: the query gives several columns the same name, {names}: tell them apart "
            "with AS"
        )
    return table_of_rows(answer.rows, answer.header, asked, file)


def _answer(opened: _Open, file: str, kind: str, query: str | None) -> _Answer:
    """Return what the query, or the only table, gives."""
    try:
        tables = opened.tables()
    except Exception as error:
        raise _unreadable(file, kind, error) from None
    listed = ", ".join(tables[:_LISTED]) + (", ..." if len(tables) > _LISTED else "")
    has = f"it has {listed}" if tables else "it has no tables"
    if query is None:
        if len(tables) != 1:
            several = f"{len(tables)} tables and views, {listed}" if tables else "no tables"
            name = tables[0] if tables else "sales"
            example = f"select date, count from {name} order by date"
            raise DataError(
                f"{file}: this {kind} database has {several}. Say what to read, such as "
                f"--query {shlex.quote(example)} (query= in Python)"
            )
        query = f"select * from {tables[0]}"
    try:
        return opened.ask(query)
    except Exception as error:
        if not _alive(opened):
            raise _unreadable(file, kind, error) from None
        told = first_line(error)
        raise DataError(f"{file}: the query can't be answered: {told}; {has}") from None


def _alive(opened: _Open) -> bool:
    """Whether the database still answers, so that the query was at fault."""
    try:
        opened.tables()
    except Exception:
        return False
    return True


def _unreadable(file: str, kind: str, error: Exception) -> DataError:
    return DataError(
        f"{file}: this {kind} database can't be read: {first_line(error)}. If another program "
        "writes to it, close that, or copy the file; else it is damaged, or of a newer version"
    )


def _quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


@contextlib.contextmanager
def _sqlite(file: str) -> Iterator[_Open]:
    import sqlite3

    # The file is opened for reading only; these would open others, or change settings.
    refused = {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_TRANSACTION}
    # The name as a URI, in which it may hold any character.
    address = f"{Path(file).absolute().as_uri()}?mode=ro"
    try:
        connection = sqlite3.connect(address, uri=True, timeout=_WAIT)
    except sqlite3.Error as error:
        raise _unreadable(file, "SQLite", error) from None

    def ask(query: str) -> _Answer:
        cursor = connection.execute(query)
        if cursor.description is None:
            raise ValueError("it is no select")
        header = [column[0] for column in cursor.description]
        rows = cursor.fetchall()
        return _Answer(header, Rows(list(range(1, len(rows) + 1)), rows, typed=True))

    def tables() -> list[str]:
        listed = connection.execute(
            "select name from sqlite_master where type in ('table', 'view') order by name"
        )
        names = (name for (name,) in listed if not name.startswith("sqlite_"))
        return [_quoted(name) for name in names]

    with contextlib.closing(connection):
        connection.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_DENY if action in refused else sqlite3.SQLITE_OK
        )
        yield _Open(tables, ask)


@contextlib.contextmanager
def _duckdb(file: str) -> Iterator[_Open]:
    try:
        import duckdb
    except ImportError:
        raise DataError(
            f"{file}: a DuckDB database needs the package duckdb: pip install "
            "'changepoint-toolkit[sql]'"
        ) from None
    try:
        connection = duckdb.connect(
            file, read_only=True, config={"enable_external_access": "false"}
        )
    except Exception as error:
        raise _unreadable(file, "DuckDB", error) from None

    def ask(query: str) -> _Answer:
        statements = duckdb.extract_statements(query)
        if len(statements) != 1:
            raise ValueError(f"it holds {len(statements)} statements, not one")
        relation = connection.sql(query)
        if relation is None:
            raise ValueError("it is no select")
        table = relation.to_arrow_table()
        return _Answer(list(table.column_names), rows_of(table))

    def tables() -> list[str]:
        listed = connection.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_catalog = current_database() order by all"
        ).fetchall()
        return [
            _quoted(name) if schema == "main" else f"{_quoted(schema)}.{_quoted(name)}"
            for schema, name in listed
        ]

    with contextlib.closing(connection):
        yield _Open(tables, ask)
