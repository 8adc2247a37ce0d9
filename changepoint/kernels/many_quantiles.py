"""Quantiles of densities on nodes, half-way values being computed only where they count.

As in `quantiles`, the integral up to a place is a sum over values at half steps, which here are
known in a window alone. A window reaches from well beyond the quantile on its outer side, where
next to nothing is left of the density's narrow parts and the nodes themselves are enough, to
what the polynomials around the quantile need. Upper quantiles are sought from above.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from changepoint.kernels.many import PAD
from changepoint.kernels.quantiles import COUNTS, REACH, solve_cell

BEFORE, BEHIND = 22, 5  # nodes of a window around the first one at which the level is passed
WINDOW = BEFORE + BEHIND + 1
PLACES = 2 * WINDOW - 1  # nodes, and what is half-way between them
CUT = (3, 16)  # where in the window the sum over nodes may hand over
FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(nogil=True)
def make(count):  # type: ignore[no-untyped-def]
    """Return room for so many quantiles: whole numbers, what is left to fill, values."""
    return np.zeros((count, 3), np.int64), np.zeros(count), np.zeros((count, PLACES))


@njit(nogil=True, fastmath=FAST)
def _sums(P, sums):  # type: ignore[no-untyped-def]
    """Write sums of PAD values each; return the sum of all."""
    total = 0.0
    for block in range(len(sums)):
        part = 0.0
        for i in range(PAD):
            part += P[block * PAD + i]
        sums[block] = part
        total += part
    return total


@njit(nogil=True)
def prepare(P, sums, share, job, jobs):  # type: ignore[no-untyped-def]
    """Find the windows of the lower and upper quantile of a row; return the row's sum.

    Parameters
    ----------
    P
        Density at the nodes, (G,), padded by zeros.
    sums
        Room, (G / PAD,).
    share
        Probability beyond each of the quantiles.
    job
        Which two of the jobs these are: job and job + 1.
    """
    whole, left, values = jobs
    total = _sums(P, sums)
    G = len(P)
    for upward in range(2):
        step = 1 - 2 * upward
        target = share * total
        # The first node, counted from the end, up to which there is that much.
        before, block = 0.0, 0
        while block < len(sums) - 1:
            part = sums[len(sums) - 1 - block if upward else block]
            if before + part >= target:
                break
            before += part
            block += 1
        n = block * PAD
        while n < G - 1:
            part = P[G - 1 - n if upward else n]
            if before + part >= target:
                break
            before += part
            n += 1
        # before: sum of what lies ahead of node n.
        base = n - BEFORE
        row = values[job + upward]
        for i in range(WINDOW):
            g = base + i
            row[2 * i] = P[G - 1 - g if upward else g] if 0 <= g < G else 0.0
        cut = CUT[0]
        for i in range(CUT[0], CUT[1] + 1):
            if row[2 * i] < row[2 * cut]:
                cut = i
        # The integral up to node `cut`, from nodes alone.
        for g in range(max(base + cut - REACH + 1, 0), n):
            before -= P[G - 1 - g if upward else g]
        for i in range(2 * REACH):
            g = base + cut - REACH + 1 + i
            if 0 <= g < G:
                before += COUNTS[i] * P[G - 1 - g if upward else g]
        whole[job + upward, 0] = G - 1 - base if upward else base
        whole[job + upward, 1] = step
        whole[job + upward, 2] = cut
        left[job + upward] = target - before
    return total


@njit(nogil=True)
def wanted(whole, G):  # type: ignore[no-untyped-def]
    """Return which places half-way after a node are in a window; their nodes, and numbers.

    Returns
    -------
    nodes
        The node before each place, ascending, (H,).
    number
        The number of each place among these, -1 where it isn't wanted, (G - 1,).
    """
    number = np.full(max(G - 1, 0), -1)
    for job in range(len(whole)):
        step = whole[job, 1]
        for i in range(WINDOW - 1):
            n = whole[job, 0] + step * i - (1 if step < 0 else 0)
            if 0 <= n < G - 1:
                number[n] = 0
    count = 0
    for n in range(G - 1):
        if number[n] == 0:
            number[n] = count
            count += 1
    nodes = np.empty(count, np.int64)
    for n in range(G - 1):
        if number[n] >= 0:
            nodes[number[n]] = n
    return nodes, number


@njit(nogil=True)
def fill(P, number, job, jobs):  # type: ignore[no-untyped-def]
    """Fill in the density half-way, given where it was wanted, (H,)."""
    whole, _, values = jobs
    step = whole[job, 1]
    for i in range(WINDOW - 1):
        n = whole[job, 0] + step * i - (1 if step < 0 else 0)
        values[job, 2 * i + 1] = P[number[n]] if 0 <= n < len(number) else 0.0


@njit(nogil=True)
def position(job, jobs):  # type: ignore[no-untyped-def]
    """Return the fractional node at which a quantile lies."""
    whole, left, values = jobs
    row = values[job]
    before = np.empty(PLACES + 1)
    before[0] = 0.0
    for i in range(PLACES):
        before[i + 1] = before[i] + row[i]
    target = _until(row, before, 2 * whole[job, 2]) + 2 * left[job]
    j = 2 * BEFORE - 4
    low = _until(row, before, j)
    while j > REACH and low > target:
        j -= 1
        low = _until(row, before, j)
    high = _until(row, before, j + 1)
    while j < PLACES - REACH - 2 and high <= target:
        j += 1
        low, high = high, _until(row, before, j + 1)
    x = solve_cell(row[j - REACH + 1 : j + REACH + 1], target - low, high - low)
    return whole[job, 0] + whole[job, 1] * 0.5 * (j + x)


@njit(nogil=True, fastmath=FAST)
def _until(row, before, j):  # type: ignore[no-untyped-def]
    """Return the integral from the window's start up to place j."""
    total = before[j - REACH + 1]
    for i in range(2 * REACH):
        total += COUNTS[i] * row[j - REACH + 1 + i]
    return total
