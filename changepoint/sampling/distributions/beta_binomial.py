"""A BetaBinomial for PyMC whose log density keeps its digits near the Binomial limit."""

from __future__ import annotations

from typing import Any

import pymc as pm
import pytensor.tensor as pt


class _BetaBinomialRV(type(pm.BetaBinomial.rv_op)):  # type: ignore[misc]
    """The random variable: drawn as PyMC's own, but with a log density of its own."""


class BetaBinomial(pm.BetaBinomial):  # type: ignore[misc]
    """p(k) = C(n, k) B(k + a, n - k + b) / B(a, b), with the arguments of pm.BetaBinomial.

    Differences of log-gammas, which pm.BetaBinomial takes, are all rounding where a and b are
    large: at a + b = 1e14 they make a false mode, tens of nats too high. Here every factor is
    taken relative to the Binomial's: see `likelihoods.counts.log_rising_ratio`.
    """

    rv_op = _BetaBinomialRV()

    def logp(value: Any, n: Any, alpha: Any, beta: Any) -> Any:
        """Return log p(value), -inf outside 0..n."""
        total = alpha + beta
        inside = pt.and_(pt.ge(value, 0), pt.le(value, n))
        k = pt.switch(inside, value, 0)
        log_p = (
            pt.gammaln(n + 1.0) - pt.gammaln(k + 1.0) - pt.gammaln(n - k + 1.0)
            + log_rising_ratio(alpha, k) + k * pt.log(alpha / total)
            + log_rising_ratio(beta, n - k) + (n - k) * pt.log(beta / total)
            - log_rising_ratio(total, n)
        )  # fmt: skip
        return pt.switch(inside, log_p, -float("inf"))


def log_rising_ratio(a: Any, k: Any) -> Any:
    """Return log of Gamma(a + k) / (Gamma(a) a^k); Stirling's series where a >= 20."""
    large, small = pt.maximum(a, 20.0), pt.minimum(a, 20.0)
    series = (large + k - 0.5) * pt.log1p(k / large) - k
    series += _log_gamma_rest(large + k) - _log_gamma_rest(large)
    exact = pt.gammaln(small + k) - pt.gammaln(small) - k * pt.log(small)
    return pt.switch(pt.ge(a, 20.0), series, exact)


def _log_gamma_rest(z: Any) -> Any:
    """Return log Gamma(z) - [(z - 1/2) log z - z + log(2 pi)/2], z >= 20."""
    square = 1 / z**2
    return (1 / 12 - (1 / 360 - (1 / 1260 - square / 1680) * square) * square) / z
