"""Coordinates x(theta) in which the information about a parameter is nearly constant.

On a grid with equal steps in x every segment's posterior is resolved equally well, wherever
it lies. A coordinate is an increasing map of theta's whole domain onto (bottom, top).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from changepoint.likelihoods.series import Nodes

Floats = NDArray[np.float64]

TINY = 1e-300  # instead of 0 where a logarithm or an inverse is taken
LOWEST = 690.0  # largest logit: -log TINY


class Coordinate(ABC):
    """An increasing map from a parameter's domain onto (bottom, top)."""

    bottom = -math.inf
    top = math.inf

    @abstractmethod
    def x(self, theta: Floats, complement: Floats) -> Floats:
        """Return x at theta; complement = 1 - theta, for proportions."""

    @abstractmethod
    def nodes(self, x: Floats, below_top: Floats) -> Nodes:
        """Return the nodes at x; below_top = top - x, accurate near a finite top."""

    @abstractmethod
    def companion(self, theta: Floats) -> Floats:
        """Return the companion of theta, as accurately as theta tells it."""

    @abstractmethod
    def log_slope(self, nodes: Nodes) -> Floats:
        """Return log d theta / d x at the nodes."""

    def below_top(self, theta: Floats, complement: Floats) -> Floats:
        """Return top - x at theta; accurate where the top is finite."""
        return self.top - self.x(theta, complement)


@dataclass(frozen=True)
class Arcsine(Coordinate):
    """x = arcsin sqrt theta for a proportion: N trials give the information 4 N."""

    bottom = 0.0
    top = math.pi / 2

    def x(self, theta: Floats, complement: Floats) -> Floats:
        """Return x at theta."""
        low: Floats = np.arcsin(np.sqrt(np.minimum(theta, complement)))
        return np.where(theta < complement, low, self.top - low)

    def nodes(self, x: Floats, below_top: Floats) -> Nodes:
        """Return theta = sin^2 x and its complement."""
        return Nodes(np.sin(x) ** 2, np.sin(below_top) ** 2)

    def companion(self, theta: Floats) -> Floats:
        """Return 1 - theta."""
        return 1 - theta

    def log_slope(self, nodes: Nodes) -> Floats:
        """Return log(2 sin x cos x)."""
        slope: Floats = 0.5 * np.log(4 * nodes.theta * nodes.companion)
        return slope

    def below_top(self, theta: Floats, complement: Floats) -> Floats:
        """Return the arcsine of the complement's root."""
        return np.arcsin(np.sqrt(complement))


@dataclass(frozen=True)
class SquareRoot(Coordinate):
    """x = sqrt theta for a Poisson rate: exposure E gives the information 4 E."""

    bottom = 0.0

    def x(self, theta: Floats, complement: Floats) -> Floats:
        """Return x at theta."""
        return np.sqrt(theta)

    def nodes(self, x: Floats, below_top: Floats) -> Nodes:
        """Return theta = x^2."""
        return Nodes(x**2, x**2)

    def companion(self, theta: Floats) -> Floats:
        """Return theta."""
        return theta

    def log_slope(self, nodes: Nodes) -> Floats:
        """Return log 2 x."""
        slope: Floats = 0.5 * np.log(4 * nodes.theta)
        return slope


@dataclass(frozen=True)
class OverdispersedRate(Coordinate):
    """A rate whose counts have the variance mean (1 + c theta): information E in exposure E.

    x = integral of 1 / sqrt(theta (1 + c theta)) = 2 / sqrt(c) arsinh sqrt(c theta),

    2 sqrt theta for c = 0, as for a Poisson; logarithmic where c theta is large.
    """

    c: Floats

    bottom = 0.0

    @property
    def _root(self) -> Floats:
        """The square root of c, or of a number so small that it makes no difference."""
        return np.sqrt(np.maximum(self.c, 1e-200))

    def x(self, theta: Floats, complement: Floats) -> Floats:
        """Return x at theta."""
        return 2 / self._root * np.arcsinh(self._root * np.sqrt(theta))

    def nodes(self, x: Floats, below_top: Floats) -> Nodes:
        """Return theta = sinh^2(sqrt(c) x / 2) / c."""
        theta = (np.sinh(self._root * x / 2) / self._root) ** 2
        return Nodes(theta, theta)

    def companion(self, theta: Floats) -> Floats:
        """Return theta."""
        return theta

    def log_slope(self, nodes: Nodes) -> Floats:
        """Return log sqrt(theta (1 + c theta))."""
        slope: Floats = 0.5 * (np.log(nodes.theta) + np.log1p(self.c * nodes.theta))
        return slope


