"""From a sampler's draws to what the exact engine computes: marginals, as estimates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from changepoint.results import QUANTILES, Draws, Given

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MASS = 0.95  # of a credible set
HELD = 10**7  # values of the parameter by row and draw held at a time


def rows(draws: Draws, T: int) -> Floats:
    """Return mean and quantiles of the parameter by row, shape (4, T)."""
    told = np.empty((1 + len(QUANTILES), T))
    step = max(HELD // len(draws.first), 1)
    for start in range(0, T, step):
        row = np.arange(start, min(start + step, T))
        segment = (draws.first[:, 1:, None] <= row).sum(axis=1)
        theta = np.take_along_axis(draws.parameter, segment, axis=1)
        told[0, row] = theta.mean(axis=0)
        told[1:, row] = np.quantile(theta, QUANTILES, axis=0)
    return told


def changes_of(draws: Draws, T: int) -> Floats:
    """Return P(i-th change at row s) of draws with one number of changes, shape (k, T)."""
    first = draws.first[:, 1:]
    return np.array([np.bincount(rows, minlength=T) for rows in first.T]) / len(first)


def segments_of(draws: Draws) -> Floats:
    """Return mean and quantiles of the parameter by segment, shape (4, k + 1)."""
    theta = draws.parameter
    return np.vstack([theta.mean(axis=0), np.quantile(theta, QUANTILES, axis=0)])


def given(draws: Draws, T: int) -> Given | None:
    """Return places, credible sets and parameters of the changes; None without changes."""
    k = draws.first.shape[1] - 1
    if not k:
        return None
    places = changes_of(draws, T)
    credible = np.array([credible_set(p) for p in places])
    inside = np.array([rows[draws.first[:, 1:]].any(axis=1).mean() for rows in credible])
    return Given(k, draws, places, credible, inside, segments_of(draws))


def credible_set(p: Floats) -> Mask:
    """Return the smallest set of rows that holds 95 % of p; ties go to the earlier row."""
    order = np.argsort(-p, kind="stable")
    count = int(np.searchsorted(np.cumsum(p[order]), MASS * p.sum())) + 1
    chosen = np.zeros(len(p), bool)
    chosen[order[:count]] = True
    return chosen
