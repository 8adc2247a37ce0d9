"""One entry for every family on a grid: the table over which the laws run.

A new family is added by one entry of CASES: a simulator, priors to try, and its density
written anew (never by calling the package).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from changepoint import Changes, Exact, Model, Observations, Posterior, likelihoods, priors
from changepoint.exact.effect_filter import infer
from changepoint.exact.forward_backward import Wants
from changepoint.exact.hyper_mixture import Condition, Inference
from changepoint.exact.solve import solve
from changepoint.likelihoods import FAMILIES, Likelihood
from changepoint.likelihoods.grid import GridLikelihood

Floats = NDArray[np.float64]

NU = 3.0  # degrees of freedom of the Student-t


class Case(NamedTuple):
    """What the laws need to know of a family.

    simulate
        From a generator and T to T rows, none missing, with a change in the middle.
    models
        The family with priors left out, and with others.
    log_density
        log p(y_t | theta_g, shared), (T, G), from observations, theta, 1 - theta (G,), shared.
    """

    simulate: Callable[[np.random.Generator, int], Observations]
    models: tuple[Likelihood, ...]
    log_density: Callable[[Observations, Floats, Floats, float], Floats]


def column(numbers: Floats | None) -> Floats:
    """(T,) -> (T, 1)."""
    assert numbers is not None
    return numbers[:, None]


def binomial(data: Observations, theta: Floats, complement: Floats, shared: float) -> Floats:
    k, n = column(data.count), column(data.trials)
    choose = -np.log(n + 1) - special.betaln(n - k + 1, k + 1)
    return choose + special.xlogy(k, theta) + special.xlogy(n - k, complement)


def beta_binomial(
    data: Observations, theta: Floats, complement: Floats, shared: float
) -> Floats:
    """A Polya urn: product of (theta + i c), (1 - theta + i c) over that of (1 + i c)."""
    k, n = column(data.count), column(data.trials)
    c = shared / (1 - shared)
    i = np.arange(np.nanmax(n))[:, None]

    def product(start: Floats, number: Floats) -> Floats:
        sums = np.concatenate(
            [np.zeros((1, len(start))), np.cumsum(np.log(start + i * c), axis=0)]
        )
        table = sums[np.nan_to_num(number[:, 0]).astype(int)]
        return np.where(np.isnan(number), np.nan, table)

    choose = -np.log(n + 1) - special.betaln(n - k + 1, k + 1)
    return choose + product(theta, k) + product(complement, n - k) - product(np.ones(1), n)


def bernoulli(data: Observations, theta: Floats, complement: Floats, shared: float) -> Floats:
    return np.where(column(data.count) == 1, np.log(theta), np.log(complement))


def beta(data: Observations, theta: Floats, complement: Floats, shared: float) -> Floats:
    return stats.beta.logpdf(column(data.rate), theta * shared, complement * shared)


def poisson(data: Observations, theta: Floats, complement: Floats, shared: float) -> Floats:
    exposure = np.ones(len(data)) if data.exposure is None else data.exposure
    k, mean = column(data.count), column(exposure) * theta
    return special.xlogy(k, mean) - mean - special.gammaln(k + 1)


def negative_binomial(
    data: Observations, theta: Floats, complement: Floats, shared: float
) -> Floats:
    """m^k / k! times the product of (1 + i d), over (1 + m d)^(k + 1 / d)."""
    exposure = np.ones(len(data)) if data.exposure is None else data.exposure
    k, mean = column(data.count), column(exposure) * theta
    log_products = np.append(0.0, np.cumsum(np.log1p(shared * np.arange(np.nanmax(k)))))
    product = np.where(np.isnan(k), np.nan, log_products[np.nan_to_num(k).astype(int)])
    whole = np.log1p(mean * shared) / shared if shared else mean
    poisson_part = special.xlogy(k, mean) - special.gammaln(k + 1)
    return poisson_part + product - k * np.log1p(mean * shared) - whole


def spiked(
    own: Callable[[Observations, Floats, Floats, float], Floats],
) -> Callable[[Observations, Floats, Floats, float], Floats]:
    """Mixed with scipy's Beta-Binomial or negative binomial, wide around the pooled rate."""

    def mixed(data: Observations, theta: Floats, complement: Floats, shared: float) -> Floats:
        k = column(data.count)
        seen = ~np.isnan(k[:, 0])
        if data.trials is not None:
            pooled = (np.sum(k[seen]) + 0.5) / (np.sum(data.trials[seen]) + 1)
            q = min(pooled, 1 - pooled)
            n = column(data.trials)
            wide = stats.betabinom.logpmf(k, n, 2 * pooled / q, 2 * (1 - pooled) / q)
        else:
            exposure = (
                np.ones((len(data), 1)) if data.exposure is None else data.exposure[:, None]
            )
            pooled = (np.sum(k[seen]) + 0.5) / np.sum(exposure[seen])
            wide = stats.nbinom.logpmf(k, 2, 2 / (2 + exposure * pooled))
        of_segment = own(data, theta, complement, shared)
        with np.errstate(invalid="ignore"):  # NaN without data
            return np.logaddexp(np.log(0.97) + of_segment, np.log(0.03) + wide)

    return mixed


