"""Log evidence against closed forms and quadrature, by recursion over segment starts."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from cases import inferred, log_evidence
from reference import (
    Floats,
    log_choose,
    log_memoryless,
    log_sum,
    log_sums_by_number,
    panels,
    segment_table,
)
from scipy import integrate, special, stats

from changepoint import Changes, Exact, Model, Observations, likelihoods, priors

TOLERANCE = 1e-6
LENGTHS = [180, pytest.param(1000, marks=pytest.mark.slow)]
LARGEST = 5


def engine(family: likelihoods.Likelihood, data: Observations, changes: Changes) -> float:
    """What a whole posterior says."""
    return Exact(draws=4).run(Model(family, changes).resolve(data), data).log_evidence


def compare(
    family: likelihoods.Likelihood, data: Observations, table: Floats, largest: int = LARGEST
) -> None:
    """Log evidence for every number of changes up to the largest, and for the default."""
    T = len(data)
    sums = log_sums_by_number(table, largest)
    rho = math.expm1(math.log(2) / (T - 1))
    errors = [
        engine(family, data, Changes()) - (log_memoryless(table, math.log(rho)) - math.log(2))
    ]
    for k, log_p in enumerate(sums):
        told = log_p - log_choose(T - 1, k)
        errors.append(log_evidence(Model(family, Changes(exactly=k)), data) - told)
    print(f"log evidence: {np.abs(errors).max():.1e}")
    assert np.abs(errors).max() < TOLERANCE, errors


def prefix(numbers: Floats) -> Callable[[np.ndarray, np.ndarray], Floats]:
    """Sums over rows first..end-1; exact for whole numbers."""
    running = np.append(0.0, np.cumsum(np.nan_to_num(numbers)))
    return lambda first, end: running[end] - running[first]


# -- Binomial ---------------------------------------------------------------------------

BETAS = [(2, 200), (1, 1), (0.5, 0.5), (0.1, 10), (10, 0.1)]


def ordinary_counts(T: int) -> Observations:
    rng = np.random.default_rng(T)
    trials = rng.integers(800, 1200, T)
    rate = np.where(np.arange(T) < T // 3, 0.009, 0.013)
    return Observations(count=rng.binomial(trials, rate), trials=trials)


def rare_counts(T: int, events: int) -> Observations:
    """No event at all, or a single one."""
    count = np.zeros(T)
    count[T // 4 : T // 4 + events] = 1
    return Observations(count=count, trials=np.full(T, 1000))


DATA = {
    "ordinary": ordinary_counts,
    "all zero": lambda T: rare_counts(T, 0),
    "one event": lambda T: rare_counts(T, 1),
}


def binomial_table(data: Observations, prior: priors.Prior) -> Floats:
    """Closed form under a Beta or Uniform prior."""
    k, n = data.count, data.trials
    sum_k, sum_f = prefix(k), prefix(n - k)
    choose = prefix(
        special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    )

    def log_marginal(first, end):
        k, f = sum_k(first, end), sum_f(first, end)
        if isinstance(prior, priors.Beta):
            a, b = prior.alpha, prior.beta
            log_p = special.betaln(a + k, b + f) - special.betaln(a, b)
        else:
            log_p = _log_between(k, f, prior.lower, prior.upper)
            log_p = log_p - np.log(prior.upper - prior.lower)
        return log_p + choose(first, end)

    return segment_table(len(data), log_marginal)


def _log_between(k: Floats, f: Floats, low: float, high: float) -> Floats:
    """Log integral of x^k (1 - x)^f between two ends."""
    # From the nearer tail, so that nothing cancels.
    below = special.betainc(k + 1, f + 1, high) - special.betainc(k + 1, f + 1, low)
    above = special.betainc(f + 1, k + 1, 1 - low) - special.betainc(f + 1, k + 1, 1 - high)
    share = np.where((k + 1) / (k + f + 2) > (low + high) / 2, below, above)

    # With no event or one, however far away.
    def antiderivative(q: float) -> Floats:
        one = np.log1p((1 - q) * (f + 1)) - np.log(f + 2)
        return (f + 1) * np.log(q) - np.log(f + 1) + np.where(k == 1, one, 0.0)

    upper, lower = antiderivative(1 - low), antiderivative(1 - high)
    few = upper + np.log1p(-np.exp(lower - upper))
    with np.errstate(divide="ignore"):
        many = np.log(share) + special.betaln(k + 1, f + 1)
    return np.where(k < 2, few, many)


@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("shapes", BETAS, ids=str)
def test_binomial_under_a_beta_prior(data: str, shapes: tuple[float, float], T: int) -> None:
    observations, prior = DATA[data](T), priors.Beta(*shapes)
    compare(likelihoods.Binomial(prior), observations, binomial_table(observations, prior))


@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("data", DATA)
def test_binomial_under_a_uniform_prior(data: str, T: int) -> None:
    observations, prior = DATA[data](T), priors.Uniform(0.005, 0.012)
    compare(likelihoods.Binomial(prior), observations, binomial_table(observations, prior))


@pytest.mark.parametrize("rate", [0.009, 0.5, 1 - 1e-6])
def test_a_thousand_million_trials(rate: float) -> None:
    """Log-gammas of 1e11 with 40 digits."""
    T = 60
    rng = np.random.default_rng(0)
    odds = np.where(np.arange(T) < 40, 1.0, 1.0001) * (1 - rate) / rate
    trials = np.full(T, 10**9)
    count = rng.binomial(trials, 1 / (1 + odds))
    data = Observations(count=count, trials=trials)
    prior = likelihoods.Binomial().resolve(data).prior
    mpmath.mp.dps = 40

    def log_beta(a, b):
        return mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)

    a, b = mpmath.mpf(prior.alpha), mpmath.mpf(prior.beta)
    k = [0, *np.cumsum(count).tolist()]
    n = [0, *np.cumsum(trials).tolist()]
    each = [
        -mpmath.log(n + 1) - log_beta(k + 1, n - k + 1)
        for k, n in zip(count.tolist(), trials.tolist(), strict=True)
    ]
    choose = [mpmath.fsum(each[:row]) for row in range(T + 1)]

    def log_marginal(first, end):
        found = []
        for s, e in zip(first, end, strict=True):
            events, all_trials = k[e] - k[s], n[e] - n[s]
            log_p = log_beta(a + events, b + all_trials - events) - log_beta(a, b)
            found.append(float(log_p + choose[e] - choose[s]))
        return np.array(found)

    compare(likelihoods.Binomial(prior), data, segment_table(T, log_marginal), largest=3)


@pytest.mark.parametrize("prior", [priors.Beta(2, 5), priors.Uniform(0.1, 0.9)], ids=str)
def test_bernoulli_by_closed_form(prior: priors.Prior) -> None:
    """The Binomial's, with one trial a row."""
    rng = np.random.default_rng(4)
    count = rng.binomial(1, np.where(np.arange(120) < 50, 0.2, 0.6))
    table = binomial_table(Observations(count=count, trials=np.ones(120)), prior)
    compare(likelihoods.Bernoulli(prior), Observations(count=count), table)


