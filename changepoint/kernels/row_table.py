"""Rows of likelihood at the nodes: sums of terms and table entries, and their exponentials.

A family tells log p(y_u | theta_g) of its distinct rows u as

    constant_u + sum_k row_uk node_kg + first[at_first(u), g] + second[at_second(u), g]

with K terms, bilinear in numbers of the row and of the node, and up to two tables by distinct
numbers of the rows. Either may be empty.
"""

from __future__ import annotations

import numpy as np

from changepoint.kernels.compiling import njit
from changepoint.kernels.elementary import exp_all

FAST = {"reassoc", "contract", "arcp", "nsz"}


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
            exp_all(out[i], largest)


@njit(cache=True, nogil=True)
def scale(out, top):  # type: ignore[no-untyped-def]
    """Turn logarithms (n, G) into likelihoods divided by their maxima; write the maxima's."""
    for i in range(len(out)):
        largest = -np.inf
        for g in range(out.shape[1]):
            largest = max(largest, out[i, g])
        top[i] = largest
        exp_all(out[i], largest)


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
