"""Several outcomes per trial: a column of counts for each, or one of labels; a trial a row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from changepoint.errors import DataError
from changepoint.observations import Floats, zero_and_one
from changepoint.reading.covariates import covariates_asked
from changepoint.reading.matching import EVENTS, OUTCOMES, is_outcome, normal
from changepoint.reading.numerals import MISSING
from changepoint.reading.table import Cells, Table, prefixed, shown
from changepoint.reading.timegrid import Series
from changepoint.roles import BY_NAME

MOST = 50  # distinct labels
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


class Outcomes(NamedTuple):
    """Counts by outcome, (T, C), the C names, the column they are from, what was noticed."""

    counts: Floats
    names: tuple[str, ...]
    column: str
    notes: tuple[str, ...] = ()


def asked_for(columns: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns that were told by role; outcomes have a role each, outcomes[0], ...

    Raises
    ------
    DataError
        If there is no such role, if outcomes are told in two ways, or beside other columns than
        the time, or if they are fewer than two columns.
    """
    told = {role: name for role, name in columns.items() if name is not None}
    if isinstance(told.get(EVENTS), bool):  # events=True: the column of times is found
        told = {r: n for r, n in told.items() if r != EVENTS} | (
            {EVENTS: ""} if told[EVENTS] else {}
        )
    unknown = [role for role in told if role not in BY_NAME]
    if unknown:
        raise DataError(f"there is no role {unknown[0]!r}; there are {', '.join(BY_NAME)}")
    others = [role for role in told if role not in ("time", "outcomes", "outcome")]
    outcomes, outcome = told.pop("outcomes", None), told.pop("outcome", None)
    covariates = covariates_asked(told.pop("covariates", None))
    plain = {role: str(name) for role, name in told.items()} | covariates
    return plain | _of_outcomes(outcomes, outcome, others)


def _of_outcomes(outcomes: Any, outcome: Any, others: Sequence[str]) -> dict[str, str]:
    """Return the columns of outcomes by role."""
    if outcomes is None and outcome is None:
        return {}
    if outcomes is not None and outcome is not None:
        raise DataError(
            "outcomes and outcome were both given: give columns of counts (outcomes), or one "
            "column of labels (outcome)"
        )
    if others:
        raise DataError(
            f"{' and '.join(others)} can't be used together with outcomes, which are counts "
            "and trials in one: leave out one or the other"
        )
    if outcome is not None:
        return {"outcome": str(outcome)}
    if isinstance(outcomes, str) or not isinstance(outcomes, Sequence) or len(outcomes) < 2:
        raise DataError(
            f"outcomes must be two columns of counts or more, not {outcomes!r}; one column of "
            "labels is an outcome"
        )
    return {f"{OUTCOMES}[{i}]": str(name) for i, name in enumerate(outcomes)}


def find_outcomes(table: Table, numbers: dict[str, Floats]) -> Outcomes | None:
    """Return the outcomes of a table, None if it has none.

    Parameters
    ----------
    table
        The table.
    numbers
        Those of its columns of numbers, by role.

    Raises
    ------
    DataError
        If a column of labels has fewer than 2, or more than MOST.
    """
    if "outcome" in table.columns:
        return _from_labels(table)
    roles = [role for role in table.columns if is_outcome(role)]
    if not roles:
        return None
    names = tuple(table.columns[role].name for role in roles)
    return Outcomes(np.column_stack([numbers[role] for role in roles]), names, ", ".join(names))


def trials_by_row(series: Series, columns: dict[str, str]) -> tuple[Series, tuple[str, ...]]:
    """Say that rows of 0 and 1 are trials; where these are values, they are counts too."""
    numbers = series.numbers
    role = next((role for role in ("count", "value") if role in numbers), None)
    if role is None or "trials" in numbers or "exposure" in numbers:
        return series, ()
    if not zero_and_one(numbers[role]):
        return series, ()
    name = columns[role]
    if role == "value":
        numbers = {"count": numbers["value"], **numbers}
        columns["count"] = name
    said = "each row is one trial, and its likelihood bernoulli unless another is chosen"
    return replace(series, numbers=numbers), (f"column {name!r} holds 0 and 1 only: {said}",)


def _from_labels(table: Table) -> Outcomes:
    """One row per trial: 1 for its outcome, 0 for the others, NaN where that is missing."""
    column, cells = table.columns["outcome"]
    what = prefixed(table.file, f"column {column!r}")
    if not isinstance(cells, list) and cells.dtype.kind == "M":
        raise DataError(f"{what}: labels were expected, and the column holds dates")
    texts = _texts(cells)
    distinct = dict.fromkeys(texts)
    labels = [text for text in distinct if text.lower() not in MISSING]
    if len(labels) > MOST:
        raise DataError(
            f"{what} has {len(labels):,} different labels, such as {_quoted(labels[:3])}: this "
            f"looks like an identifier. Name a column of at most {MOST} outcomes"
        )
    if len(labels) < 2:
        found = f"only {_quoted(labels)}" if labels else "none"
        raise DataError(
            f"{what}: two different outcomes are needed, and there is {found}. For a single "
            "event, give its counts (count), and the trials behind them"
        )
    names = _names(labels)
    order = {name: place for place, name in enumerate(dict.fromkeys(names.values()))}
    place = {text: order[names[text]] if text in names else -1 for text in distinct}
    places = np.fromiter(map(place.__getitem__, texts), np.intp, len(texts))
    counts = (places[:, None] == np.arange(len(order))).astype(np.float64)
    counts[places < 0] = np.nan
    return Outcomes(counts, tuple(order), column, tuple(_noticed(column, distinct, labels)))


def _texts(cells: Cells) -> list[str]:
    """Return labels as text, whole numbers without a decimal point."""
    if isinstance(cells, list):
        return cells
    return ["" if number != number else f"{number:.15g}" for number in cells.tolist()]


def _names(labels: list[str]) -> dict[str, str]:
    """Return the name of each label, in order: by size if all are numbers, else by text.

    Numbers have one name, however they are written: a column of 1 and 2 with a gap is often
    written as 1.0 and 2.0.
    """
    if not all(map(_NUMBER.fullmatch, labels)):
        return {label: label for label in sorted(labels)}
    return {label: f"{float(label):.15g}" for label in sorted(labels, key=float)}


def _noticed(column: str, distinct: dict[str, None], labels: list[str]) -> list[str]:
    notes = []
    words = [text for text in distinct if text and text.lower() in MISSING]
    if words:
        notes.append(f"column {column!r}: cells that say {_quoted(words)} count as missing")
    alike: dict[str, list[str]] = {}
    for label in labels:
        alike.setdefault(normal(label), []).append(label)
    for several in alike.values():
        if len(several) > 1:
            notes.append(
                f"column {column!r}: {_quoted(several)} differ in case or spaces only, and "
                "count as different outcomes"
            )
    return notes


def _quoted(labels: list[str]) -> str:
    return ", ".join(repr(shown(label)) for label in labels)
