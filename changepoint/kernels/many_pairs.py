"""The parameters on both sides of a change: difference, ratio, probability of an increase.

`report.tables` takes them from draws. Here they are summed: given the number of changes, the
parameters g and h before and after one of them have the joint density

    sum_s F(s-1,g) rho w_h lik_s(h) B(s,h),

with F of as many changes as come before it, and B of as many as come after.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from changepoint.kernels import many, many_grid
from changepoint.kernels.quantiles import COUNTS, REACH

OUTSIDE = 1e-10  # of a parameter's nodes: what the joint density can do without
SHARE = 0.025  # beyond each end of an interval
NORMAL = 1.96
HELD = 2**22  # values of a joint density


@njit(nogil=True)
def _hull(N):  # type: ignore[no-untyped-def]
    """Return the first node, and the end, of what carries all but a trace of a density."""
    least = OUTSIDE * N.sum()
    first, end = 0, len(N)
    while first < end - 1 and N[first] < least:
        first += 1
    while end > first + 1 and N[end - 1] < least:
        end -= 1
    return first, end


class Pair(NamedTuple):
    """The joint density of the parameters before and after a change, one of them by row.

    `rows` and `columns` are the parameters of its rows and the first one's place among nodes
    of its columns; `up_to` integrals of rows up to each column, `whole` over all of them.
    """

    after: bool
    rows: np.ndarray
    column: int
    joint: np.ndarray
    up_to: np.ndarray
    whole: np.ndarray


@njit(nogil=True)
def _pairs(N, other, ends, slot, u, v, theta):  # type: ignore[no-untyped-def]
    """Return the joint density by what comes before, and by what comes after."""
    g0, g1 = _hull(N)
    h0, h1 = _hull(other)
    joint = np.zeros((h1 - h0, g1 - g0))
    for t in range(1, len(slot)):
        s = slot[t]
        if s < 0:
            continue
        for h in range(h0, h1):
            many.add(joint[h - h0], u[s, g0:g1], ends[t - 1] * v[s, h])
    joint /= joint.sum()
    turned = joint.T.copy()
    up_to, whole = _up_to(turned)
    before = Pair(False, theta[g0:g1], h0, turned, up_to, whole)
    up_to, whole = _up_to(joint)
    return before, Pair(True, theta[h0:h1], g0, joint, up_to, whole)


@njit(nogil=True)
def _up_to(joint):  # type: ignore[no-untyped-def]
    """Return integrals of rows up to each node, and of whole rows; as in `quantiles`."""
    H, G = joint.shape
    padded = np.zeros(G + 2 * REACH)
    up_to, whole = np.empty((H, G)), np.empty(H)
    for h in range(H):
        padded[REACH : REACH + G] = joint[h]
        before = 0.0
        for g in range(G):
            before += padded[g]
            total = before
            for i in range(2 * REACH):
                total += COUNTS[i] * padded[g + i + 1]
            up_to[h, g] = total
        whole[h] = joint[h].sum()
    return up_to, whole


@njit(nogil=True)
def _below(grid, first, pair, x, ratio):  # type: ignore[no-untyped-def]
    """Return P(after - before <= x), or P(after / before <= exp(x))."""
    H, G = pair.joint.shape
    total = 0.0
    x = -x if pair.after else x
    for h in range(H):
        theta = pair.rows[h] * math.exp(x) if ratio else pair.rows[h] + x
        at = many_grid.place(grid, theta, 1 - theta) - first - pair.column
        if at >= G - 1:
            total += pair.whole[h]
        elif at > 0:
            g = int(at)
            f = at - g  # cubic Hermite interpolation: values and slopes at both ends
            low, high = pair.up_to[h, g], pair.up_to[h, g + 1]
            bend = (1 - f) * pair.joint[h, g] - f * pair.joint[h, g + 1]
            bend -= (1 - 2 * f) * (high - low)
            total += low + f * (high - low) + f * (1 - f) * bend
    return 1 - total if pair.after else total


@njit(nogil=True)
def _cross(grid, first, pair, ratio, level, at, sd):  # type: ignore[no-untyped-def]
    """Return x with `_below` = level, sought from a first guess; by the Illinois method."""
    step = 0.25 * sd
    low = high = at
    f_low = f_high = _below(grid, first, pair, at, ratio) - level
    for _ in range(60):
        if f_low < 0 <= f_high:
            break
        if f_low >= 0:
            high, f_high = low, f_low
            low -= step
            f_low = _below(grid, first, pair, low, ratio) - level
        else:
            low, f_low = high, f_high
            high += step
            f_high = _below(grid, first, pair, high, ratio) - level
        step *= 2
    side = 0
    for _ in range(60):
        if high - low < 1e-9 * sd or f_high == f_low:
            break
        x = high - f_high * (high - low) / (f_high - f_low)
        if not low < x < high:
            x = 0.5 * (low + high)
        f = _below(grid, first, pair, x, ratio) - level
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


@njit(nogil=True)
def _mean_ratio(nodes, ends, slot, u, v):  # type: ignore[no-untyped-def]
    """Return the mean of after / before; infinite where the density near 0 leaves none."""
    G = len(nodes.theta)
    inverse = np.zeros(G)
    for g in range(G):
        if nodes.theta[g] > 0:
            inverse[g] = 1 / nodes.theta[g]
    total, norm, edge = 0.0, 0.0, 0.0
    for t in range(1, len(slot)):
        s = slot[t]
        if s < 0:
            continue
        after = ends[t - 1] * many.dot(v[s], nodes.theta)
        total += after * many.dot(u[s], inverse)
        edge += after * u[s, 0] * inverse[0]
        norm += ends[t - 1] * v[s].sum() * u[s].sum()
    return np.inf if edge > 1e-6 * total else total / norm


@njit(nogil=True)
def _sd(N, theta):  # type: ignore[no-untyped-def]
    """Return the standard deviation of a parameter."""
    total = N.sum()
    mean = many.dot(N, theta) / total
    variance = 0.0
    for g in range(len(N)):
        variance += N[g] * (theta[g] - mean) ** 2
    return math.sqrt(variance / total)


@njit(nogil=True)
def compare(grid, nodes, N, other, ends, slot, u, v, told):  # type: ignore[no-untyped-def]
    """Write difference, ratio and P(increase) of a change: told[7:14].

    The means of the parameter are in told[1] and told[4]. Of the two ways to sum a joint
    density, over rows by what comes before or by what comes after, one may break off where
    the other parameter's density does, at an end of its range: the other one is taken. For
    differences it is the one whose ends are further away, in standard deviations.
    """
    g0, g1 = _hull(N)
    h0, h1 = _hull(other)
    if (g1 - g0) * (h1 - h0) > HELD:
        return False
    by_before, by_after = _pairs(N, other, ends, slot, u, v, nodes.theta)
    before, after = told[1], told[4]
    sd_before, sd_after = _sd(N, nodes.theta), _sd(other, nodes.theta)
    top = np.inf if grid.kind == many_grid.RATE else 1.0
    rising = before / sd_before < (top - after) / sd_after
    falling = (top - before) / sd_before < after / sd_after
    sd = math.hypot(sd_before, sd_after)
    log_sd = min(math.hypot(sd_before / before, sd_after / after), 3.0)
    told[7] = after - before
    told[10] = _mean_ratio(nodes, ends, slot, u, v)
    told[13] = min(max(1 - _below(grid, nodes.first, by_after, 0.0, False), 0.0), 1.0)
    for side in range(2):
        level, guess = (1 - SHARE, NORMAL) if side else (SHARE, -NORMAL)
        # Whether x, the quantile, is above 0: P(after - before <= 0) tells.
        up = 1 - told[13] < level
        pair = by_before if (rising if up else falling) else by_after
        at = told[7] + guess * sd
        told[8 + side] = _cross(grid, nodes.first, pair, False, level, at, sd)
        pair = by_after if up else by_before
        at = math.log(after / before) + guess * log_sd
        told[11 + side] = math.exp(_cross(grid, nodes.first, pair, True, level, at, log_sd))
    return True
