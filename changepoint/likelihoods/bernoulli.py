"""Single trials, a row each: the Bernoulli family."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from changepoint.likelihoods.base import Fault, default_rate_prior
from changepoint.likelihoods.binomial import Binomial
from changepoint.likelihoods.coordinates import Arcsine, Coordinate
from changepoint.likelihoods.counts import binomial_log_density, count_faults
from changepoint.likelihoods.grid import Columns, GridLikelihood
from changepoint.likelihoods.series import Nodes, Series, Terms
from changepoint.observations import Observations
from changepoint.priors import Prior

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Bernoulli(GridLikelihood):
    """p(1 | rate) = rate, p(0 | rate) = 1 - rate: the outcome of a single trial, 0 or 1.

    A row per trial, in the order of the trials. It is the Binomial with one trial a row; no
    overdispersion can show in single trials. Where each row has several trials, use
    BetaBinomial or Binomial, with the number of trials.

    Parameters
    ----------
    rate
        Prior of each segment's rate, in (0, 1): Beta or Uniform. Default: Beta worth about
        two events around the pooled rate.

    Raises
    ------
    ModelError
        If the prior's support isn't inside (0, 1).

    Examples
    --------
    >>> from changepoint import Model, Observations, fit
    >>> data = Observations(count=[0] * 5 + [1] + [0] * 6 + [1] * 9)
    >>> fit(Model(Bernoulli()), data).changes[0].index
    12
    """

    rate: Prior | None = None

    name: ClassVar = "bernoulli"
    response: ClassVar = "count"
    needs: ClassVar = ("count",)
    parameter: ClassVar = "rate"
    domain: ClassVar = (0.0, 1.0)

    def resolve(self, observations: Observations) -> Self:
        """Return the family with every prior filled."""
        return replace(self, rate=self.rate or default_rate_prior(self.pooled(observations)))

    def faults(self, observations: Observations) -> Iterator[Fault]:
        """Yield the rules of the support that rows break."""
        yield from count_faults(observations)
        count = observations.column("count")
        several = (count > 1) & np.isfinite(count) & (count == np.floor(count))
        trials = (
            "Each row is one trial, 0 or 1: for several trials a row use 'binomial' or "
            "'beta-binomial' with trials; for events that can happen any number of times "
            "use 'negative-binomial'."
        )
        yield Fault("count", several, "a count other than 0 and 1", trials)
        if observations.trials is not None and not several.any():
            rows = (observations.trials != 1) & ~np.isnan(count)
            rule = "a number of trials other than 1"
            yield Fault(
                "trials", rows, rule, "Use the likelihood 'beta-binomial' or 'binomial'."
            )

    def estimates(self, observations: Observations) -> Floats:
        """Return the outcomes themselves, shape (T,)."""
        return observations.column("count")

    def pooled(self, observations: Observations) -> float:
        """Return (events + 1/2) / (trials + 1)."""
        return Binomial().pooled(_as_binomial(observations))

    def tail(self, observations: Observations, theta: Floats, pool: bool) -> Floats:
        """Return two-sided Binomial tail probabilities at theta."""
        return Binomial().tail(_as_binomial(observations), theta, pool)

    def coordinate(self, series: Series, shared: Floats) -> Coordinate:
        """Return the arcsine coordinate."""
        return Arcsine()

    def information(self, series: Series, shared: Floats) -> Floats:
        """Return 4 times the number of trials."""
        return 4 * series.sum(np.ones_like(series.copies))

    def columns(self, observations: Observations) -> dict[str, Floats]:
        """Return outcomes, each of one trial, (T,)."""
        return Binomial().columns(_as_binomial(observations))

    def terms(self, series: Series, nodes: Nodes, shared: Floats) -> list[Terms]:
        """Return the Binomial's."""
        return Binomial(self.rate).terms(series, nodes, shared)

    def at_pooled(self, rows: Columns) -> Floats:
        """Return log p(count | pooled rate), as the rows."""
        return Binomial().at_pooled(rows)

    def log_density(self, rows: Columns, nodes: Nodes, shared: Floats | float) -> Floats:
        """Return log p(count | rate), by broadcasting."""
        return binomial_log_density(rows, nodes)

    def conjugate(
        self, observations: Observations, shared: float
    ) -> Callable[[Integers, Integers, np.random.Generator], Floats] | None:
        """Return draws from Beta(alpha + events, beta + failures) under a Beta prior."""
        return Binomial(self.rate).conjugate(_as_binomial(observations), shared)

    def pymc(
        self, columns: Mapping[str, Any], theta: Any, shared: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Return PyMC's Bernoulli."""
        import pymc as pm

        return pm.Bernoulli, {"p": theta}

    def draw(
        self, rows: Columns, theta: Floats, shared: Floats, rng: np.random.Generator
    ) -> Floats:
        """Return outcomes drawn at rate theta."""
        return rng.binomial(1, theta + np.zeros_like(rows["count"])).astype(float)

    def standardized(self, rows: Columns, theta: Floats, shared: Floats) -> Floats:
        """Return (k - rate) / sqrt(rate (1 - rate))."""
        told: Floats = (rows["count"] - theta) / np.sqrt(theta * (1 - theta))
        return told


def _as_binomial(observations: Observations) -> Observations:
    """Return the same data with one trial in every row that is observed."""
    observed = observations.observed("count")
    return replace(observations, trials=np.where(observed, 1.0, np.nan))