@dataclass(frozen=True)
class Log(Coordinate):
    """x = log theta for the rate of waiting times: n of them give the information n."""

    def x(self, theta: Floats, complement: Floats) -> Floats:
        """Return x at theta."""
        with np.errstate(divide="ignore"):
            return np.log(theta)

    def nodes(self, x: Floats, below_top: Floats) -> Nodes:
        """Return theta = exp(x)."""
        theta = np.exp(x)
        return Nodes(theta, theta)

    def companion(self, theta: Floats) -> Floats:
        """Return theta."""
        return theta

    def log_slope(self, nodes: Nodes) -> Floats:
        """Return log theta."""
        slope: Floats = np.log(nodes.theta)
        return slope


@dataclass(frozen=True)
class Level(Coordinate):
    """x = theta - center for a level; subtracting the centre keeps far-off data accurate."""

    center: Floats

    def x(self, theta: Floats, complement: Floats) -> Floats:
        """Return x at theta."""
        return theta - self.center

    def nodes(self, x: Floats, below_top: Floats) -> Nodes:
        """Return theta = center + x."""
        return Nodes(self.center + x, x)

    def companion(self, theta: Floats) -> Floats:
        """Return theta - center."""
        return theta - self.center

    def log_slope(self, nodes: Nodes) -> Floats:
        """Return 0."""
        return np.zeros_like(nodes.theta)


@dataclass(frozen=True)
class BetaMean(Coordinate):
    """The mean of a Beta distribution of known concentration phi: information about 1 a row.

    x = A(phi theta) - A(phi (1 - theta)),   A'(z) = sqrt(1/z + 1/z^2),

    close to the exact information phi^2 (trigamma(phi theta) + trigamma(phi (1 - theta))):
    square-root-like where a shape is large, logarithmic where it is small.
    """

    concentration: Floats

    def x(self, theta: Floats, complement: Floats) -> Floats:
        """Return x at theta."""
        phi = self.concentration
        return _beta_length(phi * theta) - _beta_length(phi * complement)

    def nodes(self, x: Floats, below_top: Floats) -> Nodes:
        """Return theta at x, by Newton's method on logit theta."""
        phi = self.concentration
        logit = self._near(x)
        for _ in range(400):  # steps of at most 2, to LOWEST
            theta, complement = _expit(logit), _expit(-logit)
            excess = _beta_length(phi * theta) - _beta_length(phi * complement) - x
            slope = phi * theta * complement * self._density(theta, complement)
            step = np.clip(excess / slope, -2, 2)
            logit, before = np.clip(logit - step, -LOWEST, LOWEST), logit
            # Near an end x is a small difference of large numbers.
            rounding = 1e-15 * np.abs(x) / slope
            if np.all(np.abs(logit - before) < 1e-14 * (1 + np.abs(logit)) + rounding):
                break
        return Nodes(_expit(logit), _expit(-logit))

    def _near(self, x: Floats) -> Floats:
        """Return logit theta roughly: A(z) is 2 sqrt z for large z, log z + 0.6 for small."""
        phi = self.concentration
        z = _beta_length(phi) - np.abs(x)
        log_shape = np.where(z > 2, 2 * np.log(np.maximum(z, 2.0) / 2), z - 0.6)
        logit: Floats = np.clip(log_shape - np.log(phi), -LOWEST, 0.0)
        return np.where(x < 0, logit, -logit)

    def companion(self, theta: Floats) -> Floats:
        """Return 1 - theta."""
        return 1 - theta

    def log_slope(self, nodes: Nodes) -> Floats:
        """Return minus log d x / d theta."""
        slope: Floats = -np.log(self._density(nodes.theta, nodes.companion)) - np.log(
            self.concentration
        )
        # Where theta stands still because numbers get no smaller, nothing may be counted.
        return np.where(np.minimum(nodes.theta, nodes.companion) > 3 * TINY, slope, -np.inf)

    def _density(self, theta: Floats, complement: Floats) -> Floats:
        a = np.maximum(self.concentration * theta, TINY)
        b = np.maximum(self.concentration * complement, TINY)
        density: Floats = np.sqrt(1 + a) / a + np.sqrt(1 + b) / b
        return density


def _beta_length(z: Floats) -> Floats:
    """A(z) = 2 sqrt(1+z) - 2 artanh(1 / sqrt(1+z)), written without cancellation."""
    root = np.sqrt(1 + z)
    length: Floats = 2 * root + np.log(np.maximum(z, TINY)) - 2 * np.log1p(root)
    return length


def _expit(x: Floats) -> Floats:
    return np.where(
        x > 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x)))
    )
