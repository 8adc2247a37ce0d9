"""The shortest window of rows that holds a change with some probability.

P(some change in a..b) is the sum of the rows' probabilities, which are known, less the mean
number of changes there beyond the first. Those are pairs of neighbouring changes of a draw that
both lie in the window: none at all, mostly, so that little is left to the draws.
"""

from __future__ import annotations

from changepoint.kernels.compiling import njit
from changepoint.kernels.loops import below, up_to

SAME = 1e-9  # difference of probabilities that is rounding


@njit(cache=True, nogil=True, error_model="numpy")
def shortest(p, share, at_early, late, at_late, early, low, high, target):  # type: ignore[no-untyped-def]
    """Return the shortest window low <= a..b <= high that holds so much, and what it holds.

    Its first row is after its last one if none does. Of equally long ones the most probable, of
    these the first.

    Parameters
    ----------
    p
        P(a change stands at the row), (T,).
    share
        Weight of a pair: one by the number of draws.
    at_early, late
        Pairs by their earlier row a: the later rows, ascending, are
        late[at_early[a]:at_early[a + 1]].
    at_late, early
        Pairs by their later row, in the same way.
    """
    first, last, best = high + 1, low - 1, 0.0
    b, total, pairs = low - 1, 0.0, 0
    for a in range(low, high + 1):
        while total - pairs * share < target - SAME and b < high:
            b += 1
            total += p[b]
            some = early[at_late[b] : at_late[b + 1]]
            pairs += len(some) - below(some, a)
        held = total - pairs * share
        if held < target - SAME:
            break
        longer = (b - a) - (last - first) if last >= first else -1
        if longer < 0 or (longer == 0 and held > best + SAME):
            first, last, best = a, b, held
        total -= p[a]
        pairs -= up_to(late[at_early[a] : at_early[a + 1]], b)
    return first, last, best
