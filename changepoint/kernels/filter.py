"""The filter on a parameter grid: blockwise passes over the rows, O(G sqrt T) memory.

One unknown parameter a segment, on G nodes with weights w. With lik_t(g) = p(y_t | theta_g),
the forward weights of rows 0..t with the current segment at node g and at least m rows long,
and their sums S(t) = sum_g F(t, g), obey

    F(m-1,g) = w_g prod_{0..m-1} lik(g)
    F(t,g) = lik_t(g) F(t-1,g) + rho w_g S(t-m) prod_{t-m+1..t} lik(g)

so that a sum over all placements of changes costs O(T G). It is the forward recursion of a
hidden Markov model (Chib 1998) whose states are nodes and whose every change draws a new one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.kernels import linear, logspace

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BLOCK = 2**17  # likelihood values in a block: 1 MB, so that it stays in cache
FIRST = 5  # levels of the number of changes carried along with the memoryless pass
UNDERFLOW = -600.0  # shares below exp(-600) may have lost nodes on the way (double: exp(-708))
SPARE = 60.0  # shares are trusted where they are exp(60) times what may have been lost


class Block(NamedTuple):
    """Rows t0.. of the likelihood, scaled: lik and win (n, G), log_win (n,)."""

    t0: int
    lik: Floats
    win: Floats
    log_win: Floats


class Rows:
    """Likelihood rows by blocks, kept where they fit and recomputed where they don't.

    Parameters
    ----------
    log_likelihood
        From rows (first, end) to log p(y_t | theta_g), shape (end - first, G); zeros where a
        row is missing.
    T, G, m
        Rows, nodes, shortest segment.
    keep
        How many values may be kept in memory.
    """

    def __init__(
        self, log_likelihood: Callable[[int, int], Floats], T: int, G: int, m: int, keep: int
    ) -> None:
        self.log_likelihood = log_likelihood
        self.T, self.G, self.m = T, G, m
        self.log_top = np.zeros(T)
        self.starts = range(0, T, min(T, max(math.isqrt(T), m, BLOCK // G)))
        self._cache: dict[tuple[int, bool], Block] | None = {} if T * G <= keep else None

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
        first = t0 - m + 1
        rows = self.log_likelihood(max(first, 0), end)
        top = rows.max(axis=1, keepdims=True)
        self.log_top[max(first, 0) : end] = top[:, 0]
        rows -= top
        if first < 0:
            rows = np.concatenate([np.zeros((-first, self.G)), rows])
        if log:
            win = logspace.windows(rows, m) if m > 1 else rows
            return Block(t0, rows[m - 1 :], win, np.zeros(end - t0))
        lik = np.exp(rows, out=rows)
        if m == 1:
            return Block(t0, lik, lik, np.zeros(end - t0))
        win, log_win = linear.windows(lik, m)
        return Block(t0, lik[m - 1 :], win, log_win)


@dataclass
class Pass:
    """A forward pass: what the way back needs. In log space all but `scale` are logarithms."""

    levels: int
    offset: int
    log: bool
    shares: Floats  # (T, L): S_j(t) / exp(C[t])
    checkpoints: list[Floats]  # F before each block, (L, G)
    R: Floats = field(default_factory=lambda: np.empty((0, 0)))  # (T, L), by `backward`
    N: Floats = field(default_factory=lambda: np.empty((0, 0)))  # (L, G), by `backward`

    def first(self, levels: int) -> Pass:
        """Return the pass of the first levels alone."""
        shares = np.ascontiguousarray(self.shares[:, :levels])
        checkpoints = [np.ascontiguousarray(F[:levels]) for F in self.checkpoints]
        return Pass(levels, self.offset, self.log, shares, checkpoints)

    def log_shares(self) -> Floats:
        """Return log S_j(t) - C[t], shape (T, L)."""
        return self.shares if self.log else _log(self.shares)

    def log_rest(self) -> Floats:
        """Return log R_i(s) + C[s] - C[T-1], shape (T, L)."""
        return self.R if self.log else _log(self.R)


@dataclass
class Draws:
    """Draws in the making: the segments closed so far, and each draw's place in the next."""

    level: Integers  # (D,)
    rng: np.random.Generator
    segments: list[Integers] = field(default_factory=list)  # (., 3): draw, first row, node

    def start(self, T: int) -> None:
        """Put every draw at the last row."""
        self.row = np.full(len(self.level), T - 1)
        self.node = np.full(len(self.level), -1)
        self.left = np.ones(len(self.level))

    def table(self) -> Integers:
        """Return all segments: draw, first row, node; ordered by draw, then time."""
        found = np.concatenate(self.segments)
        return found[np.lexsort((found[:, 1], found[:, 0]))]


