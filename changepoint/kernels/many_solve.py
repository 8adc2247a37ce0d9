"""Many series in one compiled call: data in, the answers of all of them out.

Series i is rows offsets[i]..offsets[i+1]-1 of flat arrays. What of it can't be done here is
told by its status, and left to the engines.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import numpy as np
from numba import njit

from changepoint.kernels import many, many_given, many_grid, many_pairs, many_quantiles
from changepoint.kernels.many_given import Run

SOLVED, DATA, GRID, UNDERFLOW, NUMBER = range(5)  # status of a series
BINOMIAL, BERNOULLI, POISSON = range(3)
LARGEST = 1e12  # as in `likelihoods.counts`
HELD = 2**22  # values kept in memory for a series
STEP = 0.8  # as in `engines.grid`
FLUSHED = -600.0  # as in `kernels.filter`
RARE = 1e-3  # P(any change) below which it is summed by itself
SCALARS = 5  # log evidence, log odds, P(any), P(number), expected number


@njit(nogil=True)
def _read(kind, offsets, count, second, rows_needed):  # type: ignore[no-untyped-def]
    """Check all series; return their rows as the likelihood takes them, and sums.

    Parameters
    ----------
    count
        NaN where missing.
    second
        Trials or exposure; empty where there are none.

    Returns
    -------
    status
        DATA where anything is impossible or absent, (B,).
    c1, c2
        Events; failures or exposure; 0 where missing.
    sums
        Of c1 and c2; least and largest estimate of a row, (B, 4).
    """
    B = len(offsets) - 1
    status = np.zeros(B, np.int8)
    c1, c2 = np.zeros(len(count)), np.zeros(len(count))
    sums = np.zeros((B, 4))
    for i in range(B):
        sums[i, 2], sums[i, 3] = np.inf, -np.inf
        first, end = offsets[i], offsets[i + 1]
        observed = 0
        if end - first < rows_needed:
            status[i] = DATA
        for t in range(first, end):
            k = count[t]
            n = second[t] if len(second) else 1.0
            missing = math.isnan(k)
            if not _possible(kind, k, n, missing, len(second) > 0):
                status[i] = DATA
                break
            if missing:
                continue
            observed += 1
            c1[t] = k
            c2[t] = n if kind == POISSON else n - k
            sums[i, 0] += c1[t]
            sums[i, 1] += c2[t]
            if n > 0:
                sums[i, 2] = min(sums[i, 2], k / n)
                sums[i, 3] = max(sums[i, 3], k / n)
        if not observed or not sums[i, 2] <= sums[i, 3]:
            status[i] = DATA
    return status, c1, c2, sums


@njit(nogil=True)
def _possible(kind, k, n, missing, given):  # type: ignore[no-untyped-def]
    """Whether a row breaks none of its family's rules (`faults`)."""
    if math.isnan(n) and (not missing or kind == BERNOULLI):
        return missing
    if not missing and not (0 <= k <= LARGEST and k == math.floor(k)):
        return False
    if kind == BERNOULLI:
        return missing or (k <= 1 and n == 1)
    if math.isnan(n):
        return True
    if not 0 <= n < np.inf:
        return False
    if kind == POISSON:
        return (n == 0 or 1e-100 <= n <= 1e100) and (missing or n > 0 or k == 0)
    return n <= LARGEST and n == math.floor(n) and (missing or k <= n)


