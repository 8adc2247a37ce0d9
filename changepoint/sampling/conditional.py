"""Changes and segment parameters given the hyperparameters: exact, independent draws."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from changepoint.exact.hyper_mixture import Condition, Inference, infer
from changepoint.exact.posterior_draws import draw
from changepoint.exact.segment_chain import Counted
from changepoint.exact.segment_mixture import less
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.regression import LinearLikelihood, rows_of
from changepoint.model import Model
from changepoint.observations import Observations

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BATCH = 256  # draws at a time, where they have all the same distribution


Draw = tuple[Integers, dict[str, Floats]]


class Conditional(ABC):
    """p(switchpoints, segment parameters | hyperparameters, data) by backward sampling.

    Parameters
    ----------
    model
        Resolved, with `Changes(exactly=)`.
    observations
        T rows.
    """

    def __init__(self, model: Model, observations: Observations) -> None:
        self.model, self.observations = model, observations
        self.family = model.likelihood
        self.forget()

    @abstractmethod
    def several(self, hyper: Floats, size: int, rng: np.random.Generator) -> list[Draw]:
        """Return independent draws."""

    def forget(self) -> None:
        """Drop the draws made ahead: a chain must not begin with those of another."""
        self.ahead: list[Draw] = []

    def draw(self, hyper: Floats, rng: np.random.Generator) -> Draw:
        """Return first rows after each change (k,), and parameters by name, each (k + 1,)."""
        if len(hyper):
            return self.several(hyper, 1, rng)[0]
        if not self.ahead:
            self.ahead = self.several(hyper, BATCH, rng)
        return self.ahead.pop()


class OnGrid(Conditional):
    """Of families with one parameter a segment, by the filter on its grid.

    The hyperparameters are the family's own, then the coefficients of effects.
    """

    def __init__(self, model: Model, observations: Observations) -> None:
        super().__init__(model, observations)
        self.condition = Condition.of(model.changes, len(observations))
        self.alone: Inference | None = None
        family = model.likelihood
        assert isinstance(family, GridLikelihood)  # who asks makes sure
        shifts = model.shifts(observations)
        self.series = family.series(observations, shifts)
        own = [] if family.hyper is None else [family.hyper.median()]
        hyper = np.append(own, np.zeros(0 if shifts is None else len(shifts.names)))
        # Tried once: a prior that no grid can hold is an error now, not within a chain.
        inference = self._inference(hyper)
        if not len(hyper):
            self.alone = inference

    def _inference(self, hyper: Floats) -> Inference:
        return infer(self.model, self.series, self.condition, hyper=hyper)

    def several(self, hyper: Floats, size: int, rng: np.random.Generator) -> list[Draw]:
        """Return independent draws."""
        inference = self._inference(hyper) if self.alone is None else self.alone
        drawn = draw(inference, self.observations, size, rng)
        parameter = self.family.parameter
        return [
            (first[1:], {parameter: theta})
            for first, theta in zip(drawn.first, drawn.parameter, strict=True)
        ]


class OfLines(Conditional):
    """Of levels and lines with noise by segment, by the recursion over segment starts."""

    def __init__(self, model: Model, observations: Observations) -> None:
        super().__init__(model, observations)
        self.x, self.shifts = rows_of(observations), model.shifts(observations)

    def several(self, hyper: Floats, size: int, rng: np.random.Generator) -> list[Draw]:
        """Return independent draws."""
        family, changes, T = self.family, self.model.changes, len(self.observations)
        assert isinstance(family, LinearLikelihood)
        assert changes.exactly is not None  # the engine makes sure
        k, m, value = changes.exactly, changes.min_length, float(family.own(hyper))
        log_rho = np.zeros(T)  # all placements of k changes weigh the same
        rows = self.observations
        if self.shifts is not None:
            rows = less(rows, self.shifts, hyper)
        st = family.statistics(rows, value)
        chain = Counted(st, log_rho, m, k, at_most=False, keep=True)
        draw, first, end = chain.sample(size, None, rng).T
        order = np.argsort(draw, kind="stable")
        first, end = first[order], end[order]
        told = family.segment_draws(rows, value, first, end, rng)
        told = {"variance": told.pop("noise_sd") ** 2, **told}
        if "slope" in told:  # PyMC's level is that at the middle of its segment's time
            told["level"] += told["slope"] * (self.x[end - 1] - self.x[first]) / 2
        shape = size, k + 1
        placements = first.reshape(shape)[:, 1:]
        named = {name: values.reshape(shape) for name, values in told.items()}
        return [
            (placement, {name: values[i] for name, values in named.items()})
            for i, placement in enumerate(placements)
        ]


def conditional(model: Model, observations: Observations) -> Conditional:
    """Return that of a resolved model with a known number of changes."""
    lines = isinstance(model.likelihood, LinearLikelihood)
    return (OfLines if lines else OnGrid)(model, observations)