class Filter:
    """Passes over one set of likelihood rows.

    Parameters
    ----------
    rows
        The likelihood.
    log_weights
        log w_g, shape (G,).
    log_rho
        Log weight of a change.
    allowed
        Rows where a change may stand, shape (T,); all, when None.
    levels
        Levels of the number of changes to carry along.

    Attributes
    ----------
    main
        The memoryless pass: any number of changes.
    counts
        The pass of these levels, if any.
    """

    def __init__(
        self,
        rows: Rows,
        log_weights: Floats,
        log_rho: float,
        allowed: NDArray[np.bool_] | None = None,
        levels: int = 0,
    ) -> None:
        self.rows = rows
        self.log_weights = log_weights
        self.log_rho = np.full(rows.T, log_rho)
        self.allowed = allowed
        if allowed is not None:
            self.log_rho[~allowed] = -np.inf
        self.C = np.zeros(rows.T)
        # Injection puts a floor under every node, but only as high as its weight.
        self.floor = float(np.min(log_weights)) + log_rho
        self.log = self.floor < UNDERFLOW
        self.main, *counts = self._forward([0, levels], None, self.log)
        if not self.log and self._fell():
            self.log = True
            self.main, *counts = self._forward([0, levels], None, log=True)
        self.counts = counts[0] if counts else None

    @property
    def log_sum(self) -> float:
        """Log of the sum over all placements and nodes, weights rho^k, unscaled."""
        return float(self.C[-1] + self.rows.log_top.sum())

    def _fell(self) -> bool:
        """Whether some sum fell so fast that nodes may have been flushed on the way.

        With m > 1 injection comes m rows late, and where no change is allowed not at all.
        """
        m = self.rows.m
        if not np.isfinite(self.C).all():
            return True
        self.drop = float(np.min(self.C[m:] - self.C[:-m], initial=0.0)) if m > 1 else 0.0
        if self.allowed is not None:
            before = np.append(0.0, self.C)
            row = np.arange(self.rows.T)
            injected = np.maximum.accumulate(np.where(self.allowed, row, 0))
            fall = float(np.min(self.C - before[np.maximum(injected - m + 1, 0)]))
            self.drop = min(self.drop, fall)
        return self.drop < UNDERFLOW

    def _kernels(self, log: bool) -> tuple[ModuleType, Floats, Floats]:
        if log:
            return logspace, self.log_weights, self.log_rho
        return linear, np.exp(self.log_weights), np.exp(self.log_rho)

    def _forward(self, levels: list[int], feed: Floats | None, log: bool) -> list[Pass]:
        """Run passes side by side, block by block: memoryless (0), or so many levels."""
        kernels, w, rho = self._kernels(log)
        T, G = self.rows.T, self.rows.G
        zero = -np.inf if log else 0.0
        runs = [
            Pass(max(L, 1), min(L, 1), log, np.empty((T, max(L, 1))), [])
            for i, L in enumerate(levels)
            if i == 0 or L
        ]
        states = [np.full((run.levels, G), zero) for run in runs]
        for index in range(len(self.rows.starts)):
            block = self.rows.block(index, log)
            for run, F in zip(runs, states, strict=True):
                run.checkpoints.append(F.copy())
                kernels.forward(
                    *block, w, rho, self.rows.m, run.offset,
                    np.empty(0) if feed is None else feed,
                    F, self.C, run.shares, np.empty((0, run.levels, G)),
                )  # fmt: skip
        return runs

    def counted(self, levels: int, feed: Floats | None = None, log: bool = False) -> Pass:
        """Run levels of the count of changes, on the scale of the memoryless pass.

        `feed` continues: the last level's shares of an earlier pass, shape (T,).
        """
        log = log or self.log
        if feed is None and self.counts and self.counts.log == log:
            if levels <= self.counts.levels:
                return self.counts.first(levels)
        return self._forward([levels], feed, log)[0]

    def exactly(self, number: int, at_most: bool = False) -> Pass:
        """Run levels 0..number; in log space where linear space can't be trusted."""
        run = self.counted(number + 1)
        used = run.log_shares()[-1, 0 if at_most else number :]
        # What was flushed may come back, but not further than a change would bring it.
        if not run.log and not used.max() > UNDERFLOW - min(self.floor, self.drop) - SPARE:
            run = self.counted(number + 1, log=True)
        return run

    def backward(
        self,
        run: Pass,
        at_most: bool = False,
        bands: bool = False,
        segments: bool = False,
        draws: Draws | None = None,
    ) -> Iterator[tuple[int, Floats]]:
        """Go back through a pass; yield (t0, P(theta_t = g)) block by block.

        P has no rows unless bands are asked for. Fills `run.R`, the draws' segments, and,
        if asked for under a fixed number, `run.N`: P(node of the j-th segment = g). The
        terminal condition allows any number of changes up to the last level (`at_most`, and
        the memoryless pass), or the last level alone.
        """
        kernels, w, rho = self._kernels(run.log)
        T, G, m, L = self.rows.T, self.rows.G, self.rows.m, run.levels
        zero, one = (-np.inf, 0.0) if run.log else (0.0, 1.0)
        B = np.full((L, G), zero)
        B[: None if at_most or run.offset == 0 else 1] = one
        run.R = np.full((T, L), zero)
        run.N = np.zeros((L if segments else 0, G))
        ends = run.shares[-1] if at_most or run.offset == 0 else run.shares[-1, -1:]
        total = float(np.logaddexp.reduce(ends) if run.log else ends.sum())
        young, ring = np.zeros(G), np.zeros((m, G))
        if draws is not None:
            draws.start(T)
        for index in range(len(self.rows.starts) - 1, -1, -1):
            block = self.rows.block(index, run.log)
            n = len(block.lik)
            kept = bands or segments or draws is not None
            history = np.empty((n + 1 if kept else 0, L, G))
            if len(history):
                kernels.forward(
                    *block, w, rho, m, run.offset, np.empty(0), run.checkpoints[index].copy(),
                    self.C, run.shares, history,
                )  # fmt: skip
            P = np.empty((n if bands else 0, G))
            kernels.backward(
                *block, w, rho, m, run.offset, self.C, run.shares, total, history,
                B, run.R, young, ring, P, run.N,
            )  # fmt: skip
            if draws is not None and len(draws.level):
                out = np.empty((len(draws.level) * (n // m + 1), 3), np.int64)
                closed = kernels.sample(
                    block.t0, block.lik, self.C, m, run.offset, history, draws.row,
                    draws.level, draws.node, draws.left, draws.rng, out,
                )  # fmt: skip
                draws.segments.append(out[:closed].copy())
            yield block.t0, P


def _log(x: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        logarithm: Floats = np.log(x)
    return logarithm
