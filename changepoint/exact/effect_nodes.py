"""Nodes of the coefficients of effects: points that weigh their posterior, by importance.

At each node of the family's own hyperparameter the posterior of the coefficients is nearly one
Gaussian, or two (`effect_surface`). Points of these are spread evenly, each with its exact
evidence. Without coefficients there is one point, the node itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.exact import outer_quadrature as outer
from changepoint.exact.effect_surface import FAR, Mode, Surface
from changepoint.exact.hyper_nodes import HyperNodes, beyond
from changepoint.likelihoods.counts import LOG_2PI
from changepoint.likelihoods.series import Shifts

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
SearchOf = Callable[[float], outer.Search]

INFLATED = 1.03  # standard deviations of the points, in those of the Gaussian
PAIRS_ALONE = 12  # of points, where a family has no hyperparameter
PAIRS = 2  # at each value of the hyperparameter
FAINT = 0.02  # posterior probability up to which a node has one pair
LEFT_OUT = 1e-5  # the same, up to which it has none
DEFENSIVE = 8  # one pair in so many is from the prior
FINENESS = 2 / 3  # of the family's own nodes, whose sums need no more digits than these
UNEVEN = 0.05  # of every other of these against the rest, of which the error is the square
GOLDEN = (math.sqrt(5) - 1) / 2


class Gaussians(NamedTuple):
    """What the coefficients' posterior looks like at each node of the family's own.

    lattice
        These nodes, L of them.
    laplace
        Log evidence there, about, (L,).
    modes, roots
        Of M Gaussians: means, (L, M, d), and roots of the covariances, (L, M, d, d).
    """

    lattice: HyperNodes
    laplace: Floats
    modes: Floats
    roots: Floats

    @property
    def log_evidence(self) -> float:
        """About, of all nodes."""
        return float(np.logaddexp.reduce(self.lattice.log_weights + self.laplace))

    @property
    def weights(self) -> Floats:
        """Posterior weights of the nodes, about, (L,)."""
        weights: Floats = np.exp(self.lattice.log_weights + self.laplace - self.log_evidence)
        return weights

    @property
    def likeliest(self) -> Floats:
        """Likely coefficients: the first mode at the node that weighs most, (d,)."""
        first: Floats = self.modes[int(self.weights.argmax()), 0]
        return first

    def log_densities(self, beta: Floats, of: Integers) -> Floats:
        """Return log densities of wider ones at some coefficients, (J, d) -> (J, M)."""
        off = (beta[:, None] - self.modes[of])[..., None] / INFLATED
        z = np.linalg.solve(self.roots, np.eye(beta.shape[1]))[of] @ off
        log_volume = np.log(INFLATED * np.diagonal(self.roots, axis1=2, axis2=3)).sum(axis=2)
        log_p: Floats = -0.5 * np.sum(z[..., 0] ** 2 + LOG_2PI, axis=2) - log_volume[of]
        return log_p


@dataclass(frozen=True)
class Points(HyperNodes):
    """Pairs of points, on both sides of a mode, at each node of the family's own.

    gaussians
        What they were drawn from.
    of, part
        Which node each point goes with, ascending, and which of its Gaussians it is from, M if
        from the prior, (J,).
    """

    gaussians: Gaussians
    of: Integers
    part: Integers

    def moved(self, by: float) -> Floats:
        """Return log weights where the prior of the family's own is moved up, (J,)."""
        lattice = self.gaussians.lattice
        return self.log_weights + beyond(lattice, by)[self.of]

    def error(self, weights: Floats) -> float:
        """Return the standard error of the log evidence, as if pairs were random.

        Of each Gaussian by the differences of successive pairs, from node to node.
        """
        L, M, d = self.gaussians.modes.shape
        if not d:
            return 0.0
        of, part, pairs = self.of[::2], self.part[::2], weights.reshape(-1, 2).sum(axis=1)
        count = np.bincount(of, minlength=L)
        by_node = np.bincount(of, pairs, L)
        share = by_node / max(by_node.sum(), 1e-300)
        square = 0.0
        for one in range(M + 1):
            mine = np.flatnonzero((part == one) & (by_node[of] > 0))
            if not len(mine):
                continue
            node = of[mine]
            value = pairs[mine] * count[node] / by_node[node]  # 1 where all weigh the same
            if len(mine) > 1:
                p = (share[node[1:]] + share[node[:-1]]) / 2
                variance = float(p @ np.diff(value) ** 2 / p.sum()) / 2
            else:
                variance = float(value @ value)
            square += variance * float(np.sum((share / count.clip(1))[node] ** 2))
        return math.sqrt(square)

    def draws(self, weights: Floats, uniform: Floats) -> Floats:
        """Return draws of the family's own, and the coefficients of the point of that rank."""
        at, node = self.gaussians, _ranked(weights, uniform)
        mass = np.bincount(self.of, weights, len(at.laplace)) / weights.sum()
        own = at.lattice.draws(np.where(mass > 0, mass, at.weights), uniform)
        return np.column_stack([own, self.values[node, own.shape[1] :]])

    def spread(self, weights: Floats, rng: np.random.Generator, count: int) -> Floats:
        """Return a large sample of the coefficients, which points are too few for, (n, d).

        Of each point's Gaussian, with the mean of the points.
        """
        at, chosen = self.gaussians, _ranked(weights, (np.arange(count) + 0.5) / count)
        beta = self.values[:, len(at.lattice.names) :]
        M, part = at.modes.shape[1], self.part[chosen]
        found, near = beta[chosen], part < M
        of, part = self.of[chosen][near], part[near]
        z = rng.standard_normal((len(of), beta.shape[1]))
        found[near] = at.modes[of, part] + np.einsum("nij,nj->ni", at.roots[of, part], z)
        moved: Floats = found + (weights @ beta / weights.sum() - found.mean(axis=0))
        return moved


