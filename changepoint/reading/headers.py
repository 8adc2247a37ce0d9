"""The header: which row it is, and rows beside it that are no data either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from changepoint.errors import DataError
from changepoint.reading.datestyles import is_date
from changepoint.reading.grids import Rows
from changepoint.reading.matching import constant, meaning, normal, with_numbers
from changepoint.reading.numerals import MISSING, is_number
from changepoint.reading.parts import is_part, split
from changepoint.reading.table import shown
from changepoint.reading.values import text_of
from changepoint.roles import RESPONSES

SEARCHED = 100  # lines in which the header is looked for
_MOST = 3  # rows below the first of a header that may belong to it
_NAMED = 5
Score = tuple[float, ...]


def best_header(
    parsed: Sequence[Sequence[str]], asked: Mapping[str, str]
) -> tuple[Score, int] | None:
    """Return how good a header the best of some rows is, and its index; None for no cells."""
    wanted = {normal(name) for role, name in asked.items() if constant(role, name) is None}
    wanted |= {normal(part) for part in split(asked.get("time", ""))}
    best: tuple[Score, int] | None = None
    for index, cells in enumerate(parsed):
        names = {normal(cell) for cell in cells} - {""}
        filled = [cell for cell in cells if cell.strip()]
        below_rows = any(any(row) for row in parsed[:index])
        if below_rows and all(map(is_data, filled)):
            names = set()  # nothing but data, though a column asked for may be called so
        found = len(names & wanted)
        if not found and any(map(is_data, cells)):
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
            best = score, index
    return best


def check_header(header: list[str], roles: Mapping[str, int], first: int, file: str) -> None:
    """Refuse a header that looks like a row: it would be lost."""
    time = roles.get("time")
    dated = time is not None and is_date(header[time])
    if not dated and not all(map(is_data, filter(None, header))):
        return
    quoted = ", ".join(repr(shown(cell)) for cell in header[:5])
    raise DataError(
        f"{file}: line {first} looks like data, and a header was expected: {quoted}. Put a "
        "line with the names of the columns above it, such as date,count"
    )


def is_data(cell: str) -> bool:
    """Whether a cell is a number or a date."""
    cell = cell.strip()
    return is_number(cell) or is_date(cell)


def more_headers(header: Sequence[str], rows: Rows) -> list[int]:
    """Return the lines below a header that may belong to it, as units and a second level do.

    They hold words and nothing else, and what follows them is data.
    """
    kinds = [_has_data(rows.row(number)) for number in range(min(len(rows.cells), 2 * _MOST))]
    count = next((number for number, data in enumerate(kinds) if data), len(kinds))
    if not 0 < count <= _MOST or not all(kinds[count : count + _MOST]) or count == len(kinds):
        return []
    return list(rows.lines[:count])


def _has_data(cells: Sequence[object]) -> bool:
    return any(is_data(text_of(cell).rstrip("% ")) for cell in cells)


def words_in(rows: Rows, count: int, roles: Mapping[str, int]) -> bool:
    """Whether any of the first rows has a word where a number or a time has to be."""
    columns = [
        index
        for role, index in roles.items()
        if role == "time" or is_part(role) or with_numbers([role])
    ]
    cells = (rows.row(n)[i] for n in range(count) for i in columns if i < len(rows.row(n)))
    return any(text_of(cell).lower() not in MISSING for cell in cells)


def several_headers(header: Sequence[str], first: int, rows: Rows, below: Sequence[int]) -> str:
    """Return what is said of a header of several rows, and the remedy."""
    told = [_quoted(first, header)]
    told += [_quoted(line, rows.row(number)) for number, line in enumerate(below)]
    return (
        f"{len(told)} rows look like a header: {'; '.join(told)}. Keep one line with a name "
        "for each column, as in 'visits web', and delete the others, a line of units too (the "
        "unit of rates is told by --percent or --per)"
    )


def _quoted(line: int, cells: Sequence[object]) -> str:
    texts = [repr(shown(text_of(cell))) for cell in cells[:_NAMED]]
    return f"line {line} ({', '.join([*texts, *(['...'] if len(cells) > _NAMED else [])])})"
