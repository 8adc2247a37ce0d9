"""Rows below a header -> a table: what text files, JSON, sheets and databases share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from changepoint.reading.datestyles import is_date
from changepoint.reading.matching import find_roles, is_key
from changepoint.reading.numerals import MISSING
from changepoint.reading.parts import is_part, joined
from changepoint.reading.table import Cells, Column, Table, shown
from changepoint.reading.unused import SAMPLE, find_tags, left_out, time_among
from changepoint.reading.values import cells_of_values, text_of

_FOOTER_ROWS = 10  # more than these aren't a footer but dates that can't be read
_FOOTER_WORDS = re.compile(
    r"\W*(?:(?:grand|sub)[\s-]?)?(?:totals?|subtotals?|sum|average|avg|mean|median|source|notes?"
    r"|summe|gesamt\w*|durchschnitt|mittelwert|quelle|somme|moyenne)\b",
    re.I,
)


class Rows(NamedTuple):
    """The rows that aren't blank, and the lines they start at.

    Cells are text, as in text files, or typed: None, numbers, dates and text.
    """

    lines: list[int]
    cells: list[Any]  # a sequence for each row
    typed: bool = False


def table_of_rows(
    rows: Rows,
    header: Sequence[str],
    asked: Mapping[str, str],
    file: str,
    *,
    hint: str = "",
    delimiter: str | None = None,
    check_header: Callable[[Mapping[str, int]], None] = lambda roles: None,
    check_rows: Callable[[], None] = lambda: None,
    notes: Sequence[str] = (),
) -> Table:
    """Return the columns that have a role; rows below the data, such as totals, are cut.

    Raises
    ------
    DataError
        If columns have no or several roles, or what a check raises.
    """
    roles = find_roles(header, asked, file, hint)
    check_header(roles)
    others = [i for i in range(len(header)) if i not in roles.values()]
    time = next((i for role, i in roles.items() if role == "time" or is_part(role)), None)
    told: tuple[str, ...] = ()
    if time is None:
        time, told = time_among({i: _sample(rows, header, i) for i in others})
        if time is not None:
            roles = {"time": time, **roles}
            others.remove(time)
    told += _cut_footer(rows, time)
    check_rows()
    found = {r: _column(rows, header, i, file) for r, i in roles.items() if not is_key(r)}
    for role, index in roles.items():
        if is_key(role):  # as text: numbers of 17 digits would be rounded
            texts = [text_of(row[index]) if index < len(row) else "" for row in rows.cells]
            found[role] = Column(header[index], texts)
    columns, noticed = joined(found)
    unused = tuple(_sample(rows, header, i) for i in others)
    tags = None
    if "time" in columns and not any(map(is_key, columns)):
        whole = (_column(rows, header, i) for i in others)
        tags = find_tags(columns["time"].cells, whole)
    return Table(
        file=file,
        lines=np.array(rows.lines, dtype=np.int64),
        columns=columns,
        delimiter=delimiter if len(header) > 1 else None,
        whole=lambda: rows.cells,
        notes=(*notes, *told, *noticed, *left_out(unused, asked)),
        others=unused,
        tags=tags,
    )


def _sample(rows: Rows, header: Sequence[str], index: int) -> Column:
    """Return the first rows of a column that has no role."""
    return Column(header[index], _cells(rows, index, SAMPLE))


def _column(rows: Rows, header: Sequence[str], index: int, file: str | None = None) -> Column:
    """Return a column; DataError if it is used, in a file, and holds what no cell can be."""
    place = (file, header[index], rows.lines) if file is not None else None
    return Column(header[index], _cells(rows, index, None, place))


def _cells(
    rows: Rows,
    index: int,
    most: int | None,
    place: tuple[str, str, Sequence[int]] | None = None,
) -> Cells:
    """Return the cells of a column; of rows that are too short, cells without text."""
    values = [row[index] if index < len(row) else "" for row in rows.cells[:most]]
    if not rows.typed:
        return [value.strip() for value in values]
    return cells_of_values(values, place)


def _cut_footer(rows: Rows, time: int | None) -> tuple[str, ...]:
    """Remove the rows below the data, such as totals and sources; say which."""

    def is_footer(cells: Sequence[Any]) -> bool:
        if time is None:
            return bool(cells and _FOOTER_WORDS.match(text_of(cells[0])))
        cell = text_of(cells[time]) if time < len(cells) else ""
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
        text = shown(" ".join(filter(None, map(text_of, cells))))
        which.append(f"line {line} ({text})")
    return (f"left out as a footer, not data: {', '.join(which)}",)
