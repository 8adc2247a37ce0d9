"""log M(s, e), the marginal likelihood of rows s..e-1 as one segment, by type of statistics.

In closed form from prefix sums (`likelihoods.segment_statistics`), for a block of pairs at a
time: ends that follow one another, and some starts in ascending order. What concerns a start
alone is gathered once a block, so that the innermost loop, over starts, becomes vector code.
A further type of segment registers the three functions that dispatch on it.
"""

from __future__ import annotations

import math
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from changepoint.kernels.compiling import njit
from changepoint.kernels.elementary import log
from changepoint.likelihoods import segment_statistics as statistics
from changepoint.likelihoods.segment_statistics import Events, Lines, Outcomes

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LOG_2PI = math.log(2 * math.pi)

_exact_sum = njit(inline="always", error_model="numpy")(statistics.exact_sum)
_exact_product = njit(inline="always", error_model="numpy")(statistics.exact_product)


@singledispatch
def log_marginals(st: object, starts: Integers, first: int, m: int, out: Floats) -> None:
    """Write log M(s, e) for starts (n,) and ends first, first + 1, ...: `out` is (b, n).

    Where a segment would have fewer than m rows, what is written means nothing.
    """
    raise NotImplementedError


@singledispatch
def largest_likelihoods(st: object, starts: Integers, end: int) -> Floats:
    """Return a bound in log for each start, (n,): of how much its rows can help any segment.

    M(s, e) <= exp(bound) M(end, e) for all later ends e. Of independent rows it is the largest
    likelihood of rows s..end-1; inf where there is no bound.
    """
    raise NotImplementedError


@singledispatch
def centers(
    st: object, starts: Integers, first: int, m: int, constant: Floats, slope: Floats
) -> None:
    """Write the posterior mean of what is shown, constant and slope in x; as `log_marginals`.

    `slope` is written only of lines.
    """
    raise NotImplementedError


# -- lines: Normal linear models, of a level, a level and a slope, or noise alone -------------


@log_marginals.register
def _(st: Lines, starts: Integers, first: int, m: int, out: Floats) -> None:
    _line_marginals(st, starts, first, m, out)


@largest_likelihoods.register
def _(st: Lines, starts: Integers, end: int) -> Floats:
    bounds = np.empty(len(starts))
    _line_bounds(st, starts, end, bounds)
    return bounds


@centers.register
def _(st: Lines, starts: Integers, first: int, m: int, constant: Floats, slope: Floats) -> None:
    _line_centers(st, starts, first, m, constant, slope)


@njit(cache=True, nogil=True, error_model="numpy")
def _line_starts(st, starts):  # type: ignore[no-untyped-def]
    """Return what the first row of a segment says, less the sums up to it, (10, n).

    The sums up to an end are to be added. Sums of y'y and 1'y are in twice the digits: the
    rest of rows 2 and 3 is in rows 8 and 9.
    """
    at = np.zeros((10, len(starts)))
    for i in range(len(starts)):
        f = st.first[starts[i]]
        if f < len(st.begin):
            begin, before = st.begin[f], st.sums[f + 1]
            for c in range(10):
                at[c, i] = begin[c] - before[c]
            for c in range(2, 4):
                at[c, i], lost = _exact_sum(begin[c], -before[c])
                at[c + 6, i] += lost
    return at


@njit(cache=True, nogil=True, error_model="numpy")
def _reached(st, starts, e, m):  # type: ignore[no-untyped-def]
    """Return how many segments that end before row e have m rows, and have observed ones."""
    long = np.searchsorted(starts, e - m, "right")
    some = long
    while some > 0 and st.first[starts[some - 1]] >= e:
        some -= 1
    return long, some


