"""The parameter grid: nodes, and weights that turn sums over nodes into integrals.

Nodes stand at whole numbers u. Where the coordinate x has no finite end, x = h u. Towards a
finite end the map bends, so that the end itself lies at u = -infinity:

    x - bottom = h c [softplus(u / c) - softplus((u - L) / c)],   L = (top - bottom) / h

with c = 3. On the whole real line, and for integrands that decay at both ends, the sum with
equal steps (the trapezoid rule) converges faster than any power of h (Trefethen and Weideman
2014); an integrand cut off at an end would lose that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import EngineError, ModelError
from changepoint.likelihoods.coordinates import Coordinate, Nodes
from changepoint.likelihoods.grid import Evaluator, GridLikelihood, RowLikelihood
from changepoint.observations import Observations
from changepoint.priors import Prior

Floats = NDArray[np.float64]

BEND = 3.0  # c
STEP = 0.8  # in standard deviations of the posterior if all rows were one segment
ROUGH = 1.6  # the same, for grids that only look for the outer grid
DROP = 32.0  # in log density: what a row's posterior is cut at, exp(-32) = 1e-14
TAIL = 1e-18  # of the prior
NEAR = 1e-2  # of h c: closer to an end no likelihood changes
ENOUGH = 400  # nodes that aren't worth a search for fewer, in a rough grid
CELL, LEAST, MOST = 8, 16, 64  # nodes that find the range: one in 8, within limits
COPIES = 4  # of a block of rows, under heavy tails
CHUNK = 2**14  # rows used at a time to find the range
HOLDS = 2**18  # nodes; as many for each of 20 nodes of an outer grid take 3 GB


@dataclass(frozen=True)
class Stretch:
    """The map from u to x on (bottom, top); `gap` below the coordinate's own top, if finite."""

    coordinate: Coordinate
    bottom: float
    top: float
    gap: float
    h: float

    @property
    def _length(self) -> float:
        return (self.top - self.bottom) / self.h

    def x(self, u: Floats) -> Floats:
        """Return x at u."""
        if math.isinf(self.bottom):
            return self.h * u if math.isinf(self.top) else self.top - self._below(u)
        rise = np.logaddexp(0, u / BEND)
        if math.isfinite(self.top):
            rise = rise - np.logaddexp(0, (u - self._length) / BEND)
        return self.bottom + self.h * BEND * rise

    def _below(self, u: Floats) -> Floats:
        """Return top - x, accurate near the top."""
        fall = np.logaddexp(0, ((0 if math.isinf(self.bottom) else self._length) - u) / BEND)
        if math.isfinite(self.bottom):
            fall = fall - np.logaddexp(0, -u / BEND)
        return self.h * BEND * fall

    def log_slope(self, u: Floats) -> Floats:
        """Return log d x / d u."""
        log_slope = np.full_like(u, math.log(self.h))
        if math.isfinite(self.bottom):
            log_slope -= np.logaddexp(0, -u / BEND)
        if math.isfinite(self.top):
            end = 0 if math.isinf(self.bottom) else self._length
            log_slope -= np.logaddexp(0, (u - end) / BEND)
            if math.isfinite(self.bottom):
                log_slope += math.log(-math.expm1(-end / BEND))
        return log_slope

    def nodes(self, u: Floats) -> Nodes:
        """Return theta and its companion at any u."""
        x = self.x(u)
        top = math.isfinite(self.top)
        return self.coordinate.nodes(
            x, self.gap + self._below(u) if top else self.coordinate.top - x
        )

    def u(self, theta: float, complement: float) -> float:
        """Return u at theta; -inf or inf at an end."""
        x, scale = self.coordinate.x(theta, complement), self.h * BEND
        if math.isinf(self.bottom) and math.isinf(self.top):
            return x / self.h
        if math.isinf(self.coordinate.top):
            below = (self.top - x) / scale
        else:
            below = (self.coordinate.below_top(theta, complement) - self.gap) / scale
        if math.isinf(self.bottom):
            return -BEND * _log_expm1(below)
        rise = _log_expm1((x - self.bottom) / scale)
        if math.isinf(self.top):
            return BEND * rise
        return BEND * (rise - math.log(-math.expm1(-below))) if below > 0 else math.inf

    def ends(self, share: float) -> tuple[float, float]:
        """Return u where the distance to a finite end is about this share of h c."""
        far = -BEND * math.log(share)
        end = 0 if math.isinf(self.bottom) else self._length
        return (
            -math.inf if math.isinf(self.bottom) else -far,
            math.inf if math.isinf(self.top) else end + far,
        )


@dataclass(frozen=True)
class Grid:
    """Nodes first, first + 1, ... of a stretch, with their log prior weights, shape (G,)."""

    prior: Prior
    stretch: Stretch
    first: float
    nodes: Nodes
    log_weights: Floats

    def at(self, position: Floats) -> Floats:
        """Return theta at fractional node numbers."""
        return self.stretch.nodes(position + self.first).theta

    def between(self) -> Grid:
        """Return the grid of the G - 1 places half-way between the nodes."""
        return _grid(self.prior, self.stretch, self.first + 0.5, len(self.log_weights) - 1)


