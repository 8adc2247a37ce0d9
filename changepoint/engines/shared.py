"""The outer grid: nodes of the parameter that all segments share.

Its evidence surface is smooth: the trapezoid rule on an unbounded coordinate v, over the
places where prior times evidence matters, is accurate to 1e-5 with about 15 nodes. v is the
quantity the prior is about, mapped to the real line by its support (a logarithm where it is
positive, a logit between two ends), as samplers do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import EngineError, ModelError
from changepoint.likelihoods import Likelihood

Floats = NDArray[np.float64]

CUT = 15.0  # in log density: where the outer grid ends
GONE = 40.0  # in log density: where the scan for modes turns round
SPACING = 0.85  # in posterior standard deviations
WIDEST = 0.43  # in v: pressed to the Binomial, a posterior ends as exp(v - exp(2 v)) does
MANY = 500  # nodes of an outer grid; 15 to 60 are usual
TAIL = 1e-6  # of the evidence: what a linear tail may be wrong by

FAINT = 3e-6  # of the posterior, where it would cost the most nodes


@dataclass(frozen=True)
class SharedGrid:
    """Values of the shared parameter with log weights, shape (J,).

    The first may be a limit (the Binomial of a BetaBinomial), which has no place in v: its
    `v` is -inf, and it carries the weight of all values below the second.
    """

    v: Floats
    values: Floats
    log_weights: Floats


class SharedPrior:
    """The shared parameter's prior in the coordinate v."""

    def __init__(self, family: Likelihood) -> None:
        prior, domain = family.shared_prior, family.shared_domain
        self.family, self.prior = family, prior
        self.low, self.high = max(prior.support[0], domain[0]), min(prior.support[1], domain[1])
        inside = float(prior.cdf(self.high) - prior.cdf(self.low))
        if not inside > 1e-300:
            raise ModelError(
                f"{prior} on the {family.shared_field} has no mass where it can lie for these "
                f"data, between {self.low:.6g} and {self.high:.6g}"
            )
        self._log_inside = math.log(inside)
        if not math.isfinite(self.median()):
            raise ModelError(
                f"{prior} on the {family.shared_field} has half its mass closer to an end of "
                "its support than numbers can tell"
            )

    def native(self, v: Floats) -> Floats:
        """Return the quantity that the prior is about."""
        if math.isinf(self.low) and math.isinf(self.high):
            return v
        if math.isinf(self.high):
            return self.low + np.exp(v)
        if math.isinf(self.low):
            return self.high - np.logaddexp(0, -v)
        return self.low + (self.high - self.low) / (1 + np.exp(-v))

    def value(self, v: Floats) -> Floats:
        """Return the shared parameter itself."""
        return self.family.shared_value(self.native(v))

    def log_density(self, v: Floats) -> Floats:
        """Return the log prior density of v."""
        slope = np.zeros_like(v)
        if math.isfinite(self.low):
            slope = slope + (v if math.isinf(self.high) else -np.logaddexp(0, -v))
        if math.isfinite(self.high):
            slope = slope - np.logaddexp(0, v)
        if math.isfinite(self.low) and math.isfinite(self.high):
            slope = slope + math.log(self.high - self.low)
        density: Floats = self.prior.log_density(self.native(v)) + slope - self._log_inside
        return density

    def median(self) -> float:
        """Return v at the median of the prior inside its domain."""
        q = 0.5 * (self.prior.cdf(self.low) + self.prior.cdf(self.high))
        x = float(self.prior.quantile(q))
        if x in (self.low, self.high):
            return math.inf
        if math.isinf(self.low) and math.isinf(self.high):
            return x
        if math.isinf(self.high):
            return math.log(x - self.low)
        if math.isinf(self.low):
            return x - self.high - math.log(-math.expm1(x - self.high))
        return math.log((x - self.low) / (self.high - x))


class _Surface:
    """Log prior plus log evidence as a function of v, every value kept."""

    def __init__(self, prior: SharedPrior, log_evidence: Callable[[float], float]) -> None:
        self.prior = prior
        self._log_evidence = log_evidence
        self.evidence: dict[float, float] = {}
        self.heights: dict[float, float] = {}

    def __call__(self, v: float) -> float:
        if v not in self.heights:
            place = np.array(v)
            self.evidence[v] = self._log_evidence(float(self.prior.value(place)))
            self.heights[v] = float(self.prior.log_density(place)) + self.evidence[v]
        return self.heights[v]

    def above(self, v: float, limit: float) -> float:
        """Return how far the log evidence at v is above a limit."""
        self(v)
        return self.evidence[v] - limit

    @property
    def best(self) -> float:
        return max(self.heights.values())


def build(
    family: Likelihood, log_evidence: Callable[[float], float], fineness: float = 1.0
) -> SharedGrid:
    """Return nodes and prior weights of the shared parameter.

    Parameters
    ----------
    log_evidence
        The log evidence given a value of the shared parameter; called some 25 times.
    fineness
        Divides the distance of nodes.
    """
    prior = SharedPrior(family)
    surface = _Surface(prior, log_evidence)
    limit = None if family.shared_limit is None else log_evidence(family.shared_limit)
    modes = [_climb(surface, *bracket) for bracket in _scan(surface, limit)]
    if not modes:
        raise EngineError(
            f"no {family.shared} that its prior {prior.prior} allows comes close to explaining "
            f"these data: widen the priors of {family.parameter} and {family.shared_field}"
        )
    # A posterior pressed against a finite end is skewed, and wants closer nodes.
    spacing = SPACING if math.isinf(prior.prior.support[1]) else 0.8 * SPACING
    step = min(WIDEST, *(spacing * sd for _, sd in modes)) / fineness
    center = max(modes, key=lambda mode: surface(mode[0]))[0]
    while not (places := _lattice(surface, [v for v, _ in modes], center, step, limit)):
        step *= 4  # a curvature that was rounding, or a prior over many orders of magnitude
        if step > 100:
            raise EngineError(
                f"{prior.prior} on the {family.shared_field} reaches over too many orders of "
                "magnitude; make it narrower"
            )
    v = center + step * np.array(sorted(places))
    linear = limit is not None and _is_linear(surface, v[0], step, limit)
    if not linear:
        v = _without_faint(surface, v, family.sharpest)
    values, weights = prior.value(v), math.log(step) + prior.log_density(v)
    if not linear or family.shared_limit is None:
        return SharedGrid(v, values, weights)
    below, share = _tail(prior, v[0], step)
    log_limit = math.log(np.sum(below * (1 - share)))
    weights[0] = np.logaddexp(weights[0], math.log(np.sum(below * share)))
    return SharedGrid(
        np.append(-np.inf, v),
        np.append(family.shared_limit, values),
        np.append(log_limit, weights),
    )


