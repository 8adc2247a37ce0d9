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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.exact.row_likelihood import Rows
from changepoint.kernels import backward_sampling, forward_backward, log_forward_backward

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FIRST = 4  # levels of the number of changes carried at first
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
        Weight of the rest by its first row, shape (T, L); filled by `Filter.smooth`.
    history
        F before the first and after each row, (T + 1, L, G), where all rows are one block and
        it was worth keeping.
    """

    rows: Rows
    levels: int
    offset: int
    log: bool
    S: Floats
    states: list[Floats] = field(default_factory=list)
    leader: Pass | None = None
    R: Floats = field(default_factory=lambda: np.empty((0, 0)))
    history: Floats | None = None

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
        ends = self.S[-1, 1:]
        ends = ends if self.log else _log(ends)
        return float(np.logaddexp.reduce(ends) if at_most or self.offset == 0 else ends[-1])


class Wants(NamedTuple):
    """What a way back is to find beside R.

    bands
        The rows whose P(theta_t = g) is wanted, ascending.
    segments
        P(node of the j-th segment = g), (L, G), added to.
    slot, before, after
        Where to write the densities before and after the j-th change at s: slot[j, s], -1 for
        nowhere, (L - 1, T); each (n, G).
    """

    bands: Integers | None = None
    segments: Floats | None = None
    slot: Integers | None = None
    before: Floats | None = None
    after: Floats | None = None


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
    evidence
        Whether that is all that is wanted: then nothing is kept for a way back.

    Attributes
    ----------
    main
        The memoryless pass: any number of changes.
    """

    def __init__(
        self,
        rows: Rows,
        log_rho: float,
        allowed: NDArray[np.bool_] | None = None,
        evidence: bool = False,
    ) -> None:
        self.rows, self.evidence = rows, evidence
        self.log_rho = np.full(rows.T, log_rho)
        self.allowed = allowed
        if allowed is not None:
            self.log_rho[~allowed] = -np.inf
        self.rho = np.exp(self.log_rho)
        self.C = np.zeros(rows.T)
        # Injection puts a floor under every node, but only as high as its weight.
        self.floor = float(np.min(rows.log_weights)) + log_rho
        self.log, self.drop = self.floor < UNDERFLOW, 0.0
        self.main = self._forward(1, 0)
        if not self.log and self._fell():
            self.log = True
            self.main = self._forward(1, 0)
        self._counts: Pass | None = None

    @property
    def log_sum(self) -> float:
        """Log of the sum over all placements and nodes, weights rho^k, unscaled."""
        return float(self.C[-1]) + self.rows.log_top

    def _fell(self) -> bool:
        """Whether some sum fell so fast that nodes may have been flushed on the way.

        With m > 1 injection comes m rows late, and where no change is allowed not at all.
        """
        m = self.rows.m
        if not np.isfinite(self.C).all():
            return True
        if m > 1:
            self.drop = float(np.min(self.C[m:] - self.C[:-m], initial=0.0))
        if self.allowed is not None:
            before = np.append(0.0, self.C)
            row = np.arange(self.rows.T)
            injected = np.maximum.accumulate(np.where(self.allowed, row, 0))
            fall = float(np.min(self.C - before[np.maximum(injected - m + 1, 0)]))
            self.drop = min(self.drop, fall)
        return self.drop < UNDERFLOW

    def _terms(self, rows: Rows, log: bool) -> tuple[ModuleType, Floats, Floats]:
        """Return the kernels of a pass, and weights and rho as they take them."""
        if log:
            return log_forward_backward, rows.log_weights, self.log_rho
        return forward_backward, rows.w, self.rho

    def _forward(
        self,
        levels: int,
        offset: int,
        feed: Floats | None = None,
        log: bool = False,
        leader: Pass | None = None,
        rows: Rows | None = None,
    ) -> Pass:
        """Run a pass block by block."""
        rows, log = rows or self.rows, log or self.log
        zero = -np.inf if log else 0.0
        if leader is None:
            S = np.empty((rows.T, 1 + levels))
            S[:, 0] = zero if feed is None else feed
        else:
            S = leader.S
        run = Pass(rows, levels, offset, log, S, leader=leader)
        kernels, w, rho = self._terms(rows, log)
        F, kept = np.full((levels, rows.G), zero), np.empty((0, levels, rows.G))
        if len(rows.starts) == 1 and not self.evidence and (leader or offset == 0):
            run.history = kept = np.empty((rows.T + 1, levels, rows.G))
        for index in range(len(rows.starts)):
            run.states.append(F.copy())
            if leader is not None and index and index + 1 == len(rows.starts):
                break  # its sums are known, and its states so far are all
            kernels.forward(
                *rows.block(index, log), w, rho, rows.m, offset, feed is None,
                leader is not None, F, self.C, S, kept,
            )  # fmt: skip
        return run

    def counted(self, levels: int, feed: Floats | None = None, log: bool = False) -> Pass:
        """Run levels of the count of changes, on the scale of the memoryless pass.

        `feed` continues: the last level's shares of an earlier pass, shape (T,).
        """
        log = log or self.log
        if feed is not None:
            return self._forward(levels, 1, feed, log)
        if self._counts is None or self._counts.log != log or self._counts.levels < levels:
            self._counts = self._forward(levels, 1, None, log)
        return self._counts if self._counts.levels == levels else self._counts.first(levels)

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

        Given the sums S and R, nodes don't depend on one another: the densities can be had
        at any others.
        """
        return self._forward(leader.levels, leader.offset, None, leader.log, leader, rows)

    def smooth(self, run: Pass, at_most: bool, wants: Wants) -> Iterator[tuple[int, Floats]]:
        """Go back through a pass; yield (i, P(theta_t = g)) block by block.

        P is that of the rows bands[i], bands[i + 1], ... of a block that are wanted. Fills
        `run.R`, unless it follows another. The terminal condition allows any number of changes
        up to the last level (`at_most`, and the memoryless pass), or the last level alone.
        """
        rows, L = run.rows, run.levels
        kernels, w, rho = self._terms(rows, run.log)
        T, G, m = rows.T, rows.G, rows.m
        zero = -np.inf if run.log else 0.0
        ends = np.full((L, G), zero)
        ends[: None if at_most or run.offset == 0 else 1] = 0.0 if run.log else 1.0
        state: tuple[Floats, ...] = (ends,)
        if not run.log:
            state = np.zeros((L, G)), np.column_stack([np.zeros(L), ends[:, 0]])
        follow = run.leader is not None
        run.R = run.leader.R if run.leader else np.full((T, L), zero)
        log_total = (run.leader or run).log_total(at_most)
        total = log_total if run.log else float(np.exp(log_total))
        bands = np.empty(0, np.int64) if wants.bands is None else wants.bands
        N = np.empty((0, G)) if wants.segments is None else wants.segments
        slot = np.empty((0, T), np.int64) if wants.slot is None else wants.slot
        U = np.empty((0, G)) if wants.before is None else wants.before
        V = np.empty((0, G)) if wants.after is None else wants.after
        young, ring = np.zeros(G), np.zeros((m if m > 1 else 0, G))
        kept = len(bands) or len(N) or len(slot)
        for index in reversed(range(len(rows.starts))):
            block = rows.block(index, run.log)
            n = len(block.at)
            history = self._history(run, index, n) if kept else np.empty((0, L, G))
            low, high = np.searchsorted(bands, [block.t0, block.t0 + n])
            at_P, P = np.full(n, -1), np.empty((high - low, G))
            at_P[bands[low:high] - block.t0] = np.arange(high - low)
            kernels.backward(
                *block, w, rho, m, run.offset, follow, self.C, run.S, total, history,
                *state, run.R, young, ring, at_P, P, N, slot, U, V,
            )  # fmt: skip
            yield int(low), P

    def _history(self, run: Pass, index: int, n: int) -> Floats:
        """Return F before a block and after each of its n rows, (n + 1, L, G)."""
        if run.history is not None:
            return run.history
        kernels, w, rho = self._terms(run.rows, run.log)
        history = np.empty((n + 1, run.levels, run.rows.G))
        kernels.forward(
            *run.rows.block(index, run.log), w, rho, run.rows.m, run.offset, True, True,
            run.states[index].copy(), self.C, run.S, history,
        )  # fmt: skip
        return history

    def last(self, run: Pass) -> Floats:
        """Return F after the last row, (L, G), each level on a scale of its own."""
        index = len(run.rows.starts) - 1
        F: Floats = self._history(run, index, run.rows.T - run.rows.starts[index])[-1].copy()
        if run.log:
            top = F.max(axis=1, keepdims=True)
            F = np.exp(F - np.where(np.isfinite(top), top, 0.0))
        return F

    def sample(self, run: Pass, level: Integers, rng: np.random.Generator) -> Integers:
        """Draw placements and nodes: a table of segments, (., 3): draw, first row, node.

        Ordered by draw, then time.

        Parameters
        ----------
        level
            The number of changes of each draw, (D,); zeros under the memoryless pass.
        """
        kernels: Any = log_forward_backward if run.log else backward_sampling
        rows, D, m = run.rows, len(level), run.rows.m
        row, node, left = np.full(D, rows.T - 1), np.full(D, -1), np.ones(D)
        segments = []
        for index in reversed(range(len(rows.starts))):
            block = rows.block(index, run.log)
            n = len(block.at)
            history = self._history(run, index, n)
            out = np.empty((D * (n // m + 1), 3), np.int64)
            closed = kernels.sample(
                block.t0, block.lik, block.at, self.C, m, run.offset, history, row,
                level, node, left, rng, out,
            )  # fmt: skip
            segments.append(out[:closed].copy())
        found = np.concatenate(segments)[::-1]  # closed from the last row back
        return found[np.argsort(found[:, 0], kind="stable")]


def _log(x: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        logarithm: Floats = np.log(x)
    return logarithm