def build(
    family: GridLikelihood,
    observations: Observations,
    evaluate: Evaluator,
    shared: tuple[float, ...],
    step: float = STEP,
    most: int = HOLDS,
    steady: bool = False,
) -> Grid:
    """Return a grid fine and wide enough for each of some values of the shared parameter.

    Parameters
    ----------
    family
        Resolved.
    evaluate
        The family's evaluator of the observations.
    shared
        Values of the shared parameter, or anything where there is none.
    step
        In standard deviations of the posterior if all rows were one segment.
    most
        Nodes; with more: EngineError.
    steady
        Whether all rows are one segment.

    Raises
    ------
    ModelError
        If the prior has mass so close to an end of its support that no grid can hold it.
    EngineError
        If the data tell the parameter so precisely that there would be too many nodes.
    """
    finest = sorted(shared)[family.sharpest]
    coordinate = family.coordinate(observations, finest)
    prior, (low, high) = family.prior, family.prior.support
    inside = family.domain[0] < low, high < family.domain[1]
    bounded = math.isfinite(coordinate.top)
    information = family.information(observations, finest) + _information(prior, coordinate)
    stretch = Stretch(
        coordinate,
        coordinate.x(low, 1 - low) if inside[0] else coordinate.bottom,
        coordinate.x(high, 1 - high) if inside[1] else coordinate.top,
        coordinate.below_top(high, 1 - high) if inside[1] and bounded else 0.0,
        step / math.sqrt(information),
    )
    first, last = _widest(family, observations, stretch)
    if step < ROUGH or last - first > ENOUGH:
        T, heavy = len(observations), family.heavy_tails
        marks = _marks(family, observations, stretch) if steady else None
        first, last = _narrow(prior, evaluate, T, stretch, shared, first, last, heavy, marks)
    if last - first > most:
        raise EngineError(_too_many(family, observations, finest, last - first, most))
    return _grid(prior, stretch, float(int(first)), int(last) - int(first) + 1)


def _grid(prior: Prior, stretch: Stretch, first: float, count: int) -> Grid:
    nodes, weights = _weigh(prior, stretch, first + np.arange(float(count)))
    return Grid(prior, stretch, first, nodes, weights)


def _too_many(
    family: GridLikelihood,
    observations: Observations,
    shared: float,
    count: float,
    most: int,
) -> str:
    found = f"the grid of the {family.parameter} would need {count:.2g} nodes, above {most}"
    if most < HOLDS:
        return f"{found}, and take too long"
    if family.shared is None:
        return (
            f"{found}: the data are too precise for it. Use fewer trials or less exposure a row"
        )
    estimates = family.estimates(observations)
    row = int(np.nanargmax(abs(estimates - np.nanmedian(estimates))))
    where = observations.label(row) if observations.time is not None else f"row {row}"
    return (
        f"{found}, where {family.shared} is {shared:.3g}. Either a row lies too far out: at "
        f"{where} the {family.parameter} would be {estimates[row]:.6g}; if that is an error, "
        f"make the row missing. Or the prior leaves too much to such values of "
        f"{family.shared}: state one for {family.shared_field} that doesn't, or allow fewer "
        "changes"
    )


def _information(prior: Prior, coordinate: Coordinate) -> float:
    """One over the square of half the prior's central 68 % in x."""
    low, high = (float(prior.quantile(q)) for q in (0.16, 0.84))
    width = coordinate.x(high, 1 - high) - coordinate.x(low, 1 - low)
    if not 1e-100 < width < math.inf:
        raise ModelError(f"{prior} is too narrow for numbers to tell its values apart")
    return (2 / width) ** 2


def _weigh(prior: Prior, stretch: Stretch, u: Floats) -> tuple[Nodes, Floats]:
    """Return nodes at u, and the log of prior density x d theta / d x x d x / d u."""
    nodes = stretch.nodes(u)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = prior.log_density(*nodes) + stretch.coordinate.log_slope(nodes)
    weights[~(weights < np.inf)] = -np.inf  # beyond the smallest numbers
    return nodes, weights + stretch.log_slope(u)


def _widest(
    family: GridLikelihood, observations: Observations, stretch: Stretch
) -> tuple[float, float]:
    """Return u at the prior's tails, or at the rows' estimates where these lie outside."""
    low = float(family.prior.quantile(TAIL))
    above = float(family.prior.complement_quantile(TAIL))  # 1 - the upper tail
    if family.domain[0] == 0 and min(low, above if family.domain[1] == 1 else 1) < 1e-270:
        raise ModelError(
            f"{family.prior} has mass closer to the end of its support than numbers can tell; "
            "its shape parameters must be above 0.07"
        )
    high = float(family.prior.upper_quantile(TAIL))
    if not math.isfinite(low) or not math.isfinite(high):
        raise ModelError(f"{family.prior} reaches further than numbers do; make it narrower")
    tails = [stretch.u(low, 1 - low), stretch.u(high, above)]
    estimates = family.estimates(observations)
    outer = (float(np.nanmin(estimates)), float(np.nanmax(estimates)))
    places = [stretch.u(y, 1 - y) for y in outer]
    # Rounding may put a tail onto an end itself; and so close to an end as NEAR, no segment's
    # likelihood changes any more.
    tails = _clip(tails, stretch.ends(TAIL), keep_finite=True)
    places = _clip(places, stretch.ends(NEAR), keep_finite=False)
    return min(tails[0], places[0]), max(tails[1], places[1])


