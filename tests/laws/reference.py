"""Reference answers by brute force: every placement of changes, one after the other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from changepoint import Changes

Floats = NDArray[np.float64]

NOTHING = 1e-20  # probability


def log_sum(x: Floats, axis: int | tuple[int, ...] | None = None) -> Floats:
    """log(sum(exp(x)))."""
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        return np.squeeze(
            np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top, axis=axis
        )


@cache
def placements(T: int, m: int) -> list[tuple[int, ...]]:
    """Every set of rows where changes can stand with segments of m rows or more."""
    found = []
    for k in range(T):
        for rows in itertools.combinations(range(1, T), k):
            if np.diff((0, *rows, T)).min() >= m:
                found.append(rows)
    return found


def number_weights(changes: Changes, T: int) -> Floats:
    """Prior weight c_k of each placement of k changes, normalised, for k = 0..T-1."""
    m = changes.min_length
    ways = np.bincount([len(rows) for rows in placements(T, m)], minlength=T).astype(float)
    k = np.arange(T)
    if changes.exactly is not None:
        return np.where(k == changes.exactly, 1 / np.maximum(ways, 1), 0.0)
    allowed = np.where(k <= (changes.at_most or T), ways, 0)
    if changes.every is not None:
        hazard = 1 / (changes.every - m + 1)
        rho = hazard / (1 - hazard) ** m
    elif changes.probability == 0:
        rho = 0.0
    else:
        odds = changes.probability / (1 - changes.probability)
        rho = optimize.brentq(
            lambda rho: np.sum(allowed[1:] * rho ** k[1:]) - odds,
            0,
            odds,
            xtol=1e-16,
            rtol=1e-14,
        )
    c = np.where(allowed > 0, float(rho) ** k, 0.0)
    return c / np.sum(c * allowed)


class Answer(NamedTuple):
    """The posterior by enumeration.

    stands (N, T): which rows of a placement are changes, probability (N,): its own; number
    (T,): P(k); placed: k -> (k, T), P(i-th change at s | k); outer (J,): P(outer node).

    The S pieces are all stretches of rows first..end-1. marginal (S, J): log of their sums
    over inner nodes; weight (S, J): P(the piece is a segment); by_segment: k -> (k + 1, S, J),
    P(it is the j-th | k), for k up to 3; by_change: k -> for each change (piece before, piece
    after) -> (J,), P(both | k).
    """

    log_evidence: float
    stands: NDArray[np.bool_]
    probability: Floats
    number: Floats
    placed: dict[int, Floats]
    outer: Floats
    pieces: list[tuple[int, int]]
    marginal: Floats
    weight: Floats
    by_segment: dict[int, Floats]
    by_change: dict[int, list[dict[tuple[int, int], Floats]]]

    def densities(self, log_lik: Floats, log_weights: Floats) -> Densities:
        """What is known of the parameter, on any nodes; as `enumeration` takes them."""
        ways = [self.weight, *itertools.chain(*self.by_segment.values())]
        matters = np.max(ways, axis=0) > NOTHING
        piece, outer = np.nonzero(matters)
        place = np.full(matters.shape, -1)
        place[piece, outer] = np.arange(len(piece))
        within = np.empty((len(piece), len(log_weights)))
        for i, (first, end) in enumerate(self.pieces):
            some = outer[piece == i]
            log_p = log_weights + log_lik[some, first:end].sum(axis=1)
            within[piece == i] = np.exp(log_p - self.marginal[i, some, None])
        first, end = np.array(self.pieces)[piece].T
        rows = np.arange(log_lik.shape[1])[:, None]
        inside = ((first <= rows) & (rows < end)) * self.weight[matters]
        segment = {k: w[:, matters] @ within for k, w in self.by_segment.items()}
        return Densities(within, place, inside @ within, segment)

    def joint(self, k: int, i: int, told: Densities) -> Floats:
        """P(node before, node after the i-th change | k), (G, G)."""
        pairs = self.by_change[k][i]
        before, after = np.array(list(pairs)).T
        weights = np.array(list(pairs.values()))
        some, outer = np.nonzero(weights > NOTHING)
        earlier = told.within[told.place[before[some], outer]]
        later = told.within[told.place[after[some], outer]]
        together: Floats = (weights[some, outer, None] * earlier).T @ later
        return together


class Densities(NamedTuple):
    """Probabilities of nodes.

    within (n, G): in a piece that is a segment, at an outer node; place (S, J): where, -1 if
    nowhere; node (T, G): P(theta_t = node); segment: k -> (k + 1, G), P(node of the j-th
    segment | k).
    """

    within: Floats
    place: NDArray[np.int64]
    node: Floats
    segment: dict[int, Floats]


def enumeration(
    log_lik: Floats, log_weights: Floats, log_outer: Floats, changes: Changes
) -> Answer:
    """Sum over all placements, inner nodes and outer nodes.

    Parameters
    ----------
    log_lik
        (J, T, G): by outer node, row, inner node; 0 where a row is missing.
    log_weights, log_outer
        (G,) and (J,).
    """
    J, T, _ = log_lik.shape
    pieces = list(itertools.combinations(range(T + 1), 2))
    place = {piece: i for i, piece in enumerate(pieces)}
    marginal = np.empty((len(pieces), J))
    for (first, end), i in place.items():
        marginal[i] = log_sum(log_weights + log_lik[:, first:end].sum(axis=1), axis=1)
    c = number_weights(changes, T)
    found = [rows for rows in placements(T, changes.min_length) if c[len(rows)] > 0]
    holds = np.zeros((len(found), len(pieces)))
    stands = np.zeros((len(found), T))
    for i, rows in enumerate(found):
        stands[i, list(rows)] = 1
        for piece in itertools.pairwise((0, *rows, T)):
            holds[i, place[piece]] = 1
    k = stands.sum(axis=1).astype(int)
    log_p = holds @ marginal + log_outer + np.log(c[k])[:, None]
    log_evidence = float(log_sum(log_p))
    p = np.exp(log_p - log_evidence)
    each = p.sum(axis=1)
    placed, by_segment, by_change = {}, {}, {}
    for number in sorted(set(k)):
        mine = np.flatnonzero(k == number)
        at, total = np.zeros((number, T)), each[mine].sum()
        ordered = np.zeros((number + 1, len(pieces), J))
        pairs: list[dict[tuple[int, int], Floats]] = [{} for _ in range(number)]
        for n in mine:
            at[np.arange(number), list(found[n])] += each[n]
            if number > 3:
                continue
            chosen = [place[piece] for piece in itertools.pairwise((0, *found[n], T))]
            ordered[np.arange(number + 1), chosen] += p[n]
            for i, pair in enumerate(itertools.pairwise(chosen)):
                pairs[i][pair] = pairs[i].get(pair, 0.0) + p[n] / total
        placed[number] = at / total
        if number <= 3:
            by_segment[number], by_change[number] = ordered / total, pairs
    return Answer(
        log_evidence,
        stands > 0,
        each,
        np.bincount(k, weights=each, minlength=T),
        placed,
        p.sum(axis=0),
        pieces,
        marginal,
        holds.T @ p,
        by_segment,
        by_change,
    )


def segment_table(T: int, log_marginal: Callable[[NDArray, NDArray], Floats]) -> Floats:
    """log p(y_s..y_(e-1)) for all 0 <= s < e <= T, -inf elsewhere, shape (T + 1, T + 1)."""
    first, end = np.triu_indices(T + 1, 1)
    table = np.full((T + 1, T + 1), -np.inf)
    table[first, end] = log_marginal(first, end)
    return table


def log_sums_by_number(table: Floats, largest: int, m: int = 1) -> Floats:
    """Log of the sum over placements of k = 0..largest changes of products of marginals."""
    T = len(table) - 1
    first, end = np.indices(table.shape)
    table = np.where(end - first >= m, table, -np.inf)
    reach = table[0]  # (T + 1,): sums for rows 0..e-1
    sums = [reach[T]]
    for _ in range(largest):
        reach = log_sum(reach[:, None] + table, axis=0)
        sums.append(reach[T])
    return np.array(sums)


def log_memoryless(table: Floats, log_rho: float) -> float:
    """Log of the sum over all placements, each change weighted by rho."""
    T = len(table) - 1
    reach = np.full(T + 1, -np.inf)
    reach[0] = 0.0
    for end in range(1, T + 1):
        weights = reach[:end] + np.where(np.arange(end) > 0, log_rho, 0.0)
        reach[end] = log_sum(weights + table[:end, end])
    return float(reach[T])


def log_choose(n: int, k: int) -> float:
    return math.log(math.comb(n, k))


def panels(low: float, high: float, number: int, order: int = 20) -> tuple[Floats, Floats]:
    """Nodes and log weights of Gauss-Legendre quadrature on equal panels."""
    x, w = np.polynomial.legendre.leggauss(order)
    edges = np.linspace(low, high, number + 1)
    half = (edges[1:] - edges[:-1])[:, None] / 2
    return (edges[:-1, None] + half * (x + 1)).ravel(), np.log(half * w).ravel()


def segment_probabilities(table: Floats, log_rho: float) -> Floats:
    """P(rows s..e-1 are a segment) under the memoryless prior, (T + 1, T + 1)."""
    T = len(table) - 1
    before, after = np.full(T + 1, -np.inf), np.full(T + 1, -np.inf)
    before[0] = after[T] = 0.0
    for end in range(1, T + 1):
        change = np.where(np.arange(end) > 0, log_rho, 0.0)
        before[end] = log_sum(before[:end] + change + table[:end, end])
    for first in range(T - 1, -1, -1):
        change = np.where(np.arange(first + 1, T + 1) < T, log_rho, 0.0)
        after[first] = log_sum(table[first, first + 1 :] + change + after[first + 1 :])
    starts = before + np.where(np.arange(T + 1) > 0, log_rho, 0.0)
    ends = after + np.where(np.arange(T + 1) < T, log_rho, 0.0)
    return np.exp(starts[:, None] + table + ends - before[T])


class ByPlacement(NamedTuple):
    """The posterior over placements, N of them, and what it says by row and by segment.

    stands (N, T), probability (N,): as in Answer; number (T,): P(k); placed: k -> (k, T),
    P(i-th change at s | k); mean (T,) by row; segment: k -> (k + 1,), the mean at the first
    row of each segment given k; joint (N, J): of placement and node of the shared parameter.
    """

    log_evidence: float
    stands: NDArray[np.bool_]
    probability: Floats
    number: Floats
    placed: dict[int, Floats]
    mean: Floats
    segment: dict[int, Floats]
    joint: Floats


def by_placement(
    log_marginal: Floats, means: Floats, log_outer: Floats, changes: Changes
) -> ByPlacement:
    """Sum over all placements and outer nodes, given the marginals of segments.

    Parameters
    ----------
    log_marginal, means
        (J, T + 1, T + 1), and (J, T + 1, T + 1, T): the mean by row of each segment.
    log_outer
        (J,): log weights of the outer nodes.
    """
    J, T = len(log_outer), log_marginal.shape[1] - 1
    c = number_weights(changes, T)
    found = [rows for rows in placements(T, changes.min_length) if c[len(rows)] > 0]
    k = np.array([len(rows) for rows in found])
    stands = np.zeros((len(found), T), bool)
    log_p, by_row = np.empty((len(found), J)), np.empty((len(found), J, T))
    for i, rows in enumerate(found):
        stands[i, list(rows)] = True
        log_p[i] = log_outer + np.log(c[k[i]])
        for first, end in itertools.pairwise((0, *rows, T)):
            log_p[i] += log_marginal[:, first, end]
            by_row[i, :, first:end] = means[:, first, end, first:end]
    log_evidence = float(log_sum(log_p))
    p = np.exp(log_p - log_evidence)
    each = p.sum(axis=1)
    placed, segment = {}, {}
    for number in sorted(set(k)):
        at, by_segment = np.zeros((number, T)), np.zeros(number + 1)
        for i in np.flatnonzero(k == number):
            at[np.arange(number), list(found[i])] += each[i]
            by_segment += p[i] @ by_row[i][:, [0, *found[i]]]
        total = max(each[k == number].sum(), 1e-300)
        placed[number], segment[number] = at / total, by_segment / total
    return ByPlacement(
        log_evidence,
        stands,
        each,
        np.bincount(k, weights=each, minlength=T),
        placed,
        np.einsum("nj,njt->t", p, by_row),
        segment,
        p,
    )
