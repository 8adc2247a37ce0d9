"""P(any change) of many series under one model: the nodes that they share are laid once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import ChangepointError
from changepoint.exact import quadrature
from changepoint.exact.density import Density, densities
from changepoint.exact.engine import Exact
from changepoint.exact.forward_backward import Filter
from changepoint.exact.hyper_mixture import Condition, Together
from changepoint.exact.hyper_nodes import HyperNodes, Lattice
from changepoint.exact.row_likelihood import Rows
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.series import join
from changepoint.model import Model
from changepoint.observations import ROLES, Observations
from changepoint.results.result import CHAINS, Result
from changepoint.results.summaries import of_any

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

STEP = 1.2  # of nodes, coarser than the engine's: P errs by less than 1e-4
FEW = 12  # series up to which nothing is gained
PILOTS = 9  # series whose own nodes are sought, to take those of the middle one
BEYOND = 2  # nodes beyond those of one series, for others whose posterior lies aside
EDGE = 3e-3  # posterior weight of the last node, beyond which nodes don't reach far enough
UNEVEN = 0.03  # as for `exact.hyper_mixture`: sums are wrong by about its square


class Chances:
    """Answers for series of one length and kind, all under one resolved model.

    Nodes of the parameter, and of what all segments share, are laid for many series at once,
    and tables of likelihood made once. Where that may not do for one of them, or the model has
    effects or no grid, the exact engine answers. Probabilities differ from its own by less
    than 0.001.
    """

    def __init__(self, model: Model) -> None:
        self.model, self.family = model, model.likelihood
        self._nodes: HyperNodes | None = None

    def __call__(self, series: Sequence[Observations]) -> Floats:
        """Return P(any change) of each, (B,)."""
        if len(series) <= FEW or not self.shares(series[0]):
            return np.array([of_any(one.number_probability) for one in self.results(series)])
        p = self._shared(series)
        left = np.flatnonzero(np.isnan(p)).tolist()
        if 3 * len(left) > len(series):  # these series are of another kind than those before
            self._nodes = None
        answered = self.results([series[i] for i in left])
        p[left] = [of_any(one.number_probability) for one in answered]
        return p

    def results(self, series: Sequence[Observations]) -> list[Result]:
        """Return the whole answer to each, by the exact engine."""
        n = len(series)
        found: list[Result | None] = [None] * n
        each = Exact(draws=CHAINS).run_each(
            [self.model] * n, series, [()] * n, [0] * n, [np.zeros(1, np.int64)] * n
        )
        for i, result in each:
            if isinstance(result, ChangepointError):
                raise result
            found[i] = result
        return [result for result in found if result is not None]

    def shares(self, one: Observations) -> bool:
        """Return whether nodes are shared by many series like this one, which is quick."""
        family = self.family
        return (
            isinstance(family, GridLikelihood)
            and not family.heavy_tails
            and not self.model.effects
            and family.candidates(one) == (family,)
        )

    def _shared(self, series: Sequence[Observations]) -> Floats:
        """Return the same with shared nodes; NaN where they may not do."""
        assert isinstance(self.family, GridLikelihood)  # who asks knows
        T, B = len(series[0]), len(series)
        condition = Condition.of(self.model.changes, T)
        if self._nodes is None:
            self._nodes = self._sought(series[:: max(B // PILOTS, 1)][:PILOTS], condition)
        nodes = self._nodes
        every = self.family.series(_joined(series))
        ends = [psi[None] for psi in nodes.extreme(None)]
        # In standard deviations of one series' posterior, not of that of all rows in one.
        grid = quadrature.build([self.family], every, ends, STEP * np.sqrt(B))
        made = [densities(self.family, every, grid.nodes, psi[None])[0] for psi in nodes.values]
        p = [
            self._chance(made, every.index[i * T : (i + 1) * T], grid.log_weights, condition)
            for i in range(B)
        ]
        return np.array(p)

    def _sought(self, pilots: Sequence[Observations], condition: Condition) -> HyperNodes:
        """Return the outer nodes of that one of some series whose nodes lie in the middle."""
        assert isinstance(self.family, GridLikelihood)  # who asks knows
        parts = [self.family.series(one) for one in pilots]
        n = len(parts)
        together = Together(
            [self.model] * n, join(parts), [condition] * n, quadrature.HOLDS, None
        )
        found = together.outer_nodes(1.0, None)
        if not found[0].names:
            return found[0]
        return _wider(sorted(found, key=lambda one: float(np.median(one.values)))[n // 2])

    def _chance(
        self,
        made: Sequence[Density],
        index: Integers,
        log_weights: Floats,
        condition: Condition,
    ) -> float:
        """Return P(any change) of the series of some distinct rows, or NaN."""
        nodes, changes, T = self._nodes, self.model.changes, len(index)
        log_rho = changes.log_rho(T)
        assert nodes is not None  # they were sought
        log_all, log_none = np.empty(len(made)), np.empty(len(made))
        for j, density in enumerate(made):
            rows = Rows(density, index, log_weights, changes.min_length, T * len(log_weights))
            one = Filter(rows, log_rho, evidence=True)
            log_all[j] = one.log_sum + condition.log_share(condition.start(one))
            log_none[j] = one.log_sum + one.counted(1).log_shares()[-1, 0]
        log_all, log_none = log_all + nodes.log_weights, log_none + nodes.log_weights
        total = np.logaddexp.reduce(log_all)
        weights = np.exp(log_all - total)
        if isinstance(nodes, Lattice):
            below = 0.0 if np.isinf(nodes.v[0]) else weights[0]
            if weights[-1] + below > EDGE or nodes.unevenness(weights) > UNEVEN:
                return float("nan")
        return float(-np.expm1(min(np.logaddexp.reduce(log_none) - total, 0.0)))


def _wider(nodes: HyperNodes) -> HyperNodes:
    """Return nodes that reach further, but not below a limit."""
    if not isinstance(nodes, Lattice) or len(nodes.v) < 3:
        return nodes
    prior, step = nodes.prior, nodes.v[-1] - nodes.v[-2]
    below, above = -step * np.arange(BEYOND, 0.0, -1.0), step * np.arange(1.0, BEYOND + 1)
    limit = np.isinf(nodes.v[0])  # it carries the weight of all below
    ends = nodes.v[0] + below[: 0 if limit else BEYOND], nodes.v[-1] + above

    def beside(own: Floats, of: Callable[[Floats], Floats]) -> Floats:
        return np.concatenate([of(ends[0]), own, of(ends[1])])

    return replace(
        nodes,
        values=beside(nodes.values[:, 0], prior.value)[:, None],
        log_weights=beside(nodes.log_weights, lambda v: math.log(step) + prior.log_density(v)),
        v=beside(nodes.v, lambda v: v),
    )


def _joined(series: Sequence[Observations]) -> Observations:
    """Return the rows of all series, one after the other."""
    columns: dict[str, Any] = {}
    for role in ROLES:
        if getattr(series[0], role) is not None:
            columns[role] = np.concatenate([getattr(one, role) for one in series])
    return Observations(**columns)
