"""The changes as numbers, as a table, as a sentence and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.likelihoods import Likelihood
from changepoint.likelihoods.linear import LinearLikelihood
from changepoint.observations import Observations, in_rows
from changepoint.own_model import OwnLikelihood
from changepoint.trajectories import tilted

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from changepoint.posterior import Posterior

Floats = NDArray[np.float64]

MASS = 0.95
SEGMENTS = 12  # changes up to which further parameters are printed
SURE = 0.9999  # probabilities beyond this are told as such


class Interval(NamedTuple):
    """A mean, and the ends of the central 95 %."""

    mean: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Change:
    """One reported change: its place and what it did, given the most probable number.

    `index` and `time` are the (lower) median's, `probability` is that of any change inside
    the credible set, whatever their number; `ratio` is None where the parameter isn't
    positive. Difference, ratio and the probability of an increase come from the draws. Of a
    line, `before` and `after` are its values on both sides of the change. `others` holds the
    segment's further parameters (slope, noise_sd), before and after, from the draws.
    """

    index: int
    time: str | int | float | None
    most_probable: str | int | float | None
    probability: float
    credible: list[tuple[int, int]]  # first and last row of each range
    credible_times: list[tuple[Any, Any]]
    before: Interval
    after: Interval
    difference: Interval
    ratio: Interval | None
    probability_of_increase: float
    others: dict[str, tuple[Interval, Interval]]


def changes(posterior: Posterior) -> list[Change]:
    """Return the changes, in order of time."""
    number = posterior.number
    if not number:
        return []
    tree, observations = posterior.tree, posterior.observations
    family = posterior.model.likelihood
    fixed = tree["given" if "given" in tree.children else "posterior"].dataset
    told = posterior.marginals
    named = {
        str(name): values.values.reshape(-1, number + 1)
        for name, values in fixed.items()
        if values.dims == ("chain", "draw", "segment")
    }
    begin = named.pop(family.parameter)
    mean = told[f"{family.parameter}_segment_mean"].values
    lower, _, upper = told[f"{family.parameter}_segment_quantile"].values
    segments = [Interval(*map(float, ends)) for ends in zip(mean, lower, upper, strict=True)]
    ends, lines = begin, "slope" in named and tilted(tree)
    if lines:
        ends = begin + named["slope"] * lengths(fixed, observations)
    found = []
    for i in range(number):
        p = told["switchpoint_probability"].values[i]
        inside = np.flatnonzero(told["credible"].values[i])
        breaks = np.flatnonzero(np.diff(inside) > 1)
        ranges = list(
            zip(inside[np.append(0, breaks + 1)], inside[np.append(breaks, -1)], strict=True)
        )
        median = int(np.searchsorted(np.cumsum(p), 0.5 * p.sum()))
        before, after = ends[:, i], begin[:, i + 1]
        found.append(
            Change(
                index=median,
                time=observations.stamp(median),
                most_probable=observations.stamp(int(p.argmax())),
                probability=float(told["inside_probability"].values[i]),
                credible=[(int(a), int(b)) for a, b in ranges],
                credible_times=[
                    (observations.stamp(a), observations.stamp(b)) for a, b in ranges
                ],
                before=_interval(before) if lines else segments[i],
                after=_interval(after) if lines else segments[i + 1],
                difference=_interval(after - before),
                ratio=_interval(after / before) if family.domain[0] >= 0 else None,
                probability_of_increase=float(np.mean(after > before)),
                others={
                    name: (_interval(values[:, i]), _interval(values[:, i + 1]))
                    for name, values in named.items()
                    if len(posterior.likelihoods) == 1  # not of an average over models
                },
            )
        )
    return found


def lengths(fixed: xr.Dataset, observations: Observations) -> Floats:
    """Return the time from first to last row of each draw's segments, (D, k + 1)."""
    T, time = len(observations), observations.time
    x = in_rows(np.arange(T) if time is None else time)
    k = fixed.sizes["segment"] - 1
    draws = fixed.sizes["chain"] * fixed.sizes["draw"]
    changes = fixed["switchpoint"].values.reshape(-1, k) if k else np.zeros((draws, 0), int)
    first = np.pad(changes, ((0, 0), (1, 0)))
    last = np.pad(changes - 1, ((0, 0), (0, 1)), constant_values=T - 1)
    between: Floats = x[last] - x[first]
    return between


def _interval(values: Floats) -> Interval:
    lower, upper = np.quantile(values, [0.5 - MASS / 2, 0.5 + MASS / 2])
    return Interval(float(values.mean()), float(lower), float(upper))


