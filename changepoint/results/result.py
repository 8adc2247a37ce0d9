"""What an engine is, and what it returns: arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from changepoint.hand_written import OwnModel
from changepoint.likelihoods import Likelihood
from changepoint.model import Model
from changepoint.observations import Observations

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CHAINS = 4  # independent draws are stored as chains so that R-hat is defined
MOST_DRAWS = (
    10_000_000  # in all, of a few numbers each: beyond, memory goes and no digit is gained
)
QUANTILES = (0.025, 0.5, 0.975)
INTERVAL = ("mean", "lower", "upper")  # of differences and ratios


class Draws(NamedTuple):
    """D draws with up to S segments each.

    first
        First row of each segment, 0 for the first one, T where a draw has fewer, (D, S).
    parameter
        Its parameter, NaN where a draw has fewer, (D, S).
    hyper, names
        The hyperparameters, which all segments share, (D, d), and their names.
    chains
        How many chains they come from, one after the other.
    extra
        Further parameters of the segments by name, each (D, S); `slope` tilts the parameter,
        which then is that of a segment's first row.
    """

    first: Integers
    parameter: Floats
    hyper: Floats
    names: tuple[str, ...]
    chains: int = CHAINS
    extra: Mapping[str, Floats] = MappingProxyType({})

    def number(self, T: int) -> Integers:
        """Return the number of changes, shape (D,)."""
        return (self.first[:, 1:] < T).sum(axis=1)

    def chained(self, values: NDArray[Any]) -> NDArray[Any]:
        """(D, ...) -> (chain, draw, ...)."""
        return values.reshape(self.chains, -1, *values.shape[1:])

    def shared(self) -> dict[str, Floats]:
        """Return the hyperparameters by name, each (D,)."""
        return dict(zip(self.names, self.hyper.T, strict=True))

    def named(self, parameter: str) -> dict[str, Floats]:
        """Return all parameters of the segments by name."""
        return {parameter: self.parameter, **self.extra}

    @property
    def coordinates(self) -> dict[str, Integers]:
        """Numbers of chains and draws, which some plots of ArviZ ask for."""
        return {
            "chain": np.arange(self.chains),
            "draw": np.arange(len(self.first) // self.chains),
        }


class Step(NamedTuple):
    """What a change did, given the number of changes.

    difference, ratio
        Of the parameter after and before: mean, and the ends of the central 95 %; NaN for the
        ratio of what may be negative, its median where it has no mean, or one beyond.
    increase
        P(the parameter is larger after).
    """

    difference: tuple[float, float, float]
    ratio: tuple[float, float, float]
    increase: float


class Jump(NamedTuple):
    """The parameter on both sides of a row, were there a change exactly there.

    `before` and `after`: mean, and the ends of the central 95 %; `step`: what the change did.
    """

    before: tuple[float, float, float]
    after: tuple[float, float, float]
    step: Step


class Sensitivity(NamedTuple):
    """P(any change) under other priors.

    strength
        By how many times as many observations the parameter's prior is worth.
    size
        By how many times as large the hyperparameter is expected; of a share, its odds.
    """

    strength: dict[float, float]
    size: dict[float, float]


class Given(NamedTuple):
    """The changes, given their number.

    probability
        P(i-th change at row s), (k, T).
    credible
        The smallest set of rows holding 95 % of it, (k, T).
    inside
        P(some change lies in that set), all numbers considered, (k,).
    segments
        Mean and quantiles (QUANTILES) of the parameter by segment, (4, k + 1).
    steps
        What each change did, where it was summed; empty where draws tell.
    """

    number: int
    drawn: Callable[[], Draws]
    probability: Floats
    credible: NDArray[np.bool_]
    inside: Floats
    segments: Floats
    steps: tuple[Step, ...] = ()

    @property
    def draws(self) -> Draws:
        """Draws with this number of changes, made when they are first asked for."""
        return self.drawn()


class Candidate(NamedTuple):
    """One of the models that an answer is an average over.

    probability
        Its posterior probability, all candidates being equally probable before.
    probability_of_change, number
        What it says of the changes: P(any), the most probable number; NaN and -1 where its own
        probability is below one in a million.
    steady
        Whether it allows no change.
    """

    likelihood: Likelihood
    log_evidence: float
    probability: float
    probability_of_change: float
    number: int
    steady: bool


class Term(NamedTuple):
    """One term of an effect, such as a day of the week: mean, and ends of the central 95 %.

    By what the parameter of a row is multiplied, at the estimate from all rows; what is added
    to it where it may be negative.
    """

    name: str
    mean: float
    lower: float
    upper: float


class EffectFound(NamedTuple):
    """What is told of one effect.

    probability
        That it is there.
    terms
        Given that.
    relative
        Whether terms multiply.
    """

    name: str
    probability: float
    relative: bool
    terms: tuple[Term, ...]

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> EffectFound:
        """Return the one that JSON tells of."""
        terms = tuple(Term(**term) for term in told["terms"])
        return cls(told["name"], told["probability"], told["relative"], terms)

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {**self._asdict(), "terms": [term._asdict() for term in self.terms]}

    @property
    def share(self) -> bool:
        """Whether its terms are shares: of the deviation of the row before."""
        return self.name == "memory"

    @property
    def likely(self) -> bool:
        """Whether it is rather there than not."""
        return self.probability >= 0.5

    @property
    def taken_out(self) -> bool:
        """Whether rows are shown without it: what they remember is theirs."""
        return self.likely and not self.share

    @property
    def largest(self) -> Term:
        """The term furthest from none."""
        if not self.relative:
            return max(self.terms, key=lambda term: abs(term.mean))
        return max(self.terms, key=lambda term: abs(np.log(term.mean)))


class Result(NamedTuple):
    """One posterior.

    `change_probability` (T,), `number_probability` (K + 1,) and `rows` (4, T: mean and
    QUANTILES of the parameter by row) are marginals, exact or estimated from a sampler's
    draws; `number_error` is the Monte Carlo standard error of the number's probabilities
    where they come from draws of the exact engine, else 0.

    Of a sampler: `sample_stats`; `exact`, the exact answer to the same question, where there
    is one; of a hand-written model `posterior`, all its variables, and the model itself.

    Of the exact engine `inside`: from sets of rows, (S, T), to P(some change stands there);
    `jump`, where a segment has one parameter: from a row to before and after a change there;
    of an average `likeliest`, which gives its most probable model with draws of that; of one
    model on a grid `sensitivity`, P(any change) under other priors.
    """

    model: Model | OwnModel
    observations: Observations
    engine: dict[str, Any]
    warnings: tuple[str, ...]
    log_evidence: float | None
    change_probability: Floats
    number_probability: Floats
    number_error: float
    rows: Floats
    drawn: Callable[[], Draws]
    given: Given | None
    posterior: xr.Dataset | None = None
    sample_stats: xr.Dataset | None = None
    exact: Result | None = None
    pm_model: Any = None
    candidates: tuple[Candidate, ...] = ()
    effects: tuple[EffectFound, ...] = ()
    inside: Callable[[NDArray[np.bool_]], Floats] | None = None
    jump: Callable[[int], Jump | None] | None = None
    likeliest: Callable[[], tuple[Model, Draws]] | None = None
    sensitivity: Callable[[], Sensitivity] | None = None

    @property
    def draws(self) -> Draws:
        """Draws, made when they are first asked for."""
        return self.drawn()


@runtime_checkable
class Engine(Protocol):
    """How a posterior is computed: anything with a name that gives a `Result`.

    name
        What the result says it comes from.
    exact
        Whether what it gives are no estimates.
    """

    name: ClassVar[str]
    exact: ClassVar[bool]

    def run(
        self, model: Any, observations: Observations, notes: tuple[str, ...] = ()
    ) -> Result:
        """Return the posterior of a model that was checked and resolved, as arrays.

        Parameters
        ----------
        model
            A `Model` whose priors are filled; or one that only this engine knows.
        observations
            T rows.
        notes
            What was noticed of them, to be told as warnings.
        """
        ...
