"""Several outcomes per trial, one trial a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from changepoint.likelihoods.base import Fault
from changepoint.likelihoods.outcomes import OutcomeLikelihood
from changepoint.observations import Observations


@dataclass(frozen=True)
class Categorical(OutcomeLikelihood):
    """p(outcome c) = p_c: one trial a row, each row a single outcome.

    The Multinomial of one trial. From log odds, `categorical_log_likelihood` gives the same.

    Parameters
    ----------
    concentration, outcome
        As for Multinomial.

    Raises
    ------
    ModelError
        If there isn't a positive number for each outcome, or no outcome of that name.

    Examples
    --------
    >>> from changepoint import Model, Observations, fit
    >>> data = Observations(outcomes=[[1, 0, 0]] * 12 + [[0, 1, 0], [0, 0, 1]] * 6)
    >>> fit(Model(Categorical()), data).changes[0].index
    12
    """

    name: ClassVar = "categorical"

    def faults(self, observations: Observations) -> Iterator[Fault]:
        """Yield what breaks the rule: one outcome a row."""
        yield from super().faults(observations)
        counts = observations.column("outcomes")
        total = np.where(observations.observed("outcomes"), counts.sum(axis=1), 1.0)
        rule = "a row that isn't a single trial"
        yield Fault("outcomes", total != 1, rule, "Use the likelihood 'multinomial'.")
