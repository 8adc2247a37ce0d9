"""Segments that matter, block by block of their last rows: where they may start, and log M."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.kernels.segment_marginals import centers, largest_likelihoods, log_marginals
from changepoint.likelihoods.segment_statistics import Lines, Statistics

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

EPS = 1e-12  # share of the evidence that dropping starts may lose
PAIRS = 2**15  # of a block: it should stay in the processor's own memory
FEWEST, MOST = 16, 64  # ends of a block


class Block(NamedTuple):
    """Ends that follow one another, and the starts of segments that may end there."""

    first: int
    starts: Integers
    values: Floats  # by end and start, (b, n)


class Blocks:
    """Log M(s, e) of all pairs of rows, or of those that matter.

    Time is O(T^2), or less where old starts can be left out: start s is dropped for ends
    from t + m on if

        F(s) bound(y_s..y_t-1) < F(t) rho 2 eps / T^2,

    because a change at t explains what follows at least as well; what is lost is at most a
    share eps. Memory is O(T), unless blocks are kept to be asked for again.

    Parameters
    ----------
    log_rho
        Log weight of a change, (T,): -inf where none is allowed.
    keep
        Whether to keep what `write` has made of each block.
    """

    def __init__(self, st: Statistics, log_rho: Floats, m: int, keep: bool) -> None:
        self.st, self.log_rho, self.m, self.keep = st, log_rho, m, keep
        self.T = len(log_rho)
        self.spans: list[tuple[int, int, Integers]] = []  # first end, how many, starts
        self.kept: list[Floats] = []

    @property
    def pairs(self) -> int:
        """How many pairs there are, in all blocks."""
        return sum(count * len(starts) for _, count, starts in self.spans)

    def make(self, prune: Floats | None = None) -> Iterator[Block]:
        """Yield blocks for the first time; `prune` is log F, written by who takes them."""
        T, m = self.T, self.m
        live, until = np.zeros(1, np.int64), np.full(T + 1, T)
        e, following = m, 1
        while e <= T:
            count = min(max(PAIRS // (len(live) + FEWEST), FEWEST), MOST, T + 1 - e)
            new = np.arange(following, max(e + count - m, following))
            following = max(e + count - m, following)
            live = np.concatenate([live[until[live] >= e], new])
            block = Block(e, live, self._log_marginals(e, count, live))
            self.spans.append((e, count, live))
            yield block
            if self.keep:
                self.kept.append(block.values)
            if prune is not None:
                self._drop(block, prune, until)
            e += count

    def again(self, backward: bool = False) -> Iterator[Block]:
        """Yield the blocks that were made, as they were left or as log M(s, e)."""
        order = range(len(self.spans))
        for i in reversed(order) if backward else order:
            first, count, starts = self.spans[i]
            values = self.kept[i] if self.keep else self._log_marginals(first, count, starts)
            yield Block(first, starts, values)

    def centers(self, block: Block) -> tuple[Floats, Floats | None]:
        """Return the mean of what is shown of each segment: constant, and slope of lines."""
        constant = np.zeros_like(block.values)
        lines = isinstance(self.st, Lines) and self.st.columns == 2
        slope = np.zeros_like(constant if lines else constant[:0])
        centers(self.st, block.starts, block.first, self.m, constant, slope)
        return constant, slope if lines else None

    def _log_marginals(self, first: int, count: int, starts: Integers) -> Floats:
        values = np.empty((count, len(starts)))
        log_marginals(self.st, starts, first, self.m, values)
        return values

    def _drop(self, block: Block, log_F: Floats, until: Integers) -> None:
        """Note until which end starts are of use, as told by p(s | e) close to the last end."""
        count = len(block.values)
        e = block.first + max(count - self.m, 0)
        if e + self.m > self.T or log_F[e] + self.log_rho[e] == -math.inf:
            return
        limit = self.log_rho[e] + math.log(2 * EPS) - 2 * math.log(self.T)
        n = int(np.searchsorted(block.starts, e - self.m, "right"))
        starts = block.starts[:n]
        starts = starts[block.values[e - block.first, :n] < math.exp(limit)]
        before = log_F[starts] + np.where(starts > 0, self.log_rho[starts], 0.0)
        low = before + largest_likelihoods(self.st, starts, e) < limit + log_F[e]
        until[starts[low]] = np.minimum(until[starts[low]], e + self.m - 1)
