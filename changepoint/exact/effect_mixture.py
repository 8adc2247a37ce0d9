"""The posterior of one series with effects, each of which may be there or not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import EngineError
from changepoint.exact.effect_lattice import EffectLattice
from changepoint.exact.effect_nodes import Gaussians, Points, glimpse, points, search
from changepoint.exact.effect_surface import Surface
from changepoint.exact.hyper_nodes import HyperNodes, beyond
from changepoint.likelihoods.series import Shifts
from changepoint.model import Model

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

WANTED = 0.05  # standard error of the log evidence, where that is affordable
DOUBTFUL = 0.1  # the same, from which it is told
MOST = 0.5  # the same, beyond which there is no answer
CHEAP = 1e6  # likelihood values at all points together, spent in any case
AFFORDED = 3e7  # the same, spent on what is wanted
MATTERS = 0.3  # posterior probability of a subset, from which it is searched for itself
SAMPLE = 2000  # coefficients that intervals are read off


@dataclass(frozen=True)
class EffectNodes(HyperNodes):
    """Nodes of hyperparameters and coefficients: those of every subset of the effects.

    parts, masks
        Of S subsets: their nodes, and which of the coefficients they have, (S, d).
    """

    parts: tuple[Points, ...]
    masks: Mask

    def moved(self, by: float) -> Floats:
        """Return log weights where the prior of the family's own is moved up, (J,)."""
        rise: Floats = np.concatenate([beyond(part, by) for part in self.parts])
        return self.log_weights + rise

    def shares(self, weights: Floats) -> list[Floats]:
        """Return the weights of each subset's nodes."""
        return np.split(weights, np.cumsum([len(one.values) for one in self.parts])[:-1])

    def diagnostics(self, weights: Floats) -> dict[str, float]:
        """Return the standard error of the log evidence."""
        return {"log_evidence_error": self.error(weights)}

    def error(self, weights: Floats) -> float:
        """Return the standard error of the log evidence, as if points were random."""
        each = zip(self.parts, self.shares(weights), strict=True)
        parts = [part.error(own) * own.sum() for part, own in each if own.sum() > 0]
        return math.hypot(*parts) / float(weights.sum())

    def draws(self, weights: Floats, uniform: Floats) -> Floats:
        """Return draws of hyperparameters and coefficients; 0 where an effect is absent."""
        shares = self.shares(weights)
        ends = np.cumsum([own.sum() for own in shares])
        ends /= ends[-1]
        subset = np.searchsorted(ends, uniform * (1 - 1e-12))
        found = np.zeros((len(uniform), self.values.shape[1]))
        for i, (part, own, mask) in enumerate(zip(self.parts, shares, self.masks, strict=True)):
            mine = np.flatnonzero(subset == i)
            if len(mine):
                start = ends[i - 1] if i else 0.0
                rank = (uniform[mine] - start) / (ends[i] - start)
                found[np.ix_(mine, self._columns(mask))] = part.draws(own, rank)
        return found

    def given(self, weights: Floats, which: Mask) -> tuple[float, Floats]:
        """Return the probability of some coefficients, and a large sample given they are there.

        `which`: those of one effect, (d,).
        """
        shares = self.shares(weights)
        having = np.flatnonzero((self.masks & which).any(axis=1))
        mass = np.array([shares[i].sum() for i in having])
        lacking = sum(float(own.sum()) for i, own in enumerate(shares) if i not in having)
        p = float(mass.sum() / (mass.sum() + lacking))  # at most 1, however it is rounded
        ends = np.round(np.cumsum(mass / mass.sum()) * SAMPLE).astype(int) if p else [SAMPLE]
        rng, found = np.random.default_rng(0), []
        for i, count in zip(having, np.diff(ends, prepend=0), strict=False):
            if not count:
                continue
            own = shares[i] if p else np.ones_like(shares[i])
            found.append(self.parts[i].spread(own, rng, int(count))[:, which[self.masks[i]]])
        return p, np.concatenate(found)

    def _columns(self, mask: Mask) -> NDArray[np.int64]:
        """Return where a subset's hyperparameters and coefficients stand among all."""
        own = len(self.names) - len(mask)
        return np.append(np.arange(own), own + np.flatnonzero(mask))


class Weighed(Protocol):
    """An inference on some nodes: with their posterior weights, (J,)."""

    weights: Floats

    def log_evidence(self) -> float:
        """Return log p(y)."""


class Problem[Found: Weighed](Protocol):
    """What a sum over the coefficients of effects has to know of a model and its series."""

    model: Model
    shifts: Shifts

    def surface(self, shifts: Shifts) -> Surface:
        """Return the surface of some of the coefficients."""

    def without(self) -> Gaussians:
        """Return where the posterior is without any effect."""

    def work(self, nodes: HyperNodes) -> float:
        """Return how many likelihood values a sum over these nodes takes."""

    def inference(self, nodes: HyperNodes) -> Found:
        """Return the inference on these nodes."""


