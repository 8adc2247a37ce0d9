"""What a prior states, and what is checked of every one."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from changepoint.errors import ModelError

Floats = NDArray[np.float64]

HUGE = 1e150  # what a number and its square may reach
POSITIVE = {"alpha", "beta", "sigma", "lam", "s"}


@dataclass(frozen=True)
class Prior(ABC):
    """A proper prior density p(x) on an interval.

    Subclasses are frozen dataclasses whose fields are the parameters; all must be finite,
    and positive where their names say so.
    """

    ENDS: ClassVar[tuple[float, float]] = (0.0, math.inf)  # unless a subclass says more

    @property
    def support(self) -> tuple[float, float]:
        """The ends of the interval where the density is positive."""
        return self.ENDS

    @abstractmethod
    def log_density(self, x: ArrayLike, companion: Floats | None = None) -> Floats:
        """Return log p(x), -inf outside the support; same shape as x.

        The companion is what a parameter grid knows of x beside it: 1 - x for proportions.
        Only Beta uses it, to stay accurate where x rounds to 1.
        """

    @abstractmethod
    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x); same shape as x."""

    @abstractmethod
    def quantile(self, q: ArrayLike) -> Floats:
        """Return x with P(X <= x) = q, for q in [0, 1]; same shape as q."""

    @abstractmethod
    def upper_quantile(self, q: float) -> Floats | float:
        """Return x with P(X >= x) = q, accurate for small q."""

    def complement_quantile(self, q: float) -> Floats | float:
        """Return 1 - x with P(X >= x) = q, accurate where x may round to 1."""
        return 1 - self.upper_quantile(q)

    def strengthened(self, strength: float) -> Self | None:
        """Return the prior worth so many times as many observations, in the same place.

        None where it has no such parameter.
        """
        return None

    def __post_init__(self) -> None:
        for name, number in self.parameters().items():
            numbers = int | float | np.integer | np.floating
            if isinstance(number, bool) or not isinstance(number, numbers):
                raise ModelError(f"{self._where(name)} must be a number, not {number!r}")
            if not math.isfinite(number):
                raise ModelError(f"{self._where(name)} must be finite, not {number}")
            if name in POSITIVE and number <= 0:
                raise ModelError(f"{self._where(name)} must be above 0, not {number}")
            # PyMC overflows on small integer constants, so none leave this class.
            object.__setattr__(self, name, float(number))
        self._check_order()
        with np.errstate(all="ignore"):
            low, high = self.quantile(0.16), self.quantile(0.84)
        if not (-HUGE < low < high < HUGE and high - low > 1 / HUGE):
            raise ModelError(
                f"priors.{self} is too narrow, or its values too large, for numbers to tell "
                f"them apart: two thirds of it lie between {low:.17g} and {high:.17g}"
            )

    def _check_order(self) -> None:  # noqa: B027  most parameters can't contradict each other
        """Raise ModelError where parameters contradict each other."""

    def parameters(self) -> dict[str, float]:
        """Return the parameters by name."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    def to_dict(self) -> dict[str, Any]:
        """Return name and parameters, ready for JSON."""
        return {"name": type(self).__name__, **self.parameters()}

    def __str__(self) -> str:
        inside = ", ".join(f"{name}={number:.6g}" for name, number in self.parameters().items())
        return f"{type(self).__name__}({inside})"

    def _where(self, name: str) -> str:
        return f"{name} of priors.{type(self).__name__}"
