"""The parameters on both sides of a change: difference, ratio, probability of an increase.

Given the number of changes, the parameters g and h before and after one of them have the joint
density

    sum_s F(s-1,g) rho w_h prod_{s..s+m-1} lik(h) B(s+m-1,h),

with F of as many changes as come before it, and B of as many as come after. A distribution
function of their difference, or ratio, is a sum over one of them of integrals up to a place
among the nodes of the other.
"""

from __future__ import annotations

import math

import numpy as np

from changepoint.kernels import loops
from changepoint.kernels.compiling import njit
from changepoint.kernels.elementary import largest
from changepoint.kernels.quantiles import COUNTS, REACH

TRACE = 1e-15  # of the largest value, beyond which a density is left out of products


@njit(cache=True, nogil=True)
def add_products(before, after, density):  # type: ignore[no-untyped-def]
    """Add before.T @ after, of densities (n, G) and (n, H), to one of both, (G, H).

    Each is taken from where to where it is more than a trace: where the place of a change is
    not known, those of one place are narrow beside those of all.
    """
    for i in range(len(before)):
        first, end = _carrying(before[i])
        start, stop = _carrying(after[i])
        for g in range(first, end):
            p, row = before[i, g], density[g]
            for h in range(start, stop):
                row[h] += p * after[i, h]


@njit(nogil=True)
def _carrying(density):  # type: ignore[no-untyped-def]
    """Return the first place and the end of more than a trace."""
    least = TRACE * largest(density)
    first, end = 0, len(density)
    while first < end and not density[first] > least:
        first += 1
    while end > first and not density[end - 1] > least:
        end -= 1
    return first, end


@njit(nogil=True)
def _up_to(joint):  # type: ignore[no-untyped-def]
    """Return integrals of rows up to each node, (H, G); as in `quantiles`."""
    H, G = joint.shape
    padded = np.zeros(G + 2 * REACH)
    up_to = np.empty((H, G))
    for h in range(H):
        loops.copy(joint[h], padded[REACH : REACH + G])
        before = 0.0
        for g in range(G):
            before += padded[g]
            total = before
            for i in range(2 * REACH):
                total += COUNTS[i] * padded[g + i + 1]
            up_to[h, g] = total
    return up_to


@njit(nogil=True)
def _place(theta, slope, x):  # type: ignore[no-untyped-def]
    """Return the fractional node of x, by cubic Hermite interpolation of ascending theta."""
    if not x > theta[0]:
        return 0.0
    if not x < theta[-1]:
        return len(theta) - 1.0
    g = loops.below(theta, x) - 1
    width = theta[g + 1] - theta[g]
    if width <= 0:
        return float(g)
    # theta(f) = theta_g + f width + f (1 - f) [(1 - f) a - f b]
    a, b = slope[g] - width, slope[g + 1] - width
    target = x - theta[g]
    low, high, f = 0.0, 1.0, target / width
    for _ in range(50):
        value = f * width + f * (1 - f) * ((1 - f) * a - f * b) - target
        if value > 0:
            high = f
        else:
            low = f
        rise = width + (1 - 2 * f) * ((1 - f) * a - f * b) - f * (1 - f) * (a + b)
        new = f - value / rise if rise > 0 else 0.5 * (low + high)
        if not low <= new <= high:
            new = 0.5 * (low + high)
        if abs(new - f) < 1e-13:
            return g + new
        f = new
    return g + f


@njit(nogil=True)
def _below(theta, slope, rows, joint, up_to, whole, after, x, ratio):  # type: ignore[no-untyped-def]
    """Return P(after - before <= x), or P(after / before <= exp(x)).

    `rows` is the parameter by row of the joint density, which is what comes `after` or before;
    theta and slope are those of its columns.
    """
    H, G = joint.shape
    total = 0.0
    x = -x if after else x
    for h in range(H):
        at = _place(theta, slope, rows[h] * math.exp(x) if ratio else rows[h] + x)
        if at >= G - 1:
            total += whole[h]
        elif at > 0:
            g = int(at)
            f = at - g  # cubic Hermite interpolation: values and slopes at both ends
            low, high = up_to[h, g], up_to[h, g + 1]
            bend = (1 - f) * joint[h, g] - f * joint[h, g + 1]
            bend -= (1 - 2 * f) * (high - low)
            total += low + f * (high - low) + f * (1 - f) * bend
    return 1 - total if after else total


@njit(cache=True, nogil=True)
def prepare(joint):  # type: ignore[no-untyped-def]
    """Return integrals of the rows of a joint density up to each node, and of whole rows."""
    whole = np.empty(len(joint))
    for h in range(len(joint)):
        total = 0.0
        for g in range(joint.shape[1]):
            total += joint[h, g]
        whole[h] = total
    return _up_to(joint), whole


@njit(cache=True, nogil=True)
def below(theta, slope, rows, joint, up_to, whole, after, x, ratio):  # type: ignore[no-untyped-def]
    """Return P(after - before <= x), or of the log of their ratio."""
    return _below(theta, slope, rows, joint, up_to, whole, after, x, ratio)


@njit(cache=True, nogil=True)
def crossing(theta, slope, rows, joint, up_to, whole, after, ratio, level, at, sd):  # type: ignore[no-untyped-def]
    """Return x with `below` = level, sought from a first guess; by the Illinois method."""
    step = 0.25 * sd
    low = high = at
    f_low = f_high = _below(theta, slope, rows, joint, up_to, whole, after, at, ratio) - level
    for _ in range(60):
        if f_low < 0 <= f_high:
            break
        if f_low >= 0:
            high, f_high = low, f_low
            low -= step
            f_low = _below(theta, slope, rows, joint, up_to, whole, after, low, ratio) - level
        else:
            low, f_low = high, f_high
            high += step
            f_high = _below(theta, slope, rows, joint, up_to, whole, after, high, ratio) - level
        step *= 2
    side = 0
    for _ in range(60):
        if high - low < 1e-9 * sd or f_high == f_low:
            break
        x = high - f_high * (high - low) / (f_high - f_low)
        if not low < x < high:
            x = 0.5 * (low + high)
        f = _below(theta, slope, rows, joint, up_to, whole, after, x, ratio) - level
        if abs(f) < 1e-9:
            return x
        if f >= 0:
            high, f_high = x, f
            f_low *= 0.5 if side == 1 else 1.0
            side = 1
        else:
            low, f_low = x, f
            f_high *= 0.5 if side == -1 else 1.0
            side = -1
    return 0.5 * (low + high)
