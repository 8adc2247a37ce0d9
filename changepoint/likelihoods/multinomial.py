"""Several outcomes per trial, many trials a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from changepoint.likelihoods.outcomes import OutcomeLikelihood


@dataclass(frozen=True)
class Multinomial(OutcomeLikelihood):
    """p(k_1..k_C) = n! prod_c p_c^k_c / k_c!: how often each outcome came, of n trials.

    Which step of a funnel was reached, which defect was found. The probabilities are the
    segment's; reports show that of one outcome, and know all. Trials are independent: of a
    single outcome that varies more from row to row, BetaBinomial knows better.

    Parameters
    ----------
    concentration
        Prior: Dirichlet with a positive number for each outcome, in the data's order.
        Default: in proportion to all counts, an outcome of (geometrically) average frequency
        worth two events, a rare one at least half an event.
    outcome
        Name of the outcome that reports show; default the last.

    Raises
    ------
    ModelError
        If there isn't a positive number for each outcome, or no outcome of that name.

    References
    ----------
    J. E. Mosimann (1962), Biometrika 49, 65: the Dirichlet-multinomial distribution, which is
    a segment's marginal.

    Examples
    --------
    >>> from changepoint import Model, Observations, fit
    >>> counts = [[90, 8, 2], [88, 9, 3], [91, 8, 1], [80, 8, 12], [82, 7, 11], [79, 8, 13]]
    >>> data = Observations(outcomes=counts, outcome_names=("left", "carted", "bought"))
    >>> fit(Model(Multinomial()), data).changes[0].index
    3
    """

    name: ClassVar = "multinomial"
