"""Text -> numbers, a column at a time.

How numbers are written (decimal comma or point, thousands separators, percent) is decided
from the whole column, then from the other columns and the delimiter. What stays ambiguous is
an error, because "1,234" is 1234 to some writers and 1.234 to others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from changepoint.errors import Problem
from changepoint.observations import Floats
from changepoint.reading.matching import cells_role
from changepoint.reading.table import Table

# In lower case. Other errors of spreadsheets, such as #REF!, aren't missing but to be mended.
MISSING = frozenset(
    {"", "na", "n/a", "n.a.", "k.a.", "nan", "null", "none", "-", "–", "—", "--", "."}
    | {"#n/a", "#nv", "#div/0!"}
)
_SPACES = " \u00a0\u2009\u202f'’"  # all of them are in use between thousands


def _pattern(decimal: str, group: str) -> re.Pattern[str]:
    point, gap = re.escape(decimal), f"[{re.escape(group)}{_SPACES}]"
    plain = rf"(?:[0-9]+(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?"
    # Thousands never begin with a zero: 0.012 is no way to write 12.
    grouped = rf"[1-9][0-9]{{0,2}}(?P<gap>{gap})[0-9]{{3}}(?:(?P=gap)[0-9]{{3}})*"
    return re.compile(rf"[+\-−]?(?:{plain}|{grouped}(?:{point}[0-9]*)?|inf|infinity|∞)", re.I)


_NEEDS_NO_THOUGHT = re.compile(r"[+-]?[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]+)?")
_PATTERNS = {".": _pattern(".", ","), ",": _pattern(",", ".")}
_PLAIN: dict[int, int | str | None] = {
    **str.maketrans("−∞", "-i", _SPACES),  # "i" is completed in _number
}
_TRANSLATIONS = {
    ".": _PLAIN | {ord(","): None},
    ",": _PLAIN | {ord("."): None, ord(","): "."},
}


class NumbersRead(NamedTuple):
    """Numbers by role, the cells that aren't numbers, and what was noticed."""

    numbers: dict[str, Floats]
    problems: list[Problem]
    notes: tuple[str, ...] = ()


class Writing(NamedTuple):
    """How a number is written.

    decimal
        The decimal sign that it proves: a point, a comma, "" without any, "?" if either.
    whole
        Whether it is whole, read with a point.
    """

    decimal: str
    percent: bool
    whole: bool


class _Numerals(NamedTuple):
    """The distinct cells of a text column that aren't missing."""

    bodies: dict[str, str]  # cell -> its number without percent sign
    percent: frozenset[str]  # cells that have a percent sign


def is_number(cell: str) -> bool:
    """Whether a stripped cell is a number in some way of writing."""
    return any(pattern.fullmatch(cell) for pattern in _PATTERNS.values())


def writing_of(cell: str) -> Writing | None:
    """Return how a stripped cell is written, None where it is no number."""
    numerals = _numerals([cell])
    body = numerals.bodies.get(cell, "")
    if not is_number(body):
        return None
    decimal = _decimal(numerals)
    whole = decimal != "?" or _number(body, ".").is_integer()
    return Writing(decimal, cell in numerals.percent, whole)


def read_numbers(table: Table, roles: Iterable[str]) -> NumbersRead:
    """Return the numbers of some roles, NaN where missing."""
    read = NumbersRead({}, [])
    notes: list[str] = []
    texts: dict[str, _Numerals] = {}
    known: set[str] = set()  # decimal signs that columns prove
    for role in roles:
        cells = table.columns[role].cells
        if not isinstance(cells, list):
            if cells.dtype.kind == "M" and len(cells):
                rule = "numbers were expected, and the column holds dates"
                read.problems.append(table.problem(role, 0, rule, "Name another column"))
            else:
                read.numbers[role] = cells.astype(np.float64)
        elif (plain := _plain(cells, table.elsewhere.get(role, ()))) is not None:
            read.numbers[role] = plain
            known |= {"."} if any("." in cell for cell in cells) else set()
        else:
            texts[role] = _numerals(cells)
    every = {role: _with(texts[role], table.elsewhere.get(role, ())) for role in texts}
    decimals = {role: _decided(table, role, numerals) for role, numerals in every.items()}
    known |= {decimal for decimal in decimals.values() if decimal in (".", ",")}
    for role, numerals in texts.items():
        decimal = decimals[role]
        if decimal == "?":
            decimal, note = _settled(table, role, every[role], known or _of_others(table))
            notes += note
        if decimal == "?":
            read.problems.append(_ambiguous(table, role, numerals))
        else:
            read.numbers[role], wrong = _converted(table, role, numerals, decimal)
            read.problems.extend(wrong)
            notes += _said_missing(table, role)
    return read._replace(notes=tuple(notes))


