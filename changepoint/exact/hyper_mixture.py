"""The filter over the outer grid: one filter a node, mixed by posterior weight."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.changes import Changes, log_placements
from changepoint.exact import outer_quadrature as outer
from changepoint.exact import quadrature as grids
from changepoint.kernels import filter as filters
from changepoint.kernels.quantiles import quantiles
from changepoint.kernels.rows import Rows
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.model import Model
from changepoint.observations import Observations

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

KEEP = 2**25  # likelihood values kept in memory, over all outer nodes: 256 MB
LIGHT = 1e-10  # weight below which an outer node counts in the evidence alone
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

    def start(self, one: filters.Filter) -> filters.Pass:
        """Return the forward pass under this condition."""
        return one.main if self.number is None else one.exactly(self.number, self.at_most)

    def log_share(self, run: filters.Pass) -> float:
        """Return the log of the memoryless filter's mass that meets the condition."""
        return run.log_total(self.at_most)


class Mixture:
    """Filters at every outer node, on one inner grid.

    Parameters
    ----------
    model
        Resolved.
    observations
        T rows.
    condition
        Under which the outer grid is found.
    step
        Of the inner grid.
    fineness
        Of the outer grid, above 1 where its usual spacing is too coarse.
    shared
        The shared parameter, where it is given: then there is no outer grid.
    most
        Nodes of the inner grid; with more: EngineError.
    """

    def __init__(
        self,
        model: Model,
        observations: Observations,
        condition: Condition,
        step: float = grids.STEP,
        fineness: float = 1.0,
        shared: float | None = None,
        most: int = grids.HOLDS,
    ) -> None:
        self.most, self.steady = most, condition == Condition(0)
        self.model, self.observations = model, observations
        assert isinstance(model.likelihood, GridLikelihood)  # the engine makes sure
        self.family = model.likelihood
        self.T, self.m = len(observations), model.changes.min_length
        self.log_rho = model.changes.log_rho(self.T)
        self.evaluate = self.family.evaluator(observations)
        if self.family.shared is None or shared is not None:
            value = np.array([shared or 0.0])
            self.outer = outer.SharedGrid(None, np.zeros(1), value, np.zeros(1))
        else:
            self.outer = outer.build(self.family, lambda v: self._rough(v, condition), fineness)
        values = self.outer.values
        extremes = (float(values.min()), float(values.max()))
        self.grid = grids.build(
            self.family, observations, self.evaluate, extremes, step, most, self.steady
        )
        levels = filters.FIRST if condition.number is None else condition.number + 1
        self.filters = [
            self._filter(self.grid, float(v), KEEP // len(values), levels) for v in values
        ]

    def _filter(self, grid: grids.Grid, value: float, keep: int, levels: int) -> filters.Filter:
        log_lik = self.evaluate(grid.nodes, value)
        rows = Rows(log_lik, grid.log_weights, self.T, self.m, keep)
        return filters.Filter(rows, self.log_rho, levels=levels)

    def _rough(self, value: float, condition: Condition) -> float:
        grid = grids.build(
            self.family, self.observations, self.evaluate, (value,), grids.ROUGH, self.most,
            self.steady,
        )  # fmt: skip
        levels = 0 if condition.number is None else condition.number + 1
        one = self._filter(grid, value, KEEP, levels)
        return one.log_sum + condition.log_share(condition.start(one))


class Inference:
    """The posterior under one condition.

    Attributes
    ----------
    log_sum
        Log of the sum over placements (weights rho^k), nodes and outer nodes.
    weights
        Posterior weights of the outer nodes, shape (J,).
    """

    def __init__(self, mixture: Mixture, condition: Condition) -> None:
        self.mixture, self.condition = mixture, condition
        self.filters = mixture.filters
        self.runs = [condition.start(one) for one in self.filters]
        log_sums = np.array(
            [
                weight + one.log_sum + condition.log_share(run)
                for weight, one, run in zip(
                    mixture.outer.log_weights, self.filters, self.runs, strict=True
                )
            ]
        )
        self.log_sum = float(np.logaddexp.reduce(log_sums))
        self.weights = np.exp(log_sums - self.log_sum)

    def probability_inside(self, rows: NDArray[np.bool_]) -> float:
        """Return P(some change stands in one of these rows), rows (T,)."""
        mixture, number = self.mixture, self.condition.number
        log_none = -np.inf
        for j in np.flatnonzero(self.weights > LIGHT):
            one, run = self.filters[j], self.runs[j]
            none = filters.Filter(one.rows, mixture.log_rho, ~rows)
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
        heavy = np.flatnonzero(self.weights > LIGHT)
        number = np.zeros(1)
        for j in heavy:
            part = self._number(self.filters[j], left_out / self.weights[j] / len(heavy), limit)
            part = part[: largest + 1]
            number = np.pad(number, (0, max(len(part) - len(number), 0)))
            number[: len(part)] += self.weights[j] * part
        return number

    def _number(self, one: filters.Filter, left_out: float, limit: int) -> Floats:
        """Return P(k) at one outer node, more levels at a time until too little is left."""
        shares, feed, levels = np.zeros(0), None, filters.FIRST
        while True:
            run = one.counted(levels, feed)
            feed = run.S[:, -1]
            shares = np.append(shares, np.exp(run.log_shares()[-1]))
            if 1 - shares.sum() < left_out or len(shares) > limit:
                return shares
            levels = len(shares) - 1

    def backward(
        self,
        draws: int,
        rng: np.random.Generator,
        quantile: tuple[float, ...] = (),
        bands: bool = True,
    ) -> Backward:
        """Go back through all rows: places of changes, summaries of the parameter, draws.

        Parameters
        ----------
        draws
            How many; 0 for none.
        rng
            Of the draws.
        quantile
            Levels at which to summarise the parameter; none to leave that out.
        bands
            By row; else, under a fixed number of changes, by segment alone.
        """
        mixture = self.mixture
        heavy = np.flatnonzero(self.weights > LIGHT)
        weights = self.weights[heavy] / self.weights[heavy].sum()
        uniform = rng.random(draws)
        chosen = np.searchsorted(np.cumsum(weights), uniform * (1 - 1e-12))
        segments = bool(quantile) and self.condition.fixed
        bands = bands and bool(quantile)
        making: list[filters.Draws] = []
        ways, between_ways, followers = [], [], []
        for i, j in enumerate(heavy):
            one, run = self.filters[j], self.runs[j]
            drawn = filters.Draws(self._levels(run, int(np.sum(chosen == i)), rng), rng)
            making.append(drawn)
            at_most = self.condition.at_most
            ways.append(one.backward(run, at_most, bands, segments, drawn if draws else None))
            if quantile:
                between = one.follow(run, self._between(one, int(j)))
                between_ways.append(one.backward(between, at_most, bands, segments))
                followers.append(between)
        row_parts = []
        for _ in self.filters[0].rows.starts:
            P = mix(weights, (next(way)[1] for way in ways))
            if quantile:
                between_P = mix(weights, (next(way)[1] for way in between_ways))
                if bands:
                    row_parts.append(summary(mixture.grid, P, between_P, quantile))
        told = None
        if segments:
            N = mix(weights, (self.runs[j].N for j in heavy))
            told = summary(mixture.grid, N, mix(weights, (f.N for f in followers)), quantile)
        return Backward(
            inference=self,
            heavy=heavy,
            rows=np.concatenate(row_parts[::-1], axis=1) if bands else None,
            segments=told,
            uniform=uniform,
            chosen=chosen,
            making=making,
        )

    def _between(self, one: filters.Filter, j: int) -> Rows:
        """Return likelihood rows half-way between the nodes."""
        mixture = self.mixture
        if one.between is None:
            grid = mixture.grid.between()
            log_lik = mixture.evaluate(grid.nodes, float(mixture.outer.values[j]))
            keep = one.rows.keep
            one.between = Rows(log_lik, grid.log_weights, mixture.T, mixture.m, keep, one.rows)
        return one.between

    def _levels(self, run: filters.Pass, count: int, rng: np.random.Generator) -> Integers:
        """Return the number of changes of each draw: levels of the last row."""
        if not self.condition.at_most:
            return np.full(count, run.levels - 1)
        shares = np.exp(run.log_shares()[-1] - run.log_shares()[-1].max())
        return rng.choice(run.levels, size=count, p=shares / shares.sum())


def infer(
    model: Model, observations: Observations, condition: Condition, most: int = grids.HOLDS
) -> Inference:
    """Return the inference for a resolved model on grids that are fine enough.

    With more than `most` nodes of the inner grid: EngineError.

    The outer grid is spaced by the width of the posterior's modes, which is too coarse where
    one is made of narrower parts (few rows, several numbers of changes). Sums over every
    other node tell: the error of the trapezoid rule on all nodes is about the square of theirs.
    """
    for fineness in (1.0, 2.0, 4.0):
        mixture = Mixture(model, observations, condition, fineness=fineness, most=most)
        inference = Inference(mixture, condition)
        if unevenness(mixture.outer, inference.weights) < UNEVEN:
            break
    return inference


def unevenness(grid: outer.SharedGrid, weights: Floats) -> float:
    """Return by how much every other outer node carries more, or less, than the rest.

    The difference is the real part of the weights' Fourier transform, which may pass through
    0; so half of its absolute value at a frequency close by, if that is more.
    """
    if grid.prior is None:
        return 0.0
    p = np.exp(outer.posterior(grid, weights)[2])
    p = p[1:] if np.isinf(grid.v[0]) else p  # the first is all beyond
    nearby = abs(np.sum(p * np.exp(0.9j * np.pi * np.arange(len(p)))))
    return float(max(abs(p[::2].sum() - p[1::2].sum()), nearby / 2) / p.sum())


class Backward(NamedTuple):
    """What the way back through an inference found; summaries are mean, then quantiles."""

    inference: Inference
    heavy: Integers  # outer nodes that count
    rows: Floats | None  # summary of the parameter by row, (1 + levels, T)
    segments: Floats | None  # and by segment, given their number, (1 + levels, k + 1)
    uniform: Floats  # (D,): the rank of each draw's outer node and shared parameter
    chosen: Integers  # (D,): its outer node, as a place in `heavy`
    making: list[filters.Draws]

    def place_probability(self) -> Floats:
        """Return P(i-th change at s), shape (k, T), given the number; P(change at s) else."""
        run = self.inference
        k, fixed = run.condition.number, run.condition.fixed
        total = np.zeros((k or 0 if fixed else 1, run.mixture.T))
        for j in self.heavy:
            one, way = run.filters[j], run.runs[j]
            before, rest = way.log_shares()[:-1], way.log_rest()[1:]
            if way.offset:
                before, rest = before[:, :-1], rest[:, :-1][:, ::-1]
            log_p = before + rest + (one.log_rho[1:] + one.C[:-1] - one.C[1:])[:, None]
            p = self.inference.weights[j] * np.exp(log_p - run.condition.log_share(way))
            total[:, 1:] += p.T if fixed else p.sum(axis=1)
        return total


def mix(weights: Floats, parts: Iterator[Floats]) -> Floats:
    """Return the weighted sum of arrays of one shape, taken one at a time."""
    total: Floats = weights[0] * next(parts)
    for weight, part in zip(weights[1:], parts, strict=True):
        total += weight * part
    return total


def summary(
    grid: grids.Grid, P: Floats, between: Floats, quantile: tuple[float, ...]
) -> Floats:
    """Return mean and quantiles of the parameter for rows of densities, (1 + levels, n)."""
    mean = P @ grid.nodes.theta / P.sum(axis=1)
    density = np.empty((len(P), 2 * P.shape[1] - 1))
    density[:, ::2], density[:, 1::2] = P, between
    row = np.repeat(np.arange(len(P)), len(quantile))
    places = grid.at(quantiles(density, row, np.tile(quantile, len(P))) / 2)
    told: Floats = np.vstack([mean, places.reshape(-1, len(quantile)).T])
    return told


def log_evidence(inference: Inference) -> float:
    """Return log p(y): the sum with the prior's weights instead of rho^k."""
    changes, T = inference.mixture.model.changes, inference.mixture.T
    if changes.exactly is None:
        return inference.log_sum + changes.log_none(T)
    k = changes.exactly
    placements = float(log_placements(T, changes.min_length, k)[k])
    return inference.log_sum - placements - (k * inference.mixture.log_rho if k else 0.0)