def _clip(places: list[float], ends: tuple[float, float], keep_finite: bool) -> list[float]:
    """Move places beyond the ends, or the infinite ones alone, to the ends."""
    return [
        u if keep_finite and math.isfinite(u) else min(max(u, ends[0]), ends[1]) for u in places
    ]


@np.errstate(divide="ignore", invalid="ignore", over="ignore")  # theta may be 0 out there
def _narrow(
    prior: Prior,
    evaluate: Evaluator,
    T: int,
    stretch: Stretch,
    shared: tuple[float, ...],
    first: float,
    last: float,
    heavy_tails: bool,
    marks: Floats | None,
) -> tuple[float, float]:
    """Return the range that holds the posterior of every possible segment.

    That of a single row, where the prior has the most say, and that of T rows like it, where
    it has the least; other segments lie between. Found on a few nodes, which bracket it ever
    closer; an end where there still is mass is moved outwards, but not into a bend of the
    map further than the prior reaches: no likelihood changes there.

    Under heavy tails, where they may not, blocks of neighbours instead of T rows alike. Where
    nothing changes, that of all rows together; `marks` then are places that may be modes.
    """
    ends = stretch.ends(TAIL)
    lowest, highest = min(first, ends[0]), max(last, ends[1])
    while True:
        thin = min(max((last - first) / CELL, LEAST), MOST)
        u = np.round(np.linspace(first, last, int(thin)))
        if marks is not None:
            u = np.append(u, np.round(marks[(marks >= first) & (marks <= last)]))
        u = np.unique(u)
        nodes, weights = _weigh(prior, stretch, u)
        holds = np.zeros(len(u), bool)
        for value in dict.fromkeys(shared):
            rows = evaluate(nodes, value)
            if marks is not None:
                log_p = weights + _total(rows, T)
                holds |= log_p > np.fmax.reduce(log_p) - DROP
                continue
            for start in range(0, T, CHUNK):
                log_lik = rows(start, min(start + CHUNK, T))
                parts = _blocks(log_lik) if heavy_tails else ((1, log_lik), (T, log_lik))
                for copies, part in parts:
                    log_p = copies * part
                    log_p += weights
                    top = np.fmax.reduce(log_p, axis=1, keepdims=True)  # NaN is beyond an end
                    holds |= (log_p > top - DROP).any(axis=0)
        inner = np.flatnonzero(holds)
        if not len(inner):  # so precise that every density is 0
            return -math.inf, math.inf
        width = last - first
        low, high = max(first - width / 8, lowest), min(last + width / 8, highest)
        settled = True
        if inner[0]:
            low = u[inner[0] - 1]
        else:
            settled = low == first
        if inner[-1] + 1 < len(u):
            high = u[inner[-1] + 1]
        else:
            settled = settled and high == last
        if settled and high - low > width / 2:
            return low, high
        first, last = low, high


def _marks(family: GridLikelihood, observations: Observations, stretch: Stretch) -> Floats:
    """Return u at quantiles of the rows' estimates: where heavy tails may have their modes."""
    estimates = family.estimates(observations)
    places = np.nanquantile(estimates, np.linspace(0, 1, MOST), method="nearest")
    u = np.array([stretch.u(float(theta), float(1 - theta)) for theta in np.unique(places)])
    marks: Floats = u[np.isfinite(u)]
    return marks


def _total(rows: RowLikelihood, T: int) -> Floats:
    """Return the log likelihood of all rows together, (G,)."""
    sums = [rows(start, min(start + CHUNK, T)).sum(axis=0) for start in range(0, T, CHUNK)]
    total: Floats = np.sum(sums, axis=0)
    return total


def _blocks(log_lik: Floats) -> Iterator[tuple[int, Floats]]:
    """Yield rows, and sums over 1, 2, 4, ... neighbours, with numbers of copies.

    Under heavy tails a row far out moves a segment only together with enough rows like it: T
    copies of an outlier would ask for a grid that reaches it, and no segment holds so many.
    Each block begins in the middle of the one before, so that any segment of n rows holds a
    block of more than n / 4, four copies of which outweigh it.
    """
    yield 1, log_lik
    yield COPIES, log_lik
    sums = log_lik[:-1] + log_lik[1:]
    while len(sums):
        yield COPIES, sums
        sums = sums[:-2:2] + sums[2::2]


def _log_expm1(z: float) -> float:
    """Return log(exp(z) - 1)."""
    return z + math.log(-math.expm1(-z)) if z > 0 else -math.inf
