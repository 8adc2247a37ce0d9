"""Further columns, of numbers or categories: `--covariate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError
from changepoint.observations import Floats
from changepoint.reading.matching import COVARIATES, is_covariate
from changepoint.reading.numerals import MISSING
from changepoint.reading.table import Table, prefixed
from changepoint.reading.unused import kind_of

NAMES = MISSING - {"none"}  # what a category can't be called: it says that it is missing


def covariates_asked(names: Any) -> dict[str, str]:
    """Return the columns by role: covariates[0], covariates[1], ...

    Raises
    ------
    DataError
        If this is no list of names.
    """
    if names is None:
        return {}
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise DataError(f"covariates must be a list of columns, not {names!r}")
    return {f"{COVARIATES}[{i}]": str(name) for i, name in enumerate(dict.fromkeys(names))}


def numeric_covariates(table: Table, typed: bool) -> list[str]:
    """Return the roles of covariates that hold numbers: of typed tables text never does.

    Raises
    ------
    DataError
        If one holds dates.
    """
    numeric = []
    for role, (name, cells) in table.columns.items():
        if not is_covariate(role):
            continue
        kind = kind_of(cells)
        if kind == "dates":
            raise DataError(
                prefixed(
                    table.file,
                    f"column {name!r} holds dates, which can't be a covariate: it needs "
                    "numbers, or categories as text",
                )
            )
        if not isinstance(cells, list) or (kind == "numbers" and not typed):
            numeric.append(role)
    return numeric


def without_covariates(
    table: Table, numbers: Mapping[str, Floats], asked: Mapping[str, str]
) -> tuple[dict[str, Floats], dict[str, NDArray[Any]]]:
    """Return the numbers of all other columns by role, and covariates by name, as asked for."""
    found: dict[str, NDArray[Any]] = {}
    for role, (_, cells) in table.columns.items():
        if role in numbers and is_covariate(role):
            found[asked[role]] = numbers[role]
        elif is_covariate(role):
            texts = ("" if cell.lower() in NAMES else cell for cell in cells)
            found[asked[role]] = np.array(list(texts), dtype=str)
    return {role: n for role, n in numbers.items() if not is_covariate(role)}, found
