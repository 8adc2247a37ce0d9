"""Which column plays which role: by its name only, or as told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from changepoint.errors import DataError
from changepoint.observations import RESPONSES
from changepoint.reading.table import prefixed, shown

NAMES: dict[str, tuple[str, ...]] = {
    "time": ("date", "day", "week", "month", "year", "time", "timestamp"),
    "count": ("count", "conversions", "events", "deaths", "clicks", "orders", "disasters"),
    "trials": ("trials", "visits", "visitors", "births", "sessions", "impressions", "n"),
    "exposure": ("exposure", "hours"),
    "rate": ("rate", "conversion_rate", "cnvrs", "ctr"),
    "value": ("value", "y", "flow"),
    "outcomes": (),  # found by no name, only as told
    "outcome": (),
}
OUTCOMES = "outcomes"  # its columns have roles of their own: outcomes[0], outcomes[1], ...
KNOWN = frozenset(name for names in NAMES.values() for name in names)
RESPONSE_NAMES = frozenset(name for role in RESPONSES for name in NAMES[role])


def normal(name: str) -> str:
    """Return a column's name as it is compared: without padding and case."""
    return " ".join(name.replace("\ufeff", "").split()).casefold()


def key_role(i: int) -> str:
    """Return the role of the i-th column that says which series a row belongs to."""
    return f"by[{i}]"


def is_key(role: str) -> bool:
    """Whether a column says which series a row belongs to."""
    return role.startswith("by[")


def is_outcome(role: str) -> bool:
    """Whether a column has counts of an outcome, or labels of outcomes."""
    return role == "outcome" or role.startswith(f"{OUTCOMES}[")


def find_roles(
    header: Sequence[str], asked: Mapping[str, str], file: str | None, hint: str = ""
) -> dict[str, int]:
    """Return the index of the column of each role.

    A column asked for wins over names, and isn't used for another role. Where a response is
    asked for, no other response is looked for; where outcomes are, nothing but the time.

    Raises
    ------
    DataError
        If a column asked for is absent, if a role has two columns, or if there is no response.
    """
    found = asked_columns(header, asked, file)
    taken = set(found.values())
    roles = [role for role in NAMES if role not in found]
    if any(is_outcome(role) for role in found):
        roles = [role for role in roles if role == "time"]
    elif any(role in found for role in RESPONSES):
        roles = [role for role in roles if role not in RESPONSES]
    several = {}
    for role in roles:
        matches = [
            index
            for index, name in enumerate(header)
            if index not in taken and normal(name) in NAMES[role]
        ]
        if len(matches) == 1:
            found[role] = matches[0]
        elif matches:
            several[role] = [header[index] for index in matches]
    if "count" not in found and "count" not in several:
        # Trials and exposure stand behind a count; nothing else depends on which they are.
        several = {r: names for r, names in several.items() if r not in ("trials", "exposure")}
    if several:
        which = "; ".join(f"{role}: {_quoted(names)}" for role, names in several.items())
        raise DataError(_ask(header, file, f"more than one column for a role ({which})"))
    if not any(role in RESPONSES or is_outcome(role) for role in found):
        known = ", ".join(f"{r} ({', '.join(NAMES[r])})" for r in RESPONSES if NAMES[r])
        problem = f"no column has a name that means a response: {known}{hint}"
        raise DataError(_ask(header, file, problem))
    outcomes = [role for role in found if role not in NAMES]
    return {role: found[role] for role in (*NAMES, *outcomes) if role in found}


def asked_columns(
    header: Sequence[str], asked: Mapping[str, str], file: str | None
) -> dict[str, int]:
    """Return the index of each column asked for, by role."""
    found: dict[str, int] = {}
    for role, name in asked.items():
        matches = [index for index, other in enumerate(header) if other == name]
        if len(matches) != 1:
            matches = [i for i, other in enumerate(header) if normal(other) == normal(name)]
        if not matches:
            told = "by" if is_key(role) else role
            raise DataError(_ask(header, file, f"no column {name!r}, asked for as {told}"))
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


def _ask(header: Sequence[str], file: str | None, problem: str) -> str:
    flags = ", ".join(f"--{role}" for role in NAMES)
    return prefixed(
        file,
        f"{problem}. The columns are: {_quoted(header)}. Say which column is which with "
        f"{flags} (in Python the same words: time=..., count=...)",
    )


def _quoted(names: Sequence[str]) -> str:
    shortened = [repr(shown(name)) for name in names[:30]]
    if len(names) > 30:
        shortened.append(f"and {len(names) - 30} more")
    return ", ".join(shortened)
