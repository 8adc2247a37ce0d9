"""How often predictive checks speak where the model is right, and where it is wrong.

    python benchmarks/predictive_checks.py          the tables of docs/how-to/model-fits.md
    python benchmarks/predictive_checks.py 50       with so many series under right models

Series of 180 days, every second one with a change at a random day. Minutes on one core.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from collections import Counter, defaultdict

import numpy as np

from changepoint import Changes, Model, Observations, fit, likelihoods
from changepoint.trust.predictive import SPEAKS

T = 180
DAYS = np.datetime64("2025-01-01") + np.arange(T)
WEEKENDS = np.where((np.arange(T) + 2) % 7 >= 5, 0.6, 1.16)


def counts(rng: np.random.Generator, step: np.ndarray, kind: str) -> Observations:
    """Return some 9 of 1,000 a day; overdispersed, with about twice the variance."""
    n, p = rng.integers(500, 1500, T), 0.009 * step
    if kind == "overdispersed":
        p = rng.beta(p * 999, (1 - p) * 999)
    return Observations(
        count=rng.binomial(n, p * WEEKENDS if kind == "weekends" else p), trials=n, time=DAYS
    )


def events(rng: np.random.Generator, step: np.ndarray, kind: str) -> Observations:
    """Return some 9 a day."""
    return Observations(count=rng.poisson(9 * step).astype(float), time=DAYS)


def values(rng: np.random.Generator, step: np.ndarray, kind: str) -> Observations:
    """Return noise of sd 1, with a change of 1.6."""
    y = rng.normal(size=T)
    for t in range(1, T if kind == "memory" else 0):
        y[t] = 0.6 * y[t - 1] + 0.8 * y[t]
    y[70] += 7 * (kind == "outlier")
    return Observations(value=y + (step - 1) * 4, time=DAYS)


RIGHT = {
    "Binomial": (counts, "", Model(likelihoods.Binomial())),
    "BetaBinomial": (counts, "overdispersed", Model(likelihoods.BetaBinomial())),
    "Poisson": (events, "", Model(likelihoods.Poisson())),
    "Normal": (values, "", Model(likelihoods.Normal())),
}
WRONG = {
    "Binomial": (counts, "overdispersed", Model(likelihoods.Binomial()), 40),
    "Binomial without a season": (counts, "weekends", Model(likelihoods.Binomial()), 40),
    "Normal, at most 1": (
        values,
        "outlier",
        Model(likelihoods.Normal(), Changes(at_most=1)),
        30,
    ),
    "Normal": (values, "memory", Model(likelihoods.Normal()), 30),
}


def run(make, kind: str, model: Model, series: int) -> None:  # type: ignore[no-untyped-def]
    """Print how many of so many series have a sentence, and p below 0.05, by check."""
    p, said, any_said = defaultdict(list), Counter[str](), 0
    for i in range(series):
        rng = np.random.default_rng([0, 7, i])
        step = np.where(np.arange(T) < rng.integers(20, 160), 1.0, 1.4 if i % 2 else 1.0)
        checks = fit(model, make(rng, step, kind)).checks()
        any_said += any(check.p < SPEAKS for check in checks)
        for check in checks:
            p[check.name].append(check.p)
            said[check.name] += check.sentence is not None
    print(f"  any below {SPEAKS}: {any_said} of {series}; with a sentence: {dict(+said)}")
    for name, every in p.items():
        print(f"  {name}: {np.mean(np.array(every) < 0.05):.1%} below 0.05")


def main() -> None:
    """Print both tables."""
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    for name, (make, kind, model) in RIGHT.items():
        print(f"{name}, right")
        run(make, kind, model, series)
    for name, (make, kind, model, some) in WRONG.items():
        print(f"{name}, {kind}")
        run(make, kind, model, min(some, series))


if __name__ == "__main__":
    main()
