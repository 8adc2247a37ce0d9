"""How long a fit takes: `make bench`. Warm, one thread, medians; ratios within one run.

A fit is everything that `Exact` computes: the check of the data, log evidence, the marginal
probabilities of changes and of their number, bands, credible sets and 1,000 draws. The
DataTree and what is built from draws are made when asked for, and aren't in it.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is imported

import time

import numpy as np

from changepoint import Changes, Exact, Model, Observations, fit, likelihoods

BARS = {("binomial", 180): 3.0, ("binomial", 1000): 30.0}  # milliseconds
RATIO = 15.0  # of BetaBinomial to Binomial


def conversions(T: int, trials: float = 1000) -> Observations:
    """About `trials` trials a row; the rate rises from 0.009 to 0.013 at 61 % of the rows."""
    rng = np.random.default_rng(1)
    n = rng.poisson(trials, T)
    rate = np.where(np.arange(T) < round(0.61 * T), 0.009, 0.013)
    return Observations(count=rng.binomial(n, rate), trials=n)


def median_ms(model: Model, data: Observations, repeats: int) -> float:
    """Median wall time of a fit, after two to warm up."""
    engine, times = Exact(), []
    for i in range(repeats + 2):
        start = time.perf_counter()
        engine.run(model.resolve(data), data, model.check(data))
        if i >= 2:
            times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def main() -> None:
    print(f"{'likelihood':15}{'T':>8}{'ms':>10}{'bar':>8}")
    found: dict[tuple[str, int], float] = {}
    for T, repeats in ((180, 200), (1000, 40), (10_000, 3)):
        for family in (likelihoods.Binomial(), likelihoods.BetaBinomial()):
            ms = median_ms(
                Model(family), conversions(T), repeats if family.hyper is None else 10
            )
            found[family.name, T] = ms
            bar = BARS.get((family.name, T))
            print(
                f"{family.name:15}{T:8}{ms:10.2f}{'' if bar is None else f'{bar:8.0f}'}",
                flush=True,
            )
        ratio = found["beta-binomial", T] / found["binomial", T]
        print(f"{'ratio':15}{T:8}{ratio:10.1f}{RATIO:8.0f}", flush=True)
    start = time.perf_counter()
    data = conversions(100_000)
    fit(Model(likelihoods.Binomial(), Changes(every=20_000)), data)
    print(f"{'binomial':15}{100_000:8}{1e3 * (time.perf_counter() - start):10.0f}")


if __name__ == "__main__":
    main()