# -- Poisson ----------------------------------------------------------------------------


def poisson_data(T: int, events: int | None = None) -> Observations:
    """Ordinary counts with exposures, or so many events in all."""
    rng = np.random.default_rng(T)
    exposure = rng.uniform(0.5, 2, T)
    if events is None:
        count = rng.poisson(exposure * np.where(np.arange(T) < T // 3, 9, 13))
    else:
        count = np.zeros(T)
        count[T // 4 : T // 4 + events] = 1
    return Observations(count=count, exposure=exposure)


def poisson_terms(data: Observations):
    """Events, exposure and constant of segments."""
    k, e = data.count, data.exposure
    return prefix(k), prefix(e), prefix(special.xlogy(k, e) - special.gammaln(k + 1))


@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("events", [None, 0, 1])
@pytest.mark.parametrize(
    "prior",
    [priors.Gamma(2, 0.2), priors.Gamma(0.3, 0.01), priors.Exponential(0.1)],
    ids=str,
)
def test_poisson_under_conjugate_priors(
    prior: priors.Prior, events: int | None, T: int
) -> None:
    data = poisson_data(T, events)
    sum_k, sum_e, constant = poisson_terms(data)
    a, b = (prior.alpha, prior.beta) if isinstance(prior, priors.Gamma) else (1.0, prior.lam)

    def log_marginal(first, end):
        shape, rate = a + sum_k(first, end), b + sum_e(first, end)
        log_p = a * np.log(b) - special.gammaln(a) + special.gammaln(shape)
        return log_p - shape * np.log(rate) + constant(first, end)

    compare(likelihoods.Poisson(prior), data, segment_table(T, log_marginal))


@pytest.mark.parametrize("events", [None, 0, 1])
@pytest.mark.parametrize(
    ("prior", "told"),
    [
        (priors.HalfNormal(10), stats.halfnorm(scale=10)),
        (priors.LogNormal(2, 1), stats.lognorm(1, scale=math.exp(2))),
        (priors.Uniform(0, 40), stats.uniform(0, 40)),
        (priors.Uniform(7, 15), stats.uniform(7, 8)),
    ],
    ids=lambda prior: str(prior) if isinstance(prior, priors.Prior) else "",
)
def test_poisson_under_other_priors(prior: priors.Prior, told, events: int | None) -> None:
    """By quadrature over log rate, or the rate between two positive ends."""
    data = poisson_data(60, events)
    sum_k, sum_e, constant = poisson_terms(data)
    low, high = told.support()
    if low > 0:
        theta, log_w = panels(low, high, 300)
    else:
        z, log_w = panels(-45, math.log(min(high, 400)), 600)
        theta, log_w = np.exp(z), log_w + z
    log_w = log_w + told.logpdf(theta)

    def log_marginal(first, end):
        found = []
        for s, e in zip(np.array_split(first, 20), np.array_split(end, 20), strict=True):
            k, exposure = sum_k(s, e)[:, None], sum_e(s, e)[:, None]
            log_p = log_sum(log_w + k * np.log(theta) - exposure * theta, axis=1)
            found.append(log_p + constant(s, e))
        return np.concatenate(found)

    compare(likelihoods.Poisson(prior), data, segment_table(60, log_marginal))


# -- Exponential ------------------------------------------------------------------------


@pytest.mark.parametrize("T", [2, 3, 4, 7, 12, 180])
@pytest.mark.parametrize("zeros", [0, 1])
@pytest.mark.parametrize(
    ("a", "b"), [(2, 4.0), (0.3, 0.01), (1, 0.1), (2, 4e12), (2, 4e-12)], ids=str
)
def test_exponential_under_conjugate_priors(a: float, b: float, zeros: int, T: int) -> None:
    """Few rows too, where posteriors are skewed; a waiting time of 0, which has no mode."""
    rng = np.random.default_rng(T)
    unit = 1e12 if b > 1e6 else 1e-12 if b < 1e-6 else 1.0
    y = unit * rng.exponential(np.where(np.arange(T) < T // 3, 2.0, 0.9))
    y[T // 2 : T // 2 + zeros] = 0.0
    data, total = Observations(value=y), prefix(y)

    def log_marginal(first, end):
        n = end - first
        log_p = a * math.log(b) - special.gammaln(a) + special.gammaln(a + n)
        return log_p - (a + n) * np.log(b + total(first, end))

    table = segment_table(T, log_marginal)
    compare(likelihoods.Exponential(priors.Gamma(a, b)), data, table, min(LARGEST, T - 1))


# -- Normal -----------------------------------------------------------------------------


def normal_data(T: int) -> Observations:
    rng = np.random.default_rng(T)
    return Observations(value=rng.normal(np.where(np.arange(T) < T // 3, 10, 11.5), 1.0))


def normal_table(y: Floats, mu: float, sigma: float, sd: float) -> Floats:
    """Closed form: the level integrated out, y - mu jointly Normal."""
    z = y - mu
    total, squares = prefix(z), prefix(z**2)

    def log_marginal(first, end):
        n, s, q = end - first, total(first, end), squares(first, end)
        ratio = sigma**2 / (sd**2 + n * sigma**2)
        log_det = n * math.log(2 * math.pi * sd**2) + np.log1p(n * sigma**2 / sd**2)
        return -0.5 * (log_det + (q - ratio * s**2) / sd**2)

    return segment_table(len(y), log_marginal)


def test_normal_at_given_noise() -> None:
    """Each outer node's filter against the conjugate closed form."""
    data = normal_data(60)
    family = likelihoods.Normal(priors.Normal(10, 2), priors.LogNormal(0, 1))
    for k in range(4):
        model = Model(family, Changes(exactly=k))
        inference = inferred(model, data)
        mixture = inference.mixture
        errors = []
        for sd, one, run in zip(
            mixture.outer.values[:, 0], mixture.filters, inference.runs, strict=True
        ):
            found = one.log_sum + run.log_shares()[-1, -1] - (k and k * mixture.log_rho)
            told = log_sums_by_number(normal_table(data.value, 10, 2, sd), k)[k]
            errors.append(abs(found - told))
        print(f"log evidence given noise: {max(errors):.1e}")
        assert max(errors) < TOLERANCE


@pytest.mark.parametrize(
    ("prior", "told"),
    [
        (priors.LogNormal(0.3, 1), stats.lognorm(1, scale=math.exp(0.3))),
        (priors.HalfNormal(2), stats.halfnorm(scale=2)),
        (priors.Gamma(2, 1), stats.gamma(2)),
        (priors.Uniform(0.2, 5), stats.uniform(0.2, 4.8)),
        (priors.Uniform(0.95, 1.05), stats.uniform(0.95, 0.1)),
    ],
    ids=lambda prior: str(prior) if isinstance(prior, priors.Prior) else "",
)
def test_normal_with_the_noise_integrated_out(prior: priors.Prior, told) -> None:
    data = normal_data(60)
    family = likelihoods.Normal(priors.Normal(10, 2), prior)
    top = log_sums_by_number(normal_table(data.value, 10, 2, 1.0), 2)

    def integrand(log_sd: float, k: int) -> float:
        sd = math.exp(log_sd)
        log_p = log_sums_by_number(normal_table(data.value, 10, 2, sd), k)[k]
        return math.exp(log_p - top[k] + told.logpdf(sd) + log_sd)

    low, high = (
        max(math.log(max(told.support()[0], 1e-9)), -3),
        math.log(min(told.support()[1], 9)),
    )
    for k in range(3):
        integral, _ = integrate.quad(
            integrand, low, high, args=(k,), points=[0.0], epsabs=0, epsrel=1e-9, limit=200
        )
        expected = math.log(integral) + top[k] - log_choose(59, k)
        error = abs(engine(family, data, Changes(exactly=k)) - expected)
        print(f"log evidence, outer grid: {error:.1e}")
        assert error < 1e-5


# -- shared parameters by nested quadrature ---------------------------------------------


def nested(
    log_lik: Callable[[float], Floats],
    inner: tuple[Floats, Floats],
    outer: tuple[Floats, Floats],
    largest: int,
) -> Floats:
    """Log evidence for k = 0..largest: sums over outer nodes of recursions over segments.

    log_lik gives (T, G) at an outer node; inner and outer are nodes and log weights with the
    prior in them.
    """
    found = []
    for value, log_w in zip(*outer, strict=True):
        rows = np.cumsum(np.insert(log_lik(value), 0, 0.0, axis=0), axis=0)
        T = len(rows) - 1

        def log_marginal(first, end, rows=rows):
            return log_sum(rows[end] - rows[first] + inner[1], axis=1)

        found.append(log_w + log_sums_by_number(segment_table(T, log_marginal), largest))
    sums = log_sum(np.array(found), axis=0)
    return sums - [log_choose(T - 1, k) for k in range(largest + 1)]


@pytest.mark.parametrize("trials", [30, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("spread", [1.0, 4.0])
def test_beta_binomial_by_nested_quadrature(trials: int, spread: float) -> None:
    """The dispersion from the Binomial limit to nearly 1; counts without and with spread."""
    T = 12
    rng = np.random.default_rng(trials)
    mean = np.where(np.arange(T) < T // 2, 0.1, 0.2)
    s = (trials - 1) / (spread - 1 + 1e-9) - 1
    rate = rng.beta(mean * s, (1 - mean) * s) if spread > 1 else mean
    count = rng.binomial(trials, rate).astype(float)
    data = Observations(count=count, trials=np.full(T, trials))
    family = likelihoods.BetaBinomial(priors.Beta(1.5, 6), priors.Logistic(0, 1), trials)
    z, log_w = panels(-9, 5, 150, 12) if trials > 100 else panels(-16, 12, 60, 12)
    theta, complement = special.expit(z), special.expit(-z)
    inner = theta, log_w + stats.beta.logpdf(theta, 1.5, 6) + np.log(theta * complement)
    # The prior of log(phi - 1), cut off where the dispersion is 1.
    cut = math.log(trials - 1)
    outer = panels(-32, cut, 30, 8)
    outer = outer[0], outer[1] + stats.logistic.logpdf(outer[0]) - stats.logistic.logcdf(cut)
    i = np.arange(trials)[:, None]
    choose = special.gammaln(trials + 1) - special.gammaln(count + 1)
    choose -= special.gammaln(trials - count + 1)

    def log_lik(log_excess: float) -> Floats:
        dispersion = math.exp(log_excess) / (trials - 1)
        c = dispersion / (1 - dispersion)
        success = np.insert(np.cumsum(np.log(theta + i * c), axis=0), 0, 0.0, axis=0)
        failure = np.insert(np.cumsum(np.log(complement + i * c), axis=0), 0, 0.0, axis=0)
        k = count.astype(int)
        whole = np.sum(np.log1p(i * c))
        return choose[:, None] + success[k] + failure[trials - k] - whole

    told = nested(log_lik, inner, outer, 2)
    for k, expected in enumerate(told):
        error = abs(engine(family, data, Changes(exactly=k)) - expected)
        print(f"log evidence, outer grid: {error:.1e}")
        assert error < 1e-5


def test_beta_by_nested_quadrature() -> None:
    T = 14
    rng = np.random.default_rng(1)
    mean = np.where(np.arange(T) < T // 2, 0.1, 0.2)
    rate = rng.beta(mean * 50, (1 - mean) * 50)
    data = Observations(rate=rate)
    family = likelihoods.Beta(priors.Beta(1.5, 6), priors.LogNormal(3, 1.5))
    z, log_w = panels(-16, 12, 80, 12)
    theta, complement = special.expit(z), special.expit(-z)
    inner = theta, log_w + stats.beta.logpdf(theta, 1.5, 6) + np.log(theta * complement)
    outer = panels(math.log(0.01), math.log(1e5), 40, 12)
    outer = outer[0], outer[1] + stats.norm.logpdf(outer[0], 3, 1.5)

    def log_lik(log_concentration: float) -> Floats:
        c = math.exp(log_concentration)
        return stats.beta.logpdf(rate[:, None], theta * c, complement * c)

    for k, expected in enumerate(nested(log_lik, inner, outer, 2)):
        error = abs(engine(family, data, Changes(exactly=k)) - expected)
        print(f"log evidence, outer grid: {error:.1e}")
        assert error < 1e-5


@pytest.mark.parametrize("changes", [Changes(), Changes(exactly=1)], ids=str)
def test_beta_binomial_without_dispersion_is_binomial(changes: Changes) -> None:
    """A prior that all but rules out dispersion gives the Binomial's evidence."""
    data = ordinary_counts(60)
    prior = priors.Beta(2, 200)
    for location in (-10, -14, -20):
        family = likelihoods.BetaBinomial(prior, priors.Uniform(location - 1, location))
        difference = engine(family, data, changes) - engine(
            likelihoods.Binomial(prior), data, changes
        )
        # The evidence is smooth in the excess variance: its slope is of the order of T.
        assert abs(difference) < 60 * math.exp(location) + 1e-5  # that of an outer grid


@pytest.mark.parametrize("spread", [0.0, 0.5, 20.0])
@pytest.mark.parametrize("mean", [0.5, 40.0])
def test_negative_binomial_by_nested_quadrature(mean: float, spread: float) -> None:
    """The dispersion from the Poisson limit up; counts without, with some and wild spread."""
    T = 12
    rng = np.random.default_rng(5)
    exposure = rng.uniform(0.5, 2, T)
    rate = mean * np.where(np.arange(T) < T // 2, 1, 2) * exposure
    rate *= rng.gamma(1 / spread, spread, T) if spread else 1.0
    count = rng.poisson(rate).astype(float)
    data = Observations(count=count, exposure=exposure)
    family = likelihoods.NegativeBinomial(
        priors.Gamma(1.5, 1 / mean), priors.Logistic(0, 1), mean
    )
    z, log_w = panels(math.log(mean) - 20, math.log(mean) + 4, 120, 12)
    theta = np.exp(z)
    inner = theta, log_w + stats.gamma.logpdf(theta, 1.5, scale=mean) + z
    outer = panels(-32, 30, 40, 8)
    outer = outer[0], outer[1] + stats.logistic.logpdf(outer[0])
    k, m = count[:, None], exposure[:, None] * theta
    i = np.arange(count.max())
    choose = special.xlogy(k, m) - special.gammaln(k + 1)

    def log_lik(log_excess: float) -> Floats:
        d = math.exp(log_excess) / mean
        product = np.append(0.0, np.cumsum(np.log1p(i * d)))[count.astype(int), None]
        return choose + product - k * np.log1p(d * m) - np.log1p(d * m) / d

    for number, expected in enumerate(nested(log_lik, inner, outer, 2)):
        error = abs(engine(family, data, Changes(exactly=number)) - expected)
        print(f"log evidence, outer grid: {error:.1e}")
        assert error < 1e-5


@pytest.mark.parametrize("changes", [Changes(), Changes(exactly=1)], ids=str)
def test_negative_binomial_without_dispersion_is_poisson(changes: Changes) -> None:
    """A prior that all but rules out dispersion gives the Poisson's evidence."""
    data = poisson_data(60)
    prior = priors.Gamma(2, 0.2)
    for location in (-10, -14, -20, -28):
        family = likelihoods.NegativeBinomial(prior, priors.Uniform(location - 1, location))
        difference = engine(family, data, changes) - engine(
            likelihoods.Poisson(prior), data, changes
        )
        # The evidence is smooth in the excess variance: its slope is of the order of T.
        assert abs(difference) < 60 * math.exp(location) + 1e-5  # that of an outer grid


# -- heavy tails: the range of the grid is found, not given -------------------------------


def outliers(*places: tuple[int, float], level: float = 0.0, step: float = 4.0) -> Floats:
    """Sixteen values around a level, a step up in the middle, some values elsewhere."""
    y = level + np.random.default_rng(8).normal(np.where(np.arange(16) < 8, 0.0, step), 1.0)
    for row, value in places:
        y[row] = value
    return y


# Values, prior of the level, ends of what quadrature covers.
FAR_OUT = {
    "none": (outliers(), priors.Normal(2, 4), (-40, 45)),
    "one": (outliers((5, 1e4)), priors.Normal(2, 4), (-40, 45)),
    "two, close": (outliers((5, 25.0), (6, 25.5)), priors.Normal(2, 4), (-40, 45)),
    "one each way": (outliers((0, -1e8), (15, 1e8)), priors.Normal(2, 4), (-40, 45)),
    "inside a wide prior": (outliers((5, 80.0)), priors.Uniform(-120, 120), (-120, 120)),
    "all far from the prior": (outliers(level=250.0), priors.Normal(0, 20), (-170, 270)),
    "half far from the prior": (outliers(step=250.0), priors.Normal(0, 20), (-170, 270)),
}


@pytest.mark.parametrize(
    "nu", [1.5, *(pytest.param(nu, marks=pytest.mark.slow) for nu in (3.0, 25.0))]
)
@pytest.mark.parametrize("case", FAR_OUT)
def test_student_t_by_nested_quadrature(case: str, nu: float) -> None:
    y, prior, (low, high) = FAR_OUT[case]
    family = likelihoods.StudentT(prior, priors.LogNormal(0, 0.4), nu)
    level, log_w = panels(low, high, 2 * (high - low), 8)
    inner = level, log_w + prior.log_density(level)
    outer = panels(-2.0, 7.5, 20, 8)
    outer = outer[0], outer[1] + stats.norm.logpdf(outer[0], 0, 0.4)

    def log_lik(log_scale: float) -> Floats:
        return stats.t.logpdf(y[:, None], nu, level, math.exp(log_scale))

    for k, expected in enumerate(nested(log_lik, inner, outer, 2)):
        error = abs(engine(family, Observations(value=y), Changes(exactly=k)) - expected)
        print(f"log evidence, outer grid: {error:.1e}")
        assert error < 1e-5
