"""Log p(coefficients of effects, y), changes summed out: its gradient, and its modes.

Given the hyperparameter v of a family, the coefficients beta have nearly a Gaussian posterior:
its mode by Newton's method, with the gradient of Fisher's identity,

    d log p(y | beta) / d beta = sum_t x_t E[d log p(y_t | theta_t, beta) / d eta_t | y],

one pass back through the filter.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.exact import quadrature
from changepoint.exact.density import Density, densities
from changepoint.exact.forward_backward import Filter, Wants
from changepoint.exact.row_likelihood import Rows
from changepoint.likelihoods.counts import LOG_2PI
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.links import is_relative, linked
from changepoint.likelihoods.series import Nodes, Series, Shifts
from changepoint.model import Model

Floats = NDArray[np.float64]

EPSILON = 3e-4  # for the derivative of log densities; in units, as the next two
NUDGE = 0.02  # of coefficients, in prior standard deviations, for that of gradients
STEPS = 40  # of Newton's method
CLOSE_BY = 0.2  # of shifts that share a rough grid
LONGEST = 0.5  # step, in prior standard deviations
CLOSE = 1e-3  # squared length of the last Newton step, in posterior standard deviations
FAR = 0.5  # the same, for an approximation
APART = 4.0  # squared distance of modes that differ, in posterior standard deviations
HOPELESS = 12.0  # log evidence by which a mode may be behind
ROUNDS = 4  # of a guess, whose noise is what it leaves
ODD = 20.0  # times the pooled rate: estimates beyond say little


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

    def at(self, hyper: Floats, beta: Floats) -> Height:
        """Return the height at some hyperparameters of the family and coefficients."""
        family, index = self.family, self.series.index
        psi, T, changes = np.append(hyper, beta)[None], len(index), self.model.changes
        grid = self._grid(psi)
        (density,) = densities(family, self.series, grid.nodes, psi)
        rows = Rows(density, index, grid.log_weights, changes.min_length, self.keep)
        one = Filter(rows, changes.log_rho(T))
        run = one.main if self.number is None else one.exactly(self.number, self.at_most)
        log_p = one.log_sum + run.log_total(self.at_most) + float(self.shifts.log_prior(beta))
        slope, bend = self._derivatives(density, grid.nodes, psi)
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

    def _derivatives(self, here: Density, nodes: Nodes, psi: Floats) -> tuple[Floats, Floats]:
        """Return the first, and minus the second derivative of log p by eta.

        Of the distinct rows at the nodes, 0 for missing ones, (U + 1, G).
        """
        step = EPSILON * self.unit
        up, down = (
            densities(self.family, self._wide, nodes, np.append(psi, [[by]], axis=1))[0]
            for by in (step, -step)
        )
        tables = np.zeros((3, len(self.series.copies) + 1, len(nodes.theta)))
        for table, density in zip(tables, (up, here, down), strict=True):
            density.log(np.arange(len(table) - 1), table[:-1])
        return (tables[0] - tables[2]) / (2 * step), (
            2 * tables[1] - tables[0] - tables[2]
        ) / step**2

    @cached_property
    def _wide(self) -> Series:
        """The series with one more coefficient, which is added to every row."""
        ones = np.ones((len(self.shifts.patterns), 1))
        wide = np.append(self.shifts.patterns, ones, axis=1)
        more = self.shifts._replace(patterns=wide, sigma=np.append(self.sigma, 1.0))
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

    def glance(self, hyper: Floats) -> Mode:
        """Return where a mode may be, from one Newton step; the higher of two."""
        found = []
        for beta in (self.guess(), np.zeros(len(self.sigma))):
            there = self.at(hyper, beta)
            found.append(self._summit(beta, there, there.information))
        return max(found, key=lambda mode: mode.log_evidence)

    def modes(self, hyper: Floats) -> list[Mode]:
        """Return the likeliest modes, one or two: those uphill from three places.

        A guess, the best without changes, and no effect: a change may explain an effect, or an
        effect a change.
        """
        starts = [self.guess(), np.zeros(len(self.sigma))]
        if self.number != 0:
            steady = replace(self, number=0, at_most=False)
            starts.append(steady.climb(hyper, starts[0], FAR).beta)
        found = [self.climb(hyper, start) for start in starts]
        found.sort(key=lambda mode: -mode.log_evidence)
        top = found[0]
        for mode in found[1:]:
            off = top.beta - mode.beta
            apart = off @ mode.curvature @ off > APART
            if apart and top.log_evidence - mode.log_evidence < HOPELESS:
                return [top, mode]
        return [top]

    def guess(self) -> Floats:
        """Return coefficients by least squares on differences of neighbours.

        Which changes of the level leave alone, but for the rows where they happen.
        """
        series, family = self.series, self.family
        seen = series.index[series.index < len(series.copies)]
        y = series.columns["estimate"]
        if is_relative(family.domain):  # rows without events say little
            pooled = float(series.pooled[0])
            y = np.clip(y, pooled / ODD, min(ODD * pooled, 1 - (1 - pooled) / ODD))
        eta = np.diff(linked(family.domain, y)[seen])
        x = np.diff(self.shifts.patterns[series.pattern[seen]], axis=0)
        beta = np.zeros(len(self.sigma))
        for _ in range(ROUNDS):
            rest = eta - x @ beta
            noise = max(float(rest @ rest) / max(len(rest), 1), (EPSILON * self.unit) ** 2)
            worth = x.T @ x / noise + np.diag(self.sigma**-2)
            beta = np.linalg.solve(worth, x.T @ eta / noise)
        return beta
