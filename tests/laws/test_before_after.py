"""What a change did, against sums over every placement and every pair of nodes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from cases import CASES, check, inferred, simulate
from numpy.typing import NDArray
from reference import Floats, enumeration
from scipy import interpolate
from test_enumeration import log_likelihood

from changepoint import Changes, Exact, Model, priors
from changepoint.exact import hyper_mixture as mixtures
from changepoint.exact.hyper_mixture import Condition, Inference
from changepoint.exact.quadrature import Grid
from changepoint.exact.smoothed import Smoothed
from changepoint.results.result import Step

T = 8
MEAN = 1e-6  # of means and P(increase)
LEVEL = 1e-4  # of quantiles, in probability
BROKEN = 1e-3  # the same, where densities don't fade towards an end: sums have a kink there
BEYOND = 60  # nodes added at either end
MANY = 500  # nodes that needn't be denser
NOTHING = 1e-20  # of a density
ROWS = 64


@pytest.fixture(autouse=True)
def every_outer_node_counts(monkeypatch):
    """What it costs to leave out light outer nodes is another law."""
    monkeypatch.setattr(mixtures, "LIGHT", 0.0)


def part(grid: Grid, first: int, end: int) -> Grid:
    """Nodes first..end-1 of those half a step apart."""
    theta, companion, _ = grid.nodes
    nodes = grid.nodes._replace(theta=theta[first:end], companion=companion[first:end])
    weights = grid.log_weights[first:end]
    return Grid(grid.prior, grid.stretch, grid.first + first / 2, nodes, weights)


def wide(model: Model, data, grid: Grid) -> Grid:
    """Nodes that are closer together and reach further, up to the smallest numbers."""
    if len(grid.log_weights) < MANY:
        grid = inferred(model, data, step=0.4).mixture.grid
    last = len(grid.log_weights) - 1 + BEYOND
    places = np.arange(-BEYOND, last + 0.25, 0.5)
    grid = replace(grid.elsewhere(places), first=grid.first - BEYOND)
    kept = np.flatnonzero(grid.log_weights > -700)
    grid = part(grid, kept[0], kept[-1] + 1)
    return Grid(
        grid.prior, grid.stretch, grid.first, grid.nodes, grid.log_weights - math.log(2)
    )


class Pair(NamedTuple):
    """The joint density of the parameter before (rows) and after (columns) a change."""

    grid: Grid
    joint: Floats
    domain: tuple[float, float]

    @classmethod
    def of(cls, grid: Grid, joint: Floats, domain: tuple[float, float]) -> Pair:
        """Where there is anything."""
        carried = [joint.sum(axis=0), joint.sum(axis=1)]
        if domain[0] == 0:  # and what a mean ratio takes of it
            carried.append(joint @ grid.nodes.theta / grid.nodes.theta)
        kept = np.flatnonzero(np.any([x > NOTHING * x.sum() for x in carried], axis=0))
        some = slice(kept[0], kept[-1] + 1)
        joint = joint[some, some] / joint.sum()
        return cls(part(grid, some.start, some.stop), joint, domain)

    @property
    def theta(self) -> Floats:
        return self.grid.nodes.theta

    def below(self, *several: Floats) -> list[float]:
        """P(after <= what belongs to each value before), for ends (G,) of each kind.

        By splines of the density of what is after; of some rows at a time, which fit caches.
        """
        found, places = np.zeros(len(several)), np.arange(len(self.theta))
        pieces = [self.pieces(ends) for ends in several]
        for first in range(0, len(places), ROWS):
            rows = slice(first, first + ROWS)
            joint = self.joint[rows]
            c = interpolate.CubicSpline(places, joint, axis=1).antiderivative().c
            for i, (ends, (piece, rest)) in enumerate(zip(several, pieces, strict=True)):
                p = np.polyval(c[:, piece[rows], np.arange(len(joint))], rest[rows])
                p = np.where(ends[rows] <= self.domain[0], 0.0, p)
                found[i] += np.where(ends[rows] >= self.domain[1], joint.sum(axis=1), p).sum()
        return found.tolist()

    def pieces(self, ends: Floats) -> tuple[NDArray[np.int64], Floats]:
        """In which piece of a spline, and where in it."""
        inside = np.clip(ends, self.theta[0], self.theta[-1])
        with np.errstate(all="ignore"):
            at = 2 * (self.grid.stretch.u(inside, 1 - inside) - self.grid.first)
        at = np.clip(np.nan_to_num(at), 0, len(ends) - 1)
        piece = np.minimum(at.astype(int), len(ends) - 2)
        return piece, at - piece


def errors_of(step: Step, pair: Pair, level: float, mean: float) -> dict[str, float]:
    """Errors as shares of what is allowed: of means, and of quantiles by their probability."""
    theta, joint = pair.theta, pair.joint
    before, after = joint.sum(axis=1), joint.sum(axis=0)
    difference = after @ theta - before @ theta
    square = before @ theta**2 + after @ theta**2 - 2 * theta @ joint @ theta
    sd = math.sqrt(square - difference**2)
    sums = [theta + x for x in step.difference[1:]]
    products = [theta * x for x in step.ratio] if pair.domain[0] >= 0 else []
    same, *others = pair.below(theta, *sums, *products)
    found = {
        "mean of the difference": (abs(step.difference[0] - difference) / sd, MEAN),
        "P(increase)": (abs(1 - same - step.increase), MEAN),
    }
    for p, q in zip((0.025, 0.975), others[:2], strict=True):
        found[f"difference at {p}"] = (abs(q - p), level)
    if pair.domain[0] < 0:
        assert np.isnan(step.ratio).all()
    else:
        for p, q in zip((0.025, 0.975), others[3:], strict=True):
            found[f"ratio at {p}"] = (abs(q - p), level)
        parts = joint @ theta / theta
        inside = step.ratio[1] <= parts.sum() <= step.ratio[2]
        if parts[0] < 1e-9 * parts.sum() and inside:
            found["mean ratio"] = (abs(step.ratio[0] / parts.sum() - 1), mean)
        else:  # there is none, or one beyond its interval: the median stands for it
            found["median ratio"] = (abs(others[2] - 0.5), level)
    return {key: error / allowed for key, (error, allowed) in found.items()}


def fades(prior: priors.Prior) -> bool:
    """Whether the density falls to 0 towards every finite end."""
    if isinstance(prior, priors.Beta):
        return min(prior.alpha, prior.beta) > 1
    if isinstance(prior, priors.Gamma):
        return prior.alpha > 1
    return isinstance(prior, priors.LogNormal | priors.Normal | priors.Logistic)


@pytest.mark.parametrize("m", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_what_changes_did(name: str, m: int) -> None:
    """Given one change and given two, with 20 % of the rows missing."""
    data, changes = simulate(name, 4, T, missing=0.2), Changes(min_length=m)
    mean = MEAN if CASES[name].models[0].hyper is None else 10 * MEAN
    for family in (CASES[name].models[0], CASES[name].models[-1 if m > 1 else 1]):
        model = Model(family, changes).resolve(data)
        level = LEVEL if fades(model.likelihood.prior) else BROKEN
        inference = inferred(model, data)
        mixture = inference.mixture
        grid = wide(model, data, mixture.grid)
        log_lik = log_likelihood(name, data, mixture, grid)
        told = enumeration(log_lik, grid.log_weights, mixture.outer.log_weights, changes)
        densities = told.densities(log_lik, grid.log_weights)
        given = Exact(draws=4).run(model, data).given
        for k in {1, 2} & set(told.by_change):
            smoothed = Smoothed(Inference(mixture, Condition(k)))
            _, steps = smoothed.given_number()
            assert len(steps) == k
            for i, step in enumerate(steps):
                pair = Pair.of(grid, told.joint(k, i, densities), family.domain)
                check(errors_of(step, pair, level, mean), 1.0, (model, k, i))
            if given is not None and given.number == k:
                for one, other in zip(given.steps, steps, strict=True):
                    np.testing.assert_allclose(one.difference, other.difference, rtol=1e-6)
                    np.testing.assert_allclose(one.ratio, other.ratio, rtol=1e-6)
                    np.testing.assert_allclose(one.increase, other.increase, rtol=1e-6)
