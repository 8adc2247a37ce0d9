"""A PyMC model that a user wrote, as far as tables, figures and JSON need to know it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from changepoint.changes import Changes
from changepoint.model import default_likelihood
from changepoint.observations import RESPONSES, ROLES, Observations

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OwnLikelihood:
    """What a family would say of itself.

    Parameters
    ----------
    parameter
        The variable by segment that tables and figures are about.
    needs
        The roles that the data have.
    positive
        Whether the parameter is, so that ratios make sense.
    text
        Each variable and its distribution, as PyMC prints it.
    """

    parameter: str
    needs: tuple[str, ...]
    positive: bool
    text: Mapping[str, str]

    name: ClassVar = "pymc"
    hyper_names: ClassVar = ()

    @property
    def response(self) -> str:
        """The role that is explained."""
        return next(role for role in RESPONSES if role in self.needs)

    @property
    def label(self) -> str:
        """The parameter in words."""
        return self.parameter

    @property
    def subject(self) -> str:
        """What changes, in words."""
        return self.parameter

    @property
    def domain(self) -> tuple[float, float]:
        """Where the parameter lies, as far as is known."""
        return (0.0 if self.positive else -math.inf, math.inf)

    def estimates(self, observations: Observations) -> Floats:
        """Return each row's own estimate, as the default likelihood of such data has it.

        Of several outcomes NaN: which of them the parameter is about isn't known.
        """
        if observations.response == "outcomes":
            return np.full(len(observations), np.nan)
        return default_likelihood(observations).estimates(observations)

    def divisor(self, observations: Observations) -> str | None:
        """Return the role that events are divided by, as the default likelihood has it."""
        return default_likelihood(observations).divisor(observations)

    def worth(self, observations: Observations) -> Floats:
        """Return how much each row's estimate counts beside others, (T,), in the same way."""
        return default_likelihood(observations).worth(observations)

    def pooled_by(
        self, y: Floats, observations: Observations, starts: NDArray[np.int64]
    ) -> Floats:
        """Return the mean of estimates of each group that begins at these rows."""
        return default_likelihood(observations).pooled_by(y, observations, starts)

    def priors(self) -> dict[str, str]:
        """Return the variables and their distributions."""
        return dict(self.text)

    def __str__(self) -> str:
        return "; ".join(f"{name} ~ {text}" for name, text in self.text.items())


@dataclass(frozen=True)
class OwnModel:
    """A hand-written PyMC model with a known number of changes."""

    likelihood: OwnLikelihood
    changes: Changes

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` takes, ready for JSON."""
        told = vars(self.likelihood) | {"text": dict(self.likelihood.text), "name": "pymc"}
        return {"likelihood": told, "changes": self.changes.to_dict()}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> OwnModel:
        """Return the model that `to_dict` told of."""
        fields = {key: value for key, value in told["likelihood"].items() if key != "name"}
        fields["needs"] = tuple(fields["needs"])
        return cls(OwnLikelihood(**fields), Changes(**told["changes"]))

    def __str__(self) -> str:
        return f"PyMC, written by hand: {self.likelihood}"


def describe(
    observations: Observations,
    parameter: str,
    number: int,
    positive: bool,
    text: dict[str, str],
) -> OwnModel:
    """Return the description of a hand-written model of these data."""
    needs = tuple(role for role in ROLES if getattr(observations, role) is not None)
    return OwnModel(OwnLikelihood(parameter, needs, positive, text), Changes(exactly=number))
