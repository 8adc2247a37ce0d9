"""Sums that linear space can't hold: outliers, huge changes, priors far from the data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from cases import answer, check, inferred, log_evidence
from chance import RARE, worst_share
from reference import (
    Floats,
    log_choose,
    log_memoryless,
    log_sum,
    log_sums_by_number,
    segment_table,
)
from scipy import special

from changepoint import Changes, Model, Observations, likelihoods, priors

TOLERANCE = 1e-6


def table(data: Observations, prior: priors.Beta) -> Floats:
    """Segment marginals, Binomial under a Beta prior; relative to the constant."""
    k, n = data.count, data.trials
    sums = [np.append(0.0, np.cumsum(x)) for x in (k, n - k)]
    choose = -np.log(n + 1) - special.betaln(n - k + 1, k + 1)
    constant = np.append(0.0, np.cumsum(choose))

    def log_marginal(first, end):
        events, failures = (x[end] - x[first] for x in sums)
        log_p = special.betaln(prior.alpha + events, prior.beta + failures)
        log_p -= special.betaln(prior.alpha, prior.beta)
        return log_p + constant[end] - constant[first]

    return segment_table(len(data), log_marginal)


def series(*parts: tuple[int, float, int], seed: int = 0) -> Observations:
    """Parts of (rows, rate, trials)."""
    rng = np.random.default_rng(seed)
    rate = np.concatenate([np.full(rows, rate) for rows, rate, _ in parts])
    trials = np.concatenate([np.full(rows, n) for rows, _, n in parts])
    return Observations(count=rng.binomial(trials, rate), trials=trials)


def with_row(data: Observations, row: int, count: float) -> Observations:
    numbers = data.count.copy()
    numbers[row] = count
    return Observations(count=numbers, trials=data.trials)


HARD = {
    "rates x 100 in the middle": series((60, 0.005, 1000), (60, 0.5, 1000), (60, 0.005, 1000)),
    "one outlier": with_row(series((120, 0.005, 1000)), 70, 1000),
    "an outlier in the first row": with_row(series((120, 0.005, 1000)), 0, 1000),
    "an outlier in the last row": with_row(series((120, 0.005, 1000)), 119, 1000),
    "two outliers": with_row(with_row(series((120, 0.005, 1000)), 50, 900), 53, 950),
    "ten huge changes": series(*[(12, 0.002 if i % 2 else 0.6, 2000) for i in range(11)]),
    "a staircase": series(*[(10, 0.001 * 2**i, 10_000) for i in range(9)]),
    "up and down a row at a time": series(*[(1, 0.01 + 0.9 * (i % 2), 500) for i in range(80)]),
    "trials that grow": series(*[(10, 0.3, 10**i) for i in range(7)]),
    "nothing, then much": series((40, 0.0, 33_000), (40, 0.015, 40_000)),
}
PRIORS = [priors.Beta(2, 200), priors.Beta(1, 1), priors.Beta(10, 0.1), priors.Beta(1, 10_000)]


@pytest.mark.parametrize("m", [1, *(pytest.param(m, marks=pytest.mark.slow) for m in (2, 5))])
@pytest.mark.parametrize("prior", PRIORS, ids=str)
@pytest.mark.parametrize("data", HARD)
def test_evidence_and_places_of_hard_series(data: str, prior: priors.Beta, m: int) -> None:
    """Log evidence for k = 0..4, at most 3, and any number; P(i-th change at s | k)."""
    observations = HARD[data]
    T = len(observations)
    segments = table(observations, prior)
    first, end = np.indices(segments.shape)
    segments = np.where(end - first >= m, segments, -np.inf)
    sums = log_sums_by_number(segments, 4)
    family = likelihoods.Binomial(prior)
    errors = {}
    for k, log_p in enumerate(sums):
        placements = log_choose(T - (k + 1) * (m - 1) - 1, k)
        model = Model(family, Changes(exactly=k, min_length=m))
        told = log_p - placements
        if k not in (1, 2):
            errors[f"log evidence, k = {k}"] = abs(log_evidence(model, observations) - told)
        else:
            posterior = answer(model, observations)
            errors[f"log evidence, k = {k}"] = abs(posterior.log_evidence - told)
            found = posterior.tree["exact"]["switchpoint_probability"].values
            errors[f"places, k = {k}"] = np.abs(found - places(segments, k)).max()
    for changes in (
        Changes(min_length=m),
        Changes(at_most=3, min_length=m),
        Changes(probability=1e-12, min_length=m),
        Changes(probability=1e-250, at_most=2, min_length=m),
        Changes(every=1e9, min_length=m),
    ):
        log_c = changes.log_number(T)
        log_rho = changes.log_rho(T)
        if changes.at_most is None:
            told = log_memoryless(segments, log_rho)
        else:
            k = np.arange(changes.at_most + 1)
            told = log_sum(sums[: changes.at_most + 1] + k * log_rho)
        found = answer(Model(family, changes), observations).log_evidence  # none raises
        errors[f"log evidence, {changes}"] = abs(found - told - log_c[0])
    check({key: float(error) for key, error in errors.items()}, TOLERANCE, data)


def places(segments: Floats, k: int) -> Floats:
    """P(i-th change at s | k), (k, T), by sums from both sides."""
    T = len(segments) - 1
    ahead, behind = [segments[0]], [segments[:, T]]
    for _ in range(k):
        ahead.append(log_sum(ahead[-1][:, None] + segments, axis=0))
        behind.append(log_sum(segments + behind[-1], axis=1))
    return np.array([np.exp(ahead[i] + behind[k - 1 - i] - ahead[k][T])[:T] for i in range(k)])


@pytest.mark.parametrize("m", [1, 4])
@pytest.mark.parametrize("shapes", [(0.5, 20, 0.1), (0.5, 0.5, 30)], ids=str)
def test_poisson_outliers(shapes: tuple[float, float, float], m: int) -> None:
    """A count of thousands among ones, under a Gamma prior."""
    a, b, rate = shapes
    T = 100
    count = np.random.default_rng(0).poisson(rate, T).astype(float)
    count[60] = 5000
    data = Observations(count=count)
    total = np.append(0.0, np.cumsum(count))
    constant = np.append(0.0, np.cumsum(special.gammaln(count + 1)))

    def log_marginal(first, end):
        k, n = total[end] - total[first], end - first
        log_p = a * math.log(b) - special.gammaln(a) + special.gammaln(a + k)
        return log_p - (a + k) * np.log(b + n) - constant[end] + constant[first]

    segments = segment_table(T, log_marginal)
    family = likelihoods.Poisson(priors.Gamma(a, b))
    for k, log_p in enumerate(log_sums_by_number(segments, 3, m)):
        found = log_evidence(Model(family, Changes(exactly=k, min_length=m)), data)
        told = log_p - log_choose(T - (k + 1) * (m - 1) - 1, k)
        check({f"log evidence, k = {k}": abs(found - told)}, TOLERANCE)


@pytest.mark.parametrize("k", [0, 1, 2, 4])
@pytest.mark.parametrize("m", [1, 3])
def test_linear_is_log_space_in_twenty_thousand_rows(k: int, m: int) -> None:
    """Rates x 100 in the middle and one outlier: what is trusted equals log space."""
    data = with_row(series((9_000, 0.01, 5), (3_000, 0.9, 5), (8_000, 0.01, 5)), 15_000, 5)
    model = Model(likelihoods.Binomial(priors.Beta(1, 20)), Changes(exactly=k, min_length=m))
    inference = inferred(model, data)
    (one,), (run,) = inference.filters, inference.runs
    in_logs = one.counted(k + 1, log=True)
    check(
        {
            "log share": abs(float(run.log_shares()[-1, -1] - in_logs.log_shares()[-1, -1])),
            "shares used": float(
                np.abs(np.exp(run.log_shares()) - np.exp(in_logs.log_shares())).max()
            ),
        },
        1e-8,
    )


def test_no_change_in_twenty_thousand_rows_is_the_closed_form() -> None:
    """Where linear space is wrong by thousands of nats."""
    data = with_row(series((9_000, 0.01, 5), (3_000, 0.9, 5), (8_000, 0.01, 5)), 15_000, 5)
    prior = priors.Beta(1, 20)
    k, n = data.count, data.trials
    log_p = special.betaln(1 + k.sum(), 20 + (n - k).sum()) - special.betaln(1, 20)
    log_p += np.sum(-np.log(n + 1) - special.betaln(n - k + 1, k + 1))
    found = log_evidence(Model(likelihoods.Binomial(prior), Changes(exactly=0)), data)
    check({"log evidence": abs(found - log_p)}, TOLERANCE)


@pytest.mark.parametrize("trials", [36_000, 38_000, 40_000])
def test_what_a_prior_far_from_the_data_flushed_is_not_trusted(trials: int) -> None:
    """One change, where the prior gives exp(-200) to the rate that the data have.

    The first row rules that rate out by hundreds of nats, which the product of prior and
    likelihood doesn't survive in linear space; a second change would bring it back, at the
    prior's price, so that the share of one change is above exp(-600).
    """
    data = with_row(series((1, 0.0, trials), (24, 0.015, 40_000), (5, 0.0, 40_000)), 0, 0)
    prior = priors.Beta(1, 15_000)
    sums = log_sums_by_number(table(data, prior), 3)
    model = Model(likelihoods.Binomial(prior), Changes(exactly=1))
    found = log_evidence(model, data)
    check({"log evidence": abs(found - sums[1] + log_choose(29, 1))}, TOLERANCE)


@pytest.mark.parametrize(
    "changes",
    [Changes(), Changes(exactly=1), Changes(exactly=4, min_length=3), Changes(at_most=2)],
    ids=str,
)
@pytest.mark.parametrize("data", HARD)
def test_draws_of_hard_series(data: str, changes: Changes) -> None:
    """Number of changes and places, a binomial test each: 2e-6 by chance in all."""
    observations, size = HARD[data], 2_000
    T = len(observations)
    model = Model(likelihoods.Binomial(priors.Beta(2, 200)), changes)
    posterior = answer(model, observations, size, seed=1)
    changed = posterior.trajectories()["changed"].values.reshape(size, T)
    told = posterior.number_probability
    counts = np.bincount(changed.sum(axis=1), minlength=len(told))
    assert counts[len(told) :].sum() == 0
    counts = np.pad(counts[: len(told)], (0, max(len(told) - len(counts), 0)))
    assert worst_share(counts, size, np.asarray(told)) > RARE
    exact = posterior.change_probability.to_numpy()
    assert worst_share(changed.sum(axis=0), size, exact) > RARE
