"""The exact answer by the filter on a parameter grid."""

from __future__ import annotations

import numpy as np

from changepoint.exact import quadrature as grids
from changepoint.exact.hyper_mixture import Condition, Inference, infer, log_evidence
from changepoint.exact.posterior_draws import collect
from changepoint.exact.solution import (
    COUNTED,
    LEFT_OUT,
    Floats,
    Mask,
    Solution,
    Solved,
    number_from_draws,
)
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.results.result import QUANTILES, Given
from changepoint.results.summaries import (
    given_number,
    given_number_from_draws,
    inside_by_draws,
    too_few,
    with_number,
)

QUICK = 3_000_000  # likelihood values of a quick pass, of which there are some 40
AFFORDABLE = 2e10  # likelihood values spent on the probability inside the credible sets


def solve(
    model: Model, observations: Observations, draws: int, seed: int, quick: bool = False
) -> Solved:
    """Return the solution for a resolved model of a grid family; EngineError if not `quick`."""
    T = len(observations)
    most = QUICK // T if quick else grids.HOLDS
    main = infer(model, observations, Condition.of(model.changes, T), most)
    return Solved(model, log_evidence(main), lambda: _answer(main, draws, seed))


def _answer(main: Inference, draws: int, seed: int) -> Solution:
    mixture = main.mixture
    model, T, rng = mixture.model, mixture.T, np.random.default_rng(seed)
    back = main.backward(draws, rng, QUANTILES)
    rows = back.rows
    assert rows is not None  # bands were asked for
    drawn = collect(back, rng)
    number, error = main.number(model.changes.largest(T), LEFT_OUT, COUNTED), 0.0
    if number.sum() < 1 - 1e-6:  # beyond what is carried as a dimension
        number, error = number_from_draws(drawn, T)
    places = back.place_probability()

    def inside(sets: Mask) -> Floats:
        if sets.size * len(mixture.grid.log_weights) * len(mixture.filters) > AFFORDABLE:
            return inside_by_draws(drawn, sets)
        return np.array([main.probability_inside(rows) for rows in sets])

    def given(number: int) -> Given | None:
        if not number:
            return None
        if main.condition.fixed:
            return given_number(number, drawn, places, back.segments, inside)
        if number > COUNTED:
            return given_number_from_draws(number, drawn, T, inside)
        few = too_few(drawn, number, T)
        inference = Inference(mixture, Condition(number))
        way = inference.backward(draws if few else 0, rng, QUANTILES, bands=False)
        mine = collect(way, rng) if few else with_number(drawn, number, T)
        return given_number(number, mine, way.place_probability(), way.segments, inside)

    return Solution(
        change_probability=places.sum(axis=0),
        number_probability=number,
        number_error=error,
        rows=rows,
        draws=drawn,
        given=given,
        inside=inside,
        diagnostics={
            "nodes": len(mixture.grid.log_weights),
            "shared_nodes": len(mixture.filters),
        },
    )
