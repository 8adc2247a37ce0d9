"""Which way a model is solved: by the filter, by segments, or as an average over models."""

from __future__ import annotations

from changepoint.errors import EngineError
from changepoint.exact import (
    filter_posterior,
    model_average,
    segment_posterior,
    steady_posterior,
)
from changepoint.exact.solution import Solved
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.model import Model
from changepoint.observations import Observations

QUICKER = 3000  # rows up to which the closed form is quicker than the grid
MOST = 20_000  # rows for which the closed form, of T^2 steps, stands in for the grid


def solve(
    model: Model, observations: Observations, draws: int, seed: int, one_of_many: bool = False
) -> Solved:
    """Return the exact solution of a resolved model.

    A parameter grid that would need too many nodes, as for an outlier far away, gives way to
    the closed form where there is one; so does that of a model which is `one_of_many` in an
    average, whose quantiles come from draws anyway.
    """
    family = model.likelihood
    if family.candidates(observations) != (family,):
        return model_average.solve(model, observations, draws, seed, solve)
    if not isinstance(family, GridLikelihood):
        return segment_posterior.solve(model, observations, draws, seed)
    if steady_posterior.applies(model):
        try:
            return steady_posterior.solve(model, observations, draws, seed)
        except EngineError:
            pass  # noise so small that it is told apart from level after level
    if one_of_many and len(observations) <= QUICKER:
        try:
            return segment_posterior.solve(model, observations, draws, seed)
        except EngineError:
            pass  # no closed form
    try:
        return filter_posterior.solve(model, observations, draws, seed, one_of_many)
    except EngineError as error:
        try:
            if len(observations) <= MOST:
                return segment_posterior.solve(model, observations, draws, seed)
        except EngineError:
            pass  # no closed form, or one that fails as well
        raise error
