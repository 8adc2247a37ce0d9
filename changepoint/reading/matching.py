"""Which column plays which role: by its name only, or as told."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from changepoint.errors import DataError
from changepoint.reading import parts
from changepoint.reading.table import prefixed, shown
from changepoint.reading.units import unit_of
from changepoint.roles import BY_NAME, RESPONSES, TABLE, Role

EVENTS = "events"  # asked for with the column of times, or "" where it has to be found
COVARIATES = "covariates"  # as outcomes: covariates[0], covariates[1], ...
OUTCOMES = "outcomes"  # its columns have roles of their own: outcomes[0], outcomes[1], ...
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_EXAMPLES = 7  # names of a role that a message lists


class RolesError(DataError):
    """A header that doesn't say which column has a role, or names one twice."""


def normal(name: str) -> str:
    """Return a column's name as it is compared: without padding and case."""
    # Some systems write an accent as a sign of its own.
    composed = unicodedata.normalize("NFC", name.replace("\ufeff", ""))
    return " ".join(composed.split()).casefold()


def spellings(name: str) -> set[str]:
    """Return the ways to write a name: with its accents, without, umlauts as ae, oe, ue."""
    letters = unicodedata.normalize("NFD", name)
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return {name, bare, name.translate(_UMLAUTS)}


MEANING = {
    spelling: role.name for role in TABLE for name in role.names for spelling in spellings(name)
}
SPARE = {
    spelling: role.name for role in TABLE for name in role.spare for spelling in spellings(name)
}


@lru_cache(maxsize=4096)
def meaning(name: str) -> str | None:
    """Return the role that a column has by its name, None if it has none.

    Whatever is told in percent, or per 1000, is a rate, unless it is called a value.
    """
    plain = MEANING.get(normal(name))
    unit = unit_of(name) if plain is None else None
    if unit is None:
        return plain
    named = normal(unit.name)
    base = MEANING.get(named) or MEANING.get(named.replace(" ", "_"))
    if base == "value":
        return "value"
    return "rate" if base in RESPONSES or not named else None


def key_role(i: int) -> str:
    """Return the role of the i-th column that says which series a row belongs to."""
    return f"by[{i}]"


def is_key(role: str) -> bool:
    """Whether a column says which series a row belongs to."""
    return role.startswith("by[")


def is_outcome(role: str) -> bool:
    """Whether a column has counts of an outcome, or labels of outcomes."""
    return role == "outcome" or role.startswith(f"{OUTCOMES}[")


def is_covariate(role: str) -> bool:
    """Whether a column has numbers or categories of a covariate."""
    return role.startswith(f"{COVARIATES}[")


def cells_role(role: str) -> Role:
    """Return what the cells of a column are: those of one of the outcomes are counts."""
    if is_covariate(role):
        return BY_NAME["value"]
    return BY_NAME["count" if role.startswith(f"{OUTCOMES}[") else role]


def with_numbers(roles: Iterable[str]) -> list[str]:
    """Return the roles of columns whose cells have to be numbers."""
    free = (role for role in roles if not is_key(role) and not is_covariate(role))
    return [role for role in free if cells_role(role).numbers]


def find_roles(
    header: Sequence[str], asked: Mapping[str, str], file: str | None, hint: str = ""
) -> dict[str, int]:
    """Return the index of the column of each role.

    A column asked for wins over names, and isn't used for another role. Where a response is
    asked for, no other response is looked for; where outcomes are, nothing but the time; in a
    log of events nothing but that and a count.

    Raises
    ------
    DataError
        If a column asked for is absent, if a role has two columns, or if there is no response.
    """
    found = asked_columns(header, asked, file)
    if EVENTS in asked:
        _of_events(found, header, asked, file, hint)
    several: dict[str, list[str]] = {}
    free = [index for index in range(len(header)) if index not in found.values()]
    for role in _looked_for(found, asked):
        matches = [index for index in free if meaning(header[index]) == role]
        date = parts.by_name({i: normal(header[i]) for i in free}) if role == "time" else {}
        if len(matches) == 1 and not date:
            found[role] = matches[0]
        elif date and set(matches) <= set(date.values()):
            found |= {parts.role_of(part): index for part, index in date.items()}
        elif matches:
            several[role] = [header[index] for index in matches]
    _spare(found, several, header, asked)
    # It doesn't matter which column stands behind a response that is absent.
    present = {None, *found, *several}  # None: most roles stand behind nothing
    several = {r: names for r, names in several.items() if BY_NAME[r].behind in present}
    if several:
        which = "; ".join(f"{role}: {_quoted(names)}" for role, names in several.items())
        raise RolesError(_ask(header, file, f"more than one column for a role ({which})"))
    if EVENTS not in asked and not any(r in RESPONSES or is_outcome(r) for r in found):
        known = ", ".join(f"{r} ({_examples(r)})" for r in RESPONSES if BY_NAME[r].names)
        log = "; if each row is an event, count them: --events --aggregate week"
        log = log if "time" in found or len(header) == 1 else ""
        wide = "; if each column is a series: changepoint batch --wide"
        wide = wide if "time" in found and len(header) > 2 else ""
        problem = f"no column has a name that means a response: {known}{hint}{log}{wide}"
        raise RolesError(_ask(header, file, problem))
    others = [role for role in found if role not in BY_NAME]
    return {role: found[role] for role in (*BY_NAME, *others) if role in found}


