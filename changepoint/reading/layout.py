"""Lines of text -> a table: the delimiter, the header, the rows, the footer."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from changepoint.errors import DataError, Problem
from changepoint.reading.datestyles import is_date
from changepoint.reading.matching import constant, find_roles, is_key, meaning, normal
from changepoint.reading.numerals import MISSING, is_number
from changepoint.reading.parts import is_part, joined, split
from changepoint.reading.table import Column, Table, shown
from changepoint.reading.unused import SAMPLE, find_tags, left_out, time_among
from changepoint.roles import RESPONSES

DELIMITERS = (",", ";", "\t", "|")
_SEARCHED = 100  # lines in which the header is looked for
_FOOTER_ROWS = 10  # more than these aren't a footer but dates that can't be read
_FOOTER_WORDS = re.compile(
    r"\W*(?:(?:grand|sub)[\s-]?)?(?:totals?|subtotals?|sum|average|avg|mean|median|source|notes?"
    r"|summe|gesamt\w*|durchschnitt|mittelwert|quelle|somme|moyenne)\b",
    re.I,
)


class _Rows(NamedTuple):
    """The rows that aren't blank, and the lines they start at."""

    lines: list[int]
    cells: list[list[str]]


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
    rows.lines.pop(0)
    header = [cell.strip() for cell in rows.cells.pop(0)]
    hint = ""
    if any(map(_is_data, header)):
        hint = f"; line {first + 1} looks like data: if there is no header line, add one"
    roles = find_roles(header, asked, file, hint)
    _check_header(header, roles, first, file)
    others = [i for i in range(len(header)) if i not in roles.values()]
    time = next((i for role, i in roles.items() if role == "time" or is_part(role)), None)
    notes: tuple[str, ...] = ()
    if time is None:
        time, notes = time_among({i: _column(rows, header, i, SAMPLE) for i in others})
        if time is not None:
            roles = {"time": time, **roles}
            others.remove(time)
    notes += _cut_footer(rows, time)
    _check_widths(rows, header, file)
    columns, noticed = joined({r: _column(rows, header, i) for r, i in roles.items()})
    unused = tuple(_column(rows, header, i, SAMPLE) for i in others)
    tags = None
    if "time" in columns and not any(map(is_key, columns)):
        tags = find_tags(columns["time"].cells, (_column(rows, header, i) for i in others))
    return Table(
        file=file,
        lines=np.array(rows.lines, dtype=np.int64),
        columns=columns,
        delimiter=delimiter if len(header) > 1 else None,
        whole=lambda: rows.cells,
        notes=(*notes, *noticed, *left_out(unused, asked)),
        others=unused,
        tags=tags,
    )


def _column(rows: _Rows, header: list[str], index: int, most: int | None = None) -> Column:
    """Return a column, or its first rows; of rows that are too short, cells without text."""
    cells = (row[index].strip() if index < len(row) else "" for row in rows.cells[:most])
    return Column(header[index], list(cells))


def _check_header(header: list[str], roles: Mapping[str, int], first: int, file: str) -> None:
    """Refuse a header that looks like a row: it would be lost."""
    time = roles.get("time")
    dated = time is not None and is_date(header[time])
    if not dated and not all(map(_is_data, filter(None, header))):
        return
    quoted = ", ".join(repr(shown(cell)) for cell in header[:5])
    raise DataError(
        f"{file}: line {first + 1} looks like data, and a header was expected: {quoted}. Put a "
        "line with the names of the columns above it, such as date,count"
    )


def _is_data(cell: str) -> bool:
    cell = cell.strip()
    return is_number(cell) or is_date(cell)


