"""The map from whole numbers u to a parameter's coordinate x, bent towards finite ends.

Where the coordinate has no finite end, x = h u. Towards a finite end the map bends, so that the
end itself lies at u = -infinity:

    x - bottom = h c [softplus(u / c) - softplus((u - L) / c)],   L = (top - bottom) / h

with c = 3. On the whole real line, and for integrands that decay at both ends, the sum with
equal steps (the trapezoid rule) converges faster than any power of h (Trefethen and Weideman
2014); an integrand cut off at an end would lose that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from changepoint.likelihoods.coordinates import Coordinate
from changepoint.likelihoods.series import Integers, Nodes, repeated, with_fields
from changepoint.priors import Prior

Floats = NDArray[np.float64]

BEND = 3.0  # c


@dataclass(frozen=True)
class Stretch:
    """The map on (bottom, top), for B series or, `repeated`, by node.

    `gap` below the coordinate's own top, if that is finite; `low` and `high`: whether bottom
    and top are finite, which they are for all series or for none.
    """

    coordinate: Coordinate
    bottom: Floats
    top: Floats
    gap: Floats
    h: Floats
    low: bool
    high: bool

    def repeated(self, counts: Integers) -> Self:
        """Return the map with its numbers by node."""
        if len(self.h) == 1:
            return self
        whole: Self = repeated(self, counts)
        return with_fields(whole, {"coordinate": repeated(self.coordinate, counts)})  # type: ignore[no-any-return]

    def one(self, i: int) -> Self:
        """Return the map of one series."""
        if len(self.h) == 1:
            return self
        parts = {name: getattr(self, name)[i : i + 1] for name in ("bottom", "top", "gap", "h")}
        named = vars(self.coordinate) if hasattr(self.coordinate, "__dict__") else {}
        numbers = {
            name: value[i : i + 1]
            if isinstance(value, np.ndarray) and len(value) > 1
            else value
            for name, value in named.items()
        }
        own = with_fields(self.coordinate, numbers) if numbers else self.coordinate
        return with_fields(self, {**parts, "coordinate": own})  # type: ignore[no-any-return]

    @property
    def length(self) -> Floats:
        """L; infinite where an end is."""
        return (self.top - self.bottom) / self.h

    def x(self, u: Floats) -> Floats:
        """Return x at u."""
        if not self.low:
            return self.top - self.below(u) if self.high else self.h * u
        rise = np.logaddexp(0, u / BEND)
        if self.high:
            rise = rise - np.logaddexp(0, (u - self.length) / BEND)
        return self.bottom + self.h * BEND * rise

    def below(self, u: Floats) -> Floats:
        """Return top - x, accurate near the top."""
        fall = np.logaddexp(0, ((self.length if self.low else 0) - u) / BEND)
        if self.low:
            fall = fall - np.logaddexp(0, -u / BEND)
        return self.h * BEND * fall

    def log_slope(self, u: Floats) -> Floats:
        """Return log d x / d u."""
        log_slope = np.log(self.h) + np.zeros_like(u)
        if self.low:
            log_slope -= np.logaddexp(0, -u / BEND)
        if self.high:
            end = self.length if self.low else 0.0
            log_slope -= np.logaddexp(0, (u - end) / BEND)
            if self.low:
                log_slope += np.log(-np.expm1(-end / BEND))
        return log_slope

    def nodes(self, u: Floats) -> Nodes:
        """Return theta and its companion at any u."""
        x = self.x(u)
        rest = self.gap + self.below(u) if self.high else self.coordinate.top - x
        return self.coordinate.nodes(x, rest)

    def u(self, theta: Floats, complement: Floats) -> Floats:
        """Return u at theta; -inf or inf at an end."""
        x, scale = self.coordinate.x(theta, complement), self.h * BEND
        if not self.low and not self.high:
            return x / self.h
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            if np.isinf(self.coordinate.top):
                below = (self.top - x) / scale
            else:
                below = (self.coordinate.below_top(theta, complement) - self.gap) / scale
            if not self.low:
                return -BEND * _log_expm1(below)
            rise = _log_expm1((x - self.bottom) / scale)
            if not self.high:
                return BEND * rise
            return np.where(below > 0, BEND * (rise - np.log(-np.expm1(-below))), np.inf)

    def ends(self, share: float) -> tuple[Floats, Floats]:
        """Return u where the distance to a finite end is about this share of h c."""
        far, none = -BEND * np.log(share), np.zeros_like(self.h)
        end = self.length if self.low else none
        return (
            none - far if self.low else none - np.inf,
            end + far if self.high else none + np.inf,
        )


def weigh(prior: Prior, stretch: Stretch, u: Floats) -> tuple[Nodes, Floats]:
    """Return nodes at u, and the log of prior density x d theta / d x x d x / d u."""
    nodes = stretch.nodes(u)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = prior.log_density(nodes.theta, nodes.companion)
        weights = weights + stretch.coordinate.log_slope(nodes)
    weights[~(weights < np.inf)] = -np.inf  # beyond the smallest numbers
    return nodes, weights + stretch.log_slope(u)


def _log_expm1(z: Floats) -> Floats:
    """Return log(exp(z) - 1)."""
    return np.where(z > 0, z + np.log(-np.expm1(-z)), -np.inf)
