"""What a likelihood family declares, and what every family gets from it."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from changepoint.errors import ModelError
from changepoint.likelihoods.coordinates import Coordinate, Nodes
from changepoint.likelihoods.segment_statistics import Statistics
from changepoint.observations import Observations
from changepoint.priors import Beta, Prior

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


class Fault(NamedTuple):
    """Rows that break one rule of a family's support."""

    role: str
    rows: Mask | None  # (T,), of outcomes also (T, C) by cell; None for the series as a whole
    rule: str
    remedy: str


@dataclass(frozen=True)
class Likelihood(ABC):
    """p(y_t | parameters of its segment, parameters shared by all segments).

    A family is a frozen dataclass whose fields are priors. None means: filled from the data
    by `resolve`. How a segment's parameters are summed out is up to the kind of family: on a
    grid (`GridLikelihood`), or in closed form, from the statistics of its rows.
    """

    name: ClassVar[str]  # on the command line
    response: ClassVar[str]  # the role it explains
    needs: ClassVar[tuple[str, ...]]  # the roles it can't do without
    uses: ClassVar[tuple[str, ...]] = ()  # the roles it uses where present
    parameter: ClassVar[str]  # of a segment: the one that reports are about
    domain: ClassVar[tuple[float, float]]  # of the parameter
    shared: ClassVar[str | None] = None  # the parameter all segments share
    shared_field: ClassVar[str] = ""  # the field with its prior
    shared_support: ClassVar[tuple[float, float]] = (0.0, math.inf)  # of that prior
    sharpest: ClassVar[int] = 0  # which end of its values, 0 or -1, needs the finest grid
    heavy_tails: ClassVar[bool] = False  # whether rows far out may leave the parameter alone

    # -- for each family to state -------------------------------------------------------

    @abstractmethod
    def resolve(self, observations: Observations) -> Self:
        """Return the family with every prior filled."""

    @abstractmethod
    def faults(self, observations: Observations) -> Iterator[Fault]:
        """Yield the rules of the support that rows break."""

    @abstractmethod
    def estimates(self, observations: Observations) -> Floats:
        """Return each row's own estimate of the parameter, NaN without data, shape (T,)."""

    @abstractmethod
    def segment_prior(
        self, observations: Observations, shape: tuple[int, ...], rng: np.random.Generator
    ) -> dict[str, Floats]:
        """Return parameters of segments drawn from their priors, each of this shape."""

    @abstractmethod
    def pointwise(
        self, observations: Observations, paths: Mapping[str, Floats], shared: Floats
    ) -> Floats:
        """Return log p(y_t) of the n observed rows under D draws, shape (n, D).

        Parameters
        ----------
        paths
            Parameters by row, (T, D), and `first`, the first row of the segment.
        shared
            The shared parameter, (D,); ones where there is none.
        """

    @abstractmethod
    def predict(
        self,
        observations: Observations,
        paths: Mapping[str, Floats],
        shared: Floats,
        rng: np.random.Generator,
    ) -> Floats:
        """Return new data for the n observed rows under D draws, (n, D); as in `pointwise`."""

    # -- what follows from it -----------------------------------------------------------

    def candidates(self, observations: Observations) -> tuple[Likelihood, ...]:
        """Return the families that this one averages over; itself alone, as a rule."""
        return (self,)

    def steady(self, observations: Observations) -> tuple[Likelihood, ...]:
        """Return further families to average over, under which nothing changes."""
        return ()

    def statistics(self, observations: Observations, shared: float) -> Statistics | None:
        """Return the statistics whose sums give a segment's marginal likelihood.

        None where prior and likelihood have no closed form.
        """
        return None

    def segment_draws(
        self,
        observations: Observations,
        shared: float,
        first: Integers,
        end: Integers,
        rng: np.random.Generator,
    ) -> dict[str, Floats]:
        """Return parameters of segments of rows first..end-1 given their data, each (S,).

        Where there are `statistics`.
        """
        raise NotImplementedError

    def cautions(self, observations: Observations) -> Iterator[str]:
        """Yield warnings about data that are possible but unlike this family."""
        yield from ()

    @property
    def shared_prior(self) -> Prior:
        """The prior on the shared parameter, in the terms of its field; only once resolved."""
        prior: Prior = getattr(self, self.shared_field)
        return prior

    @property
    def shared_domain(self) -> tuple[float, float]:
        """Where the shared parameter's field may lie, given the data: its prior is cut."""
        return self.shared_support

    @property
    def shared_unit(self) -> float:
        """A typical size of differences of the shared parameter, where it has no ends."""
        return 1.0

    def shared_value(self, native: Floats) -> Floats:
        """Return the shared parameter from the quantity that its prior is about."""
        return native

    def pymc_shared(self, native: Any) -> Any:
        """Return the same for a PyTensor variable."""
        return native

    def shared_draws(self, rng: np.random.Generator, size: int) -> Floats:
        """Return the shared parameter drawn from its prior, shape (size,)."""
        return self.shared_value(self.shared_quantile(rng.random(size)))

    def shared_quantile(self, q: ArrayLike) -> Floats:
        """Return quantiles of the shared parameter's prior, cut to its domain."""
        low, high = (float(self.shared_prior.cdf(end)) for end in self.shared_domain)
        return self.shared_prior.quantile(low + (high - low) * np.asarray(q))

    @property
    def shared_limit(self) -> float | None:
        """Its value at the lower end of the prior, if the likelihood has a limit there."""
        return None

    def with_strength(self, strength: float) -> Self | None:
        """Return the family with its segments' prior worth so many times as much.

        None where it can't be: the prior has no such parameter.
        """
        return None

    @property
    def title(self) -> str:
        """The name, and what else tells this family from others of its name."""
        return self.name

    @property
    def label(self) -> str:
        """The parameter in words."""
        return self.parameter

    @property
    def subject(self) -> str:
        """What changes, in words: the parameter, if there is one."""
        return self.label

    def priors(self) -> dict[str, str]:
        """Return the priors by field, as text."""
        fields = ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))
        return {name: str(prior) for name, prior in fields if isinstance(prior, Prior)}

    def to_dict(self) -> dict[str, Any]:
        """Return name and priors, ready for JSON."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        told = {k: v.to_dict() if isinstance(v, Prior) else v for k, v in fields.items()}
        return {"name": self.name, **told}

    def __str__(self) -> str:
        inside = ", ".join(f"{name}={prior}" for name, prior in self.priors().items())
        return f"{type(self).__name__}({inside})"

    def check_prior(self, field: str, support: tuple[float, float], example: str) -> None:
        """Raise ModelError unless a field is a prior inside its support, or None."""
        prior = getattr(self, field)
        if prior is None:
            return
        if not isinstance(prior, Prior):
            raise ModelError(
                f"{field} of {type(self).__name__} must be a prior such as {example}, not "
                f"{prior!r}"
            )
        if not (support[0] <= prior.support[0] and prior.support[1] <= support[1]):
            raise ModelError(
                f"{field} of {type(self).__name__} lies between {support[0]:g} and "
                f"{support[1]:g}; {prior} reaches from {prior.support[0]:g} to "
                f"{prior.support[1]:g}"
            )


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


def spread_faults(role: str, y: Floats, defaults: bool) -> Iterator[Fault]:
    """Rules for continuous data: they must differ, and not by more than arithmetic can bear.

    `defaults`: whether a prior is to be filled from how much they differ.
    """
    y = y[np.isfinite(y)]
    if defaults and len(y) == 1:
        remedy = "Use more rows, or give every prior."
        yield Fault(role, None, f"a single {role}, which says nothing of the noise", remedy)
    if len(y) < 2:
        return
    spread, largest = float(y.max() - y.min()), float(np.abs(y).max())
    if spread == 0:
        rule = f"all {role}s are equal, which leaves nothing to explain"
        yield Fault(role, None, rule, "Check the column.")
    elif spread < 1e-13 * largest or spread < 1e-100:
        rule = f"all {role}s are equal up to rounding: they differ by {spread:.2g}"
        yield Fault(role, None, rule, "Subtract what is common to them, or use another unit.")


def default_rate_prior(p: float) -> Beta:
    """Return a Beta prior around p worth about two events, the same for successes and failures.

    Beta(2 p / q, 2 (1 - p) / q) with q = min(p, 1 - p). A flat prior hides weak changes: its
    Occam factor costs 4 nats a segment at p = 0.009.
    """
    q = min(p, 1 - p)
    return Beta(2 * p / q, 2 * (1 - p) / q)


def segment_sums(numbers: Floats, first: Integers, end: Integers) -> Floats:
    """Return sums of numbers over rows first..end-1, missing ones left out, shape (S,)."""
    running = np.append(0.0, np.cumsum(np.nan_to_num(numbers)))
    sums: Floats = running[end] - running[first]
    return sums
