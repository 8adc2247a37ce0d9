"""The curves of many series at once: as `report.curve.curve` makes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from changepoint.engines.many import Many
from changepoint.report.curve import FAINT, LEVELS, MISSING
from changepoint.roles import behind

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def curves(
    numbers: Mapping[str, Floats], offsets: Integers, stride: Integers, many: Many
) -> list[dict[str, Any]]:
    """Return what a part has of each curve, but for the ticks.

    Points are sums of so many rows: events by trials (or exposure), the band in the middle, the
    sum of P(change). The scale goes from 0 to the top of the band, or of the data; but where
    these lie beyond three times the band, and 4 standard deviations from their mean, they are
    drawn at its end.
    """
    first = many.band_offsets[:-1]
    bins = np.diff(many.band_offsets)
    place = np.arange(many.band_offsets[-1]) - np.repeat(first, bins)
    starts = np.repeat(offsets[:-1], bins) + place * np.repeat(stride, bins)
    count = numbers["count"]
    weighed = next((numbers[role] for role in behind("count") if role in numbers), None)
    seen = ~np.isnan(count)
    weight = seen.astype(float) if weighed is None else np.where(seen, weighed, 0.0)
    events = np.add.reduceat(np.where(seen, count, 0.0), starts)
    with np.errstate(invalid="ignore", divide="ignore"):
        y = events / np.add.reduceat(weight, starts)
    change = np.add.reduceat(many.change_probability, starts)
    high, clipped = _tops(y, many.upper, first, bins)
    peak = np.maximum(np.maximum.reduceat(change, first), FAINT)
    scale, of = np.repeat(high, bins), np.repeat(peak, bins)
    with np.errstate(invalid="ignore"):
        levels = [
            np.rint(np.nan_to_num(np.clip(values / scale, 0, 1)) * LEVELS).astype(np.uint8)
            for values in (y, many.lower, many.mean, many.upper)
        ]
        levels.append(np.rint(np.nan_to_num(np.clip(change / of, 0, 1)) * 255).astype(np.uint8))
    levels[0][np.isnan(y)] = MISSING
    return [
        {
            "low": 0.0,
            "high": float(high[i]),
            "peak": float(peak[i]),
            "data": b"".join(level[a : a + n].tobytes() for level in levels),
            "clipped": int(clipped[i]),
        }
        for i, (a, n) in enumerate(zip(first.tolist(), bins.tolist(), strict=True))
    ]


def _tops(y: Floats, upper: Floats, first: Integers, bins: Integers) -> tuple[Floats, Integers]:
    """Return the top of each scale, and how many points lie beyond."""
    known = ~np.isnan(y)
    here = np.where(known, y, 0.0)
    n = np.maximum(np.add.reduceat(known.astype(float), first), 1)
    mean = np.add.reduceat(here, first) / n
    square = np.add.reduceat(here**2, first) / n
    far = mean + 4 * np.sqrt(np.maximum(square - mean**2, 0.0))
    band = np.nan_to_num(np.maximum.reduceat(upper, first))
    high = np.maximum(
        band, np.minimum(np.maximum.reduceat(here, first), np.maximum(3 * band, far))
    )
    high = np.where(high > 0, high, 1.0)
    beyond = known & (y > np.repeat(high, bins))
    return high, np.add.reduceat(beyond.astype(np.int64), first)
