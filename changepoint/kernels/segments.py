"""Exact recursions over the starts of segments, for closed-form segment marginals.

With M(s, e) the marginal likelihood of rows s..e-1 as one segment, its parameters integrated
out, and rho the weight of a change (Fearnhead 2006, Theorem 1),

    F(e) = sum_s F(s) rho M(s, e),   F(0) = 1, without rho for s = 0
    B(s) = sum_e M(s, e) rho B(e),   B(T) = 1, without rho for e = T

sum over all ways to cut rows 0..e-1, and s..T-1, into segments of at least m rows. All are
kept as logarithms. M comes from prefix sums of additive statistics (`st`, described in
likelihoods.segment_statistics), so memory is O(T), time O(T^2), or less where old starts can be
left out: start s is dropped for ends beyond t + m if

    F(s) max likelihood(y_s..y_t) < F(t+1) rho 2 eps / T^2,

because a change at t + 1 explains what follows at least as well; what is lost is at most a
share eps. For autocorrelated rows, whose future depends on more than the parameters, and
for a given number of changes, nothing is dropped.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from changepoint.likelihoods import segment_statistics as statistics

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LINEAR, DIRICHLET, GAMMA = 0, 1, 2  # as in likelihoods.segment_statistics
EPS = 1e-12  # share of the evidence that dropping starts may lose
FAINT = -45.0  # in log: a share that is left out
LOG_2PI = math.log(2 * math.pi)
# What is called for every pair of rows is inlined: else counting the references to the arrays
# that it is handed takes three times as long as the arithmetic.


_exact_sum = njit(inline="always")(statistics.exact_sum)
_exact_product = njit(inline="always")(statistics.exact_product)


@njit(cache=True, nogil=True, inline="always")
def _between(begin, end, start, begin_low, end_low, start_low):  # type: ignore[no-untyped-def]
    """As in likelihoods.segment_statistics, not to be called from here; so the next one."""
    difference, lost = _exact_sum(end, -start)
    total, more = _exact_sum(begin, difference)
    return total, lost + more + begin_low + (end_low - start_low)


@njit(cache=True, nogil=True, inline="always")
def _around_mean(yy, yy_low, uy, uy_low, uu):  # type: ignore[no-untyped-def]
    square, lost = _exact_product(uy, uy)
    share = square / uu
    back, rest = _exact_product(share, uu)
    share_low = ((square - back) - rest + lost + 2 * uy * uy_low) / uu
    return (yy - share) + (yy_low - share_low)


@njit(cache=True, nogil=True, inline="always")
def _linear(st, s, e):  # type: ignore[no-untyped-def]
    """Return n, log determinant, rest of squares, and the coefficients.

    n rows; half the log determinant of the noise's precision; y'y + prior - explained;
    log |posterior precision| - log |prior precision|; posterior mean of constant and slope
    at the middle of the segment's time.
    """
    f = st.first[s]
    if f >= e:
        n, ld, yy, uy, uu, zy, uz, zz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        yy_low, uy_low = 0.0, 0.0
    else:
        hi, lo, b, g = st.sums, st.sums, st.begin, f + 1
        n = b[f, 0] + (hi[e, 0] - lo[g, 0])
        ld = b[f, 1] + (hi[e, 1] - lo[g, 1])
        yy, yy_low = _between(b[f, 2], hi[e, 2], lo[g, 2], b[f, 8], hi[e, 8], lo[g, 8])
        uy, uy_low = _between(b[f, 3], hi[e, 3], lo[g, 3], b[f, 9], hi[e, 9], lo[g, 9])
        uu = b[f, 4] + (hi[e, 4] - lo[g, 4])
        zy = b[f, 5] + (hi[e, 5] - lo[g, 5])
        uz = b[f, 6] + (hi[e, 6] - lo[g, 6])
        zz = b[f, 7] + (hi[e, 7] - lo[g, 7])
    p, mean, k0, k1, mean1 = st.prior[0], st.prior[4], st.prior[5], st.prior[6], st.prior[8]
    if p == 0:
        return n, ld, yy, 0.0, 0.0, 0.0
    g0, a00 = uy + mean * k0, uu + k0
    if p == 1:
        rest = 0.0
        if uu > 0:
            away = uy / uu - mean
            rest = _around_mean(yy, yy_low, uy, uy_low, uu) + away * away * uu * k0 / a00
        return n, ld, rest, math.log(a00 / k0), g0 / a00, 0.0
    rest = yy + mean * mean * k0
    c = 0.5 * (st.x[s] + st.x[e - 1])
    g1, a01 = zy - c * uy + mean1 * k1, uz - c * uu
    a11 = max(zz - c * (2 * uz - c * uu), 0.0) + k1
    det = a00 * a11 - a01 * a01
    b0, b1 = (a11 * g0 - a01 * g1) / det, (a00 * g1 - a01 * g0) / det
    rest += mean1 * mean1 * k1 - (g0 * b0 + g1 * b1)
    return n, ld, rest, math.log(det / (k0 * k1)), b0, b1


@njit(cache=True, nogil=True, inline="always")
def log_marginal(st, s, e):  # type: ignore[no-untyped-def]
    """Return log M(s, e)."""
    if st.kind == LINEAR:
        n, ld, rest, log_det = _linear(st, s, e)[:4]
        known, a, b = st.prior[1], st.prior[2], st.prior[3]
        rest = max(rest, 0.0)
        if known > 0:
            return ld - 0.5 * (n * (LOG_2PI + math.log(a)) + log_det + rest / a)
        gammas = st.gammas[int(n)]
        return (
            ld - 0.5 * (n * LOG_2PI + log_det) + gammas
            - 0.5 * n * math.log(b) - (a + 0.5 * n) * math.log1p(0.5 * rest / b)
        )  # fmt: skip
    hi, lo = st.sums[e], st.sums[s]
    total = hi[0] - lo[0]  # of what doesn't depend on the parameters
    if st.kind == GAMMA:
        alpha, beta = st.prior[0], st.prior[1]
        k, exposure = hi[1] - lo[1], hi[2] - lo[2]
        return (
            total + math.lgamma(alpha + k) - math.lgamma(alpha)
            - k * math.log(beta + exposure) - alpha * math.log1p(exposure / beta)
        )  # fmt: skip
    alphas, n = 0.0, 0.0
    for c in range(1, len(hi)):
        alpha, k = st.prior[c], hi[c] - lo[c]
        alphas += alpha
        n += k
        if k > 0:
            total += math.lgamma(alpha + k) - math.lgamma(alpha)
    return total - (math.lgamma(alphas + n) - math.lgamma(alphas))


@njit(cache=True, nogil=True)
def log_likelihood_at_best(st, s, e):  # type: ignore[no-untyped-def]
    """Return the largest log likelihood of rows s..e-1; inf where it has no bound."""
    if st.kind == LINEAR:
        f = st.first[s]
        if f >= e:
            return 0.0
        row = st.begin[f] + (st.sums[e] - st.sums[f + 1])
        n, ld, rest, p = row[0], row[1], row[2], st.prior[0]
        if p == 1:
            b, hi, lo = st.begin[f], st.sums[e], st.sums[f + 1]
            yy, yy_low = _between(b[2], hi[2], lo[2], b[8], hi[8], lo[8])
            uy, uy_low = _between(b[3], hi[3], lo[3], b[9], hi[9], lo[9])
            rest = _around_mean(yy, yy_low, uy, uy_low, row[4])
        if p == 2:
            c = row[6] / row[4]
            across = row[7] - c * row[6]
            rest -= row[3] * row[3] / row[4]
            if across > 1e-9 * row[7]:
                rest -= (row[5] - c * row[3]) ** 2 / across
            else:
                rest = 0.0
        if st.prior[1] > 0:
            return ld - 0.5 * (
                n * (LOG_2PI + math.log(st.prior[2])) + max(rest, 0.0) / st.prior[2]
            )
        if n <= p or not rest > 1e-12 * row[2]:
            return math.inf
        return ld - 0.5 * n * (LOG_2PI + 1 + math.log(rest / n))
    hi, lo = st.sums[e], st.sums[s]
    total = hi[0] - lo[0]
    if st.kind == GAMMA:
        k, exposure = hi[1] - lo[1], hi[2] - lo[2]
        return total + (k * math.log(k / exposure) - k if k > 0 else 0.0)
    n = 0.0
    for c in range(1, len(hi)):
        k = hi[c] - lo[c]
        n += k
        if k > 0:
            total += k * math.log(k)
    return total - (n * math.log(n) if n > 0 else 0.0)


@njit(cache=True, nogil=True, inline="always")
def center(st, s, e):  # type: ignore[no-untyped-def]
    """Return the posterior mean of what is shown of rows s..e-1: constant and slope in x."""
    if st.kind == LINEAR:
        n, _, rest, _, b0, b1 = _linear(st, s, e)[:6]
        if st.prior[7] > 0:
            a = st.prior[2] + 0.5 * n
            root = math.exp(math.lgamma(a - 0.5) - math.lgamma(a))
            return math.sqrt(st.prior[3] + 0.5 * max(rest, 0.0)) * root, 0.0
        c = 0.5 * (st.x[s] + st.x[e - 1])
        return b0 - b1 * c, b1
    hi, lo = st.sums[e], st.sums[s]
    if st.kind == GAMMA:
        return (st.prior[0] + hi[1] - lo[1]) / (st.prior[1] + hi[2] - lo[2]), 0.0
    total = 0.0
    for c in range(1, len(hi)):
        total += st.prior[c] + hi[c] - lo[c]
    shown = 1 + int(st.prior[0])
    return (st.prior[shown] + hi[shown] - lo[shown]) / total, 0.0


@njit(cache=True, nogil=True)
def forward(st, log_rho, m, prune):  # type: ignore[no-untyped-def]
    """Return log F, (T + 1,), and the last end that each start is kept for, (T,).

    log_rho is by row, (T,): -inf where no change is allowed.
    """
    T = len(log_rho)
    F = np.full(T + 1, -np.inf)
    F[0] = 0.0
    until = np.full(T, T)
    starts = np.empty(T, np.int64)
    terms = np.empty(T)
    n, last = 0, -1
    for e in range(m, T + 1):
        s = e - m
        if s == 0 or (F[s] > -np.inf and log_rho[s] > -np.inf):
            starts[n] = s
            n += 1
        top, kept = -np.inf, 0
        for i in range(n):
            s = starts[i]
            if until[s] < e:
                continue
            starts[kept] = s
            terms[kept] = F[s] + (log_rho[s] if s > 0 else 0.0) + log_marginal(st, s, e)
            top = max(top, terms[kept])
            kept += 1
        n = kept
        if top == -np.inf:
            continue
        total = 0.0
        for i in range(n):
            total += math.exp(terms[i] - top)
        F[e] = top + math.log(total)
        if prune and e < T and log_rho[e] > -np.inf and e - last >= 4:
            last = e  # every few rows is often enough
            limit = F[e] + log_rho[e] + math.log(2 * EPS) - 2 * math.log(T)
            for i in range(n):
                s = starts[i]
                if until[s] == T and e + m <= T and terms[i] < limit:
                    before = F[s] + (log_rho[s] if s > 0 else 0.0)
                    if before + log_likelihood_at_best(st, s, e) < limit:
                        until[s] = min(e + m - 1, T)
    return F, until


@njit(cache=True, nogil=True)
def count_before(st, log_rho, m, until, F, levels):  # type: ignore[no-untyped-def]
    """Return P(j changes among rows 0..e-1 | a segment ends there), (levels, T + 1)."""
    T = len(log_rho)
    q = np.zeros((levels, T + 1))
    starts = np.empty(T, np.int64)
    reached = np.zeros(T + 1, np.int64)  # levels that aren't next to impossible
    n = 0
    for e in range(m, T + 1):
        s = e - m
        if s > 0 and log_rho[s] > -np.inf and F[s] > -np.inf:
            starts[n] = s
            n += 1
        if F[e] == -np.inf:
            continue
        if until[0] >= e:
            q[0, e] = math.exp(log_marginal(st, 0, e) - F[e])
        seen, n = n, 0
        for i in range(seen):
            s = starts[i]
            if until[s] < e:
                continue
            starts[n] = s
            n += 1
            log_p = F[s] + log_rho[s] + log_marginal(st, s, e) - F[e]
            if log_p > FAINT:
                p = math.exp(log_p)
                for j in range(1, min(levels, reached[s] + 1)):
                    q[j, e] += p * q[j - 1, s]
        for j in range(levels):
            if q[j, e] > 1e-24:
                reached[e] = j + 1
    return q


@njit(cache=True, nogil=True)
def count_after(st, log_rho, m, until, F, B, log_total, q):  # type: ignore[no-untyped-def]
    """Return the same of the rows from s on, and each segment's mean, given their number.

    Parameters
    ----------
    q
        From `count_before`, (k + 1, T + 1).

    Returns
    -------
    r
        P(i changes among rows s+1..T-1 | a segment begins at s), (k + 1, T + 1).
    segment
        Mean of what is shown of the j-th segment, its constant, given k changes, (k + 1,).
    """
    levels, T = q.shape[0], len(log_rho)
    r = np.zeros((levels, T + 1))
    segment = np.zeros(levels)
    for s in range(T - m, -1, -1):
        if B[s] == -np.inf:
            continue
        into = F[s] + (log_rho[s] if s > 0 else 0.0) - log_total
        for e in range(s + m, until[s] + 1):
            out = B[e] + (log_rho[e] if e < T else 0.0)
            if out == -np.inf:
                continue
            log_p = log_marginal(st, s, e) + out
            weight = math.exp(min(into + log_p, 0.0))
            if log_p - B[s] > FAINT:
                p = math.exp(log_p - B[s])
                if e == T:
                    r[0, s] += p
                else:
                    for i in range(1, levels):
                        r[i, s] += p * r[i - 1, e]
            if weight > 1e-18:
                b0 = center(st, s, e)[0]
                for j in range(levels):  # changes before
                    before = (
                        q[j - 1, s] if s > 0 and j > 0 else (1.0 if s == 0 and j == 0 else 0.0)
                    )
                    if e == T:
                        after = 1.0 if j == levels - 1 else 0.0
                    else:
                        after = r[levels - 2 - j, e] if j < levels - 1 else 0.0
                    segment[j] += weight * before * after * b0
    return r, segment / max(q[levels - 1, T], 1e-300)


@njit(cache=True, nogil=True)
def forward_levels(st, log_rho, m, levels):  # type: ignore[no-untyped-def]
    """Return log F by number of changes before, (levels, T + 1).

    For a number that is known: its share of all numbers may be too small for `count_before`.
    """
    T = len(log_rho)
    F = np.full((levels, T + 1), -np.inf)
    terms = np.empty((levels, T))
    for e in range(m, T + 1):
        F[0, e] = log_marginal(st, 0, e)
        n = 0
        for s in range(m, e - m + 1):
            if log_rho[s] == -np.inf:
                continue
            M = log_rho[s] + log_marginal(st, s, e)
            for j in range(1, levels):
                terms[j, n] = F[j - 1, s] + M
            n += 1
        for j in range(1, levels):
            F[j, e] = _log_sum(terms[j, :n])
    return F


@njit(cache=True, nogil=True)
def _log_sum(x):  # type: ignore[no-untyped-def]
    if not len(x):
        return -np.inf
    top = np.max(x)
    if top == -np.inf:
        return top
    total = 0.0
    for value in x:
        total += math.exp(value - top)
    return top + math.log(total)


@njit(cache=True, nogil=True)
def backward(st, log_rho, m, until, F, log_total):  # type: ignore[no-untyped-def]
    """Return log B, (T + 1,), and the mean of what is shown, by row, (T,)."""
    T = len(log_rho)
    B = np.full(T + 1, -np.inf)
    B[T] = 0.0
    constant, slope = np.zeros(T + 1), np.zeros(T + 1)
    terms = np.empty(T + 1)
    for s in range(T - m, -1, -1):
        into = F[s] + (log_rho[s] if s > 0 else 0.0)
        n = 0
        for e in range(s + m, until[s] + 1):
            out = B[e] + (log_rho[e] if e < T else 0.0)
            if out == -np.inf:
                continue
            terms[n] = log_marginal(st, s, e) + out
            weight = terms[n] + into - log_total
            n += 1
            if weight > -40:
                share = math.exp(weight)
                b0, b1 = center(st, s, e)
                constant[s] += share * b0
                constant[e] -= share * b0
                slope[s] += share * b1
                slope[e] -= share * b1
        B[s] = _log_sum(terms[:n])
    mean = np.cumsum(constant[:T])
    if st.kind == LINEAR:
        mean += np.cumsum(slope[:T]) * st.x
    return B, mean


@njit(cache=True, nogil=True)
def backward_levels(st, log_rho, m, levels, at_most, F, log_total):  # type: ignore[no-untyped-def]
    """Return log B by number of changes after, (levels, T + 1), and means.

    The mean of what is shown by row, (T,), and of each segment's constant, (levels,); the
    latter only under a fixed number. With `at_most`, B[i] allows i changes or fewer.
    """
    T = len(log_rho)
    B = np.full((levels, T + 1), -np.inf)
    constant, slope, segment = np.zeros(T + 1), np.zeros(T + 1), np.zeros(levels)
    terms = np.empty((levels, T + 1))
    for s in range(T - m, -1, -1):
        n = 0
        for e in range(s + m, T + 1):
            if e < T and (log_rho[e] == -np.inf or e > T - m):
                continue
            M = log_marginal(st, s, e)
            share_all = 0.0
            b0, b1 = center(st, s, e)
            for i in range(levels):
                if e == T:
                    terms[i, n] = M if i == 0 or at_most else -np.inf
                else:
                    terms[i, n] = M + log_rho[e] + B[i - 1, e] if i else -np.inf
                j = levels - 1 - i  # changes before this segment
                if s == 0:
                    into = 0.0 if j == 0 else -np.inf
                else:
                    into = F[j - 1, s] + log_rho[s] if j else -np.inf
                weight = into + terms[i, n] - log_total
                if weight > -40:
                    share = math.exp(weight)
                    share_all += share
                    segment[j] += share * b0
            n += 1
            constant[s] += share_all * b0
            constant[e] -= share_all * b0
            slope[s] += share_all * b1
            slope[e] -= share_all * b1
        for i in range(levels):
            B[i, s] = _log_sum(terms[i, :n])
    mean = np.cumsum(constant[:T])
    if st.kind == LINEAR:
        mean += np.cumsum(slope[:T]) * st.x
    return B, mean, segment


@njit(cache=True, nogil=True)
def sample(st, log_rho, m, until, F, number, rng, out):  # type: ignore[no-untyped-def]
    """Draw placements backward, all draws at once; return how many segments were written.

    Parameters
    ----------
    F
        Of `forward` as (1, T + 1), or of `forward_levels`.
    number
        Changes of each draw, (D,); ignored (and -1) where F has one level without count.
    out
        Written: draw, first row, end of each segment, (D * (T // m), 3).
    """
    T, D = len(log_rho), len(number)
    left = number.copy()
    after = np.full(D, -1)  # lists of the draws whose next segment ends at a row
    head = np.full(T + 1, -1)
    for d in range(D):
        after[d] = head[T]
        head[T] = d
    cumulative = np.empty(T + 1)
    starts = np.empty(T + 1, np.int64)
    closed = 0
    counted = D > 0 and number[0] >= 0
    for e in range(T, 0, -1):
        while head[e] >= 0:
            # All draws here with the same number left share one table.
            level = left[head[e]]
            n, top = 0, -np.inf
            for s in range(0, e - m + 1):
                if until[s] < e or (s > 0 and log_rho[s] == -np.inf):
                    continue
                if counted:
                    if level == 0:
                        before = 0.0 if s == 0 else -np.inf
                    else:
                        before = F[level - 1, s] + log_rho[s] if s > 0 else -np.inf
                else:
                    before = F[0, s] + (log_rho[s] if s > 0 else 0.0)
                if before == -np.inf:
                    continue
                cumulative[n] = before + log_marginal(st, s, e)
                top = max(top, cumulative[n])
                starts[n] = s
                n += 1
            total = 0.0
            for i in range(n):
                total += math.exp(cumulative[i] - top)
                cumulative[i] = total
            d, rest = head[e], -1
            while d >= 0:
                following = after[d]
                if left[d] != level:
                    after[d] = rest
                    rest = d
                else:
                    i = np.searchsorted(cumulative[:n], rng.random() * total, "right")
                    s = starts[min(i, n - 1)]
                    out[closed, 0], out[closed, 1], out[closed, 2] = d, s, e
                    closed += 1
                    if counted:
                        left[d] -= 1
                    if s > 0:
                        after[d] = head[s]
                        head[s] = d
                d = following
            head[e] = rest
    return closed
