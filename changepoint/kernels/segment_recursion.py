"""Recursions over the starts of segments, whatever a segment is: from log M(s, e) to sums.

With M(s, e) the marginal likelihood of rows s..e-1 as one segment, its parameters integrated
out, and rho the weight of a change (Fearnhead 2006, Theorem 1),

    F(e) = sum_s F(s) rho M(s, e),   F(0) = 1, without rho for s = 0,

sums over all ways to cut rows 0..e-1 into segments of at least m rows; it is kept in log. What
a segment that ends at e began with is then known, whatever follows:

    p(s | e) = F(s) rho M(s, e) / F(e),

and adds up to 1 over s. Everything else is a sum of products of these, forward or backward:
probabilities, so that nothing can under- or overflow that matters.

Pairs come in blocks: ends first, first + 1, ..., by starts in ascending order, (b, n). Of an
end only starts that leave m rows count, which are the first ones. Functions named `..._levels`
are told the number of changes: there F has a row for each number of changes so far.
"""

from __future__ import annotations

import math

import numpy as np

from changepoint.kernels.compiling import njit
from changepoint.kernels.elementary import exp, exp_all, largest, log_sum

FAINT = 1e-20  # probability of a start that is left out


@njit(cache=True, nogil=True, error_model="numpy")
def forward(block, first, starts, m, log_rho, F):  # type: ignore[no-untyped-def]
    """Write log F of the ends, (T + 1,), and put p(s | e) in the place of log M(s, e)."""
    before = np.full(len(starts), -np.inf)
    n = 0
    for r in range(len(block)):
        e = first + r
        while n < len(starts) and starts[n] <= e - m:
            s = starts[n]
            before[n] = F[s] + (log_rho[s] if s > 0 else 0.0)
            n += 1
        row = block[r, :n]
        for i in range(n):
            row[i] += before[i]
        top = largest(row)
        block[r, n:] = 0.0
        if top == -np.inf:
            row[:] = 0.0
            continue
        total = exp_all(row, top)
        F[e] = top + math.log(total)
        for i in range(n):
            row[i] /= total


@njit(cache=True, nogil=True, error_model="numpy")
def count_before(block, first, starts, q):  # type: ignore[no-untyped-def]
    """Write P(j segments among rows 0..e-1 | one ends there), q[e, j], (T + 1, L).

    q[0, 0] must be 1.
    """
    levels = q.shape[1]
    for r in range(len(block)):
        mine = q[first + r]
        for i in range(len(starts)):
            p = block[r, i]
            if p > FAINT:
                theirs = q[starts[i]]
                for j in range(1, levels):
                    mine[j] += p * theirs[j - 1]


@njit(cache=True, nogil=True, error_model="numpy")
def count_after(block, first, starts, r_after):  # type: ignore[no-untyped-def]
    """Write P(a segment begins at s, and j do there or later), (T + 1, L), from the last block.

    r_after[T, 0] must be 1.
    """
    levels = r_after.shape[1]
    for r in range(len(block) - 1, -1, -1):
        mine = r_after[first + r]
        for i in range(len(starts)):
            p = block[r, i]
            if p > FAINT:
                theirs = r_after[starts[i]]
                for j in range(1, levels):
                    theirs[j] += p * mine[j - 1]


@njit(cache=True, nogil=True, error_model="numpy")
def avoiding(block, first, starts, allowed, none):  # type: ignore[no-untyped-def]
    """Write P(no change in the sets among rows 0..e-1 | a segment ends there), (T + 1, S).

    allowed is 0 where a set has the row, else 1, (T + 1, S); none[0] must be 1.
    """
    for r in range(len(block)):
        mine = none[first + r]
        for i in range(len(starts)):
            p = block[r, i]
            if p > FAINT:
                theirs = none[starts[i]]
                for j in range(len(mine)):
                    mine[j] += p * theirs[j]
        for j in range(len(mine)):
            mine[j] *= allowed[first + r, j]


@njit(cache=True, nogil=True, error_model="numpy")
def begins(block, first, starts, places):  # type: ignore[no-untyped-def]
    """Write P(a segment begins at s), (T + 1,), from the last block; places[T] must be 1."""
    for r in range(len(block) - 1, -1, -1):
        weight = places[first + r]
        if weight > FAINT:
            for i in range(len(starts)):
                places[starts[i]] += weight * block[r, i]


@njit(cache=True, nogil=True, error_model="numpy")
def spread(block, first, starts, weights, center, steps):  # type: ignore[no-untyped-def]
    """Add sums over segments to the steps of a mean by row, (T + 1,).

    weights is of ends, (T + 1,); center of pairs, as the block.
    """
    for r in range(len(block)):
        e = first + r
        if weights[e] <= FAINT:
            continue
        total = 0.0
        for i in range(len(starts)):
            share = weights[e] * block[r, i]
            if share > FAINT:
                share *= center[r, i]
                steps[starts[i]] += share
                total += share
        steps[e] -= total