def frame(posterior: Posterior) -> pd.DataFrame:
    """Return a row per change."""
    import pandas as pd

    rows = []
    for change in posterior.changes:
        row = {
            "time": _label(change.time, change.index),
            "most_probable": change.most_probable,
            "probability": change.probability,
            "credible_set": ranges(change),
        }
        for name in ("before", "after", "difference", "ratio"):
            interval = getattr(change, name) or Interval(math.nan, math.nan, math.nan)
            row |= {f"{name}_{key}": value for key, value in interval._asdict().items()}
        for name, pair in change.others.items():
            row |= {f"{name}_before": pair[0].mean, f"{name}_after": pair[1].mean}
        rows.append(row | {"probability_of_increase": change.probability_of_increase})
    columns = ["time", "most_probable", "probability", "credible_set"]
    for name in ("before", "after", "difference", "ratio"):
        columns += [f"{name}_{key}" for key in Interval._fields]
    for name in posterior.changes[0].others if posterior.changes else ():
        columns += [f"{name}_before", f"{name}_after"]
    columns.append("probability_of_increase")
    index = pd.Index([change.index for change in posterior.changes], name="index", dtype=int)
    return pd.DataFrame(rows, index=index, columns=columns)


def _label(time: str | int | float | None, index: int) -> str | int | float:
    return index if time is None else time


def ranges(change: Change, most: int | None = None) -> str:
    """Return the credible set as text: times, and ranges with 'to'; the first few, if asked."""
    told = []
    for (first, last), rows in zip(change.credible_times, change.credible, strict=True):
        a, b = _label(first, rows[0]), _label(last, rows[1])
        told.append(f"{a}" if rows[0] == rows[1] else f"{a} to {b}")
    if most is not None and len(told) > most:
        told = [*told[: most - 1], f"... {len(told) - most} more ...", told[-1]]
    return ", ".join(told)


def number(x: float) -> str:
    """Return three significant digits, no exponent where one can be avoided."""
    if x == 0 or not math.isfinite(x):
        return f"{x:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(x))))
    return f"{x:.{digits}f}" if digits < 9 else f"{x:.2e}"


def chance(p: float) -> str:
    """Return a probability in words that never claim certainty."""
    if p > SURE:
        return f"> {SURE}"
    if p < 1 - SURE:
        return f"< {1 - SURE:.4f}"
    edge = min(p, 1 - p)
    return f"{p:.4f}" if edge < 0.001 else f"{p:.3f}" if edge < 0.01 else f"{p:.2f}"


def equals(p: float) -> str:
    """Return a probability behind its sign: = 0.97, > 0.9999."""
    told = chance(p)
    return told if told[0] in "<>" else f"= {told}"


def span(interval: Interval) -> str:
    """Return a mean with its interval."""
    return f"{number(interval.mean)} ({number(interval.lower)} to {number(interval.upper)})"


def sentence(posterior: Posterior) -> str:
    """Return the answer in words."""
    if not posterior.converged:
        return f"The chains have NOT converged, so this may be wrong: {_told(posterior)}"
    return _told(posterior)


def _told(posterior: Posterior) -> str:
    if not posterior.changes:
        return _no_change(posterior)
    return words(
        posterior.changes,
        posterior.model.likelihood,
        posterior.probability_of_change,
        float(posterior.number_probability[posterior.number]),
        posterior.model.changes.exactly is not None,
    )


def words(
    found: Sequence[Change],
    family: Likelihood | OwnLikelihood,
    p: float,
    number_p: float,
    fixed: bool,
) -> str:
    """Return changes in words.

    Parameters
    ----------
    found
        One or more.
    family
        Whose parameter changed.
    p, number_p
        P(any change), P(this number of changes).
    fixed
        Whether the number was given.
    """
    parameter = family.subject
    whose = "" if family.subject == family.label else f" the {family.label}"
    parts = [_change(change, whose) for change in found]
    if len(found) == 1:
        what = parts[0]
    elif len(found) <= 4:
        what = "; ".join(parts)
    else:
        what = "; ".join([*parts[:2], f"and {len(parts) - 2} more"])
    if fixed:
        times = "1 change" if len(found) == 1 else f"{len(found)} changes"
        return f"Assuming exactly {times}: {what}."
    times = "once" if len(found) == 1 else "twice" if len(found) == 2 else f"{len(found)} times"
    sure = f"P(any change) {equals(p)}, P(exactly {len(found)}) {equals(number_p)}"
    verb = "changed" if p > 0.95 else "probably changed" if p > 0.5 else "may have changed"
    return f"The {parameter} {verb} {times} ({sure}): {what}."


