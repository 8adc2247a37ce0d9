"""The ways into a table: a file of any kind -> what has a role in it, by its content."""

from __future__ import annotations

import os
from collections.abc import Mapping

from changepoint.reading.files import content_of, lines_of
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
    return read_table(lines_of(content, file), asked, file)
