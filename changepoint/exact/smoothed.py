"""What an inference says once all rows are seen: places of changes, parameters, what changed.

Two passes back. The first, over all nodes, finds the sums, and which nodes carry anything. The
second follows it over those nodes and the places half-way between, where densities are close
enough for quantiles.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.exact.before_after import step_of
from changepoint.exact.forward_backward import Pass, Wants
from changepoint.exact.hyper_mixture import Inference
from changepoint.exact.quadrature import Grid
from changepoint.exact.row_likelihood import Rows
from changepoint.kernels.quantiles import quantiles
from changepoint.results.result import QUANTILES, Step

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NOTHING = 1e-13  # largest probability of a node that carries nothing
FAINT = 1e-9  # of a change's rows: what the joint density can do without
HELD = 2**23  # values of densities before and after changes kept at a time


class Fine(NamedTuple):
    """Nodes low..high and the places between; likelihood rows by number of the outer node."""

    low: int
    high: int
    grid: Grid
    rows: dict[int, Rows]


class Smoothed:
    """An inference with its way back.

    Parameters
    ----------
    inference
        Under one condition on the number of changes.
    fine
        Nodes that another condition asked for; taken where they are enough.
    """

    def __init__(self, inference: Inference, fine: Fine | None = None) -> None:
        self.inference, self.mixture = inference, inference.mixture
        self.heavy, self.weights = inference.heavy, inference.heavy_weights
        self.at_most = inference.condition.at_most
        most = np.zeros(len(self.mixture.grid.log_weights))
        for weight, j in zip(self.weights, self.heavy, strict=True):
            one, run = inference.filters[j], inference.runs[j]
            here = np.zeros(len(most))
            for _ in one.smooth(run, self.at_most, Wants(most=here)):
                pass
            most = np.maximum(most, weight * here)
        some = np.flatnonzero(most > NOTHING)
        # A node more at either end: quantiles want densities that fade.
        self._low = max(int(some[0]) - 1, 0)
        self._high = min(int(some[-1]) + 1, len(most) - 1)
        self._given = fine

    @cached_property
    def fine(self) -> Fine:
        """The places where densities are told."""
        found = self._given
        if found is None or self._low < found.low or found.high < self._high:
            grid = self.mixture.grid.finer(self._low, self._high)
            found = Fine(self._low, self._high, grid, {})
        # Under another condition other outer nodes may be heavy.
        absent = [j for j in self.heavy.tolist() if j not in found.rows]
        leaders: list[Rows | None] = [None] * len(self.mixture.filters)
        for j in absent:
            leaders[j] = self.mixture.filters[j].rows
        found.rows.update(zip(absent, self.mixture.rows(found.grid, leaders), strict=True))
        return found

    def _follow(self) -> Iterator[tuple[int, Pass]]:
        """Yield the passes over the fine nodes, one for each heavy outer node."""
        for j in self.heavy.tolist():
            yield j, self.inference.filters[j].follow(self.inference.runs[j], self.fine.rows[j])

    def place_probability(self) -> Floats:
        """Return P(i-th change at s), shape (k, T), given the number; P(change at s) else."""
        condition = self.inference.condition
        k = (condition.number or 0) if condition.fixed else 1
        total = np.zeros((k, self.mixture.T))
        for weight, j in zip(self.weights, self.heavy, strict=True):
            total += weight * self._places(int(j))
        return total

    def _places(self, j: int) -> Floats:
        """Return the same at one outer node."""
        one, way = self.inference.filters[j], self.inference.runs[j]
        condition = self.inference.condition
        before, rest = way.log_shares()[:-1], way.log_rest()[1:]
        if way.offset:
            before, rest = before[:, :-1], rest[:, :-1][:, ::-1]
        log_p = before + rest + (one.log_rho[1:] + one.C[:-1] - one.C[1:])[:, None]
        p = np.exp(log_p - condition.log_share(way))
        found = p.T if condition.fixed else p.sum(axis=1)[None]
        return np.concatenate([np.zeros((len(found), 1)), found], axis=1)

    def bands(self) -> Floats:
        """Return mean and QUANTILES of the parameter by row, (4, T)."""
        parts = []
        ways = [
            self.inference.filters[j].smooth(run, self.at_most, Wants(bands=True))
            for j, run in self._follow()
        ]
        for blocks in zip(*ways, strict=True):
            P = self.weights[0] * blocks[0][1]
            for weight, (_, part) in zip(self.weights[1:], blocks[1:], strict=True):
                P += weight * part
            parts.append(self._summary(P))
        return np.concatenate(parts[::-1], axis=1)

    def _summary(self, density: Floats) -> Floats:
        """Return mean and quantiles for rows of densities at the fine nodes, (4, n)."""
        grid, n = self.fine.grid, len(density)
        told = np.empty((1 + len(QUANTILES), n))
        told[0] = density @ grid.nodes.theta / density.sum(axis=1)
        row, level = np.repeat(np.arange(n), len(QUANTILES)), np.tile(QUANTILES, n)
        places = grid.at(quantiles(density, row, level) / 2)
        told[1:] = places.reshape(n, len(QUANTILES)).T
        return told

    def given_number(self, places: Floats) -> tuple[Floats, tuple[Step, ...]]:
        """Return, given the number of changes, the segments' parameters and what changes did.

        Mean and QUANTILES by segment, (4, k + 1), and k steps.

        Parameters
        ----------
        places
            P(i-th change at s), (k, T).
        """
        k, F = len(places), len(self.fine.grid.log_weights)
        slot, chosen = _slots(places, F)
        segments = np.zeros((k + 1, F))
        joint = np.zeros((k, (F + 1) // 2, (F + 1) // 2))
        for weight, (j, run) in zip(self.weights, self._follow(), strict=True):
            N = np.zeros((k + 1, F))
            before, after = np.zeros((len(chosen), F)), np.zeros((len(chosen), F))
            wants = Wants(segments=N, slot=slot, before=before, after=after)
            for _ in self.inference.filters[j].smooth(run, self.at_most, wants):
                pass
            segments += weight * N
            p = weight * self._places(j)[chosen[:, 0], chosen[:, 1]]
            for i in range(k):
                mine = chosen[:, 0] == i
                earlier = before[mine, ::2] * p[mine, None]
                joint[i] += earlier.T @ after[mine, ::2]
        theta, slope = self._main_nodes()
        domain = self.mixture.family.domain
        steps = tuple(step_of(theta, slope, pair, domain) for pair in joint)
        return self._summary(segments), steps

    def _main_nodes(self) -> tuple[Floats, Floats]:
        """Return the parameter at the nodes low..high, and its derivative by their number."""
        theta, slope = self.mixture.grid.slope()
        some = slice(self.fine.low, self.fine.high + 1)
        return theta[some], slope[some]


def _slots(places: Floats, width: int) -> tuple[Integers, Integers]:
    """Return a number for each change and row that counts, -1 elsewhere; and (change, row)."""
    room = max(HELD // width, len(places))
    faint = FAINT
    if np.sum(places > faint) > room:
        faint = float(np.partition(places.ravel(), -room)[-room])
    chosen = np.argwhere(places > faint)
    slot = np.full(places.shape, -1)
    slot[tuple(chosen.T)] = np.arange(len(chosen))
    return slot, chosen
