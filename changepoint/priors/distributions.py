"""The priors themselves: density, distribution and quantiles in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from changepoint.errors import ModelError
from changepoint.priors.base import Prior

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Beta(Prior):
    """p(x) = x^(alpha-1) (1-x)^(beta-1) / B(alpha, beta), 0 < x < 1.

    Worth alpha successes and beta failures.

    Examples
    --------
    >>> Beta(2, 200).quantile([0.025, 0.975]).round(4)
    array([0.0012, 0.0274])
    """

    alpha: float
    beta: float

    ENDS: ClassVar = (0.0, 1.0)

    def strengthened(self, strength: float) -> Self | None:
        """Return the prior worth so many times as many observations."""
        return type(self)(strength * self.alpha, strength * self.beta)

    def log_density(self, x: ArrayLike, companion: Floats | None = None) -> Floats:
        """Return log p(x); same shape as x."""
        x, inside = _inside(x, 0, 1)
        log_p = special.xlogy(self.alpha - 1, x)
        if companion is None:
            log_p = log_p + special.xlog1py(self.beta - 1, -x)
        else:
            log_p = log_p + special.xlogy(self.beta - 1, companion)
        return np.where(inside, log_p - special.betaln(self.alpha, self.beta), -np.inf)

    def complement_quantile(self, q: float) -> Floats | float:
        """Return 1 - x with P(X >= x) = q."""
        found: Floats = np.asarray(special.betaincinv(self.beta, self.alpha, q))
        return found

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x); same shape as x."""
        return special.betainc(self.alpha, self.beta, np.clip(x, 0, 1))

    def quantile(self, q: ArrayLike) -> Floats:
        """Return x with P(X <= x) = q; same shape as q."""
        return special.betaincinv(self.alpha, self.beta, np.asarray(q, float))

    def upper_quantile(self, q: float) -> Floats | float:
        """Return x with P(X >= x) = q."""
        return 1 - self.complement_quantile(q)


@dataclass(frozen=True)
class Gamma(Prior):
    """p(x) = beta^alpha x^(alpha-1) exp(-beta x) / Gamma(alpha), x > 0; mean alpha / beta.

    Examples
    --------
    >>> float(Gamma(2, 4).quantile(0.5).round(4))
    0.4196
    """

    alpha: float
    beta: float

    def strengthened(self, strength: float) -> Self | None:
        """Return the prior worth so many times as many observations."""
        return type(self)(strength * self.alpha, strength * self.beta)

    def log_density(self, x: ArrayLike, companion: Floats | None = None) -> Floats:
        """Return log p(x); same shape as x."""
        x, inside = _inside(x, 0, math.inf)
        log_p = special.xlogy(self.alpha - 1, x) - self.beta * x
        constant = self.alpha * np.log(self.beta) - special.gammaln(self.alpha)
        return np.where(inside, log_p + constant, -np.inf)

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x); same shape as x."""
        return special.gammainc(self.alpha, self.beta * np.maximum(x, 0))

    def quantile(self, q: ArrayLike) -> Floats:
        """Return x with P(X <= x) = q; same shape as q."""
        return special.gammaincinv(self.alpha, np.asarray(q, float)) / self.beta

    def upper_quantile(self, q: float) -> Floats | float:
        """Return x with P(X >= x) = q."""
        found: Floats = np.asarray(special.gammainccinv(self.alpha, q) / self.beta)
        return found


@dataclass(frozen=True)
class Normal(Prior):
    """p(x) = exp(-(x-mu)^2 / (2 sigma^2)) / (sigma sqrt(2 pi)), x any real number.

    Examples
    --------
    >>> float(Normal(900, 300).cdf(1200).round(4))
    0.8413
    """

    mu: float
    sigma: float

    ENDS: ClassVar = (-math.inf, math.inf)

    def strengthened(self, strength: float) -> Self | None:
        """Return the prior worth so many times as many observations."""
        return type(self)(self.mu, self.sigma / math.sqrt(strength))

    def log_density(self, x: ArrayLike, companion: Floats | None = None) -> Floats:
        """Return log p(x); same shape as x."""
        z = (np.asarray(x, float) - self.mu) / self.sigma
        log_p: Floats = _standard_normal(z) - np.log(self.sigma)
        return log_p

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x); same shape as x."""
        return special.ndtr((np.asarray(x, float) - self.mu) / self.sigma)

    def quantile(self, q: ArrayLike) -> Floats:
        """Return x with P(X <= x) = q; same shape as q."""
        return self.mu + self.sigma * special.ndtri(np.asarray(q, float))

    def upper_quantile(self, q: float) -> Floats | float:
        """Return x with P(X >= x) = q."""
        return self.mu - self.sigma * special.ndtri(q)


