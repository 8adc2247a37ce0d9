"""Which way a model is solved: by the filter, by segments, or as an average over models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from changepoint.errors import ChangepointError, EngineError
from changepoint.exact import (
    filter_posterior,
    model_average,
    segment_posterior,
    steady_posterior,
)
from changepoint.exact.solution import Integers, Solved
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
    average, whose quantiles come from draws anyway. One level throughout is summed by itself
    there.
    """
    family = model.likelihood
    if family.candidates(observations) != (family,):
        return model_average.solve(model, observations, draws, seed, solve)
    if not isinstance(family, GridLikelihood):
        return segment_posterior.solve(model, observations, draws, seed)
    if one_of_many and not model.effects and steady_posterior.applies(model):
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


def solve_each(
    models: Sequence[Model],
    observations: Sequence[Observations],
    draws: int,
    seeds: Sequence[int],
    rows: Sequence[Integers],
) -> Iterator[tuple[int, Solved | ChangepointError]]:
    """Yield the number and the exact solution of each of many resolved models; or its error.

    Series of one family advance together through what costs the interpreter most. Solutions
    come one at a time, in no particular order: each holds much memory. At rows other than
    `rows` the parameter may be left out.
    """
    groups: dict[Any, list[int]] = {}
    for i, model in enumerate(models):
        groups.setdefault(_group(i, model, observations[i]), []).append(i)
    for several in groups.values():
        left = several
        if len(several) > 1:
            some = [models[i] for i in several], [observations[i] for i in several]
            try:
                own = [seeds[i] for i in several], [rows[i] for i in several]
                for i, solved in zip(
                    several, filter_posterior.solve_together(*some, draws, *own), strict=True
                ):
                    yield i, solved
                    left = left[1:]
            except ChangepointError:
                pass  # one of them stands in the way of the others
        for i in left:
            try:
                yield i, solve(models[i], observations[i], draws, seeds[i])
            except ChangepointError as error:
                yield i, error


def _group(i: int, model: Model, observations: Observations) -> Any:
    """Return what series that are solved together have in common."""
    family = model.likelihood
    if (
        model.effects
        or not isinstance(family, GridLikelihood)
        or family.candidates(observations) != (family,)
    ):
        return i
    return (*family.alike, model.changes)
