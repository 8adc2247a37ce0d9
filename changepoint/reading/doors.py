"""The ways into a table: a file of any kind -> what has a role in it, by its content."""

from __future__ import annotations

import os
from collections.abc import Mapping

from changepoint.errors import DataError
from changepoint.reading.files import content_of, lines_of, text_of_bytes
from changepoint.reading.jsontables import is_json, read_json_table
from changepoint.reading.layout import read_table
from changepoint.reading.table import Table


def table_of_file(path: str | os.PathLike[str], asked: Mapping[str, str]) -> Table:
    """Return the columns of a file that have a role.

    Raises
    ------
    DataError
        If it can't be read, or columns have no or several roles.
    """
    return table_of_content(content_of(path), os.fspath(path), asked)


def table_of_content(content: bytes, file: str, asked: Mapping[str, str]) -> Table:
    """Return the same of the file's bytes, decompressed."""
    text = text_of_bytes(content, file)
    if is_json(text, file):
        return read_json_table(text, file, asked)
    return read_table(lines_of(text, file), asked, file)


def table_of_csv(path: str | os.PathLike[str], asked: Mapping[str, str]) -> Table:
    """Return the same of a text file with a header line, and of nothing else."""
    text = text_of_bytes(content_of(path), path)
    if is_json(text, ""):
        raise DataError(f"{path}: this is JSON: use changepoint.read")
    return read_table(lines_of(text, path), asked, os.fspath(path))
