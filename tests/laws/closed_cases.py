"""Families whose segments have a closed form: what it is, derived another way.

Of measurements by the matrices of the multivariate Student-t, as in textbooks; of counts by
the chain of predictive distributions, one row after the other. Never by calling the package.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from reference import Floats, panels
from scipy import special, stats

from changepoint import Changes, Observations, likelihoods, priors
from changepoint.likelihoods import FAMILIES, Likelihood
from changepoint.likelihoods.grid import GridLikelihood


class ClosedCase(NamedTuple):
    """What the laws need to know of a family; J values of the shared parameter.

    simulate
        From a generator and T to T rows, some of them missing.
    models
        The family with priors left out (where these are conjugate), and with others.
    log_marginal
        log p of rows first..end-1 as one segment, (J,).
    mean
        Posterior mean of the parameter by row of that segment, (J, end - first).
    posterior
        Distributions of what is drawn of a segment, by name, at one shared value.
    """

    simulate: Callable[[np.random.Generator, int], Observations]
    models: tuple[Likelihood, ...]
    log_marginal: Callable[[Any, Observations, int, int, Floats], Floats]
    mean: Callable[[Any, Observations, int, int, Floats], Floats]
    posterior: Callable[[Any, Observations, int, int, float], dict[str, Any]]


class Distribution(NamedTuple):
    """As scipy freezes one; but that writes the help of all its methods anew, each time."""

    family: Any
    parameters: tuple[Any, ...]
    scale: Any = 1.0

    def cdf(self, x: Floats) -> Floats:
        return self.family.cdf(x, *self.parameters, scale=self.scale)

    def mean(self) -> Any:
        return self.family.mean(*self.parameters, scale=self.scale)


# -- measurements: a regression -----------------------------------------------------------


def time_in_rows(data: Observations) -> Floats:
    """Continuous time, whose mean distance of rows is 1."""
    if data.time is None:
        return np.arange(float(len(data)))
    elapsed = (data.time - data.time[0]).astype(float)
    return elapsed * (len(data) - 1) / elapsed[-1]


class Regression(NamedTuple):
    """Observed rows of one segment: y = X b + noise of correlation R, and the priors."""

    y: Floats
    X: Floats
    R: Floats
    m: Floats  # prior mean of b
    V: Floats  # prior variance of b, over that of the noise

    @classmethod
    def of(cls, family: Any, data: Observations, first: int, end: int, phi: float):
        x = time_in_rows(data)
        rows = np.arange(first, end)[~np.isnan(data.value[first:end])]
        terms = [family.level] if family.parameter == "level" else []
        terms += [family.slope] if hasattr(family, "slope") else []
        columns = [np.ones(len(rows)), x[rows] - (x[first] + x[end - 1]) / 2]
        typical = family.variance.beta / family.variance.alpha
        return cls(
            data.value[rows],
            np.stack(columns[: len(terms)], axis=1) if terms else np.empty((len(rows), 0)),
            phi ** np.abs(rows[:, None] - rows),
            np.array([term.mu for term in terms]),
            np.diag([term.sigma**2 / typical for term in terms]),
        )

    def posterior(self) -> tuple[Floats, Floats, float]:
        """Mean and variance (over the noise's) of b; the sum of squares that scales both."""
        inverse = np.linalg.inv(self.R)
        V = np.linalg.inv(np.linalg.inv(self.V) + self.X.T @ inverse @ self.X)
        b = V @ (np.linalg.solve(self.V, self.m) + self.X.T @ inverse @ self.y)
        rest, prior = self.y - self.X @ b, b - self.m
        return b, V, float(rest @ inverse @ rest + prior @ np.linalg.solve(self.V, prior))


def remembers(family: Likelihood) -> bool:
    return family.hyper_names == ("phi",)


def linear_marginal(
    family: Any, data: Observations, first: int, end: int, shared: Floats
) -> Floats:
    """The multivariate Student-t."""
    a, b = family.variance.alpha, family.variance.beta
    if family.parameter == "noise_sd":
        y = data.value[first:end]
        y = y[~np.isnan(y)]
        if not len(y):
            return np.zeros(len(shared))
        shape = b / a * np.eye(len(y))
        off = y - shared[:, None]
        return np.atleast_1d(stats.multivariate_t.logpdf(off, np.zeros(len(y)), shape, 2 * a))
    log_p = np.zeros(len(shared))
    for j, value in enumerate(shared):
        one = Regression.of(family, data, first, end, value if remembers(family) else 0.0)
        if len(one.y):
            shape = b / a * (one.R + one.X @ one.V @ one.X.T)
            log_p[j] = stats.multivariate_t.logpdf(one.y, one.X @ one.m, shape, 2 * a)
    return log_p


def variance_posterior(one: Regression, family: Any) -> Any:
    rest = one.posterior()[2]
    shape = family.variance.alpha + len(one.y) / 2
    return Distribution(stats.invgamma, (shape,), family.variance.beta + rest / 2)


def linear_mean(
    family: Any, data: Observations, first: int, end: int, shared: Floats
) -> Floats:
    x = time_in_rows(data)
    told = np.empty((len(shared), end - first))
    if family.parameter == "noise_sd":
        y = data.value[first:end]
        y = y[~np.isnan(y)] - shared[:, None]
        shape = family.variance.alpha + y.shape[1] / 2
        scale = family.variance.beta + (y**2).sum(axis=1) / 2
        # E v^(1/2), v inverse gamma: a ratio of normalising constants.
        told[:] = (np.sqrt(scale) * special.poch(shape - 0.5, 0.5) ** -1)[:, None]
        return told
    X = np.stack([np.ones(end - first), x[first:end] - (x[first] + x[end - 1]) / 2], axis=1)
    for j, value in enumerate(shared):
        one = Regression.of(family, data, first, end, value if remembers(family) else 0.0)
        told[j] = X[:, : len(one.m)] @ one.posterior()[0]
    return told


def linear_posterior(
    family: Any, data: Observations, first: int, end: int, shared: float
) -> dict[str, Any]:
    """Level at the first row and slope: Student-t; the variance: inverse gamma."""
    phi = shared if remembers(family) else 0.0
    if family.parameter == "noise_sd":
        data = Observations(value=data.value - shared, time=data.time)
    one = Regression.of(family, data, first, end, phi)
    variance = variance_posterior(one, family)
    told = {"noise_sd": SquareRoot(variance)}
    b, V, _ = one.posterior()
    shape = family.variance.alpha + len(one.y) / 2
    scale = (family.variance.beta + one.posterior()[2] / 2) / shape
    x = time_in_rows(data)
    for name, c in (("level", [1.0, (x[first] - x[end - 1]) / 2]), ("slope", [0.0, 1.0])):
        c = np.array(c[: len(b)])
        if c.any():
            sd = np.sqrt(c @ V @ c * scale)
            told[name] = Distribution(stats.t, (2 * shape, c @ b), sd)
    return told


class SquareRoot(NamedTuple):
    """The distribution of a root."""

    squared: Any

    def cdf(self, x: Floats) -> Floats:
        return self.squared.cdf(x**2)


# -- counts: one row after the other ------------------------------------------------------


def binomial_marginal(
    family: Any, data: Observations, first: int, end: int, shared: Floats
) -> Floats:
    a, b, total = family.rate.alpha, family.rate.beta, 0.0
    for k, n in zip(data.count[first:end], data.trials[first:end], strict=True):
        if not np.isnan(k):
            total += stats.betabinom.logpmf(k, int(n), a, b)
            a, b = a + k, b + n - k
    return np.full(len(shared), total)


def binomial_posterior(
    family: Any, data: Observations, first: int, end: int, shared: float
) -> dict[str, Any]:
    k, n = data.count[first:end], data.trials[first:end]
    return {
        "rate": Distribution(
            stats.beta, (family.rate.alpha + np.nansum(k), family.rate.beta + np.nansum(n - k))
        )
    }


def poisson_marginal(
    family: Any, data: Observations, first: int, end: int, shared: Floats
) -> Floats:
    a, b, total = family.rate.alpha, family.rate.beta, 0.0
    for k, e in zip(data.count[first:end], data.exposure[first:end], strict=True):
        if not np.isnan(k):
            total += stats.nbinom.logpmf(k, a, b / (b + e))
            a, b = a + k, b + e
    return np.full(len(shared), total)


def poisson_posterior(
    family: Any, data: Observations, first: int, end: int, shared: float
) -> dict[str, Any]:
    k, e = data.count[first:end], data.exposure[first:end]
    b = family.rate.beta + e[~np.isnan(k)].sum()
    return {"rate": Distribution(stats.gamma, (family.rate.alpha + np.nansum(k),), 1 / b)}


def normal_steps(
    family: Any, data: Observations, first: int, end: int, sd: Floats
) -> tuple[Floats, Floats, Floats]:
    """log marginal, and mean and variance of the level, by Kalman's filter."""
    mean, variance, total = family.level.mu + 0 * sd, family.level.sigma**2 + 0 * sd, 0 * sd
    for y in data.value[first:end]:
        if not np.isnan(y):
            total = total + stats.norm.logpdf(y, mean, np.sqrt(variance + sd**2))
            gain = variance / (variance + sd**2)
            mean, variance = mean + gain * (y - mean), variance * (1 - gain)
    return total, mean, variance


def normal_posterior(
    family: Any, data: Observations, first: int, end: int, shared: float
) -> dict[str, Any]:
    _, mean, variance = normal_steps(family, data, first, end, np.array(shared))
    return {"level": Distribution(stats.norm, (mean,), np.sqrt(variance))}


def outcomes_alphas(family: Any, data: Observations, first: int, end: int) -> Floats:
    return np.array(family.concentration) + np.nansum(data.outcomes[first:end], axis=0)


def outcomes_marginal(
    family: Any, data: Observations, first: int, end: int, shared: Floats
) -> Floats:
    alphas, total = np.array(family.concentration), 0.0
    for k in data.outcomes[first:end]:
        if not np.isnan(k).any():
            total += stats.dirichlet_multinomial.logpmf(k.astype(int), alphas, int(k.sum()))
            alphas = alphas + k
    return np.full(len(shared), total)


def outcomes_posterior(
    family: Any, data: Observations, first: int, end: int, shared: float
) -> dict[str, Any]:
    alphas, names = outcomes_alphas(family, data, first, end), data.outcome_names
    told = {
        f"probability[{name}]": Distribution(stats.beta, (alpha, alphas.sum() - alpha))
        for name, alpha in zip(names, alphas, strict=True)
    }
    return {"probability": told[f"probability[{family.outcome}]"], **told}


def flat(posterior: Callable[..., dict[str, Any]], name: str) -> Callable[..., Floats]:
    """The mean by row of a parameter that is the same for all rows of a segment."""

    def mean(family: Any, data: Observations, first: int, end: int, shared: Floats) -> Floats:
        told = [posterior(family, data, first, end, value)[name].mean() for value in shared]
        return np.repeat(np.array(told)[:, None], end - first, axis=1)

    return mean


# -- data ---------------------------------------------------------------------------------

MISSING = 0.3


def gaps(rng: np.random.Generator, T: int) -> NDArray[np.bool_]:
    """Missing rows, never all but two."""
    rows = rng.random(T) < MISSING
    rows[[T // 2, -1]] = False
    return rows


def values(rng: np.random.Generator, T: int) -> Observations:
    """Level and spread change in the middle."""
    later = np.arange(T) >= T // 2
    y = rng.normal(np.where(later, 13.0, 10.0), np.where(later, 0.7, 2.0))
    return Observations(value=np.where(gaps(rng, T), np.nan, y))


def lines(rng: np.random.Generator, T: int) -> Observations:
    """The slope changes in the middle; times are irregular."""
    y = 5 + np.abs(np.arange(T) - T // 2) + rng.normal(0, 0.5, T)
    return Observations(
        value=np.where(gaps(rng, T), np.nan, y), time=np.cumsum(rng.uniform(0.2, 3, T))
    )


def memory(rng: np.random.Generator, T: int) -> Observations:
    """Noise that lasts, and a level that changes."""
    u = rng.normal(size=T)
    for t in range(1, T):
        u[t] = 0.6 * u[t - 1] + 0.8 * u[t]
    y = u + np.where(np.arange(T) < T // 2, 0.0, 3.0)
    return Observations(value=np.where(gaps(rng, T), np.nan, y))


def counts(rng: np.random.Generator, T: int) -> Observations:
    trials = rng.integers(20, 60, T).astype(float)
    k = rng.binomial(trials.astype(int), np.where(np.arange(T) < T // 2, 0.1, 0.3))
    return Observations(count=np.where(gaps(rng, T), np.nan, k), trials=trials)


def events(rng: np.random.Generator, T: int) -> Observations:
    exposure = rng.uniform(0.5, 2, T)
    k = rng.poisson(exposure * np.where(np.arange(T) < T // 2, 3, 8))
    return Observations(count=np.where(gaps(rng, T), np.nan, k), exposure=exposure)


def outcomes(rng: np.random.Generator, T: int, trials: int = 30) -> Observations:
    p = np.where((np.arange(T) < T // 2)[:, None], [0.6, 0.3, 0.1], [0.3, 0.3, 0.4])
    k = rng.multinomial(trials, p).astype(float)
    k[gaps(rng, T)] = np.nan
    return Observations(outcomes=k, outcome_names=("left", "carted", "bought"))


def single(rng: np.random.Generator, T: int) -> Observations:
    return outcomes(rng, T, 1)


LEVEL, SLOPE = priors.Normal(11, 2), priors.Normal(0.2, 0.5)
VARIANCE = priors.InverseGamma(2.5, 1.5)
LINEAR = linear_marginal, linear_mean, linear_posterior
OUTCOMES = outcomes_marginal, flat(outcomes_posterior, "probability"), outcomes_posterior

CLOSED: dict[str, ClosedCase] = {
    "normal-mean-variance": ClosedCase(
        values,
        (
            likelihoods.NormalMeanVariance(),
            likelihoods.NormalMeanVariance(level=LEVEL, variance=VARIANCE),
        ),
        *LINEAR,
    ),
    "normal-variance": ClosedCase(
        values,
        (
            likelihoods.NormalVariance(),
            likelihoods.NormalVariance(variance=VARIANCE, level=LEVEL),
        ),
        *LINEAR,
    ),
    "trend": ClosedCase(
        lines,
        (
            likelihoods.Trend(),
            likelihoods.Trend(level=priors.Normal(5, 4), slope=SLOPE, variance=VARIANCE),
        ),
        *LINEAR,
    ),
    "autoregressive": ClosedCase(
        memory,
        (
            likelihoods.Autoregressive(),
            likelihoods.Autoregressive(priors.Normal(1, 2), VARIANCE, priors.Uniform(0.1, 0.8)),
            likelihoods.Autoregressive(phi=priors.Beta(2, 3)),
        ),
        *LINEAR,
    ),
    "autoregressive-trend": ClosedCase(
        lines,
        (
            likelihoods.AutoregressiveTrend(),
            likelihoods.AutoregressiveTrend(
                priors.Normal(5, 4), SLOPE, VARIANCE, priors.Uniform(0.1, 0.8)
            ),
        ),
        *LINEAR,
    ),
    "multinomial": ClosedCase(
        outcomes,
        (likelihoods.Multinomial(), likelihoods.Multinomial((0.5, 1, 2), "carted")),
        *OUTCOMES,
    ),
    "categorical": ClosedCase(
        single,
        (likelihoods.Categorical(), likelihoods.Categorical((0.5, 1, 2), "left")),
        *OUTCOMES,
    ),
    "binomial": ClosedCase(
        counts,
        (likelihoods.Binomial(), likelihoods.Binomial(priors.Beta(0.5, 3))),
        binomial_marginal,
        flat(binomial_posterior, "rate"),
        binomial_posterior,
    ),
    "poisson": ClosedCase(
        events,
        (likelihoods.Poisson(), likelihoods.Poisson(priors.Gamma(0.7, 0.2))),
        poisson_marginal,
        flat(poisson_posterior, "rate"),
        poisson_posterior,
    ),
    "normal": ClosedCase(
        values,
        (
            likelihoods.Normal(),
            likelihoods.Normal(priors.Normal(12, 4), priors.Gamma(8, 5)),
        ),
        lambda *where: normal_steps(*where)[0],
        lambda family, data, first, end, sd: np.repeat(
            normal_steps(family, data, first, end, sd)[1][:, None], end - first, axis=1
        ),
        normal_posterior,
    ),
}
# Their segments have closed forms by nature; the others are summed out on a grid too.
BY_SEGMENTS = [name for name in CLOSED if not issubclass(FAMILIES[name], GridLikelihood)]


@cache
def closed_data(name: str, seed: int, T: int) -> Observations:
    return CLOSED[name].simulate(np.random.default_rng([seed, T]), T)


def outer_nodes(family: Any) -> tuple[Floats, Floats]:
    """Nodes of the shared parameter and log weights, prior included: many, in panels."""
    if family.hyper is None:
        return np.zeros(1), np.zeros(1)
    prior = family.hyper.prior
    if isinstance(prior, priors.Uniform):
        nodes, log_w = panels(prior.lower, prior.upper, 3, 16)
        told = stats.uniform(prior.lower, prior.upper - prior.lower)
    elif isinstance(prior, priors.Beta):
        nodes, log_w = panels(0, 1, 5, 16)
        told = stats.beta(prior.alpha, prior.beta)
    elif isinstance(prior, priors.Normal):
        nodes, log_w = panels(prior.mu - 9 * prior.sigma, prior.mu + 9 * prior.sigma, 40, 12)
        told = stats.norm(prior.mu, prior.sigma)
    elif isinstance(prior, priors.Gamma):
        nodes, log_w = panels(0, 40 / prior.beta, 60, 12)
        told = stats.gamma(prior.alpha, scale=1 / prior.beta)
    else:
        z, log_w = panels(prior.mu - 9 * prior.sigma, prior.mu + 9 * prior.sigma, 40, 12)
        nodes, log_w = np.exp(z), log_w + z
        told = stats.lognorm(prior.sigma, scale=np.exp(prior.mu))
    return nodes, log_w + told.logpdf(nodes)


def tables(
    name: str, family: Likelihood, data: Observations, shared: Floats
) -> tuple[Floats, Floats]:
    """log M(s, e) and the mean by row, (J, T + 1, T + 1) and (J, T + 1, T + 1, T)."""
    T, J, case = len(data), len(shared), CLOSED[name]
    log_m = np.full((J, T + 1, T + 1), -np.inf)
    means = np.full((J, T + 1, T + 1, T), np.nan)
    for first in range(T):
        for end in range(first + 1, T + 1):
            where = family, data, first, end, shared
            log_m[:, first, end] = case.log_marginal(*where)
            means[:, first, end, first:end] = case.mean(*where)
    return log_m, means


def fitting(changes: list[Changes], T: int) -> list[Changes]:
    """Those that T rows can hold."""
    return [one for one in changes if one.rows_needed <= T]
