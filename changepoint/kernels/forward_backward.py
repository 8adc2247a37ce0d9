"""The compiled steps of the filter, forward and backward, in linear space with scale factors.

Shapes: a block has n rows and G nodes; L levels count changes (L = 1 for the memoryless
prior, whose single level feeds itself: offset 0; otherwise level j is fed by level j - 1:
offset 1). Row i of a block has the likelihood lik[at[i]], divided by its maximum, and
win[at_win[i]] is the product over the last m rows divided by exp(log_win[i]), for m = 1 the
same row again.

Everything at row t is divided by exp(C[t]), the running scale that makes the memoryless
filter's sum at every row equal to 1, so that with a level dimension

    S[t, 1 + j] = P(j changes so far | rows 0..t)      under the memoryless prior,

and no product can overflow. F itself is a scale behind, divided by exp(C[t-1]): so a row takes
one loop over the nodes. B(t) is kept as x = lik_{t+1} B(t+1), from which B(t) = x a + b.
fastmath may reassociate and contract; it must not assume away NaN and infinity.
"""

from __future__ import annotations

import numpy as np

from changepoint.kernels.compiling import njit
from changepoint.kernels.loops import copy_rows

FAST = {"reassoc", "contract", "arcp", "nsz"}
NOTHING = 1e-18  # of all: what densities of segments can do without
NEVER = 1e-290  # a share so small that no change stands there; others may say otherwise


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


@njit(nogil=True, fastmath=FAST)
def _carry(lik, F, w, a, b, out):  # type: ignore[no-untyped-def]
    """Write lik (F a + w b), and return its sum: a row of the forward pass for m = 1."""
    total = 0.0
    for g in range(len(lik)):
        f = lik[g] * (F[g] * a + w[g] * b)
        out[g] = f
        total += f
    return total


@njit(nogil=True, fastmath=FAST)
def _carry_window(lik, win, F, w, a, b, out):  # type: ignore[no-untyped-def]
    """Write lik F a + win w b, and return its sum: the same for m > 1."""
    total = 0.0
    for g in range(len(lik)):
        f = lik[g] * F[g] * a + win[g] * w[g] * b
        out[g] = f
        total += f
    return total


