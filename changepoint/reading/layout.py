"""Lines of text -> a table: the delimiter, the header, the rows, the footer."""

from __future__ import annotations

import csv
from collections.abc import Mapping

from changepoint.errors import DataError, Problem
from changepoint.reading.grids import Rows
from changepoint.reading.headers import (
    SEARCHED,
    Score,
    best_header,
    check_header,
    is_data,
    more_headers,
    several_headers,
    words_in,
)
from changepoint.reading.matching import RolesError
from changepoint.reading.rows import table_of_rows
from changepoint.reading.table import Table, shown
from changepoint.reading.values import text_of

DELIMITERS = (",", ";", "\t", "|")
_DISTINCT = 2**17  # texts that are held once


def read_table(lines: list[str], asked: Mapping[str, str], file: str) -> Table:
    """Return the columns that have a role.

    Raises
    ------
    DataError
        If there is no header, if columns have no or several roles, or if the rows don't have
        the header's number of cells.
    """
    delimiter, first = _find_header(lines, asked)
    rows = _rows(lines, first, delimiter, file)
    return _below_header(rows, asked, file, delimiter)


def read_sheet(rows: Rows, asked: Mapping[str, str], file: str) -> Table:
    """Return the same of the rows of a sheet, which have as many cells each."""
    texts = [[text_of(cell) for cell in cells] for cells in rows.cells[:SEARCHED]]
    _, first = best_header(texts, asked) or ((), 0)
    kept = Rows(rows.lines[first:], rows.cells[first:], typed=True)
    return _below_header(kept, asked, file, None)


def _below_header(
    rows: Rows, asked: Mapping[str, str], file: str, delimiter: str | None
) -> Table:
    """Return the columns that have a role, of rows the first of which is the header."""
    first = rows.lines.pop(0)
    header = [text_of(cell) for cell in rows.cells.pop(0)]
    hint = ""
    if any(map(is_data, header)):
        hint = f"; line {first} looks like data: if there is no header line, add one"

    below = more_headers(header, rows)

    def check(roles: Mapping[str, int]) -> None:
        check_header(header, roles, first, file)
        if below and words_in(rows, len(below), roles):
            raise DataError(f"{file}: {several_headers(header, first, rows, below)}")

    def check_widths() -> None:
        if not rows.typed:
            _check_widths(rows, header, file)

    try:
        return table_of_rows(
            rows,
            header,
            asked,
            file,
            hint=hint,
            delimiter=delimiter,
            check_header=check,
            check_rows=check_widths,
        )
    except RolesError as error:
        if not below:
            raise
        raise DataError(f"{error}. {several_headers(header, first, rows, below)}") from None


def _find_header(lines: list[str], asked: Mapping[str, str]) -> tuple[str, int]:
    """Return the delimiter, and the index of the line that has the most of the names."""
    best: tuple[Score, str, int] | None = None
    for delimiter in DELIMITERS:
        found = best_header([_cells(line, delimiter) for line in lines[:SEARCHED]], asked)
        if found is not None and (best is None or found[0] > best[0]):
            best = found[0], delimiter, found[1]
    if best is None:
        return DELIMITERS[0], next(i for i, line in enumerate(lines) if line.strip())
    return best[1], best[2]


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return []


def _rows(lines: list[str], first: int, delimiter: str, file: str) -> Rows:
    """Return the rows from the header on that aren't blank, with the lines they start at."""
    reader = csv.reader(lines[first:], delimiter=delimiter, skipinitialspace=True, strict=True)
    rows = Rows([], [])
    kept: dict[str, str] = {}  # of millions of cells most are the same few texts
    start = first
    try:
        for cells in reader:
            end = first + reader.line_num
            if end - start > 1:
                _check_quoted(lines, start, end, (len(cells), delimiter), file)
            if "".join(cells).strip():
                rows.lines.append(start + 1)
                keep = kept.setdefault if len(kept) < _DISTINCT else kept.get
                rows.cells.append(tuple([keep(cell, cell) for cell in cells]))
            start = end
    except csv.Error as error:
        raise DataError(
            f"{file}, lines {start + 1} to {first + reader.line_num}: the quotes can't be "
            f'understood ({error}). A cell in "quotes" must end with a quote, and quotes '
            'inside it must be doubled ("")'
        ) from None
    return rows


def _check_quoted(
    lines: list[str], start: int, end: int, shape: tuple[int, str], file: str
) -> None:
    """Refuse a quoted cell that seems to have swallowed rows: they would be lost."""
    width, delimiter = shape
    for index in range(start + 1, end):
        # Behind the quote that closes it, in its last line, is the rest of the cell's row.
        inside = lines[index] if index + 1 < end else lines[index].partition('"')[0]
        if width > 1 and inside.count(delimiter) == width - 1:
            raise DataError(
                f"{file}: a quote opened on line {start + 1} is closed on line {end} only, and "
                f"line {index + 1} between them looks like a row. Close the quote, or write "
                "that cell on one line"
            )


def _check_widths(rows: Rows, header: list[str], file: str) -> None:
    """Refuse rows of other widths than the header; columns without name may be left out."""
    width = least = len(header)
    while least and not header[least - 1]:
        least -= 1
    problems = []
    for line, cells in zip(rows.lines, rows.cells, strict=True):
        count = len(cells)
        while count > width and not cells[count - 1].strip():
            count -= 1
        if not least <= count <= width:
            found = "1 cell" if count == 1 else f"{count} cells"
            rule = f"{found} where the header has {least}"
            remedy = "Add or remove delimiters, or put a cell that holds one in quotes"
            value = repr(shown(cells[0]))
            problems.append(Problem(file, line, None, None, value, rule, remedy))
    if problems:
        raise DataError(f"{file}: every row must have as many cells as the header", problems)