def _without_faint(surface: _Surface, v: Floats, sharpest: int) -> Floats:
    """Leave out the last millionths at the end that wants the finest inner grid."""
    known = sorted(surface.heights)
    heights = np.interp(v, known, [surface.heights[place] for place in known])
    mass = np.exp(heights - heights.max())
    inside = np.cumsum(mass) if sharpest == 0 else np.cumsum(mass[::-1])[::-1]
    kept: Floats = v[inside > FAINT * mass.sum()]
    return kept


def _scan(surface: _Surface, limit: float | None) -> list[tuple[float, float, float]]:
    """Return brackets of every local maximum found on the way out from the prior's median.

    Steps grow outwards; a direction ends where a value is hopeless, or the limit is reached.
    """
    start = surface.prior.median()
    surface(start)
    for direction in (-1, 1):
        v, before, step = start, start, 1.0
        while v == start or (surface(v) > surface.best - GONE and abs(v - start) < 1e3):
            earlier, before, v = before, v, v + direction * step
            step *= 1.3
            try:
                surface(v)
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


def _climb(surface: _Surface, low: float, middle: float, high: float) -> tuple[float, float]:
    """Return a mode and its standard deviation, by parabolas through three points."""
    sd = high - low
    for _ in range(30):
        left, right = middle - low, high - middle
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
        best = max(points, key=surface)
        below = [v for v in [low, *points] if v < best]
        above = [v for v in [*points, high] if v > best]
        if not below or not above:  # nothing but rounding is left to climb
            return best, sd
        low, middle, high = max(below), best, min(above)
    return middle, sd


def _lattice(
    surface: _Surface, modes: list[float], center: float, step: float, limit: float | None
) -> set[int]:
    """Return the lattice places around all modes that matter; none if they are too many."""
    places: set[int] = set()
    for mode in modes:
        start = round((mode - center) / step)
        for direction in (-1, 1):
            places |= _walk(surface, center, step, start, direction, limit)
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
) -> set[int]:
    """Return the lattice places from a mode outwards that matter, looking at every other."""
    places: set[int] = set()
    place = start
    while len(places) <= MANY:
        v = center + place * step
        if surface(v) < surface.best - CUT and place != start:
            return places | {place - direction}
        places |= {place, place - direction} if place != start else {place}
        if limit is not None and direction < 0 and _is_linear(surface, v, step, limit):
            return places
        place += 2 * direction
    return places


def _is_linear(surface: _Surface, v: float, step: float, limit: float) -> bool:
    """Whether below v the evidence is its limit plus a term linear in exp(native).

    Told by two places: the evidence may cross its limit on the way there.
    """
    below, _ = _tail(surface.prior, v, step)
    ahead = v + 2 * step  # where the walk came from
    near, far = (math.expm1(min(surface.above(place, limit), 50.0)) for place in (v, ahead))
    growth = math.exp(float(np.diff(surface.prior.native(np.array([v, ahead])))[0]))
    if growth < 1 + 1e-6:  # at the upper end
        return False
    curved = abs(far / growth - near) / (growth - 1)
    mattering = TAIL * math.exp(min(surface.best - limit, 50.0)) * step
    return max(near**2, curved) * float(np.sum(below)) < mattering


def posterior(
    prior: SharedPrior, grid: SharedGrid, weights: Floats
) -> tuple[float, float, Floats]:
    """Return the posterior of v at equal steps: first v, step, log density (not normalised).

    Where a limit carries the weight of what lies below the second node, that is spread out
    again, as it was collected.
    """
    limit = int(np.isinf(grid.v[0]))
    v = grid.v[limit:]
    step = float(np.min(np.diff(v))) if len(v) > 1 else 1.0
    density = np.zeros(round((v[-1] - v[0]) / step) + 1)
    density[np.round((v - v[0]) / step).astype(int)] = weights[limit:]
    first = float(v[0])
    if limit:
        below, share = _tail(prior, first, step)
        own = step * float(np.exp(prior.log_density(np.array(first))))
        there = density[0] / (own + np.sum(below * share))
        far = weights[0] / np.sum(below * (1 - share))
        density[0] = own * there
        tail = below * ((1 - share) * far + share * there)
        density = np.concatenate([tail[::-1], density])
        first -= step * len(tail)
    with np.errstate(divide="ignore"):
        return first, step, np.log(density)


def _tail(prior: SharedPrior, v: float, step: float) -> tuple[Floats, Floats]:
    """Return the lattice weights below v, and how far each stands from limit (0) to v (1)."""
    places: Floats = v - step * np.arange(1.0, min(math.ceil(60 / step), 1e6))
    weights = step * np.exp(prior.log_density(places))
    share = np.exp(prior.native(places) - prior.native(np.array(v)))
    return weights, share
