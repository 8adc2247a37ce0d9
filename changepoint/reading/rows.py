"""Rows below a header -> a table: what files of all kinds and data frames share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from changepoint.reading.grids import Grid, cut_footer, sample
from changepoint.reading.matching import find_roles, is_key
from changepoint.reading.parts import is_part, joined
from changepoint.reading.table import Cells, Column, Table
from changepoint.reading.unused import (
    find_tags,
    kind_of,
    left_out,
    time_among,
    times_across,
    with_event_times,
)
from changepoint.reading.values import text_of
from changepoint.reading.wide import WIDE, melted


def table_of_rows(
    rows: Grid,
    header: Sequence[str],
    asked: Mapping[str, str],
    file: str | None,
    *,
    hint: str = "",
    delimiter: str | None = None,
    check_header: Callable[[Mapping[str, int]], None] = lambda roles: None,
    check_rows: Callable[[], None] = lambda: None,
    notes: Sequence[str] = (),
    typed: bool = False,
) -> Table:
    """Return the columns that have a role; rows below the data, such as totals, are cut.

    Every way into a table ends here, so that none of the checks can be missed.

    Raises
    ------
    DataError
        If columns have no or several roles, or what a check raises.
    """
    if WIDE in asked:
        return melted(rows, header, asked, file, check_header, check_rows)
    asked, logged = with_event_times(
        header, asked, lambda: {i: sample(rows, header, i) for i in range(len(header))}
    )
    roles = find_roles(header, asked, file, times_across(header) or hint)
    check_header(roles)
    others = [i for i in range(len(header)) if i not in roles.values()]
    time = next((i for role, i in roles.items() if role == "time" or is_part(role)), None)
    told: tuple[str, ...] = ()
    if time is None:
        time, told = time_among({i: sample(rows, header, i) for i in others})
        if time is not None:
            roles = {"time": time, **roles}
            others.remove(time)
    told += cut_footer(rows, time)
    check_rows()
    found: dict[str, Column] = {}
    remarks: list[str] = []
    for role, index in roles.items():
        name = header[index]
        if is_key(role):  # as text: numbers of 17 digits would be rounded
            found[role] = Column(name, [text_of(value) for value in rows.values(index)])
            continue
        cells, noticed = rows.column(index, place=(file, name, rows.lines))
        found[role] = Column(name, cells)
        remarks += [f"column {name!r}: {note}" for note in noticed]
    columns, joint = joined(found)
    unused = tuple(sample(rows, header, i) for i in others)
    tags = None
    if not any(map(is_key, columns)):
        clock, rest = _clock(rows, columns, dict(zip(others, unused, strict=True)))
        whole = (Column(header[i], rows.column(i)[0]) for i in rest)
        tags = find_tags(clock, whole)
    return Table(
        file=file,
        lines=np.array(rows.lines, dtype=np.int64),
        columns=columns,
        delimiter=delimiter if len(header) > 1 else None,
        whole=rows.whole,
        notes=(*notes, *logged, *told, *remarks, *joint, *left_out(unused, asked)),
        others=unused,
        tags=tags,
        typed=typed,
    )


def _clock(
    rows: Grid, columns: Mapping[str, Column], unused: Mapping[int, Column]
) -> tuple[Cells, list[int]]:
    """Return the times, else the dates of which most differ; and the columns that are left."""
    if "time" in columns:
        return columns["time"].cells, list(unused)
    dates = [index for index, one in unused.items() if kind_of(one.cells) == "dates"]
    if not dates:
        return [], []
    clock = max(dates, key=lambda index: len({str(cell) for cell in unused[index].cells}))
    return rows.column(clock)[0], [index for index in unused if index != clock]
