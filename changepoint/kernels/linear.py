"""The compiled steps of the filter, in linear space with scale factors.

Shapes: a block has n rows and G nodes; L levels count changes (L = 1 for the memoryless
prior, whose single level feeds itself: offset 0; otherwise level j is fed by level j - 1:
offset 1). Everything at row t is divided by exp(C[t]), the running scale that makes the
memoryless filter's sum at every row equal to 1, so that with a level dimension

    S[t, 1 + j] = P(j changes so far | rows 0..t)      under the memoryless prior,

and no product can overflow. `lik` holds likelihood rows divided by their maxima, `win` the
products over the last m rows divided by exp(log_win). fastmath may reassociate and contract;
it must not assume away NaN and infinity.
"""

from __future__ import annotations

import numpy as np
from numba import njit

RESCALE = 32  # rows between looks at the running products of `sample`
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
def forward(  # type: ignore[no-untyped-def]
    t0, lik, win, log_win, w, rho, m, offset, begin, follow, F, C, S, history
):
    """Carry F over the rows t0.. of a block.

    F(t,j,g) = lik_t(g) F(t-1,j,g) + rho w_g S(t-m, j-offset) prod_{t-m+1..t} lik(g)

    Parameters
    ----------
    rho
        Weight of a change by its row, 0 where none may stand, shape (T,).
    begin
        Whether level 0 begins the series, or goes on from the level below.
    follow
        Whether these nodes only follow others, whose sums are in S: read, not written.
    F
        State, updated, shape (L, G).
    C
        Running log scale, shape (T,): written by the memoryless filter (offset 0), else read.
    S
        Sums of F over nodes, written, shape (T, 1 + L); column 0 is the level below level 0.
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
            if not follow:
                S[t, 1:] = 0.0
                if offset == 0:
                    C[t] = 0.0
        elif t == m - 1 and begin:
            for g in range(G):
                F[0, g] = w[g] * win[i, g] * np.exp(log_win[i])
        elif t >= m:
            a = rho[t - m + 1] * np.exp(log_win[i] + C[t - m] - C[t - 1])
            for j in range(L):
                b = a * S[t - m, 1 + j - offset]
                for g in range(G):
                    F[j, g] = lik[i, g] * F[j, g] + b * w[g] * win[i, g]
        if t >= m - 1:
            before = C[t - 1] if t > 0 else 0.0
            if offset == 0 and not follow:
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
                if not follow:
                    S[t, 1 + j] = total
        if len(history):
            history[i + 1] = F


@njit(cache=True, nogil=True, fastmath=FAST)
def backward(  # type: ignore[no-untyped-def]
    t0,
    lik,
    win,
    log_win,
    w,
    rho,
    m,
    offset,
    follow,
    C,
    S,
    total,
    history,
    B,
    R,
    young,
    ring,
    P,
    N,
):
    """Carry B backward over the rows of a block; write R, and P(theta_t = g) where wanted.

    R(s,i) = sum_h w_h prod_{s..s+m-1} lik(h) B(s+m-1,i,h)
    B(t-1,i,g) = lik_t(g) B(t,i,g) + rho R(t, i-offset)

    where i counts the changes still allowed. P adds to F B the segments younger than m rows.

    Parameters
    ----------
    total
        Sum of F B, the same at every row; in the units of S.
    B
        State, updated, shape (L, G).
    R
        Written (read where these nodes follow others), times exp(C[s] - C[T-1]), (T, L).
    young, ring
        Sum over, and store of, young segments by node, shapes (G,) and (m, G); m > 1 only.
    P
        Written, shape (n, G), or (0, G) when it isn't wanted.
    N
        P(node of the j-th segment = g), added to, shape (L, G), or (0, G) when not wanted.
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
        for j in range(len(N)):
            # The j-th segment ends here: with the last row, or with a change at the next.
            if t + 1 == len(C):
                ends = 1.0 if j == L - 1 else 0.0
            else:
                ends = rho[t + 1] * R[t + 1, L - 2 - j] if j < L - 1 else 0.0
                ends *= np.exp(C[t] - C[t + 1])
            for g in range(G):
                N[j, g] += history[i + 1, j, g] * ends / total
        if s >= 0 and not follow:
            scale = np.exp(log_win[i] + C[s] - C[t])
            for j in range(L):
                rest = 0.0
                for g in range(G):
                    rest += w[g] * win[i, g] * B[j, g]
                R[s, j] = rest * scale
        if m > 1 and len(P):
            _age(t, i, s, win, log_win, w, rho, m, offset, C, S, B, young, ring)
        before = C[t - 1] if t > 0 else 0.0
        scale = np.exp(before - C[t])
        for j in range(L - 1, -1, -1):
            b = rho[t] * R[t, j - offset] if j >= offset else 0.0
            for g in range(G):
                B[j, g] = (lik[i, g] * B[j, g] + b) * scale


