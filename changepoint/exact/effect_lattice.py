"""An effect of one coefficient, summed out on a lattice, as a family's hyperparameter is.

Where the posterior of a coefficient isn't like one Gaussian or two: a slow drift is told from
staircases of many kinds, and a memory may be none. At each value of the coefficient the
family's own hyperparameter has a lattice of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import EngineError
from changepoint.exact import closed_quadrature, quadrature
from changepoint.exact import outer_quadrature as outer
from changepoint.exact.hyper_mixture import Condition, Inference, Together
from changepoint.exact.hyper_nodes import HyperNodes, beyond
from changepoint.likelihoods.series import Series, Shifts
from changepoint.model import Model

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Height = Callable[[Floats], float]

UNEVEN = 0.03  # of every other node against the rest, of which the error is the square
FAINT = 1e-5  # posterior probability up to which a node is left out
SAMPLE = 2000  # coefficients that intervals are read off
FINENESS = (0.75, 1.5, 3.0)  # of lattices, whose product needs no more digits than a sum
RANKS = 2e-6  # closest to 0 and 1 that draws are asked for


class Place(NamedTuple):
    """A value of the coefficient: the family's own lattice there, and its log evidence."""

    own: HyperNodes
    log_evidence: float
    log_each: Floats


@dataclass(frozen=True)
class EffectLattice(HyperNodes):
    """Nodes of the family's own hyperparameter and one coefficient.

    at
        Which value of the coefficient each node has: -1 where there is no effect, else a node
        of `coefficient`, (J,).
    coefficient
        The lattice of the coefficient.
    own
        The family's own lattice at each of these values; that without an effect comes last.
    of_own
        Which node of its lattice each node is, (J,).
    about
        The posterior weights of the values of the coefficient, as they were found on rough
        grids: of those too faint to have a node.
    """

    at: Integers
    coefficient: HyperNodes
    own: tuple[HyperNodes, ...]
    of_own: Integers
    about: Floats

    def moved(self, by: float) -> Floats:
        """Return log weights where the prior of the family's own is moved up, (J,)."""
        rises = [beyond(own, by) for own in self.own]
        pairs = zip(self.at.tolist(), self.of_own.tolist(), strict=True)
        rise: Floats = np.array([rises[value][node] for value, node in pairs])
        return self.log_weights + rise

    def extreme(self, shifts: Shifts | None) -> Floats:
        """Return the vectors that ask most of a grid, (n, d): corners of what there is."""
        low, high = self.values.min(axis=0), self.values.max(axis=0)
        corners = np.array(np.meshgrid(*zip(low, high, [0.0] * len(low), strict=True)))
        found: Floats = np.unique(corners.reshape(len(low), -1).T, axis=0)
        inside: Floats = found[(found >= low).all(axis=1)]
        return inside

    def unevenness(self, weights: Floats) -> float:
        """Return how wrong sums over the coefficient look, and over the family's own."""
        p = float(weights[self.at >= 0].sum() / weights.sum())
        worst = p * self.coefficient.unevenness(self._by_value(weights)) if p > UNEVEN else 0.0
        for number in np.unique(self.at):
            mass = float(weights[self.at == number].sum() / weights.sum())
            if mass > UNEVEN:
                own = self._own_weights(number, weights)
                worst = max(worst, mass * self.own[number].unevenness(own))
        return worst

    def draws(self, weights: Floats, uniform: Floats) -> Floats:
        """Return draws, interpolated between nodes; 0 of the coefficient where it is absent.

        What goes with the node of the same rank has its exact marginals beside them.
        """
        cumulated = np.append(0.0, np.cumsum(weights) / weights.sum())
        node = np.searchsorted(cumulated[1:], uniform * (1 - 1e-12))
        value, found = self.at[node], self.values[node].copy()
        for number in np.unique(value):
            mine = value == number
            found[mine, :-1] = self.own[number].draws(
                self._own_weights(number, weights),
                _rank(uniform[mine], cumulated, self.at == number),
            )
        there = value >= 0
        if there.any():
            ranks = _rank(uniform[there], cumulated, self.at >= 0)
            found[there, -1] = self.coefficient.draws(self._by_value(weights), ranks)[:, 0]
        return found

    def given(self, weights: Floats, which: Mask) -> tuple[float, Floats]:
        """Return the probability of the effect, and a sample of the coefficient given it."""
        p = float(weights[self.at >= 0].sum() / weights.sum())
        ranks = (np.arange(SAMPLE) + 0.5) / SAMPLE
        return p, self.coefficient.draws(self._by_value(weights), ranks)

    def _by_value(self, weights: Floats) -> Floats:
        """Return the weight of each value of the coefficient, adding up to 1."""
        there = self.at >= 0
        size = len(self.coefficient.values)
        by_value = np.bincount(self.at[there], weights[there], size)
        left_out = np.bincount(self.at[there], minlength=size) == 0
        share_of_others = self.about[~left_out].sum() or 1.0
        by_value[left_out] = self.about[left_out] * by_value.sum() / share_of_others
        if not by_value.sum() > 0:
            by_value = self.about
        share: Floats = by_value / by_value.sum()
        return share

    def _own_weights(self, number: int, weights: Floats) -> Floats:
        """Return the weights of the nodes of the family's own there."""
        mine = self.at == number
        found = np.bincount(self.of_own[mine], weights[mine], len(self.own[number].values))
        share: Floats = found / max(found.sum(), 1e-300)
        return share


