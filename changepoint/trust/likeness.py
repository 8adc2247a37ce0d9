"""Series like the data: drawn from their posterior given no change, and with one change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from changepoint.answer import Answer
from changepoint.changes import Changes
from changepoint.errors import ModelError
from changepoint.exact.engine import Exact
from changepoint.likelihoods.base import SegmentLikelihood
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.model import Model
from changepoint.observations import Observations, in_rows
from changepoint.trust.design import HIGHEST

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DRAWS = 1000  # of the posterior given no change


class Likeness:
    """Series with the data's trials, exposure, missing rows and length.

    Without a change their parameters are drawn from the posterior given none. With one, what
    all segments share (dispersion, noise) is that of the answer: given no change, it would
    stand for the changes too.

    Attributes
    ----------
    model
        That of the answer, priors filled: the question that each series is asked.
    family
        From which series are drawn; of an average the most probable given no change.
    left_out
        Effects of the answer that its model lacks, as they are rather absent than there.

    Raises
    ------
    ModelError
        If the answer isn't one to ask simulated series for.
    """

    def __init__(self, answer: Answer, rng: np.random.Generator) -> None:
        self.model, self.observations, self.rng = _asked(answer), answer.observations, rng
        self.left_out = tuple(effect.name for effect in answer.effects)
        none = Changes(exactly=0, min_length=self.model.changes.min_length)
        engine, family = Exact(draws=DRAWS), self.model.likelihood
        result = engine.run(Model(family, none), self.observations)
        while family.candidates(self.observations) != (family,):
            family = result.candidates[0].likelihood
            result = engine.run(Model(family, none), self.observations)
        assert isinstance(family, SegmentLikelihood)  # no average
        self.family, self.draws = family, result.draws
        self._hyper = self.draws.hyper
        if self.has_ratio and family.hyper_names:
            self._hyper = engine.run(self.model, self.observations).draws.hyper

    @property
    def has_ratio(self) -> bool:
        """Whether a change may be stated as a ratio of the parameter."""
        return isinstance(self.family, GridLikelihood) and self.family.domain[0] >= 0

    def possible(self, ratios: Sequence[float]) -> list[float]:
        """Return those ratios by which the parameter may rise."""
        if not self.has_ratio:
            return []
        most = HIGHEST if self.family.domain[1] == 1 else np.inf
        typical = float(np.median(self.draws.parameter))
        return [ratio for ratio in ratios if typical * ratio <= most]

    def places(self, n: int) -> Integers:
        """Return random rows that a change may begin at, (n,)."""
        m, T = self.model.changes.min_length, len(self.observations)
        return self.rng.integers(m, T - m + 1, n)

    def draw(self, ratios: Floats, places: Integers | None = None) -> list[Observations]:
        """Return a series for each ratio of the parameter after a change to that before.

        The change stands at its place, a random row where none is given; a ratio of 1 is none.
        """
        observations, T, n = self.observations, len(self.observations), len(ratios)
        which = self.rng.integers(len(self.draws.first), size=n)
        named = self.draws.named(self.family.parameter)
        paths = {name: np.tile(values[which, 0], (T, 1)) for name, values in named.items()}
        if "slope" in paths:
            x = in_rows(np.arange(T) if observations.time is None else observations.time)
            paths[self.family.parameter] += paths["slope"] * (x - x[0])[:, None]
        if self.has_ratio:
            at = self.places(n) if places is None else places
            after = np.arange(T)[:, None] >= at
            theta = paths[self.family.parameter] * np.where(after, ratios, 1.0)
            most = np.nextafter(self.family.domain[1], 0.0)
            paths[self.family.parameter] = np.minimum(theta, most)
        paths["first"] = np.zeros((T, n), np.int64)
        hyper = np.where(ratios[:, None] == 1, self.draws.hyper[which], self._hyper[which])
        shared = self.family.own(hyper)
        drawn = self.family.predict(observations, paths, shared, self.rng)
        return [self._like(drawn[:, i]) for i in range(n)]

    def _like(self, drawn: Floats) -> Observations:
        """Return the data with other numbers in the rows that are observed."""
        role = self.family.response
        numbers = np.full(self.observations.column(role).shape, np.nan)
        numbers[self.observations.observed(role)] = drawn
        changed: dict[str, Any] = {role: numbers, "rows": None, "warnings": ()}
        return replace(self.observations, **changed)


def _asked(answer: Answer) -> Model:
    """Return the model of an answer; refuse in words what simulated series can't be asked."""
    model = answer.model
    if not isinstance(model, Model) or answer.engine["name"] != "exact":
        raise ModelError(
            "simulated series are answered by the exact engine, a thousand of them: fit with "
            "it (--engine exact) a model that it can do"
        )
    likely = [effect.name for effect in answer.effects if effect.likely]
    if likely or len(answer.effects) < len(model.effects):
        raise ModelError(
            f"series with effects ({', '.join(likely)}) take too long to answer, a thousand of "
            "them: leave the effects out (--season none), or judge by other models"
        )
    if model.changes.exactly is not None or not model.changes.possible:
        raise ModelError(
            f"{model.changes} says how many changes there are, so P(any change) tells nothing: "
            "leave the number open"
        )
    return replace(model, effects=())
