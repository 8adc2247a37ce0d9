"""JSON and JSON Lines -> rows: a list of records, or an object of columns."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from changepoint.errors import DataError
from changepoint.reading.files import lines_of
from changepoint.reading.grids import Rows
from changepoint.reading.rows import table_of_rows
from changepoint.reading.table import Table, shown
from changepoint.reading.wide import WIDE

SUFFIXES = (".json", ".jsonl", ".ndjson")
EXPECTED = (
    'expected a list of records, [{"date": "2024-01-31", "count": 5}, ...], a record a line, '
    'or an object of columns, {"date": [...], "count": [...]}'
)
_BEGINS = re.compile(r'\s*(?:\{\s*["}]|\[\s*\{)')
_NAMED = 5


class _Object(dict[str, Any]):
    """An object, and a key that stands in it twice, of which dict would lose one."""

    twice: str | None = None


class _Records(NamedTuple):
    """Records, and the number of each: its line in JSON Lines, else its place, from 1."""

    records: list[Any]
    numbers: list[int]
    notes: tuple[str, ...] = ()


def is_json(text: str, file: str) -> bool:
    """Whether a text is JSON, by its beginning or by the file's name."""
    named = file.lower().removesuffix(".gz").endswith(SUFFIXES)
    return named or _BEGINS.match(text) is not None


def read_json_table(text: str, file: str, asked: Mapping[str, str]) -> Table:
    """Return the columns that have a role.

    Raises
    ------
    DataError
        If this isn't JSON, or not a table.
    """
    try:
        found = _found(_parsed(text, file), file)
    except RecursionError:
        raise DataError(f"{file}: this JSON is nested too deep to be a table") from None
    header = list(dict.fromkeys(key for record in found.records for key in record))
    rows = [[record.get(key) for key in header] for record in found.records]
    filled = [
        (number, row)
        for number, row in zip(found.numbers, rows, strict=True)
        if any(cell not in (None, "") for cell in row)
    ]
    grid = Rows([number for number, _ in filled], [row for _, row in filled], typed=True)
    table = table_of_rows(grid, header, asked, file, notes=found.notes)
    named = {column.name for column in table.columns.values()} & set(header)
    used = set(header) if WIDE in asked else named
    noticed = (*_absent(found.records, used), *_not_numbers(found.records, used))
    return replace(table, notes=(*table.notes, *noticed))


def _parsed(text: str, file: str) -> Any:
    """Return the value of a JSON text, or the records of JSON Lines."""
    try:
        return _value(text)
    except ValueError as error:
        whole = error
    lines = [(n, line) for n, line in enumerate(lines_of(text, file), 1) if line.strip()]
    records, numbers = [], []
    for number, line in lines:
        try:
            records.append(_value(line))
        except ValueError as error:
            if not records:  # not even one line is JSON by itself
                raise DataError(f"{file}: this isn't JSON: {whole}; {EXPECTED}") from None
            told = str(error).replace("line 1 column", "column")
            raise DataError(
                f"{file}, line {number}: this isn't a JSON record: {told}"
            ) from None
        numbers.append(number)
    return _Records(records, numbers)


