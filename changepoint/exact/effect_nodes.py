"""Nodes of the coefficients of effects: where their posterior is, and points that weigh it.

Given the hyperparameter v of a family, the coefficients beta have nearly a Gaussian posterior:
its mode by Newton's method, with the gradient of Fisher's identity,

    d log p(y | beta) / d beta = sum_t x_t E[d log p(y_t | theta_t, beta) / d eta_t | y],

one pass back through the filter, where changes are summed out. Then importance: points of that
Gaussian, spread evenly, each with its exact evidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.exact import outer_quadrature as outer
from changepoint.exact import quadrature
from changepoint.exact.density import densities
from changepoint.exact.forward_backward import Filter, Wants
from changepoint.exact.hyper_nodes import HyperNodes
from changepoint.exact.row_likelihood import Rows
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.links import is_relative
from changepoint.likelihoods.series import Nodes, Series, Shifts
from changepoint.model import Model

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

EPSILON = 3e-4  # for the derivative of log densities; in units, as the next two
NUDGE = 0.02  # of coefficients, in prior standard deviations, for that of gradients
STEPS = 40  # of Newton's method
CLOSE_BY = 0.2  # of shifts that share a rough grid
LONGEST = 0.5  # step, in prior standard deviations
CLOSE = 1e-3  # squared length of the last Newton step, in posterior standard deviations
FAR = 0.5  # the same, for an approximation
INFLATED = 1.03  # standard deviations of the points, in those of the Gaussian
POINTS = 64  # where a family has no hyperparameter
BESIDE = 8  # at each value of the hyperparameter
ENOUGH = 4  # frames of points at a node, of which one is from the prior
WANTED = 0.01  # standard error of the log evidence, where that is affordable
MOST = 0.5  # the same, beyond which there is no answer
AFFORDED = 3e7  # likelihood values at all points together
KEPT = 0.5  # of the correlation of a draw's coefficients with its node's
GOLDEN = (math.sqrt(5) - 1) / 2
LOG_2PI = math.log(2 * math.pi)


class Height(NamedTuple):
    """Log p(beta) + log p(y | hyper, beta), its gradient, and the rows' information, (d, d)."""

    log_p: float
    gradient: Floats
    information: Floats


class Mode(NamedTuple):
    """A mode of the coefficients, and the curvature there: minus the Hessian."""

    beta: Floats
    log_p: float
    curvature: Floats

    @property
    def log_evidence(self) -> float:
        """Laplace's approximation."""
        _, log_det = np.linalg.slogdet(self.curvature)
        return float(self.log_p + 0.5 * (len(self.beta) * LOG_2PI - log_det))


