"""Segmentations as the user gives them, checked, and as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import SHOWN, DataError

Integers = NDArray[np.int64]
Rows = Iterable[int]
Annotations = Rows | Iterable[Rows] | Mapping[Any, Rows]

LARGEST = 2**53  # row where T isn't known


class Points(NamedTuple):
    """n segmentations.

    first
        First rows of their segments, ascending, 0 first, padded at the end, (n, S).
    number
        How many segments each has, (n,).
    """

    first: Integers
    number: Integers


def points(segmentations: Sequence[Iterable[int]]) -> Points:
    """Return segmentations, each the rows of its changes in any order, as arrays."""
    ordered = [[0, *sorted(set(rows))] for rows in segmentations]
    number = np.array([len(rows) for rows in ordered])
    first = np.zeros((len(ordered), number.max()), np.int64)
    for row, rows in zip(first, ordered, strict=True):
        row[: len(rows)] = rows
    return Points(first, number)


def annotators(annotations: Annotations, T: int | None = None) -> list[list[int]]:
    """Return the rows of every annotator, checked.

    A flat sequence of rows is one annotator; a mapping, or a sequence of sequences, several.

    Raises
    ------
    DataError
        If there is no annotator, or something isn't the row of a change.
    """
    if isinstance(annotations, Mapping):
        several = {f"annotations of {name!r}": rows for name, rows in annotations.items()}
    else:
        found = _listed("annotations", annotations)
        several = {"annotations": found}
        if any(isinstance(rows, Iterable) for rows in found):
            several = {f"annotations[{i}]": rows for i, rows in enumerate(found)}
    if not several:
        raise DataError(
            "annotations hold no annotator; one who saw no change is an empty sequence"
        )
    return [changes(what, rows, T) for what, rows in several.items()]


def changes(what: str, rows: Any, T: int | None = None) -> list[int]:
    """Return the rows of changes, checked.

    Raises
    ------
    DataError
        If one isn't a whole number from 1 to T - 1.
    """
    found = _listed(what, rows)
    last = LARGEST if T is None else T - 1
    wrong = [repr(row) for row in found if not (is_whole(row) and 1 <= row <= last)]
    if wrong:
        more = ", ..." if len(wrong) > SHOWN else ""
        raise DataError(
            f"{what}: {', '.join(wrong[:SHOWN])}{more}: changes are whole numbers from 1 to "
            f"{'T - 1' if T is None else last}, the 0-based row of the first row of each new "
            "segment; row 0 begins no new segment and is left out"
        )
    return [int(row) for row in found]


def check_whole(name: str, number: Any, lowest: int) -> int:
    """Return a whole number, checked.

    Raises
    ------
    DataError
        If it isn't one, or too small.
    """
    if not is_whole(number) or number < lowest:
        raise DataError(f"{name} must be a whole number, at least {lowest}, not {number!r}")
    return int(number)


def is_whole(number: Any) -> bool:
    """Return whether this is an integer; truth values aren't."""
    return isinstance(number, int | np.integer) and not isinstance(number, bool)


def _listed(what: str, rows: Any) -> list[Any]:
    try:
        if isinstance(rows, str | bytes | Mapping):
            raise TypeError
        return list(rows)
    except TypeError:
        raise DataError(f"{what} must be a sequence of rows of changes, not {rows!r}") from None
