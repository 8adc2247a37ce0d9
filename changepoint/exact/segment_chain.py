"""All ways to cut a series into segments, summed at one value of the hyperparameter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from changepoint.exact.segment_blocks import Block, Blocks
from changepoint.kernels import segment_recursion as recursion
from changepoint.kernels.line_precisions import precisions
from changepoint.likelihoods.segment_statistics import Lines, Statistics

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

FIRST = 9  # numbers of changes counted at first,
MANY = 33  # and where every pass is made anew


class Chain:
    """All numbers of changes, summed.

    Attributes
    ----------
    log_F
        Log of the sum over all ways to cut rows 0..e-1, weights rho^k, (T + 1,).
    """

    def __init__(
        self, st: Statistics, log_rho: Floats, m: int, keep: bool = True, prune: bool = True
    ) -> None:
        self.st, self.T, self.m, self.log_rho = st, len(log_rho), m, log_rho
        self.blocks = Blocks(st, log_rho, m, keep)
        self.log_F = np.full(self.T + 1, -np.inf)
        self.log_F[0] = 0.0
        for block in self.blocks.make(self.log_F if prune else None):
            self._forward(block)
        self._before: Floats | None = None

    @property
    def log_sum(self) -> float:
        """Log of the sum over all placements."""
        return float(self.log_F[-1])

    def _forward(self, block: Block) -> None:
        recursion.forward(
            block.values, block.first, block.starts, self.m, self.log_rho, self.log_F
        )

    def steps(self, backward: bool = False) -> Iterator[Block]:
        """Yield p(s | e), the probability that a segment which ends at e begins with s."""
        for block in self.blocks.again(backward):
            if not self.blocks.keep:
                self._forward(block)
            yield block

    def hold(self) -> None:
        """Keep p(s | e) from now on: what is asked for next takes a fraction of the time."""
        if not self.blocks.keep:
            self.blocks.kept = [block.values for block in self.steps()]
            self.blocks.keep = True

    def segments(self, begins: Floats) -> Iterator[tuple[Block, Floats]]:
        """Yield p(s | e) from the last block on, and P(a segment ends at e), (T + 1,).

        Which are P(a segment begins at s), 1 at T; written to `begins` on the way.
        """
        begins[:] = 0.0
        begins[-1] = 1.0
        for block in self.steps(backward=True):
            recursion.begins(block.values, block.first, block.starts, begins)
            yield block, begins

    def backward(self) -> tuple[Floats, Floats]:
        """Return P(a segment begins at s), (T + 1,), 1 at T; and the mean by row, (T,)."""
        places, mean = np.empty(self.T + 1), _Mean(self.blocks)
        for block, ends in self.segments(places):
            mean.add(block, ends)
        return places, mean.by_row()

    def pulls(self) -> Pulls:
        """Return what segments pull their rows with."""
        return _pulls(self.blocks, self.segments(np.empty(self.T + 1)))

    def before(self, levels: int) -> Floats:
        """Return P(j segments before e | one ends there), (T + 1, at least `levels`)."""
        if self._before is None or self._before.shape[1] < levels:
            q = np.zeros((self.T + 1, levels))
            q[0, 0] = 1.0
            for first, starts, p in self.steps():
                recursion.count_before(p, first, starts, q)
            self._before = q
        return self._before

    def number(self, left_out: float, limit: int) -> Floats:
        """Return P(k changes), as far as it takes to leave out so little, or to the limit."""
        count = min(FIRST if self.blocks.keep else MANY, limit + 1)
        while True:
            number: Floats = self.before(count + 1)[-1, 1 : count + 1]
            if 1 - number.sum() <= left_out or count > limit:
                return number
            count = min(2 * count, limit + 1)

    def probability_of(self, number: int) -> float:
        """Return P(so many changes)."""
        return float(self.before(number + 2)[-1, number + 1])

    def given(self, number: int) -> tuple[Floats, Floats, float]:
        """Return sums over placements of so many changes.

        P(i-th change at s = 1.., so many), (number, T - 1); the mean by segment times P(so
        many), (number + 1,); and P(so many).
        """
        q = np.ascontiguousarray(self.before(number + 2)[:, : number + 2])
        after, means = np.zeros_like(q), np.zeros(number + 1)
        after[-1, 0] = 1.0
        for first, starts, p in self.steps(backward=True):
            recursion.count_after(p, first, starts, after)
        for block in self.steps():
            constant, _ = self.blocks.centers(block)
            first, starts, p = block
            recursion.by_segment(p, first, starts, q, after, constant, means)
        places, total = q[1:-1, 1:-1] * after[1:-1, -2:0:-1], float(q[-1, -1])
        return places.T, means + total * self.st.origin, total

    def avoiding(self, sets: Mask) -> Floats:
        """Return P(no change in the set) for sets of rows, (S, T) -> (S,)."""
        allowed = np.ones((self.T + 1, len(sets)))
        allowed[:-1] = ~sets.T
        none = np.zeros_like(allowed)
        none[0] = 1.0
        for first, starts, p in self.steps():
            recursion.avoiding(p, first, starts, allowed, none)
        told: Floats = none[-1]
        return told

    def sample(self, count: int, number: int | None, rng: np.random.Generator) -> Integers:
        """Return segments of draws, given the number of changes if it is told, (n, 3).

        Draw, first row, end; those of a draw in order of time.
        """
        q, left = np.zeros((0, 0)), np.zeros(count, np.int64)
        if number is not None:
            q, left = self.before(number + 2), np.full(count, number + 1)
        F = np.zeros((0, self.T + 1))
        return _sampled(self.blocks, self.steps(backward=True), F, q, left, rng)


class Counted:
    """Every number of changes by itself, up to a largest one, which the prior tells.

    Attributes
    ----------
    log_F
        The same by number of changes, (levels, T + 1).
    log_share
        Log of the numbers' weights, (levels,), not normalised.
    """

    def __init__(
        self, st: Statistics, log_rho: Floats, m: int, number: int, at_most: bool, keep: bool
    ) -> None:
        self.st, self.T, self.m, self.log_rho = st, len(log_rho), m, log_rho
        self.number, self.at_most = number, at_most
        self.blocks = Blocks(st, log_rho, m, keep)
        self.log_F = self._forward(self.blocks.make(), log_rho)

    def _forward(self, blocks: Iterator[Block], log_rho: Floats) -> Floats:
        log_F = np.full((self.number + 1, self.T + 1), -np.inf)
        for first, starts, log_M in blocks:
            recursion.forward_levels(log_M, first, starts, self.m, log_rho, log_F)
        return log_F

    def hold(self) -> None:
        """Keep log M(s, e) from now on."""
        if not self.blocks.keep:
            self.blocks.kept = [block.values for block in self.blocks.again()]
            self.blocks.keep = True

    @property
    def log_share(self) -> Floats:
        """Log of the sum over placements by number of changes, (number + 1,)."""
        return self._ends(self.log_F)

    def _ends(self, log_F: Floats) -> Floats:
        ends = log_F[:, -1].copy()
        if not self.at_most:
            ends[:-1] = -np.inf
        return ends

    @property
    def log_sum(self) -> float:
        """Log of the sum over all placements."""
        return float(np.logaddexp.reduce(self.log_share))

    def probability(self) -> Floats:
        """Return P(k changes)."""
        p: Floats = np.exp(self.log_share - self.log_sum)
        return p

    def probability_of(self, number: int) -> float:
        """Return P(so many changes)."""
        return float(self.probability()[number])

    def exactly(self, number: int) -> Self:
        """Return the same given one of the numbers."""
        one = type(self).__new__(type(self))
        vars(one).update(vars(self))
        one.number, one.at_most, one.log_F = number, False, self.log_F[: number + 1]
        return one

    def segments(self, places: Floats) -> Iterator[tuple[Block, Floats]]:
        """Yield P(segment s..e-1), from the last block on, and ones, (T + 1,).

        P(a segment ends at e, after j changes) is written to `places`, (number + 1, T + 1).
        """
        places[:] = 0.0
        places[:, -1] = self.probability()
        ones = np.ones(self.T + 1)
        for block in self.blocks.again(backward=True):
            p = block.values.copy()
            recursion.backward_levels(
                p, block.first, block.starts, self.m, self.log_rho, self.log_F, places
            )
            yield block._replace(values=p), ones

    def pulls(self) -> Pulls:
        """Return what segments pull their rows with."""
        return _pulls(self.blocks, self.segments(np.empty((self.number + 1, self.T + 1))))

    def backward(self) -> tuple[Floats, Floats, Floats]:
        """Return P(a segment ends at e, after j changes), means by row and by segment.

        (number + 1, T + 1), (T,) and (number + 1,); the last means something under a fixed
        number.
        """
        places, mean = np.empty((self.number + 1, self.T + 1)), _Mean(self.blocks)
        for block, ones in self.segments(places):
            mean.add(block, ones)
        by_segment = np.zeros(self.number + 1)
        if not self.at_most:
            for block in self.blocks.again():
                constant, _ = self.blocks.centers(block)
                recursion.by_segment_levels(
                    block.values, block.first, block.starts, self.m, self.log_rho, self.log_F,
                    places, constant, by_segment,
                )  # fmt: skip
        return places, mean.by_row(), by_segment + self.st.origin

    def avoiding(self, sets: Mask) -> Floats:
        """Return P(no change in the set) for sets of rows, (S, T) -> (S,)."""
        told = np.empty(len(sets))
        for i, chosen in enumerate(sets):
            log_rho = np.where(chosen, -np.inf, self.log_rho)
            ends = self._ends(self._forward(self.blocks.again(), log_rho))
            told[i] = np.exp(np.logaddexp.reduce(ends) - self.log_sum)
        return told

    def sample(self, count: int, number: int | None, rng: np.random.Generator) -> Integers:
        """Return segments of draws; as `Chain.sample`."""
        if number is not None:
            return self.exactly(number).sample(count, None, rng)
        left = rng.choice(self.number + 1, size=count, p=self.probability())
        again = self.blocks.again(backward=True)
        return _sampled(self.blocks, again, self.log_F, np.zeros((0, 0)), left, rng)


class _Mean:
    """A sum over segments of what is shown of them, by row."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        self.constant, self.slope = np.zeros(blocks.T + 1), np.zeros(blocks.T + 1)

    def add(self, block: Block, weights: Floats) -> None:
        """Add the segments of a block, each by the weight of its end too, (T + 1,)."""
        constant, slope = self.blocks.centers(block)
        first, starts, p = block
        recursion.spread(p, first, starts, weights, constant, self.constant)
        if slope is not None:
            recursion.spread(p, first, starts, weights, slope, self.slope)

    def by_row(self) -> Floats:
        """Return the mean, (T,)."""
        st = self.blocks.st
        mean: Floats = np.cumsum(self.constant[:-1]) + st.origin
        if isinstance(st, Lines):
            mean += np.cumsum(self.slope[:-1]) * st.x
        return mean


