"""From where to where nodes are needed: the range that holds the posterior of every segment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import ModelError
from changepoint.exact.density import Density, densities
from changepoint.exact.stretch import Stretch, weigh
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.series import Integers, Series, repeated, with_fields
from changepoint.priors import Prior

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

DROP = 32.0  # in log density: what a row's posterior is cut at, exp(-32) = 1e-14
TAIL = 1e-18  # of the prior
NEAR = 1e-2  # of h c: closer to an end no likelihood changes
CELL, LEAST, MOST = 8, 16, 64  # nodes that find the range: one in 8, within limits
COPIES = 4  # of a block of rows, under heavy tails
CHUNK = 2**14  # rows used at a time to find the range of heavy tails


def quantiles(prior: Prior) -> tuple[Floats, ...]:
    """Return the 16 and 84 % quantiles, the tails, and 1 - the upper tail, each (B,)."""
    try:
        return _known_quantiles(prior)
    except TypeError:  # of several series
        return _find_quantiles(prior)


def _find_quantiles(prior: Prior) -> tuple[Floats, ...]:
    found = (
        prior.quantile(0.16),
        prior.quantile(0.84),
        prior.quantile(TAIL),
        prior.upper_quantile(TAIL),
        prior.complement_quantile(TAIL),
    )
    return tuple(np.atleast_1d(x) for x in found)


_known_quantiles = lru_cache(maxsize=64)(_find_quantiles)


def widest(
    families: Sequence[GridLikelihood], prior: Prior, series: Series, stretch: Stretch
) -> tuple[Floats, Floats]:
    """Return u at the prior's tails, or at the rows' estimates where these lie outside."""
    family = families[0]
    low, high, above = quantiles(prior)[2:]
    closest = np.minimum(low, above) if family.domain[1] == 1 else low
    if family.domain[0] == 0 and np.any(closest < 1e-270):
        raise ModelError(
            f"{families[int(np.argmin(closest))].prior} has mass closer to the end of its "
            "support than numbers can tell; its shape parameters must be above 0.07"
        )
    finite = np.isfinite(low) & np.isfinite(high)
    if not np.all(finite):
        raise ModelError(
            f"{families[int(np.argmin(finite))].prior} reaches further than numbers do; make "
            "it narrower"
        )
    # Rounding may put a tail onto an end itself; and so close to an end as NEAR, no segment's
    # likelihood changes any more.
    ends, near = stretch.ends(TAIL), stretch.ends(NEAR)
    tails = [stretch.u(low, 1 - low), stretch.u(high, above)]
    tails = [np.where(np.isfinite(u), u, np.clip(u, *ends)) for u in tails]
    outer = [np.clip(stretch.u(y, 1 - y), *near) for y in (series.least, series.largest)]
    return np.minimum(tails[0], outer[0]), np.maximum(tails[1], outer[1])


def narrow(
    family: GridLikelihood,
    prior: Prior,
    series: Series,
    stretch: Stretch,
    hypers: Sequence[Floats],
    first: Floats,
    last: Floats,
    seek: Mask,
    steady: bool,
) -> tuple[Floats, Floats]:
    """Return the range that holds the posterior of every possible segment.

    That of a single row, where the prior has the most say, and that of T rows like it, where
    it has the least; other segments lie between. Found on a few nodes, which bracket it ever
    closer; an end where there still is mass is moved outwards, but not into a bend of the
    map further than the prior reaches: no likelihood changes there.

    Under heavy tails, where they may not, blocks of neighbours instead of T rows alike. Where
    nothing changes, that of all rows together.
    """
    ends = stretch.ends(TAIL)
    lowest, highest = np.minimum(first, ends[0]), np.maximum(last, ends[1])
    first, last = first.copy(), last.copy()
    active = np.flatnonzero(seek)
    B = len(first)
    while len(active):
        some = series.take(active)
        part = stretch if len(active) == B else _some(stretch, active)
        own = prior if len(active) == B else _some(prior, active)
        u = [_thin(first[i], last[i]) for i in active]
        if steady:
            marks = [_marks(part.one(n), some.one(n)) for n in range(len(active))]
            u = [
                np.unique(np.append(at, np.round(m[(m >= first[i]) & (m <= last[i])])))
                for at, m, i in zip(u, marks, active, strict=True)
            ]
        counts = np.array([len(at) for at in u])
        nodes, weights = weigh(repeated(own, counts), part.repeated(counts), np.concatenate(u))
        nodes = nodes._replace(counts=counts)
        parts = np.split(weights, np.cumsum(counts)[:-1])
        holds = [np.zeros(len(at), bool) for at in u]
        done = []
        for hyper in _distinct(hypers):
            for n, density in enumerate(densities(family, some, nodes, hyper[active])):
                _hold(family, density, some.one(n), parts[n], steady, holds[n])
        for n, i in enumerate(active):
            inner = np.flatnonzero(holds[n])
            if not len(inner):  # so precise that every density is 0
                first[i], last[i] = -math.inf, math.inf
                done.append(n)
                continue
            low, high, settled = _bracket(
                u[n], inner, first[i], last[i], float(lowest[i]), float(highest[i])
            )
            if settled and high - low > (last[i] - first[i]) / 2:
                done.append(n)
            first[i], last[i] = low, high
        active = np.delete(active, done)
    return first, last


def _bracket(
    u: Floats, inner: Integers, first: float, last: float, lowest: float, highest: float
) -> tuple[float, float, bool]:
    """Return a new range around the nodes that hold something, and whether it is settled."""
    width = last - first
    low, high = max(first - width / 8, lowest), min(last + width / 8, highest)
    settled = True
    if inner[0]:
        low = float(u[inner[0] - 1])
    else:
        settled = low == first
    if inner[-1] + 1 < len(u):
        high = float(u[inner[-1] + 1])
    else:
        settled = settled and high == last
    return low, high, settled


def _some(thing: Any, which: Integers) -> Any:
    """Return a dataclass for some of the series."""
    arrays = {
        name: value[which]
        for name, value in vars(thing).items()
        if isinstance(value, np.ndarray) and len(value) > 1
    }
    if isinstance(thing, Stretch):
        arrays["coordinate"] = _some(thing.coordinate, which)
    return with_fields(thing, arrays) if arrays else thing


def _distinct(hypers: Sequence[Floats]) -> list[Floats]:
    """Return the values of the hyperparameters, each once."""
    return [
        h for i, h in enumerate(hypers) if not any(np.array_equal(h, g) for g in hypers[:i])
    ]


def _thin(first: float, last: float) -> Floats:
    """Return a few whole numbers from first to last."""
    thin = int(min(max((last - first) / CELL, LEAST), MOST))
    places: Floats = np.round(np.linspace(first, last, thin))
    kept: Floats = places[np.append(True, places[1:] > places[:-1])]
    return kept


def _hold(
    family: GridLikelihood,
    density: Density,
    series: Series,
    log_w: Floats,
    steady: bool,
    holds: Mask,
) -> None:
    """Mark the nodes that some segment's posterior needs."""
    T = len(series.index)
    if not steady and not family.heavy_tails:
        density.hold(log_w, float(T), DROP, holds)
        if np.any(series.index == density.size):  # a missing row may be a segment: the prior
            holds |= log_w > np.fmax.reduce(log_w) - DROP
        return
    log_lik = np.empty((density.size + 1, len(log_w)))
    density.log(np.arange(density.size), log_lik[:-1])
    log_lik[-1] = 0.0
    if steady:
        log_p = log_w + series.copies @ log_lik[:-1]
        holds |= log_p > np.fmax.reduce(log_p) - DROP
        return
    for start in range(0, T, CHUNK):
        rows = log_lik[series.index[start : start + CHUNK]]
        for copies, part in _blocks(rows):
            log_p = copies * part + log_w
            top = np.fmax.reduce(log_p, axis=1, keepdims=True)  # NaN is beyond an end
            holds |= (log_p > top - DROP).any(axis=0)


def _marks(stretch: Stretch, series: Series) -> Floats:
    """Return u at quantiles of the rows' estimates: where heavy tails may have their modes."""
    estimates = series.columns["estimate"]
    estimates = np.repeat(estimates, series.copies.astype(np.int64))
    places: Floats = np.unique(
        np.nanquantile(estimates, np.linspace(0, 1, MOST), method="nearest")
    )
    u = stretch.u(places, 1 - places)
    marks: Floats = u[np.isfinite(u)]
    return marks


def _blocks(log_lik: Floats) -> list[tuple[int, Floats]]:
    """Return rows, and sums over 1, 2, 4, ... neighbours, with numbers of copies.

    Under heavy tails a row far out moves a segment only together with enough rows like it: T
    copies of an outlier would ask for a grid that reaches it, and no segment holds so many.
    Each block begins in the middle of the one before, so that any segment of n rows holds a
    block of more than n / 4, four copies of which outweigh it.
    """
    blocks = [(1, log_lik), (COPIES, log_lik)]
    sums = log_lik[:-1] + log_lik[1:]
    while len(sums):
        blocks.append((COPIES, sums))
        sums = sums[:-2:2] + sums[2::2]
    return blocks
