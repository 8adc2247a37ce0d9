"""Series of one model, many at a time, by the compiled engine; what it can't do is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.batch.curves import curves
from changepoint.batch.rows import OK, Rows
from changepoint.batch.single import CAP, largest, spread, stride_of, ticks_text
from changepoint.engines.many import Many, solve_many
from changepoint.model import Model
from changepoint.observations import Observations, stamp_of
from changepoint.reading.long import Long
from changepoint.report.curve import ticks_of
from changepoint.report.tables import Interval
from changepoint.roles import behind

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

COUNTS = ("count", *behind("count"))
AT_ONCE = 256  # series in a call: some tenths of a second, after which a run can be stopped


class Ready(NamedTuple):
    """Series on their time grids, one after the other.

    place
        Which rows of the job's table they are, (B,).
    offsets
        Series i has rows offsets[i]:offsets[i + 1], (B + 1,).
    numbers
        By role, for all rows.
    time
        Times of all rows, if all have them.
    lines
        For all rows, 0 where added.
    files, warnings
        Of each series.
    """

    place: Integers
    offsets: Integers
    numbers: Mapping[str, Floats]
    time: NDArray[Any] | None
    lines: Integers
    files: Sequence[str | None]
    warnings: Sequence[str | None]

    def some(self, first: int, end: int) -> Ready:
        """Return the series first:end."""
        rows = slice(self.offsets[first], self.offsets[end])
        return Ready(
            self.place[first:end],
            self.offsets[first : end + 1] - self.offsets[first],
            {role: numbers[rows] for role, numbers in self.numbers.items()},
            None if self.time is None else self.time[rows],
            self.lines[rows],
            self.files[first:end],
            self.warnings[first:end],
        )


def regular(long: Long, first: int, end: int) -> NDArray[np.bool_]:
    """Return which series stand on their time grid as they are: steps of one length."""
    time, good = long.rows.time, np.ones(end - first, bool)
    good[[i - first for i in long.problems if first <= i < end]] = False
    if long.period is not None:
        return np.zeros(end - first, bool)
    if time is None:
        return good
    offsets = long.offsets[first : end + 1]
    steps = np.diff(
        time[offsets[0] : offsets[-1]].astype("int64" if time.dtype.kind == "M" else float)
    )
    several = np.flatnonzero(np.diff(offsets) > 1)
    starts = offsets[several] - offsets[0]
    ends = offsets[several + 1] - offsets[0] - 1
    if len(several):
        # Within each series; reduceat takes every other stretch, the rest lie between series.
        bounds = np.column_stack([starts, ends]).ravel()
        bounds = bounds[:-1] if bounds[-1] >= len(steps) else bounds
        low = np.minimum.reduceat(steps, bounds)[::2]
        high = np.maximum.reduceat(steps, bounds)[::2]
        good[several] &= (low > 0) & (low == high)
    return good


def of_table(long: Long, first: int, which: Integers) -> Ready | None:
    """Return series of a table that need nothing; None if there are none."""
    if not len(which):
        return None
    offsets = long.offsets
    if len(which) == which[-1] - which[0] + 1:
        rows: Any = slice(offsets[first + which[0]], offsets[first + which[-1] + 1])
    else:
        rows = np.concatenate([np.arange(*offsets[first + i : first + i + 2]) for i in which])
    taken = long.rows.take(rows)
    sizes = np.diff(offsets)[first + which]
    notes = "\n".join(long.notes) or None
    return Ready(
        which,
        np.append(0, np.cumsum(sizes)),
        taken.numbers,
        taken.time,
        taken.lines,
        [long.files[first + i] for i in which],
        [notes] * len(which),
    )


def of_series(found: Sequence[tuple[int, Observations]]) -> Iterator[Ready]:
    """Yield series that were read one by one, those with times of a kind together."""
    groups: dict[Any, list[tuple[int, Observations]]] = {}
    for i, one in found:
        kind = None if one.time is None else one.time.dtype.kind
        roles = tuple(r for r in COUNTS if getattr(one, r) is not None)
        groups.setdefault((kind, roles), []).append((i, one))
    for (kind, roles), mine in groups.items():
        series = [one for _, one in mine]
        sizes = [len(one) for one in series]
        lines = [
            np.zeros(len(one), np.int64) if one.lines is None else one.lines for one in series
        ]
        yield Ready(
            np.array([i for i, _ in mine]),
            np.append(0, np.cumsum(sizes)),
            {role: np.concatenate([getattr(one, role) for one in series]) for role in roles},
            None
            if kind is None
            else np.concatenate([one.time for one in series if one.time is not None]),
            np.concatenate(lines),
            [one.file for one in series],
            ["\n".join(one.warnings) or None for one in series],
        )


def solve(ready: Ready, model: Model, rows: Rows, stopped: Callable[[], bool]) -> Iterable[int]:
    """Put the answers of series into their rows; return which couldn't be solved this way."""
    left: list[int] = []
    needed = model.likelihood.needs
    if not set(needed) <= set(ready.numbers):
        return [int(i) for i in ready.place]
    for first in range(0, len(ready.place), AT_ONCE):
        if stopped():
            break
        part = ready.some(first, min(first + AT_ONCE, len(ready.place)))
        sizes = np.diff(part.offsets)
        stride = np.array([stride_of(int(T)) for T in sizes])
        many = solve_many(model, part.numbers, part.offsets, stride)
        good = many.status == 0
        left += [int(i) for i in part.place[~good]]
        _put(part, many, np.flatnonzero(good), stride, model, rows)
    return left