@njit(cache=True, nogil=True, error_model="numpy")
def by_segment(block, first, starts, q, after, center, mean):  # type: ignore[no-untyped-def]
    """Add sums over pairs to the mean of the j-th of so many segments, (levels,)."""
    levels = len(mean)
    for r in range(len(block)):
        e = first + r
        for i in range(len(starts)):
            p = block[r, i]
            if p > FAINT:
                s = starts[i]
                for j in range(levels):
                    mean[j] += p * center[r, i] * q[s, j] * after[e, levels - 1 - j]


# -- the number of changes told --------------------------------------------------------------


@njit(cache=True, nogil=True, error_model="numpy")
def forward_levels(block, first, starts, m, log_rho, F):  # type: ignore[no-untyped-def]
    """Write log F by number of changes before, (levels, T + 1), from log M(s, e).

    For a number that is known: its share of all numbers may be too small for `count_before`.
    """
    levels = len(F)
    terms = np.empty(len(starts))
    for r in range(len(block)):
        e = first + r
        if e >= m:
            F[0, e] = block[r, 0]
        for j in range(1, levels):
            n = 0
            for i in range(1, len(starts)):
                s = starts[i]
                if s > e - m:
                    break
                terms[n] = F[j - 1, s] + log_rho[s] + block[r, i]
                n += 1
            F[j, e] = log_sum(terms[:n])


@njit(cache=True, nogil=True, error_model="numpy")
def _given_level(block, r, e, starts, m, log_rho, F, level, share):  # type: ignore[no-untyped-def]
    """Write p(s | e) given the number of changes before e; return how many starts there are."""
    if level == 0:
        share[0] = 1.0
        return 1
    n = 0
    while n < len(starts) and starts[n] <= e - m:
        s = starts[n]
        before = F[level - 1, s] + log_rho[s] if s > 0 else -np.inf
        share[n] = exp(before + block[r, n] - F[level, e])
        n += 1
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def backward_levels(block, first, starts, m, log_rho, F, places):  # type: ignore[no-untyped-def]
    """Write P(a segment ends at e and has j changes before it), (levels, T + 1), backward.

    And put P(a segment is rows s..e-1) in the place of log M(s, e). places[:, T] must be P(j).
    """
    share = np.empty(len(starts))
    total = np.empty(len(starts))
    for r in range(len(block) - 1, -1, -1):
        e = first + r
        total[:] = 0.0
        for j in range(len(F)):
            weight = places[j, e]
            if weight > FAINT:
                n = _given_level(block, r, e, starts, m, log_rho, F, j, share)
                for i in range(n):
                    total[i] += weight * share[i]
                    if j > 0:
                        places[j - 1, starts[i]] += weight * share[i]
        block[r] = total


@njit(cache=True, nogil=True, error_model="numpy")
def by_segment_levels(block, first, starts, m, log_rho, F, places, center, mean):  # type: ignore[no-untyped-def]
    """Add sums over pairs, from log M(s, e), to the mean of the segment after j changes."""
    share = np.empty(len(starts))
    for r in range(len(block)):
        e = first + r
        for j in range(len(F)):
            if places[j, e] > FAINT:
                n = _given_level(block, r, e, starts, m, log_rho, F, j, share)
                for i in range(n):
                    if share[i] > FAINT:
                        mean[j] += places[j, e] * share[i] * center[r, i]


# -- draws -----------------------------------------------------------------------------------


@njit(cache=True, nogil=True, error_model="numpy")
def sample(block, first, starts, m, log_rho, F, q, left, after, head, rng, out, closed):  # type: ignore[no-untyped-def]
    """Draw placements backward, from the last block; return how many segments are written.

    Parameters
    ----------
    F
        By level where `left` counts changes and `block` is log M(s, e); else (0, T + 1).
    q
        Of `count_before` where `left` counts segments and `block` is p(s | e); else (0, 0).
    left
        Changes or segments to come, by draw, (D,).
    after, head
        Lists of the draws whose next segment ends at a row: the one that follows each draw,
        (D,), and the first one of each row, (T + 1,); -1 for none.
    out
        Written from `closed` on: draw, first row, end of each segment, (_, 3).
    """
    share = np.empty(len(starts))
    for r in range(len(block) - 1, -1, -1):
        e = first + r
        while head[e] >= 0:
            # All draws here with the same number left share one table.
            level = left[head[e]]
            n = len(starts)
            if len(F):
                n = _given_level(block, r, e, starts, m, log_rho, F, level, share)
            elif len(q):
                for i in range(n):
                    share[i] = block[r, i] * q[starts[i], level - 1]
            else:
                share[:] = block[r]
            cumulative = np.cumsum(share[:n])
            d, rest = head[e], -1
            while d >= 0:
                following = after[d]
                if left[d] != level:
                    after[d], rest = rest, d
                else:
                    x = rng.random() * cumulative[-1]
                    s = starts[min(np.searchsorted(cumulative, x, "right"), n - 1)]
                    out[closed, 0], out[closed, 1], out[closed, 2] = d, s, e
                    closed += 1
                    if len(F) or len(q):
                        left[d] -= 1
                    if s > 0:
                        after[d], head[s] = head[s], d
                d = following
            head[e] = rest
    return closed