@dataclass(frozen=True)
class Surface:
    """Log p(beta, y | hyper) of one series with effects.

    Parameters
    ----------
    model
        Resolved.
    series
        One, with the shifts of its effects.
    number, at_most
        What is known of the number of changes, see `hyper_mixture.Condition`.
    keep
        Likelihood values kept in memory.
    """

    model: Model
    series: Series
    number: int | None
    at_most: bool
    keep: int
    _grids: dict[bytes, tuple[Floats, quadrature.Grid]] = field(
        default_factory=dict, init=False, repr=False
    )

    @property
    def family(self) -> GridLikelihood:
        """The family of the rows."""
        assert isinstance(self.model.likelihood, GridLikelihood)  # `Model` makes sure
        return self.model.likelihood

    @property
    def shifts(self) -> Shifts:
        """The design, and the prior of the coefficients."""
        assert self.series.shifts is not None  # who asks has effects
        return self.series.shifts

    @property
    def sigma(self) -> Floats:
        """Standard deviations of the coefficients a priori, (d,)."""
        return self.shifts.sigma

    @property
    def unit(self) -> float:
        """A small difference on the scale of the link: of measurements it depends on theirs."""
        return 1.0 if is_relative(self.family.domain) else float(self.sigma.min())

    def prior(self, beta: Floats) -> Floats:
        """Return log p(beta) of some coefficients, (..., d) -> (...)."""
        z = beta / self.sigma
        constant = np.log(self.sigma).sum() + len(self.sigma) / 2 * LOG_2PI
        log_p: Floats = -0.5 * np.sum(z**2, axis=-1) - constant
        return log_p

    def at(self, hyper: Floats, beta: Floats) -> Height:
        """Return the height at some hyperparameters of the family and coefficients."""
        family, index = self.family, self.series.index
        psi, T, changes = np.append(hyper, beta)[None], len(index), self.model.changes
        grid = self._grid(psi)
        (density,) = densities(family, self.series, grid.nodes, psi)
        rows = Rows(density, index, grid.log_weights, changes.min_length, self.keep)
        one = Filter(rows, changes.log_rho(T))
        run = one.main if self.number is None else one.exactly(self.number, self.at_most)
        log_p = one.log_sum + run.log_total(self.at_most) + float(self.prior(beta))
        slope, bend = self._derivatives(grid.nodes, psi)
        by_row = np.zeros((2, T))
        for i, P in one.smooth(run, self.at_most, Wants(np.arange(T))):
            some = index[i : i + len(P)]
            for told, table in zip(by_row, (slope, bend), strict=True):
                told[i : i + len(P)] = np.einsum("tg,tg->t", P, table[some])
        by_pattern = np.zeros((len(self.shifts.patterns), 2))
        seen = index < len(self.series.copies)
        np.add.at(by_pattern, self.series.pattern[index[seen]], by_row[:, seen].T)
        design, worth = self.shifts.patterns, np.maximum(by_pattern[:, 1], 0.0)
        own = design - worth @ design / max(worth.sum(), 1e-300)
        return Height(
            log_p,
            design.T @ by_pattern[:, 0] - beta / self.sigma**2,
            np.diag(self.sigma**-2) + (own.T * worth) @ own,
        )

    def _grid(self, psi: Floats) -> quadrature.Grid:
        """Return a rough grid, that of coefficients close by if there is one."""
        own, by = psi[0, : psi.shape[1] - len(self.sigma)].tobytes(), self.shifts.by(psi[0])
        known = self._grids.get(own)
        if known is None or np.abs(known[0] - by).max() > CLOSE_BY * self.unit:
            steady = self.number == 0
            grid = quadrature.build(
                [self.family], self.series, [psi], quadrature.ROUGH, steady=steady
            )
            known = self._grids[own] = by, grid
        return known[1]

    def _derivatives(self, nodes: Nodes, psi: Floats) -> tuple[Floats, Floats]:
        """Return the first, and minus the second derivative of log p by eta.

        Of the distinct rows at the nodes, 0 for missing ones, (U + 1, G).
        """
        U, tables, step = len(self.series.copies), [], EPSILON * self.unit
        for epsilon in (step, 0.0, -step):
            table = np.zeros((U + 1, len(nodes.theta)))
            beside = np.append(psi, [[epsilon]], axis=1)
            (density,) = densities(self.family, self._wide, nodes, beside)
            density.log(np.arange(U), table[:-1])
            tables.append(table)
        up, here, down = tables
        return (up - down) / (2 * step), (2 * here - up - down) / step**2

    @cached_property
    def _wide(self) -> Series:
        """The series with one more coefficient, which is added to every row."""
        ones = np.ones((len(self.shifts.patterns), 1))
        wide = np.append(self.shifts.patterns, ones, axis=1)
        more = Shifts(wide, np.append(self.sigma, 1.0), (*self.shifts.names, ""))
        return replace(self.series, shifts=more)

    def curvature(self, hyper: Floats, beta: Floats) -> Floats:
        """Return minus the Hessian, by differences of the gradient."""
        d = len(beta)
        found = np.empty((d, d))
        for i in range(d):
            step = np.zeros(d)
            step[i] = NUDGE * self.sigma[i]
            up, down = self.at(hyper, beta + step), self.at(hyper, beta - step)
            found[i] = (down.gradient - up.gradient) / (2 * step[i])
        # At least the prior's in every direction.
        scale = np.outer(self.sigma, self.sigma)
        values, vectors = np.linalg.eigh((found + found.T) / 2 * scale)
        positive: Floats = (vectors * np.maximum(values, 1.0)) @ vectors.T / scale
        return positive

    def climb(self, hyper: Floats, beta: Floats, close: float = CLOSE) -> Mode:
        """Return the mode uphill from some coefficients, by damped Newton steps.

        With the information of the rows for the curvature, as if nothing changed.
        """
        now = self.at(hyper, beta)
        for _ in range(STEPS):
            step = np.linalg.solve(now.information, now.gradient)
            gain = float(step @ now.gradient)
            if gain < close:
                break
            length = min(1.0, LONGEST / float(np.abs(step / self.sigma).max()))
            while True:
                there = self.at(hyper, beta + length * step)
                if there.log_p > now.log_p + 0.1 * length * gain or length < 1e-3:
                    break
                length /= 2
            beta, now = beta + length * step, there
        return self._summit(beta, now, now.information)

    def _summit(self, beta: Floats, height: Height, curvature: Floats) -> Mode:
        """Return the top of the parabola at some coefficients close to it."""
        step = np.linalg.solve(curvature, height.gradient)
        top = height.log_p + 0.5 * float(step @ height.gradient)
        return Mode(beta + step, top, curvature)

    def mode(self, hyper: Floats) -> Mode:
        """Return the higher mode of those from no effect, and from the best without changes."""
        nothing = np.zeros(len(self.sigma))
        if self.number == 0:
            return self.climb(hyper, nothing)
        steady = replace(self, number=0, at_most=False).climb(hyper, nothing, FAR)
        found = [self.climb(hyper, start) for start in (steady.beta, nothing)]
        return max(found, key=lambda mode: mode.log_evidence)


