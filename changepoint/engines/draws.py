"""Draws: from sampled placements and nodes to values of the parameters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from changepoint.engines import grid as grids
from changepoint.engines import shared as outer
from changepoint.engines.mixture import Backward
from changepoint.kernels import filter as filters
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
    shared = None if mixture.family.shared is None else shared_draws(back, rng)
    return Draws(firsts, parameters, shared)


def shared_draws(back: Backward, rng: np.random.Generator) -> Floats:
    """Return the shared parameter of each draw, shape (D,).

    Draws have an outer node each; the value is the quantile, in the posterior interpolated
    between nodes, of the same rank, so that both have their exact marginals.
    """
    mixture = back.inference.mixture
    nodes, prior = mixture.outer, outer.SharedPrior(mixture.family)
    weights = back.inference.weights
    limit = int(np.isinf(nodes.v[0]))
    v, p = nodes.v[limit:], weights[limit:]
    step = float(np.min(np.diff(v))) if len(v) > 1 else 1.0
    density = np.zeros(round((v[-1] - v[0]) / step) + 1)
    density[np.round((v - v[0]) / step).astype(int)] = p
    below = float(weights[:limit].sum())
    rank = np.clip((back.uniform - below) / (1 - below), 0, 1)
    order = np.argsort(rank)
    places = np.empty(len(rank))
    places[order] = quantiles(density[None], np.zeros(len(rank), np.int64), rank[order])
    native = prior.native(v[0] + step * places)
    tail = back.uniform < below
    if tail.any():
        top = prior.prior.cdf(prior.native(v[0] - step / 2))
        native[tail] = prior.prior.quantile(
            np.maximum(rng.random(int(tail.sum())) * top, 1e-300)
        )
    return mixture.family.shared_value(native)


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
        p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
        low, high = np.searchsorted(which, [chunk, chunk + len(log_p)], sorter=order)
        mine = order[low:high]
        theta[mine] = grid.at(quantiles(p, which[mine] - chunk, uniform[mine]))
    return theta


def _running_sums(log_likelihood: RowLikelihood, bounds: Integers, G: int) -> Floats:
    """Return sums of log likelihood rows from bounds[0] up to each bound, shape (bounds, G)."""
    sums = np.zeros((len(bounds), G))
    size = max(filters.BLOCK // G, 1)
    for row in range(int(bounds[0]), int(bounds[-1]), size):
        stop = min(row + size, int(bounds[-1]))
        # Rows between one bound and the next, as far as they lie in this block.
        low, high = np.searchsorted(bounds, [row, stop - 1], "right")
        starts = np.concatenate([[row], bounds[low:high]]) - row
        sums[low : high + 1] += np.add.reduceat(log_likelihood(row, stop), starts, axis=0)
    totals: Floats = np.cumsum(sums, axis=0)
    return totals