def _change(change: Change, whose: str) -> str:
    up = change.probability_of_increase
    word, direction, p = ("increase", "up", up) if up >= 0.5 else ("decrease", "down", 1 - up)
    ratio = "" if change.ratio is None else f", a ratio of {span(change.ratio)}"
    if "slope" in change.others:
        slopes = change.others["slope"]
        ratio += f", its slope from {span(slopes[0])} to {span(slopes[1])}"
    when = f"at {_label(change.time, change.index)}{_within(change)}"
    return (
        f"{when},{whose} from {span(change.before)} "
        f"{direction} to {span(change.after)}{ratio}, P({word}) {equals(p)}"
    )


def _within(change: Change) -> str:
    """Return the span of the credible set, unless it is a single row."""
    (first, _), (_, last) = change.credible_times[0], change.credible_times[-1]
    rows = change.credible[0][0], change.credible[-1][1]
    if rows[0] == rows[1]:
        return ""
    gaps = ", with gaps" if len(change.credible) > 1 else ""
    return f" (95 % within {_label(first, rows[0])} to {_label(last, rows[1])}{gaps})"


def _no_change(posterior: Posterior) -> str:
    told, family = posterior.marginals, posterior.model.likelihood
    parameter, label = family.parameter, family.label
    lower, _, upper = (float(band.mean()) for band in told[f"{parameter}_quantile"].values)
    mean = float(told[f"{parameter}_mean"].values.mean())
    about = f"the {label} is about {span(Interval(mean, lower, upper))} throughout"
    line = _line(posterior)
    if line is not None:
        about = f"the {label} goes along a line from {span(line[0])} to {span(line[1])}"
    if posterior.model.changes.exactly is not None:
        return f"Assuming exactly 0 changes: {about}."
    p = posterior.probability_of_change
    verb = "no sign of a change" if p < 0.2 else "no clear sign of a change"
    return f"There is {verb} in the {family.subject} (P(any change) {equals(p)}): {about}."


def _line(posterior: Posterior) -> tuple[Interval, Interval] | None:
    """Return the ends of a line, if that is what the (most probable) model has."""
    likelihoods, family = posterior.likelihoods, posterior.model.likelihood
    if not likelihoods or not isinstance(likelihoods[0], LinearLikelihood):
        return None
    if likelihoods[0].columns < 2:
        return None
    told = posterior.marginals
    mean = told[f"{family.parameter}_mean"].values
    lower, _, upper = told[f"{family.parameter}_quantile"].values
    first, last = (
        Interval(float(mean[row]), float(lower[row]), float(upper[row])) for row in (0, -1)
    )
    return first, last


def text(posterior: Posterior, width: int = 120) -> str:
    """Return sentence, table and warnings for a terminal so many characters wide."""
    import io

    from rich import box
    from rich.console import Console
    from rich.table import Table

    observations, model = posterior.observations, posterior.model
    parameter = model.likelihood.label
    table = Table(box=box.SIMPLE, header_style="", pad_edge=False)
    for name in (
        "change",
        "95 % within",
        "P",
        f"{parameter} before",
        "after",
        "ratio",
        "P(up)",
    ):
        table.add_column(name)
    for change in posterior.changes:
        table.add_row(
            str(_label(change.time, change.index)),
            ranges(change, most=3),
            chance(change.probability),
            span(change.before),
            span(change.after),
            "" if change.ratio is None else span(change.ratio),
            chance(change.probability_of_increase),
        )
    missing = len(observations) - int(observations.observed(model.likelihood.response).sum())
    rows = f"{len(observations)} rows" + (f", {missing} missing" if missing else "")
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    console.print(sentence(posterior))
    if posterior.changes:
        console.print(table)
        for line in _other_lines(posterior):
            console.print(line)
    else:
        console.print()
    console.print(f"Model: {model}")
    console.print(f"Data: {observations.file or 'arrays'}, {rows}")
    if "sampled" in posterior.tree.children:
        console.print(f"Engine: {engine_line(posterior)}")
    for line in (*_candidate_lines(posterior), *_sensitivity_lines(posterior)):
        console.print(line)
    for warning in posterior.warnings:
        console.print(f"Warning: {warning}")
    printed: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in printed.splitlines())


def _other_lines(posterior: Posterior) -> list[str]:
    """Return a line for each further parameter of the segments."""
    found = posterior.changes
    if len(found) > SEGMENTS:
        return []
    return [
        f"{name} by segment: {span(found[0].others[name][0])}; "
        + "; ".join(span(change.others[name][1]) for change in found)
        for name in found[0].others
    ]


