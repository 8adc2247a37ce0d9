"""Draws: from sampled placements and nodes to values of the parameters."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.exact import outer_quadrature as outer
from changepoint.exact import quadrature as grids
from changepoint.exact.hyper_mixture import Backward
from changepoint.kernels import rows as kernel_rows
from changepoint.kernels.quantiles import quantiles
from changepoint.likelihoods.grid import RowLikelihood
from changepoint.results.result import Draws

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PREFIXES = 2**24  # values of running sums kept at a time


def collect(back: Backward, rng: np.random.Generator) -> Draws:
    """Return the draws of a way back: placements, and the parameter of every segment."""
    mixture = back.inference.mixture
    T, D = mixture.T, len(back.uniform)
    tables: list[Table] = []
    for i, j in enumerate(back.heavy):
        mine = np.flatnonzero(back.chosen == i)
        if not len(mine):
            continue
        table = back.making[i].table()
        draw, first = mine[table[:, 0]], table[:, 1]
        end = np.where(np.append(draw[1:] == draw[:-1], False), np.append(first[1:], T), T)
        closed_form = mixture.family.conjugate(mixture.observations, mixture.outer.values[j])
        if closed_form is not None:
            theta = closed_form(first, end, rng)
        else:
            log_likelihood = back.inference.filters[j].rows.log_likelihood
            theta = parameter_draws(log_likelihood, mixture.grid, first, end, rng)
        tables.append(Table(draw, first, {mixture.family.parameter: theta}))
    shared = shared_draws(mixture.outer, back.inference.weights, back.uniform)
    return assemble(tables, D, T, mixture.family.parameter, shared)


class Table(NamedTuple):
    """Segments of draws: which draw, first row, parameters by name; each (S,)."""

    draw: Integers
    first: Integers
    parameters: dict[str, Floats]


def assemble(
    tables: list[Table], D: int, T: int, parameter: str, shared: Floats | None
) -> Draws:
    """Return D draws from tables of their segments, in order of time within a draw."""
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
    return Draws(
        spread([table.first for table in tables], T), named.pop(parameter), shared, extra=named
    )


def shared_draws(grid: outer.SharedGrid, weights: Floats, uniform: Floats) -> Floats | None:
    """Return the shared parameter of each draw, shape (D,); None where there is none.

    Draws have an outer node each, of rank `uniform`; the value is the quantile, in the
    posterior interpolated between nodes, of the same rank, so that both have their exact
    marginals.
    """
    if grid.prior is None:
        return None
    v, step, log_density = outer.posterior(grid, weights)
    density = halved(log_density[None])
    order = np.argsort(uniform)
    places = np.empty(len(order))
    row = np.zeros(len(order), np.int64)
    places[order] = quantiles(density, row, uniform[order]) / 2
    return grid.prior.value(v + step * places)


def parameter_draws(
    log_likelihood: RowLikelihood,
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
        sums = _running_sums(log_likelihood, bounds, G)
        log_p = sums[np.searchsorted(bounds, ends[part])]
        log_p -= sums[np.searchsorted(bounds, starts[part])]
        log_p += grid.log_weights
        low, high = np.searchsorted(which, [chunk, chunk + len(log_p)], sorter=order)
        mine = order[low:high]
        places = quantiles(halved(log_p), which[mine] - chunk, uniform[mine])
        theta[mine] = grid.at(places / 2)
    return theta


def halved(log_density: Floats) -> Floats:
    """Return densities at the nodes and half-way between, (n, G) -> (n, 2 G - 1).

    The log density is interpolated by cubics, which is exact for a Gaussian; where it breaks
    off, they must not swing up.
    """
    finite = np.maximum(log_density - log_density.max(axis=1, keepdims=True), -1e4)
    first, last = 2 * finite[:, :1] - finite[:, 1:2], 2 * finite[:, -1:] - finite[:, -2:-1]
    wide = np.concatenate([first, finite, last], axis=1)
    fine = np.empty((len(finite), 2 * finite.shape[1] - 1))
    fine[:, ::2] = finite
    inner = wide[:, 1:-2] + wide[:, 2:-1]
    between = 0.5625 * inner - 0.0625 * (wide[:, :-3] + wide[:, 3:])
    fine[:, 1::2] = np.minimum(between, np.maximum(finite[:, 1:], finite[:, :-1]) + 0.5)
    density: Floats = np.exp(fine)
    return density


def _running_sums(log_likelihood: RowLikelihood, bounds: Integers, G: int) -> Floats:
    """Return sums of log likelihood rows from bounds[0] up to each bound, shape (bounds, G)."""
    sums = np.zeros((len(bounds), G))
    size = max(kernel_rows.BLOCK // G, 1)
    for row in range(int(bounds[0]), int(bounds[-1]), size):
        stop = min(row + size, int(bounds[-1]))
        # Rows between one bound and the next, as far as they lie in this block.
        low, high = np.searchsorted(bounds, [row, stop - 1], "right")
        starts = np.concatenate([[row], bounds[low:high]]) - row
        sums[low : high + 1] += np.add.reduceat(log_likelihood(row, stop), starts, axis=0)
    totals: Floats = np.cumsum(sums, axis=0)
    return totals
