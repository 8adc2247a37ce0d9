"""The filter over the outer nodes: one filter a node, mixed by posterior weight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.changes import Changes, log_placements
from changepoint.errors import EngineError
from changepoint.exact import outer_quadrature as outer
from changepoint.exact import quadrature
from changepoint.exact.density import Density, Made, densities
from changepoint.exact.forward_backward import FIRST, Filter, Pass
from changepoint.exact.hyper_nodes import HyperNodes
from changepoint.exact.row_likelihood import Rows
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.series import Series
from changepoint.model import Model

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

KEEP = 2**25  # likelihood values kept in memory, over all outer nodes: 256 MB
LIGHT = 1e-8  # weight below which an outer node counts in the evidence alone
UNEVEN = 3e-3  # of every other outer node against the rest; 1e-3 where all is Gaussian


class Condition(NamedTuple):
    """What is known of the number of changes: nothing, a largest number, or the number."""

    number: int | None = None
    at_most: bool = False

    @classmethod
    def of(cls, changes: Changes, T: int) -> Condition:
        """Return the condition that a prior on changes states."""
        if changes.exactly is not None:
            return cls(changes.exactly)
        if changes.at_most is not None and changes.possible:
            return cls(changes.largest(T), at_most=True)
        return cls()

    @property
    def fixed(self) -> bool:
        """Whether the number is known."""
        return self.number is not None and not self.at_most

    def start(self, one: Filter) -> Pass:
        """Return the forward pass under this condition."""
        return one.main if self.number is None else one.exactly(self.number, self.at_most)

    def log_share(self, run: Pass) -> float:
        """Return the log of the memoryless filter's mass that meets the condition."""
        return run.log_total(self.at_most)


class Mixture:
    """The filters of one series at every outer node, on one inner grid.

    Parameters
    ----------
    model
        Resolved.
    series
        One.
    condition
        Under which the outer nodes were found.
    nodes, grid
        The outer nodes; the inner grid.
    """

    def __init__(
        self,
        model: Model,
        series: Series,
        condition: Condition,
        nodes: HyperNodes,
        grid: quadrature.Grid,
    ) -> None:
        assert isinstance(model.likelihood, GridLikelihood)  # the engine makes sure
        self.model, self.family, self.series = model, model.likelihood, series
        self.T, self.m = len(series.index), model.changes.min_length
        self.log_rho = model.changes.log_rho(self.T)
        self.outer, self.grid, self.condition = nodes, grid, condition
        self.filters = [Filter(rows, self.log_rho) for rows in self.rows(grid)]

    def rows(
        self, grid: quadrature.Grid, beside: Sequence[Rows | None] | None = None
    ) -> list[Rows]:
        """Return likelihood rows on a grid at every outer node.

        `beside` are those on another grid, whose scale these take; None where none is wanted.
        """
        keep = KEEP // len(self.outer.values)
        found = []
        for j, value in enumerate(self.outer.values):
            leader = None if beside is None else beside[j]
            if beside is not None and leader is None:
                continue
            density = self._density(grid, value, keep)
            index = self.series.index
            found.append(Rows(density, index, grid.log_weights, self.m, keep, leader))
        return found

    def _density(self, grid: quadrature.Grid, value: Floats, keep: int) -> Density:
        """Return that of the rows at one outer node."""
        U, G = len(self.series.copies), len(grid.log_weights)

        def make() -> Density:
            return densities(self.family, self.series, grid.nodes, value[None])[0]

        kept = (U + 1) * G <= keep  # by the rows, which ask once
        return Made(make, U) if kept and self.series.shifts is not None else make()


def infer(
    model: Model,
    series: Series,
    condition: Condition,
    most: int = quadrature.HOLDS,
    step: float | None = None,
    hyper: Floats | None = None,
) -> Inference:
    """Return the inference for a resolved model and one series; see `infer_each`."""
    return next(infer_each([model], series, [condition], most, step, hyper))


