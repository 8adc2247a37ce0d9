"""Does the model fit: the data beside data that are drawn anew from their own posterior.

For each draw theta of the posterior a discrepancy T(y, theta) of the data is compared with that
of data y_rep drawn at the same theta: p = P(T(y_rep, theta) >= T(y, theta) | y). All are of
z = (y - mean) / sd by row, at theta.

Sources
-------
A. Gelman, X.-L. Meng, H. Stern (1996), Statistica Sinica 6, 733: posterior predictive p-values,
which lie closer to 1/2 than uniform ones where the model is right.
J. Besag, P. Clifford (1991), Biometrika 78, 301: Monte Carlo p-values by as many draws as it
takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from changepoint.results.result import Draws
from changepoint.results.trajectories import paths_of
from changepoint.trust.misfit import by_the_day, words

if TYPE_CHECKING:
    from changepoint.answer import Answer
    from changepoint.model import Model
    from changepoint.observations import Observations

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FEW = 10  # rows that say something, below which nothing is checked
MOST, LEAST = 500, 400  # draws; so many where there are many rows, to speak on either side
CELLS = 600_000  # rows times draws, as far as LEAST allows
AT_ONCE = (100, 25)  # draws, and where there are many rows; then it is seen whether to go on
BLOCK = 150_000  # rows times draws at once, as far as these allow
COMMON = 3  # replicates beyond the data, on either side, with which a check is settled
SPEAKS = 0.005  # p-value below which a check has a sentence

NAMES = (
    "dispersion",
    "longest run",
    "lag-1 correlation",
    "weekday spread",
    "largest residual",
)
BOTH_SIDES = ("dispersion", "lag-1 correlation")  # too little is as odd as too much


class Check(NamedTuple):
    """One posterior predictive check.

    Attributes
    ----------
    name
        `dispersion`, the mean of z^2 without the largest; `longest run`, of rows on one side of
        the fitted level; `lag-1 correlation` of z; `weekday spread`, the variance between
        weekdays over that within them; `largest residual`, that of the absolute z.
    observed, expected
        What it is in the data, and in data drawn from the model: medians over draws.
    p
        P(drawn data are as extreme), at least 1 / (draws + 1); two-sided for dispersion and
        correlation, else P(as large).
    sentence
        What is wrong and what helps, where p is below 0.005 and no other check says it already;
        else None.
    """

    name: str
    observed: float
    expected: float
    p: float
    sentence: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return self._asdict()


def checks(posterior: Answer) -> list[Check]:
    """Return the checks of a posterior, made once; see `Posterior.checks`."""
    if posterior not in _KNOWN:
        _KNOWN[posterior] = _checks(posterior)
    return list(_KNOWN[posterior])


_KNOWN: WeakKeyDictionary[Answer, list[Check]] = WeakKeyDictionary()


def _checks(posterior: Answer) -> list[Check]:
    likeliest = posterior.likeliest
    if likeliest is None:
        return []
    model, draws = likeliest
    rng = np.random.default_rng(int(posterior.engine["seed"] or 0))
    compared = _compared(model, draws, posterior.observations, rng)
    if compared is None:
        return []
    told, p = compared.values(), compared.p()
    odd = [name for name in told if p[name] < SPEAKS]
    said = words(odd, model, posterior.observations, told, compared.farthest)
    return [Check(name, *told[name], p[name], said.get(name)) for name in told]


def _compared(
    model: Model, draws: Draws, observations: Observations, rng: np.random.Generator
) -> Compared | None:
    """Return data and replicates by discrepancy; None of too few rows.

    Draws are added until no check can be extreme, or there are enough of them.
    """
    T, D = len(observations), len(draws.first)
    most = int(np.clip(CELLS // T, LEAST, MOST))
    order = rng.permutation(np.resize(np.arange(D), max(most, D)))[:most]
    compared = None
    size = int(np.clip(BLOCK // T, min(AT_ONCE), max(AT_ONCE)))
    for part in np.split(order, np.arange(size, most, size)):
        z, again, seen = _standardized(model, _some(draws, part), observations, rng)
        if compared is None:
            says = np.isfinite(z).any(axis=1)
            if says.sum() < FEW:
                return None
            rows = np.flatnonzero(seen)[says]
            compared = Compared(rows, _weekdays(observations, rows))
        compared.add(z[says], again[says])
        if compared.settled:
            break
    return compared


def _some(draws: Draws, which: Integers) -> Draws:
    """Return some of the draws, as one chain."""
    return Draws(
        draws.first[which],
        draws.parameter[which],
        draws.hyper[which],
        draws.names,
        1,
        {name: values[which] for name, values in draws.extra.items()},
    )


def _standardized(
    model: Model, draws: Draws, observations: Observations, rng: np.random.Generator
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return z of the data and of data drawn anew, (n, D); which rows are observed, (T,)."""
    family = model.likelihood
    (one,) = family.candidates(observations)  # no average
    paths, shared = paths_of(draws, model, observations)
    seen = observations.observed(family.response)
    y = observations.column(family.response)[seen][:, None]
    new = one.predict(observations, paths, shared, rng)
    z, again = (one.residuals(observations, paths, shared, data) for data in (y, new))
    return z, again, seen