@dataclass(frozen=True)
class Gaussians:
    """What the coefficients' posterior looks like at each node of the family's own.

    lattice
        These nodes, L of them.
    laplace
        Log evidence there, about, (L,).
    modes, roots
        Of the coefficients: the mean, (L, d), and a root of the covariance, (L, d, d).
    """

    lattice: HyperNodes
    laplace: Floats
    modes: Floats
    roots: Floats

    def unevenness(self) -> float:
        """Return how wrong sums over the lattice look."""
        log_p = self.lattice.log_weights + self.laplace
        return self.lattice.unevenness(np.exp(log_p - np.logaddexp.reduce(log_p)))

    def log_density(self, beta: Floats, of: Integers) -> Floats:
        """Return the log density of wider ones at some coefficients, (J, d) -> (J,)."""
        off = (beta - self.modes[of])[..., None] / INFLATED
        z = np.linalg.solve(self.roots, np.eye(beta.shape[1]))[of] @ off
        log_volume = np.log(INFLATED * np.diagonal(self.roots, axis1=1, axis2=2)).sum(axis=1)
        log_p: Floats = -0.5 * np.sum(z[..., 0] ** 2 + LOG_2PI, axis=1) - log_volume[of]
        return log_p


@dataclass(frozen=True)
class EffectNodes(HyperNodes):
    """Points of the coefficients at each node of the family's own hyperparameter.

    gaussians
        What they were drawn from; some from the prior instead.
    of, wide
        Which node each point goes with, ascending, and whether it is from the prior, (J,).
    """

    gaussians: Gaussians
    of: Integers
    wide: Mask

    def unevenness(self, weights: Floats) -> float:
        """Return how wrong sums over the lattice look."""
        return self.gaussians.unevenness()

    def diagnostics(self, weights: Floats) -> dict[str, float]:
        """Return the standard error of the log evidence."""
        return {"log_evidence_error": self.error(weights)}

    def error(self, weights: Floats) -> float:
        """Return the standard error of the log evidence, as if the points were random."""
        part = 2 * self.of + self.wide
        count = np.bincount(part)
        several = np.maximum(count, 1)
        squares = np.bincount(part, weights**2) - np.bincount(part, weights) ** 2 / several
        total = np.sum(squares * count / np.maximum(count - 1, 1))
        return math.sqrt(max(float(total), 0.0)) / float(weights.sum())

    def draws(self, weights: Floats, uniform: Floats) -> Floats:
        """Return draws of the family's own, and of coefficients that go with their nodes.

        Points are too few to be draws: they are pulled towards the mean, and spread out again.
        """
        at, p = self.gaussians, weights / weights.sum()
        own = at.lattice.draws(np.bincount(self.of, weights), uniform)
        node = np.searchsorted(np.cumsum(p), uniform * (1 - 1e-12))
        z = np.random.default_rng(0).standard_normal((len(node), at.modes.shape[1]))
        spread = np.einsum("nij,nj->ni", at.roots[self.of[node]], z)
        beta, mode = self.values[node, own.shape[1] :], at.modes[self.of[node]]
        near = mode + KEPT * (beta - mode) + math.sqrt(1 - KEPT**2) * spread
        return np.column_stack([own, np.where(self.wide[node, None], beta, near)])


