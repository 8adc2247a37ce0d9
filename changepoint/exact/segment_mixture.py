"""The sum over all ways to cut a series into closed-form segments, and over hyperparameters."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.changes import log_placements
from changepoint.errors import EngineError
from changepoint.exact import closed_quadrature
from changepoint.exact import outer_quadrature as outer
from changepoint.exact.hyper_mixture import UNEVEN, Condition
from changepoint.exact.hyper_nodes import HyperNodes
from changepoint.exact.posterior_draws import Table, assemble
from changepoint.exact.segment_chain import Chain, Counted
from changepoint.exact.solution import COUNTED, LEFT_OUT, Floats, Mask
from changepoint.likelihoods.base import ClosedForm, Likelihood
from changepoint.likelihoods.segment_statistics import Statistics
from changepoint.likelihoods.series import Shifts
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.results.result import Draws

Integers = NDArray[np.int64]

COUNTING = 1e10  # pairs of rows times numbers of changes, of all outer nodes
KEPT = 2**25  # probabilities of segments kept in memory, of all outer nodes
FAINT = 1e-8  # weight below which an outer node counts in the evidence alone
FEW = 50  # rows for which a finer outer grid is no burden


class Pass(NamedTuple):
    """What is summed at one outer node."""

    value: float  # of the shared parameter
    chain: Chain | Counted
    rows: Observations  # without the effects of rows

    @property
    def log_sum(self) -> float:
        """Log of the sum over placements."""
        return self.chain.log_sum


class Segments:
    """The posterior of a resolved model under one condition on the number of changes.

    Parameters
    ----------
    nodes
        The outer nodes; or how to find them, with the log evidence at each.
    passes
        Forward passes made before, by hyperparameters; others are added.

    Attributes
    ----------
    log_sum
        Log of the sum over placements (weights rho^k) and outer nodes.
    weights
        Posterior weights of the outer nodes, (J,).
    """

    def __init__(
        self,
        model: Model,
        observations: Observations,
        condition: Condition,
        nodes: HyperNodes | outer.Search,
        passes: dict[tuple[float, ...], Pass] | None = None,
    ) -> None:
        self.model, self.observations, self.condition = model, observations, condition
        family = model.likelihood
        if not isinstance(family, ClosedForm):
            raise EngineError(f"{family} has no closed form")
        self.family = family
        self.T, self.m = len(observations), model.changes.min_length
        self.log_rho = model.changes.log_rho(self.T)
        self.shifts = model.shifts(observations)
        self._passes = {} if passes is None else passes
        if not isinstance(nodes, HyperNodes):
            nodes = outer.answered(nodes, lambda hyper: self.run(hyper).log_sum)
        self.outer = nodes
        self.runs = [self.run(hyper) for hyper in self.outer.values]
        self._weigh()

    def _weigh(self) -> None:
        log_sums = self.outer.log_weights + [run.log_sum for run in self.runs]
        self.log_sum = float(np.logaddexp.reduce(log_sums))
        self.weights: Floats = np.exp(log_sums - self.log_sum)

    def run(self, hyper: Floats) -> Pass:
        """Return the forward pass at some hyperparameters, (d,), made once."""
        at, value = tuple(hyper.tolist()), float(self.family.own(hyper))
        if at not in self._passes:
            rows, shifts = self.observations, self.shifts
            if shifts is not None:
                rows = less(rows, shifts, hyper)
            st = statistics_of(self.family, rows, value)
            # Of a short series all is kept; else what turns out to count.
            keep = len(self._passes) * self.T**2 < KEPT / 4
            chain = chain_of(st, self.model, self.condition, self.T, keep)
            self._passes[at] = Pass(value, chain, rows)
        return self._passes[at]

    @property
    def heavy(self) -> list[tuple[float, Pass]]:
        """The outer nodes that count, with their weights."""
        nodes = np.flatnonzero(self.weights > FAINT)
        weights = self.weights[nodes] / self.weights[nodes].sum()
        return [(float(w), self.runs[j]) for w, j in zip(weights, nodes, strict=True)]

    def log_evidence(self) -> float:
        """Return log p(y): the sum with the prior's weights instead of rho^k."""
        changes, k = self.model.changes, self.model.changes.exactly
        if k is None:
            return self.log_sum + changes.log_none(self.T)
        placements = float(log_placements(self.T, self.m, k)[k])
        return self.log_sum - placements - (k * self.log_rho if k else 0.0)

    def hold(self) -> None:
        """Keep the probabilities of segments at the outer nodes that count most."""
        room = KEPT
        for _, run in sorted(self.heavy, key=lambda pair: -pair[0]):
            room -= run.chain.blocks.pairs
            if room >= 0:
                run.chain.hold()

    def number(self) -> Floats:
        """Return P(k) for k = 0.., as far as probabilities above LEFT_OUT, or time, go."""
        number, heavy = np.zeros(1), self.heavy
        for weight, run in heavy:
            chain = run.chain
            if isinstance(chain, Counted):
                part = chain.probability()
            else:
                affordable = int(COUNTING / chain.blocks.pairs / len(heavy))
                limit = min(self.model.changes.largest(self.T), max(COUNTED, affordable))
                part = chain.number(LEFT_OUT / weight, limit)
            number = np.pad(number, (0, max(len(part) - len(number), 0)))
            number[: len(part)] += weight * part
        return number

    def backward(self) -> tuple[Floats, Floats, Floats]:
        """Return places of changes, and means of the parameter by row and by segment.

        Places are P(i-th change at s), (k, T), under a fixed number, else P(change at s),
        (1, T); means are (T,) and, under a fixed number, (k + 1,).
        """
        number, fixed = self.condition.number, self.condition.fixed
        places = np.zeros((number or 0 if fixed else 1, self.T))
        mean, by_segment = np.zeros(self.T), np.zeros((number or 0) + 1)
        for weight, run in self.heavy:
            chain = run.chain
            if isinstance(chain, Chain):
                begins, part = chain.backward()
                p = begins[None, 1:-1]
            else:
                ends, part, segment = chain.backward()
                by_segment += weight * segment
                p = ends[:-1, 1:-1]
                p = p if fixed else p.sum(axis=0, keepdims=True)
            places[:, 1:] += weight * p
            mean += weight * part
        return places, mean, by_segment

    def exactly(self, number: int) -> Segments:
        """Return the same given a number of changes, where a largest one is known."""
        one = copy(self)
        one.condition = Condition(number)
        one.runs = [
            run._replace(chain=run.chain.exactly(number))
            for run in self.runs
            if isinstance(run.chain, Counted)
        ]
        one._weigh()
        return one

    def given(self, number: int) -> tuple[Floats, Floats]:
        """Return places and segment means given a number of changes, where all are allowed.

        P(i-th change at s | k), (k, T), and (k + 1,).
        """
        places, means, total = np.zeros((number, self.T)), np.zeros(number + 1), 0.0
        for weight, run in self.heavy:
            assert isinstance(run.chain, Chain)  # who asks makes sure
            place, mean, probability = run.chain.given(number)
            places[:, 1:] += weight * place
            means += weight * mean
            total += weight * probability
        return places / total, means / total

    def inside(self, sets: Mask) -> Floats:
        """Return P(some change stands in the set) for sets of rows (S, T)."""
        none = np.zeros(len(sets))
        for weight, run in self.heavy:
            none += weight * run.chain.avoiding(sets)
        return np.maximum(1 - none, 0.0)

    def draw(self, size: int, rng: np.random.Generator, number: int | None = None) -> Draws:
        """Return draws: placements backward, parameters in closed form.

        `number` conditions on that number of changes where all are allowed.
        """
        heavy, weights = self.heavy, self.weights
        shares = np.array([weight for weight, _ in heavy])
        if number is not None:
            shares *= [run.chain.probability_of(number) for _, run in heavy]
            shares /= shares.sum()
            weights = np.zeros_like(weights)
            weights[self.weights > FAINT] = shares
        uniform = rng.random(size)
        chosen = np.searchsorted(np.cumsum(shares), uniform * (1 - 1e-12))
        tables = []
        for i, (_, run) in enumerate(heavy):
            mine = np.flatnonzero(chosen == i)
            if not len(mine):
                continue
            draw, first, end = run.chain.sample(len(mine), number, rng).T
            told = self.family.segment_draws(run.rows, run.value, first, end, rng)
            tables.append(Table(mine[draw], first, told))
        hyper = self.outer.draws(weights, uniform)
        return assemble(tables, self.T, self.family.parameter, hyper, self.outer.names)


