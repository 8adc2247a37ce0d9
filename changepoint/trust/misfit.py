"""What a model lacks, in words, with what helps: where a predictive check is extreme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from changepoint.likelihoods import FAMILIES
from changepoint.model import SHIFTABLE, Model
from changepoint.observations import Observations

# A check that explains others speaks for them: what it asks for may mend them, too.
EXPLAINS = {
    "weekday spread": (
        "dispersion",
        "longest run",
        "lag-1 correlation",
        "largest residual",
    ),
    "dispersion": ("largest residual",),
    "lag-1 correlation": ("longest run",),
}
SPREADING = {"binomial": "beta-binomial", "poisson": "negative-binomial"}
REMEMBERING = ("autoregressive", "autoregressive-trend")


class Odd(NamedTuple):
    """An extreme check: what it is in the data, and under the model; the farthest row."""

    model: Model
    observations: Observations
    observed: float
    expected: float
    row: int


def words(
    odd: Sequence[str],
    model: Model,
    observations: Observations,
    values: Mapping[str, tuple[float, float]],
    farthest: int,
) -> dict[str, str]:
    """Return a sentence for each thing that is wrong, by the name of its check.

    Parameters
    ----------
    odd
        The checks that are extreme.
    model
        Without averages.
    values
        Of all checks: of the data, and under the model.
    farthest
        The row of the largest residual.
    """
    explained = {other for name in odd for other in EXPLAINS.get(name, ())}
    if next(model.likelihood.cautions(observations), None) is not None:
        explained.add("dispersion")  # a caution tells of it, if anything does
    told = {}
    for name in odd:
        if name not in explained:
            lacks, helps = _SAYING[name](Odd(model, observations, *values[name], farthest))
            told[name] = f"{lacks}: {helps}" if helps else lacks
    return told


def by_the_day(observations: Observations) -> bool:
    """Whether the rows are days."""
    time = observations.clocks
    if time is None or time.dtype.kind != "M" or len(time) < 2:
        return False
    days = time.astype("datetime64[D]")
    return bool(np.all(days == time)) and np.median(np.diff(days.astype(np.int64))) == 1


def _dispersion(odd: Odd) -> tuple[str, str]:
    rows = "day to day" if by_the_day(odd.observations) else "row to row"
    times = f"{odd.observed / max(odd.expected, 1e-300):.2g} times the variance"
    if odd.observed < odd.expected:
        return (
            f"the data vary less from {rows} than this model allows ({times}), so changes may "
            "be missed",
            "",
        )
    wider = SPREADING.get(odd.model.likelihood.name)
    return (
        f"the data vary more from {rows} than this model allows ({times}), so such variation "
        "may be taken for change",
        f"try --likelihood {wider}" if wider else "",
    )


def _run(odd: Odd) -> tuple[str, str]:
    return (
        f"{odd.observed:.0f} rows one after the other lie on one side of the fitted level, "
        f"where this model would have about {odd.expected:.0f}, so drift may be taken for "
        "changes or for none",
        _memory(odd.model),
    )


def _correlation(odd: Odd) -> tuple[str, str]:
    correlation = f"a correlation of {odd.observed:.2f}"
    if odd.observed < odd.expected:
        return f"neighbouring rows differ more than this model allows ({correlation})", ""
    return (
        f"neighbouring rows are more alike than this model allows ({correlation}), so memory "
        "or drift may be taken for changes",
        _memory(odd.model),
    )


def _memory(model: Model) -> str:
    """Return what has a memory: an effect of rates and counts, a likelihood of measurements."""
    family = model.likelihood
    if family.name in SHIFTABLE and family.response in ("count", "rate"):
        if any(effect.alone or effect.probability == 1 for effect in model.effects):
            return ""  # it is there, or what is stated can't be combined with it
        return "try --memory" + (", which looks for no patterns" if model.effects else "")
    if family.response != "value" or family.domain[0] == 0 or family.name in REMEMBERING:
        return ""
    return f"try --likelihood autoregressive{'-trend' if family.name == 'trend' else ''}"


def _weekday(odd: Odd) -> tuple[str, str]:
    there = any(effect.name == "weekday" for effect in odd.model.effects)
    possible = odd.model.likelihood.name in SHIFTABLE and not there
    return (
        "the days of the week differ more than this model allows",
        "try --season week" if possible else "",
    )


def _largest(odd: Odd) -> tuple[str, str]:
    when = odd.observations.label(odd.row)
    lacks = (
        f"the row of {when} lies further from its level than this model allows "
        f"({odd.observed:.1f} standard deviations, where the largest is about "
        f"{odd.expected:.1f})"
    )
    if odd.model.likelihood.name == "normal":
        return lacks, "try --likelihood student-t, which heeds such rows less"
    dates = odd.observations.time is not None and odd.observations.time.dtype.kind == "M"
    exclude = f"if its cause is known, give --exclude {when}:{when}" if dates else ""
    # Spikes can't be had with effects, which such advice would have to drop.
    spiked = f"spiked-{odd.model.likelihood.name}"
    if spiked not in FAMILIES or odd.model.effects:
        return lacks, exclude
    allow = f"try --likelihood {spiked}, which allows for spikes of a row or two"
    return lacks, f"{exclude}; else {allow}" if exclude else allow


_SAYING = {
    "dispersion": _dispersion,
    "longest run": _run,
    "lag-1 correlation": _correlation,
    "weekday spread": _weekday,
    "largest residual": _largest,
}
