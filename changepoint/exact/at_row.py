"""The parameter before and after a row, were there a change exactly there.

Given a change at s and the hyperparameters, the rows before s and those from it on know nothing
of each other but the number of changes. With F_k and V_k the filter's weights by node of the
segment that ends at s, and of the one that begins there, with k changes before and after,

    p(before = g, after = h | change at s, y)  ~  sum_j sum_(k, n) F_jk(g) V_jn(h)

over outer nodes j and pairs (k, n) that the prior allows. V is F of the later rows, backwards.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.exact.before_after import Side, step_of
from changepoint.exact.forward_backward import Filter
from changepoint.exact.hyper_mixture import Condition, Inference
from changepoint.exact.row_likelihood import Rows
from changepoint.exact.smoothed import HELD, hull_of
from changepoint.kernels.quantiles import halved, quantiles
from changepoint.results.result import QUANTILES, Jump

Floats = NDArray[np.float64]

LIGHT = 1e-12  # share of an outer node and pair of numbers of changes: left out
LEVELS = np.array([QUANTILES[0], QUANTILES[-1]])


class Half(NamedTuple):
    """One side: log weight by number of changes, (L,), and by node given that, (L, G)."""

    log_weight: Floats
    node: Floats


def jump_at(inference: Inference, row: int) -> Jump | None:
    """Return before and after; None if no change can be there, or there are too many nodes.

    Parameters
    ----------
    row
        The first of the new segment, 1..T-1.
    """
    mixture, condition = inference.mixture, inference.condition
    if min(row, mixture.T - row) < mixture.m or condition.number == 0:
        return None
    parts = list[tuple[float, Floats, Floats]]()
    for log_weight, one in zip(mixture.outer.log_weights, inference.filters, strict=True):
        before = _half(one.rows, slice(None, row), mixture.log_rho, condition)
        after = _half(one.rows, slice(None, row - 1, -1), mixture.log_rho, condition)
        for k, n in _pairs(condition, len(before.node)):
            log_p = float(log_weight + before.log_weight[k] + after.log_weight[n])
            parts.append((log_p, before.node[k], after.node[n]))
    log_share = np.array([part[0] for part in parts])
    if not np.isfinite(log_share.max()):
        return None
    p = np.exp(log_share - np.logaddexp.reduce(log_share))
    heavy = np.flatnonzero(p > LIGHT)
    U, V = (np.array([parts[i][side] for i in heavy]) for side in (1, 2))
    return _told(inference, p[heavy], U, V)


def _half(rows: Rows, part: slice, log_rho: float, condition: Condition) -> Half:
    """Return the rows of one side, from the end of the series to the change."""
    mine = Rows(rows.density, rows.index[part], rows.log_weights, rows.m, rows.keep)
    one = Filter(mine, log_rho)
    run = one.main
    if condition.number is not None:  # in log space, where no number of changes gets lost
        run = one.counted(condition.number, log=True)
    F = one.last(run)
    weight = F.sum(axis=1, keepdims=True)
    return Half(one.log_sum + run.log_shares()[-1], F / np.where(weight > 0, weight, 1.0))


def _pairs(condition: Condition, levels: int) -> list[tuple[int, int]]:
    """Return which numbers of changes on both sides go together; one more is between them."""
    if condition.number is None:
        return [(0, 0)]
    some, rest = product(range(levels), repeat=2), condition.number - 1
    return [(k, n) for k, n in some if k + n == rest or (condition.at_most and k + n < rest)]


def _told(inference: Inference, p: Floats, U: Floats, V: Floats) -> Jump | None:
    """Return what is told of a mixture of products of densities at the nodes, each (n, G)."""
    mixture = inference.mixture
    sides = p @ U, p @ V
    one, two = map(hull_of, sides)
    if (one.stop - one.start) * (two.stop - two.start) > HELD:
        return None
    theta, slope = mixture.grid.slope()
    joint = (p[:, None] * U[:, one]).T @ V[:, two]
    ends = Side(theta[one], slope[one]), Side(theta[two], slope[two])
    step = step_of(*ends, joint, mixture.family.domain)
    before, after = (_interval(inference, density) for density in sides)
    return Jump(before, after, step)


def _interval(inference: Inference, density: Floats) -> tuple[float, float, float]:
    """Return mean and interval of a density at the nodes, (G,)."""
    grid = inference.mixture.grid
    with np.errstate(divide="ignore"):
        fine = halved(np.log(density)[None])
    lower, upper = grid.at(quantiles(fine, np.zeros(2, np.int64), LEVELS) / 2)
    mean = float(density @ grid.nodes.theta / density.sum())
    return mean, float(lower), float(upper)