def _said_missing(table: Table, role: str) -> tuple[str, ...]:
    """Count the cells that say in words or signs that a number is missing."""
    name, cells = table.columns[role]
    said = Counter(cell for cell in cells if cell and cell.lower() in MISSING)
    if not said:
        return ()
    named = ", ".join(f"{cell!r} ({count})" for cell, count in said.most_common())
    counted = "1 cell counts" if said.total() == 1 else f"{said.total()} cells count"
    return (f"column {name!r}: {counted} as missing: {named}",)


def _with(numerals: _Numerals, elsewhere: Sequence[str]) -> _Numerals:
    """Return numerals with those of other rows of the column."""
    if not elsewhere:
        return numerals
    other = _numerals(elsewhere)
    bodies = {**numerals.bodies, **other.bodies}
    return _Numerals(bodies, numerals.percent | other.percent)


def _decided(table: Table, role: str, numerals: _Numerals) -> str:
    """Return what `_decimal` does; what rows elsewhere prove holds for all."""
    told = _decimal(_numerals(table.elsewhere.get(role, ())))
    return told if told in (".", ",") else _decimal(numerals)


def _plain(cells: list[str], elsewhere: Sequence[str]) -> Floats | None:
    """Read a complete column that needs no thought fast; None if it does."""
    if not all(map(_NEEDS_NO_THOUGHT.fullmatch, elsewhere)):
        return None
    signs = set("".join(cells))
    if not signs <= set("0123456789+-.eE"):
        return None
    if "." in signs and all(map(_PATTERNS[","].fullmatch, cells)):
        return None  # 1.234 everywhere may be thousands
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:
        return None


def _numerals(cells: Iterable[str]) -> _Numerals:
    bodies, percent = {}, set()
    for cell in dict.fromkeys(cells):
        if cell.lower() in MISSING:
            continue
        bodies[cell] = cell
        if cell.endswith("%"):
            percent.add(cell)
            bodies[cell] = cell[:-1].rstrip()
    return _Numerals(bodies, frozenset(percent))


def _decimal(numerals: _Numerals) -> str:
    """Return the decimal sign that the column proves, "" if it has none, "?" if unclear."""
    bodies = numerals.bodies.values()
    if not any("." in body or "," in body for body in bodies):
        return ""
    valid = [sign for sign in ".," if all(map(_PATTERNS[sign].fullmatch, bodies))]
    if len(valid) == 2:
        return "?"
    if valid:
        return valid[0]
    # Some cell isn't a number: what most of the others say.
    fits = {sign: sum(1 for body in bodies if _PATTERNS[sign].fullmatch(body)) for sign in ".,"}
    return "," if fits[","] > fits["."] else "."


def _of_others(table: Table) -> set[str]:
    """Return the decimal signs that columns without a role prove, all of whose cells do."""
    texts = [
        _numerals(column.cells) for column in table.others if isinstance(column.cells, list)
    ]
    numbers = [each for each in texts if all(map(is_number, each.bodies.values()))]
    return {_decimal(numerals) for numerals in numbers} & {".", ","}


