"""Data that are still to come: their rows, rate and noise, and series drawn of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from changepoint.errors import ModelError
from changepoint.likelihoods import BetaBinomial, NegativeBinomial
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.observations import Observations

Floats = NDArray[np.float64]

HIGHEST = 0.9  # rate of trials that a change may lead to


@dataclass(frozen=True)
class Design:
    """Data to come: T rows with trials or exposure, a rate, and how much rows vary.

    `shared` is the dispersion of the family that data are drawn from, 0 where trials or events
    are independent.
    """

    rate: float
    role: str
    size: Floats
    shared: float
    at: int | None

    @classmethod
    def of(
        cls,
        rate: float,
        rows: int,
        trials: ArrayLike | None,
        exposure: ArrayLike | None,
        dispersion: float,
        at: int | None,
    ) -> Design:
        """Return the design, or raise what is wrong with it."""
        for name, number, least in (("rows", rows, 2), ("at", at, 1)):
            whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
            if number is not None and not (whole and number >= least):
                raise ModelError(f"{name} must be a whole number from {least} on, not {number}")
        if at is not None and at >= rows:
            raise ModelError(f"at must be one of the {rows} rows, 1 to {rows - 1}, not {at}")
        if trials is not None and exposure is not None:
            raise ModelError("give trials or exposure, not both")
        role = "exposure" if trials is None else "trials"
        size = _by_row(
            role, (1.0 if exposure is None else exposure) if trials is None else trials, rows
        )
        highest = math.inf if trials is None else 1.0
        if not (isinstance(rate, int | float | np.number) and 0 < rate < highest):
            between = "above 0" if trials is None else "between 0 and 1"
            raise ModelError(f"rate must be {between}, not {rate!r}")
        mean = float(size.mean())
        if not 1 <= dispersion < (math.inf if trials is None else max(mean, 1 + 1e-9)):
            most = "" if trials is None else " and below the mean number of trials"
            raise ModelError(
                "dispersion is the variance as a multiple of that of independent "
                f"{'events' if trials is None else 'trials'}: it must be at least 1{most}, not "
                f"{dispersion}"
            )
        excess = float(dispersion) - 1
        shared = excess / (rate * mean if trials is None else max(mean - 1, 1e-9))
        return cls(float(rate), role, size, shared, at)

    def __len__(self) -> int:
        return len(self.size)

    def possible(self, ratio: float) -> bool:
        """Whether the rate may change by a ratio."""
        return self.role == "exposure" or self.rate * ratio <= HIGHEST

    def expected(self) -> Observations:
        """Return the data without their noise, and without a change."""
        return self.observed(self.rate * self.size)

    def observed(self, count: Floats) -> Observations:
        """Return counts with what stands behind them."""
        behind: dict[str, Any] = {self.role: self.size}
        return Observations(count=count, **behind)

    def draw(self, ratio: float, change: int, rng: np.random.Generator) -> Observations:
        """Return data in which the rate changes by a ratio at a row."""
        rate = np.where(np.arange(len(self)) < change, self.rate, self.rate * ratio)
        family: GridLikelihood = BetaBinomial() if self.role == "trials" else NegativeBinomial()
        columns = {self.role: self.size, "count": np.zeros(len(self))}
        count = family.draw(columns, rate, np.array(self.shared), rng)
        return self.observed(count)


def _by_row(role: str, size: ArrayLike, rows: int) -> Floats:
    """Return trials or exposure by row, (T,)."""
    try:
        numbers = np.asarray(size, float)
        every = np.broadcast_to(numbers, rows).copy()
    except (TypeError, ValueError):
        raise ModelError(
            f"{role} must be a number, or one for each of the {rows} rows"
        ) from None
    whole = role == "exposure" or bool(np.all(every == np.floor(every)))
    if not (np.isfinite(every).all() and (every > 0).all() and whole):
        kind = "numbers" if role == "exposure" else "whole numbers"
        raise ModelError(f"{role} must be {kind} above 0, not {size!r}")
    return every
