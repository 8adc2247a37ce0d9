"""Plain loops that other kernels share.

Array assignments, `np.searchsorted`, `np.sum` and the like do the same, but each of them takes
up to two seconds to compile: an assignment brings along all that writes its error messages.
"""

from __future__ import annotations

from numba import njit


@njit(nogil=True)
def copy(values, out):  # type: ignore[no-untyped-def]
    """Copy an array, (G,)."""
    for g in range(len(values)):
        out[g] = values[g]


@njit(nogil=True)
def copy_rows(values, out):  # type: ignore[no-untyped-def]
    """Copy an array, (L, G)."""
    for j in range(values.shape[0]):
        for g in range(values.shape[1]):
            out[j, g] = values[j, g]


@njit(nogil=True)
def add_up(values, out):  # type: ignore[no-untyped-def]
    """Write the running sums of an array, (G,)."""
    total = 0.0
    for g in range(len(values)):
        total += values[g]
        out[g] = total


@njit(nogil=True)
def below(values, x):  # type: ignore[no-untyped-def]
    """Return how many of ascending values are less than x."""
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if values[middle] < x:
            low = middle + 1
        else:
            high = middle
    return low


@njit(nogil=True)
def up_to(values, x):  # type: ignore[no-untyped-def]
    """Return how many of ascending values are not greater than x."""
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if values[middle] <= x:
            low = middle + 1
        else:
            high = middle
    return low
