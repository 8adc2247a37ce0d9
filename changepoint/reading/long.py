"""A long table -> many series: one column, or several, say which series a row belongs to."""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError, Problem
from changepoint.observations import Observations
from changepoint.reading.arrowrows import named_cells
from changepoint.reading.clocks import refuse_offsets
from changepoint.reading.covariates import numeric_covariates, without_covariates
from changepoint.reading.dates import read_times
from changepoint.reading.doors import THE_ONLY, Choice, table_of_file
from changepoint.reading.frames import DAMAGED, foreign, open_parquet
from changepoint.reading.instructions import AS_THEY_ARE, Instructions
from changepoint.reading.matching import (
    asked_columns,
    find_roles,
    is_covariate,
    is_key,
    is_outcome,
    key_role,
    with_numbers,
)
from changepoint.reading.numerals import read_numbers
from changepoint.reading.outcomes import find_outcomes
from changepoint.reading.parts import joined
from changepoint.reading.series import gathered, repeats
from changepoint.reading.table import Column, Table
from changepoint.reading.timegrid import Series
from changepoint.reading.units import scaled
from changepoint.reading.wide import WIDE, WIDE_ROLES
from changepoint.reading.witnesses import Elsewhere

Integers = NDArray[np.int64]
Keys = tuple[Integers, list[str]]  # the place of each row's key among the distinct ones, these
ABSENT = "(missing)"  # the key of rows that have none


class Piece(NamedTuple):
    """Some rows of a Parquet file: first to end in a row group."""

    file: str
    group: int
    first: int
    end: int


@dataclass(frozen=True)
class Long:
    """B series one after the other, their rows as they stood in the table.

    Parameters
    ----------
    files
        Where the rows of each series come from, (B,).
    keys
        The values that name each series, as text, (B,) tuples of one value per key column.
    offsets
        Series i has the rows offsets[i]:offsets[i + 1], shape (B + 1,).
    rows
        Times, numbers and lines of all rows.
    outcome_names, columns, date_format
        As in `Observations`.
    problems
        Cells that can't be understood, by series.
    wide
        The role of the columns, where each series is one: its name is that of its column.
    asked, how, notes
        What `observations` needs: the columns asked for, what to put together, what was noticed
        of the whole table.
    """

    files: list[str]
    keys: list[tuple[str, ...]]
    offsets: Integers
    rows: Series
    outcome_names: tuple[str, ...]
    columns: Mapping[str, str]
    problems: Mapping[int, DataError]
    asked: dict[str, str]
    how: Instructions
    notes: tuple[str, ...]
    wide: str | None = None
    date_format: str = ""

    def __len__(self) -> int:
        return len(self.keys)

    def observations(self, i: int) -> Observations:
        """Return one series on its time grid.

        Raises
        ------
        DataError
            If cells of it can't be understood, or rows can't be summed.
        """
        if i in self.problems:
            raise self.problems[i]
        return gathered(
            self.rows.take(np.arange(*self.offsets[i : i + 2])),
            self.how,
            self.asked,
            self.notes,
            outcome_names=self.outcome_names,
            file=self.files[i],
            columns=self.columns if self.wide is None else self._own_column(i),
            date_format=self.date_format,
        )

    def _own_column(self, i: int) -> dict[str, str]:
        assert self.wide is not None
        return {**self.columns, self.wide: self.keys[i][0]}


def long_file(
    file: str,
    by: Sequence[str],
    asked: Mapping[str, str],
    how: Instructions = AS_THEY_ARE,
    date_format: str | None = None,
    choice: Choice = THE_ONLY,
    most: int | None = None,
) -> Long:
    """Return the series of any file but Parquet; how it is written is found from all of it.

    Parameters
    ----------
    by
        The key columns; none for a wide table, which is asked for as such.
    choice, most
        As for `table_of_file`.

    Raises
    ------
    DataError
        If the file can't be read, or a column asked for is absent. Cells that can't be
        understood are the problem of their series alone.
    """
    wanted = dict(asked) | {key_role(i): name for i, name in enumerate(by)}
    table = table_of_file(file, wanted, choice, most)
    keys = [_of_text(column.cells) for role, column in table.columns.items() if is_key(role)]
    files = np.zeros(len(table.lines), np.int64), [file]
    found = _grouped(table, keys, files, dict(asked), how, date_format, table.typed)
    if WIDE not in asked:
        return found
    role = next(role for role in table.columns if role in WIDE_ROLES)
    own = {
        i: DataError(str(error).splitlines()[0], [
            each._replace(column=found.keys[i][0]) if each.column == role else each
            for each in error.rows
        ])
        for i, error in found.problems.items()
    }  # fmt: skip
    return replace(found, wide=role, problems=own)


