"""The prior of the hyperparameter, which all segments share, on a coordinate without ends.

v is the quantity that the prior is about, mapped to the real line by its support: a logarithm
where it is positive, a logit between two ends, as samplers do.

Towards a limit, such as the Binomial of a BetaBinomial, the evidence is a smooth function of
exp(v); pressed to that limit, the posterior falls as exp(v - exp(2 v)), which wants close
nodes, while most of them stand far out in the flat tail exp(v). There v itself is bent,
exp(v) = b softplus(x): the grid of x is linear in exp(v) above b and logarithmic below, and
takes half the nodes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.errors import ModelError
from changepoint.likelihoods.hyperparameter import Hyperparameter

Floats = NDArray[np.float64]


class HyperPrior:
    """The hyperparameter's prior in the coordinate v; bent where `bend` = log b is given.

    Moved up by `by`: a quantity without a lower end, such as a logarithm, by so much, before it
    is cut to its domain; others in v, not bent, which multiplies positive ones by exp(by).
    """

    def __init__(
        self, hyper: Hyperparameter, bend: float | None = None, by: float = 0.0
    ) -> None:
        self.bend = bend
        prior, domain = hyper.prior, hyper.domain
        self.hyper, self.prior = hyper, prior
        self.low, self.high = max(prior.support[0], domain[0]), min(prior.support[1], domain[1])
        self._along, self._off = (0.0, by) if math.isinf(self.low) else (by, 0.0)
        inside = float(prior.cdf(self.high - self._off) - prior.cdf(self.low - self._off))
        if not inside > 1e-300:
            raise ModelError(
                f"{prior} on the {hyper.field} has no mass where it can lie for these "
                f"data, between {self.low:.6g} and {self.high:.6g}"
            )
        self._log_inside = math.log(inside)
        if not math.isfinite(self.median()):
            raise ModelError(
                f"{prior} on the {hyper.field} has half its mass closer to an end of "
                "its support than numbers can tell"
            )

    def moved(self, by: float) -> HyperPrior:
        """Return the prior moved up, on the same coordinate; of one that isn't moved yet."""
        return HyperPrior(self.hyper, self.bend, by)

    def native(self, v: Floats) -> Floats:
        """Return the quantity that the prior is about."""
        return self._native(self._straight(v))

    def value(self, v: Floats) -> Floats:
        """Return the shared parameter itself."""
        return self.hyper.value(self.native(v))

    def log_density(self, v: Floats) -> Floats:
        """Return the log prior density of v."""
        at = self._straight(v) - self._along
        slope = np.zeros_like(v)
        if self.bend is not None:
            slope = -np.logaddexp(0, -v) - _log_softplus(v)
        if math.isfinite(self.low):
            slope = slope + (at if math.isinf(self.high) else -np.logaddexp(0, -at))
        if math.isfinite(self.high):
            slope = slope - np.logaddexp(0, at)
        if math.isfinite(self.low) and math.isfinite(self.high):
            slope = slope + math.log(self.high - self.low)
        if math.isinf(self.low) and math.isinf(self.high):
            slope = slope + math.log(self.hyper.unit)
        # Where a proportion rounds to 1 its density may still rise.
        proportion = (self.low, self.high) == (0, 1)
        log_p = self.prior.log_density(
            self._native(at) - self._off, special.expit(-at) if proportion else None
        )
        density: Floats = log_p + slope - self._log_inside
        return density

    def below(self, v: float) -> float:
        """Return the prior mass below a place."""
        native = self._native(self._straight(np.array(v)) - self._along) - self._off
        return float(self.prior.cdf(float(native))) * math.exp(-self._log_inside)

    def _straight(self, v: Floats) -> Floats:
        """Return v, not bent."""
        return v if self.bend is None else self.bend + _log_softplus(v)

    def _native(self, v: Floats) -> Floats:
        """Return the quantity at v, not bent."""
        if math.isinf(self.low) and math.isinf(self.high):
            return v * self.hyper.unit
        if math.isinf(self.high):
            return self.low + np.exp(v)
        if math.isinf(self.low):
            return self.high - np.logaddexp(0, -v)
        native: Floats = self.low + (self.high - self.low) * special.expit(v)
        return native

    def median(self) -> float:
        """Return v, not bent, at the median of the prior inside its domain."""
        q = 0.5 * (self.prior.cdf(self.low) + self.prior.cdf(self.high))
        x = float(self.prior.quantile(q))
        if x in (self.low, self.high):
            return math.inf
        if math.isinf(self.low) and math.isinf(self.high):
            return x / self.hyper.unit
        if math.isinf(self.high):
            return math.log(x - self.low)
        if math.isinf(self.low):
            return x - self.high - math.log(-math.expm1(x - self.high))
        return math.log((x - self.low) / (self.high - x))


def _log_softplus(x: Floats) -> Floats:
    """Return log log(1 + exp(x))."""
    return np.where(x > -35, np.log(np.logaddexp(0, np.maximum(x, -35))), x)