def search(surface: Surface, fineness: float = 1.0) -> Gaussians:
    """Return where the posterior of hyperparameters and coefficients is.

    Parameters
    ----------
    fineness
        Divides the distance of the nodes of the family's own.
    """
    family = surface.family
    start = np.atleast_1d(family.hyper.median()) if family.hyper else np.empty(0)
    first = surface.mode(start)
    modes: dict[bytes, Mode] = {}

    def log_evidence(hyper: Floats) -> float:
        mode = surface.climb(hyper, first.beta, FAR)
        modes[hyper.tobytes()] = mode
        return mode.log_evidence

    lattice = outer.answered(outer.search(family, fineness), log_evidence)
    for hyper in lattice.values:
        if hyper.tobytes() not in modes:
            log_evidence(hyper)
    found = [modes[hyper.tobytes()] for hyper in lattice.values]
    laplace = np.array([mode.log_evidence for mode in found])
    best = int(laplace.argmax())
    top = surface.climb(lattice.values[best], found[best].beta)
    # What the rows' information leaves out: that changes may explain an effect.
    root = np.linalg.cholesky(top.curvature)
    inner = np.linalg.solve(root, surface.curvature(lattice.values[best], top.beta))
    left_out = np.linalg.solve(root, inner.T)
    roots = np.array([_root(mode.curvature, left_out) for mode in found])
    return Gaussians(lattice, laplace, np.array([mode.beta for mode in found]), roots)


def nodes(surface: Surface, at: Gaussians, times: int = 1) -> EffectNodes:
    """Return points of hyperparameters and coefficients, with their weights.

    By importance; where there are enough of them some are from the prior, since a change may
    explain all of an effect, and leave its coefficients free (Hesterberg 1995).

    Parameters
    ----------
    times
        How many times as many points as usual.
    """
    (L, d), sigma = at.modes.shape, surface.sigma
    frames = times * math.ceil((BESIDE if L > 1 else POINTS) / (2 * d))
    each, beside = frames * 2 * d, 2 * d * (frames >= ENOUGH)
    z = _frames(L * frames, d).reshape(frames, L, 2 * d, d).swapaxes(0, 1).reshape(-1, d)
    of, wide = np.repeat(np.arange(L), each), np.tile(np.arange(each) < beside, L)
    near = at.modes[of] + INFLATED * np.einsum("nij,nj->ni", at.roots[of], z)
    beta = np.where(wide[:, None], sigma * z, near)
    prior, share = surface.prior(beta), beside / each
    log_q = at.log_density(beta, of) + math.log1p(-share)
    if beside:
        log_q = np.logaddexp(log_q, prior + math.log(share))
    lattice = at.lattice
    return EffectNodes(
        (*lattice.names, *surface.shifts.names),
        np.column_stack([lattice.values[of], beta]),
        lattice.log_weights[of] + prior - log_q - math.log(each),
        at,
        of,
        wide,
    )


def _root(curvature: Floats, left_out: Floats) -> Floats:
    """Return a lower root of the covariance of the coefficients."""
    lower = np.linalg.cholesky(curvature)
    root: Floats = np.linalg.cholesky(np.linalg.inv(lower @ left_out @ lower.T))
    return root


def _frames(count: int, d: int) -> Floats:
    """Return points of a standard Gaussian, both ways along turned axes, (count, 2 d, d).

    What is odd in them, and most of what is quadratic, cancels in every frame; their lengths
    are spread evenly over the distribution of that of a Gaussian vector.
    """
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.standard_normal((count, d, d)))[0]
    rank = (0.5 + GOLDEN * np.arange(count)) % 1
    length = np.sqrt(2 * special.gammaincinv(d / 2, rank))
    points = length[:, None, None] * axes
    return np.concatenate([points, -points], axis=1)
