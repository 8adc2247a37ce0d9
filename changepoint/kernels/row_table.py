"""Rows of likelihood at the nodes: sums of terms and table entries, and their exponentials.

A family tells log p(y_u | theta_g) of its distinct rows u as

    constant_u + sum_k row_uk node_kg + first[at_first(u), g] + second[at_second(u), g]

with K terms, bilinear in numbers of the row and of the node, and up to two tables by distinct
numbers of the rows. Either may be empty.
"""

from __future__ import annotations

import math

import numpy as np

from changepoint.kernels.compiling import njit

FAST = {"reassoc", "contract", "arcp", "nsz"}
PLAIN = {"contract"}  # where the order of operations is the point

LOWEST = -660.0  # exp of less is 0 here: weights times it would be denormal, and slow
LOG2_E = 1 / math.log(2)
LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")  # 33 bits: times n it is exact
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
ROUND = 1.5 * 2.0**52  # added to a number it leaves the nearest integer in the last bits
E2, E3, E4, E5, E6, E7, E8, E9, E10, E11, E12, E13 = (
    1 / math.factorial(i) for i in range(2, 14)
)


@njit(nogil=True, fastmath=PLAIN)
def exp(x):  # type: ignore[no-untyped-def]
    """Return exp(x) for x <= 0, to 3e-16; loops over it turn into vector instructions.

    exp(x) = 2^n exp(r), |r| <= log(2) / 2, by Taylor's series of degree 13.
    """
    y = max(x, LOWEST)
    z = y * LOG2_E + ROUND
    n = z - ROUND
    r = (y - n * LN2_HIGH) - n * LN2_LOW
    p = E9 + r * (E10 + r * (E11 + r * (E12 + r * E13)))
    p = E5 + r * (E6 + r * (E7 + r * (E8 + r * p)))
    p = 1.0 + r * (1.0 + r * (E2 + r * (E3 + r * (E4 + r * p))))
    bits = np.float64(p).view(np.int64) + (np.float64(z).view(np.int64) << 52)
    return np.int64(bits).view(np.float64) if x >= LOWEST else 0.0


@njit(nogil=True, fastmath=FAST)
def _one(constant, row, node, first, second, out):  # type: ignore[no-untyped-def]
    """Write the log likelihood of a row, (G,); return its maximum."""
    G = len(out)
    if len(row) == 2:
        a, b, x, y = row[0], row[1], node[0], node[1]
        for g in range(G):
            out[g] = constant + a * x[g] + b * y[g]
    else:
        out[:] = constant
        for k in range(len(row)):
            a, x = row[k], node[k]
            for g in range(G):
                out[g] += a * x[g]
    if len(first):
        for g in range(G):
            out[g] += first[g]
    if len(second):
        for g in range(G):
            out[g] += second[g]
    top = -np.inf
    for g in range(G):
        top = max(top, out[g])
    return top


@njit(cache=True, nogil=True)
def fill(constant, row, node, first, at_first, second, at_second, rows, log, out, top):  # type: ignore[no-untyped-def]
    """Write likelihood rows divided by their maxima, and the logs of these.

    Parameters
    ----------
    constant, row, node
        Shapes (U,), (U, K), (K, G).
    first, at_first, second, at_second
        Tables (., G), and which row of them each distinct row takes, (U,); (0, G) for none.
    rows
        Which of the distinct rows, (n,).
    log
        Whether logarithms are wanted, not divided by anything.
    out, top
        Written, (n, G) and (n,).
    """
    none = np.empty(0)
    for i in range(len(rows)):
        u = rows[i]
        a = first[at_first[u]] if len(first) else none
        b = second[at_second[u]] if len(second) else none
        largest = _one(constant[u], row[u], node, a, b, out[i])
        top[i] = largest
        if not log:
            _exp_all(out[i], largest)


@njit(cache=True, nogil=True)
def scale(out, top):  # type: ignore[no-untyped-def]
    """Turn logarithms (n, G) into likelihoods divided by their maxima; write the maxima's."""
    for i in range(len(out)):
        largest = -np.inf
        for g in range(out.shape[1]):
            largest = max(largest, out[i, g])
        top[i] = largest
        _exp_all(out[i], largest)


@njit(nogil=True, fastmath=FAST)
def _exp_all(x, largest):  # type: ignore[no-untyped-def]
    for g in range(len(x)):
        x[g] = exp(x[g] - largest)


@njit(cache=True, nogil=True)
def holding(  # type: ignore[no-untyped-def]
    constant, row, node, first, at_first, second, at_second, log_w, copies, drop, holds
):
    """Mark nodes that hold the posterior of a row, or of so many rows like it, (G,).

    All that are within `drop` of the largest log posterior.
    """
    none = np.empty(0)
    out = np.empty(len(log_w))
    for u in range(len(constant)):
        a = first[at_first[u]] if len(first) else none
        b = second[at_second[u]] if len(second) else none
        _one(0.0, row[u], node, a, b, out)
        _mark(out, log_w, 1.0, drop, holds)
        _mark(out, log_w, copies, drop, holds)


@njit(nogil=True)
def _mark(log_lik, log_w, copies, drop, holds):  # type: ignore[no-untyped-def]
    top = -np.inf
    for g in range(len(log_w)):
        value = copies * log_lik[g] + log_w[g]
        if value > top:  # NaN, beyond an end, is not
            top = value
    for g in range(len(log_w)):
        if copies * log_lik[g] + log_w[g] > top - drop:
            holds[g] = True
