"""The exact answer by the filter on a parameter grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, cached_property, partial

import numpy as np

from changepoint.exact import quadrature
from changepoint.exact.at_row import jump_at
from changepoint.exact.effect_filter import infer
from changepoint.exact.effect_mixture import coefficients_of, remarks_on
from changepoint.exact.hyper_mixture import Condition, Inference, infer_each
from changepoint.exact.posterior_draws import draw
from changepoint.exact.prior_sensitivity import of_inference
from changepoint.exact.smoothed import Smoothed
from changepoint.exact.solution import (
    COUNTED,
    LEFT_OUT,
    Floats,
    Integers,
    Mask,
    Solution,
    Solved,
    number_from_draws,
)
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.series import join
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.results.result import QUANTILES, Draws, Given
from changepoint.results.summaries import (
    given_number,
    given_number_from_draws,
    inside_by_draws,
    too_few,
    with_number,
)

QUICK = 3_000_000  # likelihood values of a quick pass, of which there are some 40
BRIEF = 0.01  # of the probability of the number of changes, left out of brief answers
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
    try:
        series = family.series(observations, model.shifts(observations))
        main = infer(model, series, condition, most)
    except quadrature.OutlierError as error:
        estimates = family.estimates(observations)
        row = int(np.nanargmax(abs(estimates - np.nanmedian(estimates))))
        dated = observations.time is not None
        raise error.at(observations.label(row) if dated else f"row {row}") from None
    posterior = FilterPosterior(main, observations, draws, seed, np.arange(T))
    told = coefficients_of(main.mixture.outer, main.weights)
    return Solved(model, main.log_evidence(), posterior.solution, told)


def solve_together(
    models: Sequence[Model],
    observations: Sequence[Observations],
    draws: int,
    seeds: Sequence[int],
    rows: Sequence[Integers],
) -> Iterator[Solved]:
    """Yield the solution of each of some series, whose families are `alike`; briefly.

    P(k) is told as far as is needed to be sure of the most probable number.

    Parameters
    ----------
    rows
        Of each series, those at which the parameter is wanted.
    """
    families = [m.likelihood for m in models if isinstance(m.likelihood, GridLikelihood)]
    series = join([one.series(data) for one, data in zip(families, observations, strict=True)])
    conditions = [
        Condition.of(model.changes, len(data))
        for model, data in zip(models, observations, strict=True)
    ]
    inferences = infer_each(models, series, conditions)
    each = zip(models, observations, seeds, rows, inferences, strict=True)
    for model, data, seed, some, main in each:
        posterior = FilterPosterior(main, data, draws, seed, some, BRIEF)
        yield Solved(model, main.log_evidence(), posterior.solution)


class FilterPosterior:
    """The posterior of one series, computed as it is asked for."""

    def __init__(
        self,
        main: Inference,
        observations: Observations,
        draws: int,
        seed: int,
        rows: Integers,
        left_out: float = LEFT_OUT,
    ) -> None:
        self.main, self.observations, self.rows = main, observations, rows
        self.left_out = left_out
        self.count, self.seed = draws, seed
        self.T = main.mixture.T
        self.work = self.T * len(main.mixture.grid.log_weights) * len(main.heavy)

    @cached_property
    def smoothed(self) -> Smoothed:
        """The way back, whatever the number of changes."""
        return Smoothed(self.main, self.rows)

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
        number = self.main.number(largest, self.left_out, counted)
        if number.sum() < 1 - max(
            1e-6, 1.1 * self.left_out
        ):  # beyond what is carried as a dimension
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
        bands = np.full((1 + len(QUANTILES), self.T), np.nan)
        bands[:, self.rows] = self.smoothed.bands()
        return Solution(
            change_probability=self.smoothed.change_probability.sum(axis=0),
            number_probability=number,
            number_error=error,
            mean=bands[0],
            banded=lambda: bands,
            drawn=lambda: self.draws,
            given=self.given,
            inside=self.inside,
            diagnostics={
                "nodes": len(self.main.mixture.grid.log_weights),
                "shared_nodes": len(self.main.filters),
                **self.main.mixture.outer.diagnostics(self.main.weights),
            },
            remarks=remarks_on(self.main.mixture.outer, self.main.weights),
            jump=lambda row: jump_at(self.main, row),
            sensitivity=partial(of_inference, self.main),
        )
