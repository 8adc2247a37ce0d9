"""The exact answer by the filter on a parameter grid."""

from __future__ import annotations

from functools import cache, cached_property

import numpy as np

from changepoint.exact import quadrature
from changepoint.exact.hyper_mixture import Condition, Inference, infer
from changepoint.exact.posterior_draws import draw
from changepoint.exact.smoothed import Smoothed
from changepoint.exact.solution import (
    COUNTED,
    LEFT_OUT,
    Floats,
    Mask,
    Solution,
    Solved,
    number_from_draws,
)
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.results.result import Draws, Given
from changepoint.results.summaries import (
    given_number,
    given_number_from_draws,
    inside_by_draws,
    too_few,
    with_number,
)

QUICK = 3_000_000  # likelihood values of a quick pass, of which there are some 40
AFFORDABLE = 2e10  # likelihood values spent on the number, or on sets of rows


def solve(
    model: Model, observations: Observations, draws: int, seed: int, quick: bool = False
) -> Solved:
    """Return the solution for a resolved model of a grid family; EngineError if not `quick`."""
    T = len(observations)
    most = QUICK // T if quick else quadrature.HOLDS
    family = model.likelihood
    assert isinstance(family, GridLikelihood)  # who asks makes sure
    condition = Condition.of(model.changes, T)
    main = infer(model, family.series(observations), condition, most)
    posterior = FilterPosterior(main, observations, draws, seed)
    return Solved(model, main.log_evidence(), posterior.solution)


class FilterPosterior:
    """The posterior of one series, computed as it is asked for."""

    def __init__(
        self, main: Inference, observations: Observations, draws: int, seed: int
    ) -> None:
        self.main, self.observations = main, observations
        self.count, self.seed = draws, seed
        self.T = main.mixture.T
        self.work = self.T * len(main.mixture.grid.log_weights) * len(main.heavy)

    @cached_property
    def smoothed(self) -> Smoothed:
        """The way back, whatever the number of changes."""
        return Smoothed(self.main, bands=True)

    @cached_property
    def draws(self) -> Draws:
        """Independent draws."""
        return draw(self.main, self.observations, self.count, np.random.default_rng(self.seed))

    @cached_property
    def number(self) -> tuple[Floats, float]:
        """P(k), and its standard error where it comes from draws."""
        affordable = int(AFFORDABLE / self.work)
        counted = max(COUNTED, affordable)
        largest = self.main.mixture.model.changes.largest(self.T)
        number = self.main.number(largest, LEFT_OUT, counted)
        if number.sum() < 1 - 1e-6:  # beyond what is carried as a dimension
            return number_from_draws(self.draws, self.T)
        return number, 0.0

    def inside(self, sets: Mask) -> Floats:
        """Return P(some change stands in the set) for sets of rows, (S, T)."""
        if len(sets) * self.work > AFFORDABLE:
            return inside_by_draws(self.draws, sets)
        return np.array([self.main.probability_inside(rows) for rows in sets])

    def given(self, number: int) -> Given | None:
        """Return what is known of the changes given their number; None without changes."""
        if not number:
            return None
        smoothed = self.smoothed
        if not self.main.condition.fixed:
            if self.number[1] > 0:
                return given_number_from_draws(number, self.draws, self.T, self.inside)
            inference = Inference(self.main.mixture, Condition(number))
            smoothed = Smoothed(inference)
        places = smoothed.change_probability
        segments, steps = smoothed.given_number()
        drawn = cache(lambda: self._draws_given(smoothed.inference, number))
        return given_number(number, drawn, places, segments, self.inside, steps)

    def _draws_given(self, inference: Inference, number: int) -> Draws:
        """Return draws with this number of changes."""
        if self.main.condition.fixed or not too_few(self.draws, number, self.T):
            return with_number(self.draws, number, self.T)
        rng = np.random.default_rng([self.seed, number])
        return draw(inference, self.observations, self.count, rng)

    def solution(self) -> Solution:
        """Return the answer."""
        number, error = self.number
        return Solution(
            change_probability=self.smoothed.change_probability.sum(axis=0),
            number_probability=number,
            number_error=error,
            rows=self.smoothed.bands(),
            drawn=lambda: self.draws,
            given=self.given,
            inside=self.inside,
            diagnostics={
                "nodes": len(self.main.mixture.grid.log_weights),
                "shared_nodes": len(self.main.filters),
            },
        )