@dataclass(frozen=True)
class LogNormal(Prior):
    """log X ~ Normal(mu, sigma), x > 0; median exp(mu).

    Examples
    --------
    >>> float(LogNormal(0, 1).quantile(0.975).round(3))
    7.099
    """

    mu: float
    sigma: float

    def strengthened(self, strength: float) -> Self | None:
        """Return the prior worth so many times as many observations."""
        return type(self)(self.mu, self.sigma / math.sqrt(strength))

    def log_density(self, x: ArrayLike, companion: Floats | None = None) -> Floats:
        """Return log p(x); same shape as x."""
        x, inside = _inside(x, 0, math.inf)
        with np.errstate(divide="ignore"):
            log_x = np.log(np.where(inside, x, 1))
        log_p = _standard_normal((log_x - self.mu) / self.sigma) - math.log(self.sigma) - log_x
        return np.where(inside, log_p, -np.inf)

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x); same shape as x."""
        with np.errstate(divide="ignore"):
            return special.ndtr((np.log(np.maximum(x, 0)) - self.mu) / self.sigma)

    def quantile(self, q: ArrayLike) -> Floats:
        """Return x with P(X <= x) = q; same shape as q."""
        return np.exp(self.mu + self.sigma * special.ndtri(np.asarray(q, float)))

    def upper_quantile(self, q: float) -> Floats | float:
        """Return x with P(X >= x) = q."""
        with np.errstate(over="ignore"):
            return float(np.exp(self.mu - self.sigma * special.ndtri(q)))


@dataclass(frozen=True)
class HalfNormal(Prior):
    """p(x) = 2 exp(-x^2 / (2 sigma^2)) / (sigma sqrt(2 pi)), x > 0.

    Examples
    --------
    >>> float(HalfNormal(2).quantile(0.5).round(3))
    1.349
    """

    sigma: float

    def log_density(self, x: ArrayLike, companion: Floats | None = None) -> Floats:
        """Return log p(x); same shape as x."""
        x, inside = _inside(x, 0, math.inf)
        log_p = _standard_normal(x / self.sigma) + math.log(2 / self.sigma)
        return np.where(inside, log_p, -np.inf)

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x); same shape as x."""
        return special.erf(np.maximum(x, 0) / (self.sigma * math.sqrt(2)))

    def quantile(self, q: ArrayLike) -> Floats:
        """Return x with P(X <= x) = q; same shape as q."""
        return self.sigma * math.sqrt(2) * special.erfinv(np.asarray(q, float))

    def upper_quantile(self, q: float) -> Floats | float:
        """Return x with P(X >= x) = q."""
        return self.sigma * math.sqrt(2) * float(special.erfcinv(q))


@dataclass(frozen=True)
class Exponential(Prior):
    """p(x) = lam exp(-lam x), x > 0; mean 1 / lam.

    Examples
    --------
    >>> float(Exponential(0.5).cdf(2).round(4))
    0.6321
    """

    lam: float

    def log_density(self, x: ArrayLike, companion: Floats | None = None) -> Floats:
        """Return log p(x); same shape as x."""
        x, inside = _inside(x, 0, math.inf)
        return np.where(inside, math.log(self.lam) - self.lam * x, -np.inf)

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x); same shape as x."""
        return -np.expm1(-self.lam * np.maximum(x, 0))

    def quantile(self, q: ArrayLike) -> Floats:
        """Return x with P(X <= x) = q; same shape as q."""
        with np.errstate(divide="ignore"):
            return -np.log1p(-np.asarray(q, float)) / self.lam

    def upper_quantile(self, q: float) -> Floats | float:
        """Return x with P(X >= x) = q."""
        return -math.log(q) / self.lam


@dataclass(frozen=True)
class InverseGamma(Prior):
    """p(x) = beta^alpha x^(-alpha-1) exp(-beta / x) / Gamma(alpha), x > 0.

    Of a variance: worth 2 alpha rows whose squares sum to 2 beta.

    Examples
    --------
    >>> float(InverseGamma(3, 0.6).quantile(0.5).round(4))
    0.2244
    """

    alpha: float
    beta: float

    def strengthened(self, strength: float) -> Self | None:
        """Return the prior worth so many times as many observations."""
        return type(self)(strength * self.alpha, strength * self.beta)

    def log_density(self, x: ArrayLike, companion: Floats | None = None) -> Floats:
        """Return log p(x); same shape as x."""
        x = np.asarray(x, float)
        inside = x > 0
        inverse = 1 / np.where(inside, x, 1)
        log_p = (self.alpha + 1) * np.log(inverse) - self.beta * inverse
        constant = self.alpha * math.log(self.beta) - special.gammaln(self.alpha)
        return np.where(inside, log_p + constant, -np.inf)

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x); same shape as x."""
        with np.errstate(divide="ignore"):
            return special.gammaincc(self.alpha, self.beta / np.maximum(x, 0))

    def quantile(self, q: ArrayLike) -> Floats:
        """Return x with P(X <= x) = q; same shape as q."""
        with np.errstate(divide="ignore"):
            return self.beta / special.gammainccinv(self.alpha, np.asarray(q, float))

    def upper_quantile(self, q: float) -> Floats | float:
        """Return x with P(X >= x) = q."""
        return self.beta / float(special.gammaincinv(self.alpha, q))


