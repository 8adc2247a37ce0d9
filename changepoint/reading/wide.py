"""A wide table, with a column for each series -> the long one that says the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from changepoint.errors import DataError
from changepoint.reading.grids import Grid, cut_footer, sample
from changepoint.reading.matching import (
    RolesError,
    asked_columns,
    constant,
    key_role,
    meaning,
    normal,
)
from changepoint.reading.numerals import MISSING, is_number
from changepoint.reading.parts import by_name, joined, role_of
from changepoint.reading.table import Cells, Column, Table, prefixed, shown
from changepoint.reading.unused import time_among, times_across
from changepoint.reading.values import text_of
from changepoint.roles import BY_NAME

WIDE = "wide"  # asked for with the role of the columns, "" where their numbers say it
WIDE_ROLES = ("count", "rate", "value")
BESIDE = ("time", "trials", "exposure")  # roles that can be told beside it
SERIES = "series"
_NAMED = 5
_WHOLE = re.compile(r"[0-9]+(?:\.0*)?")


def check_wide(wide: str, columns: Mapping[str, object]) -> None:
    """Refuse what can't be told of a wide table.

    Raises
    ------
    DataError
        If it says so.
    """
    if wide not in ("", *WIDE_ROLES):
        raise DataError(
            f"wide says what the columns hold, {', '.join(WIDE_ROLES)} or nothing, not {wide!r}"
        )
    others = dict.fromkeys(r.partition("[")[0] for r in columns if r not in BESIDE)
    if others:
        raise DataError(
            f"a wide table takes every column but the time for a series: leave out "
            f"{' and '.join(others)}; --wide count, rate or value says what they hold"
        )
    behind = [r for r in BESIDE[1:] if r in columns and constant(r, str(columns[r])) is None]
    if behind:
        raise DataError(
            f"{behind[0]} of a wide table can be one number only, such as --{behind[0]} 100: a "
            "column belongs to no series. Else write a long table"
        )


def melted(
    rows: Grid,
    header: Sequence[str],
    asked: Mapping[str, str],
    file: str | None,
    check_header: Callable[[Mapping[str, int]], None],
    check_rows: Callable[[], None],
) -> Table:
    """Return the long table: the rows of one column after those of another.

    Raises
    ------
    DataError
        If there is no time, or columns have no name, or one name.
    """
    roles, notes = _times(rows, header, asked, file)
    check_header(roles)
    notes += cut_footer(rows, next(iter(roles.values())))
    check_rows()
    series = _series(rows, header, set(roles.values()), file)
    timed, joint = joined({role: _column(rows, header, i, file) for role, i in roles.items()})
    found = [_column(rows, header, index, file) for index in series]
    role, said = _role(asked, found)
    count = len(rows.lines)
    names = [column.name for column in found for _ in range(count)]
    return Table(
        file=file,
        lines=np.tile(np.array(rows.lines, dtype=np.int64), len(found)),
        columns={
            "time": Column(timed["time"].name, _put([timed["time"].cells] * len(found))),
            role: Column(role, _put([column.cells for column in found])),
            key_role(0): Column(SERIES, names),
        },
        notes=(*notes, *joint, *said),
    )


def _times(
    rows: Grid, header: Sequence[str], asked: Mapping[str, str], file: str | None
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return the column of times, or of its parts: told, named so or the only one of dates."""
    told = {"time": asked["time"]} if "time" in asked else {}
    found = asked_columns(header, told, file)
    if found:
        return found, ()
    named = [index for index, name in enumerate(header) if meaning(name) == "time"]
    parts = by_name({index: normal(name) for index, name in enumerate(header)})
    if parts and set(named) <= set(parts.values()):
        return {role_of(part): index for part, index in parts.items()}, ()
    notes: tuple[str, ...] = ()
    if not named:
        time, notes = time_among({i: sample(rows, header, i) for i in range(len(header))})
        named = [] if time is None else [time]
    if len(named) != 1:
        which = f"several, {_quoted(header[i] for i in named)}" if named else "none"
        raise RolesError(
            prefixed(
                file,
                f"a wide table has one column of times, and this has {which}"
                f"{times_across(header)}: say which with "
                f"--time (time= in Python). The columns are: {_quoted(header)}",
            )
        )
    return {"time": named[0]}, notes


def _series(rows: Grid, header: Sequence[str], times: set[int], file: str | None) -> list[int]:
    """Return the columns that are series."""
    series = [index for index in range(len(header)) if index not in times]
    unnamed = [index for index in series if not header[index]]
    filled = [i for i in unnamed if any(text_of(value) for value in rows.values(i))]
    names = [header[index] for index in series if header[index]]
    twice = sorted({name for name in names if names.count(name) > 1})
    problem = ""
    if not names:
        problem = "there is no column beside the time"
    elif filled:
        problem = f"column {filled[0] + 1} has no name"
    elif twice:
        problem = f"several columns are called {_quoted(twice)}"
    if problem:
        problem += "; in a wide table each column's name is a series"
        raise RolesError(prefixed(file, problem))
    return [index for index in series if header[index]]


def _column(rows: Grid, header: Sequence[str], index: int, file: str | None) -> Column:
    name = header[index]
    return Column(name, rows.column(index, place=(file, name, rows.lines))[0])


def _put(cells: Sequence[Cells]) -> Cells:
    """Return cells one after the other, as text where some are text."""
    arrays = [each for each in cells if not isinstance(each, list)]
    if len(arrays) == len(cells) and len({each.dtype for each in arrays}) == 1:
        return np.concatenate(arrays)
    return [text for each in cells for text in _texts(each)]


def _texts(cells: Cells) -> list[str]:
    if isinstance(cells, list):
        return cells
    if cells.dtype.kind == "M":
        return ["" if np.isnat(cell) else str(cell) for cell in cells]
    return [text_of(cell) for cell in cells.tolist()]


def _role(asked: Mapping[str, str], found: Sequence[Column]) -> tuple[str, tuple[str, ...]]:
    """Return what the columns hold: as told, counts where trials are, or if all are whole."""
    if asked[WIDE]:
        return asked[WIDE], ()
    if any(BY_NAME[role].behind == "count" for role in asked if role in BY_NAME):
        return "count", ()
    whole = all(map(_counts, (column.cells for column in found)))
    role, why = ("count", "whole") if whole else ("value", "not all whole")
    other = "value" if whole else "count or rate"
    note = f"the numbers are {why}, and were taken as {role}s; --wide {other} says otherwise"
    return role, (note,)


def _counts(cells: Cells) -> bool:
    """Whether the numbers among cells are whole, and none is negative."""
    if not isinstance(cells, list):
        known = cells[~np.isnan(cells)] if cells.dtype.kind == "f" else np.array([-1.0])
        return bool(np.all((known >= 0) & (known == np.floor(known))))
    texts = (text for text in cells if text.lower() not in MISSING)
    return all(_WHOLE.fullmatch(text) for text in texts if is_number(text.rstrip("% ")))


def _quoted(names: Iterable[str]) -> str:
    listed = [repr(shown(name)) for name in names]
    return ", ".join([*listed[:_NAMED], *(["..."] if len(listed) > _NAMED else [])])
