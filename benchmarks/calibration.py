"""Simulation-based calibration of the exact engine: whether probabilities mean what they say.

    python benchmarks/calibration.py [--runs 1000] [--family NAME ...] [--figure FILE.png]

Of each family, with a weekly pattern and without: everything is drawn from the prior (number
and places of changes, parameters, what all segments share, coefficients, data), and the data
are answered under that prior. Then the truth is one more draw of the posterior: its rank among
the draws is uniform, ties broken at random (Talts et al. 2018, https://arxiv.org/abs/1804.06788).
Told are the P value of Kolmogorov and Smirnov's test, and how often central 50, 80 and 95 % of
the posterior hold the truth. The figure has the distribution of ranks less the uniform one, in
bands that hold all of it with 99 % (Säilynoja et al. 2022, by ArviZ).
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import product

import numpy as np
from scipy import stats

from changepoint import Changes, Exact, Model, Observations, Posterior, priors
from changepoint import likelihoods as L
from changepoint.effects import Weekday
from changepoint.likelihoods.grid import GridLikelihood

ROWS, WEEKS = 24, 4  # of series, and of those with a weekly pattern
DRAWS = 400
CENTRAL = (0.5, 0.8, 0.95)
BAND = 0.99


def pilots(T):
    """Return data that priors are made from, by what they are."""
    rng = np.random.default_rng(T)
    trials = rng.integers(20, 400, T).astype(float)
    exposure = rng.uniform(0.5, 2, T)
    time = np.datetime64("2025-01-06") + np.arange(T)
    told = {
        "trials": {"count": rng.binomial(trials.astype(int), 0.05), "trials": trials},
        "yes or no": {"count": rng.random(T) < 0.3},
        "counts": {"count": rng.poisson(4 * exposure), "exposure": exposure},
        "rates": {"rate": rng.beta(3, 60, T)},
        "waiting": {"value": rng.exponential(3, T)},
        "values": {"value": rng.normal(10, 2, T)},
    }
    return {
        kind: Observations(**{name: c.astype(float) for name, c in columns.items()}, time=time)
        for kind, columns in told.items()
    }


FAMILIES = {
    L.Binomial(): "trials",
    L.BetaBinomial(): "trials",
    L.Bernoulli(): "yes or no",
    L.Poisson(): "counts",
    L.NegativeBinomial(): "counts",
    # By default a concentration may be so low that rates are rounded to 0 or 1.
    L.Beta(concentration=priors.LogNormal(4, 0.5)): "rates",
    L.Exponential(): "waiting",
    L.Normal(): "values",
    L.StudentT(nu=4): "values",
    L.NormalMeanVariance(): "values",
    L.Trend(): "values",
    L.Autoregressive(): "values",
    L.AutoregressiveTrend(): "values",
}


def from_prior(model, pilot, rng):
    """Draw the truth and data from the prior of a resolved model."""
    family, T = model.likelihood, len(pilot)
    first = np.append(0, model.changes.draw(T, rng))
    last = np.append(first[1:], T) - 1
    segment = np.searchsorted(first, np.arange(T), "right") - 1
    hyper = np.empty(0) if family.hyper is None else family.hyper.draws(rng, 1)
    paths = {
        name: values[segment][:, None]
        for name, values in family.segment_prior(pilot, first.shape, rng).items()
    }
    level = paths[family.parameter]
    if "slope" in paths:  # the parameter is that in the middle of a segment
        level += paths["slope"] * (np.arange(T) - (first + last)[segment] / 2)[:, None]
    truth = {"changes": len(first) - 1, "first change": last[0] + 1, "middle": level[T // 2, 0]}
    truth |= dict(zip(family.hyper_names, hyper, strict=True))
    shifts = model.shifts(pilot)
    if shifts is not None:
        beta = rng.normal(0, shifts.sigma)
        truth |= dict(zip(shifts.names[:2], beta, strict=False))
        by = (shifts.patterns @ beta)[:, None]
        shifted = family.shifted if isinstance(family, GridLikelihood) else np.add
        paths[family.parameter] = shifted(level, by)
    paths["first"] = first[segment][:, None]
    drawn = family.predict(pilot, paths, family.own(hyper[None]), rng)[:, 0]
    return truth, replace(pilot, **{family.response: np.asarray(drawn, float)})


def in_posterior(posterior):
    """Return draws of what is compared."""
    told = posterior.trajectories()
    changed = told["changed"].values.reshape(-1, len(posterior.observations))
    level = told[posterior.model.likelihood.parameter].values.reshape(changed.shape)
    T, some = changed.shape[1], posterior.tree["posterior"].dataset
    return {
        "changes": changed.sum(axis=1),
        "first change": np.where(changed.any(axis=1), changed.argmax(axis=1), T),
        "middle": level[:, T // 2],
        **{name: some[name].values.ravel() for name in some if name != "n_changes"},
    }


def ranks(family, weekly, runs, seed=0):
    """Return the ranks of the truth among draws, uniform from 0 to 1, by what is compared.

    Ties are broken at random; (runs,) each.
    """
    T = 7 * WEEKS if weekly else ROWS
    pilot = pilots(T)[FAMILIES[family]]
    model = Model(family, Changes(), [Weekday()] if weekly else []).resolve(pilot)
    found = {}
    for run in range(runs):
        rng = np.random.default_rng([seed, run])
        truth, data = from_prior(model, pilot, rng)
        drawn = in_posterior(Posterior(Exact(draws=DRAWS, seed=run).run(model, data)))
        for name, value in truth.items():
            below, ties = np.sum(drawn[name] < value), np.sum(drawn[name] == value)
            rank = (below + rng.random() * (ties + 1)) / (len(drawn[name]) + 1)
            found.setdefault(name, []).append(float(rank))
    return {name: np.array(each) for name, each in found.items()}


def draw(told, path):
    """Draw the distributions of ranks, less the uniform one, in simultaneous bands."""
    import matplotlib

    matplotlib.use("Agg")
    from arviz_stats.ecdf_utils import ecdf_pit
    from matplotlib import pyplot

    rows = -(-len(told) // 4)
    figure, panels = pyplot.subplots(
        rows, 4, figsize=(12, 2.4 * rows), sharex=True, sharey=True, layout="constrained",
        squeeze=False,
    )  # fmt: skip
    for ax in panels.flat[len(told) :]:
        ax.set_visible(False)
    for ax, (title, quantities) in zip(panels.flat, told.items(), strict=False):
        for name, u in quantities.items():
            x, ecdf, low, high = ecdf_pit(u, BAND, 1000, rng=np.random.default_rng(0))
            ax.step(x, ecdf - x, where="post", linewidth=1, label=name)
        ax.fill_between(x, low - x, high - x, color="0.9", zorder=0)
        ax.set_title(title, fontsize="small", loc="left")
        ax.legend(fontsize="x-small", frameon=False, loc="lower right")
    figure.savefig(path, dpi=120)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=1000, help="series of each model")
    parser.add_argument("--family", action="append", help="its name, repeatable; default: all")
    parser.add_argument("--figure", help="a file that the distributions are drawn to")
    asked = parser.parse_args(arguments)
    told = {}
    print(f"{'model':30}{'quantity':14}{'P':>8}", *(f"{100 * c:5.0f} %" for c in CENTRAL))
    for family, weekly in product(FAMILIES, (False, True)):
        if asked.family and family.name not in asked.family:
            continue
        title = family.name + ", week" * weekly
        told[title] = ranks(family, weekly, asked.runs)
        for name, u in told[title].items():
            p = stats.kstest(u, "uniform").pvalue
            inside = (np.mean(abs(u - 0.5) < c / 2) for c in CENTRAL)
            print(f"{title:30}{name:14}{p:8.3f}", *(f"{x:7.3f}" for x in inside), flush=True)
    if asked.figure:
        draw(told, asked.figure)


if __name__ == "__main__":
    main()
