"""Levels and lines with noise by segment, for PyMC: families of `likelihoods.regression`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from changepoint.errors import EngineError
from changepoint.likelihoods.autoregressive import HIGHEST
from changepoint.likelihoods.regression import LinearLikelihood, rows_of
from changepoint.observations import Observations

START = "start"  # of a line: its value at the first row of its segment


def names(family: LinearLikelihood) -> tuple[str, ...]:
    """Return the random variables that a segment has, as they are named in PyMC."""
    return ("variance", "level", "slope")[: 1 + family.columns]


def check_sum(family: LinearLikelihood) -> None:
    """Raise EngineError unless the switchpoints of a family can be summed out row by row."""
    if family.remembers:
        why = "rows depend on the one before"
    elif family.columns == 2:
        why = (
            "the prior of a line is about the middle of its segment, which moves with its ends"
        )
    else:
        return
    raise EngineError(
        f"switchpoints='sum-out' can't be used for the likelihood {family.name!r}, because "
        f"{why}: use switchpoints='gibbs' or 'metropolis'"
    )


def variables(family: LinearLikelihood) -> dict[str, Any]:
    """Return the parameters of the segments by name; level and slope are Normal given variance.

    Their sigmas are in proportion to the root of the variance, and meant at its typical value,
    beta / alpha.
    """
    level, slope, prior = family.terms
    alpha, beta = np.float64(prior.alpha), np.float64(prior.beta)
    variance = pm.InverseGamma("variance", alpha=alpha, beta=beta, dims="segment")
    parts = {"noise_sd": pm.Deterministic("noise_sd", pt.sqrt(variance), dims="segment")}
    wide = pt.sqrt(variance * alpha / beta)
    for name, given in (("level", level), ("slope", slope)):
        if given is not None:
            mu, sigma = np.float64(given.mu), np.float64(given.sigma) * wide
            parts[name] = pm.Normal(name, mu=mu, sigma=sigma, dims="segment")
    return parts


def along(parts: dict[str, Any], observations: Observations, first: Any) -> Any:
    """Return a function from rows and their segments to the line there.

    Parameters
    ----------
    parts
        Of `variables`; `level` is that of the line at the middle of its segment's time, the
        mean of the times of its first and last row.
    first
        First row of each segment, (k + 1,).
    """
    T = len(observations)
    x = pm.Data("x", rows_of(observations), dims="row")
    last = pt.concatenate([first[1:], [T]]) - 1
    middle = (x[first] + x[last]) / 2
    level, slope = parts["level"], parts["slope"]
    pm.Deterministic(START, level + slope * (x[first] - middle), dims="segment")

    def at(rows: Any, segment: Any) -> Any:
        return level[segment] + slope[segment] * (x[rows] - middle[segment])

    return at


def remembering(
    name: str, mu: Any, sigma: Any, correlation: Any, segment: Any, rows: NDArray[np.int64],
    observed: Any,
) -> Any:  # fmt: skip
    """Return observed values around mu with stationary AR(1) noise, anew in each segment.

    y_i - mu_i = c_i (y_(i-1) - mu_(i-1)) + e_i, e_i ~ Normal(0, sigma_i sqrt(1 - c_i^2)), where
    c_i is the correlation to the power of the distance of observed rows i - 1 and i, and 0
    between segments.
    """
    same = pt.eq(segment[1:], segment[:-1])
    correlation = pt.minimum(correlation, HIGHEST)
    kept = pt.switch(same, correlation ** np.diff(rows).astype(float), 0.0)
    kept = pt.concatenate([[0.0], kept])
    sd = sigma * pt.sqrt(1 - kept**2)

    def logp(value: Any, mu: Any, sd: Any, kept: Any) -> Any:
        residual = value - mu
        before = pt.concatenate([[0.0], residual[:-1]])
        return pm.logp(pm.Normal.dist(kept * before, sd), residual)

    def random(
        mu: Any, sd: Any, kept: Any, rng: np.random.Generator, size: tuple[int, ...] | None
    ) -> Any:
        residual = rng.normal(0.0, np.broadcast_to(sd, size or np.shape(sd)))
        for i in range(1, residual.shape[-1]):
            residual[..., i] += kept[..., i] * residual[..., i - 1]
        return mu + residual

    return pm.CustomDist(
        name, mu, sd, kept, logp=logp, random=random, observed=observed, dims="time"
    )
