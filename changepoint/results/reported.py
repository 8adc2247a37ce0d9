"""The changes that are reported, as numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from changepoint.hand_written import OwnLikelihood
from changepoint.likelihoods import Likelihood
from changepoint.observations import Observations, in_rows
from changepoint.results.marginals import Effects, Marginals
from changepoint.results.summaries import MASS
from changepoint.results.trajectories import tilted

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A mean, and the ends of the central 95 %."""

    mean: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Change:
    """One reported change: its place and what it did, given the most probable number.

    `index` and `time` are those of the (lower) median, of what the credible set holds if that
    has a gap there; where the data have no times, `time` is the row itself. `probability` is
    that of any change inside the credible set, whatever their number; `ratio` is None where
    the parameter isn't positive. Difference, ratio and the probability of an increase are sums
    over the posterior where a segment has one parameter, else from draws; where a ratio has no
    mean, or one beyond its interval, its median stands for it. Of a line, `before` and `after`
    are its values on both sides of the change. `others` holds the segment's further parameters
    (slope, noise_sd), from the draws.
    """

    index: int
    time: str | int | float
    most_probable: str | int | float
    probability: float
    credible: list[tuple[int, int]]  # first and last row of each range
    credible_times: list[tuple[Any, Any]]
    before: Interval
    after: Interval
    difference: Interval
    ratio: Interval | None
    probability_of_increase: float
    others: dict[str, tuple[Interval, Interval]]


def changes(
    tree: Callable[[], xr.DataTree],
    told: Marginals,
    number: int,
    family: Likelihood | OwnLikelihood,
    observations: Observations,
    averaged: bool,
) -> list[Change]:
    """Return so many changes, in order of time.

    Parameters
    ----------
    tree
        Gives that of the posterior, for its draws.
    told
        Its marginals.
    number
        The most probable.
    family
        Whose parameter changed.
    averaged
        Whether over several models, which share no further parameters.
    """
    if not number:
        return []
    places = told.places
    assert places is not None  # they are there where a change is
    mean, lower, _, upper = places.segments
    segments = [Interval(*map(float, ends)) for ends in zip(mean, lower, upper, strict=True)]
    if places.effects is not None:
        effects = _summed(places.effects)
    else:
        effects = _drawn(tree(), number, family, observations, averaged)
    found = []
    for i, effect in enumerate(effects):
        p = places.probability[i]
        inside = np.flatnonzero(places.credible[i])
        breaks = np.flatnonzero(np.diff(inside) > 1)
        ranges = list(
            zip(inside[np.append(0, breaks + 1)], inside[np.append(breaks, -1)], strict=True)
        )
        median = _median(p)
        if not places.credible[i, median]:  # between two places where it may stand
            median = _median(np.where(places.credible[i], p, 0.0))
        found.append(
            Change(
                index=median,
                time=observations.stamp(median),
                most_probable=observations.stamp(int(p.argmax())),
                probability=float(places.inside[i]),
                credible=[(int(a), int(b)) for a, b in ranges],
                credible_times=[
                    (observations.stamp(int(a)), observations.stamp(int(b))) for a, b in ranges
                ],
                before=effect.before or segments[i],
                after=effect.after or segments[i + 1],
                difference=effect.difference,
                ratio=effect.ratio,
                probability_of_increase=effect.increase,
                others=effect.others,
            )
        )
    return found


class _Told(Protocol):
    """What is told of a change, wherever it is kept."""

    @property
    def probability(self) -> float: ...
    @property
    def before(self) -> Interval: ...
    @property
    def after(self) -> Interval: ...
    @property
    def ratio(self) -> Interval | None: ...


def most_telling[T: _Told](found: Sequence[T]) -> T:
    """Return the largest of the changes that are sure, or of all if none is.

    By the ratio of the mean after to that before, either way, where all have one; else by the
    difference of the two.
    """
    some = [change for change in found if change.probability >= MASS] or found
    positive = all(c.ratio is not None and min(c.before.mean, c.after.mean) > 0 for c in some)

    def size(change: T) -> float:
        before, after = change.before.mean, change.after.mean
        return abs(math.log(after / before) if positive else after - before)

    return max(some, key=size)


def _median(p: Floats) -> int:
    return int(np.searchsorted(np.cumsum(p), 0.5 * p.sum()))


class _Effect(NamedTuple):
    """What one change did; `before` and `after` where they aren't those of whole segments."""

    difference: Interval
    ratio: Interval | None
    increase: float
    before: Interval | None = None
    after: Interval | None = None
    others: dict[str, tuple[Interval, Interval]] = {}  # noqa: RUF012  never changed


def _summed(effects: Effects) -> list[_Effect]:
    """Return what was summed of the changes."""
    each = zip(*(column.tolist() for column in effects), strict=True)
    return [
        _Effect(Interval(*by), None if math.isnan(ratio[0]) else Interval(*ratio), increase)
        for by, ratio, increase in each
    ]


def _drawn(
    tree: xr.DataTree,
    number: int,
    family: Likelihood | OwnLikelihood,
    observations: Observations,
    averaged: bool,
) -> list[_Effect]:
    """Return the same from draws with this number of changes."""
    fixed = tree["given" if "given" in tree.children else "posterior"].dataset
    named = {
        str(name): values.values.reshape(-1, number + 1)
        for name, values in fixed.items()
        if values.dims == ("chain", "draw", "segment")
    }
    begin = named.pop(family.parameter)
    ends, lines = begin, "slope" in named and tilted(tree)
    if lines:
        ends = begin + named["slope"] * lengths(fixed, observations)
    found = []
    for i in range(number):
        before, after = ends[:, i], begin[:, i + 1]
        found.append(
            _Effect(
                difference=interval_of(after - before),
                ratio=interval_of(after / before) if family.domain[0] >= 0 else None,
                increase=float(np.mean(after > before)),
                before=interval_of(before) if lines else None,
                after=interval_of(after) if lines else None,
                others={
                    name: (interval_of(values[:, i]), interval_of(values[:, i + 1]))
                    for name, values in named.items()
                    if not averaged
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


def interval_of(values: Floats) -> Interval:
    """Return mean and interval of draws, (D,)."""
    lower, upper = np.quantile(values, [0.5 - MASS / 2, 0.5 + MASS / 2])
    return Interval(float(values.mean()), float(lower), float(upper))


def ratio_of(before: Floats, after: Floats) -> Interval | None:
    """Return after by before of draws, (D,), or None; its median where the mean is beyond."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        each = after / before
    if not np.isfinite(each).all():
        return None
    ratio = interval_of(each)
    if ratio.lower <= ratio.mean <= ratio.upper:
        return ratio
    return ratio._replace(mean=float(np.median(each)))
