"""A NegativeBinomial for PyMC whose log density keeps its digits near the Poisson limit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.distributions.distribution import Discrete
from pymc.distributions.shape_utils import rv_size_is_none
from pytensor.tensor.random.op import RandomVariable

from changepoint.sampling.distributions.beta_binomial import log_rising_ratio


class _NegativeBinomialRV(RandomVariable):  # type: ignore[misc]
    """The random variable: a Poisson whose mean is Gamma distributed."""

    name = "negative_binomial"
    signature = "(),()->()"
    dtype = "int64"
    _print_name = ("NegativeBinomial", "\\operatorname{NegativeBinomial}")

    @classmethod
    def rng_fn(cls, rng: np.random.Generator, mu: Any, dispersion: Any, size: Any) -> Any:
        """Return draws."""
        r = 1 / np.maximum(dispersion, 1e-12)
        shape = np.broadcast_shapes(np.shape(mu), np.shape(r)) if size is None else size
        return rng.poisson(np.minimum(mu * rng.gamma(r, 1 / r, shape), 1e18))


class NegativeBinomial(Discrete):  # type: ignore[misc]
    """p(k) = C(k + r - 1, k) (r / (r + mu))^r (mu / (r + mu))^k, r = 1 / dispersion.

    pm.NegativeBinomial takes differences of log-gammas, which are rounding where r is large
    (1e-5 at r = 1e10), and is the Poisson above. Here the factors are taken relative to the
    Poisson's: see `likelihoods.counts.log_rising_ratio`.
    """

    rv_op = _NegativeBinomialRV()

    @classmethod
    def dist(cls, mu: Any, dispersion: Any, **kwargs: Any) -> Any:
        """Return the distribution of a mean above 0 and a dispersion above 0."""
        mu, dispersion = pt.as_tensor_variable(mu), pt.as_tensor_variable(dispersion)
        return super().dist([mu, dispersion], **kwargs)

    def support_point(rv: Any, size: Any, mu: Any, dispersion: Any) -> Any:
        """Return the mean, rounded down."""
        mean = pt.floor(mu + pt.zeros_like(dispersion))
        return mean if rv_size_is_none(size) else pt.full(size, mean)

    def logp(value: Any, mu: Any, dispersion: Any) -> Any:
        """Return log p(value), -inf below 0."""
        k = pt.maximum(value, 0)
        log_mu = pt.log(pt.switch(pt.gt(k, 0), mu, 1.0))
        r = 1 / dispersion
        log_p = (
            k * log_mu - pt.gammaln(k + 1.0) + log_rising_ratio(r, k)
            - (r + k) * pt.log1p(mu * dispersion)
        )  # fmt: skip
        return pt.switch(pt.ge(value, 0), log_p, -float("inf"))
