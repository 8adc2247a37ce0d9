"""The changes given their number, compiled: places, credible sets, parameters on both sides.

`engines.given`, `engines.sampled.credible_set` and `report.tables` are the reference. What they
take from draws (difference, ratio, probability of an increase) is summed here: given their
number, the parameters g and h on both sides of a change have the joint density

    sum_s F(s-1,g) rho w_h lik_s(h) B(s,h),

with F of as many changes as come before it, and B of as many as come after.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from changepoint.kernels import many, many_grid, many_quantiles
from changepoint.kernels.quantiles import COUNTS, REACH

COUNTED = 32  # as in `engines.answer`: the largest number of changes carried
FAINT = 1e-9  # of a change's rows: what the joint density can do without
OUTSIDE = 1e-10  # of a parameter's nodes: likewise
MASS = 0.95
SHARE = 0.025  # beyond each end of an interval
NORMAL = 1.96
HELD = 2**22  # values of stored vectors, or of a joint density
TRUSTED = -650.0  # log of what surely has not been flushed to 0
VALUES = 14  # numbers told of a change: probability, 4 intervals of 3, P(increase)
MASK = -(1 << 20)


class Run(NamedTuple):
    """The memoryless filter of a series: likelihood (T, G), weights, scale by row, rho."""

    lik: np.ndarray
    w: np.ndarray
    inv: np.ndarray
    rho: float


class Nodes(NamedTuple):
    """Parameter, and a and b of `kernels.many`, by node; the first one's u."""

    theta: np.ndarray
    a: np.ndarray
    b: np.ndarray
    first: float


@njit(nogil=True)
def weigh(grid, first, places, size):  # type: ignore[no-untyped-def]
    """Return nodes at first + places and their log weights, padded by weights of -inf."""
    theta, a, b = np.zeros(size), np.zeros(size), np.zeros(size)
    log_w = np.full(size, -np.inf)
    for i in range(len(places)):
        theta[i], a[i], b[i], log_w[i] = many_grid.node(grid, first + places[i])
    return Nodes(theta, a, b, first), log_w


@njit(nogil=True)
def half_way(grid, first, numbers):  # type: ignore[no-untyped-def]
    """Return the places half-way after some nodes, and their weights."""
    nodes, log_w = weigh(grid, first, numbers + 0.5, many.padded(len(numbers)))
    return nodes, np.exp(log_w)


@njit(nogil=True)
def most_probable(run, S):  # type: ignore[no-untyped-def]
    """Return the most probable number of changes, -1 if it is more than are carried.

    Fills S: the sums of F with j changes in column 1 + j, (T, 2 + COUNTED).
    """
    T = len(run.lik)
    S[:, 0] = 0.0
    found, best, start = 0.0, -1, 0
    for end in (3, 7, 15, COUNTED + 1):
        end = min(end, T)
        F = np.zeros((end - start, len(run.w)))
        for t in range(T):
            for j in range(start, end):
                new = run.rho * S[t - 1, j] if t else (1.0 if j == 0 else 0.0)
                S[t, 1 + j] = many.forward(run.lik[t], F[j - start], run.w, new, run.inv[t])
        for j in range(start, end):
            p = S[T - 1, 1 + j]
            found += p
            if best < 0 or p > S[T - 1, 1 + best]:
                best = j
        if 1 - found < S[T - 1, 1 + best] or end == T:
            return best
        start = end
    return -1


@njit(nogil=True)
def _back(run, S, k):  # type: ignore[no-untyped-def]
    """Go back with k changes: return their places, and what comes after them where it counts.

    Returns
    -------
    p
        P(j-th change at s | k), (k, T).
    ends
        By segment, what F at its last row is to be multiplied by, (k + 1, T).
    slot, v
        Number of a row among those stored for a change, or -1, (k, T); these, each the
        density of the parameter after a change at the row, (n, G).
    """
    T, G = run.lik.shape
    total = S[T - 1, 1 + k]
    p, ends = np.zeros((k, T)), np.zeros((k + 1, T))
    slot = np.full((k, T), -1)
    v = np.empty((16, G))
    count = 0
    x, new = np.zeros((k + 1, G)), np.zeros(k + 1)
    R = np.zeros(k + 1)
    new[0] = 1.0
    ends[k, T - 1] = 1.0 / total
    inv = 0.0
    for t in range(T - 1, -1, -1):
        for i in range(k + 1):
            R[i] = many.backward(run.lik[t], x[i], run.w, inv, new[i])
        inv = run.inv[t]
        new[0] = 0.0
        for i in range(k):
            new[1 + i] = run.rho * R[i] * inv
        if t == 0:
            break
        for j in range(k):
            ends[j, t - 1] = new[k - j] / total
            p[j, t] = S[t - 1, 1 + j] * ends[j, t - 1]
            if p[j, t] > FAINT:
                if count == len(v):
                    grown = np.empty((2 * count, G))
                    grown[:count] = v
                    v = grown
                for g in range(G):
                    v[count, g] = run.w[g] * x[k - 1 - j, g] / R[k - 1 - j]
                slot[j, t] = count
                count += 1
    return p, ends, slot, v[:count]


