"""The prior on the number and the places of changes.

The index convention of the whole package: T counts the rows of the time grid, missing rows
included. A change is named by the 0-based index of the first row of its new segment, so that
changes stand at 1..T-1 and segments are half-open: rows 0..s-1 before a change at s, rows
s.. from it on. min_length counts rows, missing ones included.

Given their number k, all placements of changes that keep every segment at least m rows long
are equally likely. There are N_k = C(T - (k+1)(m-1) - 1, k) of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.errors import ModelError

Floats = NDArray[np.float64]

NOTHING = -50.0  # log prior of a number of changes that adds nothing to a sum


@dataclass(frozen=True)
class Changes:
    """How many changes, and where, before the data are seen.

    Every placement of k changes has weight proportional to c_k, with c_k = rho^k:

    - `Changes(probability=0.5)`, the default: rho such that any change at all has that
      probability; even odds, whatever T is.
    - `Changes(at_most=K)`: the same with k <= K.
    - `Changes(exactly=k)`: that number alone, all placements equally likely.
    - `Changes(every=n)`: constant hazard h = 1 / (n - m + 1) after the first m rows of a
      segment, so that segments have n rows on average; rho = h / (1-h)^m. The one choice
      whose prior doesn't depend on T: for long series and for streams.

    Parameters
    ----------
    probability
        Prior probability of one or more changes, in [0, 1); with `at_most` too.
    at_most, exactly
        Largest number, or the number, of changes.
    every
        Mean segment length in rows, above min_length.
    min_length
        Shortest segment in rows, m.

    Raises
    ------
    ModelError
        If the arguments contradict each other.

    Examples
    --------
    >>> float(Changes().log_number(180)[0].round(6))  # log P(no change) is log 1/2
    -0.693147
    """

    probability: float | None = None
    at_most: int | None = None
    exactly: int | None = None
    every: float | None = None
    min_length: int = 1

    def __post_init__(self) -> None:
        if self.exactly is None and self.every is None and self.probability is None:
            object.__setattr__(self, "probability", 0.5)
        kinds = [name for name in ("probability", "exactly", "every") if self._given(name)]
        if len(kinds) > 1 or (self.at_most is not None and self.probability is None):
            kinds += ["at_most"] * (self.at_most is not None)
            raise ModelError(f"Changes takes one of {' and '.join(kinds)}, not both")
        self._check_integer("min_length", 1)
        self._check_integer("exactly", 0)
        self._check_integer("at_most", 1)
        self._check_number("probability")
        self._check_number("every")
        if self.probability is not None and not 0 <= self.probability < 1:
            raise ModelError(
                f"probability of Changes must be in [0, 1), not {self.probability}; to state a "
                "number of changes use exactly="
            )
        if self.every is not None and not self.min_length < self.every < math.inf:
            raise ModelError(
                f"every of Changes is the mean segment length: it must be above min_length "
                f"({self.min_length}), not {self.every}"
            )

    def _given(self, name: str) -> bool:
        return getattr(self, name) is not None

    def _check_integer(self, name: str, lowest: int) -> None:
        number = getattr(self, name)
        if number is None:
            return
        if isinstance(number, bool) or not isinstance(number, int | np.integer):
            raise ModelError(f"{name} of Changes must be a whole number, not {number!r}")
        if number < lowest:
            raise ModelError(f"{name} of Changes must be at least {lowest}, not {number}")
        object.__setattr__(self, name, int(number))

    def _check_number(self, name: str) -> None:
        number = getattr(self, name)
        numbers = int | float | np.integer | np.floating
        if number is not None and (isinstance(number, bool) or not isinstance(number, numbers)):
            raise ModelError(f"{name} of Changes must be a number, not {number!r}")
        if number is not None:
            object.__setattr__(self, name, float(number))

    @property
    def possible(self) -> bool:
        """Whether this prior allows any change."""
        return self.exactly != 0 and self.probability != 0

    @property
    def rows_needed(self) -> int:
        """The fewest rows T for which this prior makes sense."""
        if self.exactly is not None:
            return (self.exactly + 1) * self.min_length
        return 2 * self.min_length if self.possible else self.min_length

    @property
    def asking_less(self) -> str:
        """What else to change where rows are too few: " or ...", or nothing."""
        fewer = " or fewer changes" if self.exactly else ""
        return f"{fewer} or a smaller min_length" if self.min_length > 1 else fewer

    def largest(self, T: int) -> int:
        """Return the largest number of changes in T rows that this prior allows."""
        if not self.possible:
            return 0
        fits = T // self.min_length - 1
        asked = [n for n in (self.exactly, self.at_most) if n is not None]
        return min([fits, *asked])

    def log_rho(self, T: int) -> float:
        """Return log rho, the log weight of one more change in T rows; -inf without changes.

        For `exactly` it only sets the scale of intermediate results: the value at which that
        number is about the typical one.

        Raises
        ------
        ModelError
            If T rows are too few for the shortest segments asked for.
        """
        if self.rows_needed > T:
            raise ModelError(
                f"{T} {'row is' if T == 1 else 'rows are'} too few: {self} needs at least "
                f"{self.rows_needed}; use more rows{self.asking_less}"
            )
        if not self.possible:
            return -math.inf
        m = self.min_length
        if self.every is not None:
            h = 1 / (self.every - m + 1)
            return math.log(h) - m * math.log1p(-h)
        log_n = log_placements(T, m, self.largest(T))
        if self.exactly is not None:
            # One more change multiplies the number of placements by about N_k / N_(k-1).
            return float(log_n[self.exactly - 1] - log_n[self.exactly]) + math.log(self.exactly)
        assert self.probability is not None
        odds = math.log(self.probability) - math.log1p(-self.probability)
        if m == 1 and self.at_most is None:
            return math.log(math.expm1(-math.log1p(-self.probability) / (T - 1)))
        return _solve(T, m, self.largest(T), odds)

    def log_number(self, T: int) -> Floats:
        """Return the prior log P(k) for k = 0..largest(T), shape (largest + 1,)."""
        log_n = log_placements(T, self.min_length, self.largest(T))
        if self.exactly is not None:
            return np.where(np.arange(len(log_n)) == self.exactly, 0.0, -np.inf)
        if not self.possible:
            return np.zeros(1)
        log_p = log_n + np.arange(len(log_n)) * self.log_rho(T)
        normalised: Floats = log_p - special.logsumexp(log_p)
        return normalised

    def log_none(self, T: int) -> float:
        """Return the prior log P(no change)."""
        if self.probability is not None:
            return math.log1p(-self.probability)
        return float(self.log_number(T)[0])

    def probability_inside(self, T: int, first: int, last: int) -> float:
        """Return the prior P(some change stands in rows first..last), 1 <= first <= last < T.

        Exact. Given k changes and m = 1 it is 1 - C(T-1-w, k) / C(T-1, k), w being the rows of
        the window; for m > 1 placements that avoid it are summed row by row.

        Examples
        --------
        ''>>> round(Changes(exactly=1).probability_inside(181, 10, 18), 9)  # 9 of 180 places
        0.05
        """
        log_p = self.log_number(T)
        kept = np.flatnonzero(log_p > NOTHING)
        log_p = log_p[: kept[-1] + 1]
        K, m = len(log_p) - 1, self.min_length
        if m == 1:
            log_avoiding = log_placements(T - (last - first + 1), 1, K)
        else:
            log_avoiding = _log_avoiding(T, m, K, first, last)
        log_share = log_avoiding - log_placements(T, m, K)  # of the placements of k changes
        p = float(np.exp(log_p) @ -np.expm1(np.minimum(log_share, 0.0)))
        return min(max(p, 0.0), 1.0)

    def draw(self, T: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return a placement drawn from this prior: ascending rows of changes, shape (k,)."""
        k = int(np.searchsorted(_up_to_number(self, T), rng.random(), "right"))
        # Shrinking every segment by m - 1 rows leaves an ordinary choice without order.
        free = T - (k + 1) * (self.min_length - 1) - 1
        chosen = np.sort(rng.choice(free, size=k, replace=False)) + 1
        return chosen + np.arange(1, k + 1) * (self.min_length - 1)

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments given, ready for JSON."""
        names = ("probability", "at_most", "exactly", "every")
        given = {name: getattr(self, name) for name in names if self._given(name)}
        return {**given, "min_length": self.min_length}

    def __str__(self) -> str:
        return f"Changes({', '.join(f'{k}={v}' for k, v in self.to_dict().items())})"


@lru_cache(maxsize=8)
def _up_to_number(changes: Changes, T: int) -> Floats:
    """Return P(at most k changes) for all k but the largest; kept for the next draw."""
    cumulative: Floats = np.cumsum(np.exp(changes.log_number(T)))
    up_to: Floats = cumulative[:-1] / cumulative[-1]
    return up_to


def log_placements(T: int, min_length: int, largest: int) -> Floats:
    """Return log N_k for k = 0..largest, shape (largest + 1,).

    N_k = C(T - (k+1)(m-1) - 1, k): the ways to cut T rows into k+1 segments of at least m.
    """
    k = np.arange(largest + 1)
    n = T - (k + 1) * (min_length - 1) - 1
    log_n: Floats = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return log_n


def _log_avoiding(T: int, m: int, largest: int, first: int, last: int) -> Floats:
    """Return the log number of placements with none in first..last, for k = 0..largest."""
    # Of those whose k-th change stands at row s, by s; the 0-th stands at the first row.
    at = np.full(T, -np.inf)
    at[0] = 0.0
    found = np.empty(largest + 1)
    for k in range(largest + 1):
        up_to = np.logaddexp.accumulate(at)  # the k-th at a row no later
        found[k] = up_to[T - m]
        at = np.full(T, -np.inf)
        at[m:] = up_to[:-m]
        at[first : last + 1] = -np.inf
    return found


@lru_cache(maxsize=64)
def _solve(T: int, min_length: int, largest: int, log_odds: float) -> float:
    """Return log rho with sum_{k>=1} rho^k N_k = exp(log_odds); increasing, so one root."""
    from scipy import optimize

    log_n = log_placements(T, min_length, largest)
    k = np.arange(1, len(log_n))

    def excess(log_rho: float) -> float:
        return float(special.logsumexp(k * log_rho + log_n[1:])) - log_odds

    # The first term alone bounds rho from above; sharing the odds over all terms, from below.
    upper = log_odds - log_n[1]
    lower = float(np.min((log_odds - np.log(len(k)) - log_n[1:]) / k))
    if excess(upper) <= 0 or excess(lower) >= 0:  # one term, or rounding at the ends
        return float(upper)
    return float(optimize.brentq(excess, lower, upper, xtol=1e-13, rtol=1e-14))
