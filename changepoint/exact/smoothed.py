"""What an inference says once all rows are seen: places of changes, parameters, what changed.

Two passes back. The first, over all nodes, finds the sums and the densities there. The second
follows it over what quantiles want half-way between the nodes, and over the nodes of what
stands before and after a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.exact.before_after import Side, step_of
from changepoint.exact.forward_backward import Pass, Wants
from changepoint.exact.hyper_mixture import Inference
from changepoint.kernels import before_after, windows
from changepoint.results.result import QUANTILES, Step

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FAINT = 1e-9  # of a change's rows: what the joint density can do without
OUTSIDE = 1e-11  # of a segment's nodes: likewise
HELD = 2**23  # values of densities before and after changes, and of joint ones, kept
LEVELS = np.array(QUANTILES)

Blocks = Iterator[tuple[int, Floats]]  # first rows, and densities of the rows from there


class Windows(NamedTuple):
    """Quantiles in the making, see `kernels.windows`: QUANTILES of each of n densities."""

    mean: Floats
    place: Integers
    left: Floats
    values: Floats

    @classmethod
    def of(cls, n: int) -> Windows:
        """Return room for the quantiles of n densities."""
        Q = n * len(LEVELS)
        place = np.empty((Q, 3), np.int64)
        return cls(np.empty(n), place, np.empty(Q), np.empty((Q, windows.PLACES)))

    def some(self, first: int, end: int) -> Windows:
        """Return those of the densities first..end-1."""
        part = slice(first * len(LEVELS), end * len(LEVELS))
        return Windows(
            self.mean[first:end], self.place[part], self.left[part], self.values[part]
        )

    def find(self, density: Floats, theta: Floats) -> None:
        """Take densities at the nodes, (n, G)."""
        self.mean[:] = density @ theta / density.sum(axis=1)
        windows.find(density, LEVELS, self.place, self.left, self.values)

    def fill(self, density: Floats, number: Integers) -> None:
        """Take densities half-way between nodes, where they were wanted, (n, H)."""
        windows.fill(density, number, len(LEVELS), self.place, self.values)


class Smoothed:
    """An inference, under one condition on the number of changes, with its way back.

    Parameters
    ----------
    bands
        Rows at which the parameter is wanted.

    Attributes
    ----------
    change_probability
        P(i-th change at s), (k, T), given the number; P(change at s), (1, T), else.
    """

    def __init__(self, inference: Inference, bands: Integers | None = None) -> None:
        self.inference, self.mixture = inference, inference.mixture
        self.heavy, self.weights = inference.heavy, inference.heavy_weights
        self.at_most = inference.condition.at_most
        self.grid, self.T = self.mixture.grid, self.mixture.T
        fixed = inference.condition.fixed
        k = (inference.condition.number or 0) if fixed else 0
        self.rows = np.empty(0, np.int64) if bands is None else bands
        self._bands = Windows.of(len(self.rows))
        self._segments = np.zeros((k + 1 if fixed else 0, len(self.grid.log_weights)))
        ways = []
        parts = [np.zeros_like(self._segments) for _ in self.heavy]
        for j, N in zip(self.heavy, parts, strict=True):
            wants = Wants(self.rows, N if fixed else None)
            ways.append(inference.filters[j].smooth(inference.runs[j], self.at_most, wants))
        for i, P in self._mixed(ways):
            if len(P):
                self._bands.some(i, i + len(P)).find(P, self.grid.nodes.theta)
        for weight, N in zip(self.weights, parts, strict=True):
            self._segments += weight * N
        self.places_by_node = [self._places(int(j)) for j in self.heavy]
        self.change_probability: Floats = sum(
            weight * p for weight, p in zip(self.weights, self.places_by_node, strict=True)
        )

    def _mixed(
        self, ways: Iterable[Iterator[tuple[int, Floats]]]
    ) -> Iterator[tuple[int, Floats]]:
        """Yield blocks of densities, mixed over the outer nodes; all ways go side by side."""
        for blocks in zip(*ways, strict=True):
            i, P = blocks[0]
            if len(blocks) > 1 and len(P):
                P = self.weights[0] * P
                for weight, (_, part) in zip(self.weights[1:], blocks[1:], strict=True):
                    P += weight * part
            yield i, P

    def _places(self, j: int) -> Floats:
        """Return the places' probabilities at one outer node."""
        one, way = self.inference.filters[j], self.inference.runs[j]
        condition = self.inference.condition
        before, rest = way.log_shares()[:-1], way.log_rest()[1:]
        if way.offset:
            before, rest = before[:, :-1], rest[:, :-1][:, ::-1]
        log_p = before + rest + (one.log_rho[1:] + one.C[:-1] - one.C[1:])[:, None]
        p = np.exp(log_p - condition.log_share(way))
        found = p.T if condition.fixed else p.sum(axis=1)[None]
        return np.concatenate([np.zeros((len(found), 1)), found], axis=1)

    def _follow(self, u: Floats) -> list[tuple[int, Pass]]:
        """Return the passes over other places among the nodes, at each heavy outer node."""
        filters = self.inference.filters
        heavy = set(self.heavy.tolist())
        leaders = [one.rows if j in heavy else None for j, one in enumerate(filters)]
        rows = self.mixture.rows(self.grid.elsewhere(u), leaders)
        return [
            (int(j), filters[j].follow(self.inference.runs[j], own))
            for j, own in zip(self.heavy, rows, strict=True)
        ]

    def bands(self) -> Floats:
        """Return mean and QUANTILES of the parameter at the rows asked for, (4, n)."""
        nodes, number = windows.wanted(self._bands.place, len(self.grid.log_weights))
        ways = [
            self.inference.filters[j].smooth(run, self.at_most, Wants(self.rows))
            for j, run in self._follow(nodes + 0.5)
        ]
        for i, P in self._mixed(ways):
            self._bands.some(i, i + len(P)).fill(P, number)
        return self._told(self._bands)

    def _told(self, found: Windows) -> Floats:
        """Return means and quantiles, (4, n)."""
        at = windows.positions(found.place, found.left, found.values)
        return np.vstack([found.mean, self.grid.at(at).reshape(-1, len(LEVELS)).T])

    def given_number(self) -> tuple[Floats, tuple[Step, ...]]:
        """Return, given the number of changes, the segments' parameters and what changes did.

        Mean and QUANTILES by segment, (4, k + 1), and k steps; none where the parameters of
        neighbours have so many nodes that draws must do.
        """
        k = len(self._segments) - 1
        found = Windows.of(k + 1)
        found.find(self._segments, self.grid.nodes.theta)
        nodes, number = windows.wanted(found.place, len(self.grid.log_weights))
        hulls = [hull_of(N) for N in self._segments]
        first = min(hull.start for hull in hulls)
        main = np.arange(first, max(hull.stop for hull in hulls))
        H = len(nodes)
        own = [slice(H + hull.start - first, H + hull.stop - first) for hull in hulls]
        sizes = [(one.stop - one.start, two.stop - two.start) for one, two in pairwise(own)]
        summed = sum(before * after for before, after in sizes) <= HELD
        main = main if summed else main[:0]
        G = len(main)
        joint = [np.zeros(size) for size in sizes] if summed else []
        slot, chosen = _slots(self.change_probability, H + G) if summed else _NOWHERE
        half = np.zeros((k + 1, H))
        follow = self._follow(np.concatenate([nodes + 0.5, main]))
        for weight, places, (j, run) in zip(
            self.weights, self.places_by_node, follow, strict=True
        ):
            N = np.zeros((k + 1, H + G))
            before, after = np.zeros((2, len(chosen), H + G))
            wants = Wants(segments=N, slot=slot if summed else None, before=before, after=after)
            for _ in self.inference.filters[j].smooth(run, self.at_most, wants):
                pass
            half += weight * N[:, :H]
            p = weight * places[chosen[:, 0], chosen[:, 1]]
            for i, density in enumerate(joint):
                mine = (chosen[:, 0] == i) & (p > FAINT)
                earlier = before[mine, own[i]] * p[mine, None]
                before_after.add_products(earlier, after[mine, own[i + 1]], density)
        found.fill(half, number)
        theta, slope = self.grid.slope()
        domain = self.mixture.family.domain
        steps = tuple(
            step_of(Side(theta[one], slope[one]), Side(theta[two], slope[two]), density, domain)
            for (one, two), density in zip(pairwise(hulls), joint, strict=bool(joint))
        )
        return self._told(found), steps


_NOWHERE = np.empty((0, 0), np.int64), np.empty((0, 2), np.int64)


def hull_of(N: Floats) -> slice:
    """Return the nodes from the first to the last that carry more than a trace."""
    some = np.flatnonzero(N > OUTSIDE * N.sum())
    return slice(int(some[0]), int(some[-1]) + 1)


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