def _candidate_lines(posterior: Posterior) -> list[str]:
    """Return what the models say that were averaged over."""
    found = posterior.candidates
    told = []
    for name, row in found[found["probability"] > 0.005].iterrows():
        times = "1 change" if row["number"] == 1 else f"{row['number']} changes"
        says = f"{times}, P(any) {equals(row['probability_of_change'])}"
        if row["steady"]:
            says = "one level by assumption"
        told.append(f"{name} {chance(row['probability'])} ({says})")
    return [f"Probability of each model: {'; '.join(told)}"] if told else []


def _sensitivity_lines(posterior: Posterior) -> list[str]:
    """Return how the probability of change moves with the strength of the prior."""
    found = posterior.sensitivity
    if not found:
        return []
    told = ", ".join(f"{chance(p)} (x {strength:g})" for strength, p in found.items())
    family = posterior.varied
    under = f" under {family.title}" if len(posterior.likelihoods) > 1 else ""
    return [f"P(any change){under} by strength of the prior of the {family.label}: {told}"]


def engine_line(posterior: Posterior) -> str:
    """Return how a sampler did, in one line."""
    told, settings = posterior.engine["diagnostics"], posterior.engine["settings"]
    found = posterior.tree["posterior"].sizes
    r_hat = "undefined" if told["r_hat"] is None else f"{told['r_hat']:.3f}"
    parts = [
        f"{posterior.engine['name']}, switchpoints by {settings['switchpoints']}, "
        f"{found['chain']} x {found['draw']} draws: "
        f"{'converged' if posterior.converged else 'NOT converged'}",
        f"R-hat at most {r_hat}",
        f"ESS at least {told['ess_bulk'] or 0:.0f} (bulk), {told['ess_tail'] or 0:.0f} (tail)",
        f"{told['divergences']} divergences",
    ]
    for name, numbers in told["variables"].items():
        if "distance" in numbers:
            far, allowed = numbers["distance"], numbers["distance_allowed"]
            noise = f" (independent draws: up to {allowed:.3f})" if posterior.converged else ""
            parts.append(f"{name} in total variation {far:.3f} from its exact posterior{noise}")
    return "; ".join(parts)


def to_dict(posterior: Posterior) -> dict[str, Any]:
    """Return what `changepoint fit --json` prints; NaN never appears."""
    observations, model = posterior.observations, posterior.model
    observed = int(observations.observed(model.likelihood.response).sum())
    last = len(observations) - 1
    engine = posterior.engine
    probabilities = posterior.number_probability
    kept = np.flatnonzero(probabilities > 1e-9).max(initial=0)
    return {
        "file": observations.file,
        "observations": observed,
        "missing": len(observations) - observed,
        "time": {"first": observations.stamp(0), "last": observations.stamp(last)},
        "model": {
            "likelihood": model.likelihood.name,
            "priors": model.likelihood.priors(),
            "changes": model.changes.to_dict(),
        },
        "engine": {
            key: engine[key] for key in ("name", "seed", "settings", "converged", "diagnostics")
        },
        "log_evidence": posterior.log_evidence,
        "probability_of_change": posterior.probability_of_change,
        "number_of_changes": {str(k): float(probabilities[k]) for k in range(kept + 1)},
        "changes": [_change_dict(change) for change in posterior.changes],
        "models": [
            {"model": name, **{key: _plain(value) for key, value in row.items()}}
            | {"number": None if row["number"] < 0 else row["number"]}
            for name, row in posterior.candidates.iterrows()
        ],
        "sensitivity": [
            {"prior_strength": strength, "probability_of_change": p}
            for strength, p in posterior.sensitivity.items()
        ],
        "warnings": list(posterior.warnings),
    }


def _plain(value: Any) -> str | float | int | None:
    """Return a table's cell as JSON has it."""
    if isinstance(value, str | int):
        return value
    return None if math.isnan(value) else float(value)


def _change_dict(change: Change) -> dict[str, Any]:
    return {
        "index": change.index,
        "time": change.time,
        "most_probable": change.most_probable,
        "probability": change.probability,
        "credible_set": {"mass": MASS, "times": [list(pair) for pair in change.credible_times]},
        "before": change.before._asdict(),
        "after": change.after._asdict(),
        "difference": change.difference._asdict(),
        "ratio": None if change.ratio is None else change.ratio._asdict(),
        "probability_of_increase": change.probability_of_increase,
        "others": {
            name: {"before": before._asdict(), "after": after._asdict()}
            for name, (before, after) in change.others.items()
        },
    }
