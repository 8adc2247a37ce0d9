"""What each way of computing an exact posterior gives to the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.model import Model
from changepoint.results.result import Candidate, Draws, Given, Jump, Sensitivity

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

COUNTED = 32  # changes that are carried as a dimension, whatever that costs
LEFT_OUT = 1e-9  # of the probability of the number of changes


@dataclass(frozen=True)
class Solution:
    """An exact posterior, and how to ask it for more.

    change_probability, number_probability, number_error, drawn
        As in `results.result.Result`.
    mean, banded
        Mean of the parameter by row, (T,); gives it with the quantiles, (4, T).
    given
        From a number of changes to what is known of them, given that number.
    inside
        From sets of rows, (S, T), to P(some change stands in the set), (S,).
    diagnostics
        Sizes of what was computed.
    candidates
        The models that were averaged over, if any.
    remarks
        What the user should know of how it was computed.
    jump
        From a row to the parameter before and after a change there; None where draws tell.
    likeliest
        Of an average, gives the most probable model with draws of its own.
    sensitivity
        Of one model on a grid, gives P(any change) under other priors.
    """

    change_probability: Floats
    number_probability: Floats
    number_error: float
    mean: Floats
    banded: Callable[[], Floats]
    drawn: Callable[[], Draws]
    given: Callable[[int], Given | None]
    inside: Callable[[Mask], Floats]
    diagnostics: dict[str, Any]
    candidates: tuple[Candidate, ...] = ()
    remarks: tuple[str, ...] = ()
    jump: Callable[[int], Jump | None] | None = None
    likeliest: Callable[[], tuple[Model, Draws]] | None = None
    sensitivity: Callable[[], Sensitivity] | None = None

    @property
    def rows(self) -> Floats:
        """Mean and quantiles of the parameter by row, as in `results.result.Result`."""
        return self.banded()

    @property
    def warnings(self) -> tuple[str, ...]:
        """The remarks, and how sure the number's probabilities are if they were drawn."""
        if not self.number_error:
            return self.remarks
        return (
            *self.remarks,
            f"there may be too many changes to count them exactly: the probabilities of their "
            f"number come from draws, with a standard error of {self.number_error:.2g}",
        )

    @property
    def diagnosed(self) -> dict[str, Any]:
        """The diagnostics, with the standard error of the number's probabilities if drawn."""
        error = {"number_error": self.number_error} if self.number_error else {}
        return {**self.diagnostics, **error}

    @property
    def draws(self) -> Draws:
        """Independent draws, made when they are first asked for."""
        return self.drawn()


class Solved(NamedTuple):
    """A resolved model with its log p(y), and how to get the rest of its answer.

    Where the model has effects, `coefficients` gives, from which of the coefficients are an
    effect's, (d,), the probability that it is there, and a large sample of them given that.
    """

    model: Model
    log_evidence: float
    answer: Callable[[], Solution]
    coefficients: Callable[[Mask], tuple[float, Floats]] | None = None


def number_from_draws(draws: Draws, T: int) -> tuple[Floats, float]:
    """Return the probabilities of the number of changes and their standard error."""
    number = np.bincount(draws.number(T)) / len(draws.first)
    return number, float(np.sqrt(number.max() * (1 - number.max()) / len(draws.first)))
