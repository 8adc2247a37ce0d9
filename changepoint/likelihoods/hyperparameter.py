"""The hyperparameter of a family: the parameter that all segments share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from changepoint.errors import ModelError
from changepoint.priors import Prior

Floats = NDArray[np.float64]


def _same(native: Any) -> Any:
    return native


@dataclass(frozen=True)
class Hyperparameter:
    """What all segments share, such as a dispersion or a noise.

    name
        Of the parameter, as the density takes it.
    field
        Of the family, which holds its prior.
    stated
        The prior, on the quantity of that field; None until it is filled from data.
    domain
        Where that quantity may lie, given the data: the prior is cut.
    limit
        Its value at the lower end of the prior, if the likelihood has a limit there.
    unit
        A typical size of differences of the quantity, where it has no ends.
    closed
        Whether the evidence is a smooth function of it up to both ends of its domain.
    finest
        Which end of its values, 0 or -1, needs the finest nodes of the segments' parameter.
    value, pymc_value
        From the quantity that the prior is about to the parameter; of arrays, and of tensors.
    """

    name: str
    field: str
    stated: Prior | None
    domain: tuple[float, float]
    limit: float | None = None
    unit: float = 1.0
    closed: bool = False
    finest: int = 0
    value: Callable[[Floats], Floats] = _same
    pymc_value: Callable[[Any], Any] = _same

    @property
    def prior(self) -> Prior:
        """The prior, once it is filled; ModelError before."""
        if self.stated is None:
            raise ModelError(
                f"the prior on the {self.field} isn't filled: resolve(data) does it"
            )
        return self.stated

    def quantile(self, q: ArrayLike) -> Floats:
        """Return quantiles of the prior, cut to its domain; same shape as q."""
        low, high = (float(self.prior.cdf(end)) for end in self.domain)
        return self.prior.quantile(low + (high - low) * np.asarray(q))

    def draws(self, rng: np.random.Generator, size: int) -> Floats:
        """Return the parameter drawn from its prior, shape (size,)."""
        return self.value(self.quantile(rng.random(size)))

    def median(self) -> float:
        """Return the parameter at the median of its prior."""
        return float(self.value(self.quantile(0.5)))
