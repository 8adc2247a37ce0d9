"""Windows of time whose rows count as missing, such as an outage: `--exclude`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError
from changepoint.observations import ROLES, Observations
from changepoint.reading.coverage import start_of
from changepoint.reading.saidtimes import said_ends, window_of
from changepoint.reading.table import prefixed
from changepoint.time_window import rows_between

Windows = tuple[tuple[str, str], ...]


def windows_of(given: Any) -> Windows:
    """Return windows as pairs of text; they may be given as text, FROM:TO.

    Raises
    ------
    DataError
        If they can't be used.
    """
    listed = isinstance(given, Iterable) and not isinstance(given, str)
    windows = []
    for window in given if listed else [given]:
        if isinstance(window, str):
            windows.append(window_of(window))
        elif isinstance(window, tuple | list) and len(window) == 2:
            windows.append((str(window[0]), str(window[1])))
        else:
            raise DataError(
                "exclude must be a list of pairs of times, or of text such as "
                f"'2024-01-01:2024-01-31', not {given!r}"
            )
    return tuple(windows)


def without(observations: Observations, windows: Windows, period: str | None) -> Observations:
    """Return the data with the numbers of some rows missing, and that noted.

    Parameters
    ----------
    observations
        The data, on their grid.
    windows
        Which rows.
    period
        That of their sums, of whose rows those in the same periods become missing too.

    Raises
    ------
    DataError
        If a window has no rows.
    """
    out, named, notes = np.zeros(len(observations), bool), [], []
    for first, last in windows:
        try:
            rows, note = rows_between(observations, *said_ends(first, last, observations))
        except DataError as error:
            told = f"--exclude {first}:{last}: {error}"
            raise DataError(prefixed(observations.file, told)) from None
        inside = np.flatnonzero(rows)
        ends = dict.fromkeys(observations.label(row) for row in (inside[0], inside[-1]))
        named.append(f"{' to '.join(ends)} ({len(inside)})")
        notes += [f"--exclude {first}:{last}: {note}"] if note else []
        out |= rows
    count = int(out.sum())
    rows_count = (
        "1 row was excluded, and counts"
        if count == 1
        else (f"{count} rows were excluded, and count")
    )
    notes.append(f"{rows_count} as missing: {', '.join(named)}")
    raw = observations.rows
    if raw is not None and raw.time is not None and observations.time is not None:
        starts = observations.time[out].astype("datetime64[D]")
        raw = _missing(raw, np.isin(start_of(raw.time, str(period)), starts))
    return replace(
        _missing(observations, out), warnings=(*observations.warnings, *notes), rows=raw
    )


def _missing(observations: Observations, out: NDArray[np.bool_]) -> Observations:
    """Return the data without the numbers of some rows: like rows absent from the grid.

    Those behind a response too, such as trials, which are checked even where there is none.
    """
    left: dict[str, Any] = {}
    for role in ROLES:
        numbers = getattr(observations, role)
        if numbers is not None:
            left[role] = np.where(out if numbers.ndim == 1 else out[:, None], np.nan, numbers)
    return replace(observations, **left)
