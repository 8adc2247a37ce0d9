"""Draws: from sampled placements and nodes to values of the parameters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from changepoint.engines import grid as grids
from changepoint.engines import shared as outer
from changepoint.engines.mixture import Backward
from changepoint.engines.shared_prior import SharedPrior
from changepoint.kernels import rows as kernel_rows
from changepoint.kernels.quantiles import quantiles
from changepoint.likelihoods.base import RowLikelihood
from changepoint.results import Draws

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PREFIXES = 2**24  # values of running sums kept at a time


def collect(back: Backward, rng: np.random.Generator) -> Draws:
    """Return the draws of a way back: placements, and the parameter of every segment."""
    mixture = back.inference.mixture
    T, D = mixture.T, len(back.uniform)
    tables = []
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
        tables.append((draw, first, theta))
    draw, first, theta = (np.concatenate(part) for part in zip(*tables, strict=True))
    segments = np.bincount(draw, minlength=D)
    order = np.argsort(draw, kind="stable")
    place = np.arange(len(draw)) - np.repeat(np.cumsum(segments) - segments, segments)
    firsts = np.full((D, segments.max()), T)
    parameters = np.full((D, segments.max()), np.nan)
    firsts[draw[order], place] = first[order]
    parameters[draw[order], place] = theta[order]
    shared = None if mixture.outer.prior is None else shared_draws(back, mixture.outer.prior)
    return Draws(firsts, parameters, shared)


def shared_draws(back: Backward, prior: SharedPrior) -> Floats:
    """Return the shared parameter of each draw, shape (D,).

    Draws have an outer node each; the value is the quantile, in the posterior interpolated
    between nodes, of the same rank, so that both have their exact marginals.
    """
    inference = back.inference
    v, step, log_density = outer.posterior(inference.mixture.outer, inference.weights)
    density = halved(log_density[None])
    order = np.argsort(back.uniform)
    places = np.empty(len(order))
    row = np.zeros(len(order), np.int64)
    places[order] = quantiles(density, row, back.uniform[order]) / 2
    return prior.value(v + step * places)


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
