"""The outer quadrature: nodes of the hyperparameter that all segments share, if there is one.

Its evidence surface is smooth: the trapezoid rule on a coordinate v without ends, over the
places where prior times evidence matters, is accurate to 1e-5 with about 15 nodes. Towards a
limit, where the prior reaches to infinity, the evidence is a parabola in exp(v), and three
nodes stand for all that lies below.

The search asks and is told: it is a generator that yields hyperparameters, vectors (d,), and is
sent log evidences (or is thrown the EngineError of one that has none), so that searches of many
series advance in step, one call of the solver a round.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import EngineError
from changepoint.exact.hyper_nodes import HyperNodes, Lattice, apart, lattice_weights, tail
from changepoint.exact.hyper_prior import HyperPrior
from changepoint.likelihoods import Likelihood
from changepoint.likelihoods.hyperparameter import Hyperparameter

Floats = NDArray[np.float64]
Search = Generator[Floats, float, HyperNodes]

CUT = 15.0  # in log density: where the outer grid ends
GONE = 40.0  # in log density: where the scan for modes turns round
STRIDE = 2.5  # in v: its longest
SPACING = 0.8  # in posterior standard deviations
WIDEST = 0.41  # in v, for few rows: the error is exp(-pi^2 / 2 / WIDEST) there, 6e-6
WIDEST_BENT = 0.75  # in x
BEND = 7.0  # how far above the bend the posterior ends, in bends
MANY = 500  # nodes of an outer grid; 15 to 60 are usual
TAIL = 1e-6  # of the evidence: what the tail towards a limit may be wrong by
FAINT = 3e-6  # of the posterior, left out where it would cost the most nodes
FAINT_BLUNT = 1e-6  # the same, at the other end


class _Surface:
    """Log prior plus log evidence as a function of v, every value kept."""

    def __init__(self, prior: HyperPrior) -> None:
        self.prior = prior
        self.evidence: dict[float, float] = {}
        self.heights: dict[float, float] = {}

    def ask(self, v: float) -> Generator[Floats, float, float]:
        """Return the height at v, asked for unless it is known."""
        if v not in self.heights:
            place = np.array(v)
            self.evidence[v] = yield np.atleast_1d(self.prior.value(place))
            self.heights[v] = float(self.prior.log_density(place)) + self.evidence[v]
        return self.heights[v]

    def __call__(self, v: float) -> float:
        """Return a height that is known."""
        return self.heights[v]

    @property
    def best(self) -> float:
        return max(self.heights.values())


def search(family: Likelihood, fineness: float = 1.0, thrifty: bool = True) -> Search:
    """Return nodes and prior weights of the hyperparameter; ask for some 25 log evidences.

    Where the family has none, that is one node of no dimension.

    Parameters
    ----------
    fineness
        Divides the distance of nodes.
    thrifty
        Whether nodes are so costly that the last millionths are left out.
    """
    if family.hyper is None:
        return HyperNodes((), np.empty((1, 0)), np.zeros(1))
    return (yield from search_one(family.hyper, family.parameter, fineness, thrifty))


def search_one(
    hyper: Hyperparameter, parameter: str, fineness: float = 1.0, thrifty: bool = True
) -> Search:
    """Return the same of one hyperparameter; `parameter` is what segments have of their own."""
    prior = HyperPrior(hyper)
    surface = _Surface(prior)
    limit = None
    if hyper.limit is not None:
        limit = yield np.array([hyper.limit])
    modes = []
    for bracket in (yield from _scan(surface, limit)):
        modes.append((yield from _climb(surface, *bracket)))
    if not modes:
        raise EngineError(
            f"no {hyper.name} that its prior {prior.prior} allows comes close to explaining "
            f"these data: widen the priors of {parameter} and {hyper.field}"
        )
    for mode, _ in modes:
        yield from surface.ask(mode)
    modes = [(v, sd) for v, sd in modes if surface(v) > surface.best - CUT]
    # A posterior pressed against a finite end is skewed, and wants closer nodes.
    spacing = SPACING if math.isinf(prior.prior.support[1]) else 0.8 * SPACING
    widest = WIDEST
    if limit is not None:
        prior, modes = yield from _bent(surface, modes)
        surface, widest = _Surface(prior), WIDEST_BENT
        for mode, _ in modes:
            yield from surface.ask(mode)
    step = min(widest, *(spacing * sd for _, sd in modes)) / fineness
    center = max(modes, key=lambda mode: surface(mode[0]))[0]
    starts = [v for v, _ in modes]
    while not (places := (yield from _lattice(surface, starts, center, step, limit))):
        step *= 4  # a curvature that was rounding, or a prior over many orders of magnitude
        if step > 100:
            raise _too_wide(prior)
    v = center + step * np.array(sorted(places))
    smooth = limit is not None and (yield from _is_smooth(surface, v[0], step, limit))
    if thrifty:
        v = _without_faint(surface, v, hyper.finest, smooth)
    smooth = smooth and len(v) > apart(step)
    values = prior.value(v)
    weights = lattice_weights(prior, v, step, smooth)
    if smooth:
        assert hyper.limit is not None  # what is smooth goes to it
        values, v = np.append(hyper.limit, values), np.append(-np.inf, v)
    return Lattice((hyper.name,), values[:, None], weights, prior, v)


def _too_wide(prior: HyperPrior) -> EngineError:
    return EngineError(
        f"{prior.prior} on the {prior.hyper.field} reaches over too many orders of magnitude; "
        "make it narrower, or closer to 0"
    )


def answered(search: Search, log_evidence: Callable[[Floats], float]) -> HyperNodes:
    """Return what a search finds, telling it what it asks for."""
    try:
        psi = next(search)
        while True:
            try:
                told = log_evidence(psi)
            except EngineError as error:
                psi = search.throw(error)
            else:
                psi = search.send(told)
    except StopIteration as stop:
        nodes: HyperNodes = stop.value
        return nodes


def _bent(
    surface: _Surface, modes: list[tuple[float, float]]
) -> Generator[Floats, float, tuple[HyperPrior, list[tuple[float, float]]]]:
    """Return the prior bent where its posterior wants it, and the modes with their sds in x."""
    bend = max((v for v, _ in modes), key=surface)
    floor = surface.best - CUT
    places = sorted(surface.heights)
    last = max(i for i, v in enumerate(places) if surface(v) > floor)
    if last + 1 < len(places):
        low, high = places[last], places[last + 1]
        while high - low > 1.3:
            middle = (low + high) / 2
            if not low < middle < high:  # no number lies between
                raise _too_wide(surface.prior)
            height = yield from surface.ask(middle)
            low, high = (middle, high) if height > floor else (low, middle)
        share = (surface(low) - floor) / (surface(low) - surface(high))
        bend = max(bend, low + share * (high - low) - math.log(BEND))
    bent = []
    for v, sd in modes:
        rise = math.exp(v - bend)
        if rise < 1e-16:  # x and v - bend are one
            bent.append((v - bend, sd))
        else:
            share = -math.expm1(-rise)
            bent.append((rise + math.log(share), sd * rise / share))
    return HyperPrior(surface.prior.hyper, bend), bent


def _without_faint(surface: _Surface, v: Floats, finest: int, smooth: bool) -> Floats:
    """Leave out the last millionths at either end, most where inner grids must be finest."""
    known = sorted(surface.heights)
    heights = np.interp(v, known, [surface(place) for place in known])
    mass = np.exp(heights - heights.max())
    mass /= mass.sum()
    low, high = (FAINT, FAINT_BLUNT) if finest == 0 else (FAINT_BLUNT, FAINT)
    kept: Floats = v[(smooth | (np.cumsum(mass) > low)) & (np.cumsum(mass[::-1])[::-1] > high)]
    return kept


def _scan(
    surface: _Surface, limit: float | None
) -> Generator[Floats, float, list[tuple[float, float, float]]]:
    """Return brackets of every local maximum found on the way out from the prior's median.

    Steps grow outwards; a direction ends where a value is hopeless, or the limit is reached.
    """
    start = surface.prior.median()
    yield from surface.ask(start)
    for direction in (-1, 1):
        v, before, step = start, start, 1.0
        while v == start or (surface(v) > surface.best - GONE and abs(v - start) < 1e3):
            earlier, before, v = before, v, v + direction * step
            if v == before:  # the step is lost in rounding
                raise _too_wide(surface.prior)
            step = min(1.3 * step, STRIDE)
            try:
                yield from surface.ask(v)
            except EngineError:  # too fine a grid
                if surface(before) < min(surface.best - CUT, surface(earlier)):
                    break
                if step <= 1.3:
                    raise
                v, step = before, 1.0
                continue
            if limit is not None and direction < 0 and abs(surface.evidence[v] - limit) < 0.1:
                break
    places = sorted(surface.evidence)
    heights = [surface(v) for v in places]
    top = max(heights)
    brackets = []
    for i, height in enumerate(heights):
        left = heights[i - 1] if i else -math.inf
        right = heights[i + 1] if i + 1 < len(heights) else -math.inf
        if height >= left and height > right and height > top - GONE:
            low = places[i - 1] if i else places[i] - 1.0
            high = places[i + 1] if i + 1 < len(places) else places[i] + 1.0
            brackets.append((low, places[i], high))
    return brackets


def _climb(
    surface: _Surface, low: float, middle: float, high: float
) -> Generator[Floats, float, tuple[float, float]]:
    """Return a mode and its standard deviation, by parabolas through three points."""
    sd = high - low
    for _ in range(30):
        left, right = middle - low, high - middle
        for v in (low, middle, high):
            yield from surface.ask(v)
        rise, fall = surface(middle) - surface(low), surface(middle) - surface(high)
        curvature = max(2 * (rise / left + fall / right) / (left + right), 1e-6)
        sd = 1 / math.sqrt(curvature)
        shift = rise / left / curvature - left / 2
        vertex = middle + shift
        if max(left, right) < 2.5 * sd:
            return min(max(vertex, low), high), sd
        # Closer points where the parabola is still too coarse to tell the width.
        width = min(max(left, right) / 3, max(2 * sd, abs(shift)))
        points = sorted({middle, min(max(vertex, low), high), middle - width, middle + width})
        for v in points:
            yield from surface.ask(v)
        best = max(points, key=surface)
        below = [v for v in [low, *points] if v < best]
        above = [v for v in [*points, high] if v > best]
        if not below or not above:  # nothing but rounding is left to climb
            return best, sd
        low, middle, high = max(below), best, min(above)
    return middle, sd


def _lattice(
    surface: _Surface, modes: list[float], center: float, step: float, limit: float | None
) -> Generator[Floats, float, set[int]]:
    """Return the lattice places around all modes that matter; none if they are too many."""
    places: set[int] = set()
    for mode in modes:
        start = round((mode - center) / step)
        for direction in (-1, 1):
            places |= yield from _walk(surface, center, step, start, direction, limit)
            if len(places) > MANY:
                return set()
    return places


def _walk(
    surface: _Surface,
    center: float,
    step: float,
    start: int,
    direction: int,
    limit: float | None,
) -> Generator[Floats, float, set[int]]:
    """Return the lattice places from a mode outwards that matter, looking at every other."""
    places: set[int] = set()
    place = start
    while len(places) <= MANY:
        v = center + place * step
        height = yield from surface.ask(v)
        if height < surface.best - CUT and place != start:
            return places | {place - direction}
        places |= {place, place - direction} if place != start else {place}
        if limit is not None and direction < 0:
            if (yield from _is_smooth(surface, v, step, limit)):
                return places
        place += 2 * direction
    return places


def _is_smooth(
    surface: _Surface, v: float, step: float, limit: float
) -> Generator[Floats, float, bool]:
    """Whether below v the evidence is a parabola in z = exp(native), through its limit.

    Told by the cubic through the limit and three places (one may be on the limit's level, on
    the way across it); and the parabola must leave its third node most of its weight.
    """
    places = v + step * np.array([0.0, 2.0, 4.0])  # where the walk came from
    native = surface.prior.native(places)
    z = np.exp(native - native[0])
    if z[1] - 1 < 1e-6 or z[2] - z[1] < 1e-6:  # at the upper end
        return False
    below, parts = tail(surface.prior, v, step)
    _, near, taken = parts @ below
    third = np.array(v + apart(step) * step)
    if -taken > 0.5 * step * math.exp(float(surface.prior.log_density(third))):
        return False
    above = []
    for place in places.tolist():
        yield from surface.ask(place)
        above.append(min(surface.evidence[place] - limit, 50.0))
    excess = np.expm1(np.array(above))
    first, second = np.diff(excess / z) / np.diff(z)
    cubic = abs(second - first) / (z[2] - 1)
    mattering = TAIL * math.exp(min(surface.best - limit, 50.0)) * step
    return float(max(abs(excess[0]) ** 3, cubic) * near) < mattering
