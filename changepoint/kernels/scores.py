"""Every segmentation of one set against every one of another.

A set of n segmentations is two arrays: `first` (n, S), first rows of segments in ascending
order, 0 first and padded at the end; `number` (n,), how many segments each has. Results are
tables, (K, D): K taken as true by D taken as predicted.
"""

from __future__ import annotations

import numpy as np

from changepoint.kernels.compiling import njit


@njit(cache=True, nogil=True)
def matched(first, number, predicted, predicted_number, margin):  # type: ignore[no-untyped-def]
    """Return how many true first rows, 0 among them, find a prediction of their own, (K, D).

    In ascending order each takes the nearest that is still free, at most `margin` rows away,
    and of two equally near ones the earlier.
    """
    K, D = len(number), len(predicted_number)
    table = np.zeros((K, D), np.int64)
    free = np.empty(predicted.shape[1], np.bool_)
    for i in range(K):
        for d in range(D):
            n = predicted_number[d]
            free[:n] = True
            low = hits = 0
            for j in range(number[i]):
                t = first[i, j]
                while low < n and predicted[d, low] < t - margin:
                    low += 1
                best, nearest = -1, margin + 1
                for candidate in range(low, n):
                    away = abs(predicted[d, candidate] - t)
                    if predicted[d, candidate] > t and away >= nearest:
                        break  # later ones are further away
                    if free[candidate] and away < nearest:
                        best, nearest = candidate, away
                if best >= 0:
                    free[best] = False
                    hits += 1
            table[i, d] = hits
    return table


@njit(cache=True, nogil=True)
def covered(first, number, predicted, predicted_number, T):  # type: ignore[no-untyped-def]
    """Return the mean over T rows of the best Jaccard index of their true segment, (K, D)."""
    K, D = len(number), len(predicted_number)
    table = np.zeros((K, D))
    for i in range(K):
        for d in range(D):
            n, b, total = predicted_number[d], 0, 0.0
            for j in range(number[i]):
                start = first[i, j]
                end = first[i, j + 1] if j + 1 < number[i] else T
                best = 0.0
                while True:
                    low = predicted[d, b]
                    high = predicted[d, b + 1] if b + 1 < n else T
                    shared = min(end, high) - max(start, low)
                    best = max(best, shared / (max(end, high) - min(start, low)))
                    if high >= end or b + 1 == n:
                        break
                    b += 1
                total += (end - start) * best
            table[i, d] = total / T
    return table


@njit(cache=True, nogil=True)
def farthest(first, number, predicted, predicted_number, T):  # type: ignore[no-untyped-def]
    """Return the Hausdorff distance between changes, (K, D): T where one side has none."""
    K, D = len(number), len(predicted_number)
    table = np.zeros((K, D), np.int64)
    for i in range(K):
        for d in range(D):
            n, m = number[i], predicted_number[d]
            if n == 1 or m == 1:
                table[i, d] = 0 if n == m else T
                continue
            there = _reach(first[i, 1:n], predicted[d, 1:m])
            back = _reach(predicted[d, 1:m], first[i, 1:n])
            table[i, d] = max(there, back)
    return table


@njit(cache=True, nogil=True)
def _reach(rows, others):  # type: ignore[no-untyped-def]
    """Return the largest distance from a row to the nearest of the others; both ascending."""
    reach = near = 0
    for row in rows:
        while near + 1 < len(others) and abs(others[near + 1] - row) <= abs(others[near] - row):
            near += 1
        reach = max(reach, abs(others[near] - row))
    return reach
