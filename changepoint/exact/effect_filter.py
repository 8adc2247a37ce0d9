"""Coefficients of effects where the parameter is on a grid: by the filter."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import EngineError
from changepoint.exact import effect_lattice, hyper_mixture, quadrature
from changepoint.exact import outer_quadrature as outer
from changepoint.exact.density import densities, tabulated
from changepoint.exact.effect_mixture import summed
from changepoint.exact.effect_nodes import Gaussians, without
from changepoint.exact.effect_surface import EPSILON, Height, Surface
from changepoint.exact.forward_backward import Filter, Wants
from changepoint.exact.hyper_mixture import KEEP, Condition, Inference, Together
from changepoint.exact.hyper_nodes import HyperNodes
from changepoint.exact.row_likelihood import Rows
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.links import heeded, is_relative
from changepoint.likelihoods.series import Nodes, Series, Shifts
from changepoint.model import Model

Floats = NDArray[np.float64]

CLOSE_BY = 0.2  # of shifts that share a rough grid, in units


def infer(
    model: Model,
    series: Series,
    condition: Condition,
    most: int = quadrature.HOLDS,
    step: float | None = None,
) -> Inference:
    """Return the inference for a resolved model and one series, with effects or without.

    Raises
    ------
    EngineError
        If grids would need too many nodes, or coefficients can't be summed out.
    """
    if series.shifts is None:
        return hyper_mixture.infer(model, series, condition, most, step)
    if series.shifts.hyper is not None:
        return effect_lattice.infer(model, series, condition, most, step)
    return summed(FilterProblem(model, series, condition, most, step))[1]


class FilterProblem:
    """A model and a series on a grid; see `effect_mixture.Problem`."""

    def __init__(
        self, model: Model, series: Series, condition: Condition, most: int, step: float | None
    ) -> None:
        assert series.shifts is not None  # who asks knows
        self.model, self.series, self.condition, self.most = model, series, condition, most
        self.shifts = series.shifts
        self._batch = Together([model], series, [condition], most, step)
        self._grid: tuple[HyperNodes, quadrature.Grid] | None = None

    def surface(self, shifts: Shifts) -> FilterSurface:
        """Return the surface of some of the coefficients."""
        return FilterSurface(self.model, replace(self.series, shifts=shifts), self.condition)

    def without(self) -> Gaussians:
        """Return where the posterior is without any effect."""
        series = replace(self.series, shifts=None)
        batch = Together([self.model], series, [self.condition], self.most, None)

        def log_evidence(hyper: Floats) -> float:
            (told,) = batch.rough(np.zeros(1, np.int64), hyper[None])
            if isinstance(told, EngineError):
                raise told
            return told

        family = batch.families[0]
        return without(lambda fineness: outer.search(family, fineness), log_evidence)

    def work(self, nodes: HyperNodes) -> float:
        """Return how many likelihood values a sum over these nodes takes."""
        grid = self._built(nodes)
        return float(len(nodes.values) * len(self.series.index) * len(grid.log_weights))

    def inference(self, nodes: HyperNodes) -> Inference:
        """Return the inference on these nodes."""
        return self._batch.inference(nodes, self._built(nodes))

    def _built(self, nodes: HyperNodes) -> quadrature.Grid:
        if self._grid is None or self._grid[0] is not nodes:
            (grid,) = self._batch.final([nodes])
            self._grid = nodes, grid
        return self._grid[1]


class FilterSurface(Surface):
    """Log p(beta, y | hyper) by the filter on rough grids.

    Parameters
    ----------
    model
        Resolved.
    series
        One, with the shifts of its effects.
    condition
        What is known of the number of changes.
    """

    def __init__(self, model: Model, series: Series, condition: Condition) -> None:
        assert series.shifts is not None  # who asks has effects
        assert isinstance(model.likelihood, GridLikelihood)  # the same
        super().__init__(series.shifts, condition.number == 0)
        self.model, self.series, self.condition = model, series, condition
        self.family: GridLikelihood = model.likelihood
        self._grids: dict[bytes, tuple[Floats, quadrature.Grid]] = {}

    @property
    def unit(self) -> float:
        """How far eta goes: of measurements that depends on theirs."""
        return 1.0 if is_relative(self.family.domain) else float(self.sigma.min())

    def without_changes(self) -> FilterSurface:
        """Return the same where nothing changes."""
        return FilterSurface(self.model, self.series, Condition(0))

    def median(self) -> Floats:
        """Return the family's hyperparameters in the middle of their prior."""
        hyper = self.family.hyper
        return np.empty(0) if hyper is None else np.atleast_1d(hyper.median())

    def nodes(self, fineness: float) -> outer.Search:
        """Return the search for nodes of the family's hyperparameters."""
        return outer.search(self.family, fineness)

    def estimates(self) -> tuple[Floats, Floats]:
        """Return what observed rows tell of eta, one by one, (n,); and their design, (n, d)."""
        series, family = self.series, self.family
        seen = series.index[series.index < len(series.copies)]
        y = series.columns["estimate"]
        if is_relative(family.domain):
            y = np.where(np.isnan(y), np.inf, y)  # of a waiting time of 0
            y = heeded(family.domain, y, float(series.pooled[0]))
        return y[seen], self.shifts.patterns[series.pattern[seen]]

    def at(self, hyper: Floats, beta: Floats) -> Height:
        """Return the height at some hyperparameters of the family and coefficients."""
        index, changes = self.series.index, self.model.changes
        psi, T = np.append(hyper, beta)[None], len(index)
        grid = self._grid(psi)
        log_p, slope, bend = self._tables(grid.nodes, psi)
        rows = Rows(tabulated(log_p), index, grid.log_weights, changes.min_length, KEEP)
        one = Filter(rows, changes.log_rho(T))
        run, at_most = self.condition.start(one), self.condition.at_most
        height = one.log_sum + run.log_total(at_most) + float(self.shifts.log_prior(beta))
        by_row = np.zeros((2, T))
        for i, P in one.smooth(run, at_most, Wants(np.arange(T))):
            some = index[i : i + len(P)]
            for told, table in zip(by_row, (slope, bend), strict=True):
                told[i : i + len(P)] = np.einsum("tg,tg->t", P, table[some])
        by_pattern = np.zeros((len(self.shifts.patterns), 2))
        seen = index < len(self.series.copies)
        np.add.at(by_pattern, self.series.pattern[index[seen]], by_row[:, seen].T)
        design, worth = self.shifts.patterns, np.maximum(by_pattern[:, 1], 0.0)
        own = design - worth @ design / max(worth.sum(), 1e-300)
        return Height(
            height,
            design.T @ by_pattern[:, 0] - beta / self.sigma**2,
            np.diag(self.sigma**-2) + (own.T * worth) @ own,
        )

    def _grid(self, psi: Floats) -> quadrature.Grid:
        """Return a rough grid, that of coefficients close by if there is one."""
        own, by = psi[0, : psi.shape[1] - len(self.sigma)].tobytes(), self.shifts.by(psi[0])
        known = self._grids.get(own)
        if known is None or np.abs(known[0] - by).max() > CLOSE_BY * self.unit:
            grid = quadrature.build(
                [self.family], self.series, [psi], quadrature.ROUGH, steady=self.steady
            )
            known = self._grids[own] = by, grid
        return known[1]

    def _tables(self, nodes: Nodes, psi: Floats) -> tuple[Floats, Floats, Floats]:
        """Return log p of the distinct rows at the nodes, (U, G), and its derivatives by eta.

        The first, and minus the second; 0 for missing rows, which come last, (U + 1, G).
        """
        step = EPSILON * self.unit
        told = [densities(self.family, self.series, nodes, psi)[0]]
        for by in (step, -step):
            wide = np.append(psi, [[by]], axis=1)
            told += densities(self.family, self._wide, nodes, wide)
        tables = np.zeros((3, len(self.series.copies) + 1, len(nodes.theta)))
        for table, density in zip(tables, told, strict=True):
            density.log(np.arange(len(table) - 1), table[:-1])
        here, up, down = tables
        return here[:-1], (up - down) / (2 * step), (2 * here - up - down) / step**2

    @cached_property
    def _wide(self) -> Series:
        """The series with one more coefficient, which is added to every row."""
        ones = np.ones((len(self.shifts.patterns), 1))
        wide = np.append(self.shifts.patterns, ones, axis=1)
        more = self.shifts._replace(patterns=wide, sigma=np.append(self.sigma, 1.0))
        return replace(self.series, shifts=more)
