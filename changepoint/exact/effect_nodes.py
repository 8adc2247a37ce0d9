"""Nodes of the coefficients of effects: where their posterior is, and points that weigh it.

Given the hyperparameter v of a family, the coefficients beta have nearly a Gaussian posterior:
its mode by Newton's method, with the gradient of Fisher's identity,

    d log p(y | beta) / d beta = sum_t x_t E[d log p(y_t | theta_t, beta) / d eta_t | y],

one pass back through the filter, where changes are summed out. Then importance: points of that
Gaussian, quasi-random, each with its exact evidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.stats import qmc

from changepoint.errors import EngineError
from changepoint.exact import quadrature
from changepoint.exact.density import densities
from changepoint.exact.forward_backward import Filter, Wants
from changepoint.exact.hyper_mixture import KEEP, Condition
from changepoint.exact.row_likelihood import Rows
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.links import shift
from changepoint.likelihoods.series import Nodes, Series
from changepoint.model import Model

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

EPSILON = 3e-4  # of eta, for the derivative of log densities
NUDGE = 0.02  # of coefficients, in prior standard deviations, for that of gradients
STEPS = 40  # of Newton's method
LONGEST = 0.5  # step, on the link's scale
CLOSE = 1e-3  # squared length of the last Newton step, in posterior standard deviations
INFLATED = 1.1  # standard deviations of the points, in those of the Gaussian
LOG_2PI = math.log(2 * math.pi)


class Shifts(NamedTuple):
    """The design of all effects: its distinct rows, and the prior of the coefficients.

    patterns
        (P, d).
    sigma
        Prior standard deviations, (d,).
    """

    patterns: Floats
    sigma: Floats


class Height(NamedTuple):
    """Log p(beta) + log p(y | beta) and its gradient."""

    log_p: float
    gradient: Floats


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
    """Log p(beta, y | hyper) of one series under one condition on the number of changes."""

    model: Model
    series: Series
    shifts: Shifts
    condition: Condition
    most: int = quadrature.HOLDS
    step: float = quadrature.ROUGH

    @property
    def family(self) -> GridLikelihood:
        """The family of the rows."""
        assert isinstance(self.model.likelihood, GridLikelihood)
        return self.model.likelihood

    def shifted(self, beta: Floats) -> Series:
        """Return the series with its rows shifted."""
        by, series, domain = self.shifts.patterns @ beta, self.series, self.family.domain
        ends = []
        for end, most in ((series.least, by.max()), (series.largest, by.min())):
            ends.append(shift(domain, Nodes(end, 1 - end), -most).theta)
        return series.shifted(by, *ends)

    def prior(self, beta: Floats) -> float:
        """Return log p(beta)."""
        z = beta / self.shifts.sigma
        return float(-0.5 * z @ z - np.log(self.shifts.sigma).sum() - len(z) / 2 * LOG_2PI)

    def at(self, hyper: Floats, beta: Floats) -> Height:
        """Return the height at some coefficients, and its gradient."""
        series, family, m = self.shifted(beta), self.family, self.model.changes.min_length
        grid = quadrature.build(
            [family], series, [hyper], self.step, self.most, self.condition == Condition(0)
        )
        (density,) = densities(family, series, grid.nodes, hyper)
        T = len(series.index)
        rows = Rows(density, series.index, grid.log_weights, m, KEEP)
        one = Filter(rows, self.model.changes.log_rho(T))
        run = self.condition.start(one)
        log_p = one.log_sum + self.condition.log_share(run) + self.prior(beta)
        score, bands = self._score(series, grid.nodes, hyper), np.arange(T)
        told = np.zeros(T)
        for i, P in one.smooth(run, self.condition.at_most, Wants(bands)):
            some = series.index[i : i + len(P)]
            told[i : i + len(P)] = np.einsum("tg,tg->t", P, score[some])
        by_pattern = np.zeros(len(self.shifts.patterns))
        seen = series.index < len(series.copies)
        assert series.pattern is not None
        np.add.at(by_pattern, series.pattern[series.index[seen]], told[seen])
        gradient = self.shifts.patterns.T @ by_pattern - beta / self.shifts.sigma**2
        return Height(log_p, gradient)

    def _score(self, series: Series, nodes: Nodes, hyper: Floats) -> Floats:
        """Return d log p / d eta of the distinct rows at the nodes, 0 for missing ones."""
        assert series.shift is not None
        U, G = len(series.copies), len(nodes.theta)
        tables = []
        for epsilon in (EPSILON, -EPSILON):
            beside = series.shifted(series.shift + epsilon, series.least, series.largest)
            table = np.zeros((U + 1, G))
            densities(self.family, beside, nodes, hyper)[0].log(np.arange(U), table[:-1])
            tables.append(table)
        slope: Floats = (tables[0] - tables[1]) / (2 * EPSILON)
        return slope

    def curvature(self, hyper: Floats, beta: Floats) -> Floats:
        """Return minus the Hessian, by differences of the gradient."""
        d = len(beta)
        found = np.empty((d, d))
        for i in range(d):
            step = np.zeros(d)
            step[i] = NUDGE * self.shifts.sigma[i]
            up, down = self.at(hyper, beta + step), self.at(hyper, beta - step)
            found[i] = (down.gradient - up.gradient) / (2 * step[i])
        return _positive((found + found.T) / 2, self.shifts.sigma)

    def climb(self, hyper: Floats, beta: Floats, curvature: Floats) -> Mode:
        """Return the mode uphill from some coefficients, by damped Newton steps."""
        now = self.at(hyper, beta)
        for _ in range(STEPS):
            step = np.linalg.solve(curvature, now.gradient)
            gain = float(step @ now.gradient)
            if gain < CLOSE:
                break
            length = min(1.0, LONGEST / float(np.abs(self.shifts.patterns @ step).max()))
            while True:
                there = self.at(hyper, beta + length * step)
                if there.log_p > now.log_p + 0.1 * length * gain or length < 1e-3:
                    break
                length /= 2
            beta, now = beta + length * step, there
            if length < 1:
                curvature = self.curvature(hyper, beta)
        # What is left to climb is that of a parabola.
        step = np.linalg.solve(curvature, now.gradient)
        return Mode(beta + step, now.log_p + 0.5 * float(step @ now.gradient), curvature)


def _positive(curvature: Floats, sigma: Floats) -> Floats:
    """Return a curvature that is at least the prior's in every direction."""
    values, vectors = np.linalg.eigh(curvature * np.outer(sigma, sigma))
    scaled = (vectors * np.maximum(values, 1.0)) @ vectors.T
    found: Floats = scaled / np.outer(sigma, sigma)
    return found


class Points(NamedTuple):
    """Points of the coefficients, (M, d), and the log of 1 / (M density), (M,)."""

    beta: Floats
    log_weights: Floats


def points(mode: Mode, count: int) -> Points:
    """Return quasi-random points of the Gaussian at a mode."""
    d = len(mode.beta)
    uniform = qmc.Sobol(d, seed=0).random(count)
    z = INFLATED * special.ndtri(np.clip(uniform, 1e-12, 1 - 1e-12))
    root = np.linalg.cholesky(np.linalg.inv(mode.curvature))
    log_density = -0.5 * np.sum((z / INFLATED) ** 2, axis=1) - d * (
        0.5 * LOG_2PI + math.log(INFLATED)
    )
    log_density -= float(np.log(np.diag(root)).sum())
    return Points(mode.beta + z @ root.T, -log_density - math.log(count))


def check(efficiency: float) -> None:
    """Raise where the points tell too little of the posterior."""
    if not efficiency > 0.1:
        raise EngineError(
            f"the coefficients of the effects can't be summed out by importance: "
            f"{efficiency:.1%} of the points count. Use fewer effects, or MCMC"
        )
