"""Likelihood rows over weighted nodes, by blocks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.kernels import linear, logspace

Floats = NDArray[np.float64]

BLOCK = 2**17  # likelihood values in a block: 1 MB, so that it stays in cache


class Block(NamedTuple):
    """Rows t0.. of the likelihood, scaled: lik and win (n, G), log_win (n,)."""

    t0: int
    lik: Floats
    win: Floats
    log_win: Floats


class Rows:
    """Likelihood rows, kept where they fit and recomputed where they don't.

    Parameters
    ----------
    log_likelihood
        From rows (first, end) to log p(y_t | theta_g), shape (end - first, G); zeros where a
        row is missing.
    log_weights
        log w_g, shape (G,).
    T, m
        Rows, shortest segment.
    keep
        How many values may be kept in memory.
    beside
        Rows over other nodes, whose scale and blocks these take.
    """

    def __init__(
        self,
        log_likelihood: Callable[[int, int], Floats],
        log_weights: Floats,
        T: int,
        m: int,
        keep: int,
        beside: Rows | None = None,
    ) -> None:
        self.log_likelihood, self.log_weights = log_likelihood, log_weights
        self.T, self.G, self.m = T, len(log_weights), m
        self.beside, self.keep = beside, keep
        if beside is None:
            self.log_top = np.zeros(T)  # the largest log likelihood of each row
            self.starts = range(0, T, min(T, max(math.isqrt(T), m, BLOCK // self.G)))
        else:
            self.log_top, self.starts = beside.log_top, beside.starts
        self._cache: dict[tuple[int, bool], Block] | None = {} if T * self.G <= keep else None

    def block(self, index: int, log: bool = False) -> Block:
        """Return a block; in logarithms where asked."""
        if self._cache is None:
            return self._compute(index, log)
        if (index, log) not in self._cache:
            self._cache[index, log] = self._compute(index, log)
        return self._cache[index, log]

    def _compute(self, index: int, log: bool) -> Block:
        t0 = self.starts[index]
        end = min(t0 + self.starts.step, self.T)
        m = self.m
        early = t0 - m + 1
        first = max(early, 0)
        rows = self.log_likelihood(first, end)
        if self.beside is None:
            self.log_top[first:end] = rows.max(axis=1)
        rows -= self.log_top[first:end, None]
        if early < 0:
            rows = np.concatenate([np.zeros((-early, self.G)), rows])
        if log:
            win = logspace.windows(rows, m) if m > 1 else rows
            return Block(t0, rows[m - 1 :], win, np.zeros(end - t0))
        lik = np.exp(rows, out=rows)
        if m == 1:
            return Block(t0, lik, lik, np.zeros(end - t0))
        win, log_win = linear.windows(lik, m)
        return Block(t0, lik[m - 1 :], win, log_win)
