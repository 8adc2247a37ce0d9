"""What the row of a series says of its answer."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.answer import Answer
from changepoint.batch.schema import INTERVALS, OK
from changepoint.observations import Observations
from changepoint.report.numbers import ranges
from changepoint.report.sparkline import Curve, Tick, curve_of, points
from changepoint.results.reported import Change, Interval, most_telling

Floats = NDArray[np.float64]

POINTS = 120  # of a curve, at most
CAP = 700.0  # of log odds: beyond, numbers end


class RowParts(NamedTuple):
    """What a row is made of."""

    values: dict[str, Any]
    changes: list[dict[str, Any]]
    curve: Mapping[str, Any]


def seed_of(name: str, keys: tuple[str, ...]) -> int:
    """Return a seed that depends on what a series is, and not on where it stands."""
    digest = hashlib.sha256("\0".join([name, *keys]).encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:7], "big")


def of_answer(answer: Answer) -> RowParts:
    """Return what the row of a series says."""
    observations = answer.observations
    p, number = answer.number_probability, answer.number
    values = {
        **about(observations, answer.model.likelihood.response),
        "probability_of_change": answer.probability_of_change,
        "number": number,
        "number_probability": float(p[number]),
        **_ends(answer.changes),
        "impact": impact(answer),
        "log_evidence": answer.log_evidence,
        "log_bayes_factor": _log_bayes_factor(answer),
        "model": str(answer.model),
        "warnings": "\n".join(answer.warnings) or None,
        "status": OK,
    }
    changes = [change_row(change) for change in answer.changes]
    return RowParts(values, changes, drawn(curve_of(answer, stride_of(len(observations)))))


def about(observations: Observations, role: str) -> dict[str, Any]:
    """Return where a series comes from, and how long it is."""
    n, T = int(observations.observed(role).sum()), len(observations)
    lines = observations.lines
    first = lines[lines > 0] if lines is not None else np.empty(0)
    told: dict[str, Any] = {"file": observations.file, "n": n, "missing": T - n}
    if len(first):
        told["line"] = int(first.min())
    if observations.time is not None and T:
        told |= {"start": observations.label(0), "end": observations.label(T - 1)}
    return told


def _log_bayes_factor(answer: Answer) -> float:
    """Return log p(y | some change) - log p(y | none); NaN where the prior knows which."""
    T, changes = len(answer.observations), answer.model.changes
    if not changes.possible or changes.exactly is not None:
        return math.nan
    p, log_none = answer.number_probability, changes.log_none(T)
    with np.errstate(divide="ignore"):
        some = max(float(p[1:].sum()), 1 - float(p[0]))  # not all numbers may be told
        odds = float(np.clip(np.log(some) - np.log(p[0]), -CAP, CAP))
    return odds - math.log(-math.expm1(log_none)) + log_none


def change_row(change: Change) -> dict[str, Any]:
    """Return a change as the table of changes has it."""
    row: dict[str, Any] = {
        "index": change.index,
        "time": str(change.time),
        "most_probable": str(change.most_probable),
        "probability": change.probability,
        "credible_set": ranges(change),
        "probability_of_increase": change.probability_of_increase,
    }
    for name in INTERVALS:
        row |= spread(name, getattr(change, name))
    return row


def spread(name: str, interval: Interval | None) -> dict[str, float | None]:
    """Return a mean and its ends by column."""
    mean, lower, upper = interval or (None, None, None)
    return {name: mean, f"{name}_lower": lower, f"{name}_upper": upper}


def _ends(changes: Sequence[Change]) -> dict[str, Any]:
    """Return first, last and largest change as the table of series has them."""
    if not changes:
        return {}
    top = change_row(most_telling(changes))
    shared = {k: v for k, v in top.items() if k not in ("index", "time", "most_probable")}
    return {
        "first_change": str(changes[0].time),
        "last_change": str(changes[-1].time),
        "largest_change": top["time"],
        **shared,
    }


def impact(answer: Answer) -> float:
    """Return what the largest change did: signed, NaN where there is none.

    Of counts, by how many more events there were than at the rate before: its difference times
    the trials, the exposure, or the number of rows with data, from its row to the next reported
    change or the end. Of measurements and rates, its difference in standard deviations of the
    data about their mean: sqrt(mean((y_t - mean_t)^2)).
    """
    if not answer.changes:
        return math.nan
    observations, family = answer.observations, answer.model.likelihood
    change = most_telling(answer.changes)
    i, difference = answer.changes.index(change), change.difference.mean
    if family.response in ("count", "outcomes"):
        ends = [*(other.index for other in answer.changes), len(observations)]
        seen = observations.observed(family.response)[change.index : ends[i + 1]]
        there = family.worth(observations)[change.index : ends[i + 1]]
        return difference * float(there[seen].sum())
    y = answer.estimates
    seen = np.isfinite(y)
    sd = math.sqrt(np.mean((y - answer.arrays.rows[0])[seen] ** 2)) if seen.any() else 0.0
    return difference / sd if sd > 0 else math.nan


def stride_of(T: int) -> int:
    """Return how many rows make a point of a curve."""
    return max(-(-T // POINTS), 1)


def middles(T: int) -> NDArray[np.int64]:
    """Return the rows at which a curve of T rows has its band."""
    return points(T, stride_of(T))[1]


def ticks_text(ticks: Sequence[Tick]) -> str:
    """Return ticks as JSON."""
    return json.dumps([list(tick) for tick in ticks], ensure_ascii=False)


def drawn(told: Curve) -> dict[str, Any]:
    """Return a curve as a part has it."""
    return {
        "low": told.low,
        "high": told.high,
        "peak": told.peak,
        "data": told.data,
        "clipped": told.clipped,
        "ticks": ticks_text(told.ticks),
    }