@njit(cache=True, nogil=True, error_model="numpy")
def _line_marginals(st, starts, first, m, out):  # type: ignore[no-untyped-def]
    at = _line_starts(st, starts)
    rest, det, n = np.empty(len(starts)), np.empty(len(starts)), np.empty(len(starts))
    for r in range(len(out)):
        e = first + r
        long, some = _reached(st, starts, e, m)
        row = out[r, :some]
        for i in range(some):
            n[i] = at[0, i] + st.sums[e, 0]
            row[i] = at[1, i] + st.sums[e, 1] + st.of_count[int(n[i])]
        _rests(at, st, starts, e, some, rest, det)
        if st.known > 0:
            for i in range(some):
                row[i] -= 0.5 * (log(det[i]) + rest[i] / st.known)
        else:
            for i in range(some):
                power = st.shape + 0.5 * n[i]
                row[i] -= 0.5 * log(det[i]) + power * log(1.0 + 0.5 * rest[i] / st.scale)
        out[r, some:long] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _rests(at, st, starts, e, some, rest, det):  # type: ignore[no-untyped-def]
    """Write the squares that segments leave, prior included, and the ratio of determinants."""
    if st.columns == 0:
        _noise_rests(at, st.sums[e], some, rest, det)
    elif st.columns == 1:
        _level_rests(at, st.sums[e], st.prior, some, rest, det)
    else:
        _slope_rests(at, st.sums[e], st, starts, e, some, rest, det)


@njit(cache=True, nogil=True, error_model="numpy")
def _sums_of(at, end, c, i):  # type: ignore[no-untyped-def]
    """Return the sum of a segment in twice the digits, y'y (c = 2) or 1'y (c = 3)."""
    total, lost = _exact_sum(at[c, i], end[c])
    return total, lost + at[c + 6, i] + end[c + 6]


@njit(cache=True, nogil=True, error_model="numpy")
def _noise_rests(at, end, some, rest, det):  # type: ignore[no-untyped-def]
    """Write y'y, where the level is known; its determinant is 1."""
    for i in range(some):
        total, low = _sums_of(at, end, 2, i)
        rest[i], det[i] = max(total + low, 0.0), 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def _around_mean(yy, yy_low, uy, uy_low, uu):  # type: ignore[no-untyped-def]
    """As in likelihoods.segment_statistics, not to be called from here."""
    square, lost = _exact_product(uy, uy)
    share = square / uu
    back, rest = _exact_product(share, uu)
    share_low = ((square - back) - rest + lost + 2 * uy * uy_low) / uu
    return (yy - share) + (yy_low - share_low)


