"""The changes given their number, compiled: places, credible sets, parameters by segment.

`engines.given`, `engines.sampled.credible_set` and `report.tables` are the reference.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from changepoint.kernels import many, many_grid, many_pairs, many_quantiles
from changepoint.kernels.many_pairs import SHARE

COUNTED = 32  # as in `engines.answer`: the largest number of changes carried
FAINT = 1e-9  # of a change's rows: what the joint density can do without
MASS = 0.95
TIE = 1e-11  # numbers, or places, this much more probable are as good as those before
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
            if best < 0 or p > S[T - 1, 1 + best] * (1 + TIE):
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
        if held >= target * (1 - TIE):
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
        if not many_pairs.compare(grid, nodes, N[j], N[j + 1], ends[j], slot[j], u, v, told[j]):
            return -1
    return count