@njit(cache=True, nogil=True, fastmath=FAST)
def _age(t, i, s, win, log_win, w, rho, m, offset, C, S, B, young, ring):  # type: ignore[no-untyped-def]
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
            b = scale * S[s - 1, 1 + j]
            for g in range(G):
                ring[slot, g] += b * w[g] * win[i, g] * B[L - 1 - j - offset, g]
    for g in range(G):
        young[g] += ring[slot, g]


@njit(cache=True, nogil=True, error_model="numpy")
def sample(t0, lik, C, m, offset, history, row, level, node, left, rng, out):  # type: ignore[no-untyped-def]
    """Sample backward over the rows of a block, for all draws at once.

    A draw is at the last `row` of a segment that it knows, with `level` and `node` (-1: not
    drawn yet). Going back a row, the segment goes on with probability
    kept = lik_t(g) F(t-1,g) / F(t,g), else it began at t - m + 1; so it ends where the product
    of these falls to a uniform number, of which `left` still has to be used up. Draws of one
    node share the product, so that a row costs G steps and not D.

    Returns
    -------
    int
        How many segments were closed; out[:, 0..2] holds draw, first row, node of each.
    """
    n, L, G = len(lik), history.shape[1], history.shape[2]
    product = np.ones((L, G))
    highest = np.full((L, G), -1.0)  # threshold of the draws at a node
    head = np.full((L, G), -1)  # their list
    after = np.full(len(row), -1)
    threshold = left.copy()
    waiting = np.empty(len(row), np.int64)
    n_waiting = 0
    for d in range(len(row)):
        if node[d] < 0:
            waiting[n_waiting] = d
            n_waiting += 1
        else:
            _enter(d, level[d], node[d], threshold, product, highest, head, after)
    closed = 0
    for i in range(n - 1, -1, -1):
        t = t0 + i
        n_waiting = _begin(
            t, history[i + 1], row, level, node, rng, waiting, n_waiting,
            threshold, product, highest, head, after,
        )  # fmt: skip
        scale = np.exp((C[t - 1] if t > 0 else 0.0) - C[t])
        for j in range(L):
            if t < m - 1:
                continue
            if t > m - 1:
                if offset and j == 0:
                    continue
            for g in range(G):
                d = head[j, g]
                if d < 0:
                    continue
                if t > m - 1:
                    kept = lik[i, g] * history[i, j, g] * scale / history[i + 1, j, g]
                    product[j, g] *= kept
                    if product[j, g] > highest[j, g]:
                        continue
                head[j, g] = -1
                highest[j, g] = -1.0
                while d >= 0:
                    following = after[d]
                    if t > m - 1 and product[j, g] > threshold[d]:
                        after[d] = head[j, g]
                        head[j, g] = d
                        highest[j, g] = max(highest[j, g], threshold[d])
                    else:
                        out[closed, 0] = d
                        out[closed, 1] = t - m + 1
                        out[closed, 2] = g
                        closed += 1
                        row[d] = t - m
                        level[d] = j - offset
                        node[d] = -1
                        waiting[n_waiting] = d
                        n_waiting += 1
                    d = following
        if t % RESCALE == 0:
            _rescale(product, highest, threshold, head, after)
    for d in range(len(row)):
        if node[d] >= 0:
            left[d] = threshold[d] / product[level[d], node[d]]
    return closed


@njit(cache=True, nogil=True)
def _begin(  # type: ignore[no-untyped-def]
    t, F, row, level, node, rng, waiting, n_waiting, threshold, product, highest, head, after
):
    """Draw nodes for the draws whose segment ends at row t; return how many still wait."""
    cumulative = np.empty_like(F)
    summed = np.zeros(len(F), np.bool_)
    still = 0
    for i in range(n_waiting):
        d = waiting[i]
        if row[d] != t:
            waiting[still] = d
            still += 1
            continue
        j = level[d]
        if not summed[j]:
            cumulative[j] = np.cumsum(F[j])
            summed[j] = True
        node[d] = np.searchsorted(cumulative[j], rng.random() * cumulative[j, -1], "right")
        if head[j, node[d]] < 0:  # products are kept only while there are draws
            product[j, node[d]] = 1.0
        threshold[d] = rng.random() * product[j, node[d]]
        _enter(d, j, node[d], threshold, product, highest, head, after)
    return still


@njit(cache=True, nogil=True)
def _enter(d, j, g, threshold, product, highest, head, after):  # type: ignore[no-untyped-def]
    """Put a draw on the list of its node."""
    after[d] = head[j, g]
    head[j, g] = d
    highest[j, g] = max(highest[j, g], threshold[d])


@njit(cache=True, nogil=True)
def _rescale(product, highest, threshold, head, after):  # type: ignore[no-untyped-def]
    """Keep the running products away from underflow."""
    for j in range(len(product)):
        for g in range(product.shape[1]):
            if head[j, g] < 0 or product[j, g] > 1e-100:
                continue
            product[j, g] *= 1e100
            highest[j, g] *= 1e100
            d = head[j, g]
            while d >= 0:
                threshold[d] *= 1e100
                d = after[d]