class Pulls(NamedTuple):
    """Sums over segments of lines, at each row: how a small change of its value is felt.

    With the precision k = E[1 / noise variance] of a segment, whose line is a + b x:

    whole
        E[k], E[k a] and E[k b] of the segment that a row is in, (3, T); a from the origin.
    begin
        The same where a row is the first observed one of its segment, (3, T).
    """

    whole: Floats
    begin: Floats


def _pulls(blocks: Blocks, segments: Iterator[tuple[Block, Floats]]) -> Pulls:
    st = blocks.st
    assert isinstance(st, Lines)  # who asks makes sure
    steps, begin = np.zeros((3, blocks.T + 1)), np.zeros((3, blocks.T + 1))
    for block, weights in segments:
        first, starts, p = block
        k = np.zeros_like(p)
        precisions(st, starts, first, blocks.m, k)
        parts = [k]
        if st.columns:
            constant, slope = blocks.centers(block)
            parts += [k * constant] if slope is None else [k * constant, k * slope]
        ends = np.arange(first, first + len(p))
        share = p * weights[ends, None]
        place = np.append(st.first, blocks.T)[starts]
        share[(share <= recursion.FAINT) | (place >= ends[:, None])] = 0.0
        for i, part in enumerate(parts):
            recursion.spread(p, first, starts, weights, part, steps[i])
            np.add.at(begin[i], place, (share * part).sum(axis=0))
    return Pulls(np.cumsum(steps[:, :-1], axis=1), begin[:, :-1])


def _sampled(
    blocks: Blocks,
    backward: Iterator[Block],
    log_F: Floats,
    q: Floats,
    left: Integers,
    rng: np.random.Generator,
) -> Integers:
    T, m, D = blocks.T, blocks.m, len(left)
    head, after = np.full(T + 1, -1), np.arange(-1, D - 1)
    head[T] = D - 1
    out = np.empty((D * (T // m), 3), np.int64)
    closed = 0
    for first, starts, values in backward:
        closed = recursion.sample(
            values, first, starts, m, blocks.log_rho, log_F, q, left, after, head, rng, out,
            closed,
        )  # fmt: skip
    return out[:closed][::-1]  # closed from the last row back
