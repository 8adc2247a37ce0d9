"""Why the default for counts is what it is: false alarms against power, by prior of the excess.

    python benchmarks/default_for_counts.py [--runs 200] [--counts]

The variance of a row is phi times that of independent trials (of a Poisson with --counts). Each
simulated series is answered at every node of v = log(phi - 1) and in the limit phi = 1, which
is the Binomial. A prior is a set of weights of these nodes, so that all priors are compared on
the same series, at the cost of one. Rates have their default prior, around the pooled rate of
all series of a cell. P(any change) is tabulated, as the share of series in which it is above
.5 and above .95.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy import stats

from changepoint import Model, Observations
from changepoint import likelihoods as L
from changepoint.exact import quadrature
from changepoint.exact.density import densities
from changepoint.exact.forward_backward import Filter
from changepoint.exact.hyper_mixture import Condition
from changepoint.exact.row_likelihood import Rows

LOW, HIGH, STEP = -6.0, 4.0, 0.5  # of v; below, phi < 1.0025 is told as 1
V = np.arange(LOW, HIGH + STEP / 2, STEP)
NODE_STEP = 0.9  # of nodes of the rate, in standard deviations of its posterior

# The mass of sqrt(phi - 1) <= s.
ROOTS = {
    "half-Cauchy(1)": stats.halfcauchy(),
    "half-normal(1)": stats.halfnorm(),
    "half-normal(.5)": stats.halfnorm(scale=0.5),
}
LOGISTICS = {f"Logistic({mu}, 1)": stats.logistic(mu) for mu in (0, -1, -2, -3)}
AVERAGES = {"Binomial 1:1": 0.5, "Binomial 3:1": 0.75}


def weights(cdf) -> np.ndarray:
    """Return weights of the limit and of the nodes, from the distribution function of v."""
    edges = np.append(V - STEP / 2, V[-1] + STEP / 2)
    mass = np.diff(cdf(edges))
    mass[-1] += 1 - cdf(edges[-1:])[0]
    return np.append(cdf(edges[:1])[0], mass)


def candidates() -> dict[str, np.ndarray]:
    """Return the weights of each prior, (1 + nodes)."""
    found = {"Binomial": np.append(1.0, np.zeros(len(V)))}
    found |= {name: weights(one.cdf) for name, one in LOGISTICS.items()}
    found |= {
        name: weights(lambda v, o=one: o.cdf(np.exp(v / 2))) for name, one in ROOTS.items()
    }
    for name, share in AVERAGES.items():
        found[name] = share * found["Binomial"] + (1 - share) * found["Logistic(0, 1)"]
    return found


def simulated(rng, rates, size, phi, counts) -> np.ndarray:
    """Return counts of a series with these expected shares of `size`, (T,)."""
    if counts:
        mean = rates * size
        return rng.poisson(mean if phi == 1 else rng.gamma(mean / (phi - 1), phi - 1))
    if phi > 1:
        s = (size - 1) / (phi - 1) - 1
        rates = rng.beta(rates * s, (1 - rates) * s)
    return rng.binomial(size, rates)


def evidence(cell, runs, counts) -> np.ndarray:
    """Return log p(y) and log p(y, no change), by series and node, (2, runs, 1 + nodes)."""
    T, size, before, after, phi = cell
    rng = np.random.default_rng([T, size, *(int(1e6 * x) for x in (before, after, phi))])
    rates = np.where(np.arange(T) < place(T), before, after)
    k = np.concatenate([simulated(rng, rates, size, phi, counts) for _ in range(runs)])
    more = {} if counts else {"trials": np.full(len(k), float(size))}
    every = Observations(count=k.astype(float), **more)
    model = Model(L.NegativeBinomial() if counts else L.BetaBinomial()).resolve(every)
    family, series = model.likelihood, model.likelihood.series(every)
    value = family.hyper.value
    values = np.append(0.0, value(V))[:, None]
    ends = [values[:1], values[-1:]]
    grid = quadrature.build([family], series, ends, NODE_STEP * np.sqrt(runs))
    condition, log_rho = Condition.of(model.changes, T), model.changes.log_rho(T)
    told = np.empty((2, runs, len(values)))
    for j, psi in enumerate(values):
        density = densities(family, series, grid.nodes, psi[None])[0]
        for i in range(runs):
            index = series.index[i * T : (i + 1) * T]
            rows = Rows(density, index, grid.log_weights, 1, T * len(grid.log_weights))
            one = Filter(rows, log_rho, evidence=True)
            told[0, i, j] = one.log_sum + condition.log_share(condition.start(one))
            told[1, i, j] = one.log_sum + one.counted(1).log_shares()[-1, 0]
    return told


def chances(told, weight) -> np.ndarray:
    """Return P(any change) of each series, (runs,)."""
    with np.errstate(divide="ignore"):
        every, none = np.logaddexp.reduce(told + np.log(weight), axis=2)
    return -np.expm1(np.minimum(none - every, 0))


def place(T):
    """Return the first row after the change."""
    return 110 if T == 180 else T // 2


def cells(counts):
    """Yield what is told of each cell, and T, size of a row, rates before and after, phi."""
    for phi in (1, 1.2, 1.5, 2, 3):
        for T in (12, 60) if counts else (12, 20, 60, 180):
            size, rate = 180 if counts else 1000, 0.009 if T == 180 else 0.05
            yield f"no change, T {T}, phi {phi}", (T, size, rate, rate, phi)
    if counts:
        steps = [(20, 180, 0.05, 0.08), (60, 180, 0.05, 0.075), (180, 180, 0.05, 0.065)]
    else:
        steps = [
            (20, 1000, 0.05, 0.035),
            (12, 1000, 0.05, 0.03),
            (60, 100, 0.055, 0.086),
            (180, 1000, 0.009, 0.011),
            (180, 1000, 0.009, 0.013),
        ]
    for T, size, before, after in steps:
        told = f"T {T}, {size} trials, {before:.1%} -> {after:.1%}"
        told = f"T {T}, counts {before * size:g} -> {after * size:g}" if counts else told
        yield told + ", phi 1", (T, size, before, after, 1)
        yield told + ", phi 1.5", (T, size, before, after, 1.5)


def main() -> None:
    """Print a table of shares, a row a cell, a column a prior."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200, help="series of each cell")
    parser.add_argument("--counts", action="store_true", help="counts without trials")
    settings = parser.parse_args()
    priors = candidates()
    print("| series | " + " | ".join(priors) + " |")
    print("|---" * (len(priors) + 1) + "|")
    for told, cell in cells(settings.counts):
        found = evidence(cell, settings.runs, settings.counts)
        shares = []
        for weight in priors.values():
            p = chances(found, weight)
            shares.append(f"{np.mean(p > 0.5):.2f} {np.mean(p > 0.95):.2f}")
        print(f"| {told} | " + " | ".join(shares) + " |", flush=True)


if __name__ == "__main__":
    main()