@dataclass(frozen=True)
class Uniform(Prior):
    """p(x) = 1 / (upper - lower), lower < x < upper.

    Examples
    --------
    >>> float(Uniform(0, 0.016).log_density(0.01).round(4))
    4.1352
    """

    lower: float
    upper: float

    def _check_order(self) -> None:
        if self.lower >= self.upper:
            raise ModelError(
                f"lower of priors.Uniform must be below upper; found {self.lower}, {self.upper}"
            )

    @property
    def support(self) -> tuple[float, float]:
        """The ends of the interval where the density is positive."""
        return (self.lower, self.upper)

    def log_density(self, x: ArrayLike, companion: Floats | None = None) -> Floats:
        """Return log p(x); same shape as x."""
        _, inside = _inside(x, self.lower, self.upper)
        return np.where(inside, -math.log(self.upper - self.lower), -np.inf)

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x); same shape as x."""
        return np.clip((np.asarray(x, float) - self.lower) / (self.upper - self.lower), 0, 1)

    def quantile(self, q: ArrayLike) -> Floats:
        """Return x with P(X <= x) = q; same shape as q."""
        return self.lower + (self.upper - self.lower) * np.asarray(q, float)

    def upper_quantile(self, q: float) -> Floats | float:
        """Return x with P(X >= x) = q."""
        return self.upper - (self.upper - self.lower) * q

    def complement_quantile(self, q: float) -> Floats | float:
        """Return 1 - x with P(X >= x) = q."""
        return 1 - self.upper + (self.upper - self.lower) * q


@dataclass(frozen=True)
class Logistic(Prior):
    """p(x) = exp(-z) / (s (1 + exp(-z))^2), z = (x - mu) / s, x any real number.

    Examples
    --------
    >>> float(Logistic(0, 1).cdf(0))
    0.5
    """

    mu: float
    s: float

    ENDS: ClassVar = (-math.inf, math.inf)

    def log_density(self, x: ArrayLike, companion: Floats | None = None) -> Floats:
        """Return log p(x); same shape as x."""
        z = np.abs(np.asarray(x, float) - self.mu) / self.s
        log_p: Floats = -z - 2 * np.log1p(np.exp(-z)) - math.log(self.s)
        return log_p

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x); same shape as x."""
        return special.expit((np.asarray(x, float) - self.mu) / self.s)

    def quantile(self, q: ArrayLike) -> Floats:
        """Return x with P(X <= x) = q; same shape as q."""
        return self.mu + self.s * special.logit(np.asarray(q, float))

    def upper_quantile(self, q: float) -> Floats | float:
        """Return x with P(X >= x) = q."""
        return self.mu - self.s * float(special.logit(q))


def _standard_normal(z: Floats) -> Floats:
    return -0.5 * z**2 - 0.5 * math.log(2 * math.pi)


def _inside(x: ArrayLike, lower: float, upper: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Return x with the places outside [lower, upper] moved inside, and which were inside.

    The closed interval: a density on an open one may be infinite or zero at its ends.
    """
    x = np.asarray(x, float)
    inside = (x >= lower) & (x <= upper)
    return np.where(inside, x, max(lower, min(upper, 0.5))), inside
