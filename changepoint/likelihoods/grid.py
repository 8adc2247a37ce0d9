"""Families with one parameter a segment, summed out by quadrature: any density by row."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from changepoint.likelihoods.base import SegmentLikelihood
from changepoint.likelihoods.coordinates import Coordinate
from changepoint.likelihoods.links import shift
from changepoint.likelihoods.series import Nodes, Series, Shifts, Terms
from changepoint.observations import Observations
from changepoint.priors import Beta, Gamma, Normal, Prior

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

# What a density takes of rows by name, and `pooled`; each broadcastable against nodes.
Columns = Mapping[str, Floats]


@dataclass(frozen=True)
class GridLikelihood(SegmentLikelihood):
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
    def coordinate(self, series: Series, shared: Floats) -> Coordinate:
        """Return the coordinate of the parameter grid; `shared` is a value a series, (B,)."""

    @abstractmethod
    def information(self, series: Series, shared: Floats) -> Floats:
        """Return the Fisher information of all rows about x, the most over the grid, (B,)."""

    @abstractmethod
    def log_density(self, rows: Columns, nodes: Nodes, shared: Floats | float) -> Floats:
        """Return log p(y | theta, shared), by broadcasting; NaN where data are missing.

        Parameters
        ----------
        rows
            The family's `columns`, and `pooled`.
        """

    @abstractmethod
    def draw(
        self, rows: Columns, theta: Floats, shared: Floats, rng: np.random.Generator
    ) -> Floats:
        """Return data drawn at theta, by broadcasting."""

    @abstractmethod
    def standardized(self, rows: Columns, theta: Floats, shared: Floats) -> Floats:
        """Return (y - mean) / sd at theta, by broadcasting; a scale where there is no sd."""

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
        for name, support in self.supports.items():
            self.check_prior(name, support, example)

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

    def columns(self, observations: Observations) -> dict[str, Floats]:
        """Return what the density takes of each row, by name, (T,); NaN where one is missing.

        The roles that it needs or uses, 1 where the data have no exposure.
        """
        missing = ~observations.observed(self.response)
        columns = {}
        for role in dict.fromkeys((self.response, *self.needs, *self.uses)):
            numbers = getattr(observations, role)
            whole = np.ones(len(missing)) if numbers is None else numbers
            columns[role] = np.where(missing, np.nan, whole)
        return columns

    @property
    def alike(self) -> tuple[Any, ...]:
        """What series must share to be solved together: all that isn't stacked by series."""
        stackable = isinstance(self.prior, Beta | Gamma | Normal)
        return (type(self), type(self.prior) if stackable else self.prior)

    def at_pooled(self, rows: Columns) -> Floats | None:
        """Return log p of rows at the pooled estimate, if `log_density` wants it of them."""
        return None

    def terms(self, series: Series, nodes: Nodes, shared: Floats) -> list[Terms] | None:
        """Return the log density of each series as sums of products and of table entries.

        A faster form of `log_density` for the rows and nodes of B series; None for none.
        """
        return None

    def series(self, observations: Observations, shifts: Shifts | None = None) -> Series:
        """Return the rows as the solver takes them: what is the same is kept once.

        `shifts`: those of effects, a pattern for each row, (T, d).
        """
        columns, pooled = self.columns(observations), np.array([self.pooled(observations)])
        estimates = self.estimates(observations)
        # A row of 0 trials or no exposure says nothing: it is as one that is missing.
        telling, divisor = observations.observed(self.response), self.divisor(observations)
        if divisor is not None:
            telling &= observations.column(divisor) != 0
        observed = np.flatnonzero(telling)
        some = {name: column[observed] for name, column in columns.items()}
        pattern, told = np.empty(0, np.int64), []
        if shifts is not None:
            rows = (
                shifts.patterns
                if shifts.pulls is None
                else np.hstack((shifts.patterns, shifts.pulls))
            )
            patterns, pattern = np.unique(rows[observed], axis=0, return_inverse=True)
            pulls = None if shifts.pulls is None else patterns[:, len(shifts.names) :]
            patterns = patterns[:, : len(shifts.names)]
            shifts = shifts._replace(patterns=patterns, pulls=pulls)
            told = [pattern.astype(float)]
        first, which, copies = _distinct([*some.values(), *told])
        index = np.full(len(observations), len(first))
        index[observed] = which
        distinct = {name: column[first] for name, column in some.items()}
        distinct["estimate"] = estimates[observed][first]
        at_pooled = self.at_pooled({**distinct, "pooled": pooled})
        if at_pooled is not None:
            distinct["at_pooled"] = at_pooled
        return Series(
            np.array([0, len(observations)]),
            index,
            np.array([0, len(first)]),
            copies.astype(float),
            distinct,
            pooled,
            np.array([np.nanmin(distinct["estimate"])]),
            np.array([np.nanmax(distinct["estimate"])]),
            pattern if shifts is None else pattern[first],
            shifts,
        )

    @property
    def unshiftable(self) -> str | None:
        """What to give so that effects may shift the parameter."""
        return ""

    def estimates_without(self, observations: Observations, by: Floats) -> Floats:
        """Return each row's own estimate, less how far effects shift it, both (T,)."""
        return self.shifted(self.estimates(observations), -by)

    def shifted(self, theta: Floats, by: Floats, kept: Floats | None = None) -> Floats:
        """Return the parameter shifted on the scale of its link, by broadcasting.

        `kept`: the share of it that is kept before, 1 unless given.
        """
        return shift(self.domain, Nodes(theta, 1 - theta), by, kept).theta

    def beside_draws(self, observations: Observations) -> dict[str, Floats]:
        """Return the columns of the observed rows, (n, 1), and `pooled`: what draws go with."""
        observed = observations.observed(self.response)
        rows = {name: c[observed, None] for name, c in self.columns(observations).items()}
        rows["pooled"] = np.array(self.pooled(observations))
        at_pooled = self.at_pooled(rows)
        return rows if at_pooled is None else {**rows, "at_pooled": at_pooled}

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
        coordinate = self.coordinate(self.series(observations), np.ones(1))
        nodes = Nodes(theta, coordinate.companion(theta))
        return self.log_density(self.beside_draws(observations), nodes, shared)

    def predict(
        self,
        observations: Observations,
        paths: Mapping[str, Floats],
        shared: Floats,
        rng: np.random.Generator,
    ) -> Floats:
        """Return new data for the observed rows, (n, D)."""
        observed = observations.observed(self.response)
        rows = self.beside_draws(observations)
        return self.draw(rows, paths[self.parameter][observed], shared, rng)

    def residuals(
        self, observations: Observations, paths: Mapping[str, Floats], shared: Floats, y: Floats
    ) -> Floats:
        """Return (y - mean) / sd of the observed rows, (n, D); NaN where there is none."""
        theta = paths[self.parameter][observations.observed(self.response)]
        rows = {**self.beside_draws(observations), self.response: y}
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.standardized(rows, theta, shared)


def _distinct(columns: list[Floats]) -> tuple[Integers, Integers, Integers]:
    """Return one place of each distinct row, which of them each row is, and how many it is."""
    if not len(columns[0]):
        none = np.empty(0, np.int64)
        return none, none, none
    order = np.lexsort(columns)
    new = np.zeros(len(order), bool)
    new[0] = True
    for column in columns:
        ordered = column[order]
        new[1:] |= ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(new)
    which = np.empty(len(order), np.int64)
    which[order] = np.cumsum(new) - 1
    return order[starts], which, np.diff(np.append(starts, len(order)))


def segment_sums(numbers: Floats, first: Integers, end: Integers) -> Floats:
    """Return sums of numbers over rows first..end-1, missing ones left out, shape (S,)."""
    running = np.append(0.0, np.cumsum(np.nan_to_num(numbers)))
    sums: Floats = running[end] - running[first]
    return sums