def _put(
    part: Ready, many: Many, good: Integers, stride: Integers, model: Model, rows: Rows
) -> None:
    """Put the answers of one call."""
    if not len(good):
        return
    index, starts = part.place[good], part.offsets[:-1][good]
    sizes = np.diff(part.offsets)[good]
    observed = ~np.isnan(part.numbers["count"])
    n = np.add.reduceat(observed.astype(np.int64), part.offsets[:-1])[good]
    log_none = np.array([_log_none(model, int(T)) for T in sizes])
    prior_odds = np.log(-np.expm1(log_none)) - log_none
    rows.put(
        index,
        {
            "n": n,
            "missing": sizes - n,
            "line": _first_lines(part)[good],
            "file": [part.files[i] for i in good],
            "warnings": [part.warnings[i] for i in good],
            "probability_of_change": many.probability_of_change[good],
            "number": many.number[good],
            "number_probability": many.number_probability[good],
            "log_evidence": many.log_evidence[good],
            "log_bayes_factor": np.clip(many.log_odds[good], -CAP, CAP) - prior_odds,
            "model": _named(model, many.prior[good]),
            "status": OK,
        },
    )
    if part.time is not None:
        ends = part.time[starts], part.time[starts + sizes - 1]
        start, end = ([_text(value) for value in values] for values in ends)
        rows.put(index, {"start": start, "end": end})
    for i in good[many.number[good] > 0]:
        found = [_change(part, many, int(i), c) for c in range(*many.change_offsets[i : i + 2])]
        rows.changes[part.place[i]] = found
        rows.put(int(part.place[i]), largest(found))
    drawn = curves(part.numbers, part.offsets, stride, many)
    ticks = _ticks(part, stride)
    for i in good.tolist():
        rows.curves[part.place[i]] = {**drawn[i], "ticks": ticks[i]}


def _first_lines(part: Ready) -> Integers:
    lines = np.where(part.lines > 0, part.lines, np.iinfo(np.int64).max)
    first: Integers = np.minimum.reduceat(lines, part.offsets[:-1])
    return np.where(first == np.iinfo(np.int64).max, -1, first)


@lru_cache(maxsize=1024)
def _log_none(model: Model, T: int) -> float:
    return model.changes.log_none(T)


def _named(model: Model, prior: Floats) -> list[str]:
    """Return the model as text, with each prior filled, (B, 2)."""
    family = model.likelihood
    begin = f"{type(family).__name__}({family.parameter}="
    begin += f"{'Beta' if family.domain[1] == 1 else 'Gamma'}(alpha="
    end = f")), {model.changes}"
    return [f"{begin}{alpha:.6g}, beta={beta:.6g}{end}" for alpha, beta in prior.tolist()]


@lru_cache(maxsize=4096)
def _text(value: Any) -> str:
    return str(stamp_of(value))


def _change(part: Ready, many: Many, i: int, c: int) -> dict[str, Any]:
    """Return a change as the table of changes has it."""
    first = part.offsets[i]

    def label(row: int) -> str:
        return str(row) if part.time is None else _text(part.time[first + row])

    ranges = range(*many.range_offsets[c : c + 2])
    pairs = [(int(many.first[r]), int(many.last[r])) for r in ranges]
    told = [label(a) if a == b else f"{label(a)} to {label(b)}" for a, b in pairs]
    row: dict[str, Any] = {
        "index": int(many.index[c]),
        "time": label(int(many.index[c])),
        "most_probable": None if part.time is None else label(int(many.mode[c])),
        "probability": float(many.probability[c]),
        "credible_set": ", ".join(told),
        "probability_of_increase": float(many.probability_of_increase[c]),
    }
    for name in ("before", "after", "difference", "ratio"):
        row |= spread(name, Interval(*getattr(many, name)[c].tolist()))
    return row


def _ticks(part: Ready, stride: Integers) -> list[str]:
    """Return the marks of each series, (B,)."""
    first, end = part.offsets[:-1], part.offsets[1:]
    sizes = (end - first).tolist()
    if part.time is None:
        return [_ticks_of(T, None, None, width) for T, width in zip(sizes, stride, strict=True)]
    begin, last = part.time[first], part.time[end - 1]
    step = part.time[np.minimum(first + 1, end - 1)] - begin
    even = last - begin == step * (end - first - 1)
    return [
        _ticks_of(T, a, b, width)
        if same
        # Months, say, or gaps.
        else ticks_text(ticks_of(part.time[at : at + T], width))
        for T, a, b, width, same, at in zip(
            sizes, begin, last, stride.tolist(), even.tolist(), first.tolist(), strict=True
        )
    ]


@lru_cache(maxsize=1024)
def _ticks_of(T: int, first: Any, last: Any, stride: int) -> str:
    """Return the marks of rows a step apart."""
    if first is None:
        return ticks_text(ticks_of(T, stride))
    step = (last - first) / max(T - 1, 1)
    return ticks_text(ticks_of(first + np.arange(T) * step, stride))
