"""Changes and segment parameters given the shared parameter: exact, independent draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from changepoint.engines.draws import collect
from changepoint.engines.mixture import Condition, Inference, Mixture
from changepoint.model import Model
from changepoint.observations import Observations

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BATCH = 256  # draws at a time, where they have all the same distribution


class Conditional:
    """p(switchpoints, segment parameters | shared parameter, data) by backward sampling.

    Parameters
    ----------
    model
        Resolved, with `Changes(exactly=)`.
    observations
        T rows.
    """

    def __init__(self, model: Model, observations: Observations) -> None:
        self.model, self.observations = model, observations
        self.condition = Condition.of(model.changes, len(observations))
        self.alone: Inference | None = None
        family = model.likelihood
        if family.shared is None:
            self.alone = self._inference(None)
        else:  # tried once: a prior that no grid can hold is an error now, not within a chain
            self._inference(float(family.shared_value(family.shared_quantile(0.5))))
        self.forget()

    def forget(self) -> None:
        """Drop the draws made ahead: a chain must not begin with those of another."""
        self.ahead: list[tuple[Integers, Floats]] = []

    def _inference(self, shared: float | None) -> Inference:
        mixture = Mixture(self.model, self.observations, self.condition, shared=shared)
        return Inference(mixture, self.condition)

    def draw(self, shared: float | None, rng: np.random.Generator) -> tuple[Integers, Floats]:
        """Return a draw: first rows after each change (k,), parameters (k + 1,)."""
        if self.alone is None:
            return _draws(self._inference(shared), 1, rng)[0]
        if not self.ahead:
            self.ahead = _draws(self.alone, BATCH, rng)
        return self.ahead.pop()


def _draws(
    inference: Inference, size: int, rng: np.random.Generator
) -> list[tuple[Integers, Floats]]:
    drawn = collect(inference.backward(size, rng), rng)
    return list(zip(drawn.first[:, 1:], drawn.parameter, strict=True))