@njit(cache=True, nogil=True, error_model="numpy")
def _level_rests(at, end, prior, some, rest, det):  # type: ignore[no-untyped-def]
    """Write squares that a level leaves, prior included, and the ratio of precisions."""
    mean, k0 = prior[0], prior[1]
    for i in range(some):
        yy, yy_low = _sums_of(at, end, 2, i)
        uy, uy_low = _sums_of(at, end, 3, i)
        uu = at[4, i] + end[4]
        away = uy / uu - mean
        around = _around_mean(yy, yy_low, uy, uy_low, uu)
        det[i] = (uu + k0) / k0
        rest[i] = max(around + away * away * uu / det[i], 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _line_through(at, end, prior, i, c):  # type: ignore[no-untyped-def]
    """Return constant and slope around time c, the determinant, and squares that are left."""
    mean, k0, k1, mean1 = prior[0], prior[1], prior[2], prior[3]
    yy, yy_low = _sums_of(at, end, 2, i)
    uy, uy_low = _sums_of(at, end, 3, i)
    uu, zy = at[4, i] + end[4], at[5, i] + end[5]
    uz, zz = at[6, i] + end[6], at[7, i] + end[7]
    g0, a00 = uy + uy_low + mean * k0, uu + k0
    g1, a01 = zy - c * uy + mean1 * k1, uz - c * uu
    a11 = max(zz - c * (2 * uz - c * uu), 0.0) + k1
    det = a00 * a11 - a01 * a01
    b0, b1 = (a11 * g0 - a01 * g1) / det, (a00 * g1 - a01 * g0) / det
    rest = yy + yy_low + mean * mean * k0 + mean1 * mean1 * k1 - (g0 * b0 + g1 * b1)
    return b0, b1, det / (k0 * k1), max(rest, 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _slope_rests(at, end, st, starts, e, some, rest, det):  # type: ignore[no-untyped-def]
    """Write squares that a line leaves, prior included, and the ratio of determinants."""
    last = st.x[e - 1]
    for i in range(some):
        c = 0.5 * (st.x[starts[i]] + last)
        _, _, det[i], rest[i] = _line_through(at, end, st.prior, i, c)


@njit(cache=True, nogil=True, error_model="numpy")
def _line_centers(st, starts, first, m, constant, slope):  # type: ignore[no-untyped-def]
    at = _line_starts(st, starts)
    rest, det = np.empty(len(starts)), np.empty(len(starts))
    for r in range(len(constant)):
        e = first + r
        long, some = _reached(st, starts, e, m)
        end, row = st.sums[e], constant[r]
        if st.columns == 0:
            _noise_rests(at, end, some, rest, det)
            for i in range(some):
                root = st.root_of_count[int(at[0, i] + end[0])]
                row[i] = math.sqrt(st.scale + 0.5 * rest[i]) * root
            row[some:long] = math.sqrt(st.scale) * st.root_of_count[0]
        elif st.columns == 1:
            for i in range(some):
                uy, uy_low = _sums_of(at, end, 3, i)
                row[i] = (uy + uy_low + st.prior[0] * st.prior[1]) / (
                    at[4, i] + end[4] + st.prior[1]
                )
            row[some:long] = st.prior[0]
        else:
            for i in range(some):
                c = 0.5 * (st.x[starts[i]] + st.x[e - 1])
                b0, b1, _, _ = _line_through(at, end, st.prior, i, c)
                row[i], slope[r, i] = b0 - b1 * c, b1
            for i in range(some, long):
                c = 0.5 * (st.x[starts[i]] + st.x[e - 1])
                row[i], slope[r, i] = st.prior[0] - st.prior[3] * c, st.prior[3]


@njit(cache=True, nogil=True, error_model="numpy")
def _line_bounds(st, starts, end, bounds):  # type: ignore[no-untyped-def]
    """Write the bounds.

    Where rows remember, a segment that goes on knows more of its next row u' than one that
    begins: as p(u' | u) <= p(u') exp(u^2 / 2v) / sqrt(1 - phi^2), u being the last row's
    distance from its level, the bound is the largest likelihood of all rows with u^2 left out.
    """
    at = _line_starts(st, starts)
    last = end - 1
    while last > 0 and st.first[last] != last:
        last -= 1
    for i in range(len(starts)):
        if st.first[starts[i]] >= end:
            bounds[i] = 0.0
            continue
        yy, yy_low = _sums_of(at, st.sums[end], 2, i)
        uy, uy_low = _sums_of(at, st.sums[end], 3, i)
        own = at[:8, i] + st.sums[end, :8]
        given = 0.0
        if st.correlation > 0:
            begin = st.begin[last]
            yy, lost = _exact_sum(yy, -begin[2])
            yy_low += lost - begin[8]
            uy, lost = _exact_sum(uy, -begin[3])
            uy_low += lost - begin[9]
            own -= begin[:8]
            own[0] += 1.0
            given = -0.5 * math.log1p(-(st.correlation**2))
        rest = yy + yy_low
        if st.columns > 0:
            rest = _least_squares(own, yy, yy_low, uy, uy_low, st.columns)
        bounds[i] = own[1] + given + _best_noise(st, own[0], rest, own[2])


@njit(cache=True, nogil=True, error_model="numpy")
def _least_squares(own, yy, yy_low, uy, uy_low, columns):  # type: ignore[no-untyped-def]
    """Return the squares that the best level, or line, leaves."""
    uu = own[4]
    if uu <= 0:
        return 0.0
    rest = _around_mean(yy, yy_low, uy, uy_low, uu)
    if columns == 1:
        return rest
    c = own[6] / uu
    across = own[7] - c * own[6]
    if across > 1e-9 * own[7]:
        return rest - (own[5] - c * own[3]) ** 2 / across
    return 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _best_noise(st, n, rest, squares):  # type: ignore[no-untyped-def]
    """Return the log likelihood of n rows at the best noise, inf where it has no bound."""
    if st.known > 0:
        return -0.5 * (n * (LOG_2PI + math.log(st.known)) + max(rest, 0.0) / st.known)
    if n <= st.columns or not rest > 1e-12 * squares:
        return math.inf
    return -0.5 * n * (LOG_2PI + 1 + math.log(rest / n))


# -- counts by outcome -----------------------------------------------------------------------


@log_marginals.register
def _(st: Outcomes, starts: Integers, first: int, m: int, out: Floats) -> None:
    _outcome_marginals(st.sums, st.alphas, starts, first, m, out)


@largest_likelihoods.register
def _(st: Outcomes, starts: Integers, end: int) -> Floats:
    k = st.sums[end, 1:] - st.sums[starts, 1:]
    n = k.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        best = np.where(k > 0, k * np.log(k), 0).sum(axis=1) - np.where(n > 0, n * np.log(n), 0)
    bounds: Floats = st.sums[end, 0] - st.sums[starts, 0] + best
    return bounds


@centers.register
def _(
    st: Outcomes, starts: Integers, first: int, m: int, constant: Floats, slope: Floats
) -> None:
    ends = np.arange(first, first + len(constant))
    mine = st.sums[ends, 1 + st.shown, None] - st.sums[starts, 1 + st.shown]
    total = st.sums[:, 1:].sum(axis=1)
    every = total[ends, None] - total[starts]
    with np.errstate(divide="ignore", invalid="ignore"):  # of starts behind the end
        constant[:] = (st.alphas[st.shown] + mine) / (st.alphas.sum() + every)


@njit(cache=True, nogil=True, error_model="numpy")
def _outcome_marginals(sums, alphas, starts, first, m, out):  # type: ignore[no-untyped-def]
    none = np.array([math.lgamma(alpha) for alpha in alphas])
    every = alphas.sum()
    of_all = math.lgamma(every)
    for r in range(len(out)):
        end = sums[first + r]
        for i in range(np.searchsorted(starts, first + r - m, "right")):
            start = sums[starts[i]]
            total, n = end[0] - start[0], 0.0
            for c in range(len(alphas)):
                k = end[c + 1] - start[c + 1]
                n += k
                if k > 0:
                    total += math.lgamma(alphas[c] + k) - none[c]
            out[r, i] = total - (math.lgamma(every + n) - of_all)


# -- events and exposure ---------------------------------------------------------------------


@log_marginals.register
def _(st: Events, starts: Integers, first: int, m: int, out: Floats) -> None:
    _event_marginals(st.sums, st.alpha, st.beta, starts, first, m, out)


@largest_likelihoods.register
def _(st: Events, starts: Integers, end: int) -> Floats:
    total, k, exposure = (st.sums[end] - st.sums[starts]).T
    with np.errstate(divide="ignore", invalid="ignore"):
        bounds: Floats = total + np.where(k > 0, k * np.log(k / exposure) - k, 0.0)
    return bounds


@centers.register
def _(
    st: Events, starts: Integers, first: int, m: int, constant: Floats, slope: Floats
) -> None:
    ends = np.arange(first, first + len(constant))
    k, exposure = (st.sums[ends, None, c] - st.sums[None, starts, c] for c in (1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):  # of starts behind the end
        constant[:] = (st.alpha + k) / (st.beta + exposure)


@njit(cache=True, nogil=True, error_model="numpy")
def _event_marginals(sums, alpha, beta, starts, first, m, out):  # type: ignore[no-untyped-def]
    none = math.lgamma(alpha)
    for r in range(len(out)):
        end = sums[first + r]
        for i in range(np.searchsorted(starts, first + r - m, "right")):
            start = sums[starts[i]]
            k, exposure = end[1] - start[1], end[2] - start[2]
            out[r, i] = (
                end[0] - start[0] + math.lgamma(alpha + k) - none
                - k * math.log(beta + exposure) - alpha * math.log1p(exposure / beta)
            )  # fmt: skip
