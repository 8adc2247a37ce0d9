"""Rows of likelihood over weighted nodes: of distinct rows, by blocks where they don't fit."""

from __future__ import annotations

import math
from copy import copy
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.exact.density import Density
from changepoint.kernels import forward_backward, log_forward_backward

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BLOCK = 2**17  # likelihood values in a block: 1 MB, so that it stays in cache


class Block(NamedTuple):
    """Rows t0.. of a block: row i has the likelihood lik[at[i]], divided by its maximum.

    win[at_win[i]] is the product over the last m rows, divided by exp(log_win[i]).
    """

    t0: int
    lik: Floats
    at: Integers
    win: Floats
    at_win: Integers
    log_win: Floats


class Rows:
    """Likelihood rows, kept where they fit and computed again where they don't.

    Parameters
    ----------
    density
        Of the distinct rows, at G nodes.
    index
        The distinct row of each row, U where it is missing, shape (T,).
    log_weights
        log w_g, shape (G,).
    m
        Rows of the shortest segment.
    keep
        How many values may be kept in memory.
    beside
        Rows over other nodes, whose scale and blocks these take.
    """

    def __init__(
        self,
        density: Density,
        index: Integers,
        log_weights: Floats,
        m: int,
        keep: int,
        beside: Rows | None = None,
    ) -> None:
        self.density, self.index, self.log_weights = density, index, log_weights
        self.w = np.exp(log_weights)
        self.T, self.G, self.m = len(index), len(log_weights), m
        self.beside, self.keep = beside, keep
        U = density.size
        self.whole = (U + 1) * self.G <= keep
        if beside is None:
            self.top = np.zeros(U + 1)  # the largest log likelihood of each distinct row
            span = min(self.T, max(math.isqrt(self.T), m, BLOCK // self.G))
            if self.T * self.G <= min(4 * BLOCK, keep):
                span = self.T
            self.starts = range(0, self.T, span)
        else:
            self.top, self.starts = beside.top, beside.starts
        self._tables: dict[bool, Floats] = {}
        self._blocks: dict[tuple[int, bool], Block] = {}

    def weighed(self, log_weights: Floats) -> Rows:
        """Return the same rows over nodes with other weights; what is kept they share."""
        same = copy(self)
        same.log_weights, same.w = log_weights, np.exp(log_weights)
        return same

    @property
    def log_top(self) -> float:
        """The sum of the logs of all rows' maxima; once all blocks have been made."""
        return float(self.top[self.index].sum())

    def block(self, index: int, log: bool = False) -> Block:
        """Return a block; in logarithms where asked."""
        if (index, log) in self._blocks:
            return self._blocks[index, log]
        block = self._block(index, log)
        if (self.m == 1 and self.whole) or self.T * self.G <= self.keep:
            self._blocks[index, log] = block
        return block

    def _block(self, index: int, log: bool) -> Block:
        t0, m = self.starts[index], self.m
        end = min(t0 + self.starts.step, self.T)
        n = end - t0
        first = max(t0 - m + 1, 0)
        lik, at = self._rows(first, end, log)
        if m == 1:
            return Block(t0, lik, at, lik, at, np.zeros(n))
        lik = lik[at]
        if t0 - m + 1 < 0:
            ahead = np.full((m - 1 - t0, self.G), 0.0 if log else 1.0)
            lik = np.concatenate([ahead, lik])
        rows = np.arange(n)
        if log:
            win = log_forward_backward.windows(lik, m)
            return Block(t0, lik, rows + m - 1, win, rows, np.zeros(n))
        win, log_win = forward_backward.windows(lik, m)
        return Block(t0, lik, rows + m - 1, win, rows, log_win)

    def _rows(self, first: int, end: int, log: bool) -> tuple[Floats, Integers]:
        """Return a table of likelihood rows and where in it the rows first..end-1 are."""
        index = self.index[first:end]
        if self.whole:
            if log not in self._tables:
                self._tables[log] = self._table(np.arange(self.density.size), log)
            return self._tables[log], index
        used, at = np.unique(index, return_inverse=True)
        # The place of missing rows, the last of all, is the last of the table.
        some = used[used < self.density.size]
        return self._table(some, log), at

    def _table(self, rows: Integers, log: bool) -> Floats:
        """Return the likelihood of some distinct rows, and one row of ones."""
        table = np.empty((len(rows) + 1, self.G))
        table[-1] = 0.0 if log else 1.0
        top = np.empty(len(rows))
        if log:
            self.density.log(rows, table[:-1])
            if self.beside is None:
                top = table[:-1].max(axis=1)
        else:
            self.density.scaled(rows, table[:-1], top)
        if self.beside is None:
            self.top[rows] = top
        if log:
            table[:-1] -= self.top[rows, None]
        elif self.beside is not None:
            table[:-1] *= np.exp(top - self.top[rows])[:, None]
        return table

    def log_whole(self) -> float:
        """Return the log of sum_g w_g prod_t p(y_t | theta_g): all rows in one segment."""
        sums = self.log_weights + self.log_sums(np.array([0, self.T]))[1]
        return float(np.logaddexp.reduce(sums)) + self.log_top

    def log_sums(self, bounds: Integers) -> Floats:
        """Return sums of log likelihood rows from bounds[0] up to each bound, (bounds, G)."""
        sums = np.zeros((len(bounds), self.G))
        size = max(BLOCK // self.G, 1)
        for row in range(int(bounds[0]), int(bounds[-1]), size):
            stop = min(row + size, int(bounds[-1]))
            # Rows between one bound and the next, as far as they lie in this block.
            low, high = np.searchsorted(bounds, [row, stop - 1], "right")
            starts = np.concatenate([[row], bounds[low:high]]) - row
            table, at = self._rows(row, stop, True)
            sums[low : high + 1] += np.add.reduceat(table[at], starts, axis=0)
        totals: Floats = np.cumsum(sums, axis=0)
        return totals
