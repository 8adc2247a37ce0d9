"""The compiled steps of the filter, in linear space with scale factors.

Shapes: a block has n rows and G nodes; L levels count changes (L = 1 for the memoryless
prior, whose single level feeds itself: offset 0; otherwise level j is fed by level j - 1:
offset 1). Everything at row t is divided by exp(C[t]), the running scale that makes the
memoryless filter's sum at every row equal to 1, so that with a level dimension

    shares[t, j] = P(j changes so far | rows 0..t)      under the memoryless prior,

and no product can overflow. `lik` holds likelihood rows divided by their maxima, `win` the
products over the last m rows divided by exp(log_win). fastmath may reassociate and contract;
it must not assume away NaN and infinity.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(cache=True, nogil=True, fastmath=FAST)
def windows(lik, m):  # type: ignore[no-untyped-def]
    """Products over m consecutive rows, never by differences: (n + m - 1, G) -> (n, G), (n,).

    Rows are cut into chunks of m; a window is a suffix of one chunk times a prefix of the
    next (van Herk 1992), three products a row whatever m is.
    """
    rows, G = lik.shape
    n = rows - m + 1
    suffix = lik.copy()
    log_suffix = np.zeros(rows)
    for t in range(rows - 2, -1, -1):
        if (t + 1) % m:
            top = 0.0
            for g in range(G):
                suffix[t, g] *= suffix[t + 1, g]
                top = max(top, suffix[t, g])
            log_suffix[t] = log_suffix[t + 1] + np.log(top)
            suffix[t] /= top
    prefix = np.ones(G)
    log_prefix = 0.0
    win = np.empty((n, G))
    log_win = np.empty(n)
    for t in range(rows):
        if t % m == 0:
            prefix[:] = 1.0
            log_prefix = 0.0
        top = 0.0
        for g in range(G):
            prefix[g] *= lik[t, g]
            top = max(top, prefix[g])
        prefix /= top
        log_prefix += np.log(top)
        i = t - m + 1
        if i < 0:
            continue
        top = 0.0
        whole_chunk = i % m == 0
        for g in range(G):
            win[i, g] = prefix[g] if whole_chunk else prefix[g] * suffix[i, g]
            top = max(top, win[i, g])
        log_win[i] = log_prefix + np.log(top) + (0.0 if whole_chunk else log_suffix[i])
        win[i] /= top
    return win, log_win


@njit(cache=True, nogil=True, fastmath=FAST)
def forward(t0, lik, win, log_win, w, rho, m, offset, feed, F, C, shares, history):  # type: ignore[no-untyped-def]
    """Carry F over the rows t0.. of a block.

    F(t,j,g) = lik_t(g) F(t-1,j,g) + rho w_g S(t-m, j-offset) prod_{t-m+1..t} lik(g)

    Parameters
    ----------
    rho
        Weight of a change by its row, 0 where none may stand, shape (T,).
    feed
        Shares of the level below level 0, shape (T,); empty when level 0 is the start.
    F
        State, updated, shape (L, G).
    C
        Running log scale, shape (T,): written by the memoryless filter (offset 0), else read.
    shares
        Sums of F over nodes, written, shape (T, L).
    history
        Where F is kept, before the block and after each row, shape (n + 1, L, G); (0, L, G)
        when it isn't.
    """
    n, G = lik.shape
    L = F.shape[0]
    if len(history):
        history[0] = F
    for i in range(n):
        t = t0 + i
        if t < m - 1:
            shares[t] = 0.0
            if offset == 0:
                C[t] = 0.0
        elif t == m - 1 and len(feed) == 0:
            for g in range(G):
                F[0, g] = w[g] * win[i, g] * np.exp(log_win[i])
        elif t >= m:
            a = rho[t - m + 1] * np.exp(log_win[i] + C[t - m] - C[t - 1])
            for j in range(L):
                if j >= offset:
                    b = a * shares[t - m, j - offset]
                else:
                    b = a * feed[t - m] if len(feed) else 0.0
                for g in range(G):
                    F[j, g] = lik[i, g] * F[j, g] + b * w[g] * win[i, g]
        if t >= m - 1:
            before = C[t - 1] if t > 0 else 0.0
            if offset == 0:
                total = 0.0
                for g in range(G):
                    total += F[0, g]
                C[t] = before + np.log(total)
            scale = np.exp(before - C[t])
            for j in range(L):
                total = 0.0
                for g in range(G):
                    F[j, g] *= scale
                    total += F[j, g]
                shares[t, j] = total
        if len(history):
            history[i + 1] = F


@njit(cache=True, nogil=True, fastmath=FAST)
def backward(
    t0, lik, win, log_win, w, rho, m, offset, C, shares, total, history, B, R, young, ring, P
):  # type: ignore[no-untyped-def]
    """Carry B backward over the rows of a block; write R, and P(theta_t = g) where wanted.

    R(s,i) = sum_h w_h prod_{s..s+m-1} lik(h) B(s+m-1,i,h)
    B(t-1,i,g) = lik_t(g) B(t,i,g) + rho R(t, i-offset)

    where i counts the changes still allowed. P adds to F B the segments younger than m rows.

    Parameters
    ----------
    total
        Sum of F B, the same at every row; in the units of `shares`.
    B
        State, updated, shape (L, G).
    R
        Written, multiplied by exp(C[s] - C[T-1]), shape (T, L).
    young, ring
        Sum over, and store of, young segments by node, shapes (G,) and (m, G); m > 1 only.
    P
        Written, shape (n, G), or (0, G) when it isn't wanted.
    """
    n, G = lik.shape
    L = B.shape[0]
    for i in range(n - 1, -1, -1):
        t = t0 + i
        s = t - m + 1
        if len(P):
            for g in range(G):
                P[i, g] = max(young[g], 0.0) / total if m > 1 else 0.0
            if s >= 0:
                for j in range(L):
                    for g in range(G):
                        P[i, g] += history[i + 1, j, g] * B[L - 1 - j, g] / total
        if s >= 0:
            scale = np.exp(log_win[i] + C[s] - C[t])
            for j in range(L):
                rest = 0.0
                for g in range(G):
                    rest += w[g] * win[i, g] * B[j, g]
                R[s, j] = rest * scale
        if m > 1 and len(P):
            _age(t, i, s, win, log_win, w, rho, m, offset, C, shares, B, young, ring)
        before = C[t - 1] if t > 0 else 0.0
        scale = np.exp(before - C[t])
        for j in range(L - 1, -1, -1):
            b = rho[t] * R[t, j - offset] if j >= offset else 0.0
            for g in range(G):
                B[j, g] = (lik[i, g] * B[j, g] + b) * scale


@njit(cache=True, nogil=True, fastmath=FAST)
def _age(t, i, s, win, log_win, w, rho, m, offset, C, shares, B, young, ring):  # type: ignore[no-untyped-def]
    """Let the segment that comes of age at row t join the young ones; the oldest leaves."""
    G = len(w)
    L = B.shape[0]
    slot = t % m
    oldest = (t + m - 1) % m
    for g in range(G):
        young[g] -= ring[oldest, g]
        ring[slot, g] = 0.0
    if s == 0:
        scale = np.exp(log_win[i] - C[t])
        for g in range(G):
            ring[slot, g] = w[g] * win[i, g] * B[L - 1, g] * scale
    elif s > 0:
        scale = rho[s] * np.exp(log_win[i] + C[s - 1] - C[t])
        for j in range(L):
            if L - 1 - j - offset < 0:
                continue
            b = scale * shares[s - 1, j]
            for g in range(G):
                ring[slot, g] += b * w[g] * win[i, g] * B[L - 1 - j - offset, g]
    for g in range(G):
        young[g] += ring[slot, g]


@njit(cache=True, nogil=True)
def sample(t0, lik, C, m, offset, history, last_row, level, node, survival, rng, out):  # type: ignore[no-untyped-def]
    """Backward sampling over the rows of a block, for all draws at once.

    A draw is at row `last_row` of a segment with `node` (-1: not drawn yet) and `level`; going
    back a row, the segment goes on with probability lik_t(g) F(t-1,g) / F(t,g), else it began
    at t - m + 1. `survival` (D, 2) holds the product of these and the uniform it must pass.

    Returns
    -------
    int
        How many segments were closed; out[:, 0..2] holds draw, first row, node of each.
    """
    n = lik.shape[0]
    closed = 0
    for i in range(n - 1, -1, -1):
        t = t0 + i
        scale = np.exp((C[t - 1] if t > 0 else 0.0) - C[t])
        for d in range(len(node)):
            if last_row[d] != t:
                continue
            j = level[d]
            if node[d] < 0:
                node[d] = _pick(history[i + 1, j], rng.random())
                survival[d, 0] = 1.0
                survival[d, 1] = rng.random()
            g = node[d]
            if t > m - 1:
                if offset and j == 0:
                    last_row[d] = t - 1
                    continue
                survival[d, 0] *= lik[i, g] * history[i, j, g] * scale / history[i + 1, j, g]
                if survival[d, 0] > survival[d, 1]:
                    last_row[d] = t - 1
                    continue
            out[closed, 0] = d
            out[closed, 1] = t - m + 1
            out[closed, 2] = g
            closed += 1
            last_row[d] = t - m
            level[d] = j - offset
            node[d] = -1
    return closed


@njit(cache=True, nogil=True)
def _pick(weights, uniform):  # type: ignore[no-untyped-def]
    total = 0.0
    for g in range(len(weights)):
        total += weights[g]
    target = uniform * total
    last = 0
    for g in range(len(weights)):
        if weights[g] > 0:
            last = g
            target -= weights[g]
            if target < 0:
                return g
    return last
