"""Sums over the placements of a known number of changes, for any log likelihood.

Given L[j, t], the log likelihood of row t if it lies in segment j, j = 0..k, the forward and
backward weights of a left-to-right hidden Markov model (Rabiner 1989, equations 19-25) are

    before[j, t]  rows 0..t, row t in segment j, which is at least m rows long by then
    after[j, t]   rows t+1.., given that
    before[j, t] = log( exp(L[j, t] + before[j, t-1]) + exp(W[j, t-m+1] + before[j-1, t-m]) )

with W[j, s] the sum of L[j, s..s+m-1]: O(k T) in all. Every placement weighs 1; -inf marks a
row that a segment can't have produced. Everything here is a logarithm but probabilities.
"""

from __future__ import annotations

import numpy as np

from changepoint.kernels.compiling import njit


@njit(cache=True, nogil=True)
def windows(L, m):  # type: ignore[no-untyped-def]
    """Return sums over m consecutive rows, never by differences: (S, T) -> (S, T - m + 1)."""
    S, T = L.shape
    W = np.empty((S, T - m + 1))
    # A window is the end of one stretch of m rows and the start of the next.
    for j in range(S):
        for start in range(0, T - m + 1, m):
            total = 0.0
            for t in range(start + m - 1, start - 1, -1):
                total += L[j, t]
                if t < T - m + 1:
                    W[j, t] = total
            total = 0.0
            for t in range(start + m, min(start + 2 * m - 1, T)):
                total += L[j, t]
                W[j, t - m + 1] += total
    return W


@njit(cache=True, nogil=True)
def forward(L, W, m):  # type: ignore[no-untyped-def]
    """Return `before`, shape (k + 1, T)."""
    S, T = L.shape
    before = np.full((S, T), -np.inf)
    before[0, m - 1] = W[0, 0]
    for t in range(m, T):
        before[0, t] = L[0, t] + before[0, t - 1]
        for j in range(1, S):
            begun = W[j, t - m + 1] + before[j - 1, t - m]
            before[j, t] = np.logaddexp(L[j, t] + before[j, t - 1], begun)
    return before


@njit(cache=True, nogil=True)
def sum_out(L, m):  # type: ignore[no-untyped-def]
    """Return the log of the sum over placements, and P(row t lies in segment j), (k + 1, T).

    By Fisher's identity the second is the gradient of the first. It is 0 where no placement
    is possible.
    """
    S, T = L.shape
    P = np.zeros((S, T))
    if T < S * m:
        return -np.inf, P
    W = windows(L, m)
    before = forward(L, W, m)
    log_sum = before[S - 1, T - 1]
    if log_sum == -np.inf:
        return log_sum, P
    after = np.full((S, T), -np.inf)
    after[S - 1, T - 1] = 0.0
    for t in range(T - 2, -1, -1):
        for j in range(S):
            after[j, t] = L[j, t + 1] + after[j, t + 1]
            if j + 1 < S and t + m < T:
                begun = W[j + 1, t + 1] + after[j + 1, t + m]
                after[j, t] = np.logaddexp(after[j, t], begun)
    P[0, 0] = 1.0
    for j in range(1, S):
        for s in range(m, T - m + 1):
            P[j, s] = np.exp(before[j - 1, s - 1] + W[j, s] + after[j, s + m - 1] - log_sum)
    # P(segment j has begun by row t), less the same for segment j + 1.
    for j in range(S):
        total = 0.0
        for t in range(T):
            total += P[j, t]
            P[j, t] = total
    for j in range(S - 1):
        for t in range(T):
            P[j, t] = max(P[j, t] - P[j + 1, t], 0.0)
    return log_sum, P


@njit(cache=True, nogil=True)
def draw(L, m, uniform):  # type: ignore[no-untyped-def]
    """Return the first rows of segments 1..k, drawn by k uniform numbers, shape (k,).

    All are -1 where no placement is possible.
    """
    S, T = L.shape
    rows = np.full(S - 1, -1)
    if T < S * m:
        return rows
    before = forward(L, windows(L, m), m)
    if not np.isfinite(before[S - 1, T - 1]):
        return rows
    end = T
    for j in range(S - 1, 0, -1):
        left = uniform[j - 1]
        inside = 0.0
        for s in range(end - 1, j * m - 1, -1):
            inside += L[j, s]
            weight = inside + before[j - 1, s - 1]
            if s <= end - m and weight > -np.inf:
                rows[j - 1] = s  # rounding may leave a little at the last possible row
                left -= np.exp(weight - before[j, end - 1])
                if left <= 0:
                    break
        end = rows[j - 1]
    return rows