def _rank(uniform: Floats, cumulated: Floats, some: Mask) -> Floats:
    """Return ranks among all nodes as ranks among some that stand side by side."""
    (numbers,) = np.nonzero(some)
    low, high = cumulated[numbers[0]], cumulated[numbers[-1] + 1]
    rank: Floats = np.clip((uniform - low) / (high - low), RANKS, 1 - RANKS)
    return rank


def infer(
    model: Model,
    series: Series,
    condition: Condition,
    most: int = quadrature.HOLDS,
    step: float | None = None,
) -> Inference:
    """Return the inference for a resolved model whose effect has a lattice, and one series.

    Raises
    ------
    EngineError
        If grids would need too many nodes.
    """
    batch = Together([model], series, [condition], most, step)
    for fineness in FINENESS:
        nodes = _Search(model, series, batch, fineness).nodes()
        inference = batch.inference(nodes, batch.final([nodes])[0])
        if inference.unevenness() < UNEVEN:
            break
    return inference


class _Search:
    """The search for nodes: every value that was asked for is kept."""

    def __init__(self, model: Model, series: Series, batch: Together, fineness: float) -> None:
        assert series.shifts is not None  # who asks makes sure
        assert series.shifts.hyper is not None  # the same
        self.hyper, self.names = series.shifts.hyper, series.shifts.names
        self.family, self.batch, self.fineness = batch.families[0], batch, fineness
        self.probability = model.effects[0].probability
        self.places: dict[float, Place] = {}

    def at(self, value: float) -> Place:
        """Return what there is at one value of the coefficient."""
        if value not in self.places:
            known: dict[bytes, float] = {}

            def height(own: Floats) -> float:
                if own.tobytes() not in known:
                    known[own.tobytes()] = self._height(np.append(own, value))
                return known[own.tobytes()]

            own = outer.answered(outer.search(self.family, self.fineness), height)
            each = own.log_weights + [height(psi) for psi in own.values]
            self.places[value] = Place(own, float(np.logaddexp.reduce(each)), each)
        return self.places[value]

    def _height(self, psi: Floats) -> float:
        (told,) = self.batch.rough(np.zeros(1, np.int64), psi[None])
        if isinstance(told, EngineError):
            raise told
        return told

    def nodes(self) -> EffectLattice:
        """Return the nodes: those without the effect, then those with it, in order."""
        coefficient = self._coefficient()
        values = coefficient.values[:, 0].tolist()
        p = self.probability
        told = [(0.0, math.log1p(-p))] if p < 1 else []
        told += zip(values, math.log(p) + coefficient.log_weights, strict=True)
        places = [self.at(value) for value, _ in told]
        heights = [
            log_p + place.log_each for (_, log_p), place in zip(told, places, strict=True)
        ]
        absent = int(p < 1)
        by_value = np.array([np.logaddexp.reduce(one) for one in heights[absent:]])
        faint = np.logaddexp.reduce(np.concatenate(heights)) + math.log(FAINT)
        psi, weights, at, of_own = list[Floats](), list[Floats](), list[int](), list[Integers]()
        for number, ((value, log_p), place) in enumerate(zip(told, places, strict=True)):
            height = heights[number]
            always = number < absent or by_value.max() < faint  # some node of either
            (kept,) = np.nonzero((height > faint) | (always & (height == height.max())))
            psi += [np.append(place.own.values[i], value) for i in kept]
            weights.append(log_p + place.own.log_weights[kept])
            at += [number - absent] * len(kept)
            of_own.append(kept)
        return EffectLattice(
            (*self.family.hyper_names, *self.names),
            np.array(psi),
            np.concatenate(weights),
            np.array(at),
            coefficient,
            tuple(place.own for place in (*places[absent:], *places[:absent])),
            np.concatenate(of_own),
            np.exp(by_value - np.logaddexp.reduce(by_value)),
        )

    def _coefficient(self) -> HyperNodes:
        """Return the lattice of the coefficient."""
        hyper = self.hyper
        if closed_quadrature.applies(hyper):
            search = closed_quadrature.search(hyper, self.fineness)
        else:
            search = outer.search_one(
                hyper, self.family.parameter, self.fineness, thrifty=False
            )
        return outer.answered(search, lambda psi: self.at(float(psi[0])).log_evidence)
