"""Nodes of the hyperparameters, weighed, and what is read off them.

Each kind of them says itself how draws lie between its nodes, and how far a sum can be trusted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from changepoint.exact.hyper_prior import HyperPrior
from changepoint.kernels.quantiles import halved, quantiles
from changepoint.likelihoods.series import Shifts

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HyperNodes:
    """J vectors of d hyperparameters, as they stand: one that is given, or of no dimension.

    Attributes
    ----------
    names
        Of the hyperparameters, d of them; the family's own comes first.
    values
        Vectors, (J, d).
    log_weights
        Of the prior, times the volume that each node stands for, (J,).
    """

    names: tuple[str, ...]
    values: Floats
    log_weights: Floats

    def extreme(self, shifts: Shifts | None) -> Floats:
        """Return the vectors that ask most of a grid of the segments' parameter, (n, d).

        At the least and largest of the family's own, and of the shifts of rows.
        """
        if shifts is None:
            return np.array([self.values.min(axis=0), self.values.max(axis=0)])
        by = [shifts.by(psi) for psi in self.values]
        told = [*self.values.T[:1], np.min(by, axis=1), np.max(by, axis=1)]
        ends = [which for one in told for which in (one.argmin(), one.argmax())]
        return self.values[ends]

    def moved(self, by: float) -> Floats:
        """Return log weights, (J,), where the prior of the family's own is moved up by so much.

        In the coordinate of its `HyperPrior`; with `by` = 0 these are `log_weights`.
        """
        return self.log_weights

    def unevenness(self, weights: Floats) -> float:
        """Return how wrong sums with these posterior weights, (J,), look."""
        return 0.0

    def diagnostics(self, weights: Floats) -> dict[str, float]:
        """Return what says how good they are, beside their number."""
        return {}

    def draws(self, weights: Floats, uniform: Floats) -> Floats:
        """Return a draw for each rank within the posterior weights, (D,) -> (D, d)."""
        return self.values[np.searchsorted(np.cumsum(weights), uniform * (1 - 1e-12))]


@dataclass(frozen=True)
class Lattice(HyperNodes):
    """Of one hyperparameter, at equal steps of a coordinate v, (J,), on which its prior is.

    The first may be a limit (the Binomial of a BetaBinomial), which has no place in v: its
    `v` is -inf, and it carries the weight of all values below the second.
    """

    prior: HyperPrior
    v: Floats

    def moved(self, by: float) -> Floats:
        """Return log weights under the prior moved up by so much in v, not bent, (J,)."""
        limit = bool(np.isinf(self.v[0]))
        v = self.v[1:] if limit else self.v
        return lattice_weights(self.prior.moved(by), v, _step(v), limit)

    def posterior(self, weights: Floats) -> tuple[float, float, Floats]:
        """Return the posterior of v at equal steps: first v, step, log density, not normalised.

        Where a limit carries the weight of what lies below the second node, that is spread out
        again, as it was collected; the first density is then that of all places further down.
        """
        limit = int(np.isinf(self.v[0]))
        v = self.v[limit:]
        step = _step(v)
        density = np.zeros(round((v[-1] - v[0]) / step) + 1)
        density[np.round((v - v[0]) / step).astype(int)] = weights[limit:]
        first = float(v[0])
        if limit:
            below, parts = tail(self.prior, first, step)
            three = [0, 1, 1 + apart(step)]
            collected = np.exp(self.log_weights[three])
            evidence = np.divide(weights[three], collected, np.zeros(3), where=collected > 0)
            two = [0, apart(step)]
            density[two] = step * np.exp(self.prior.log_density(v[two])) * evidence[1:]
            beyond = np.maximum(below * (evidence @ parts), 0)  # a parabola of rounded zeros
            density = np.concatenate([beyond[::-1], density])
            first -= step * len(below)
        with np.errstate(divide="ignore"):
            return first, step, np.log(density)

    def unevenness(self, weights: Floats) -> float:
        """Return by how much every other node carries more, or less, than the rest.

        The difference is the real part of the weights' Fourier transform, which may pass
        through 0; so half of its absolute value at a frequency close by, if that is more.
        """
        p = np.exp(self.posterior(weights)[2])
        p = p[1:] if np.isinf(self.v[0]) else p  # the first is all beyond
        nearby = abs(np.sum(p * np.exp(0.9j * np.pi * np.arange(len(p)))))
        return float(max(abs(p[::2].sum() - p[1::2].sum()), nearby / 2) / p.sum())

    def draws(self, weights: Floats, uniform: Floats) -> Floats:
        """Return quantiles of the posterior, interpolated between nodes, of these ranks.

        What goes with the node of the same rank has its exact marginals beside them.
        """
        v, step, log_density = self.posterior(weights)
        order = np.argsort(uniform)
        places = np.empty(len(order))
        row = np.zeros(len(order), np.int64)
        places[order] = quantiles(halved(log_density[None]), row, uniform[order]) / 2
        return self.prior.value(v + step * places)[:, None]


def beyond(nodes: HyperNodes, by: float) -> Floats:
    """Return by how much log weights rise where the prior is moved, 0 of those without any."""
    known = np.isfinite(nodes.log_weights)
    return np.where(known, nodes.moved(by) - np.where(known, nodes.log_weights, 0.0), 0.0)


def _step(v: Floats) -> float:
    return float(np.min(np.diff(v))) if len(v) > 1 else 1.0


def lattice_weights(prior: HyperPrior, v: Floats, step: float, limit: bool) -> Floats:
    """Return log weights of nodes at equal steps; before them that of the limit, if any.

    With a limit three nodes carry the weight of all that lies below the first: itself, the
    first, and one above; see `tail`.
    """
    weights = math.log(step) + prior.log_density(v)
    if not limit:
        return weights
    below, parts = tail(prior, float(v[0]), step)
    weights = np.append(-np.inf, weights)
    three = [0, 1, 1 + apart(step)]
    with np.errstate(divide="ignore"):
        # A parabola takes from the third: of a prior that is all below, more than it has.
        weights[three] = np.log(np.maximum(np.exp(weights[three]) + parts @ below, 0.0))
    return weights


def tail(prior: HyperPrior, v: float, step: float) -> tuple[Floats, Floats]:
    """Return the lattice weights below v, and what the evidence there takes from others.

    From its limit, from v and from a third node above, shape (3, n): by the parabola in
    exp(native). The last weight is that of all further places.
    """
    third = v + apart(step) * step
    places: Floats = v - step * np.arange(1.0, min(math.ceil(60 / step), 1e6))
    weights = step * np.exp(prior.log_density(places))
    native = prior.native(np.concatenate([[v, third], places, [places[-1] - step / 2]]))
    z = np.exp(native - native[0])
    up, z = z[1], np.append(z[2:-1], 0.0)
    parts = [(1 - z) * (1 - z / up), z * (up - z) / (up - 1), z * (z - 1) / (up * (up - 1))]
    return np.append(weights, prior.below(float(places[-1] - step / 2))), np.array(parts)


def apart(step: float) -> int:
    """Return how many steps the nodes of a parabola are apart: not too close."""
    return max(1, round(0.8 / step))