def _find_header(lines: list[str], asked: Mapping[str, str]) -> tuple[str, int]:
    """Return the delimiter, and the index of the line that has the most of the names."""
    wanted = {normal(name) for role, name in asked.items() if constant(role, name) is None}
    wanted |= {normal(part) for part in split(asked.get("time", ""))}
    best: tuple[tuple[float, ...], str, int] | None = None
    for delimiter in DELIMITERS:
        parsed = [_cells(line, delimiter) for line in lines[:_SEARCHED]]
        for index, cells in enumerate(parsed):
            names = {normal(cell) for cell in cells} - {""}
            filled = [cell for cell in cells if cell.strip()]
            below_rows = any(any(row) for row in parsed[:index])
            if below_rows and all(map(_is_data, filled)):
                names = set()  # nothing but data, though a column asked for may be called so
            found = len(names & wanted)
            if not found and any(map(_is_data, cells)):
                names = set()  # a row of data, whatever words stand in it
            roles = [role for role in map(meaning, names) if role is not None]
            if not any(cells):
                continue
            # Rows as long as the header settle what names leave open; of a file without any
            # known name, show the columns that make the best table.
            below = [len(row) for row in parsed[index + 1 :] if any(row)]
            even = below.count(len(cells)) / max(len(below), 1)
            score = (
                found,
                not set(RESPONSES).isdisjoint(roles),
                len(roles),
                even * min(len(cells), 3),
            )
            if best is None or score > best[0]:
                best = score, delimiter, index
    if best is None:
        return DELIMITERS[0], next(i for i, line in enumerate(lines) if line.strip())
    return best[1], best[2]


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return []


def _rows(lines: list[str], first: int, delimiter: str, file: str) -> _Rows:
    """Return the rows from the header on that aren't blank, with the lines they start at."""
    reader = csv.reader(lines[first:], delimiter=delimiter, skipinitialspace=True, strict=True)
    rows = _Rows([], [])
    start = first
    try:
        for cells in reader:
            end = first + reader.line_num
            if end - start > 1:
                _check_quoted(lines, start, end, (len(cells), delimiter), file)
            if "".join(cells).strip():
                rows.lines.append(start + 1)
                rows.cells.append(cells)
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


def _cut_footer(rows: _Rows, time: int | None) -> tuple[str, ...]:
    """Remove the rows below the data, such as totals and sources; say which."""

    def is_footer(cells: list[str]) -> bool:
        if time is None:
            return bool(_FOOTER_WORDS.match(cells[0]))
        cell = cells[time].strip() if time < len(cells) else ""
        if not cell:
            return True  # blank rows are gone already, so other cells are filled
        if _FOOTER_WORDS.match(cell):
            return True
        words = re.match(r"\D*[^\W\d_]{3}", cell)  # 31 Jän 2020 is a bad date
        return bool(words) and cell.lower() not in MISSING and not is_date(cell)

    last = len(rows.lines)
    while last and is_footer(rows.cells[last - 1]):
        last -= 1
    footer = list(zip(rows.lines[last:], rows.cells[last:], strict=True))
    # Without a single date above, it is the dates that can't be read.
    if not footer or len(footer) > _FOOTER_ROWS or (time is not None and not last):
        return ()
    del rows.lines[last:], rows.cells[last:]
    which = []
    for line, cells in footer:
        text = shown(" ".join(cell.strip() for cell in cells if cell.strip()))
        which.append(f"line {line} ({text})")
    return (f"left out as a footer, not data: {', '.join(which)}",)


def _check_widths(rows: _Rows, header: list[str], file: str) -> None:
    """Refuse rows of other widths than the header; columns without name may be left out."""
    width = least = len(header)
    while least and not header[least - 1]:
        least -= 1
    problems = []
    for line, cells in zip(rows.lines, rows.cells, strict=True):
        while len(cells) > width and not cells[-1].strip():
            cells.pop()
        if not least <= len(cells) <= width:
            found = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
            rule = f"{found} where the header has {least}"
            remedy = "Add or remove delimiters, or put a cell that holds one in quotes"
            value = repr(shown(cells[0]))
            problems.append(Problem(file, line, None, None, value, rule, remedy))
    if problems:
        raise DataError(f"{file}: every row must have as many cells as the header", problems)
