"""A series small enough to send along by the thousand: five rows of bytes, and its dates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from changepoint.answer import Answer
from changepoint.observations import Observations

Floats = NDArray[np.float64]

LEVELS = 254  # of the vertical scale: 0..254, which leaves a byte for what is missing
MISSING = 255
FAINT = 0.1  # P(change) that fills the height of its panel, unless some row has more


class Tick(NamedTuple):
    """A mark on the axis of time: its place in points, 0.5 being the first one's middle."""

    position: float
    label: str


class Curve(NamedTuple):
    """What is drawn of a series, n points from first to last.

    low, high
        Ends of the vertical scale.
    peak
        Probability of change that the largest byte stands for.
    data
        5 n bytes: observed (255 where missing), lower, mean and upper end of the band
        (0..254 from low to high), probability of change (0..255 from 0 to peak).
    clipped
        How many observed points lie beyond the scale, and are drawn at its end.
    """

    n: int
    low: float
    high: float
    peak: float
    data: bytes
    ticks: tuple[Tick, ...] = ()
    clipped: int = 0


def curve(
    observed: ArrayLike,
    lower: ArrayLike,
    mean: ArrayLike,
    upper: ArrayLike,
    change: ArrayLike,
    ticks: Sequence[Tick] = (),
    zero: bool = True,
) -> Curve:
    """Return a curve from n points each of data, band and probability of change.

    Parameters
    ----------
    observed
        Each point's own estimate, NaN where missing, (n,).
    lower, mean, upper
        The band of the parameter, (n,).
    change
        Probability of a change, (n,).
    ticks
        Marks on the axis of time; see `ticks_of`.
    zero
        Whether the scale begins at 0: for what can't be negative.

    Examples
    --------
    >>> found = curve([0, np.nan, 3], [1, 1, 1], [2, 2, 2], [3, 3, 3], [0, 0.2, 0.4])
    >>> found.low, found.high, list(found.data[:3]), list(found.data[-3:])
    (0.0, 3.0, [0, 255, 254], [0, 128, 255])
    """
    y, p = np.asarray(observed, float), np.asarray(change, float)
    band = np.array([lower, mean, upper], float)
    low, high = _scale(y, band, zero)
    clipped = int(np.sum((y < low) | (y > high)))
    peak = max(float(p.max(initial=0.0)), FAINT)
    bytes_ = np.concatenate(
        [
            np.where(np.isnan(y), MISSING, _levels(y, low, high)),
            *_levels(band, low, high),
            np.rint(np.clip(p / peak, 0, 1) * 255),
        ]
    )
    data = bytes_.astype(np.uint8).tobytes()
    return Curve(len(y), low, high, peak, data, tuple(ticks), clipped)


