"""Backward sampling: placements of changes, and nodes, drawn from the filter's history.

History is as `forward_backward.forward` keeps it: F(t) divided by exp(C[t-1]).
"""

from __future__ import annotations

import numpy as np

from changepoint.kernels import loops
from changepoint.kernels.compiling import njit

RESCALE = 32  # rows between looks at the running products of `sample`


@njit(cache=True, nogil=True, error_model="numpy")
def sample(t0, lik, at, C, m, offset, history, row, level, node, left, rng, out):  # type: ignore[no-untyped-def]
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
    n, L, G = len(at), history.shape[1], history.shape[2]
    product = np.ones((L, G))
    highest = np.full((L, G), -1.0)  # threshold of the draws at a node
    head = np.full((L, G), -1)  # their list
    after = np.full(len(row), -1)
    threshold = left.copy()
    waiting, n_waiting = np.empty(len(row), np.int64), 0
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
        scale = np.exp((C[t - 2] if t > 1 else 0.0) - (C[t - 1] if t > 0 else 0.0))
        goes_on = t > m - 1
        for j in range(L):
            if t < m - 1 or (goes_on and j < offset):
                continue
            for g in range(G):
                if head[j, g] < 0:
                    continue
                if goes_on:
                    kept = lik[at[i], g] * history[i, j, g] * scale / history[i + 1, j, g]
                    product[j, g] *= kept
                    if product[j, g] > highest[j, g]:
                        continue
                before = n_waiting
                n_waiting = _end(
                    j, g, goes_on, threshold, product, highest, head, after, waiting, n_waiting
                )
                for w in range(before, n_waiting):
                    d = waiting[w]
                    out[closed, 0], out[closed, 1], out[closed, 2] = d, t - m + 1, g
                    closed += 1
                    row[d], level[d], node[d] = t - m, j - offset, -1
        if t % RESCALE == 0:
            _rescale(product, highest, threshold, head, after)
    for d in range(len(row)):
        if node[d] >= 0:
            left[d] = threshold[d] / product[level[d], node[d]]
    return closed


@njit(nogil=True)
def _end(j, g, goes_on, threshold, product, highest, head, after, waiting, n_waiting):  # type: ignore[no-untyped-def]
    """Take draws off a node's list whose segment began, or all; return how many wait now."""
    d = head[j, g]
    head[j, g], highest[j, g] = -1, -1.0
    while d >= 0:
        following = after[d]
        if goes_on and product[j, g] > threshold[d]:
            _enter(d, j, g, threshold, product, highest, head, after)
        else:
            waiting[n_waiting] = d
            n_waiting += 1
        d = following
    return n_waiting


@njit(nogil=True)
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
            loops.add_up(F[j], cumulative[j])
            summed[j] = True
        node[d] = loops.up_to(cumulative[j], rng.random() * cumulative[j, -1])
        if head[j, node[d]] < 0:  # products are kept only while there are draws
            product[j, node[d]] = 1.0
        threshold[d] = rng.random() * product[j, node[d]]
        _enter(d, j, node[d], threshold, product, highest, head, after)
    return still


@njit(nogil=True)
def _enter(d, j, g, threshold, product, highest, head, after):  # type: ignore[no-untyped-def]
    """Put a draw on the list of its node."""
    after[d] = head[j, g]
    head[j, g] = d
    highest[j, g] = max(highest[j, g], threshold[d])


@njit(nogil=True)
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
