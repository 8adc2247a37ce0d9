"""A file of events, a row each: their times, and what happened then."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from datetime import date

from changepoint.errors import PACKAGE, DataError, DataWarning
from changepoint.events import Event
from changepoint.observations import Observations, stamp_of
from changepoint.reading.dates import read_times
from changepoint.reading.datestyles import split_clock
from changepoint.reading.doors import table_of_file
from changepoint.reading.matching import EVENTS, key_role, normal
from changepoint.reading.table import Table, prefixed

LABELS = (
    *("label", "event", "events", "name", "what", "title", "description", "comment", "note"),
    *("release", "version", "deploy", "deployment", "campaign", "launch", "change"),
    *("ereignis", "bezeichnung", "beschreibung", "événement", "libellé"),
)


def read_events(
    path: str | os.PathLike[str], observations: Observations | None = None
) -> tuple[Event, ...]:
    """Return the events of a file of any kind that `read` takes.

    The column of times is found as that of data is; that of labels by its name (label, event,
    name, ...), or as the only other one. Where the order of day and month can't be told from
    this file, it is that of the data.

    Raises
    ------
    DataError
        If it can't be read: with all times that can't; or if columns aren't clear.
    """
    table = table_of_file(path, {EVENTS: ""})
    time, label = table.columns["time"].name, _label_of(table)
    if label is not None:
        table = table_of_file(path, {EVENTS: time, key_role(0): label})
    times, problems, *_ = read_times(table)
    if problems and observations is not None and observations.date_format:
        times, problems, *_ = read_times(_beside(table, observations.date_format))
    if problems:
        cells = "1 time" if len(problems) == 1 else f"{len(problems)} times"
        raise DataError(prefixed(table.file, f"{cells} can't be understood"), problems)
    labels = [""] * len(times) if label is None else table.columns[key_role(0)].cells
    for note in table.notes:
        message = prefixed(table.file, note)
        warnings.warn(message, DataWarning, skip_file_prefixes=(PACKAGE,))
    return tuple(
        Event(stamp_of(at), str(text).strip()) for at, text in zip(times, labels, strict=True)
    )


def _beside(table: Table, date_format: str) -> Table:
    """Return a table whose times are in the order of a format, if they can be."""
    probe, _ = split_clock(date(2001, 12, 31).strftime(date_format))  # no other order wrote it
    return replace(table, elsewhere={**table.elsewhere, "time": (probe,)})


def _label_of(table: Table) -> str | None:
    """Return the name of the column of labels, None where there is only that of times."""
    counted = [column.name for role, column in table.columns.items() if role == "count"]
    others = [*counted, *(column.name for column in table.others)]
    named = [name for name in others if normal(name) in LABELS]
    if len(named) == 1 or len(others) == 1:
        return (named or others)[0]
    if not others:
        return None
    several = ", ".join(map(repr, named or others))
    raise DataError(
        prefixed(
            table.file,
            f"which column says what happened isn't clear ({several}): call it label, and no "
            "other one",
        )
    )
