"""Statistics of rows whose sums say what a segment's marginal likelihood is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.priors import InverseGamma, Normal

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEVEL, NOISE_SD = 0.0, 1.0  # what is shown of a linear model
SPLIT = 2.0**27 + 1  # parts a number into halves whose products are exact
MANY = 1e8  # counts in all whose log-gammas are known to 1e-6


class Lines(NamedTuple):
    """A Normal linear model with up to two columns, constant and time.

    columns
        How many.
    sums
        Prefix sums over rows, (T + 1, 10): rows; half the log precision of the noise; y'y,
        1'y, 1'1, x'y, 1'x, x'x, weighted by that precision; what rounding took from y'y and
        1'y.
    begin
        The same of each row as the first one of its segment, (T, 10): other than that of a
        row that goes on only where rows are autocorrelated.
    first
        First observed row at or after each row, T where there is none, (T,).
    x
        Time by row, (T,).
    known
        The variance, if it is known, else 0.
    shape, scale
        Of its inverse gamma, if it isn't.
    prior
        Mean and precision of the constant, precision and mean of the slope; precisions times
        the variance.
    of_count
        What log M owes to the number of rows n alone, (T + 1,): of an unknown variance
        log Gamma(a + n / 2) - log Gamma(a) - n log(2 pi b) / 2.
    root_of_count
        Gamma(a + n / 2 - 1 / 2) / Gamma(a + n / 2), (T + 1,), which makes the mean of noise_sd.
    correlation
        Of neighbours; above 0, rows depend on the one before.
    origin
        To be added to a level that is shown.
    """

    columns: int
    sums: Floats
    begin: Floats
    first: Integers
    x: Floats
    known: float
    shape: float
    scale: float
    prior: Floats
    of_count: Floats
    root_of_count: Floats
    correlation: float
    origin: float


class Outcomes(NamedTuple):
    """Counts by outcome, whose probabilities have a Dirichlet prior.

    sums
        Prefix sums over rows, (T + 1, 1 + C): the log of what depends on no parameter, then
        counts by outcome.
    alphas
        Of the prior, (C,).
    shown
        Index of the outcome that is shown.
    """

    sums: Floats
    alphas: Floats
    shown: int
    origin: float = 0.0


class Events(NamedTuple):
    """Events in an exposure, whose rate has a Gamma prior.

    sums
        Prefix sums over rows, (T + 1, 3): the log of what depends on no parameter, events,
        exposure.
    alpha, beta
        Of the prior.
    """

    sums: Floats
    alpha: float
    beta: float
    origin: float = 0.0


Statistics = Lines | Outcomes | Events


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
) -> Lines:
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
    begin, going_on = np.zeros((T, 10)), np.zeros((T, 10))
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
        known, shape, scale = 0.0, variance.alpha, variance.beta
    else:
        known, shape, scale = variance, 0.0, 0.0
    typical = known or scale / shape
    prior = np.array([
        level.mu - origin if level else 0.0, typical / level.sigma**2 if level else 1.0,
        typical / slope.sigma**2 if slope else 1.0, slope.mu if slope else 0.0,
    ])  # fmt: skip
    n = np.arange(T + 1)
    of_count = -n / 2 * np.log(2 * np.pi * (known or scale))
    root_of_count = np.zeros(1)
    if not known:
        of_count += special.gammaln(shape + n / 2) - special.gammaln(shape)
    if shown == NOISE_SD:
        upper = shape + n / 2
        root_of_count = np.exp(special.gammaln(upper - 0.5) - special.gammaln(upper))
    first = np.append(rows, T)[np.searchsorted(rows, np.arange(T))]
    return Lines(
        columns, _linear_sums(going_on), begin, first, x, known, shape, scale, prior, of_count,
        root_of_count, correlation, origin if shown == LEVEL else 0.0,
    )  # fmt: skip


def _products(precision: Floats, y: Floats, u: Floats, z: Floats) -> Floats:
    """Return the rows of statistics, (n, 10)."""
    root = np.sqrt(precision)
    y, u, z = root * y, root * u, root * z
    squares, rounding = exact_product(y, y)
    lost = exact_product(u, y)[1]
    columns = [np.ones_like(y), 0.5 * np.log(precision), squares, u * y, u * u, z * y, u * z]
    return np.stack([*columns, z * z, rounding, lost], axis=1)


def prefix_sums(rows: Floats) -> Floats:
    """Return sums over all rows before each one, (T, P) -> (T + 1, P)."""
    sums: Floats = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
    return sums


def _linear_sums(rows: Floats) -> Floats:
    """Return the same, with what rounding takes from the sums of y'y and 1'y at every step."""
    sums = prefix_sums(rows)
    for column, low in ((2, 8), (3, 9)):
        _, lost = exact_sum(sums[:-1, column], rows[:, column])
        sums[1:, low] += np.cumsum(lost)
    return sums


def exact_sum(a: Any, b: Any) -> Any:
    """Return a + b and what rounding took from it (Knuth's two-sum); numbers or arrays."""
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


def exact_product(a: Any, b: Any) -> Any:
    """Return a b and what rounding took from it (Dekker 1971); numbers or arrays."""
    product = a * b
    wide_a, wide_b = SPLIT * a, SPLIT * b
    high_a, high_b = wide_a - (wide_a - a), wide_b - (wide_b - b)
    low_a, low_b = a - high_a, b - high_b
    return product, low_a * low_b - (
        ((product - high_a * high_b) - low_a * high_b) - high_a * low_b
    )


def between(
    begin: Any, end: Any, start: Any, begin_low: Any, end_low: Any, start_low: Any
) -> Any:
    """Return begin + (end - start) and what rounding took from it; numbers or arrays."""
    difference, lost = exact_sum(end, -start)
    total, more = exact_sum(begin, difference)
    return total, lost + more + begin_low + (end_low - start_low)


def around_mean(yy: Any, yy_low: Any, uy: Any, uy_low: Any, uu: Any) -> Any:
    """Return y'y - (u'y)^2 / u'u in twice the digits: most of them may cancel.

    yy + yy_low and uy + uy_low are the sums; numbers or arrays.
    """
    square, lost = exact_product(uy, uy)
    share = square / uu
    back, rest = exact_product(share, uu)
    share_low = ((square - back) - rest + lost + 2 * uy * uy_low) / uu
    return (yy - share) + (yy_low - share_low)


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


def coefficients(st: Lines, first: Integers, end: Integers) -> Coefficients:
    """Return the posterior of segments of rows first..end-1."""
    f = st.first[first]
    some = f < end
    at = np.minimum(f, len(st.x) - 1)
    n, _, _, _, uu, zy, uz, zz, _, _ = np.where(
        some[:, None], st.begin[at] + (st.sums[end] - st.sums[at + 1]), 0.0
    ).T
    (yy, yy_low), (uy, uy_low) = (
        between(
            *(array[place, c] for c in (column, low) for array, place in
              ((st.begin, at), (st.sums, end), (st.sums, at + 1)))
        )
        for column, low in ((2, 8), (3, 9))
    )  # fmt: skip
    yy, yy_low, uy, uy_low = (np.where(some, part, 0.0) for part in (yy, yy_low, uy, uy_low))
    columns, (mean, k0, k1, mean1) = st.columns, st.prior
    middle = (st.x[first] + st.x[end - 1]) / 2
    g0, p00 = uy + mean * k0, uu + k0
    zero = np.zeros_like(yy)
    g1, p01, p11 = zero, zero, zero + 1
    if columns == 2:
        g1 = zy - middle * uy + mean1 * k1
        p01, p11 = uz - middle * uu, np.maximum(zz - middle * (2 * uz - middle * uu), 0) + k1
    determinant = p00 * p11 - p01**2
    level, slope = (p11 * g0 - p01 * g1) / determinant, (p00 * g1 - p01 * g0) / determinant
    if columns == 2:
        rest = yy + mean**2 * k0 + mean1**2 * k1 - g0 * level - g1 * slope
    elif columns == 1:
        one = np.where(some, uu, 1.0)
        away = (uy / one - mean) ** 2 * uu * k0 / p00
        rest = around_mean(yy, yy_low, uy, uy_low, one) + away
    else:
        rest = yy
    return Coefficients(
        level,
        slope,
        p00,
        p01,
        p11,
        st.shape + n / 2,
        st.scale + np.maximum(rest, 0) / 2,
        middle,
    )