def long_parquet(
    pieces: Sequence[Piece],
    by: Sequence[str],
    asked: Mapping[str, str],
    how: Instructions = AS_THEY_ARE,
    date_format: str | None = None,
    partitions: Mapping[str, Mapping[str, str]] | None = None,
    elsewhere: Elsewhere = (),
) -> Long:
    """Return the series of some rows of Parquet files.

    Parameters
    ----------
    pieces
        The rows.
    partitions
        Values of columns that a file's folders state, by file.
    elsewhere
        Cells of other rows that have a say in how these are written.

    Raises
    ------
    DataError
        As `long_file`.
    """
    import pyarrow as pa

    tables, lines, told = [], [], {}
    for piece in pieces:
        file, group = piece.file, piece.group
        stated = (partitions or {}).get(file, {})
        with open_parquet(file, [name for name in by if name not in stated]) as opened:
            names, sizes = opened.schema_arrow.names, opened.metadata
            wanted = dict(asked)
            wanted |= {key_role(i): n for i, n in enumerate(by) if n not in stated}
            roles = {
                role: names[index] for role, index in find_roles(names, wanted, file).items()
            }
            used = list(dict.fromkeys(roles.values()))
            rows = _group(opened, file, group, used).slice(piece.first, piece.end - piece.first)
            before = sum(sizes.row_group(g).num_rows for g in range(group))
        columns = {role: rows.column(name) for role, name in roles.items()}
        for i, name in enumerate(by):
            if name in stated:
                columns[key_role(i)] = pa.chunked_array([pa.repeat(stated[name], len(rows))])
        tables.append(pa.table(columns))
        lines.append(np.arange(piece.first, piece.end) + before + 1)
        told.update(roles)
    files = list(dict.fromkeys(piece.file for piece in pieces))
    whole = foreign(
        files[0], "the columns of the files differ in kind",
        lambda: pa.concat_tables(tables, promote_options="permissive"),
    )  # fmt: skip
    keys = [_of_column(whole.column(key_role(i))) for i in range(len(by))]
    of_row = np.repeat([files.index(p.file) for p in pieces], [len(t) for t in tables])
    named = {role: name for role, name in told.items() if not is_key(role)}
    file = " and ".join(files) if len(files) < 3 else f"{files[0]} and {len(files) - 1} more"
    found, notes = {}, []
    for role, name in named.items():
        cells, noticed = named_cells(whole.column(role), file, name)
        found[role] = Column(name, cells)
        notes += [f"column {name!r}: {note}" for note in noticed]
    found, joint = joined(found)
    stand, notes = np.concatenate(lines), [*notes, *joint]
    table = Table(file, stand, found, notes=tuple(notes), elsewhere=dict(elsewhere))
    return _grouped(table, keys, (of_row, files), dict(asked), how, date_format, typed=True)


def keys_of(
    opened: Any, file: str, group: int, by: Sequence[str], stated: Mapping[str, str]
) -> list[Keys]:
    """Return the key columns of a row group of an open Parquet file.

    Raises
    ------
    DataError
        If one is absent.
    """
    names = opened.schema_arrow.names
    wanted = {key_role(i): name for i, name in enumerate(by) if name not in stated}
    places = asked_columns(names, wanted, file)
    used = [names[index] for index in places.values()]
    rows = _group(opened, file, group, used)
    length = opened.metadata.row_group(group).num_rows
    return [
        (np.zeros(length, np.int64), [stated[name]])
        if name in stated
        else _of_column(rows.column(names[places[key_role(i)]]))
        for i, name in enumerate(by)
    ]


def _group(opened: Any, file: str, group: int, names: list[str]) -> Any:
    return foreign(file, DAMAGED, lambda: opened.read_row_group(group, columns=names))


def _of_text(cells: Any) -> Keys:
    distinct = {text: code for code, text in enumerate(dict.fromkeys(cells))}
    codes = np.fromiter(map(distinct.__getitem__, cells), np.int64, len(cells))
    return codes, [text or ABSENT for text in distinct]


def _of_column(column: Any) -> Keys:
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = column.unify_dictionaries().combine_chunks()
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    texts = [ABSENT if key is None else str(key) for key in column.dictionary.to_pylist()]
    codes = column.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    texts.append(ABSENT)
    first = {text: code for code, text in reversed(list(enumerate(texts)))}
    if len(first) < len(texts):  # what is equal as text is one key
        codes = np.array([first[text] for text in texts])[codes]
    return codes.astype(np.int64), texts


