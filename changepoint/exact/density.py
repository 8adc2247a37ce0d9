"""What a family tells of distinct rows at nodes, ready to be asked for likelihood rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from changepoint.kernels import row_table
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.links import shift
from changepoint.likelihoods.series import NOWHERE, Floats, Integers, Nodes, Series, Terms

Mask = NDArray[np.bool_]

CHUNK = 2**14  # distinct rows used at a time to find the range
CACHED = 2**14  # values at a time of any log density, whose steps are many: 128 kB
COPIES = 4  # of a block of rows, under heavy tails
PATTERNS = 40  # distinct shifts up to which each has a table of its own


class Density(ABC):
    """log p(y_u | theta_g) of U distinct rows of one series, asked for a few rows at a time."""

    size: int

    @abstractmethod
    def log(self, rows: Integers, out: Floats) -> None:
        """Write log p for some distinct rows, (n, G)."""

    @abstractmethod
    def scaled(self, rows: Integers, out: Floats, top: Floats) -> None:
        """Write p divided by its maximum for some distinct rows, and log of these, (n,)."""

    @abstractmethod
    def hold(self, log_w: Floats, copies: float, drop: float, holds: Mask) -> None:
        """Mark nodes that matter to the posterior of a row, or of so many rows like it.

        Those within `drop` of the largest log density.
        """


class Tabulated(Density):
    """Of a family that tells its terms."""

    def __init__(self, terms: Terms) -> None:
        self.terms, self.size = terms, len(terms.constant)

    def log(self, rows: Integers, out: Floats) -> None:
        """Write log p."""
        row_table.fill(*self.terms, rows, True, out, np.empty(len(rows)))

    def scaled(self, rows: Integers, out: Floats, top: Floats) -> None:
        """Write p divided by its maximum."""
        row_table.fill(*self.terms, rows, False, out, top)

    def hold(self, log_w: Floats, copies: float, drop: float, holds: Mask) -> None:
        """Mark the nodes that matter."""
        row_table.holding(*self.terms, log_w, copies, drop, holds)


def tabulated(log_p: Floats) -> Tabulated:
    """Return the density of distinct rows whose log p at the nodes is known, (U, G)."""
    U, G = log_p.shape
    none, places = np.empty((0, G)), np.arange(U)
    return Tabulated(
        Terms(np.zeros(U), np.empty((U, 0)), np.empty((0, G)), log_p, places, none, NOWHERE)
    )


class Pointwise(Density):
    """Of a family with any log density."""

    def __init__(
        self, family: GridLikelihood, series: Series, nodes: Nodes, hyper: Floats
    ) -> None:
        self.family, self.nodes, self.hyper = family, nodes, hyper
        self.columns = {name: column[:, None] for name, column in series.columns.items()}
        self.columns["pooled"] = series.pooled
        self.size = len(series.copies)

    def log(self, rows: Integers, out: Floats) -> None:
        """Write log p."""
        step = max(CACHED // out.shape[1], 1)
        for first in range(0, len(rows), step):
            mine = rows[first : first + step]
            some = {
                name: column if name == "pooled" else column[mine]
                for name, column in self.columns.items()
            }
            told = self.family.log_density(some, self.at(mine), self.hyper)
            out[first : first + step] = told

    def at(self, rows: Integers) -> Nodes:
        """Return the nodes of some distinct rows."""
        return self.nodes

    def scaled(self, rows: Integers, out: Floats, top: Floats) -> None:
        """Write p divided by its maximum."""
        self.log(rows, out)
        row_table.scale(out, top)

    def hold(self, log_w: Floats, copies: float, drop: float, holds: Mask) -> None:
        """Mark the nodes that matter."""
        for first in range(0, self.size, CHUNK):
            rows = np.arange(first, min(first + CHUNK, self.size))
            log_lik = np.empty((len(rows), len(log_w)))
            self.log(rows, log_lik)
            for times in (1.0, copies):
                log_p = times * log_lik + log_w
                top = np.fmax.reduce(log_p, axis=1, keepdims=True)  # NaN is beyond an end
                holds |= (log_p > top - drop).any(axis=0)


class Shifted(Density):
    """Of rows whose parameter is shifted: a density for each distinct shift."""

    def __init__(self, parts: list[Density], pattern: Integers) -> None:
        self.parts, self.pattern, self.size = parts, pattern, len(pattern)
        self.place = np.empty(self.size, np.int64)
        for number, part in enumerate(parts):
            self.place[pattern == number] = np.arange(part.size)

    def log(self, rows: Integers, out: Floats) -> None:
        """Write log p."""
        for part, mine in self._shared(rows):
            own = np.empty((len(mine), out.shape[1]))
            part.log(self.place[rows[mine]], own)
            out[mine] = own

    def scaled(self, rows: Integers, out: Floats, top: Floats) -> None:
        """Write p divided by its maximum."""
        for part, mine in self._shared(rows):
            own, own_top = np.empty((len(mine), out.shape[1])), np.empty(len(mine))
            part.scaled(self.place[rows[mine]], own, own_top)
            out[mine], top[mine] = own, own_top

    def hold(self, log_w: Floats, copies: float, drop: float, holds: Mask) -> None:
        """Mark the nodes that matter."""
        for part in self.parts:
            part.hold(log_w, copies, drop, holds)

    def _shared(self, rows: Integers) -> Iterator[tuple[Density, Integers]]:
        pattern = self.pattern[rows]
        for number, part in enumerate(self.parts):
            mine = np.flatnonzero(pattern == number)
            if len(mine):
                yield part, mine


class Made(Density):
    """A density that is made whenever it is asked.

    For those who ask once and keep what they are told: tables of many such take much memory.
    """

    def __init__(self, make: Callable[[], Density], size: int) -> None:
        self.make, self.size = make, size

    def log(self, rows: Integers, out: Floats) -> None:
        """Write log p."""
        self.make().log(rows, out)

    def scaled(self, rows: Integers, out: Floats, top: Floats) -> None:
        """Write p divided by its maximum."""
        self.make().scaled(rows, out, top)

    def hold(self, log_w: Floats, copies: float, drop: float, holds: Mask) -> None:
        """Mark the nodes that matter."""
        self.make().hold(log_w, copies, drop, holds)


class PointwiseShifted(Pointwise):
    """Of a family with any log density, where nearly every row has a shift of its own."""

    def __init__(
        self,
        family: GridLikelihood,
        series: Series,
        nodes: Nodes,
        hyper: Floats,
        shifts: Floats,
        kept: Floats | None,
    ) -> None:
        super().__init__(family, series, nodes, hyper)
        self.by_row = shifts[series.pattern]
        self.kept = None if kept is None else kept[series.pattern]

    def at(self, rows: Integers) -> Nodes:
        """Return the nodes of some distinct rows, (n, G)."""
        kept = None if self.kept is None else self.kept[rows, None]
        return shift(self.family.domain, self.nodes, self.by_row[rows, None], kept)


def densities(
    family: GridLikelihood, series: Series, nodes: Nodes, hyper: Floats
) -> list[Density]:
    """Return the density of each series, at its own nodes and hyperparameters, (B, d).

    The family's own come first, then coefficients of effects, which one series may have.
    """
    own = family.own(hyper)
    if series.shifts is not None:
        shifts, kept = series.shifts.by(hyper[0]), series.shifts.kept(hyper[0])
        return [_shifted(family, series, nodes, own, shifts, kept)]
    terms = family.terms(series, nodes, own)
    if terms is not None:
        return [Tabulated(one) for one in terms]
    if len(series) == 1:
        return [Pointwise(family, series, Nodes(nodes.theta, nodes.companion), own)]
    assert nodes.counts is not None  # several series
    ends = np.append(0, np.cumsum(nodes.counts))
    return [
        Pointwise(
            family,
            series.one(i),
            Nodes(nodes.theta[ends[i] : ends[i + 1]], nodes.companion[ends[i] : ends[i + 1]]),
            own[i : i + 1],
        )
        for i in range(len(series))
    ]


def _shifted(
    family: GridLikelihood,
    series: Series,
    nodes: Nodes,
    own: Floats,
    shifts: Floats,
    kept: Floats | None,
) -> Density:
    """Return the density of one series with effects: each pattern is a series of its own."""
    if len(shifts) > PATTERNS:
        plain = Nodes(nodes.theta, nodes.companion)
        return PointwiseShifted(family, series, plain, own, shifts, kept)
    P, G = len(shifts), len(nodes.theta)
    every = Nodes(np.tile(nodes.theta, P), np.tile(nodes.companion, P))
    share = None if kept is None else np.repeat(kept, G)
    there = shift(family.domain, every, np.repeat(shifts, G), share)
    there = there._replace(counts=np.full(P, G))
    return Shifted(densities(family, series.by_pattern(), there, np.repeat(own, P)[:, None]),
                   series.pattern)  # fmt: skip
