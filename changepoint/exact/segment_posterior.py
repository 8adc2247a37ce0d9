"""The exact answer by recursions over segment starts, for closed-form segments."""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.changes import log_placements
from changepoint.errors import EngineError
from changepoint.exact import closed_quadrature
from changepoint.exact import outer_quadrature as outer
from changepoint.exact.hyper_mixture import UNEVEN, Condition
from changepoint.exact.posterior_draws import Table, assemble
from changepoint.exact.segment_chain import Chain, Counted
from changepoint.exact.solution import (
    COUNTED,
    LEFT_OUT,
    Floats,
    Mask,
    Solution,
    Solved,
    number_from_draws,
)
from changepoint.likelihoods.base import ClosedForm, Likelihood
from changepoint.likelihoods.regression import rows_of
from changepoint.likelihoods.segment_statistics import Statistics
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.results.result import Draws, Given
from changepoint.results.summaries import (
    bands,
    given_number,
    given_number_from_draws,
    inside_by_draws,
    segments_of,
    too_few,
    with_number,
)

Integers = NDArray[np.int64]

AFFORDABLE = 2e8  # segments weighed for the probability inside credible sets
COUNTING = 1e10  # pairs of rows times numbers of changes, of all outer nodes
KEPT = 2**25  # probabilities of segments kept in memory, of all outer nodes
FAINT = 1e-8  # weight below which an outer node counts in the evidence alone
FEW = 50  # rows for which a finer outer grid is no burden


class Pass(NamedTuple):
    """What is summed at one outer node."""

    value: float  # of the shared parameter
    chain: Chain | Counted

    @property
    def log_sum(self) -> float:
        """Log of the sum over placements."""
        return self.chain.log_sum


class Segments:
    """The posterior of a resolved model under one condition on the number of changes.

    Parameters
    ----------
    fineness
        Divides the distance of outer nodes.
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
        fineness: float,
        passes: dict[tuple[float, ...], Pass] | None = None,
    ) -> None:
        self.model, self.observations, self.condition = model, observations, condition
        family = model.likelihood
        if not isinstance(family, ClosedForm):
            raise EngineError(f"{family} has no closed form")
        self.family = family
        self.T, self.m = len(observations), model.changes.min_length
        self.log_rho = model.changes.log_rho(self.T)
        self._passes = {} if passes is None else passes
        self.outer = outer.answered(
            _search(family, fineness), lambda hyper: self.run(hyper).log_sum
        )
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
            st = self.family.statistics(self.observations, value)
            if st is None:
                raise EngineError(
                    f"{self.family} has no closed form; its prior isn't conjugate"
                )
            # Of a short series all is kept; else what turns out to count.
            keep = len(self._passes) * self.T**2 < KEPT / 4
            self._passes[at] = Pass(value, self._forward(st, keep))
        return self._passes[at]

    def _forward(self, st: Statistics, keep: bool) -> Chain | Counted:
        condition, log_rho = self.condition, np.full(self.T, self.log_rho)
        if condition.number is None:
            return Chain(st, log_rho, self.m, keep)
        return Counted(st, log_rho, self.m, condition.number, condition.at_most, keep)

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
            Pass(run.value, run.chain.exactly(number))
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
            told = self.family.segment_draws(self.observations, run.value, first, end, rng)
            tables.append(Table(mine[draw], first, told))
        hyper = self.outer.draws(weights, uniform)
        return assemble(tables, self.T, self.family.parameter, hyper, self.outer.names)


def infer(model: Model, observations: Observations, condition: Condition) -> Segments:
    """Return the posterior on an outer grid that is fine enough; see `mixture.infer`."""
    passes: dict[tuple[float, ...], Pass] = {}
    # Few rows leave a posterior that is far from Gaussian; and cost nothing.
    limit = UNEVEN if len(observations) > FEW else UNEVEN / 10
    for fineness in (1.0, 2.0, 4.0):
        found = Segments(model, observations, condition, fineness, passes)
        if found.outer.unevenness(found.weights) < limit:
            break
    return found


def _search(family: Likelihood, fineness: float) -> outer.Search:
    """Return the search for the outer nodes that suits the hyperparameter."""
    if family.hyper is not None and closed_quadrature.applies(family.hyper):
        return closed_quadrature.search(family.hyper, fineness)
    return outer.search(family, fineness, thrifty=False)


def solve(model: Model, observations: Observations, draws: int, seed: int) -> Solved:
    """Return the solution for a resolved model with closed-form segments."""
    main = infer(model, observations, Condition.of(model.changes, len(observations)))
    return Solved(model, main.log_evidence(), lambda: _answer(main, draws, seed))


def _answer(main: Segments, draws: int, seed: int) -> Solution:
    observations, T = main.observations, main.T
    rng = np.random.default_rng(seed)
    main.hold()
    places, mean, by_segment = main.backward()
    drawn = main.draw(draws, rng)
    number, error = main.number(), 0.0
    if number.sum() < 1 - 1e-6:  # beyond what is counted
        number, error = number_from_draws(drawn, T)

    def banded() -> Floats:
        by_row = bands(drawn, T, rows_of(observations))
        by_row[0] = mean
        return by_row

    def inside(sets: Mask) -> Floats:
        if len(sets) * len(main.heavy) * T**2 / 2 > AFFORDABLE:
            return inside_by_draws(drawn, sets)
        return main.inside(sets)

    def given(number: int) -> Given | None:
        if not number:
            return None
        if main.condition.fixed:
            return given_number(
                number, lambda: drawn, places, _segments(drawn, by_segment), inside
            )
        if error:
            return given_number_from_draws(number, drawn, T, inside)
        few = too_few(drawn, number, T)
        if main.condition.at_most:
            exactly = main.exactly(number)
            mine = exactly.draw(draws, rng) if few else with_number(drawn, number, T)
            where, _, means = exactly.backward()
        else:
            mine = main.draw(draws, rng, number) if few else with_number(drawn, number, T)
            where, means = main.given(number)
        return given_number(number, lambda: mine, where, _segments(mine, means), inside)

    return Solution(
        change_probability=places.sum(axis=0),
        number_probability=number,
        number_error=error,
        mean=mean,
        banded=banded,
        drawn=lambda: drawn,
        given=given,
        inside=inside,
        diagnostics={"shared_nodes": len(main.runs)},
    )


def _segments(draws: Draws, means: Floats) -> Floats | None:
    """Return summaries by segment: quantiles from the draws, means exact unless of lines."""
    if "slope" in draws.extra:
        return None
    summary = segments_of(draws)
    summary[0] = means
    return summary