@njit(cache=True, nogil=True, fastmath=FAST)
def forward(  # type: ignore[no-untyped-def]
    t0, lik, at, win, at_win, log_win, w, rho, m, offset, begin, follow, F, C, S, history
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
    L = F.shape[0]
    keep = len(history) > 0
    if keep:
        copy_rows(F, history[0])
    for i in range(len(at)):
        t = t0 + i
        now = history[i + 1] if keep else F
        old = history[i] if keep else F
        if t < m - 1:
            now[:] = 0.0
            if not follow:
                S[t, 1:] = 0.0
                if offset == 0:
                    C[t] = 0.0
            continue
        last = C[t - 1] if t > 0 else 0.0
        row, window = lik[at[i]], win[at_win[i]]
        if t >= m:
            a = np.exp((C[t - 2] if t > 1 else 0.0) - last)
            new = rho[t - m + 1] * np.exp(log_win[i] + C[t - m] - last)
        else:
            a = 0.0
            new = np.exp(log_win[i])
        for j in range(L):
            if t >= m:
                b = new * S[t - m, 1 + j - offset]
            else:
                b = new if begin and j == 0 else 0.0
            if m == 1:
                total = _carry(row, old[j], w, a, b, now[j])
            else:
                total = _carry_window(row, window, old[j], w, a, b, now[j])
            if not follow:
                if offset == 0:
                    C[t] = last + np.log(total)
                S[t, 1 + j] = total * np.exp(last - C[t])
    if keep:
        copy_rows(history[len(at)], F)


@njit(nogil=True, fastmath=FAST)
def _back(lik, x, w, a, b):  # type: ignore[no-untyped-def]
    """Replace x by lik (x a + b), and return the sum of w times it."""
    rest = 0.0
    for g in range(len(lik)):
        value = lik[g] * (x[g] * a + b)
        x[g] = value
        rest += w[g] * value
    return rest


@njit(nogil=True, fastmath=FAST)
def _back_window(lik, win, x, w, a, b):  # type: ignore[no-untyped-def]
    """Replace x by lik (x a + b), and return the sum of w win (x a + b)."""
    rest = 0.0
    for g in range(len(lik)):
        B = x[g] * a + b
        rest += w[g] * win[g] * B
        x[g] = lik[g] * B
    return rest


@njit(nogil=True, fastmath=FAST)
def _add_both(F, x, a, b, weight, P):  # type: ignore[no-untyped-def]
    """Add weight F (x a + b)."""
    for g in range(len(F)):
        P[g] += weight * F[g] * (x[g] * a + b)


@njit(nogil=True, fastmath=FAST)
def _add(F, weight, N):  # type: ignore[no-untyped-def]
    for g in range(len(F)):
        N[g] += weight * F[g]


@njit(nogil=True, fastmath=FAST)
def _scaled(F, weight, U):  # type: ignore[no-untyped-def]
    for g in range(len(F)):
        U[g] = weight * F[g]


@njit(nogil=True, fastmath=FAST)
def _after(win, x, w, a, b, weight, V):  # type: ignore[no-untyped-def]
    """Write weight w win (x a + b)."""
    for g in range(len(w)):
        V[g] = weight * w[g] * win[g] * (x[g] * a + b)


@njit(cache=True, nogil=True, fastmath=FAST)
def backward(  # type: ignore[no-untyped-def]
    t0, lik, at, win, at_win, log_win, w, rho, m, offset, follow, C, S, total, history,
    x, ab, R, young, ring, at_P, P, N, slot, U, V,
):  # fmt: skip
    """Carry B backward over the rows of a block; write R, and densities where wanted.

    R(s,i) = sum_h w_h prod_{s..s+m-1} lik(h) B(s+m-1,i,h)
    B(t-1,i,g) = lik_t(g) B(t,i,g) + rho R(t, i-offset)

    where i counts the changes still allowed. P adds to F B the segments younger than m rows.

    Parameters
    ----------
    total
        Sum of F B, the same at every row; in the units of S.
    x, ab
        State, updated: B = x a + b at the block's last row, shapes (L, G) and (L, 2).
    R
        Written (read where these nodes follow others), times exp(C[s] - C[T-1]), (T, L).
    young, ring
        Sum over, and store of, young segments by node, shapes (G,) and (m, G); m > 1 only.
    at_P, P
        P(theta_t = g) of some rows, written: at_P[i] is the place of the block's row i in P,
        -1 where it isn't wanted; (., G), or (0, G) for none.
    N
        P(node of the j-th segment = g), added to, shape (L, G), or (0, G) when not wanted.
    slot, U, V
        Where to write P(node before | j-th change at s) and P(node after | ...), each (., G):
        slot[j, s], -1 for nowhere, shape (L - 1, T); (0, T) when not wanted.
    """
    L = x.shape[0]
    T = len(C)
    for i in range(len(at) - 1, -1, -1):
        t = t0 + i
        s = t - m + 1
        before = C[t - 1] if t > 0 else 0.0
        scale = np.exp(before - C[t])
        if len(P) and at_P[i] >= 0:
            band = P[at_P[i]]
            if m > 1:
                for g in range(len(w)):
                    band[g] = max(young[g], 0.0) / total
            else:
                band[:] = 0.0
            if s >= 0:
                for j in range(L):
                    o = L - 1 - j
                    _add_both(history[i + 1, j], x[o], ab[o, 0], ab[o, 1], scale / total, band)
        for j in range(len(N)):
            # The j-th segment ends here: with the last row, or with a change at the next.
            if t + 1 == T:
                ends = 1.0 if j == L - 1 else 0.0
            else:
                ends = rho[t + 1] * R[t + 1, L - 2 - j] if j < L - 1 else 0.0
                ends *= np.exp(C[t] - C[t + 1])
            if ends * S[t, 1 + j] > NOTHING * total:
                _add(history[i + 1, j], ends * scale / total, N[j])
        if len(slot) and t + 1 < T:
            for j in range(L - 1):
                if slot[j, t + 1] >= 0 and S[t, 1 + j] > NEVER:
                    _scaled(history[i + 1, j], scale / S[t, 1 + j], U[slot[j, t + 1]])
        row, window = lik[at[i]], win[at_win[i]]
        if m > 1 and len(P):
            _age(t, s, window, log_win[i], w, rho, m, offset, C, S, x, ab, young, ring)
        for j in range(L):
            wanted = len(slot) and s >= 0 and j < L - 1 and slot[L - 2 - j, s] >= 0
            if wanted and R[s, j] > NEVER:
                weight = np.exp(log_win[i] + C[s] - C[t]) / R[s, j]
                place = slot[L - 2 - j, s]
                _after(window, x[j], w, ab[j, 0], ab[j, 1], weight, V[place])
            if m == 1:
                rest = _back(row, x[j], w, ab[j, 0], ab[j, 1])
            else:
                rest = _back_window(row, window, x[j], w, ab[j, 0], ab[j, 1])
            if s >= 0 and not follow:
                R[s, j] = rest * np.exp(log_win[i] + C[s] - C[t])
        for j in range(L):
            ab[j, 0] = scale
            ab[j, 1] = rho[t] * R[t, j - offset] * scale if j >= offset else 0.0


@njit(nogil=True, fastmath=FAST)
def _age(t, s, win, log_win, w, rho, m, offset, C, S, x, ab, young, ring):  # type: ignore[no-untyped-def]
    """Let the segment that comes of age at row t join the young ones; the oldest leaves."""
    G = len(w)
    L = x.shape[0]
    slot = t % m
    oldest = (t + m - 1) % m
    for g in range(G):
        young[g] -= ring[oldest, g]
        ring[slot, g] = 0.0
    for j in range(L if s > 0 else 1):
        left = L - 1 - j - (offset if s > 0 else 0)
        if s < 0 or left < 0:
            continue
        b = (
            rho[s] * np.exp(log_win + C[s - 1] - C[t]) * S[s - 1, 1 + j]
            if s > 0
            else np.exp(log_win - C[t])
        )
        for g in range(G):
            ring[slot, g] += b * w[g] * win[g] * (x[left, g] * ab[left, 0] + ab[left, 1])
    for g in range(G):
        young[g] += ring[slot, g]