def _ranked(weights: Floats, uniform: Floats) -> Integers:
    """Return the node of each rank within the posterior weights."""
    cumulated = np.cumsum(weights)
    return np.searchsorted(cumulated / cumulated[-1], uniform * (1 - 1e-12))


def search(surface: Surface) -> Gaussians:
    """Return where the posterior of hyperparameters and coefficients is.

    The nodes are found with the mode uphill from a guess; the modes at the likeliest of them
    are those of all.
    """
    first = surface.climb(surface.median(), surface.guess(), FAR)
    modes: dict[bytes, Mode] = {}

    def log_evidence(hyper: Floats) -> float:
        if hyper.tobytes() not in modes:
            modes[hyper.tobytes()] = surface.climb(hyper, first.beta, FAR)
        return modes[hyper.tobytes()].log_evidence

    lattice = _lattice(surface.nodes, log_evidence)
    laplace = np.array([log_evidence(hyper) for hyper in lattice.values])
    best = lattice.values[int(laplace.argmax())]
    tops = surface.modes(best)
    found = [[surface.climb(hyper, top.beta, FAR) for hyper in lattice.values] for top in tops]
    roots = [
        _roots(surface.curvature(best, top.beta), top.curvature, some)
        for top, some in zip(tops, found, strict=True)
    ]
    every = np.array([[mode.log_evidence for mode in some] for some in found])
    return Gaussians(
        lattice,
        np.logaddexp.reduce(every),
        np.array([[mode.beta for mode in some] for some in found]).swapaxes(0, 1),
        np.array(roots).swapaxes(0, 1),
    )


def without(nodes: SearchOf, log_evidence: Callable[[Floats], float]) -> Gaussians:
    """Return the same where there are no coefficients.

    `nodes` gives the search for nodes of the family's hyperparameters, by fineness.
    """
    known: dict[bytes, float] = {}

    def kept(hyper: Floats) -> float:
        if hyper.tobytes() not in known:
            known[hyper.tobytes()] = log_evidence(hyper)
        return known[hyper.tobytes()]

    lattice = _lattice(nodes, kept)
    L, laplace = len(lattice.values), np.array([kept(hyper) for hyper in lattice.values])
    return Gaussians(lattice, laplace, np.empty((L, 1, 0)), np.empty((L, 1, 0, 0)))


def glimpse(surface: Surface, known: Gaussians, start: Floats | None = None) -> Gaussians:
    """Return about where it is, from one look at the likeliest node of other coefficients.

    From there, if it is said where that is, else from where a surface would look for itself.
    """
    best = int(known.weights.argmax())
    top = surface.glance(known.lattice.values[best], start)
    L, d = len(known.laplace), len(top.beta)
    root = np.linalg.cholesky(np.linalg.inv(top.curvature))
    return Gaussians(
        known.lattice,
        known.laplace + top.log_evidence - known.laplace[best],
        np.broadcast_to(top.beta, (L, 1, d)),
        np.broadcast_to(root, (L, 1, d, d)),
    )


