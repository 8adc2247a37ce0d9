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

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from changepoint.kernels import linear, logspace
from changepoint.kernels.rows import Rows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FIRST = 5  # levels of the number of changes carried along with the memoryless pass
UNDERFLOW = -600.0  # shares below exp(-600) may have lost nodes on the way (double: exp(-708))
SPARE = 60.0  # shares are trusted where they are exp(60) times what may have been lost


@dataclass
class Pass:
    """A forward pass: what the way back needs. In log space S, R and the states are logarithms.

    Attributes
    ----------
    rows
        The nodes it runs over.
    S
        Sums of F over nodes, S_j(t) / exp(C[t]) in column 1 + j, shape (T, 1 + L).
    states
        F before each block, shape (L, G).
    leader
        The pass over other nodes that this one follows: its sums are these.
    R
        Weight of the rest by its first row, shape (T, L); filled by `Filter.backward`.
    N
        P(node of the j-th segment = g), shape (L, G); likewise, if asked for.
    """

    rows: Rows
    levels: int
    offset: int
    log: bool
    S: Floats
    states: list[Floats] = field(default_factory=list)
    leader: Pass | None = None
    R: Floats = field(default_factory=lambda: np.empty((0, 0)))
    N: Floats = field(default_factory=lambda: np.empty((0, 0)))

    def first(self, levels: int) -> Pass:
        """Return the pass of the first levels alone."""
        S = np.ascontiguousarray(self.S[:, : 1 + levels])
        states = [np.ascontiguousarray(F[:levels]) for F in self.states]
        return Pass(self.rows, levels, self.offset, self.log, S, states)

    def log_shares(self) -> Floats:
        """Return log S_j(t) - C[t], shape (T, L)."""
        shares = self.S[:, 1:]
        return shares if self.log else _log(shares)

    def log_rest(self) -> Floats:
        """Return log R_i(s) + C[s] - C[T-1], shape (T, L)."""
        return self.R if self.log else _log(self.R)

    def log_total(self, at_most: bool) -> float:
        """Return the log of the sum over all levels, or of the last level alone."""
        ends = self.log_shares()[-1]
        return float(np.logaddexp.reduce(ends) if at_most or self.offset == 0 else ends[-1])


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
        found = np.concatenate(self.segments)[::-1]  # closed from the last row back
        return found[np.argsort(found[:, 0], kind="stable")]


