"""Cells of rows elsewhere that decide how those of a table are written.

A long table of Parquet files is read in portions, and what is decided from whole columns, such
as the order of day and month, must not differ among them.
"""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from changepoint.errors import DataError
from changepoint.reading.datestyles import PLAIN_ISO, split_clock
from changepoint.reading.dayorder import orders_of
from changepoint.reading.frames import DAMAGED, foreign, open_parquet
from changepoint.reading.matching import find_roles, with_numbers
from changepoint.reading.numerals import Writing, writing_of

Elsewhere = tuple[tuple[str, tuple[str, ...]], ...]  # pairs of role and texts


class Witnesses:
    """The first text of each way of writing in the columns of text that have a role."""

    def __init__(self) -> None:
        self._dates: dict[frozenset[str], str] = {}
        self._numbers: dict[str, dict[Writing, str]] = {}
        self._counts: dict[str, Counter[Writing]] = {}

    def look(self, file: str, asked: Mapping[str, str], dated: bool) -> None:
        """Look through a Parquet file, a row group at a time.

        Parameters
        ----------
        asked
            The columns asked for, by role.
        dated
            Whether the format of dates was told.
        """
        with open_parquet(file) as opened:
            schema = opened.schema_arrow
            try:
                roles = find_roles(schema.names, asked, file)
            except DataError:
                return  # each portion says so
            found = {
                role: schema.names[index]
                for role, index in roles.items()
                if _is_text(schema.field(index).type) and not (dated and role == "time")
            }
        names = list(dict.fromkeys(found.values()))
        if not names:
            return
        with open_parquet(file, names) as opened:
            for group in range(opened.num_row_groups):
                self._add(_distinct(opened, file, group, names), found)

    def _add(self, texts: Mapping[str, Iterable[str]], roles: Mapping[str, str]) -> None:
        if "time" in roles:
            for text in texts[roles["time"]]:
                self._add_date(text)
        for role in with_numbers(roles):
            known = self._numbers.setdefault(role, {})
            counts = self._counts.setdefault(role, Counter())
            for text in texts[roles[role]]:
                writing = writing_of(text)
                if writing is not None:
                    known.setdefault(writing, text)
                    counts[writing] += 1

    def _add_date(self, text: str) -> None:
        if not PLAIN_ISO.fullmatch(text):
            text = split_clock(text)[0]
            if orders := orders_of(text):
                self._dates.setdefault(orders, text)

    def told(self) -> Elsewhere:
        """Return the texts by role.

        Where numbers are written in ways that exclude each other, only those of the more
        frequent one count, as in a file that is read as a whole.
        """
        found = {"time": tuple(self._dates.values())}
        for role, texts in self._numbers.items():
            counts = self._counts[role]
            odd = {
                *_fewer(counts, lambda one: one.decimal == ".", lambda one: one.decimal == ","),
                *_fewer(counts, lambda one: one.percent, lambda one: not one.percent),
            }
            found[role] = tuple(text for writing, text in texts.items() if writing not in odd)
        return tuple((role, texts) for role, texts in sorted(found.items()) if texts)


def _fewer(
    counts: Counter[Writing], some: Callable[[Writing], bool], other: Callable[[Writing], bool]
) -> list[Writing]:
    """Return which of two kinds there are fewer of."""
    sides = [[one for one in counts if kind(one)] for kind in (some, other)]
    return min(sides, key=lambda side: sum(counts[one] for one in side))


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    tests = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    return any(test(kind) for test in tests)


def _distinct(opened: Any, file: str, group: int, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the texts of columns in a row group, stripped."""
    rows = foreign(file, DAMAGED, lambda: opened.read_row_group(group, columns=list(names)))
    found = {}
    for name in names:
        cells = foreign(file, DAMAGED, rows.column(name).unique().to_pylist)
        texts = (c.decode(errors="replace") if isinstance(c, bytes) else c for c in cells)
        found[name] = [text.strip() for text in texts if text is not None]
    return found