def infer_each(
    models: Sequence[Model],
    series: Series,
    conditions: Sequence[Condition],
    most: int = quadrature.HOLDS,
    step: float | None = None,
    hyper: Floats | None = None,
) -> Iterator[Inference]:
    """Yield the inference for each series, under its model, on grids that are fine enough.

    With more than `most` nodes of the inner grid: EngineError.

    The outer nodes are spaced by the width of the posterior's modes, which is too coarse where
    one is made of narrower parts (few rows, several numbers of changes). Sums over every
    other node tell: the error of the trapezoid rule on all nodes is about the square of theirs.

    Parameters
    ----------
    models
        Resolved; alike but for their priors.
    hyper
        The hyperparameters, (d,), where they are given, the coefficients of effects last: then
        there is no outer quadrature.
    """
    batch = Together(models, series, conditions, most, step)
    nodes = batch.outer_nodes(1.0, hyper)
    grids = batch.final(nodes)
    for n, (model, condition) in enumerate(zip(models, conditions, strict=True)):
        alone = Together([model], series.one(n), [condition], most, step)
        inference = alone.inference(nodes[n], grids[n])
        for fineness in (2.0, 4.0):
            if inference.unevenness() < UNEVEN:
                break
            (finer,) = alone.outer_nodes(fineness, hyper)
            inference = alone.inference(finer, alone.final([finer])[0])
        yield inference


class Together:
    """Series whose nodes are sought together."""

    def __init__(
        self,
        models: Sequence[Model],
        series: Series,
        conditions: Sequence[Condition],
        most: int,
        step: float | None,
    ) -> None:
        self.models, self.series, self.conditions = models, series, conditions
        self.families: list[GridLikelihood] = [
            m.likelihood for m in models if isinstance(m.likelihood, GridLikelihood)
        ]
        self.most, self.step = most, quadrature.STEP if step is None else step
        self.steady = all(condition == Condition(0) for condition in conditions)

    def inference(self, nodes: HyperNodes, grid: quadrature.Grid) -> Inference:
        """Return the inference of the one series on these nodes."""
        mixture = Mixture(self.models[0], self.series, self.conditions[0], nodes, grid)
        return Inference(mixture, self.conditions[0])

    def outer_nodes(self, fineness: float, hyper: Floats | None) -> list[HyperNodes]:
        """Return the outer nodes of each series: all searches advance in step."""
        if hyper is not None:
            names = self.families[0].hyper_names
            return [HyperNodes(names, hyper[None], np.zeros(1))] * len(self.models)
        searches = [outer.search(family, fineness) for family in self.families]
        found: dict[int, HyperNodes] = {}
        told: dict[int, float | EngineError | None] = dict.fromkeys(range(len(searches)))
        while told:
            asked = {}
            for i, answer in told.items():
                try:
                    asked[i] = _tell(searches[i], answer)
                except StopIteration as stop:
                    found[i] = stop.value
            which = np.array(list(asked), np.int64)
            answers = self.rough(which, np.array(list(asked.values()))) if asked else []
            told = dict(zip(asked, answers, strict=True))
        return [found[i] for i in range(len(searches))]

    def rough(self, which: Integers, hyper: Floats) -> list[float | EngineError]:
        """Return log evidences of some series on rough grids, each at its hyperparameters."""
        series = self.series.take(which)
        families = [self.families[i] for i in which]
        try:
            grid = quadrature.build(
                families, series, [hyper], quadrature.ROUGH, self.most, self.steady
            )
        except EngineError as error:
            if len(which) == 1:
                return [error]
            return [
                self.rough(which[n : n + 1], hyper[n : n + 1])[0] for n in range(len(which))
            ]
        told: list[float | EngineError] = []
        every = densities(families[0], series, grid.nodes, hyper)
        for n, i in enumerate(which.tolist()):
            condition, own = self.conditions[i], grid.one(n)
            index = series.one(n).index
            m = self.models[i].changes.min_length
            rows = Rows(every[n], index, own.log_weights, m, KEEP)
            if condition == Condition(0):
                told.append(rows.log_whole())
                continue
            one = Filter(rows, self.models[i].changes.log_rho(len(index)), evidence=True)
            told.append(one.log_sum + condition.log_share(condition.start(one)))
        return told

    def final(self, nodes: Sequence[HyperNodes]) -> list[quadrature.Grid]:
        """Return the inner grid of each series, fine enough for all its outer nodes."""
        every = [one.extreme(self.series.shifts) for one in nodes]
        ends = [np.array(which) for which in zip(*every, strict=True)]
        grid = quadrature.build(
            self.families, self.series, ends, self.step, self.most, self.steady
        )
        return [grid.one(n) for n in range(len(nodes))]