def _grouped(
    table: Table,
    keys: Sequence[Keys],
    files: Keys,
    asked: dict[str, str],
    how: Instructions,
    date_format: str | None,
    typed: bool,
) -> Long:
    """Convert the cells, and put the rows of each series together, in order of appearance."""
    code = np.zeros(len(table.lines), np.int64)
    for codes, distinct in keys:
        code = code * len(distinct) + codes
    # Lines repeat from file to file: while cells are converted, rows are numbered.
    lines, table = table.lines, replace(table, lines=np.arange(1, len(code) + 1))
    order, starts = _order(code)
    first = starts[:-1] if order is None else order[starts[:-1]]
    names = [[distinct[c] for c in codes[first]] for codes, distinct in keys]
    notes, time, written = list(table.notes), None, ""
    problems: list[Problem] = []
    refuse_offsets(table, how.zone)
    if "time" in table.columns:
        time, problems, noticed, written = read_times(table, date_format, how.year)
        notes += noticed
    roles = [*with_numbers(table.columns), *numeric_covariates(table, typed)]
    numbers, wrong, noticed = read_numbers(table, roles)
    numbers, odd, remarks = scaled(table, numbers, how.per)
    # A column that can be read in two ways, or in none, is lost, and with it every series.
    lost = (
        len(numbers) < len(roles)
        or bool(odd)
        or (time is not None and len(time) < len(table.lines))
    )
    problems = [
        each._replace(file=files[1][files[0][each.line - 1]], line=each.line - 1)
        for each in (*problems, *wrong, *odd)
        if each.line is not None
    ]
    broken = _by_series(problems, lines, order, starts, lost)
    numbers, covariates = without_covariates(table, numbers, asked)
    several = (is_outcome, is_key, is_covariate)
    columns = {
        role: column.name
        for role, column in table.columns.items()
        if not any(test(role) for test in several)
    }
    found = None if lost else find_outcomes(table, numbers)
    if found is not None:
        numbers, columns["outcomes"] = {"outcomes": found.counts}, found.column
    if lost:
        time, numbers, covariates = None, {}, {}
    copies = None if lost else repeats(table, time, code)
    rows = Series(time, numbers, lines, copies, covariates)
    if rows.copies is not None:  # rows were numbered: back to their lines
        rows = replace(rows, copies=np.where(rows.copies, lines[rows.copies - 1], 0))
    of_series = files[0][first]
    return Long(
        files=[files[1][i] for i in of_series],
        keys=list(zip(*names, strict=True)),
        offsets=starts,
        rows=rows if order is None else rows.take(order),
        outcome_names=() if found is None else found.names,
        columns=columns,
        problems=broken,
        asked=asked,
        how=how,
        notes=tuple([*notes, *noticed, *remarks]),
        date_format=written,
    )


def _order(code: Integers) -> tuple[Integers | None, Integers]:
    """Return how to put equal codes together, None if they are, and where each begins."""
    starts = np.flatnonzero(np.append(True, code[1:] != code[:-1])) if len(code) else code
    distinct, first = np.unique(code[starts], return_index=True)
    if len(distinct) == len(starts):
        return None, np.append(starts, len(code)).astype(np.int64)
    appearance = np.argsort(np.argsort(first))  # of each distinct code, in order of its first
    rank = appearance[np.searchsorted(distinct, code)]
    order = np.argsort(rank, kind="stable")
    counts = np.bincount(rank)
    return order, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _by_series(
    problems: Sequence[Problem],
    lines: Integers,
    order: Integers | None,
    starts: Integers,
    everybody: bool,
) -> dict[int, DataError]:
    """Return the problems of each series, or all of them for everybody; told by row."""
    found: dict[int, list[Problem]] = {}
    place = np.arange(len(lines)) if order is None else np.argsort(order)
    B = len(starts) - 1
    for problem in sorted(problems, key=lambda problem: problem.line or 0):
        row = problem.line or 0
        own = int(np.searchsorted(starts, place[row], "right")) - 1
        for i in range(B) if everybody else (own,):
            found.setdefault(i, []).append(problem._replace(line=int(lines[row])))
    return {
        i: DataError(
            f"{own[0].file}: {'1 cell' if len(own) == 1 else f'{len(own)} cells'} of this "
            "series can't be understood",
            own,
        )
        for i, own in found.items()
    }