def normal(data: Observations, theta: Floats, complement: Floats, shared: float) -> Floats:
    return stats.norm.logpdf(column(data.value), theta, shared)


def student_t(data: Observations, theta: Floats, complement: Floats, shared: float) -> Floats:
    return stats.t.logpdf(column(data.value), NU, theta, shared)


def exponential(data: Observations, theta: Floats, complement: Floats, shared: float) -> Floats:
    return stats.expon.logpdf(column(data.value), scale=1 / theta)


def _rates(rng: np.random.Generator, T: int, low: float, high: float) -> Floats:
    """A rate that changes in the middle."""
    return np.where(np.arange(T) < T // 2, low, high)


def _trials(rng: np.random.Generator, T: int) -> tuple[Floats, Floats]:
    trials = rng.integers(20, 60, T)
    return rng.binomial(trials, _rates(rng, T, 0.1, 0.3)).astype(float), trials.astype(float)


def _counts(rng: np.random.Generator, T: int) -> Observations:
    count, trials = _trials(rng, T)
    return Observations(count=count, trials=trials)


def _outcomes(rng: np.random.Generator, T: int) -> Observations:
    return Observations(count=(rng.random(T) < _rates(rng, T, 0.2, 0.7)).astype(float))


def _proportions(rng: np.random.Generator, T: int) -> Observations:
    mean = _rates(rng, T, 0.1, 0.25)
    return Observations(rate=rng.beta(mean * 40, (1 - mean) * 40))


def _events(rng: np.random.Generator, T: int) -> Observations:
    exposure = rng.uniform(0.5, 2, T)
    return Observations(
        count=rng.poisson(exposure * _rates(rng, T, 3, 8)).astype(float), exposure=exposure
    )


def _scattered_events(rng: np.random.Generator, T: int) -> Observations:
    exposure = rng.uniform(0.5, 2, T)
    mean = exposure * _rates(rng, T, 3, 8) * rng.gamma(4, 1 / 4, T)
    return Observations(count=rng.poisson(mean).astype(float), exposure=exposure)


def _values(rng: np.random.Generator, T: int) -> Observations:
    return Observations(value=rng.normal(_rates(rng, T, 10, 13), 1.5))


def _values_with_outliers(rng: np.random.Generator, T: int) -> Observations:
    return Observations(value=_rates(rng, T, 10, 15) + 1.5 * rng.standard_t(2, T))


def _waiting_times(rng: np.random.Generator, T: int) -> Observations:
    return Observations(value=rng.exponential(1 / _rates(rng, T, 0.2, 0.9)))


CASES: dict[str, Case] = {
    "binomial": Case(
        _counts,
        (
            likelihoods.Binomial(),
            likelihoods.Binomial(rate=priors.Beta(1, 1)),
            likelihoods.Binomial(rate=priors.Uniform(0.05, 0.5)),
        ),
        binomial,
    ),
    "beta-binomial": Case(
        _counts,
        (
            likelihoods.BetaBinomial(),
            likelihoods.BetaBinomial(
                rate=priors.Beta(0.5, 0.5), log_excess=priors.Uniform(-2, 2), mean_trials=40
            ),
        ),
        beta_binomial,
    ),
    "bernoulli": Case(
        _outcomes,
        (
            likelihoods.Bernoulli(),
            likelihoods.Bernoulli(rate=priors.Beta(0.5, 0.5)),
            likelihoods.Bernoulli(rate=priors.Uniform(0.1, 0.9)),
        ),
        bernoulli,
    ),
    "beta": Case(
        _proportions,
        (
            likelihoods.Beta(),
            likelihoods.Beta(rate=priors.Beta(2, 2), concentration=priors.Gamma(2, 0.05)),
        ),
        beta,
    ),
    "negative-binomial": Case(
        _scattered_events,
        (
            likelihoods.NegativeBinomial(),
            likelihoods.NegativeBinomial(
                rate=priors.LogNormal(1, 1), log_excess=priors.Uniform(-2, 2), mean_count=6
            ),
            likelihoods.NegativeBinomial(
                rate=priors.Uniform(0.5, 20), log_excess=priors.Normal(0, 2)
            ),
        ),
        negative_binomial,
    ),
    "poisson": Case(
        _events,
        (
            likelihoods.Poisson(),
            likelihoods.Poisson(rate=priors.LogNormal(1, 1)),
            likelihoods.Poisson(rate=priors.Exponential(0.2)),
        ),
        poisson,
    ),
    "spiked-binomial": Case(
        _counts,
        (
            likelihoods.SpikedBinomial(),
            likelihoods.SpikedBinomial(rate=priors.Beta(1, 1)),
            likelihoods.SpikedBinomial(rate=priors.Uniform(0.05, 0.5)),
        ),
        spiked(binomial),
    ),
    "spiked-beta-binomial": Case(
        _counts,
        (
            likelihoods.SpikedBetaBinomial(),
            likelihoods.SpikedBetaBinomial(
                rate=priors.Beta(0.5, 0.5), log_excess=priors.Uniform(-2, 2), mean_trials=40
            ),
        ),
        spiked(beta_binomial),
    ),
    "spiked-negative-binomial": Case(
        _scattered_events,
        (
            likelihoods.SpikedNegativeBinomial(),
            likelihoods.SpikedNegativeBinomial(
                rate=priors.LogNormal(1, 1), log_excess=priors.Uniform(-2, 2), mean_count=6
            ),
        ),
        spiked(negative_binomial),
    ),
    "spiked-poisson": Case(
        _events,
        (
            likelihoods.SpikedPoisson(),
            likelihoods.SpikedPoisson(rate=priors.LogNormal(1, 1)),
        ),
        spiked(poisson),
    ),
    "normal": Case(
        _values,
        (
            likelihoods.Normal(),
            likelihoods.Normal(level=priors.Uniform(0, 30), noise_sd=priors.Gamma(8, 5)),
            likelihoods.Normal(level=priors.Normal(12, 4), noise_sd=priors.Uniform(0.5, 10)),
        ),
        normal,
    ),
    "student-t": Case(
        _values_with_outliers,
        (
            likelihoods.StudentT(nu=NU),
            likelihoods.StudentT(level=priors.Uniform(0, 30), scale=priors.Gamma(8, 5), nu=NU),
            likelihoods.StudentT(
                level=priors.Normal(12, 4), scale=priors.Uniform(0.5, 10), nu=NU
            ),
        ),
        student_t,
    ),
    "exponential": Case(
        _waiting_times,
        (
            likelihoods.Exponential(),
            likelihoods.Exponential(rate=priors.LogNormal(-1, 1)),
            likelihoods.Exponential(rate=priors.Uniform(0.05, 3)),
        ),
        exponential,
    ),
}

# Families whose parameter is summed out on a grid; the others are in closed_cases.py.
GRID = [name for name, family in FAMILIES.items() if issubclass(family, GridLikelihood)]
SHIFTABLE = [name for name in GRID if CASES[name].models[0].unshiftable == ""]

SHORTEST = (1, 2, 3, 4)


def kinds(min_length: int) -> list[Changes]:
    """Every kind of prior on changes that fits 12 rows."""
    m = min_length
    return [
        Changes(min_length=m),
        Changes(probability=0.9, min_length=m),
        Changes(probability=0, min_length=m),
        Changes(at_most=1, min_length=m),
        Changes(at_most=2, probability=0.9, min_length=m),
        Changes(at_most=50, min_length=m),
        Changes(exactly=0, min_length=m),
        Changes(exactly=1, min_length=m),
        Changes(exactly=2, min_length=m),
        Changes(every=m + 3, min_length=m),
        Changes(every=30, min_length=m),
    ]


def with_missing(data: Observations, rows: NDArray[np.bool_]) -> Observations:
    """The same without the numbers of some rows."""
    columns = {
        role: np.where(rows, np.nan, numbers)
        for role in ("count", "trials", "rate", "value")
        if (numbers := getattr(data, role)) is not None
    }
    return Observations(**columns, exposure=data.exposure)


def simulate(name: str, seed: int, T: int, missing: float = 0.0) -> Observations:
    """T rows of a family, some of them missing, never all but one."""
    rng = np.random.default_rng([seed, T])
    data = CASES[name].simulate(rng, T)
    rows = rng.random(T) < missing
    rows[[0, T // 2]] = seed % 2 == 0 and missing > 0, False
    return with_missing(data, rows) if missing else data


def answer(model: Model, data: Observations, draws: int = 4, seed: int = 0) -> Posterior:
    """The exact posterior; priors that were left out are filled, data are not checked."""
    return Posterior(Exact(draws=draws, seed=seed).run(model.resolve(data), data))


def log_evidence(model: Model, data: Observations) -> float:
    """The log evidence of `answer`, without the rest, nine tenths of its time."""
    return solve(model.resolve(data), data, draws=4, seed=0).log_evidence


class Marginals(NamedTuple):
    """What is exact in a posterior, as arrays."""

    log_evidence: float
    number: Floats
    change: Floats
    mean: Floats
    bands: Floats  # (3, T)

    @classmethod
    def of(cls, model: Model, data: Observations) -> Marginals:
        posterior = answer(model, data)
        exact, parameter = posterior.tree["exact"].dataset, model.likelihood.parameter
        return cls(
            float(exact["log_evidence"]),
            exact["number_probability"].values,
            exact["change_probability"].values,
            exact[f"{parameter}_mean"].values,
            exact[f"{parameter}_quantile"].values,
        )

    @property
    def sd(self) -> Floats:
        """About one standard deviation of the parameter by row."""
        return (self.bands[2] - self.bands[0]) / 3.92

    def distance(self, other: Marginals) -> dict[str, float]:
        """The largest differences; those of the parameter in its standard deviations."""
        size = max(len(self.number), len(other.number))
        numbers = [np.pad(one.number, (0, size - len(one.number))) for one in (self, other)]
        differences = {
            "log evidence": self.log_evidence - other.log_evidence,
            "P(k)": numbers[0] - numbers[1],
            "P(change at s)": self.change - other.change,
            "mean": (self.mean - other.mean) / self.sd,
        }
        return {key: float(np.abs(part).max()) for key, part in differences.items()}


def check(errors: dict[str, float], tolerance: float, about: object = "") -> None:
    """Print the errors, and fail where one is above the tolerance."""
    print(*(f"{key}: {error:.1e}" for key, error in errors.items()), sep="\n")
    wrong = {key: error for key, error in errors.items() if not error < tolerance}
    assert not wrong, f"{wrong}, {about}"


def inferred(
    model: Model,
    data: Observations,
    condition: Condition | None = None,
    step: float | None = None,
) -> Inference:
    """The inference for a resolved model, under its own condition unless another is given."""
    assert isinstance(model.likelihood, GridLikelihood)
    if condition is None:
        condition = Condition.of(model.changes, len(data))
    series = model.likelihood.series(data, model.shifts(data))
    return infer(model, series, condition, step=step)


def node_probability(inference: Inference) -> Floats:
    """P(theta_t = node) by the engine, (T, G)."""
    total = np.zeros(())
    for weight, one, run in zip(
        inference.weights, inference.filters, inference.runs, strict=True
    ):
        blocks = one.smooth(
            run, inference.condition.at_most, Wants(bands=np.arange(inference.mixture.T))
        )
        in_order = sorted(blocks, key=lambda block: block[0])
        total = total + weight * np.concatenate([P for _, P in in_order])
    return total
