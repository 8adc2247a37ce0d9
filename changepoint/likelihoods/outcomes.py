"""What the families of several outcomes per trial share: a Dirichlet prior by segment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from changepoint.errors import ModelError
from changepoint.likelihoods.base import Fault, SegmentLikelihood
from changepoint.likelihoods.counts import LARGEST, not_whole
from changepoint.likelihoods.segment_statistics import Outcomes as OutcomeStatistics
from changepoint.likelihoods.segment_statistics import prefix_sums
from changepoint.observations import Observations

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEAST = 0.01  # concentration of an outcome: draws from less are all zeros and ones
OVERDISPERSED = 1.5  # variance from row to row, as a multiple of the Multinomial's


@dataclass(frozen=True)
class OutcomeLikelihood(SegmentLikelihood):
    """p(k_1..k_C) = n! prod p_c^k_c / k_c!, p of the segment with a Dirichlet prior.

    The marginal likelihood of a segment is that of the Dirichlet-multinomial distribution.
    """

    concentration: tuple[float, ...] | None = None
    outcome: str | None = None

    response: ClassVar = "outcomes"
    needs: ClassVar = ("outcomes",)
    parameter: ClassVar = "probability"
    domain: ClassVar = (0.0, 1.0)

    def __post_init__(self) -> None:
        if self.concentration is None:
            return
        try:
            alphas = tuple(float(alpha) for alpha in self.concentration)
        except TypeError:
            alphas = ()
        if len(alphas) < 2 or not all(LEAST <= alpha < np.inf for alpha in alphas):
            raise ModelError(
                f"concentration of {type(self).__name__} must be a number for each outcome, "
                f"0.01 or more, such as (1, 1, 1), not {self.concentration!r}"
            )
        object.__setattr__(self, "concentration", alphas)

    def resolve(self, observations: Observations) -> Self:
        """Return the family with its prior filled, and the outcome that is shown."""
        names = observations.outcome_names
        outcome = names[-1] if self.outcome is None else str(self.outcome)
        if outcome not in names:
            raise ModelError(f"there is no outcome {outcome!r}; there are {', '.join(names)}")
        if self.concentration is not None:
            if len(self.concentration) != len(names):
                raise ModelError(
                    f"concentration has {len(self.concentration)} numbers, but there are "
                    f"{len(names)} outcomes: {', '.join(names)}"
                )
            return replace(self, outcome=outcome)
        counts = self._counts(observations).sum(axis=0) + 0.5
        typical = np.exp(np.mean(np.log(counts)))
        alphas = np.maximum(2 * counts / typical, 0.5)
        return replace(self, concentration=tuple(map(float, alphas)), outcome=outcome)

    def faults(self, observations: Observations) -> Iterator[Fault]:
        """Yield what breaks the rule: counts are whole numbers, 0 or more."""
        counts = observations.column("outcomes")
        missing = np.isnan(counts)
        correct = "Correct it, or leave the whole row empty."
        partly = (
            missing.any(axis=1, keepdims=True) & missing & ~missing.all(axis=1, keepdims=True)
        )
        yield Fault("outcomes", partly, "no count beside those of other outcomes", correct)
        yield Fault("outcomes", np.isinf(counts), "an infinite count", correct)
        yield Fault("outcomes", counts < 0, "a negative count", correct)
        yield Fault("outcomes", not_whole(counts), "a count that isn't a whole number", correct)
        large = np.isfinite(counts) & (counts > LARGEST)
        yield Fault("outcomes", large, f"above {LARGEST:.0e}, which is too large", correct)
        if not missing.all() and not np.nansum(counts) > 0:
            yield Fault("outcomes", None, "no row has any trial", "Check the columns.")

    def cautions(self, observations: Observations) -> Iterator[str]:
        """Warn of rows that vary more than independent trials would."""
        counts = self._counts(observations)
        n = counts.sum(axis=1)
        counts, n = counts[n > 0], n[n > 0]
        if len(n) < 10 or counts.sum(axis=0).min() < 5 or np.median(n) < 5:
            return
        share = counts / n[:, None]
        p = counts.sum(axis=0) / n.sum()
        expected = (1 / n[1:] + 1 / n[:-1])[:, None] * p
        steps = np.sort(np.sum(np.diff(share, axis=0) ** 2 / expected, axis=1))
        inflation = float(np.mean(steps[: -_left_out(len(steps))]))
        inflation /= _lower_mean(len(p) - 1, 1 - _left_out(len(steps)) / len(steps))
        if inflation > OVERDISPERSED:
            yield (
                f"rows vary {inflation:.1f} times as much as independent trials would, and "
                f"{self.name!r} takes that for change: look at single outcomes with "
                "'beta-binomial' too"
            )

    def estimates(self, observations: Observations) -> Floats:
        """Return the share of the outcome that is shown, (T,)."""
        counts = observations.column("outcomes")
        n = counts.sum(axis=1)
        share: Floats = counts[:, self._shown(observations)] / np.where(n > 0, n, np.nan)
        return share

    def statistics(self, observations: Observations, shared: float) -> OutcomeStatistics:
        """Return counts by outcome."""
        assert self.concentration is not None  # resolved
        counts = self._counts(observations)
        rows = np.column_stack([_log_multinomial(counts), counts])
        alphas = np.array(self.concentration, float)
        return OutcomeStatistics(prefix_sums(rows), alphas, self._shown(observations))

    def segment_draws(
        self,
        observations: Observations,
        shared: float,
        first: Integers,
        end: Integers,
        rng: np.random.Generator,
    ) -> dict[str, Floats]:
        """Return draws from Dirichlet(concentration + counts)."""
        assert self.concentration is not None  # resolved
        sums = np.concatenate(
            [np.zeros((1, len(self.concentration))), self._counts(observations).cumsum(axis=0)]
        )
        alphas = np.array(self.concentration) + sums[end] - sums[first]
        return self._named(observations, _dirichlet(alphas, rng))

    def segment_prior(
        self, observations: Observations, shape: tuple[int, ...], rng: np.random.Generator
    ) -> dict[str, Floats]:
        """Return draws from the prior."""
        alphas = np.broadcast_to(
            self.concentration or (), (*shape, len(self.concentration or ()))
        )
        return self._named(observations, _dirichlet(alphas, rng))

    def pointwise(
        self, observations: Observations, paths: Mapping[str, Floats], shared: Floats
    ) -> Floats:
        """Return log p of the observed rows, (n, D)."""
        rows = observations.observed("outcomes")
        counts = observations.column("outcomes")[rows]
        p = self._paths(observations, paths, rows)
        log_p: Floats = np.sum(special.xlogy(counts[:, None], p), axis=2, dtype=np.float64)
        return log_p + _log_multinomial(counts)[:, None]

    def predict(
        self,
        observations: Observations,
        paths: Mapping[str, Floats],
        shared: Floats,
        rng: np.random.Generator,
    ) -> Floats:
        """Return new counts for the observed rows, (n, D, C)."""
        rows = observations.observed("outcomes")
        n = observations.column("outcomes")[rows].sum(axis=1).astype(np.int64)
        p = self._paths(observations, paths, rows)
        drawn: Floats = rng.multinomial(n[:, None], p / p.sum(axis=2, keepdims=True)).astype(
            float
        )
        return drawn

    def residuals(
        self, observations: Observations, paths: Mapping[str, Floats], shared: Floats, y: Floats
    ) -> Floats:
        """Return (k - n p) / sqrt(n p (1 - p)) of the outcome that is shown, (n, D)."""
        c, n = self._shown(observations), y.sum(axis=2)
        p = self._paths(observations, paths, observations.observed("outcomes"))[:, :, c]
        with np.errstate(divide="ignore", invalid="ignore"):
            told: Floats = (y[:, :, c] - n * p) / np.sqrt(n * p * (1 - p))
        return told

    def to_dict(self) -> dict[str, Any]:
        """Return name and prior, ready for JSON."""
        given = None if self.concentration is None else list(self.concentration)
        return {"name": self.name, "concentration": given, "outcome": self.outcome}

    def priors(self) -> dict[str, str]:
        """Return the prior as text."""
        alphas = ", ".join(f"{alpha:.6g}" for alpha in self.concentration or ())
        return {"probability": f"Dirichlet({alphas})"} if alphas else {}

    def with_strength(self, strength: float) -> Self | None:
        """Return the family with a prior worth so many times as many trials."""
        alphas = tuple(strength * alpha for alpha in self.concentration or ())
        return replace(self, concentration=alphas) if min(alphas) >= LEAST else None

    @property
    def label(self) -> str:
        """The probability of the outcome that is shown."""
        return f"probability of {self.outcome!r}" if self.outcome else self.parameter

    @property
    def subject(self) -> str:
        """All probabilities: a change may be of others than the one shown."""
        return "distribution of outcomes"

    def _shown(self, observations: Observations) -> int:
        names = observations.outcome_names
        return names.index(self.outcome) if self.outcome else len(names) - 1

    def _counts(self, observations: Observations) -> Floats:
        """Return counts, zeros in missing rows, (T, C)."""
        counts = observations.column("outcomes")
        return np.where(observations.observed("outcomes")[:, None], counts, 0.0)

    def _named(self, observations: Observations, p: Floats) -> dict[str, Floats]:
        """Return the probabilities by name, that of the outcome shown as `probability`."""
        named = {key: p[..., c] for c, key in enumerate(_keys(observations))}
        return {"probability": p[..., self._shown(observations)], **named}

    def _paths(
        self, observations: Observations, paths: Mapping[str, Floats], rows: NDArray[np.bool_]
    ) -> Floats:
        return np.stack([paths[key][rows] for key in _keys(observations)], axis=2)


def _keys(observations: Observations) -> list[str]:
    """Return the names under which the probabilities of all outcomes are kept."""
    return [f"probability[{name}]" for name in observations.outcome_names]


def _left_out(steps: int) -> int:
    """Return how many of the largest steps between rows may be changes: one in 20."""
    return max(1, steps // 20)


def _lower_mean(freedom: int, share: float) -> float:
    """Return the mean of the lower share of a chi-square distribution."""
    end = special.chdtri(freedom, 1 - share)
    return float(freedom * special.chdtr(freedom + 2, end) / share)


def _log_multinomial(counts: Floats) -> Floats:
    """Return log n! - sum log k_c!, (T,)."""
    log_ways: Floats = special.gammaln(counts.sum(axis=1) + 1)
    return log_ways - special.gammaln(counts + 1).sum(axis=1)


def _dirichlet(alphas: Floats, rng: np.random.Generator) -> Floats:
    """Return Dirichlet draws, one for each row of alphas (..., C)."""
    gammas = rng.gamma(alphas)
    p: Floats = gammas / gammas.sum(axis=-1, keepdims=True)
    return p


def categorical_log_likelihood(logits: ArrayLike, outcome: ArrayLike) -> Floats:
    """Return log p(outcome) for log odds by outcome: the negative softmax cross-entropy.

    log p = logits[outcome] - log sum_c exp(logits_c), taken relative to the largest logit, so
    that none overflows.

    Parameters
    ----------
    logits
        (..., C); any constant may be added to all.
    outcome
        Index of what happened, 0..C-1, (...); both broadcast.

    Returns
    -------
    array
        (...).

    Raises
    ------
    ModelError
        If an outcome isn't one of 0..C-1.

    Examples
    --------
    >>> float(categorical_log_likelihood([0, 1, 2], 1).round(8))
    -1.40760596
    """
    logits, which = np.asarray(logits, float), np.asarray(outcome)
    C = logits.shape[-1] if logits.ndim else 0
    if which.dtype.kind not in "iu" or np.any((which < 0) | (which >= C)):
        raise ModelError(f"an outcome must be one of the indices 0 to {C - 1}, not {outcome!r}")
    log_p = special.log_softmax(logits, axis=-1)
    shape = np.broadcast_shapes(which.shape, log_p.shape[:-1])
    log_p, which = np.broadcast_to(log_p, (*shape, C)), np.broadcast_to(which, shape)
    told: Floats = np.take_along_axis(log_p, which[..., None], axis=-1)[..., 0]
    return told
