"""What is built from draws of measurements: log likelihood, replicated data, the prior."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from chance import RARE
from closed_cases import CLOSED, closed_data, remembers, time_in_rows
from scipy import stats

from changepoint import Changes, Exact, Model, Observations, Posterior
from changepoint.likelihoods import FAMILIES
from changepoint.likelihoods.regression import LinearLikelihood
from changepoint.results.result import Result

LINEAR = [name for name in CLOSED if issubclass(FAMILIES[name], LinearLikelihood)]
T = 30
each_family = pytest.mark.parametrize("name", LINEAR)
each_changes = pytest.mark.parametrize(
    "changes", [Changes(min_length=2), Changes(exactly=2)], ids=str
)


def fitted(name: str, changes: Changes, draws: int) -> tuple[Result, Observations, Posterior]:
    data = closed_data(name, 4, T)
    model = Model(CLOSED[name].models[1], changes).resolve(data)
    result = Exact(draws=draws, seed=2).run(model, data)
    return result, data, Posterior(result)


class OneDraw:
    """Level, noise and correlation by row of one draw, from its segments."""

    def __init__(self, result: Result, data: Observations, d: int) -> None:
        family, draws, x = result.model.likelihood, result.draws, time_in_rows(data)
        ends = np.append(draws.first[d][draws.first[d] < T], T)
        self.segment = np.searchsorted(ends, np.arange(T), side="right") - 1
        named = {family.parameter: draws.parameter, **draws.extra}
        self.sd = named["noise_sd"][d][self.segment]
        if family.hyper_names == ("level",):
            self.level = np.full(T, draws.hyper[d, 0])
        else:
            self.level = named["level"][d][self.segment]
        if "slope" in named:
            slope = named["slope"][d][self.segment]
            self.level = self.level + slope * (x - x[ends[self.segment]])
        self.phi = draws.hyper[d, 0] if remembers(family) else 0.0


@each_changes
@each_family
def test_log_likelihoods_of_rows_add_up_to_those_of_segments(
    name: str, changes: Changes
) -> None:
    """Each segment's rows together have a multivariate Normal density."""
    result, data, posterior = fitted(name, changes, 40)
    values = posterior.build("log_likelihood")["log_likelihood"]["y"].values
    observed = np.flatnonzero(data.observed("value"))
    values = values.reshape(40, len(observed))
    for d, log_p in enumerate(values):
        one = OneDraw(result, data, d)
        for segment in range(one.segment.max() + 1):
            mine = one.segment[observed] == segment
            rows = observed[mine]
            if not len(rows):
                continue
            R = one.phi ** np.abs(rows[:, None] - rows)
            sd = one.sd[rows[0]]
            told = stats.multivariate_normal(one.level[rows], sd**2 * R).logpdf(
                data.value[rows]
            )
            assert log_p[mine].sum() == pytest.approx(told, abs=1e-9)


@each_family
def test_log_likelihood_of_a_row_is_that_given_the_one_before(name: str) -> None:
    result, data, posterior = fitted(name, Changes(exactly=1), 40)
    values = posterior.build("log_likelihood")["log_likelihood"]["y"].values
    observed = np.flatnonzero(data.observed("value"))
    values = values.reshape(40, len(observed))
    for d, log_p in enumerate(values):
        one = OneDraw(result, data, d)
        for i, (before, row) in enumerate(itertools.pairwise(observed), 1):
            same = one.segment[before] == one.segment[row]
            kept = one.phi ** (row - before) if same else 0.0
            mean = one.level[row] + kept * (data.value[before] - one.level[before])
            told = stats.norm(mean, one.sd[row] * np.sqrt(1 - kept**2))
            assert log_p[i] == pytest.approx(told.logpdf(data.value[row]), abs=1e-9)


@each_changes
@each_family
def test_replicated_data(name: str, changes: Changes) -> None:
    """Around their draw's level, with its noise, and as correlated: 1e-6 by chance a row."""
    size = 4000
    result, data, posterior = fitted(name, changes, size)
    y = posterior.build("posterior_predictive")["posterior_predictive"]["y"].values
    observed = np.flatnonzero(data.observed("value"))
    y = y.reshape(size, len(observed))
    z, fresh = np.empty_like(y), np.empty_like(y)
    for d in range(size):
        one = OneDraw(result, data, d)
        z[d] = (y[d] - one.level[observed]) / one.sd[observed]
        gap = np.diff(observed)
        same = one.segment[observed[1:]] == one.segment[observed[:-1]]
        kept = np.where(same, one.phi**gap if one.phi else 0.0, 0.0)
        fresh[d, 0] = z[d, 0]
        fresh[d, 1:] = (z[d, 1:] - kept * z[d, :-1]) / np.sqrt(1 - kept**2)
    p = [stats.kstest(column, "norm").pvalue for column in (*z.T, *fresh.T)]
    assert min(p) > RARE
    # What is fresh in a row is independent of the row before.
    r = [stats.pearsonr(z[:, i], fresh[:, i + 1]).pvalue for i in range(len(observed) - 1)]
    assert min(r) > RARE


@each_family
def test_the_prior(name: str) -> None:
    """Student's t for level and slope, the noise integrated out: 1e-6 by chance each."""
    result, data, posterior = fitted(name, Changes(exactly=2), 8000)
    prior = posterior.build("prior")["prior"].dataset
    family, x = result.model.likelihood, time_in_rows(data)
    a, b = family.variance.alpha, family.variance.beta
    drawn = {key: values.values.reshape(8000, -1) for key, values in prior.items()}
    assert set(drawn) == set(posterior.tree["posterior"].data_vars)
    tests = [(drawn["noise_sd"] ** 2, stats.invgamma(a, scale=b))]
    if family.hyper_names == ("level",):
        tests.append((drawn["level"], stats.norm(family.level.mu, family.level.sigma)))
    else:
        level = drawn["level"]
        if "slope" in drawn:  # levels are told at the first row, their prior is at the middle
            rows = drawn["switchpoint"].astype(int)
            first = np.column_stack([np.zeros(8000, int), rows])
            last = np.column_stack([rows, np.full(8000, T)]) - 1
            level = level - drawn["slope"] * (x[first] - x[last]) / 2
            slope = stats.t(2 * a, family.slope.mu, family.slope.sigma)
            tests.append((drawn["slope"], slope))
        tests.append((level, stats.t(2 * a, family.level.mu, family.level.sigma)))
    if remembers(family):
        low, high = family.phi.lower, family.phi.upper
        tests.append((drawn["phi"], stats.uniform(low, high - low)))
    for values, told in tests:
        for segment in values.T:
            assert stats.kstest(segment, told.cdf).pvalue > RARE
