"""Levels and lines with noise by segment: their densities written anew, and series."""

from __future__ import annotations

import itertools
import math

import numpy as np
from scipy import linalg, special, stats

from changepoint import Observations

NAMES = (
    "normal-mean-variance",
    "normal-variance",
    "trend",
    "autoregressive",
    "autoregressive-trend",
)


def series(name, T, seed=0, missing=0.0):
    """T rows with a change in the middle, at uneven times where there are lines."""
    rng = np.random.default_rng([seed, T])
    row, half = np.arange(T), T // 2
    after = row >= half
    noise, phi = rng.normal(size=T), 0.5 if name.startswith("auto") else 0.0
    for t in row[1:]:
        kept = 0.0 if t == half else phi
        noise[t] = kept * noise[t - 1] + math.sqrt(1 - kept**2) * noise[t]
    level = np.where(after, 14.0, 10.0)
    if name == "normal-variance":
        level = 10.0
    if name.endswith("trend"):
        level = level + np.where(after, -0.2, 0.1) * (row - half)
    value = level + np.where(after, 2.0, 1.0) * noise
    gone = rng.random(T) < missing
    gone[[0, half]] = missing > 0, False
    value[gone] = np.nan
    time = np.cumsum(rng.uniform(0.5, 2.0, T)) if name.endswith("trend") else None
    return Observations(value=value, time=time)


def spans(placement, T):
    """First row and end of each segment."""
    return list(itertools.pairwise([0, *placement, T]))


def design(family, data, first, end):
    """Observed rows of a segment, and the columns of its level and slope, (n, p)."""
    T = len(data)
    time = np.arange(T) if data.time is None else data.time
    x = time / (time[-1] - time[0]) * (T - 1)
    rows = np.array([t for t in range(first, end) if not np.isnan(data.value[t])], int)
    tilt = x[rows] - (x[first] + x[end - 1]) / 2
    return rows, np.stack([np.ones(len(rows)), tilt], axis=1)[:, : family.columns]


def correlation(rows, phi):
    """Of the noise of one segment, (n, n)."""
    return np.array([[phi ** abs(i - j) if i != j else 1.0 for i in rows] for j in rows])


def coefficients(family, point, j):
    """Level and slope of a segment, as far as the family has them."""
    return np.array([point[name][j] for name in ("level", "slope")[: family.columns]])


def log_density(family, data, placement, point):
    """Log p(y, parameters | placement): priors as documented, rows by a matrix of covariances.

    `point` holds variance, level, slope (k + 1,), or as a number what all segments share.
    """
    prior = family.variance
    total = 0.0
    for j, (first, end) in enumerate(spans(placement, len(data))):
        v = point["variance"][j]
        total += stats.invgamma.logpdf(v, prior.alpha, scale=prior.beta)
        ratio = math.sqrt(v * prior.alpha / prior.beta)
        for name in ("level", "slope")[: family.columns]:
            given = getattr(family, name)
            total += stats.norm.logpdf(point[name][j], given.mu, given.sigma * ratio)
        rows, X = design(family, data, first, end)
        mean = X @ coefficients(family, point, j) if family.columns else point["level"]
        if len(rows):
            cov = v * correlation(rows, point.get("phi", 0.0))
            mean = np.broadcast_to(mean, len(rows))
            total += stats.multivariate_normal.logpdf(data.value[rows], mean, cov)
    if family.hyper_names == ("level",):
        total += stats.norm.logpdf(point["level"], family.level.mu, family.level.sigma)
    if family.hyper_names == ("phi",):
        total -= math.log(family.phi.upper - family.phi.lower)
    return total


def log_conditional(family, data, placement, point):
    """Log p(variance, level, slope | y, shared, placement): Normal and inverse gamma."""
    prior = family.variance
    total = 0.0
    for j, (first, end) in enumerate(spans(placement, len(data))):
        rows, X = design(family, data, first, end)
        n, y, v = len(rows), data.value[rows], point["variance"][j]
        given = [getattr(family, name) for name in ("level", "slope")[: family.columns]]
        scales = np.array([p.sigma for p in given]) ** 2 * prior.alpha / prior.beta
        inverse = linalg.inv(correlation(rows, point.get("phi", 0.0))) if n else np.eye(0)
        center = np.array([p.mu for p in given]) if given else np.zeros(0)
        rest = y - (X @ center if given else point["level"])
        precision = X.T @ inverse @ X + np.diag(1 / scales)
        pull = X.T @ inverse @ rest
        shift = np.linalg.solve(precision, pull) if given else pull
        shape = prior.alpha + n / 2
        scale = prior.beta + (rest @ inverse @ rest - pull @ shift) / 2
        total += shape * math.log(scale) - special.gammaln(shape)
        total += -(shape + 1) * math.log(v) - scale / v
        if given:
            cov = v * np.linalg.inv(precision)
            b = coefficients(family, point, j)
            total += stats.multivariate_normal.logpdf(b, center + shift, cov)
    return total


def draw_point(family, k, rng):
    """Parameters of k + 1 segments somewhere near the data of `series`."""
    point = {"variance": rng.uniform(0.3, 4.0, k + 1), "level": rng.normal(11, 2, k + 1)}
    if family.columns == 2:
        point["slope"] = rng.normal(0, 0.1, k + 1)
    if family.hyper_names == ("level",):
        point["level"] = rng.normal(10, 0.5)
    if family.hyper_names == ("phi",):
        point["phi"] = rng.uniform(0.05, 0.85)
    return point