def less(observations: Observations, shifts: Shifts, psi: Floats) -> Observations:
    """Return rows less their effects, whose coefficients are the last of psi."""
    return replace(observations, value=observations.column("value") - shifts.by(psi))


def statistics_of(family: ClosedForm, rows: Observations, value: float) -> Statistics:
    """Return the statistics of rows at one value of the shared parameter."""
    st = family.statistics(rows, value)
    if st is None:
        raise EngineError(f"{family} has no closed form; its prior isn't conjugate")
    return st


def chain_of(
    st: Statistics, model: Model, condition: Condition, T: int, keep: bool
) -> Chain | Counted:
    """Return the forward pass under what is known of the number of changes."""
    log_rho, m = np.full(T, model.changes.log_rho(T)), model.changes.min_length
    if condition.number is None:
        return Chain(st, log_rho, m, keep)
    return Counted(st, log_rho, m, condition.number, condition.at_most, keep)


def infer(model: Model, observations: Observations, condition: Condition) -> Segments:
    """Return the posterior on an outer grid that is fine enough; see `mixture.infer`."""
    passes: dict[tuple[float, ...], Pass] = {}
    # Few rows leave a posterior that is far from Gaussian; and cost nothing.
    limit = UNEVEN if len(observations) > FEW else UNEVEN / 10
    for fineness in (1.0, 2.0, 4.0):
        nodes = search(model.likelihood, fineness)
        found = Segments(model, observations, condition, nodes, passes)
        if found.outer.unevenness(found.weights) < limit:
            break
    return found


def search(family: Likelihood, fineness: float) -> outer.Search:
    """Return the search for the outer nodes that suits the hyperparameter."""
    if family.hyper is not None and closed_quadrature.applies(family.hyper):
        return closed_quadrature.search(family.hyper, fineness)
    return outer.search(family, fineness, thrifty=False)
