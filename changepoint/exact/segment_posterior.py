"""The exact answer by recursions over segment starts, for closed-form segments."""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.changes import log_placements
from changepoint.errors import EngineError
from changepoint.exact import outer_quadrature as outer
from changepoint.exact.hyper_mixture import UNEVEN, Condition, unevenness
from changepoint.exact.posterior_draws import Table, assemble, shared_draws
from changepoint.exact.solution import (
    COUNTED,
    LEFT_OUT,
    Floats,
    Mask,
    Solution,
    Solved,
    number_from_draws,
)
from changepoint.kernels import segments as kernel
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

AFFORDABLE = 2e7  # segments weighed for the probability inside credible sets
FIRST = 9  # numbers of changes counted at first; all COUNTED only if there may be more
FAINT = 1e-8  # weight below which an outer node counts in the evidence alone
FEW = 50  # rows for which a finer outer grid is no burden


class Pass(NamedTuple):
    """A forward pass at one outer node: log F by level, and the log of what it sums to."""

    value: float  # of the shared parameter
    st: Statistics
    until: Integers  # (T,): the last end each start is kept for
    F: Floats  # (L, T + 1); one level where all numbers are summed
    log_sum: float


class Segments:
    """The posterior of a resolved model under one condition on the number of changes.

    Parameters
    ----------
    fineness
        Divides the distance of outer nodes.
    passes
        Forward passes made before, by value of the shared parameter; others are added.

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
        passes: dict[float, Pass] | None = None,
    ) -> None:
        self.model, self.observations, self.condition = model, observations, condition
        self.family = family = model.likelihood
        self.T, self.m = len(observations), model.changes.min_length
        self.log_rho = np.full(self.T, model.changes.log_rho(self.T))
        self._after: dict[float, tuple[Floats, Floats]] = {}
        self._passes = {} if passes is None else passes
        if family.hyper is None:
            self.outer = outer.HyperNodes(None, np.zeros(1), np.zeros(1), np.zeros(1))
        else:
            self.outer = outer.answered(
                outer.search(family, fineness, thrifty=False), lambda v: self.run(v).log_sum
            )
        self.runs = [self.run(float(v)) for v in self.outer.values]
        log_sums = self.outer.log_weights + [run.log_sum for run in self.runs]
        self.log_sum = float(np.logaddexp.reduce(log_sums))
        self.weights: Floats = np.exp(log_sums - self.log_sum)

    def run(self, value: float) -> Pass:
        """Return the forward pass at a value of the shared parameter, made once."""
        if value not in self._passes:
            st = self.family.statistics(self.observations, value)
            if st is None:
                raise EngineError(
                    f"{self.family} has no closed form; its prior isn't conjugate"
                )
            self._passes[value] = self._forward(value, st, self.log_rho)
        return self._passes[value]

    def _forward(self, value: float, st: Statistics, log_rho: Floats) -> Pass:
        condition = self.condition
        if condition.number is None:
            F, until = kernel.forward(st, log_rho, self.m, not st.dependent)
            return Pass(value, st, until, F[None], float(F[-1]))
        F = kernel.forward_levels(st, log_rho, self.m, condition.number + 1)
        ends = F[:, -1] if condition.at_most else F[-1:, -1]
        return Pass(value, st, np.full(self.T, self.T), F, float(np.logaddexp.reduce(ends)))

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
        return self.log_sum - placements - (k * float(self.log_rho[0]) if k else 0.0)

    def number(self) -> Floats:
        """Return P(k) for k = 0.., as far as COUNTED goes."""
        levels = min(self.model.changes.largest(self.T), COUNTED) + 1
        if self.condition.number is not None:
            levels = self.condition.number + 1
        number = np.zeros(levels)
        for weight, run in self.heavy:
            if self.condition.number is None:
                few = min(levels, FIRST)
                part = self._counted(run, few)[:, -1]
                while 1 - part.sum() > LEFT_OUT / weight and few < levels:
                    few = min(2 * few, levels)
                    part = self._counted(run, few)[:, -1]
                number[: len(part)] += weight * part
            else:
                part = np.exp(run.F[:, -1] - run.log_sum)
                if not self.condition.at_most:
                    part[:-1] = 0.0
                number[: len(part)] += weight * part
        return number

    def _counted(self, run: Pass, levels: int) -> Floats:
        """Return P(j changes before | a segment ends there), (levels, T + 1)."""
        q: Floats = kernel.count_before(
            run.st, self.log_rho, self.m, run.until, run.F[0], levels
        )
        return q

    def backward(self) -> tuple[Floats, Floats, Floats]:
        """Return places of changes, and means of the parameter by row and by segment.

        Places are P(i-th change at s), (k, T), under a fixed number, else P(change at s),
        (1, T); means are (T,) and, under a fixed number, (k + 1,).
        """
        number, fixed = self.condition.number, self.condition.fixed
        places = np.zeros((number or 0 if fixed else 1, self.T))
        mean, by_segment = np.zeros(self.T), np.zeros((number or 0) + 1)
        for weight, run in self.heavy:
            if number is None:
                B, part = self._backward(run)
                log_p = run.F[:, 1:-1] + B[1:-1]
            else:
                B, part, segment = kernel.backward_levels(
                    run.st, self.log_rho, self.m, number + 1, self.condition.at_most, run.F,
                    run.log_sum,
                )  # fmt: skip
                by_segment += weight * (segment + run.st.origin)
                log_p = run.F[:-1, 1:-1] + B[:-1][::-1, 1:-1]
            p = np.exp(log_p + self.log_rho[1:] - run.log_sum)
            places[:, 1:] += weight * (p if fixed else p.sum(axis=0))
            mean += weight * (part + run.st.origin)
        return places, mean, by_segment

    def _backward(self, run: Pass) -> tuple[Floats, Floats]:
        """Return log B and the mean by row of a pass over all numbers of changes."""
        if run.value not in self._after:
            self._after[run.value] = kernel.backward(
                run.st, self.log_rho, self.m, run.until, run.F[0], run.log_sum
            )
        return self._after[run.value]

    def exactly(self, number: int) -> Segments:
        """Return the same given a number of changes, where a largest one is known."""
        one = copy(self)
        one.condition = Condition(number)
        one.runs = [
            run._replace(F=run.F[: number + 1], log_sum=float(run.F[number, -1]))
            for run in self.runs
        ]
        log_sums = self.outer.log_weights + [run.log_sum for run in one.runs]
        one.log_sum = float(np.logaddexp.reduce(log_sums))
        one.weights = np.exp(log_sums - one.log_sum)
        return one

    def given(self, number: int) -> tuple[Floats, Floats]:
        """Return places and segment means given a number of changes, where all are allowed.

        P(i-th change at s | k), (k, T), and (k + 1,).
        """
        places, means, total = np.zeros((number, self.T)), np.zeros(number + 1), 0.0
        for weight, run in self.heavy:
            q = self._counted(run, number + 1)
            B, _ = self._backward(run)
            r, segment = kernel.count_after(
                run.st, self.log_rho, self.m, run.until, run.F[0], B, run.log_sum, q
            )
            any_number = np.exp(run.F[0, 1:-1] + B[1:-1] + self.log_rho[1:] - run.log_sum)
            places[:, 1:] += weight * any_number * q[:-1, 1:-1] * r[:-1][::-1, 1:-1]
            means += weight * q[-1, -1] * (segment + run.st.origin)
            total += weight * q[-1, -1]
        return places / total, means / total

    def inside(self, sets: Mask) -> Floats:
        """Return P(some change stands in the set) for sets of rows (S, T)."""
        told = np.empty(len(sets))
        for i, chosen in enumerate(sets):
            log_rho = np.where(chosen, -np.inf, self.log_rho)
            none = 0.0
            for weight, run in self.heavy:
                log_sum = self._forward(run.value, run.st, log_rho).log_sum
                none += weight * np.exp(log_sum - run.log_sum)
            told[i] = max(1 - none, 0.0)
        return told

    def draw(self, size: int, rng: np.random.Generator, number: int | None = None) -> Draws:
        """Return draws: placements backward, parameters in closed form.

        `number` conditions on that number of changes where all are allowed.
        """
        heavy, weights = self.heavy, self.weights
        F = [run.F for _, run in heavy]
        shares = np.array([weight for weight, _ in heavy])
        if number is not None:
            q = [self._counted(run, number + 1) for _, run in heavy]
            with np.errstate(divide="ignore"):
                F = [run.F + np.log(part) for (_, run), part in zip(heavy, q, strict=True)]
            shares *= [part[-1, -1] for part in q]
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
            known = self.condition.number if number is None else number
            numbers = np.full(len(mine), -1 if known is None else known)
            if self.condition.at_most:
                p = np.exp(run.F[:, -1] - run.log_sum)
                numbers = rng.choice(len(p), size=len(mine), p=p / p.sum())
            out = np.empty((len(mine) * (self.T // self.m), 3), np.int64)
            closed = kernel.sample(
                run.st, self.log_rho, self.m, run.until, F[i], numbers, rng, out
            )
            draw, first, end = out[:closed][::-1].T  # closed from the last row back
            told = self.family.segment_draws(self.observations, run.value, first, end, rng)
            tables.append(Table(mine[draw], first, told))
        shared = shared_draws(self.outer, weights, uniform)
        return assemble(tables, size, self.T, self.family.parameter, shared)


def infer(model: Model, observations: Observations, condition: Condition) -> Segments:
    """Return the posterior on an outer grid that is fine enough; see `mixture.infer`."""
    passes: dict[float, Pass] = {}
    # Few rows leave a posterior that is far from Gaussian; and cost nothing.
    limit = UNEVEN if len(observations) > FEW else UNEVEN / 10
    for fineness in (1.0, 2.0, 4.0):
        found = Segments(model, observations, condition, fineness, passes)
        if unevenness(found.outer, found.weights) < limit:
            break
    return found


def solve(model: Model, observations: Observations, draws: int, seed: int) -> Solved:
    """Return the solution for a resolved model with closed-form segments."""
    main = infer(model, observations, Condition.of(model.changes, len(observations)))
    return Solved(model, main.log_evidence(), lambda: _answer(main, draws, seed))


def _answer(main: Segments, draws: int, seed: int) -> Solution:
    observations, T = main.observations, main.T
    rng = np.random.default_rng(seed)
    places, mean, by_segment = main.backward()
    drawn = main.draw(draws, rng)
    number, error = main.number(), 0.0
    if number.sum() < 1 - 1e-6:  # beyond what is counted
        number, error = number_from_draws(drawn, T)
    by_row = bands(drawn, T, rows_of(observations))
    by_row[0] = mean

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
        if number > COUNTED:
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
        rows=by_row,
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