def _weekdays(observations: Observations, rows: Integers) -> Integers | None:
    """Return the weekdays of rows, Monday 0; None unless they are three weeks by the day."""
    if observations.clocks is None or not by_the_day(observations):
        return None
    days = observations.clocks[rows].astype("datetime64[D]").astype(np.int64)
    which: Integers = (days + 3) % 7
    enough = days[-1] - days[0] + 1 >= 21 and len(np.unique(which)) > 1
    return which if enough else None


class Compared:
    """Discrepancies of data and replicates, as far as draws were added.

    Attributes
    ----------
    rows
        Of the data, that say something, (n,).
    """

    def __init__(self, rows: Integers, weekday: Integers | None) -> None:
        self.rows, self.weekday = rows, weekday
        self._data: list[dict[str, Floats]] = []
        self._again: list[dict[str, Floats]] = []
        self._far = np.zeros(len(rows))

    def add(self, z: Floats, again: Floats) -> None:
        """Add what some draws say, (n, D) each."""
        z, again = (np.clip(np.nan_to_num(one.T), -1e100, 1e100) for one in (z, again))
        self._data.append(discrepancies(z, self.weekday))
        self._again.append(discrepancies(again, self.weekday))
        self._far += np.abs(z).sum(axis=0)

    @property
    def farthest(self) -> int:
        """The row with the largest residual, on average over draws."""
        return int(self.rows[self._far.argmax()])

    def _beyond(self) -> Iterator[tuple[str, int, int]]:
        """Yield name, and how many replicates are at least, and at most, what the data are."""
        for name in self._data[0]:
            above = below = 0
            for data, again in zip(self._data, self._again, strict=True):
                above += int(np.sum(again[name] >= data[name]))
                below += int(np.sum(again[name] <= data[name]))
            yield name, above, below

    @property
    def settled(self) -> bool:
        """Whether more draws would hardly make any check extreme."""
        return all(
            above >= COMMON and (below >= COMMON or name not in BOTH_SIDES)
            for name, above, below in self._beyond()
        )

    def p(self) -> dict[str, float]:
        """Return the p-values: the data count as one more replicate."""
        D = sum(len(part["dispersion"]) for part in self._data)
        return {
            name: min(2 * min(above + 1, below + 1) / (D + 1), 1.0)
            if name in BOTH_SIDES
            else (above + 1) / (D + 1)
            for name, above, below in self._beyond()
        }

    def values(self) -> dict[str, tuple[float, float]]:
        """Return medians over draws, of the data and of replicates."""
        return {
            name: (
                float(np.median(np.concatenate([part[name] for part in self._data]))),
                float(np.median(np.concatenate([part[name] for part in self._again]))),
            )
            for name in self._data[0]
        }


def discrepancies(z: Floats, weekday: Integers | None) -> dict[str, Floats]:
    """Return the discrepancies by name, each (D,), of standardised residuals, (D, n).

    Parameters
    ----------
    weekday
        Of each row, (n,); None where weekdays aren't asked for.

    Examples
    --------
    >>> found = discrepancies(np.array([[1.0, 2.0, -1.0, -1.0, -2.0, 3.0]]), None)
    >>> {name: round(float(value[0]), 2) for name, value in found.items()}
    {'dispersion': 2.2, 'longest run': 3.0, 'lag-1 correlation': -0.15, 'largest residual': 3.0}
    """
    squares = z**2
    largest, whole = squares.max(axis=1), squares.sum(axis=1)
    products = np.einsum("dn,dn->d", z[:, 1:], z[:, :-1])
    found = {
        # One row alone is a matter of the largest residual.
        "dispersion": (whole - largest) / (z.shape[1] - 1),
        "longest run": longest_run(z > 0),
        "lag-1 correlation": products / np.maximum(whole, 1e-300),
        "largest residual": np.sqrt(largest),
    }
    if weekday is not None:
        of_day = (weekday[:, None] == np.unique(weekday)).astype(float)
        n, days = of_day.shape
        between = np.sum((z @ of_day) ** 2 / of_day.sum(axis=0), axis=1)
        # By what rows of one weekday vary: overdispersion alone is no pattern of the week.
        within = np.maximum(whole - between, 1e-300)
        found["weekday spread"] = between / days / (within / (n - days))
    return {name: found[name] for name in NAMES if name in found}


def longest_run(above: NDArray[np.bool_]) -> Floats:
    """Return the longest run of equal entries in each line, (D, n) -> (D,).

    >>> longest_run(np.array([[True, True, False, True], [False, False, False, True]]))
    array([2., 3.])
    """
    D, n = above.shape
    begins = np.ones((D, n), bool)
    begins[:, 1:] = above[:, 1:] != above[:, :-1]
    starts = np.flatnonzero(begins)
    lengths = np.diff(np.append(starts, D * n))
    first = np.searchsorted(starts, np.arange(D) * n)
    longest: Floats = np.maximum.reduceat(lengths, first).astype(float)
    return longest
