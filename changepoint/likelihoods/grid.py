"""Families with one parameter a segment, summed out by quadrature: any density by row."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from changepoint.likelihoods.base import Likelihood
from changepoint.likelihoods.coordinates import Coordinate, Nodes
from changepoint.observations import Observations
from changepoint.priors import Prior

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

# From rows (first, end) to log p(y_t | theta_g), shape (end - first, G).
RowLikelihood = Callable[[int, int], Floats]
Evaluator = Callable[[Nodes, float], RowLikelihood]


@dataclass(frozen=True)
class Data:
    """Columns of some rows, each broadcastable against nodes.

    And what families of counts need beside them: the log probability of each row at the
    pooled estimate, relative to which they are evaluated. Where rows remember: the value
    observed last, and how much of it is kept.
    """

    count: Floats
    trials: Floats
    exposure: Floats
    rate: Floats
    value: Floats
    at_pooled: Floats
    pooled: float
    before: Floats = field(default_factory=lambda: np.empty((0, 1)))
    kept: Floats = field(default_factory=lambda: np.empty((0, 1)))

    def rows(self, rows: slice | Mask) -> Data:
        """Return the data of some rows."""
        columns = {
            name: c[rows] for name, c in vars(self).items() if name != "pooled" and len(c)
        }
        return replace(self, **columns)


@dataclass(frozen=True)
class GridLikelihood(Likelihood):
    """A family with one parameter a segment, summed out on a grid: any prior, any density.

    The field named like `parameter` holds the prior of each segment's theta and, where
    `shared` is set, one more that of the shared parameter.
    """

    # -- for each family to state -------------------------------------------------------

    @abstractmethod
    def pooled(self, observations: Observations) -> float:
        """Return the estimate from all rows in one segment."""

    @abstractmethod
    def tail(self, observations: Observations, theta: Floats, pool: bool) -> Floats:
        """Return each row's, or the pooled total's, two-sided tail probability at theta.

        Where the family has a shared parameter, at the most dispersed value its prior allows.
        """

    @abstractmethod
    def coordinate(self, observations: Observations, shared: float) -> Coordinate:
        """Return the coordinate of the parameter grid."""

    @abstractmethod
    def information(self, observations: Observations, shared: float) -> float:
        """Return the Fisher information of all rows about x, the most over the grid."""

    def log_at_pooled(self, data: Data) -> Floats:
        """Return what `log_density` wants to find in `data.at_pooled`, shape (n, 1)."""
        return np.empty((0, 1))

    @abstractmethod
    def log_density(self, data: Data, nodes: Nodes, shared: Floats | float) -> Floats:
        """Return log p(y | theta, shared), by broadcasting; NaN where data are missing."""

    @abstractmethod
    def draw(
        self, data: Data, theta: Floats, shared: Floats, rng: np.random.Generator
    ) -> Floats:
        """Return data drawn at theta, by broadcasting."""

    @abstractmethod
    def pymc(
        self, columns: Mapping[str, Any], theta: Any, shared: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Return PyMC's distribution of the response, and its parameters.

        Parameters
        ----------
        columns
            PyTensor vectors by role, of the rows that are observed.
        theta, shared
            PyTensor variables: the parameter, which broadcasts against the rows; the shared
            parameter or None.
        """

    # -- what follows from it -----------------------------------------------------------

    def __post_init__(self) -> None:
        example = f"priors.{'Beta(2, 200)' if self.domain[1] == 1 else 'LogNormal(0, 1)'}"
        self.check_prior(self.parameter, self.domain, example)
        if self.shared is not None:
            self.check_prior(self.shared_field, self.shared_support, example)

    def with_strength(self, strength: float) -> Self | None:
        """Return the family with a prior worth so many times as much, where it has that."""
        prior = self.prior.strengthened(strength)
        return None if prior is None else replace(self, **{self.parameter: prior})

    @property
    def prior(self) -> Prior:
        """The prior on each segment's parameter; only once resolved."""
        prior: Prior = getattr(self, self.parameter)
        return prior

    def conjugate(
        self, observations: Observations, shared: float
    ) -> Callable[[Integers, Integers, np.random.Generator], Floats] | None:
        """Return a function that draws parameters of segments of rows first..end-1.

        Only where prior and likelihood have a closed form: from (S,), (S,) and a generator
        to shape (S,). None elsewhere.
        """
        return None

    def data(self, observations: Observations, rows: slice = slice(None)) -> Data:
        """Return the columns of some rows as (n, 1) arrays, NaN where a row is missing."""
        missing = ~observations.observed(self.response)

        def column(role: str, default: float) -> Floats:
            if role not in (self.response, *self.needs, *self.uses):
                return np.empty((0, 1))
            numbers = getattr(observations, role)
            whole = np.full(len(missing), default) if numbers is None else numbers
            return np.where(missing, np.nan, whole)[rows, None]

        data = Data(
            column("count", math.nan),
            column("trials", math.nan),
            column("exposure", 1.0),
            column("rate", math.nan),
            column("value", math.nan),
            np.zeros((0, 1)),
            self.pooled(observations),
        )
        return replace(data, at_pooled=self.log_at_pooled(data))

    def evaluator(self, observations: Observations) -> Evaluator:
        """Return what evaluates log p(y_t | theta_g) on any nodes, zero where a row is missing.

        All that depends on the data alone is done here, once. A family that can tabulate
        overrides it.
        """
        data = self.data(observations)
        missing = ~observations.observed(self.response)
        any_missing = bool(missing.any())

        def at(nodes: Nodes, shared: float) -> RowLikelihood:
            def log_likelihood(first: int, end: int) -> Floats:
                values = self.log_density(data.rows(slice(first, end)), nodes, shared)
                if any_missing:
                    values[missing[first:end]] = 0.0
                return values

            return log_likelihood

        return at

    def segment_prior(
        self, observations: Observations, shape: tuple[int, ...], rng: np.random.Generator
    ) -> dict[str, Floats]:
        """Return parameters of segments drawn from the prior."""
        return {self.parameter: self.prior.quantile(rng.random(shape))}

    def segment_draws(
        self,
        observations: Observations,
        shared: float,
        first: Integers,
        end: Integers,
        rng: np.random.Generator,
    ) -> dict[str, Floats]:
        """Return parameters of segments of rows first..end-1, where there is a closed form."""
        draw = self.conjugate(observations, shared)
        assert draw is not None  # there are statistics, then
        return {self.parameter: draw(first, end, rng)}

    def pointwise(
        self, observations: Observations, paths: Mapping[str, Floats], shared: Floats
    ) -> Floats:
        """Return log p(y_t) of the observed rows, (n, D)."""
        observed = observations.observed(self.response)
        theta = paths[self.parameter][observed]
        companion = self.coordinate(observations, 1.0).companion(theta)
        data = self.data(observations).rows(observed)
        return self.log_density(data, Nodes(theta, companion), shared)

    def predict(
        self,
        observations: Observations,
        paths: Mapping[str, Floats],
        shared: Floats,
        rng: np.random.Generator,
    ) -> Floats:
        """Return new data for the observed rows, (n, D)."""
        observed = observations.observed(self.response)
        data = self.data(observations).rows(observed)
        return self.draw(data, paths[self.parameter][observed], shared, rng)


def segment_sums(numbers: Floats, first: Integers, end: Integers) -> Floats:
    """Return sums of numbers over rows first..end-1, missing ones left out, shape (S,)."""
    running = np.append(0.0, np.cumsum(np.nan_to_num(numbers)))
    sums: Floats = running[end] - running[first]
    return sums