def _tell(search: outer.Search, answer: float | EngineError | None) -> Floats:
    """Send what was asked for to a search, None to begin; return what it asks for next."""
    if answer is None:
        return next(search)
    return search.throw(answer) if isinstance(answer, EngineError) else search.send(answer)


class Inference:
    """The posterior under one condition.

    Attributes
    ----------
    log_sum
        Log of the sum over placements (weights rho^k), nodes and outer nodes.
    log_sums
        The same of each outer node, (J,).
    weights
        Posterior weights of the outer nodes, shape (J,).
    """

    def __init__(self, mixture: Mixture, condition: Condition) -> None:
        self.mixture, self.condition = mixture, condition
        self.filters = mixture.filters
        self.runs = [condition.start(one) for one in self.filters]
        self.log_sums = np.array(
            [
                weight + one.log_sum + condition.log_share(run)
                for weight, one, run in zip(
                    mixture.outer.log_weights, self.filters, self.runs, strict=True
                )
            ]
        )
        self.log_sum = float(np.logaddexp.reduce(self.log_sums))
        self.weights = np.exp(self.log_sums - self.log_sum)
        self.heavy: Integers = np.flatnonzero(self.weights > LIGHT)

    @property
    def heavy_weights(self) -> Floats:
        """The weights of the outer nodes that count, adding up to 1."""
        weights: Floats = self.weights[self.heavy] / self.weights[self.heavy].sum()
        return weights

    def unevenness(self) -> float:
        """Return how wrong sums over the outer nodes look."""
        return self.mixture.outer.unevenness(self.weights)

    def log_evidence(self) -> float:
        """Return log p(y): the sum with the prior's weights instead of rho^k."""
        changes, T = self.mixture.model.changes, self.mixture.T
        if changes.exactly is None:
            return self.log_sum + changes.log_none(T)
        k = changes.exactly
        placements = float(log_placements(T, changes.min_length, k)[k])
        return self.log_sum - placements - (k * self.mixture.log_rho if k else 0.0)

    def probability_inside(self, rows: NDArray[np.bool_]) -> float:
        """Return P(some change stands in one of these rows), rows (T,)."""
        mixture, number = self.mixture, self.condition.number
        log_none = -np.inf
        for j in self.heavy:
            one, run = self.filters[j], self.runs[j]
            none = Filter(one.rows, mixture.log_rho, ~rows, evidence=True)
            way = none.main if number is None else none.counted(number + 1, log=run.log)
            log_sum = none.log_sum + self.condition.log_share(way)
            log_none = np.logaddexp(log_none, mixture.outer.log_weights[j] + log_sum)
        return float(-np.expm1(min(log_none - self.log_sum, 0.0)))

    def number(self, largest: int, left_out: float, limit: int) -> Floats:
        """Return P(k) for k = 0.., as far as probabilities above `left_out` or the limit go."""
        if self.condition.number is not None:
            shares = np.array([run.log_shares()[-1] for run in self.runs])
            shares -= np.array([[self.condition.log_share(run)] for run in self.runs])
            if not self.condition.at_most:
                shares[:, :-1] = -np.inf
            at_most: Floats = self.weights @ np.exp(shares)
            return at_most
        number = np.zeros(1)
        for j in self.heavy:
            least = left_out / self.weights[j] / len(self.heavy)
            part = _number(self.filters[j], least, min(limit, largest))[: largest + 1]
            number = np.pad(number, (0, max(len(part) - len(number), 0)))
            number[: len(part)] += self.weights[j] * part
        return number

    def levels(self, run: Pass, count: int, rng: np.random.Generator) -> Integers:
        """Return the number of changes of each of so many draws: levels of the last row."""
        if not self.condition.at_most:
            return np.full(count, run.levels - 1)
        shares = np.exp(run.log_shares()[-1] - run.log_shares()[-1].max())
        return rng.choice(run.levels, size=count, p=shares / shares.sum())


def _number(one: Filter, left_out: float, limit: int) -> Floats:
    """Return P(k) at one outer node, more levels at a time until too little is left."""
    shares, feed, levels = np.zeros(0), None, FIRST
    while True:
        run = one.counted(levels, feed)
        feed = run.S[:, -1]
        ends = run.S[-1, 1:]
        shares = np.append(shares, np.exp(ends) if run.log else ends)
        rest = 1 - shares.sum()
        if (rest < left_out and rest < shares.max()) or len(shares) > limit:
            return shares
        levels = len(shares)