def points(T: int, stride: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and the middle row of each point of a curve of T rows."""
    starts = np.arange(0, T, stride)
    return starts, np.minimum(starts + stride // 2, T - 1)


def curve_of(answer: Answer, stride: int) -> Curve:
    """Return the curve of an answer, so many rows being a point.

    A point is what its rows together estimate (events by trials), the band at the middle one,
    and the sum of P(change).
    """
    family, observations = answer.model.likelihood, answer.observations
    told, T = answer.arrays, len(observations)
    starts, middle = points(T, stride)
    mean, lower, _, upper = told.rows[:, middle]
    change = np.add.reduceat(told.change_probability, starts)
    return curve(
        family.pooled_by(answer.estimates, observations, starts),
        lower,
        mean,
        upper,
        np.minimum(change, 1.0),
        ticks_of(ticked(observations), stride),
        zero=family.domain[0] >= 0,
    )


def _levels(values: Floats, low: float, high: float) -> Floats:
    share = np.nan_to_num((np.clip(values, low, high) - low) / (high - low))
    levels: Floats = np.rint(share * LEVELS)
    return levels


def _scale(y: Floats, band: Floats, zero: bool) -> tuple[float, float]:
    """Return ends that hold the band and all data but those far away from the others.

    Far means beyond three times the band's height, and twice as far from the median as 98 %
    of the points are: a row of two trials may have a rate of a half.
    """
    y, band = y[np.isfinite(y)], band[np.isfinite(band)]
    low, high = float(band.min(initial=math.inf)), float(band.max(initial=-math.inf))
    if not len(band):
        low, high = 0.0, 1.0
    base = min(low, 0.0) if zero else low
    if len(y):
        room = 2 * (high - base)
        near, middle, far = np.quantile(y, [0.02, 0.5, 0.98])
        low = min(low, max(float(y.min()), min(low - room, float(2 * near - middle))))
        high = max(high, min(float(y.max()), max(high + room, float(2 * far - middle))))
    low = min(low, 0.0) if zero else low
    if not high > low:  # a single value
        high = low + (abs(low) or 1.0)
    return low, high


# Steps between ticks from the finest, in units of so many seconds; multiples of a step are
# counted from 1970 less the shift: weeks begin on Mondays, decades with the year 0. How many
# characters of a time stamp tell it.
STEPS = (
    *((n, "s", 1, 0, 19) for n in (1, 5, 15, 30)),
    *((n, "m", 60, 0, 16) for n in (1, 5, 15, 30)),
    *((n, "h", 3600, 0, 16) for n in (1, 3, 6, 12)),
    *((n, "D", 86400, 3, 10) for n in (1, 2, 7, 14)),
    *((n, "M", 2.6e6, 0, 7) for n in (1, 3, 6)),
    *((n, "Y", 3.1e7, 1970, 4) for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)),
)


def ticked(observations: Observations) -> NDArray[Any] | int:
    """Return what marks of the axis are made of: times by their clocks, ascending, or T."""
    time = observations.clocks
    if time is None or not observations.zone:
        return len(observations) if time is None else time
    shown = np.maximum.accumulate(time.astype(np.int64))  # an hour that comes twice
    return shown.astype(time.dtype)


def ticks_of(time: NDArray[Any] | int, stride: int = 1, most: int = 7) -> tuple[Tick, ...]:
    """Return round dates or numbers within the time of T rows, and their places.

    Parameters
    ----------
    time
        Times of the rows (T,), ascending, dates or numbers; T where there are none.
    stride
        How many rows make a point.
    most
        How many marks, at most.

    Examples
    --------
    >>> year = np.arange("2025-01-15", "2026-01-15", dtype="datetime64[D]")
    >>> [tick.label for tick in ticks_of(year, stride=7)]
    ['2025-04', '2025-07', '2025-10', '2026-01']
    """
    time = np.asarray(np.arange(time) if isinstance(time, int) else time)
    if not len(time):
        return ()
    if time.dtype.kind == "M":
        time = time.astype("datetime64[us]")
        marks, labels = _dates(time, most)
    else:
        marks, labels = _numbers(time.astype(float), most, time.dtype.kind in "iu")
    rows = np.interp(
        (marks - time[0]).astype(float), (time - time[0]).astype(float), np.arange(len(time))
    )
    places = np.round(rows / stride, 2).tolist()  # a mark is where its period begins
    return tuple(Tick(place, label) for place, label in zip(places, labels, strict=True))


def _dates(time: NDArray[Any], most: int) -> tuple[NDArray[Any], list[str]]:
    """Return the multiples of the finest step that has few enough of them."""
    first, last = time[0], time[-1]
    span = float((last - first) / np.timedelta64(1, "s"))
    for step, unit, seconds, shift, length in STEPS:
        width = step * seconds
        between = width < 0.9 * span / len(time)  # finer than the rows are
        if not span or between or span > 2 * most * width:
            continue
        ends = time[[0, -1]].astype(f"datetime64[{unit}]").astype(np.int64) + shift
        count = np.arange(-(-ends[0] // step) * step, ends[1] + 1, step) - shift
        marks = count.astype(f"datetime64[{unit}]").astype(time.dtype)
        marks = marks[(marks >= first) & (marks <= last)]
        if 0 < len(marks) <= most:
            return marks, _stamps(marks, length)
    midnight = first == first.astype("datetime64[D]")
    return time[:1], _stamps(time[:1], 10 if midnight else 16)


def _stamps(time: NDArray[Any], length: int) -> list[str]:
    return [str(stamp)[:length].replace("T", " ") for stamp in time]


def _numbers(time: Floats, most: int, whole: bool) -> tuple[Floats, list[str]]:
    """Return the multiples of 1, 2 or 5 times a power of ten that are few enough."""
    first, last = float(time[0]), float(time[-1])
    if not last > first:
        return time[:1], [f"{first:g}"]
    rough = (last - first) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(n * power for n in (1, 2, 5, 10) if n * power >= rough * (1 - 1e-9))
    step = max(step, 1.0) if whole else step
    ends = math.ceil(first / step), math.floor(last / step) + 1
    marks = np.arange(*ends, dtype=np.float64) * step
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return marks, [f"{mark + 0.0:.{decimals}f}" for mark in marks]