def summed[Found: Weighed](problem: Problem[Found]) -> tuple[EffectNodes, Found]:
    """Return the nodes, and the inference, for a model whose effects may be there or not.

    Raises
    ------
    EngineError
        If grids would need too many nodes, or coefficients can't be summed out.
    """
    found = _search(problem)
    nodes = _nodes(found, problem.shifts, 1)
    work = problem.work(nodes)
    times = max(int(CHEAP / work), 1)
    while True:
        if times > 1:
            nodes = _nodes(found, problem.shifts, times)
        inference = problem.inference(nodes)
        error = nodes.error(inference.weights)
        more = min(2 + times * min(error / WANTED, 1e3) ** 2, AFFORDED / work)
        if not (error > WANTED and more >= times + 1):
            break
        times = int(more)
    if not error < MOST:
        raise EngineError(
            "the coefficients of the effects can't be summed out by importance: log evidence "
            f"has a standard error of {error:.2g}. Use fewer effects, or priors that are "
            "narrower (sigma), or sample a known number of changes (--engine mcmc --exactly)"
        )
    return nodes, inference


class Subset(NamedTuple):
    """Some of the effects: their coefficients, (d,), log prior, and where the posterior is."""

    mask: Mask
    log_prior: float
    gaussians: Gaussians

    def common(self, mask: Mask) -> Floats:
        """Return likely coefficients for others of the effects: 0 for those it lacks."""
        beta = np.zeros(len(self.mask))
        beta[self.mask] = self.gaussians.likeliest
        return beta[mask]


def _search(problem: Problem[Any]) -> list[Subset]:
    """Return where the posterior is with every subset of the effects that may be there.

    Of those that matter little beside none, which is told by a glimpse, about.
    """
    subsets = list(_subsets(problem.model, problem.shifts))
    surfaces = [None if shifts is None else problem.surface(shifts) for *_, shifts in subsets]
    found, rough = list[Subset](), dict[int, Surface]()
    for (mask, log_prior, _), surface in zip(subsets, surfaces, strict=True):
        if surface is None:
            gaussians = problem.without()
        elif found and not found[0].mask.any():
            rough[len(found)] = surface
            gaussians = glimpse(surface, found[0].gaussians)
        else:
            gaussians = search(surface)
        found.append(Subset(mask, log_prior, gaussians))
    while rough:
        share = _shares(found)
        i = max(rough, key=lambda one: share[one])
        if share[i] < MATTERS:
            break
        known = found[i] = found[i]._replace(gaussians=search(rough.pop(i)))
        for j, surface in rough.items():  # an effect may show only once another is there
            again = glimpse(surface, known.gaussians, known.common(found[j].mask))
            if again.log_evidence > found[j].gaussians.log_evidence:
                found[j] = found[j]._replace(gaussians=again)
    return found


def _subsets(model: Model, shifts: Shifts) -> Iterator[tuple[Mask, float, Shifts | None]]:
    """Yield which coefficients each subset of the effects has, its log prior, and they.

    None of them comes first.
    """
    for chosen in product(*((False, True) for _ in model.effects)):
        p = math.prod(
            effect.probability if there else 1 - effect.probability
            for effect, there in zip(model.effects, chosen, strict=True)
        )
        if p > 0:
            mask = np.array(chosen)[shifts.effect]
            yield mask, math.log(p), shifts.some(mask)


def _shares(found: Sequence[Subset]) -> list[float]:
    """Return the posterior probability of each subset, about."""
    heights = np.array([log_prior + at.log_evidence for _, log_prior, at in found])
    share: list[float] = np.exp(heights - np.logaddexp.reduce(heights)).tolist()
    return share


def _nodes(found: Sequence[Subset], shifts: Shifts, times: int) -> EffectNodes:
    """Return nodes of all subsets, those with more probability more of them."""
    parts = tuple(
        points(at, shifts.some(mask), p, times)
        for (mask, _, at), p in zip(found, _shares(found), strict=True)
    )
    masks = np.array([mask for mask, _, _ in found])
    own = parts[0].names[: len(parts[0].names) - int(masks[0].sum())]
    values = [np.zeros((len(part.values), len(own) + len(shifts.names))) for part in parts]
    for part, mask, some in zip(parts, masks, values, strict=True):
        some[:, : len(own)] = part.values[:, : len(own)]
        some[:, len(own) + np.flatnonzero(mask)] = part.values[:, len(own) :]
    log_priors = [log_prior for _, log_prior, _ in found]
    return EffectNodes(
        (*own, *shifts.names),
        np.concatenate(values),
        np.concatenate(
            [part.log_weights + own for part, own in zip(parts, log_priors, strict=True)]
        ),
        parts,
        masks,
    )


def coefficients_of(
    nodes: HyperNodes, weights: Floats
) -> Callable[[Mask], tuple[float, Floats]] | None:
    """Return what `Solved` says of coefficients, if there are any."""
    both = EffectNodes, EffectLattice
    return partial(nodes.given, weights) if isinstance(nodes, both) else None


def remarks_on(nodes: HyperNodes, weights: Floats) -> tuple[str, ...]:
    """Return what the user should know of how coefficients were summed out."""
    error = nodes.error(weights) if isinstance(nodes, EffectNodes) else 0.0
    if error <= DOUBTFUL:
        return ()
    return (
        "the effects were summed out by importance, and the log evidence has a standard error "
        f"of {error:.2g}: probabilities may be off by as large a share",
    )
