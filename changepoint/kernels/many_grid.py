"""The parameter grid of `engines.grid`, compiled, for rates on the arcsine or root scale.

`engines.grid` is the reference: the same coordinate, stretch, step and range, so that answers
agree to rounding. Likewise `likelihoods.counts` for the probability of counts (Loader 2000).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

# These are those of `engines.grid`, which says what they are.
BEND, DROP, TAIL, NEAR = 3.0, 32.0, 1e-18, 1e-2
CELL, LEAST, MOST = 8, 16, 64

PROPORTION, RATE = 0, 1  # x = arcsin sqrt theta under a Beta, sqrt theta under a Gamma prior
HALF_PI = math.pi / 2
LOG_2, LOG_2PI = math.log(2), math.log(2 * math.pi)
EXACTLY = 20  # below it log-factorials come from a table
# log z! - [(z + 1/2) log z - z + log(2 pi)/2], for z = 0..19 (not used at 0)
REST = np.array(
    [0.0]
    + [
        math.lgamma(z + 1) - (z + 0.5) * math.log(z) + z - LOG_2PI / 2
        for z in range(1, EXACTLY)
    ]
)
NO_NAN = {"reassoc", "contract", "nsz", "nnan"}


class Grid(NamedTuple):
    """A stretch with a prior and a reference value theta_0, to which nodes are relative.

    `length` of the stretch, (top - bottom) / h, is infinite for rates; alpha, beta and
    `constant` (the log of its norm) are those of the prior; theta_0 and its complement.
    """

    kind: int
    h: float
    length: float
    alpha: float
    beta: float
    constant: float
    reference: float
    complement: float
    log_reference: float
    log_complement: float


@njit(nogil=True)
def make(kind, h, alpha, beta, constant, pooled):  # type: ignore[no-untyped-def]
    """Return the grid's description; `counts.reference` says why numbers are rounded."""
    if kind == RATE:
        log_reference = math.log(pooled)
        return Grid(kind, h, np.inf, alpha, beta, constant, pooled, pooled, log_reference, 0.0)
    few = np.float64(np.float32(min(pooled, 1 - pooled)))
    log_few, log_many = math.log(few), math.log1p(-few)
    length = HALF_PI / h
    if pooled < 0.5:
        return Grid(kind, h, length, alpha, beta, constant, few, 1 - few, log_few, log_many)
    return Grid(kind, h, length, alpha, beta, constant, 1 - few, few, log_many, log_few)


@njit(nogil=True)
def _softplus(z):  # type: ignore[no-untyped-def]
    """Return log(1 + exp(z))."""
    if z > 37:
        return z
    return math.exp(z) if z < -37 else math.log1p(math.exp(z))


@njit(nogil=True)
def _log_expm1(z):  # type: ignore[no-untyped-def]
    """Return log(exp(z) - 1)."""
    return z + math.log(-math.expm1(-z)) if z > 0 else -np.inf


@njit(nogil=True)
def parameter(grid, u):  # type: ignore[no-untyped-def]
    """Return theta at u, and 1 - theta (theta itself for rates)."""
    scale = grid.h * BEND
    rise = _softplus(u / BEND)
    if grid.kind == RATE:
        theta = (scale * rise) ** 2
        return theta, theta
    x = scale * (rise - _softplus((u - grid.length) / BEND))
    if x < HALF_PI / 2:
        theta = math.sin(x) ** 2
        return theta, 1 - theta
    below = scale * (_softplus((grid.length - u) / BEND) - _softplus(-u / BEND))
    complement = math.sin(below) ** 2
    return 1 - complement, complement


@njit(nogil=True)
def _log_ratio(x, shift, x0):  # type: ignore[no-untyped-def]
    """Return log(x / x0), given x - x0 too."""
    if abs(shift) < x0 / 2:
        return math.log1p(shift / x0)
    return math.log(max(x, 1e-300) / x0)


@njit(nogil=True)
def node(grid, u):  # type: ignore[no-untyped-def]
    """Return theta, a, b (see `kernels.many`) and the log weight of a node at u."""
    theta, complement = parameter(grid, u)
    slope = math.log(grid.h) - _softplus(-u / BEND)
    if grid.kind == RATE:
        shift = theta - grid.reference
        a = _log_ratio(theta, shift, grid.reference)
        log_theta = a + grid.log_reference
        density = (grid.alpha - 1) * log_theta - grid.beta * theta + grid.constant
        return theta, a, -shift, density + LOG_2 + 0.5 * log_theta + slope
    slope += math.log(-math.expm1(-grid.length / BEND))
    slope -= _softplus((u - grid.length) / BEND)
    few = grid.reference < grid.complement
    shift = theta - grid.reference if few else grid.complement - complement
    a = _log_ratio(theta, shift, grid.reference)
    b = _log_ratio(complement, -shift, grid.complement)
    log_theta, log_rest = a + grid.log_reference, b + grid.log_complement
    density = (grid.alpha - 1) * log_theta + (grid.beta - 1) * log_rest + grid.constant
    return theta, a, b, density + LOG_2 + 0.5 * (log_theta + log_rest) + slope


