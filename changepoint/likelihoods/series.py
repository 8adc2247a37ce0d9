"""Series as flat arrays: what families and the solver take, one series or many at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from changepoint.likelihoods.hyperparameter import Hyperparameter

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Shifts(NamedTuple):
    """How coefficients that all segments share shift rows on the scale of the link.

    Attributes
    ----------
    patterns
        The distinct rows of the design, (P, d).
    sigma, names, effect
        Of the coefficients: standard deviations a priori, names, and which effect of the model
        each belongs to, (d,).
    pulls
        What share of eta each row loses to its shift, in coefficients, (P, d); None: nothing.
    hyper
        The prior of the one coefficient that is summed out on a lattice; None of the others,
        which are Normal(0, sigma).
    """

    patterns: Floats
    sigma: Floats
    names: tuple[str, ...]
    effect: Integers
    pulls: Floats | None = None
    hyper: Hyperparameter | None = None

    def kept(self, psi: Floats) -> Floats | None:
        """Return the share of eta that each pattern keeps, psi (..., d) to (..., P)."""
        if self.pulls is None:
            return None
        kept: Floats = 1 - psi[..., psi.shape[-1] - len(self.sigma) :] @ self.pulls.T
        return kept

    def drawn(self, rng: np.random.Generator, size: int) -> Floats:
        """Return coefficients drawn from their prior, (size, d)."""
        if self.hyper is not None:
            return self.hyper.draws(rng, size)[:, None]
        return rng.normal(0, self.sigma, (size, len(self.sigma)))

    def by(self, psi: Floats) -> Floats:
        """Return the shift of each pattern, (P,); the coefficients are the last of psi."""
        shifts: Floats = self.patterns @ psi[len(psi) - len(self.sigma) :]
        return shifts

    def log_prior(self, beta: Floats) -> Floats:
        """Return log p(beta) of some coefficients, (..., d) -> (...)."""
        constant = np.log(self.sigma).sum() + len(self.sigma) / 2 * np.log(2 * np.pi)
        log_p: Floats = -0.5 * np.sum((beta / self.sigma) ** 2, axis=-1) - constant
        return log_p

    def some(self, which: NDArray[np.bool_]) -> Shifts | None:
        """Return those of some coefficients, (d,); None of none."""
        if not which.any():
            return None
        names = tuple(np.array(self.names)[which].tolist())
        return Shifts(self.patterns[:, which], self.sigma[which], names, self.effect[which])


@dataclass(frozen=True)
class Series:
    """B series one after the other; rows that are the same to the likelihood are kept once.

    Attributes
    ----------
    offsets
        Series i is rows offsets[i]:offsets[i + 1], (B + 1,).
    index
        Which of its series' distinct rows each row is; their number where it is missing, (N,).
    bounds
        Series i has the distinct rows bounds[i]:bounds[i + 1], (B + 1,).
    copies
        How many rows each distinct row stands for, (U,).
    columns
        What the family's density takes of the distinct rows, by name, (U,).
    pooled
        The estimate from all rows of a series in one segment, (B,).
    least, largest
        Of the rows' own estimates, (B,).
    pattern, shifts
        Of one series with effects: which of the distinct rows of their design each distinct
        row has, (U,), and these; None without effects.
    """

    offsets: Integers
    index: Integers
    bounds: Integers
    copies: Floats
    columns: Mapping[str, Floats]
    pooled: Floats
    least: Floats
    largest: Floats
    pattern: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    shifts: Shifts | None = None
    _kept: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.pooled)

    @property
    def rows(self) -> Integers:
        """The number of rows of each series, T, (B,)."""
        return np.diff(self.offsets)

    def sum(self, values: Floats) -> Floats:
        """Return sums over the rows of each series of what distinct rows have, (U,) -> (B,)."""
        if len(self) == 1:
            return np.atleast_1d(values @ self.copies)
        sums: Floats = np.add.reduceat(values * self.copies, self.bounds[:-1])
        return sums

    def by_row(self, values: Floats) -> Floats:
        """Return each series' value at its distinct rows, (B,) -> (U,), or (1,) of one."""
        return values if len(self) == 1 else np.repeat(values, np.diff(self.bounds))

    def one(self, i: int) -> Self:
        """Return one of the series."""
        if len(self) == 1:
            return self
        if i not in self._kept:
            self._kept[i] = self._one(i)
        alone: Self = self._kept[i]
        return alone

    def distinct(self, name: str) -> tuple[Floats, Integers]:
        """Return the distinct values of a column, and which of them each row has; of one."""
        if name not in self._kept:
            self._kept[name] = np.unique(self.columns[name], return_inverse=True)
        found: tuple[Floats, Integers] = self._kept[name]
        return found

    def by_pattern(self) -> Series:
        """Return the distinct rows of each pattern as a series, without shifts; of one."""
        if "pattern" not in self._kept:
            assert self.shifts is not None  # who asks knows
            parts = []
            for number in range(len(self.shifts.patterns)):
                mine = self.pattern == number
                parts.append(
                    replace(
                        self,
                        bounds=np.array([0, int(np.sum(mine))]),
                        copies=self.copies[mine],
                        columns={name: column[mine] for name, column in self.columns.items()},
                        pattern=self.pattern[:0],
                        shifts=None,
                    )
                )
            self._kept["pattern"] = join(parts)
        found: Series = self._kept["pattern"]
        return found

    def _one(self, i: int) -> Self:
        some = slice(self.bounds[i], self.bounds[i + 1])
        return replace(
            self,
            offsets=np.array([0, self.offsets[i + 1] - self.offsets[i]]),
            index=self.index[self.offsets[i] : self.offsets[i + 1]],
            bounds=np.array([0, some.stop - some.start]),
            copies=self.copies[some],
            columns={name: column[some] for name, column in self.columns.items()},
            pooled=self.pooled[i : i + 1],
            least=self.least[i : i + 1],
            largest=self.largest[i : i + 1],
        )

    def take(self, which: Integers) -> Series:
        """Return some of the series, at least one."""
        return self if len(which) == len(self) else join([self.one(int(i)) for i in which])