@njit(nogil=True)
def _segments(run, S, ends, slot, u):  # type: ignore[no-untyped-def]
    """Go forward again: return P(node of the j-th segment), (k + 1, G); fill u, (n, G)."""
    T, G = run.lik.shape
    k = len(ends) - 1
    F, N = np.zeros((k + 1, G)), np.zeros((k + 1, G))
    for t in range(T):
        for j in range(k + 1):
            new = run.rho * S[t - 1, j] if t else (1.0 if j == 0 else 0.0)
            many.forward(run.lik[t], F[j], run.w, new, run.inv[t])
            if S[t, 1 + j] * ends[j, t] > 1e-18:
                many.add(N[j], F[j], ends[j, t])
            if len(u) and j < k and t + 1 < T and slot[j, t + 1] >= 0:
                u[slot[j, t + 1]] = F[j]
    return N


@njit(nogil=True)
def credible(p):  # type: ignore[no-untyped-def]
    """Return the smallest set of rows that holds 95 % of p, and the most probable row.

    Ties go to the earlier row; what differs by less than rounding is a tie.
    """
    T = len(p)
    key = np.empty(T)
    for t in range(T):
        bits = (np.float64(p[t]).view(np.int64) + (1 << 19)) & MASK
        key[t] = -np.int64(bits).view(np.float64)
    order = np.argsort(key, kind="mergesort")
    target, held = MASS * p.sum(), 0.0
    chosen = np.zeros(T, np.bool_)
    for row in order:
        chosen[row] = True
        held += p[row]
        if held >= target:
            break
    return chosen, order[0]


@njit(nogil=True)
def median(p):  # type: ignore[no-untyped-def]
    """Return the lower median."""
    target, held = 0.5 * p.sum(), 0.0
    for t in range(len(p)):
        held += p[t]
        if held >= target:
            return t
    return len(p) - 1


@njit(nogil=True)
def log_outside(run, inside):  # type: ignore[no-untyped-def]
    """Return P(no change stands in these rows), and the smallest sum on the way."""
    F = np.zeros(len(run.w))
    total, least = 1.0, 1.0
    for t in range(len(run.lik)):
        new = (0.0 if inside[t] else run.rho * total) if t else 1.0
        total = many.forward(run.lik[t], F, run.w, new, run.inv[t])
        least = min(least, total)
    return total, least


@njit(nogil=True)
def intervals(grid, rows, run, nodes, S, ends, N, told):  # type: ignore[no-untyped-def]
    """Write mean, lower and upper of each segment's parameter, (k + 1, 3).

    Parameters
    ----------
    rows
        c1, c2 and d of the rows.
    """
    c1, c2, d = rows
    T, size = len(c1), len(N)
    jobs = many_quantiles.make(2 * size)
    sums = np.empty(N.shape[1] // many.PAD)
    for j in range(size):
        total = many_quantiles.prepare(N[j], sums, SHARE, 2 * j, jobs)
        told[j, 0] = many.dot(N[j], nodes.theta) / total
    numbers, number = many_quantiles.wanted(jobs[0], N.shape[1])
    between, w = half_way(grid, nodes.first, numbers)
    lik = np.empty((T, len(w)))
    for t in range(T):
        many.likelihood(c1[t], c2[t], d[t], between.a, between.b, lik[t])
    none = np.empty((0, len(w)))
    half = _segments(Run(lik, w, run.inv, run.rho), S, ends, np.empty((0, 0), np.int64), none)
    for j in range(size):
        for side in range(2):
            many_quantiles.fill(half[j], number, 2 * j + side, jobs)
            at = nodes.first + many_quantiles.position(2 * j + side, jobs)
            told[j, 1 + side] = many_grid.parameter(grid, at)[0]


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
def _compare(grid, nodes, N, other, ends, slot, u, v, told):  # type: ignore[no-untyped-def]
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


@njit(nogil=True)
def changes(grid, rows, run, nodes, S, k, floor, told, where, ranges):  # type: ignore[no-untyped-def]
    """Tell k changes: write numbers and rows of each; return how many ranges, or -1.

    Parameters
    ----------
    floor
        Log of the least that injection puts under a node.
    told
        Probability; before, after, difference, ratio (mean, lower, upper); P(increase),
        (k, 14).
    where
        Lower median, mode, and number of ranges of the credible set, (k, 3).
    ranges
        First and last rows of these, one after the other, (k T / 2 + k, 2).
    """
    p, ends, slot, v = _back(run, S, k)
    if 2 * v.size > HELD:
        return -1
    u = np.empty_like(v)
    N = _segments(run, S, ends, slot, u)
    segments = np.empty((k + 1, 3))
    intervals(grid, rows, run, nodes, S, ends, N, segments)
    count = 0
    for j in range(k):
        inside, mode = credible(p[j])
        outside, least = log_outside(run, inside)
        if not math.log(max(least, 1e-300)) + floor > TRUSTED:
            return -1
        where[j, 0] = median(p[j])
        where[j, 1] = mode
        start = count
        for t in range(len(inside)):
            if inside[t]:
                if t == 0 or not inside[t - 1]:
                    ranges[count, 0] = t
                    count += 1
                ranges[count - 1, 1] = t
        where[j, 2] = count - start
        told[j, 0] = max(1 - outside, 0.0)
        told[j, 1:4] = segments[j]
        told[j, 4:7] = segments[j + 1]
        if not _compare(grid, nodes, N[j], N[j + 1], ends[j], slot[j], u, v, told[j]):
            return -1
    return count