@njit(nogil=True)
def place(grid, theta, complement):  # type: ignore[no-untyped-def]
    """Return u at theta; -inf or inf at an end."""
    scale = grid.h * BEND
    if theta <= 0:
        return -np.inf
    if grid.kind == RATE:
        return BEND * _log_expm1(math.sqrt(theta) / scale)
    if complement <= 0:
        return np.inf
    below = math.asin(math.sqrt(complement))
    x = math.asin(math.sqrt(theta)) if theta < complement else HALF_PI - below
    return BEND * (_log_expm1(x / scale) - math.log(-math.expm1(-below / scale)))


@njit(nogil=True)
def span(grid, c1, c2, tails, estimates):  # type: ignore[no-untyped-def]
    """Return the first and last u that hold the posterior of every possible segment.

    Parameters
    ----------
    c1, c2
        Numbers of the rows, 0 where missing, (T,).
    tails
        theta and complement at the prior's lower tail, then at its upper tail.
    estimates
        The smallest and largest estimate of a row.
    """
    far, near = -BEND * math.log(TAIL), -BEND * math.log(NEAR)
    low = place(grid, tails[0], tails[1])
    high = place(grid, tails[2], tails[3])
    if math.isinf(low):
        low = -far
    if math.isinf(high):
        high = grid.length + far
    outer = place(grid, estimates[0], 1 - estimates[0])
    low = min(low, min(max(outer, -near), grid.length + near))
    outer = place(grid, estimates[1], 1 - estimates[1])
    high = max(high, min(max(outer, -near), grid.length + near))
    return _narrow(grid, c1, c2, low, high)


@njit(nogil=True)
def _narrow(grid, c1, c2, first, last):  # type: ignore[no-untyped-def]
    """Return the range of single rows and of T rows like each; see `engines.grid`."""
    far = -BEND * math.log(TAIL)
    lowest, highest = min(first, -far), max(last, grid.length + far)
    u, a, b, log_w = np.empty(MOST), np.empty(MOST), np.empty(MOST), np.empty(MOST)
    for _ in range(200):
        thin = int(min(max((last - first) / CELL, LEAST), MOST))
        count = 0
        for i in range(thin):
            at = last if i == thin - 1 else first + i * ((last - first) / (thin - 1))
            at = np.rint(at)
            if count == 0 or at != u[count - 1]:
                u[count] = at
                _, a[count], b[count], log_w[count] = node(grid, at)
                count += 1
        left, right = _holding(c1, c2, a[:count], b[:count], log_w[:count])
        if left > right:
            break
        width = last - first
        low, high = max(first - width / 8, lowest), min(last + width / 8, highest)
        settled = True
        if left:
            low = u[left - 1]
        else:
            settled = low == first
        if right + 1 < count:
            high = u[right + 1]
        else:
            settled = settled and high == last
        if settled and high - low > width / 2:
            return low, high
        first, last = low, high
    return -np.inf, np.inf


@njit(nogil=True, fastmath=NO_NAN)
def _holding(c1, c2, a, b, log_w):  # type: ignore[no-untyped-def]
    """Return the first and last node that hold any row's posterior."""
    T, count = len(c1), len(a)
    left, right = count, -1
    row = np.empty(count)
    for t in range(T):
        if t and c1[t] == c1[t - 1] and c2[t] == c2[t - 1]:
            continue
        for repeat in range(2):
            copies = float(T if repeat else 1)
            top = -1e300
            for g in range(count):
                value = copies * (c1[t] * a[g] + c2[t] * b[g]) + log_w[g]
                row[g] = value
                top = max(top, value)
            for g in range(left):
                if row[g] > top - DROP:
                    left = g
                    break
            for g in range(count - 1, right, -1):
                if row[g] > top - DROP:
                    right = g
                    break
    return left, right


@njit(nogil=True)
def _rest(z):  # type: ignore[no-untyped-def]
    """Return log z! - [(z + 1/2) log z - z + log(2 pi)/2] of a whole number above 0."""
    if z < EXACTLY:
        return REST[int(z)]
    square = 1 / (z * z)
    return (1 / 12 - (1 / 360 - (1 / 1260 - square / 1680) * square) * square) / z


@njit(nogil=True)
def _deviance(x, mean):  # type: ignore[no-untyped-def]
    """Return x log(x / mean) + mean - x, for x > 0."""
    excess = (x - mean) / mean
    return mean * ((1 + excess) * math.log1p(excess) - excess)


@njit(nogil=True)
def peak(grid, c1, c2):  # type: ignore[no-untyped-def]
    """Return log p(y | its own estimate), and that relative to theta_0."""
    if grid.kind == RATE:
        mean = c2 * grid.reference
        if c1 == 0:
            return 0.0, mean
        return -_rest(c1) - 0.5 * (LOG_2PI + math.log(c1)), _deviance(c1, mean)
    if c1 == 0:
        return 0.0, -c2 * grid.log_complement
    if c2 == 0:
        return 0.0, -c1 * grid.log_reference
    n = c1 + c2
    top = _rest(n) - _rest(c1) - _rest(c2) + 0.5 * (math.log(n / (c1 * c2)) - LOG_2PI)
    return top, _deviance(c1, n * grid.reference) + _deviance(c2, n * grid.complement)