def join(parts: list[Series]) -> Series:
    """Return series one after the other."""
    if len(parts) == 1:
        return parts[0]

    def ends(name: str) -> Integers:
        sizes = np.concatenate([np.diff(getattr(part, name)) for part in parts])
        return np.append(0, np.cumsum(sizes))

    def together(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    return Series(
        offsets=ends("offsets"),
        index=together("index"),
        bounds=ends("bounds"),
        copies=together("copies"),
        columns={
            name: np.concatenate([part.columns[name] for part in parts])
            for name in parts[0].columns
        },
        pooled=together("pooled"),
        least=together("least"),
        largest=together("largest"),
    )


class Nodes(NamedTuple):
    """Parameter values, and a companion that says accurately what theta alone would round.

    The companion is 1 - theta for proportions, theta minus the centre for levels, and theta
    itself elsewhere. Both have any one shape; on the grids of B series one after the other
    `counts`, (B,), says how many nodes each has.
    """

    theta: Floats
    companion: Floats
    counts: Integers | None = None

    def by_node(self, values: Floats) -> Floats:
        """Return each series' value at its nodes, (B,) -> (G,), or (1,) of one."""
        if self.counts is None or len(values) == 1:
            return values
        return np.repeat(values, self.counts)


class Terms(NamedTuple):
    """A log density as sums of products and of table entries.

    log p(y_u | theta_g) = constant_u + sum_k row_uk node_kg + first[at_first(u), g]
                           + second[at_second(u), g]

    Attributes
    ----------
    constant, row, node
        Shapes (U,), (U, K) and (K, G).
    first, at_first, second, at_second
        Tables by distinct numbers of the rows, (., G), and the place of each row, (U,);
        (0, G) and (0,) where there are none.
    """

    constant: Floats
    row: Floats
    node: Floats
    first: Floats
    at_first: Integers
    second: Floats
    at_second: Integers


NOWHERE: Integers = np.empty(0, np.int64)


def each_terms(
    series: Series, nodes: Nodes, constant: Floats, row: Floats, node: Floats
) -> list[Terms]:
    """Return each series' terms, without tables, from those of all: (U,), (U, K), (K, G)."""
    if len(series) == 1:
        none = np.empty((0, node.shape[1]))
        return [Terms(constant, row, node, none, NOWHERE, none, NOWHERE)]
    found, g = [], 0
    assert nodes.counts is not None  # of several grids
    for i, count in enumerate(nodes.counts.tolist()):
        rows, none = slice(series.bounds[i], series.bounds[i + 1]), np.empty((0, count))
        some = np.ascontiguousarray(node[:, g : g + count])
        found.append(Terms(constant[rows], row[rows], some, none, NOWHERE, none, NOWHERE))
        g += count
    return found


def repeated(thing: Any, counts: Integers) -> Any:
    """Return a dataclass whose array fields, (B,), are repeated: one value a node."""
    arrays = {
        one.name: np.repeat(value, counts)
        for one in fields(thing)
        if isinstance(value := getattr(thing, one.name), np.ndarray) and len(value) > 1
    }
    return with_fields(thing, arrays) if arrays else thing


def with_fields(thing: Any, values: Mapping[str, Any]) -> Any:
    """Return a copy of a frozen dataclass with other fields, none of which is checked."""
    copy = object.__new__(type(thing))
    for name in (one.name for one in fields(thing)):
        object.__setattr__(copy, name, values.get(name, getattr(thing, name)))
    return copy


def stacked(things: list[Any]) -> Any:
    """Return one dataclass for several of a kind: what differs is an array, (B,)."""
    first = things[0]
    if all(thing is first or thing == first for thing in things[1:]):
        return first
    return with_fields(
        first,
        {f.name: np.array([getattr(thing, f.name) for thing in things]) for f in fields(first)},
    )
