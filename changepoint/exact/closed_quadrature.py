"""The outer quadrature of a hyperparameter whose evidence is smooth up to both ends.

Such as the correlation of neighbours, under a Uniform prior: its posterior may be highest at 0,
where an infinite coordinate would need most of its nodes for the tail towards that end. Here
the coordinate is an angle v, value = low + (high - low) sin^2(v / 2), in equal steps from half
a step on. With the weights of Fejér's first rule the sum is as accurate as the trapezoid rule
is for a function without ends; nodes where the posterior is next to nothing are left out.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from changepoint.exact.hyper_nodes import HyperNodes
from changepoint.exact.hyper_prior import HyperPrior
from changepoint.exact.outer_quadrature import CUT, Search, _climb, _Surface
from changepoint.likelihoods.hyperparameter import Hyperparameter
from changepoint.priors import Uniform

Floats = NDArray[np.float64]

SCANNED = 8  # parts of the range that are looked at
SPACING = 0.6  # in posterior standard deviations
WIDEST = math.pi / 12  # step, where the data tell next to nothing
FINER = 16  # steps between two nodes where the posterior is drawn from
NEAR_HIGHEST = 0.9  # of the highest frequency that the nodes resolve


def applies(hyper: Hyperparameter) -> bool:
    """Whether the rule does."""
    return hyper.closed and isinstance(hyper.prior, Uniform)


class Angle(HyperPrior):
    """A Uniform prior in the coordinate v, between 0 and pi."""

    def native(self, v: Floats) -> Floats:
        """Return the quantity that the prior is about."""
        return self.low + (self.high - self.low) * np.sin(v / 2) ** 2

    def log_density(self, v: Floats) -> Floats:
        """Return the log prior density of v; even around both ends, as the quantity is."""
        density: Floats = np.log(0.5 * np.maximum(np.abs(np.sin(v)), 1e-300))
        return density


@dataclass(frozen=True)
class ClosedNodes(HyperNodes):
    """Some of the `count` nodes of Fejér's rule, of one hyperparameter: angles v, (J,)."""

    prior: Angle
    v: Floats
    count: int

    def posterior(self, weights: Floats) -> Floats:
        """Return the posterior density of the value at the nodes, not normalised, (J,)."""
        density: Floats = weights / np.exp(self.log_weights)
        return density

    def unevenness(self, weights: Floats) -> float:
        """Return how large the density's wave close to the highest frequency still is."""
        density = self.posterior(weights)
        frequency = round(NEAR_HIGHEST * self.count)
        return float(abs(density @ np.cos(frequency * self.v)) / density.sum())

    def draws(self, weights: Floats, uniform: Floats) -> Floats:
        """Return the quantiles of the posterior, interpolated between nodes, of these ranks."""
        from scipy.interpolate import CubicSpline

        with np.errstate(divide="ignore"):
            height = np.maximum(np.log(self.posterior(weights)), -700.0)
        # The density is even around both ends.
        turned, upside = self.v[::-1], height[::-1]
        v = np.concatenate([-turned, self.v, 2 * math.pi - turned])
        spline = CubicSpline(v, np.concatenate([upside, height, upside]))
        step = math.pi / self.count
        ends = max(self.v[0] - step / 2, 0.0), min(self.v[-1] + step / 2, math.pi)
        fine = np.linspace(*ends, FINER * len(self.v) + 1)
        middle = (fine[1:] + fine[:-1]) / 2
        top = height.max()
        mass = np.append(0, np.cumsum(np.exp(spline(middle) - top) * np.sin(middle)))
        return self.prior.value(np.interp(uniform, mass / mass[-1], fine))[:, None]


def search(hyper: Hyperparameter, fineness: float = 1.0) -> Search:
    """Return nodes and prior weights of the hyperparameter; ask for some 25 log evidences."""
    prior = Angle(hyper)
    surface = _Surface(prior)
    modes = []
    for bracket in (yield from _scan(surface)):
        mode, sd = yield from _climb(surface, *bracket)
        modes.append((math.acos(math.cos(mode)), sd))  # back inside, if it climbed out
    for v, _ in modes:
        yield from surface.ask(v)
    modes = [(v, sd) for v, sd in modes if surface(v) > surface.best - CUT]
    step = min(WIDEST, *(SPACING * sd for _, sd in modes)) / fineness
    count = math.ceil(math.pi / step)
    found = yield from _around(surface, [v for v, _ in modes], count)
    angles = (np.array(sorted(found)) + 0.5) * math.pi / count
    weights = prior.log_density(angles) + np.log(math.pi / count * _share(angles, count))
    values = prior.value(angles)[:, None]
    return ClosedNodes((hyper.name,), values, weights, prior, angles, count)


def _scan(
    surface: _Surface,
) -> Generator[Floats, float, list[tuple[float, float, float]]]:
    """Return brackets of every local maximum at some places, and close to the ends."""
    near = math.pi / SCANNED / 8
    places = [near, *(math.pi * np.arange(1.0, SCANNED) / SCANNED).tolist(), math.pi - near]
    heights = []
    for v in places:
        heights.append((yield from surface.ask(v)))
    places = [near / 8, *places, math.pi - near / 8]
    heights = [-math.inf, *heights, -math.inf]  # the density of v goes to 0
    return [
        (places[i - 1], places[i], places[i + 1])
        for i in range(1, len(places) - 1)
        if heights[i] >= heights[i - 1] and heights[i] > heights[i + 1]
    ]


def _around(
    surface: _Surface, modes: list[float], count: int
) -> Generator[Floats, float, set[int]]:
    """Return the numbers of the nodes around all modes that matter."""
    found: set[int] = set()
    for mode in modes:
        start = min(int(mode * count / math.pi), count - 1)
        for direction in (-1, 1):
            place = start
            while 0 <= place < count:
                found.add(place)
                height = yield from surface.ask((place + 0.5) * math.pi / count)
                if height < surface.best - CUT:
                    break
                place += direction
    return found


def _share(v: Floats, count: int) -> Floats:
    """Return Fejér's weights over those of equal steps: the Fourier series of sin v, cut."""
    j = np.arange(1.0, count // 2 + 1)
    series = 1 - 2 * (np.cos(2 * np.outer(v, j)) / (4 * j**2 - 1)).sum(axis=1)
    share: Floats = 2 / math.pi * series / np.sin(v)
    return share