class Filter:
    """Passes over one set of likelihood rows.

    Parameters
    ----------
    rows
        The likelihood, over weighted nodes.
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
        log_rho: float,
        allowed: NDArray[np.bool_] | None = None,
        levels: int = 0,
    ) -> None:
        self.rows = rows
        self.between: Rows | None = None  # places half-way between the nodes, when needed
        self.log_rho = np.full(rows.T, log_rho)
        self.allowed = allowed
        if allowed is not None:
            self.log_rho[~allowed] = -np.inf
        self.C = np.zeros(rows.T)
        # Injection puts a floor under every node, but only as high as its weight.
        self.floor = float(np.min(rows.log_weights)) + log_rho
        self.log = self.floor < UNDERFLOW
        self.main, self.counts = self._together(levels)
        if not self.log and self._fell():
            self.log = True
            self.main, self.counts = self._together(levels)

    def _together(self, levels: int) -> tuple[Pass, Pass | None]:
        """Run the memoryless pass and the levels of the number block by block."""
        main = self._begin(1, 0, None, self.log)
        counts = self._begin(levels, 1, None, self.log) if levels else None
        self._forward([main] if counts is None else [main, counts])
        return main, counts

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

    def _begin(self, levels: int, offset: int, feed: Floats | None, log: bool) -> Pass:
        S = np.empty((self.rows.T, 1 + levels))
        S[:, 0] = (-np.inf if log else 0.0) if feed is None else feed
        return Pass(self.rows, levels, offset, log, S)

    def _terms(self, run: Pass) -> tuple[ModuleType, Floats, Floats]:
        """Return the kernels of a pass, and weights and rho as they take them."""
        if run.log:
            return logspace, run.rows.log_weights, self.log_rho
        return linear, np.exp(run.rows.log_weights), np.exp(self.log_rho)

    def _forward(self, runs: list[Pass], begin: bool = True) -> None:
        """Run passes over the same rows side by side, block by block."""
        states = [
            np.full((run.levels, run.rows.G), -np.inf if run.log else 0.0) for run in runs
        ]
        for index in range(len(self.rows.starts)):
            for run, F in zip(runs, states, strict=True):
                kernels, w, rho = self._terms(run)
                block = run.rows.block(index, run.log)
                run.states.append(F.copy())
                if run.leader is not None and index + 1 == len(self.rows.starts):
                    continue  # its sums are known, and its states so far are all
                kernels.forward(
                    *block, w, rho, run.rows.m, run.offset, begin, run.leader is not None,
                    F, self.C, run.S, np.empty((0, *F.shape)),
                )  # fmt: skip

    def counted(self, levels: int, feed: Floats | None = None, log: bool = False) -> Pass:
        """Run levels of the count of changes, on the scale of the memoryless pass.

        `feed` continues: the last level's shares of an earlier pass, shape (T,).
        """
        log = log or self.log
        if feed is None and self.counts and self.counts.log == log:
            if levels <= self.counts.levels:
                return self.counts.first(levels)
        run = self._begin(levels, 1, feed, log)
        self._forward([run], begin=feed is None)
        return run

    def exactly(self, number: int, at_most: bool = False) -> Pass:
        """Run levels 0..number; in log space where linear space can't be trusted."""
        run = self.counted(number + 1)
        used = run.log_shares()[-1, 0 if at_most else number :]
        # What was flushed may come back, but not further than a change would bring it.
        if not run.log and not used.max() > UNDERFLOW - min(self.floor, self.drop) - SPARE:
            run = self.counted(number + 1, log=True)
        return run

    def follow(self, leader: Pass, rows: Rows) -> Pass:
        """Run a pass again over other nodes, which add nothing to its sums.

        Given the sums S and R, nodes don't depend on one another: between those that the sums
        need, the densities can be had at any others.
        """
        run = Pass(rows, leader.levels, leader.offset, leader.log, leader.S, leader=leader)
        self._forward([run])
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
        the memoryless pass), or the last level alone. One that follows another must be
        taken a block behind it.
        """
        kernels, w, rho = self._terms(run)
        T, G, m, L = run.rows.T, run.rows.G, run.rows.m, run.levels
        zero, one = (-np.inf, 0.0) if run.log else (0.0, 1.0)
        B = np.full((L, G), zero)
        B[: None if at_most or run.offset == 0 else 1] = one
        follow = run.leader is not None
        run.R = run.leader.R if run.leader else np.full((T, L), zero)
        run.N = np.zeros((L if segments else 0, G))
        log_total = run.log_total(at_most)
        total = log_total if run.log else float(np.exp(log_total))
        young, ring = np.zeros(G), np.zeros((m, G))
        if draws is not None:
            draws.start(T)

        def back(index: int) -> tuple[int, Floats]:
            block = run.rows.block(index, run.log)
            n = len(block.lik)
            kept = bands or segments or draws is not None
            history = np.empty((n + 1 if kept else 0, L, G))
            if kept:
                kernels.forward(
                    *block, w, rho, m, run.offset, True, follow, run.states[index].copy(),
                    self.C, run.S, history,
                )  # fmt: skip
            P = np.empty((n if bands else 0, G))
            kernels.backward(
                *block, w, rho, m, run.offset, follow, self.C, run.S, total, history,
                B, run.R, young, ring, P, run.N,
            )  # fmt: skip
            if draws is not None and len(draws.level):
                out = np.empty((len(draws.level) * (n // m + 1), 3), np.int64)
                closed = kernels.sample(
                    block.t0, block.lik, self.C, m, run.offset, history, draws.row,
                    draws.level, draws.node, draws.left, draws.rng, out,
                )  # fmt: skip
                draws.segments.append(out[:closed].copy())
            return block.t0, P

        # Between blocks nothing of a block is held: many passes go back side by side.
        yield from map(back, reversed(range(len(run.rows.starts))))


def _log(x: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        logarithm: Floats = np.log(x)
    return logarithm