def _spare(
    found: dict[str, int],
    several: dict[str, list[str]],
    header: Sequence[str],
    asked: Mapping[str, str],
) -> None:
    """Find by less clear names what stands behind a count, if nothing else does."""
    if "count" not in found or any(
        BY_NAME[r].behind for r in (*found, *several, *asked) if r in BY_NAME
    ):
        return
    free = (index for index in range(len(header)) if index not in found.values())
    named = {index: role for index in free if (role := SPARE.get(normal(header[index])))}
    for role in dict.fromkeys(named.values()):
        matches = [index for index in named if named[index] == role]
        if len(matches) == 1:
            found[role] = matches[0]
        else:
            several[role] = [header[index] for index in matches]


def _of_events(
    found: dict[str, int],
    header: Sequence[str],
    asked: Mapping[str, str],
    file: str | None,
    hint: str,
) -> None:
    """Put the column of a log's times in its place: that told, named so, or the only one."""
    if EVENTS in found:
        if "time" in found:
            problem = "the times of a log were told twice, as events and as time"
            raise DataError(_ask(header, file, problem))
        found["time"] = found.pop(EVENTS)
    if "time" not in found:
        free = [index for index in range(len(header)) if index not in found.values()]
        named = [index for index in free if meaning(header[index]) == "time"]
        chosen = named or (free if len(free) == 1 else [])
        if len(chosen) != 1 or (hint and not named):
            problem = f"which column has the times of the events isn't clear{hint}"
            raise DataError(_ask(header, file, problem))
        found["time"] = chosen[0]


def _looked_for(found: Mapping[str, int], asked: Mapping[str, str]) -> list[str]:
    """Return the roles that columns can have by their names, beside those asked for."""
    if EVENTS in asked:  # what a row counts as, where it isn't one event
        return [] if "count" in found else ["count"]
    timed = "time" in found or any(map(parts.is_part, found))
    if any(is_outcome(role) for role in found):
        return [] if timed else ["time"]
    settled = any(role in found for role in RESPONSES)
    return [
        role
        for role in BY_NAME
        if role not in found
        and role not in asked
        and not (settled and role in RESPONSES)
        and not (timed and role == "time")
    ]


def constants(asked: Mapping[str, str], columns: Iterable[str]) -> dict[str, float]:
    """Return the numbers that were told in place of columns, by role."""
    present = set(columns)
    found = {r: constant(r, name) for r, name in asked.items() if r not in present}
    return {role: number for role, number in found.items() if number is not None}


def constant(role: str, name: str) -> float | None:
    """Return the number that stands in place of a column, None if a column is named."""
    if role not in BY_NAME or not BY_NAME[role].constant:
        return None
    try:
        number = float(name)
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None


def asked_columns(
    header: Sequence[str], asked: Mapping[str, str], file: str | None
) -> dict[str, int]:
    """Return the index of each column asked for, by role."""
    found: dict[str, int] = {}
    for role, name in _with_parts(header, asked).items():
        matches = [index for index, other in enumerate(header) if other == name]
        if len(matches) != 1:
            matches = [i for i, other in enumerate(header) if normal(other) == normal(name)]
        if not matches and (constant(role, name) is not None or (role == EVENTS and not name)):
            continue
        if not matches:
            told = "by" if is_key(role) else "time" if parts.is_part(role) else role
            told = "a covariate" if is_covariate(role) else told
            raise RolesError(_ask(header, file, f"no column {name!r}, asked for as {told}"))
        if len(matches) > 1:
            raise DataError(
                _ask(header, file, f"{len(matches)} columns {name!r}, asked for as {role}")
            )
        if matches[0] in found.values():
            other_role = next(r for r, index in found.items() if index == matches[0])
            raise DataError(
                _ask(header, file, f"column {name!r} was given for {other_role} and for {role}")
            )
        found[role] = matches[0]
    return found


def _with_parts(header: Sequence[str], asked: Mapping[str, str]) -> dict[str, str]:
    """Return the columns asked for, with each part of a time of several columns."""
    time = asked.get("time", "")
    names = parts.split(time)
    if len(names) < 2 or normal(time) in map(normal, header):
        return dict(asked)
    told = parts.by_order([normal(name) for name in names])
    if told is None:
        return dict(asked)
    rest = {role: name for role, name in asked.items() if role != "time"}
    return {parts.role_of(part): name for part, name in zip(told, names, strict=True)} | rest


def _ask(header: Sequence[str], file: str | None, problem: str) -> str:
    flags = ", ".join(f"--{role.flag or role.name}" for role in TABLE)
    return prefixed(
        file,
        f"{problem}. The columns are: {_quoted(header)}. Say which column is which with "
        f"{flags} (in Python the same words: time=..., count=...)",
    )


def _examples(role: str) -> str:
    names = BY_NAME[role].names
    return ", ".join([*names[:_EXAMPLES], *(["..."] if len(names) > _EXAMPLES else [])])


def _quoted(names: Sequence[str]) -> str:
    shortened = [repr(shown(name)) for name in names[:30]]
    if len(names) > 30:
        shortened.append(f"and {len(names) - 30} more")
    return ", ".join(shortened)
