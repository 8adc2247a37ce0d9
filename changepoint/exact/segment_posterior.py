"""The exact answer by recursions over segment starts, for closed-form segments."""

from __future__ import annotations

import numpy as np

from changepoint.exact.effect_mixture import coefficients_of, remarks_on
from changepoint.exact.effect_segments import infer
from changepoint.exact.hyper_mixture import Condition
from changepoint.exact.segment_mixture import Segments
from changepoint.exact.solution import Floats, Mask, Solution, Solved, number_from_draws
from changepoint.likelihoods.regression import rows_of
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

AFFORDABLE = 2e8  # segments weighed for the probability inside credible sets


def solve(model: Model, observations: Observations, draws: int, seed: int) -> Solved:
    """Return the solution for a resolved model with closed-form segments."""
    main = infer(model, observations, Condition.of(model.changes, len(observations)))
    told = coefficients_of(main.outer, main.weights)
    return Solved(model, main.log_evidence(), lambda: _answer(main, draws, seed), told)


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
        diagnostics={
            "shared_nodes": len(main.runs),
            **main.outer.diagnostics(main.weights),
        },
        remarks=remarks_on(main.outer, main.weights),
    )


def _segments(draws: Draws, means: Floats) -> Floats | None:
    """Return summaries by segment: quantiles from the draws, means exact unless of lines."""
    if "slope" in draws.extra:
        return None
    summary = segments_of(draws)
    summary[0] = means
    return summary
