"""The same steps as `forward_backward`, in log space: slow, right where that underflows.

A path that every other explanation beats by exp(-708) or more is flushed to zero in linear
space, and comes back too low if later rows favour it. Asked for exactly one change in a
series that plainly has ten, the filter works here. All arrays hold logarithms but P.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from changepoint.kernels.compiling import njit
from changepoint.kernels.loops import copy_rows

Floats = NDArray[np.float64]


def windows(rows: Floats, m: int) -> Floats:
    """Return sums over m consecutive rows, never by differences: (n + m - 1, G) -> (n, G)."""
    n, G = len(rows) - m + 1, rows.shape[1]
    chunks = -(-len(rows) // m)
    padded = np.zeros((chunks * m, G))
    padded[: len(rows)] = rows
    cube = padded.reshape(chunks, m, G)
    prefix = cube.cumsum(axis=1).reshape(-1, G)
    suffix = cube[:, ::-1].cumsum(axis=1)[:, ::-1].reshape(-1, G)
    sums: Floats = prefix[m - 1 : m - 1 + n].copy()
    inner = np.arange(n) % m != 0
    sums[inner] += suffix[:n][inner]
    return sums


@njit(cache=True, nogil=True)
def _add(a, b):  # type: ignore[no-untyped-def]
    """log(exp(a) + exp(b))."""
    top = max(a, b)
    if top == -np.inf:
        return top
    return top + np.log1p(np.exp(min(a, b) - top))


@njit(cache=True, nogil=True)
def _sum(x):  # type: ignore[no-untyped-def]
    """log(sum(exp(x)))."""
    top = -np.inf
    for g in range(len(x)):
        top = max(top, x[g])
    if top == -np.inf:
        return top
    total = 0.0
    for g in range(len(x)):
        total += np.exp(x[g] - top)
    return top + np.log(total)


@njit(cache=True, nogil=True)
def forward(  # type: ignore[no-untyped-def]
    t0, lik, at, win, at_win, log_win, w, rho, m, offset, begin, follow, F, C, S, history
):
    """Carry F over the rows t0.. of a block; see `forward_backward.forward`."""
    L, G = F.shape
    if len(history):
        copy_rows(F, history[0])
    for i in range(len(at)):
        t = t0 + i
        row, window = lik[at[i]], win[at_win[i]]
        last = C[t - 1] if t > 0 else 0.0
        if t < m - 1:
            if not follow:
                S[t, 1:] = -np.inf
                if offset == 0:
                    C[t] = 0.0
        elif t == m - 1 and begin:
            for g in range(G):
                F[0, g] = w[g] + window[g]
        elif t >= m:
            a = (C[t - 2] if t > 1 else 0.0) - last
            new = rho[t - m + 1] + C[t - m] - last
            for j in range(L):
                b = new + S[t - m, 1 + j - offset]
                for g in range(G):
                    F[j, g] = _add(row[g] + F[j, g] + a, b + w[g] + window[g])
        if t >= m - 1 and not follow:
            for j in range(L):
                total = _sum(F[j])
                if offset == 0:
                    C[t] = last + total
                S[t, 1 + j] = total + last - C[t]
        if len(history):
            copy_rows(F, history[i + 1])


@njit(cache=True, nogil=True)
def backward(  # type: ignore[no-untyped-def]
    t0, lik, at, win, at_win, log_win, w, rho, m, offset, follow, C, S, total, history,
    B, R, young, ring, at_P, P, N, slot, U, V,
):  # fmt: skip
    """Carry B backward over the rows of a block; see `forward_backward.backward`.

    B is B itself; P, N, U and V aren't logarithms.
    """
    L, G = B.shape
    for i in range(len(at) - 1, -1, -1):
        t = t0 + i
        s = t - m + 1
        before = C[t - 1] if t > 0 else 0.0
        scale = before - C[t]
        row, window = lik[at[i]], win[at_win[i]]
        if len(P) and at_P[i] >= 0:
            P[at_P[i]] = np.maximum(young, 0.0)
            if s >= 0:
                for j in range(L):
                    P[at_P[i]] += np.exp(history[i + 1, j] + B[L - 1 - j] + scale - total)
        for j in range(len(N)):
            if t + 1 == len(C):
                ends = 0.0 if j == L - 1 else -np.inf
            else:
                ends = rho[t + 1] + R[t + 1, L - 2 - j] if j < L - 1 else -np.inf
                ends += C[t] - C[t + 1]
            N[j] += np.exp(history[i + 1, j] + ends + scale - total)
        if len(slot) and t + 1 < len(C):
            for j in range(L - 1):
                if slot[j, t + 1] >= 0 and S[t, 1 + j] > -np.inf:
                    U[slot[j, t + 1]] = np.exp(history[i + 1, j] + scale - S[t, 1 + j])
        if s >= 0:
            for j in range(L):
                if not follow:
                    R[s, j] = _sum(w + window + B[j]) + C[s] - C[t]
                wanted = len(slot) and j < L - 1 and slot[L - 2 - j, s] >= 0
                if wanted and R[s, j] > -np.inf:
                    start = C[s] - C[t] - R[s, j]
                    V[slot[L - 2 - j, s]] = np.exp(w + window + B[j] + start)
        if m > 1 and len(P):
            young -= ring[(t + m - 1) % m]
            ring[t % m] = 0.0
            for j in range(L if s > 0 else min(s + 1, 1)):
                left = L - 1 - j - (offset if s > 0 else 0)
                if left >= 0:
                    b = rho[s] + C[s - 1] + S[s - 1, 1 + j] if s > 0 else 0.0
                    ring[t % m] += np.exp(b - C[t] + w + window + B[left] - total)
            young += ring[t % m]
        for j in range(L - 1, -1, -1):
            b = rho[t] + R[t, j - offset] if j >= offset else -np.inf
            for g in range(G):
                B[j, g] = _add(row[g] + B[j, g], b) + scale


@njit(cache=True, nogil=True, error_model="numpy")
def sample(t0, lik, at, C, m, offset, history, row, level, node, left, rng, out):  # type: ignore[no-untyped-def]
    """Sample backward over the rows of a block; see `backward_sampling.sample`."""
    closed = 0
    for i in range(len(at) - 1, -1, -1):
        t = t0 + i
        scale = (C[t - 2] if t > 1 else 0.0) - (C[t - 1] if t > 0 else 0.0)
        for d in range(len(row)):
            if row[d] != t and (node[d] < 0 or row[d] < t):
                continue
            j = level[d]
            if node[d] < 0:
                cumulative = np.cumsum(np.exp(history[i + 1, j] - np.max(history[i + 1, j])))
                node[d] = np.searchsorted(cumulative, rng.random() * cumulative[-1], "right")
                left[d] = rng.random()
            g = node[d]
            if t > m - 1:
                if offset and j == 0:
                    continue
                left[d] /= np.exp(
                    lik[at[i], g] + history[i, j, g] + scale - history[i + 1, j, g]
                )
                if left[d] < 1:
                    continue
            out[closed, 0] = d
            out[closed, 1] = t - m + 1
            out[closed, 2] = g
            closed += 1
            row[d] = t - m
            level[d] = j - offset
            node[d] = -1
    return closed