def _lattice(nodes: SearchOf, log_evidence: Callable[[Floats], float]) -> HyperNodes:
    """Return nodes of the family's own that are fine enough for points."""
    for fineness in (FINENESS, 2 * FINENESS, 4 * FINENESS):
        lattice = outer.answered(nodes(fineness), log_evidence)
        log_p = lattice.log_weights + [log_evidence(hyper) for hyper in lattice.values]
        if lattice.unevenness(np.exp(log_p - np.logaddexp.reduce(log_p))) < UNEVEN:
            break
    return lattice


def _roots(curvature: Floats, rough: Floats, modes: list[Mode]) -> Floats:
    """Return roots of the covariance at modes, from the curvature at one of them, (L, d, d).

    What the rows' information leaves out: that changes may explain an effect.
    """
    root = np.linalg.cholesky(rough)
    left_out = np.linalg.solve(root, np.linalg.solve(root, curvature).T)
    found = []
    for mode in modes:
        lower = np.linalg.cholesky(mode.curvature)
        found.append(np.linalg.cholesky(np.linalg.inv(lower @ left_out @ lower.T)))
    return np.array(found)


def points(at: Gaussians, shifts: Shifts | None, share: float, times: int) -> Points:
    """Return points of hyperparameters and coefficients, with their weights.

    By importance; where there are enough of them some are from the prior, since a change may
    explain all of an effect, and leave its coefficients free (Hesterberg 1995).

    Parameters
    ----------
    shifts
        Of the coefficients; None without any.
    share
        Posterior probability of all points, about.
    times
        How many times as many points as usual.
    """
    lattice, (L, M, d) = at.lattice, at.modes.shape
    probability = share * at.weights
    wanted = (probability >= LEFT_OUT) | (probability == probability.max())
    if shifts is None:
        of = np.flatnonzero(wanted)
        weights = lattice.log_weights[of]
        return Points(lattice.names, lattice.values[of], weights, at, of, np.zeros_like(of))
    each = np.where(probability > FAINT, PAIRS if L > 1 else PAIRS_ALONE, 1) * times * wanted
    near = -(-each // M)  # of each Gaussian
    beside = M * near // DEFENSIVE
    pairs = M * near + beside
    of = np.repeat(np.arange(L), pairs)
    place = np.arange(len(of)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    part = np.where(place < (M * near)[of], place % M, M)
    z = _pairs(len(of), d).reshape(-1, d)
    of, part = np.repeat(of, 2), np.repeat(part, 2)
    gaussian = np.minimum(part, M - 1)
    beta = at.modes[of, gaussian] + INFLATED * np.einsum(
        "nij,nj->ni", at.roots[of, gaussian], z
    )
    beta[part == M] = shifts.sigma * z[part == M]
    prior = shifts.log_prior(beta)
    with np.errstate(divide="ignore"):
        log_share = np.log(np.array([near, beside]) / pairs.clip(1))[:, of]
    log_q = np.logaddexp.reduce(at.log_densities(beta, of), axis=1) + log_share[0]
    log_q = np.logaddexp(log_q, prior + log_share[1])
    return Points(
        (*lattice.names, *shifts.names),
        np.column_stack([lattice.values[of], beta]),
        lattice.log_weights[of] + prior - log_q - np.log(2 * pairs[of]),
        at,
        of,
        part,
    )


def _pairs(count: int, d: int) -> Floats:
    """Return points of a standard Gaussian, both ways along turned axes, (count, 2, d).

    What is odd in them cancels, and in d pairs most of what is quadratic; their lengths are
    spread evenly over the distribution of that of a Gaussian vector.
    """
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.standard_normal((-(-count // d), d, d)))[0].reshape(-1, d)[:count]
    rank = (0.5 + GOLDEN * np.arange(count)) % 1
    away = np.sqrt(2 * special.gammaincinv(d / 2, rank))[:, None] * axes
    return np.stack([away, -away], axis=1)
