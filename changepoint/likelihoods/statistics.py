"""Statistics of rows whose sums say what a segment's marginal likelihood is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.priors import InverseGamma, Normal

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LINEAR, DIRICHLET, GAMMA = 0, 1, 2  # as in kernels.segments
LEVEL, NOISE_SD = 0.0, 1.0  # what is shown of a linear model
MANY = 1e8  # counts in all whose log-gammas are known to 1e-6


class Statistics(NamedTuple):
    """What a segment's marginal likelihood is made of.

    kind
        LINEAR: a Normal linear model with up to two columns, constant and time. DIRICHLET:
        counts by outcome. GAMMA: events and exposure.
    sums
        Prefix sums over rows, (T + 1, P). LINEAR: rows; half the log precision of the noise;
        y'y, 1'y, 1'1, x'y, 1'x, x'x, weighted by that precision. DIRICHLET: the log of what
        depends on no parameter, then counts by outcome. GAMMA: the same, events, exposure.
    begin
        The same of each row as the first one of its segment, (T, P): other than that of a
        row that goes on only where rows are autocorrelated.
    first
        First observed row at or after each row, T where there is none, (T,).
    x
        Time by row, (T,); of LINEAR.
    prior
        LINEAR: columns; 1 if the variance is known, else 0; the known variance, or shape a and
        scale b of its inverse gamma; mean and precision of the constant, precision of the
        slope, times the variance; what is shown; mean of the slope. DIRICHLET: index of the
        outcome shown, then its alphas. GAMMA: alpha, beta.
    gammas
        log Gamma(a + n / 2) - log Gamma(a) by number of rows n, (T + 1,); of LINEAR.
    dependent
        Whether rows depend on the one before.
    origin
        To be added to a level that is shown.
    """

    kind: int
    sums: Floats
    begin: Floats
    first: Integers
    x: Floats
    prior: Floats
    gammas: Floats
    dependent: bool
    origin: float


def count_statistics(kind: int, rows: Floats, prior: list[float]) -> Statistics:
    """Return statistics of independent rows of counts, (T, P), zeros where one is missing."""
    T = len(rows)
    return Statistics(
        kind, prefix_sums(rows), np.zeros((1, rows.shape[1])), np.arange(T), np.zeros(1),
        np.array(prior, float), np.zeros(1), False, 0.0,
    )  # fmt: skip


def linear_statistics(
    y: Floats,
    x: Floats,
    columns: int,
    level: Normal | None,
    slope: Normal | None,
    variance: InverseGamma | float,
    origin: float,
    correlation: float = 0.0,
    shown: float = LEVEL,
) -> Statistics:
    """Return statistics of y = level + slope x + noise, of rows where y isn't NaN.

    The noise is stationary and autocorrelated, correlation^g between rows g apart, and starts
    afresh with each segment.

    Parameters
    ----------
    y, x
        (T,), x measured from its middle.
    level, slope
        Their priors; under an unknown variance, their sigma is that at its
        typical value, beta / alpha, and in proportion to its root elsewhere.
    variance
        Its prior, or its value.
    origin
        Somewhere in the middle of y, from which sums of squares are taken: so a large offset
        costs no digits.
    """
    T, y = len(y), y - origin
    rows = np.flatnonzero(~np.isnan(y))
    kept = correlation ** np.diff(rows).astype(float)  # 0 where there is no correlation
    begin, going_on = np.zeros((T, 8)), np.zeros((T, 8))
    one = np.ones(len(rows))
    begin[rows] = _products(one, y[rows], one, x[rows])
    going_on[rows[:1]] = begin[rows[:1]]
    precision = 1 / (1 - kept**2)
    going_on[rows[1:]] = _products(
        precision,
        y[rows[1:]] - kept * y[rows[:-1]],
        1 - kept,
        x[rows[1:]] - kept * x[rows[:-1]],
    )
    if isinstance(variance, InverseGamma):
        a, b, known = variance.alpha, variance.beta, 0.0
    else:
        a, b, known = variance, 0.0, 1.0
    typical = a if known else b / a
    prior = [
        columns, known, a, b,
        level.mu - origin if level else 0.0, typical / level.sigma**2 if level else 1.0,
        typical / slope.sigma**2 if slope else 1.0, shown, slope.mu if slope else 0.0,
    ]  # fmt: skip
    gammas = np.zeros(1)
    if not known:
        gammas = special.gammaln(a + np.arange(T + 1) / 2) - special.gammaln(a)
    first = np.append(rows, T)[np.searchsorted(rows, np.arange(T))]
    return Statistics(
        LINEAR, prefix_sums(going_on), begin, first, x, np.array(prior), gammas,
        correlation > 0, origin if shown == LEVEL else 0.0,
    )  # fmt: skip


def _products(precision: Floats, y: Floats, u: Floats, z: Floats) -> Floats:
    """Return the rows of statistics, (n, 8)."""
    products = (y * y, u * y, u * u, z * y, u * z, z * z)
    weighted = [precision * product for product in products]
    columns = [np.ones_like(y), 0.5 * np.log(precision), *weighted]
    return np.stack(columns, axis=1)


def prefix_sums(rows: Floats) -> Floats:
    """Return sums over all rows before each one, (T, P) -> (T + 1, P)."""
    sums: Floats = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
    return sums


class Coefficients(NamedTuple):
    """The posterior of linear segments, each (S,).

    The coefficients at the middle of a segment's time are Normal around `level` and `slope`
    with precision matrix [[p00, p01], [p01, p11]] over the variance, which is inverse gamma
    (shape, scale).
    """

    level: Floats
    slope: Floats
    p00: Floats
    p01: Floats
    p11: Floats
    shape: Floats
    scale: Floats
    middle: Floats


def coefficients(st: Statistics, first: Integers, end: Integers) -> Coefficients:
    """Return the posterior of segments of rows first..end-1."""
    f = st.first[first]
    some = (f < end)[:, None]
    at = np.minimum(f, len(st.x) - 1)
    n, _, yy, g0, p00, zy, uz, zz = np.where(
        some, st.begin[at] + st.sums[end] - st.sums[at + 1], 0.0
    ).T
    columns, _, a, b, mean, k0, k1, _, mean1 = st.prior
    middle = (st.x[first] + st.x[end - 1]) / 2
    g0, p00 = g0 + mean * k0, p00 + k0
    rest = yy + mean**2 * k0
    zero = np.zeros_like(rest)
    if columns == 2:
        u = p00 - k0
        g1 = zy - middle * (g0 - mean * k0) + mean1 * k1
        rest = rest + mean1**2 * k1
        p01, p11 = uz - middle * u, np.maximum(zz - middle * (2 * uz - middle * u), 0) + k1
    else:
        g1, p01, p11 = zero, zero, zero + 1
    determinant = p00 * p11 - p01**2
    level, slope = (p11 * g0 - p01 * g1) / determinant, (p00 * g1 - p01 * g0) / determinant
    rest = yy if columns == 0 else rest - g0 * level - g1 * slope
    return Coefficients(
        level, slope, p00, p01, p11, a + n / 2, b + np.maximum(rest, 0) / 2, middle
    )