@njit(nogil=True)
def _solve(kind, offsets, bins, status, c1, c2, sums, prior, log_rho, log_none):  # type: ignore[no-untyped-def]
    """Solve all series whose status is 0.

    Parameters
    ----------
    bins
        Rows of each series at which bands are wanted: width by series, offsets of the bands.
    status
        Updated.
    prior
        alpha, beta, log norm; theta and complement at the lower and at the upper tail; the
        prior's information; the pooled estimate, (B, 9).
    log_rho, log_none
        Log weight of a change, prior log P(no change), (B,).

    Returns
    -------
    scalars, number
        (B, 5), (B,).
    change_probability, bands
        (rows,), (bands, 3).
    offsets, told, where, ranges
        Of changes, (B + 1,), and what `many_given.changes` tells of them.
    """
    B = len(offsets) - 1
    stride, band_offsets = bins
    scalars, number = np.full((B, SCALARS), np.nan), np.full(B, -1)
    change_probability = np.full(offsets[B], np.nan)
    bands = np.full((band_offsets[B], 3), np.nan)
    change_offsets = np.zeros(B + 1, np.int64)
    told, where = np.empty((16, many_given.VALUES)), np.empty((16, 3), np.int64)
    ranges = np.empty((16, 2), np.int64)
    buffer, n_ranges = np.empty(2**16), 0
    for i in range(B):
        n = change_offsets[i]
        change_offsets[i + 1] = n
        if status[i] != SOLVED:
            continue
        first, end = offsets[i], offsets[i + 1]
        T = end - first
        y1, y2 = c1[first:end], c2[first:end]
        information = 4 * (sums[i, 0] + sums[i, 1] if kind != POISSON else sums[i, 1])
        grid = many_grid.make(
            many_grid.RATE if kind == POISSON else many_grid.PROPORTION,
            STEP / math.sqrt(information + prior[i, 7]),
            prior[i, 0], prior[i, 1], prior[i, 2], prior[i, 8],
        )  # fmt: skip
        low, high = many_grid.span(grid, y1, y2, prior[i, 3:7], sums[i, 2:])
        kept = band_offsets[i + 1] - band_offsets[i]
        if not (high - low + 1 + many.PAD) * (T + kept) <= HELD:
            status[i] = GRID
            continue
        start = float(int(low))
        count = int(high) - int(low) + 1
        size = many.padded(count)
        if len(buffer) < (T + kept) * size:
            buffer = np.empty((T + kept) * size)
        nodes, log_w = many_given.weigh(grid, start, np.arange(float(count)), size)
        floor = log_w[:count].min() + log_rho[i]
        if not floor > FLUSHED:
            status[i] = UNDERFLOW
            continue
        d = np.empty(T)
        constant = _peaks(grid, y1, y2, nodes, count, d)
        run = Run(
            buffer[: T * size].reshape(T, size), np.exp(log_w), np.empty(T),
            math.exp(log_rho[i]),
        )  # fmt: skip
        kept_F = buffer[T * size : (T + kept) * size].reshape(kept, size)
        rows = (y1, y2, d)
        log_total = _forward(rows, nodes, run, stride[i], kept_F)
        log_w += y1.sum() * nodes.a + y2.sum() * nodes.b - d.sum()
        log_p_none = min(many.log_sum(log_w, count) - log_total, 0.0)
        band = bands[band_offsets[i] : band_offsets[i + 1]]
        p = change_probability[first:end]
        check = _backward(grid, rows, nodes, run, stride[i], kept_F, p, band)
        if not abs(check - 1) < 1e-9:
            status[i] = UNDERFLOW
            _clear(p, band)
            continue
        any_change = -math.expm1(log_p_none)
        if any_change < RARE:
            any_change = _any(run)
        k, p_number = 0, math.exp(log_p_none)
        if p_number < 0.5 - many_given.TIE:
            S = np.empty((T, 2 + many_given.COUNTED))
            k = many_given.most_probable(run, S)
            if k > 0:
                p_number = S[T - 1, 1 + k]
        if k < 0:
            status[i] = NUMBER
            _clear(p, band)
            continue
        if k:
            if n + k > len(told):
                told, where = _grown(told, 2 * (n + k)), _grown(where, 2 * (n + k))
            if n_ranges + k * (T // 2 + 1) > len(ranges):
                ranges = _grown(ranges, 2 * (n_ranges + k * (T // 2 + 1)))
            found = many_given.changes(
                grid, rows, run, nodes, S, k, floor,
                told[n : n + k], where[n : n + k], ranges[n_ranges:],
            )  # fmt: skip
            if found < 0:
                status[i] = UNDERFLOW
                _clear(p, band)
                continue
            n_ranges += found
            change_offsets[i + 1] = n + k
        number[i] = k
        scalars[i, 0] = log_total + constant + log_none[i]
        scalars[i, 1] = math.log(any_change) - log_p_none if any_change > 0 else -np.inf
        scalars[i, 2] = any_change
        scalars[i, 3] = p_number
        scalars[i, 4] = p.sum()
    n = change_offsets[B]
    return (
        scalars, number, change_probability, bands,
        change_offsets, told[:n], where[:n], ranges[:n_ranges],
    )  # fmt: skip


@njit(nogil=True)
def _grown(x, size):  # type: ignore[no-untyped-def]
    """Return a longer copy."""
    longer = np.empty((size, x.shape[1]), x.dtype)
    longer[: len(x)] = x
    return longer


@njit(nogil=True)
def _clear(p, band):  # type: ignore[no-untyped-def]
    """Take back what was told of a series that turns out not to be for this path."""
    p[:] = np.nan
    band[:] = np.nan


@njit(nogil=True)
def middle(stride, T, band):  # type: ignore[no-untyped-def]
    """Return the row at which a band is told: the middle of its bin."""
    first = band * stride
    return first + (min(stride, T - first)) // 2


@njit(nogil=True)
def _peaks(grid, c1, c2, nodes, count, d):  # type: ignore[no-untyped-def]
    """Write d, which makes each row's largest likelihood 1; return the log of these."""
    total = 0.0
    for t in range(len(c1)):
        n = c2[t] if grid.kind == many_grid.RATE else c1[t] + c2[t]
        if n == 0:
            d[t] = 0.0
            continue
        top, d[t] = many_grid.peak(grid, c1[t], c2[t])
        g = -1
        if c1[t] < n * nodes.theta[0]:
            g = 0
        elif c1[t] > n * nodes.theta[count - 1]:
            g = count - 1
        if g >= 0:  # the estimate lies beyond all nodes
            largest = c1[t] * nodes.a[g] + c2[t] * nodes.b[g]
            top += largest - d[t]
            d[t] = largest
        total += top
    return total


@njit(nogil=True)
def _forward(rows, nodes, run, stride, kept):  # type: ignore[no-untyped-def]
    """Fill the likelihood and the scale; keep F where bands are told; return the log sum."""
    c1, c2, d = rows
    T = len(c1)
    F = np.zeros(len(run.w))
    log_total, inv, band = 0.0, 1.0, 0
    new = run.w.copy()
    row = middle(stride, T, 0)
    for t in range(T):
        total = many.first_forward(
            c1[t], c2[t], d[t], nodes.a, nodes.b, F, new, inv, run.lik[t]
        )
        if t == 0:
            new *= run.rho
        if t == row:
            kept[band] = F
            band += 1
            row = middle(stride, T, band) if band < len(kept) else T
        inv = 1 / total
        run.inv[t] = inv
        log_total += math.log(total)
    return log_total


@njit(nogil=True)
def _backward(grid, rows, nodes, run, stride, kept, p, bands):  # type: ignore[no-untyped-def]
    """Write P(change at t) and bands; return what should be 1."""
    T, G, count = len(run.lik), len(run.w), len(kept)
    jobs = many_quantiles.make(2 * count)
    sums, P, x = np.empty(G // many.PAD), np.empty(G), np.zeros(G)
    R = np.empty(T)
    inv, new, band = 0.0, 1.0, count - 1
    row = middle(stride, T, band)
    for t in range(T - 1, -1, -1):
        if t == row:
            many.both(kept[band], x, inv, new, P)
            total = many_quantiles.prepare(P, sums, many_pairs.SHARE, 2 * band, jobs)
            bands[band, 0] = many.dot(P, nodes.theta) / total
            band -= 1
            row = middle(stride, T, band) if band >= 0 else -1
        R[t] = many.backward(run.lik[t], x, run.w, inv, new)
        inv = run.inv[t]
        new = run.rho * R[t] * inv
        p[t] = new if t else 0.0
    _quantiles(grid, rows, nodes, run, stride, R, jobs, bands)
    return R[0] * run.inv[0]


@njit(nogil=True)
def _quantiles(grid, rows, nodes, run, stride, R, jobs, bands):  # type: ignore[no-untyped-def]
    """Go forward and back over the places between nodes that count; write the quantiles."""
    c1, c2, d = rows
    T, count = len(c1), len(bands)
    numbers, number = many_quantiles.wanted(jobs[0], len(run.w))
    between, w = many_given.half_way(grid, nodes.first, numbers)
    H = len(w)
    lik, kept = np.empty((T, H)), np.empty((count, H))
    F, P, x = np.zeros(H), np.empty(H), np.zeros(H)
    band, inv, new = 0, 1.0, w.copy()
    row = middle(stride, T, 0)
    for t in range(T):
        many.first_forward(c1[t], c2[t], d[t], between.a, between.b, F, new, inv, lik[t])
        if t == 0:
            new *= run.rho
        inv = run.inv[t]
        if t == row:
            kept[band] = F
            band += 1
            row = middle(stride, T, band) if band < count else T
    inv, rest, band = 0.0, 1.0, count - 1
    row = middle(stride, T, band)
    for t in range(T - 1, -1, -1):
        if t == row:
            many.both(kept[band], x, inv, rest, P)
            for side in range(2):
                many_quantiles.fill(P, number, 2 * band + side, jobs)
                at = nodes.first + many_quantiles.position(2 * band + side, jobs)
                bands[band, 1 + side] = many_grid.parameter(grid, at)[0]
            band -= 1
            if band < 0:
                break
            row = middle(stride, T, band)
        many.backward(lik[t], x, w, inv, rest)
        inv = run.inv[t]
        rest = run.rho * R[t] * inv


@njit(nogil=True)
def _any(run):  # type: ignore[no-untyped-def]
    """Return P(any change), small as it may be: the filter without what had none."""
    F = np.zeros(len(run.w))
    total = 0.0
    for t in range(1, len(run.lik)):
        total = many.forward(run.lik[t], F, run.w, run.rho, run.inv[t])
    return total


def _sources() -> int:
    """Return a checksum of all that is compiled into the two entries."""
    here = Path(__file__).parent
    names = sorted([*here.glob("many*.py"), here / "quantiles.py"])
    return zlib.crc32(b"".join(name.read_bytes() for name in names))


def _entries(sources):  # type: ignore[no-untyped-def]
    """Return `read` and `solve`, compiled once for these sources.

    Numba looks for changes in the file of the cached function alone, but also at the values
    that it closes over. So only these two are cached, and they close over the checksum.
    """

    @njit(cache=True, nogil=True)
    def read(kind, offsets, count, second, rows_needed):  # type: ignore[no-untyped-def]
        assert sources >= 0
        return _read(kind, offsets, count, second, rows_needed)

    @njit(cache=True, nogil=True)
    def solve(kind, offsets, bins, status, c1, c2, sums, prior, log_rho, log_none):  # type: ignore[no-untyped-def]
        assert sources >= 0
        return _solve(kind, offsets, bins, status, c1, c2, sums, prior, log_rho, log_none)

    return read, solve


read, solve = _entries(_sources())  # type: ignore[no-untyped-call]
