"""Draws: from sampled placements and nodes to values of the parameters."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.exact import quadrature as grids
from changepoint.exact.hyper_mixture import Inference
from changepoint.exact.row_likelihood import Rows
from changepoint.kernels.quantiles import halved, quantiles
from changepoint.observations import Observations
from changepoint.results.result import Draws

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PREFIXES = 2**24  # values of running sums kept at a time


def draw(
    inference: Inference, observations: Observations, count: int, rng: np.random.Generator
) -> Draws:
    """Return independent draws: placements, and the parameter of every segment."""
    mixture = inference.mixture
    family, nodes = mixture.family, mixture.outer
    heavy, uniform = inference.heavy, rng.random(count)
    chosen = np.searchsorted(np.cumsum(inference.heavy_weights), uniform * (1 - 1e-12))
    tables: list[Table] = []
    for i, j in enumerate(heavy):
        mine = np.flatnonzero(chosen == i)
        if not len(mine):
            continue
        one, run = inference.filters[j], inference.runs[j]
        table = one.sample(run, inference.levels(run, len(mine), rng), rng)
        which, first = mine[table[:, 0]], table[:, 1]
        last = np.append(which[1:] != which[:-1], True)
        end = np.where(last, mixture.T, np.append(first[1:], mixture.T))
        closed_form = None
        if mixture.series.shifts is None:
            closed_form = family.conjugate(observations, float(family.own(nodes.values[j])))
        if closed_form is not None:
            theta = closed_form(first, end, rng)
        else:
            theta = parameter_draws(one.rows, mixture.grid, first, end, rng)
        tables.append(Table(which, first, {family.parameter: theta}))
    hyper = nodes.draws(inference.weights, uniform)
    return assemble(tables, mixture.T, family.parameter, hyper, nodes.names)


class Table(NamedTuple):
    """Segments of draws: which draw, first row, parameters by name; each (S,)."""

    draw: Integers
    first: Integers
    parameters: dict[str, Floats]


def assemble(
    tables: list[Table], T: int, parameter: str, hyper: Floats, names: tuple[str, ...]
) -> Draws:
    """Return draws from tables of their segments, in order of time within a draw.

    With vectors of hyperparameters, (D, d), of these names.
    """
    D = len(hyper)
    draw = np.concatenate([table.draw for table in tables])
    segments = np.bincount(draw, minlength=D)
    order = np.argsort(draw, kind="stable")
    place = np.arange(len(draw)) - np.repeat(np.cumsum(segments) - segments, segments)

    def spread(parts: list[Floats] | list[Integers], empty: float) -> NDArray[Any]:
        values = np.concatenate(parts)
        padded = np.full((D, segments.max()), empty, values.dtype)
        padded[draw[order], place] = values[order]
        return padded

    named = {
        name: spread([table.parameters[name] for table in tables], np.nan)
        for name in tables[0].parameters
    }
    first = spread([table.first for table in tables], T)
    return Draws(first, named.pop(parameter), hyper, names, extra=named)


def parameter_draws(
    rows: Rows,
    grid: grids.Grid,
    first: Integers,
    end: Integers,
    rng: np.random.Generator,
) -> Floats:
    """Return a posterior draw for each segment of rows first..end-1, shape (S,)."""
    G = len(grid.log_weights)
    theta, uniform = np.empty(len(first)), rng.random(len(first))
    # Equal segments share their density; sorted, so that a chunk covers few rows.
    pairs, which = np.unique(first * (end.max() + 1) + end, return_inverse=True)
    starts, ends = np.divmod(pairs, end.max() + 1)
    order = np.argsort(which, kind="stable")
    size = max(PREFIXES // (2 * G), 1)
    for chunk in range(0, len(pairs), size):
        part = slice(chunk, chunk + size)
        bounds = np.unique(np.concatenate([starts[part], ends[part]]))
        sums = rows.log_sums(bounds)
        log_p = sums[np.searchsorted(bounds, ends[part])]
        log_p -= sums[np.searchsorted(bounds, starts[part])]
        log_p += grid.log_weights
        low, high = np.searchsorted(which, [chunk, chunk + len(log_p)], sorter=order)
        mine = order[low:high]
        places = quantiles(halved(log_p), which[mine] - chunk, uniform[mine])
        theta[mine] = grid.at(places / 2)
    return theta