def _value(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    found = _Object(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        found.twice = next(key for key in keys if keys.count(key) > 1)
    return found


def _found(value: Any, file: str) -> _Records:
    """Return the records of a value: its own, or those of the one list that it holds."""
    if isinstance(value, _Records):
        return _checked(value, file)
    if isinstance(value, list):
        return _checked(_Records(value, list(range(1, len(value) + 1))), file)
    if not isinstance(value, _Object):
        raise DataError(f"{file}: this JSON is {_kind(value)} alone; {EXPECTED}")
    _refuse_twice(value, file, "the object")
    columns = _columns(value, file)
    if columns is not None:
        return columns
    lists = [key for key, part in value.items() if isinstance(part, list) and _holds(part)]
    inside = lists or [key for key, part in value.items() if _holds(part)]
    if len(inside) == 1:
        found = _found(value[inside[0]], file)
        others = [shown(key) for key in value if key != inside[0]]
        if not others:
            return found
        left = ", ".join(map(repr, others[:_NAMED])) + (", ..." if len(others) > _NAMED else "")
        note = f"the table is what stands under {shown(inside[0])!r}; left out: {left}"
        return found._replace(notes=(note, *found.notes))
    if value and not any(isinstance(part, list | dict) for part in value.values()):
        return _checked(_Records([value], [1]), file)  # a line of JSON Lines
    which = ", ".join(repr(shown(key)) for key in list(value)[:_NAMED])
    several = f"{len(inside)} tables" if inside else "no table"
    raise DataError(f"{file}: the object holds {several} (its keys: {which}); {EXPECTED}")


def _holds(part: Any) -> bool:
    """Whether a value is a list of records, or an object that may hold one."""
    if isinstance(part, list):
        return bool(part) and all(isinstance(one, dict) for one in part)
    return isinstance(part, dict) and any(isinstance(one, list | dict) for one in part.values())


def _columns(value: _Object, file: str) -> _Records | None:
    """Return the records of an object of columns, None if it is none.

    A column is a list, or an object of cells by number, as pandas writes it.
    """
    parts = list(value.values())
    if parts and all(isinstance(part, _Object) for part in parts):
        for key, part in value.items():
            _refuse_twice(part, file, f"column {shown(key)!r}")
        if any([*part] != [*parts[0]] for part in parts):
            return None
        if [*parts[0]] != [str(row) for row in range(len(parts[0]))]:
            return None
        lists = {key: list(part.values()) for key, part in value.items()}
    elif parts and all(isinstance(part, list) for part in parts):
        if any(map(_holds, parts)):
            return None
        lists = dict(value)
    else:
        return None
    lengths = {key: len(part) for key, part in lists.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{shown(key)!r} has {length}" for key, length in lengths.items())
        raise DataError(f"{file}: all columns must have the same number of cells: {told}")
    count = next(iter(lengths.values()))
    cells = zip(*lists.values(), strict=True)
    records: list[Any] = [_Object(zip(lists, row, strict=True)) for row in cells]
    return _checked(_Records(records, list(range(1, count + 1))), file)


def _checked(found: _Records, file: str) -> _Records:
    """Refuse what isn't a record, and records of which a cell would be lost."""
    if not found.records:
        raise DataError(f"{file}: the table has no records; {EXPECTED}")
    odd = [
        (number, record)
        for number, record in zip(found.numbers, found.records, strict=True)
        if not isinstance(record, _Object)
    ]
    if odd:
        some = ", ".join(f"{number} ({shown(record)})" for number, record in odd[:_NAMED])
        kinds = "lists of cells" if all(isinstance(r, list) for _, r in odd) else "not so"
        raise DataError(
            f"{file}: every record must be an object that names its cells, and {len(odd)} are "
            f"{kinds}: record {some}; {EXPECTED}"
        )
    for number, record in zip(found.numbers, found.records, strict=True):
        _refuse_twice(record, file, f"record {number}")
    return found


def _refuse_twice(found: _Object, file: str, what: str) -> None:
    if found.twice is not None:
        raise DataError(
            f"{file}: {what} has the key {shown(found.twice)!r} twice. Remove or rename one"
        )


def _absent(records: Sequence[_Object], used: Iterable[str]) -> tuple[str, ...]:
    """Say how many records lack a key that others have."""
    lack = {key: sum(1 for record in records if key not in record) for key in sorted(used)}
    some = [f"{shown(key)!r} ({count})" for key, count in lack.items() if count]
    return (f"records without a key have a missing cell: {', '.join(some)}",) if some else ()


def _not_numbers(records: Sequence[_Object], used: Iterable[str]) -> tuple[str, ...]:
    """Count the cells that say NaN, which isn't JSON, but is written."""
    notes = []
    for key in sorted(used):
        cells = (record.get(key) for record in records)
        nan = sum(1 for cell in cells if isinstance(cell, float) and math.isnan(cell))
        if nan:
            counted = "1 cell counts" if nan == 1 else f"{nan} cells count"
            notes.append(f"column {key!r}: {counted} as missing: 'NaN' ({nan})")
    return tuple(notes)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return "a text" if isinstance(value, str) else "a number"
