"""What is wrong with the times of data: each must be later than the one before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from changepoint.errors import Problem
from changepoint.observations import Observations
from changepoint.reading.clocks import in_repeated_hour

COPY = ("a copy: a row that is the same in every column", "Delete one of the two.")
SEVERAL = (
    "a time that stands in another row too",
    "The rows differ: sum them by period with --aggregate day, week or month (values: with "
    "--statistic mean, median or sum); if the file holds several series, split it.",
)
CLOCKS = (
    "an hour that comes twice, because clocks were put back: local times without a zone",
    "Say the zone, such as --zone Europe/Berlin (zone= in Python); or take out the column of "
    "times, and rows are counted in their order.",
)


def time_problems(observations: Observations) -> Iterator[Problem]:
    """Yield what breaks the rule: times ascend, each once."""
    time = observations.time
    if time is None or len(time) < 2:
        return
    ahead = np.r_[True, time[1:] > time[:-1]]
    _, first, inverse = np.unique(time, return_index=True, return_inverse=True)
    repeated = first[inverse] != np.arange(len(time))
    clocks = in_repeated_hour(time)
    for row in np.flatnonzero(~ahead | repeated | clocks):
        line = None if observations.lines is None else int(observations.lines[row])
        label, twin = observations.label(int(row)), 0
        column = observations.columns.get("time", "time")
        if clocks[row]:
            rule, remedy = CLOCKS
        elif repeated[row]:
            (rule, remedy), twin = _repeated(observations, int(row), int(first[inverse[row]]))
        else:
            rule, remedy = "a time before the previous row's", "Sort the rows by time."
        value = f"{label}, also on line {twin}" if twin else label
        yield Problem(observations.file, line, label, column, value, rule, remedy)


def _repeated(observations: Observations, row: int, first: int) -> tuple[tuple[str, str], int]:
    """Return what is said of a row with the time of a first one, and the line of its twin."""
    lines, copies = observations.lines, observations.copies
    if lines is None or copies is None:
        return SEVERAL, 0 if lines is None else int(lines[first])
    origin = copies[[row, first]] + np.where(copies[[row, first]], 0, lines[[row, first]])
    if origin[0] == origin[1]:
        return COPY, int(lines[first])
    return (COPY, int(copies[row])) if copies[row] else (SEVERAL, int(lines[first]))
