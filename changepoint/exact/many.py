"""Many series at once: the exact answer for counts, in one compiled call.

A fit of one series spends most of its time in the interpreter. Here the whole batch is handed
to compiled code, which doesn't hold the interpreter's lock, so that threads share the work;
special functions of the priors are called once for all series. The answers are those of
`Exact`, to rounding: the same grid, the same filter; difference, ratio and probability of an
increase are summed where `Exact` takes them from draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.kernels import many_solve
from changepoint.likelihoods import Bernoulli, Binomial, Likelihood, Poisson
from changepoint.model import Model
from changepoint.priors import Beta, Gamma

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

KINDS: dict[type[Likelihood], int] = {
    Binomial: many_solve.BINOMIAL,
    Bernoulli: many_solve.BERNOULLI,
    Poisson: many_solve.POISSON,
}
TAIL = 1e-18  # of the prior, as in `engines.grid`
SMALLEST = 1e-270  # likewise: a tail closer to an end can't be told from it


@dataclass(frozen=True)
class Many:
    """The answers for B series; NaN or -1 where the status isn't 0.

    Attributes
    ----------
    status
        0, solved. Else not for this path, and nothing is told: 1 for data that are impossible,
        absent or too few; 2 for grids that are too large or priors that no grid holds; 3 for
        sums beyond the range of numbers; 4 for more changes than are carried, (B,).
    log_evidence, log_odds
        log p(y); log P(any change) - log P(none), accurate at both ends, (B,).
    probability_of_change, number, number_probability, expected_number
        P(any change); the most probable number of changes, its probability; the mean, (B,).
    prior
        alpha and beta of the prior that was used, (B, 2).
    change_probability
        P(a change stands at the row), for all rows.
    band_offsets, band_row
        Series i has bands band_offsets[i]..band_offsets[i+1]-1, (B + 1,); the row of each.
    mean, lower, upper
        Mean, 2.5 % and 97.5 % quantile of the parameter there.
    change_offsets
        Series i has changes change_offsets[i]..change_offsets[i+1]-1, (B + 1,).
    index, mode
        Lower median and most probable row of each change, given their number, (C,).
    probability
        P(some change inside the credible set), whatever their number, (C,).
    range_offsets, first, last
        The credible set of change c: ranges range_offsets[c]..range_offsets[c+1]-1, (C + 1,),
        their first and last rows.
    before, after, difference, ratio
        Mean, lower and upper, given the number of changes, (C, 3). The mean of the ratio is
        infinite where the parameter before may be so close to 0 that there is none.
    probability_of_increase
        Likewise, (C,).
    """

    status: NDArray[np.int8]
    log_evidence: Floats
    log_odds: Floats
    probability_of_change: Floats
    number: Integers
    number_probability: Floats
    expected_number: Floats
    prior: Floats
    change_probability: Floats
    band_offsets: Integers
    band_row: Integers
    mean: Floats
    lower: Floats
    upper: Floats
    change_offsets: Integers
    index: Integers
    mode: Integers
    probability: Floats
    range_offsets: Integers
    first: Integers
    last: Integers
    before: Floats
    after: Floats
    difference: Floats
    ratio: Floats
    probability_of_increase: Floats


def takes(model: Model) -> bool:
    """Whether `solve_many` can do this model.

    Binomial, Bernoulli or Poisson with a Beta (Gamma) prior or none, and changes anywhere, in
    any number.
    """
    family, changes = model.likelihood, model.changes
    if type(family) not in KINDS:
        return False
    rate = getattr(family, family.parameter)
    kind = Gamma if isinstance(family, Poisson) else Beta
    free = changes.exactly is None and changes.at_most is None and changes.min_length == 1
    return (rate is None or type(rate) is kind) and free and changes.possible


def solve_many(
    model: Model, columns: Mapping[str, Floats], offsets: Integers, stride: int | Integers = 1
) -> Many:
    """Return the answers for many series under one model that this path `takes`.

    Parameters
    ----------
    model
        Priors that are left out are filled for each series from its own data.
    columns
        By role (count, and trials or exposure), the rows of all series one after the other,
        NaN where missing.
    offsets
        Series i is rows offsets[i]..offsets[i+1]-1, (B + 1,), from 0 to the number of rows.
    stride
        Bands are told for bins of so many rows, at the middle row of each; for all series or
        by series, (B,).

    Examples
    --------
    >>> from changepoint import Model, likelihoods
    >>> count = np.array([2, 1, 3, 9, 12, 8, 4, 4, 5, 3, 5, 4.0])
    >>> columns = {"count": count, "trials": np.full(12, 400.0)}
    >>> many = solve_many(Model(likelihoods.Binomial()), columns, np.array([0, 6, 12]))
    >>> many.number, many.index
    (array([1, 0]), array([3]))
    """
    kind = KINDS[type(model.likelihood)]
    offsets = np.ascontiguousarray(offsets, np.int64)
    size = np.diff(offsets)
    count = np.ascontiguousarray(columns["count"], np.float64)
    role = "exposure" if kind == many_solve.POISSON else "trials"
    second = columns["trials"] if kind == many_solve.BINOMIAL else columns.get(role)
    second = np.empty(0) if second is None else np.ascontiguousarray(second, np.float64)
    needed = model.changes.rows_needed
    status, c1, c2, sums = many_solve.read(kind, offsets, count, second, needed)
    with np.errstate(all="ignore"):  # series that are out already have odd sums
        prior = _prior(model, sums)
    status[(status == 0) & ~np.isfinite(prior).all(axis=1)] = many_solve.GRID
    width = np.ascontiguousarray(np.broadcast_to(stride, size.shape), np.int64)
    bins = -(-size // width)
    band_offsets = np.append(0, np.cumsum(bins))
    log_rho, log_none = _changes(model, size)
    solved = many_solve.solve(
        kind, offsets, (width, band_offsets), status, c1, c2, sums, prior, log_rho, log_none
    )
    scalars, number, change_probability, bands, change_offsets, told, where, ranges = solved
    scalars[status != 0] = np.nan
    band = np.arange(band_offsets[-1]) - np.repeat(band_offsets[:-1], bins)
    wide, long = np.repeat(width, bins), np.repeat(size, bins)
    return Many(
        status=status,
        log_evidence=scalars[:, 0],
        log_odds=scalars[:, 1],
        probability_of_change=scalars[:, 2],
        number=number,
        number_probability=scalars[:, 3],
        expected_number=scalars[:, 4],
        prior=np.where(status[:, None] == 0, prior[:, :2], np.nan),
        change_probability=change_probability,
        band_offsets=band_offsets,
        band_row=band * wide + np.minimum(wide, long - band * wide) // 2,
        mean=bands[:, 0],
        lower=bands[:, 1],
        upper=bands[:, 2],
        change_offsets=change_offsets,
        index=where[:, 0],
        mode=where[:, 1],
        probability=told[:, 0],
        range_offsets=np.append(0, np.cumsum(where[:, 2])),
        first=ranges[:, 0],
        last=ranges[:, 1],
        before=told[:, 1:4],
        after=told[:, 4:7],
        difference=told[:, 7:10],
        ratio=told[:, 10:13],
        probability_of_increase=told[:, 13],
    )


def _changes(model: Model, size: Integers) -> tuple[Floats, Floats]:
    """Return log rho and the prior log P(no change) of each series: `Changes`, for m = 1."""
    changes = model.changes
    free = np.maximum(size - 1, 1).astype(float)
    if changes.every is not None:
        hazard = 1 / changes.every
        log_rho = np.full(len(size), np.log(hazard) - np.log1p(-hazard))
        return log_rho, free * np.log1p(-hazard)
    assert changes.probability is not None
    log_none = np.log1p(-changes.probability)
    return np.log(np.expm1(-log_none / free)), np.full(len(size), log_none)


def _prior(model: Model, sums: Floats) -> Floats:
    """Return what the compiled code needs of each series' prior, (B, 9); NaN for none.

    alpha, beta and the log of the density's norm; theta and its complement at the lower and
    the upper tail; the information (`engines.grid`); the pooled estimate.
    """
    family = model.likelihood
    prior = getattr(family, family.parameter)
    told = np.empty((len(sums), 9))
    alpha, beta, log_norm, low, low_rest, high, high_rest, information, pooled = told.T
    events, second = sums[:, 0], sums[:, 1]
    if isinstance(family, Poisson):
        pooled[:] = (events + 0.5) / np.where(second > 0, second, 1.0)
        alpha[:], beta[:] = (2, 2 / pooled) if prior is None else (prior.alpha, prior.beta)
        log_norm[:] = alpha * np.log(beta) - special.gammaln(alpha)
        shape = alpha[:1]  # the same for all series
        low[:] = special.gammaincinv(shape, TAIL) / beta
        high[:] = special.gammainccinv(shape, TAIL) / beta
        low_rest[:], high_rest[:] = 1 - low, 1 - high
        ends = [np.sqrt(special.gammaincinv(shape, q) / beta) for q in (0.16, 0.84)]
        closest = low
    else:
        pooled[:] = (events + 0.5) / (events + second + 1)
        if prior is None:
            rarer = np.minimum(pooled, 1 - pooled)
            alpha[:], beta[:] = 2 * pooled / rarer, 2 * (1 - pooled) / rarer
        else:
            alpha[:], beta[:] = prior.alpha, prior.beta
        part = slice(None) if prior is None else slice(1)
        a, b = alpha[part], beta[part]
        log_norm[:] = -special.betaln(a, b)
        low[:], high_rest[:] = special.betaincinv(a, b, TAIL), special.betaincinv(b, a, TAIL)
        low_rest[:], high[:] = 1 - low, 1 - high_rest
        ends = [np.arcsin(np.sqrt(special.betaincinv(a, b, q))) for q in (0.16, 0.84)]
        closest = np.minimum(low, high_rest)
    distance = ends[1] - ends[0]
    information[:] = np.where(distance > 1e-100, (2 / distance) ** 2, np.nan)
    told[closest < SMALLEST] = np.nan
    return told
