"""Units of rates: percent, per 1000, per 100,000, in the header or as told."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from changepoint.errors import DataError, Problem
from changepoint.observations import Floats
from changepoint.reading.table import Table, prefixed

# A unit ends a name, or stands in brackets; what it is counted in may follow: per 1000 births.
_EDGE = r"(?:^|(?<=[\W_\d]))"
_PERCENT = (
    rf"%|{_EDGE}(?:percent(?:ages?)?|per\s?cent|pct|prozent|pour\s?cent(?:age)?)(?![a-z])"
)
_MILLE = rf"‰|{_EDGE}(?:pro\s?mille?|per\s?mille?|pour\s?mille)(?![a-z])"
_WORDS = {
    **dict.fromkeys(["thousand", "tausend"], 1e3),
    **dict.fromkeys(["hundred thousand", "hunderttausend"], 1e5),
    **dict.fromkeys(["million", "millionen", "mio"], 1e6),
}
_LARGE = (
    rf"[0-9]{{1,3}}(?:[.,' \u00a0\u202f_]?000)+|100|[0-9]+\s?[km](?![a-z])|{'|'.join(_WORDS)}"
)
_PER = rf"(?:{_EDGE}(?:per|pro|je|pour)[\s_]*|/\s*)(?P<per>{_LARGE})(?![0-9a-z])"
_UNIT = re.compile(
    rf"(?:[\W_]|(?<=[^\W\d_]))*(?:in[\s_]+)?(?:(?P<percent>{_PERCENT})|(?P<mille>{_MILLE})|{_PER}"
    r"(?P<of>[\s_]+[^\W\d].*)?)(?P<end>[)\]\s]*)$",
    re.I,
)
_FIRST = re.compile(
    r"(?P<percent>%|percent(?:age)?|prozent|pct)(?:[\s_]+(?:of[\s_]+)?)(?P<rest>.+)", re.I
)
# What is so named is a part of one.
_PROPORTION = re.compile("share|proportion|fraction|probability|anteil", re.I)
_DECIMALS = 2  # percentages have seldom more, and proportions seldom fewer
_ROWS = 5  # in fewer, decimals say nothing
_LEAST = 0.1  # percentages below a tenth of a percent are rare


class Unit(NamedTuple):
    """What a number of 1 is a part of, how the header says so, and the name without that."""

    per: float
    words: str
    name: str


def unit_of(name: str) -> Unit | None:
    """Return the unit that a column's name states, None if it states none."""
    text = " ".join(name.split())
    match = _UNIT.search(text)
    if match is None:
        first = _FIRST.fullmatch(text)
        return Unit(100.0, first["percent"], first["rest"]) if first else None
    start, bare = match.start(), text[: match.start()].rstrip(" _([-,")
    per = (
        100.0
        if match["percent"]
        else 1000.0
        if match["mille"]
        else _number(match["per"].lower())
    )
    return Unit(per, text[start:].strip(" _()[]-,"), bare)


def _number(text: str) -> float:
    """Return the number of 100.000, 100k or a million."""
    digits = re.sub("[^0-9]", "", text)
    return _WORDS.get(text) or float(digits) * {"k": 1e3, "m": 1e6}.get(text[-1], 1.0)


def check_per(per: object) -> None:
    """Refuse what can't be the size of a unit."""
    if per is None:
        return
    number = isinstance(per, int | float) and not isinstance(per, bool)
    if not (number and 1 <= float(str(per)) < np.inf):
        raise DataError(
            f"per is what rates are counted by, such as 100 (percent) or 100000, not {per!r}"
        )


class Scaled(NamedTuple):
    """Numbers by role, what is wrong with their units, and what was noticed."""

    numbers: dict[str, Floats]
    problems: list[Problem]
    notes: tuple[str, ...] = ()


def scaled(table: Table, numbers: dict[str, Floats], per: float | None) -> Scaled:
    """Return the same numbers, rates as proportions.

    Parameters
    ----------
    table
        The table: its headers may state a unit, its cells may have percent signs.
    numbers
        By role, as they are written; cells with a percent sign are proportions already.
    per
        What rates are counted by, where that was told; it wins over the header.
    """
    problems = []
    for role in ("count", "trials"):
        unit = unit_of(table.columns[role].name) if role in numbers else None
        if unit is not None and len(table.lines):
            rule = f"the header says {unit.words!r}: a rate, and no {role}"
            remedy = f"Give it as the rate (--rate), or give a column of {role}"
            problems.append(table.problem(role, 0, rule, remedy))
    if "rate" not in numbers:
        if per is not None:
            raise DataError(
                prefixed(
                    table.file,
                    "--percent and --per (per= in Python) are about a rate, and there is none; "
                    "name its column with --rate",
                )
            )
        return Scaled(numbers, problems)
    column, values = table.columns["rate"], numbers["rate"]
    unit, notes = unit_of(column.name), []
    if isinstance(column.cells, list) and any(cell.endswith("%") for cell in column.cells):
        if per not in (None, 100):
            raise DataError(
                prefixed(
                    table.file,
                    f"column {column.name!r} has percent signs, and rates per {per:g} were "
                    "asked for: leave out one of them",
                )
            )
    elif per is not None:
        values = values / per
    elif unit is not None:
        values = values / unit.per
        notes.append(
            f"column {column.name!r}: its numbers were divided by {unit.per:,.0f}, for the "
            f"header says {unit.words!r}"
        )
    elif not _PROPORTION.search(column.name) and _either(values):
        problems.append(_which(table, values))
    return Scaled({**numbers, "rate": values}, problems, tuple(notes))


def _either(values: Floats) -> bool:
    """Whether these could be proportions, and percentages below 1 as well."""
    known = values[np.isfinite(values)]
    if len(known) < _ROWS or known.min() < 0 or known.max() > 1 or known.max() < _LEAST:
        return False
    few = np.abs(known - np.round(known, _DECIMALS)) < 1e-9
    return bool(few.all()) and not np.isin(known, (0, 1)).all()


def _which(table: Table, values: Floats) -> Problem:
    row = int(np.nanargmax(np.where(np.isfinite(values), values, np.nan)))
    return table.problem(
        "rate",
        row,
        f"this can be the proportion {values[row]:g} or {values[row]:g} %: no rate has more "
        f"than {_DECIMALS} decimals, and none is above 1",
        "Say which: --percent, --per 1 for proportions (in Python per=100, per=1), or "
        "--per 100000 and the like",
    )