def _settled(
    table: Table, role: str, numerals: _Numerals, known: set[str]
) -> tuple[str, tuple[str, ...]]:
    """Settle a column in which all numbers can be read in both ways; "?" if nothing can."""
    if known:
        return next(iter(known)) if len(known) == 1 else "?", ()
    if table.delimiter == ",":
        return ".", ()  # the comma is taken
    bodies = list(numerals.bodies.values())
    commas = any("," in body for body in bodies)
    points = any("." in body for body in bodies)
    if commas and points:
        return "?", ()
    kind = cells_role(role)
    if kind.whole:
        # Counts aren't fractions, so 1.234 visits are thousands; 2.000 could still be two.
        written, other = (",", ".") if commas else (".", ",")
        for body in bodies:
            if not _number(body, written).is_integer():
                name, meant = table.columns[role].name, _number(body, other)
                rule = f"{kind.name} are whole"
                note = f"column {name!r}: {body} was read as {meant:.15g}, for {rule}"
                return other, (note,)
        return "?", ()
    if commas:
        return "," if table.delimiter == ";" else "?", ()
    # 1.234 beside 987 in a file of the semicolon countries looks like thousands.
    if table.delimiter != ";":
        return ".", ()
    if any("." not in body for body in bodies):
        return "?", ()
    name, number = table.columns[role].name, f"{_number(bodies[0], '.'):.15g}"
    note = f"column {name!r}: {bodies[0]} was read as {number}, with a decimal point"
    return ".", (f"{note}; if it means {_number(bodies[0], ','):.15g}, write it so",)


def _ambiguous(table: Table, role: str, numerals: _Numerals) -> Problem:
    cell = next(cell for cell, body in numerals.bodies.items() if "," in body or "." in body)
    as_point, as_comma = (_number(numerals.bodies[cell], sign) for sign in ".,")
    return table.problem(
        role,
        _rows_of(table, role, {cell})[0],
        f"this can mean {as_point:.15g} or {as_comma:.15g}; nothing in the file tells which",
        "Write the column's numbers without thousands separators, with a decimal point",
    )


def _converted(
    table: Table, role: str, numerals: _Numerals, decimal: str
) -> tuple[Floats, list[Problem]]:
    pattern = _PATTERNS[decimal or "."]
    good = {cell for cell, body in numerals.bodies.items() if pattern.fullmatch(body)}
    odd = _odd(good, numerals, table.elsewhere.get(role, ()))
    values: dict[str, float] = {}
    wrong: dict[str, tuple[str, str]] = {}
    for cell, body in numerals.bodies.items():
        percent = cell in numerals.percent
        if cell not in good:
            wrong[cell] = _not_a_number(body, decimal)
        elif cell in odd:
            wrong[cell] = (
                "the column mixes percentages with plain numbers",
                "Write all of its cells with % or none",
            )
        elif percent and not cells_role(role).percent:
            kind = cells_role(role).name
            wrong[cell] = (f"a {kind} can't be a percentage", f"Give a column of {kind}")
        else:
            values[cell] = _number(body, decimal, percent)
    cells = table.columns[role].cells
    numbers = np.array([values.get(cell, np.nan) for cell in cells], dtype=np.float64)
    problems = [
        table.problem(role, row, *wrong[cells[row]]) for row in _rows_of(table, role, wrong)
    ]
    return numbers, problems


def _odd(good: set[str], numerals: _Numerals, elsewhere: Sequence[str]) -> set[str]:
    """Return the numbers that have a percent sign where most have none, or none."""
    some, others = good & numerals.percent, good - numerals.percent
    if elsewhere:
        return others if elsewhere[0].endswith("%") else some
    return some if len(some) < len(others) else others if some else set()


def _number(body: str, decimal: str, percent: bool = False) -> float:
    plain = body.translate(_TRANSLATIONS[decimal or "."])
    if plain[-1] in "iI":
        plain += "nf"
    if percent and plain[-1].isdigit() and "e" not in plain.lower():
        return float(plain + "e-2")  # rounds once, as 0.013 does; 1.3 / 100 may round twice
    return float(plain) / 100 if percent else float(plain)


def _rows_of(table: Table, role: str, cells: Iterable[str]) -> list[int]:
    wanted = set(cells)
    if not wanted:
        return []
    return [row for row, cell in enumerate(table.columns[role].cells) if cell in wanted]


def _not_a_number(body: str, decimal: str) -> tuple[str, str]:
    if any(sign in body for sign in "€$£¥"):
        return "a number was expected, not an amount of money", "Remove the currency sign"
    rule = "a number was expected"
    if decimal and _PATTERNS["," if decimal == "." else "."].fullmatch(body):
        sign = {".": "point", ",": "comma"}[decimal]
        rule += f" with a decimal {sign}, as in the rest of the column"
    return rule, "Correct the cell, or leave it empty if the number is missing"
