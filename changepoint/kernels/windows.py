"""Quantiles of densities on nodes, half-way values being computed only where they count.

As in `quantiles`, the integral up to a place is a sum over values at half steps, which here are
known in a window alone. A window reaches from well beyond the quantile on its outer side, where
next to nothing is left of the density's narrow parts and the nodes themselves are enough, to
what the polynomials around the quantile need. Quantiles above the median are sought from above.

Of Q quantiles three arrays say what is known: `place`, (Q, 3), the window's first node, the
step (-1 from above), and where in it the sum over nodes hands over; `left`, (Q,), the
probability that is left from there; `values`, (Q, PLACES), the density at half steps.
"""

from __future__ import annotations

import numpy as np

from changepoint.kernels.compiling import njit
from changepoint.kernels.quantiles import COUNTS, REACH, solve_cell

BEFORE, BEHIND = 22, 5  # nodes of a window around the first one at which the level is passed
WINDOW = BEFORE + BEHIND + 1
PLACES = 2 * WINDOW - 1  # nodes, and what is half-way between them
CUT = (3, 16)  # where in the window the sum over nodes may hand over
CHUNK = 16  # nodes that are added up at once
FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(nogil=True, fastmath=FAST)
def _sums(P, sums):  # type: ignore[no-untyped-def]
    """Write sums of CHUNK values each; return the sum of all."""
    total, G = 0.0, len(P)
    for chunk in range(len(sums)):
        part = 0.0
        for g in range(chunk * CHUNK, min(chunk * CHUNK + CHUNK, G)):
            part += P[g]
        sums[chunk] = part
        total += part
    return total


@njit(nogil=True)
def _passed(P, sums, target, upward):  # type: ignore[no-untyped-def]
    """Return the first node, and the sum before it, with which a sum reaches the target."""
    G, n, before = len(P), 0, 0.0
    if upward:
        chunk = len(sums) - 1
        while chunk > 0 and before + sums[chunk] < target:
            before += sums[chunk]
            chunk -= 1
        g = min(chunk * CHUNK + CHUNK, G) - 1
        while g > 0 and before + P[g] < target:
            before += P[g]
            g -= 1
        return G - 1 - g, before
    chunk = 0
    while chunk < len(sums) - 1 and before + sums[chunk] < target:
        before += sums[chunk]
        chunk += 1
    n = chunk * CHUNK
    while n < G - 1 and before + P[n] < target:
        before += P[n]
        n += 1
    return n, before


@njit(cache=True, nogil=True)
def find(P, levels, place, left, values):  # type: ignore[no-untyped-def]
    """Find the windows of rows of densities at nodes, (n, G), for each of some levels.

    Row i's are those of the quantiles i L .. i L + L - 1, L levels in ascending order.
    """
    n_rows, G = P.shape
    sums = np.empty((G + CHUNK - 1) // CHUNK)
    for i in range(n_rows):
        density = P[i]
        total = _sums(density, sums)
        for j in range(len(levels)):
            q = i * len(levels) + j
            upward = levels[j] > 0.5
            target = (1 - levels[j] if upward else levels[j]) * total
            n, before = _passed(density, sums, target, upward)
            base = n - BEFORE
            row = values[q]
            for w in range(WINDOW):
                g = base + w
                row[2 * w] = density[G - 1 - g if upward else g] if 0 <= g < G else 0.0
            cut = CUT[0]
            for w in range(CUT[0], CUT[1] + 1):
                if row[2 * w] < row[2 * cut]:
                    cut = w
            # The integral up to node `cut`, from nodes alone.
            for g in range(max(base + cut - REACH + 1, 0), n):
                before -= density[G - 1 - g if upward else g]
            for w in range(2 * REACH):
                g = base + cut - REACH + 1 + w
                if 0 <= g < G:
                    before += COUNTS[w] * density[G - 1 - g if upward else g]
            place[q, 0] = G - 1 - base if upward else base
            place[q, 1] = -1 if upward else 1
            place[q, 2] = cut
            left[q] = target - before


@njit(cache=True, nogil=True)
def wanted(place, G):  # type: ignore[no-untyped-def]
    """Return which places half-way after a node are in a window; their nodes, and numbers.

    Returns
    -------
    nodes
        The node before each place, ascending, (H,).
    number
        The number of each place among these, -1 where it isn't wanted, (G - 1,).
    """
    number = np.full(max(G - 1, 0), -1)
    for q in range(len(place)):
        step = place[q, 1]
        for w in range(WINDOW - 1):
            n = place[q, 0] + step * w - (1 if step < 0 else 0)
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


@njit(cache=True, nogil=True)
def fill(P, number, each, place, values):  # type: ignore[no-untyped-def]
    """Fill in the densities half-way of rows, (n, H), each with so many quantiles."""
    for i in range(len(P)):
        for q in range(i * each, (i + 1) * each):
            step = place[q, 1]
            for w in range(WINDOW - 1):
                n = place[q, 0] + step * w - (1 if step < 0 else 0)
                inside = 0 <= n < len(number)
                values[q, 2 * w + 1] = P[i, number[n]] if inside else 0.0


@njit(cache=True, nogil=True)
def positions(place, left, values):  # type: ignore[no-untyped-def]
    """Return the fractional nodes at which quantiles lie, (Q,)."""
    found = np.empty(len(place))
    before = np.empty(PLACES + 1)
    before[0] = 0.0
    for q in range(len(place)):
        row = values[q]
        for i in range(PLACES):
            before[i + 1] = before[i] + row[i]
        target = _until(row, before, 2 * place[q, 2]) + 2 * left[q]
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
        found[q] = place[q, 0] + place[q, 1] * 0.5 * (j + x)
    return found


@njit(nogil=True, fastmath=FAST)
def _until(row, before, j):  # type: ignore[no-untyped-def]
    """Return the integral from the window's start up to place j."""
    total = before[j - REACH + 1]
    for i in range(2 * REACH):
        total += COUNTS[i] * row[j - REACH + 1 + i]
    return total
