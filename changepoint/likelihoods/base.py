"""What a likelihood family declares, and what every family gets from it."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import ModelError
from changepoint.likelihoods.hyperparameter import Hyperparameter
from changepoint.likelihoods.segment_statistics import Statistics
from changepoint.observations import Observations
from changepoint.priors import Beta, Prior
from changepoint.roles import behind

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]


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
    grid (`GridLikelihood`), or in closed form, from the statistics of its rows; an average
    over families (`Auto`) has none of its own.
    """

    name: ClassVar[str]  # on the command line
    response: ClassVar[str]  # the role it explains
    needs: ClassVar[tuple[str, ...]]  # the roles it can't do without
    uses: ClassVar[tuple[str, ...]] = ()  # the roles it uses where present
    parameter: ClassVar[str]  # of a segment: the one that reports are about
    domain: ClassVar[tuple[float, float]]  # of the parameter
    supports: ClassVar[Mapping[str, tuple[float, float]]] = {}  # of further priors, by field
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
    def candidates(self, observations: Observations) -> tuple[SegmentLikelihood, ...]:
        """Return the families that this one averages over; itself alone, as a rule."""

    # -- what follows from it -----------------------------------------------------------

    def divisor(self, observations: Observations) -> str | None:
        """Return the role that events are divided by to have a rate; None: by nothing."""
        there = (role for role in behind(self.response) if role in (*self.needs, *self.uses))
        return next((role for role in there if getattr(observations, role) is not None), None)

    def worth(self, observations: Observations) -> Floats:
        """Return how much each row's estimate counts beside others, (T,).

        What its events are divided by: trials, exposure, or all outcomes; else 1.
        """
        if self.response == "outcomes":
            return np.asarray(observations.column("outcomes").sum(axis=1), float)
        role = self.divisor(observations)
        return np.ones(len(observations)) if role is None else observations.column(role)

    def pooled_by(self, y: Floats, observations: Observations, starts: Integers) -> Floats:
        """Return the mean of rows' estimates by their worth in groups, NaN where none has any.

        Groups are rows starts[i]..starts[i + 1] - 1; y are the estimates, (T,).
        """
        worth = self.worth(observations)
        seen = ~np.isnan(y)
        total = np.add.reduceat(np.where(seen, worth, 0.0), starts)
        whole = np.add.reduceat(np.where(seen, y * worth, 0.0), starts)
        empty = np.full(len(starts), np.nan)
        pooled: Floats = np.divide(whole, total, empty, where=total > 0)
        return pooled

    def steady(self, observations: Observations) -> tuple[SegmentLikelihood, ...]:
        """Return further families to average over, under which nothing changes."""
        return ()

    def cautions(self, observations: Observations) -> Iterator[str]:
        """Yield warnings about data that are possible but unlike this family."""
        yield from ()

    @property
    def hyper(self) -> Hyperparameter | None:
        """The parameter that all segments share, if there is one."""
        return None

    @property
    def hyper_names(self) -> tuple[str, ...]:
        """The names of the parameters that all segments share."""
        return () if self.hyper is None else (self.hyper.name,)

    def own(self, hyper: Floats) -> Floats:
        """Return the family's own among vectors of hyperparameters, (..., d) -> (...); or 0."""
        return np.zeros(hyper.shape[:-1]) if self.hyper is None else hyper[..., 0]

    def with_strength(self, strength: float) -> Self | None:
        """Return the family with its segments' prior worth so many times as much.

        None where it can't be: the prior has no such parameter.
        """
        return None

    @property
    def shifted_domain(self) -> tuple[float, float]:
        """The domain of what effects shift: of the parameter."""
        return self.domain

    @property
    def unshiftable(self) -> str | None:
        """What to give so that effects may shift rows: nothing (""); None if they never can."""
        return None

    def estimates_without(self, observations: Observations, by: Floats) -> Floats:
        """Return each row's own estimate, less how far effects shift it, both (T,)."""
        unshifted = observations.column("value") - by
        return self.estimates(dataclasses.replace(observations, value=unshifted))

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
class SegmentLikelihood(Likelihood):
    """A family by itself: a segment has parameters, with a prior and a density of its rows."""

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
            The shared parameter, (D,); zeros where there is none.
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

    @abstractmethod
    def residuals(
        self, observations: Observations, paths: Mapping[str, Floats], shared: Floats, y: Floats
    ) -> Floats:
        """Return (y - mean) / sd of the n observed rows under D draws, (n, D).

        Given the rows before, where these matter; NaN where a row says nothing, such as without
        a trial. Some fixed scale stands for an sd that is infinite. As in `pointwise`, and

        Parameters
        ----------
        y
            Data for these rows, of the response, (n, 1), or of each draw, (n, D); of outcomes
            with one more dimension.
        """

    def candidates(self, observations: Observations) -> tuple[SegmentLikelihood, ...]:
        """Return itself alone, unless a number of it is left open."""
        return (self,)


@runtime_checkable
class ClosedForm(Protocol):
    """What a family has, under some priors at least, whose segments have a closed form."""

    def statistics(self, observations: Observations, shared: float) -> Statistics | None:
        """Return the statistics whose sums give a segment's marginal likelihood.

        None where the prior isn't conjugate.
        """

    def segment_draws(
        self,
        observations: Observations,
        shared: float,
        first: Integers,
        end: Integers,
        rng: np.random.Generator,
    ) -> dict[str, Floats]:
        """Return parameters of segments of rows first..end-1 given their data, each (S,).

        Where there are statistics.
        """


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
