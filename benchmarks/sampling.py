"""ESS per second of the switchpoint, by way of sampling it: part of `make bench`.

The bar: "gibbs" and "sum-out" reach 5 times that of one plain Metropolis step an iteration
beside NUTS, which is what PyMC does by itself. One core, 4 chains of 1000 + 1000 iterations,
medians over seeds, ways in turn; compiling is left out, drawing what was summed out is not.
"""

from __future__ import annotations

import time

import numpy as np
from arviz_stats.base import array_stats
from speed import conversions

from changepoint import MCMC, Changes, Model, Observations, draw_switchpoints, likelihoods
from changepoint.sampling import sampler
from changepoint.sampling.models import build as models
from changepoint.sampling.starts import starts

WAYS = {
    "metropolis, once": MCMC(cores=1, repeats=1),
    "metropolis, 8 times": MCMC(cores=1),
    "gibbs": MCMC(cores=1, switchpoints="gibbs"),
    "sum-out": MCMC(cores=1, switchpoints="sum-out"),
    "sum-out, nutpie": MCMC(cores=1, switchpoints="sum-out", nuts="nutpie"),
}
BAR = 5.0
SEEDS = (1, 2, 3)


def ess_and_seconds(engine: MCMC, model: Model, data: Observations) -> tuple[float, float]:
    """Bulk ESS of the switchpoint, and the time that sampling took."""
    summed = engine.switchpoints == "sum-out"
    pm_model = models.build(model.likelihood, model.changes, data, summed)
    gibbs = engine._gibbs(pm_model, model, data)
    steps = None if summed else sampler.compound(pm_model, engine.repeats, gibbs)
    begin = starts(model, data, engine.chains, engine.seed, summed)
    drawn = engine.sample(pm_model, steps, begin).posterior
    seconds = float(drawn.attrs["sampling_time"])
    if summed:
        draw_switchpoints(pm_model, drawn.isel(draw=slice(1)))  # compiles
        start = time.perf_counter()
        drawn = drawn.assign(switchpoint=draw_switchpoints(pm_model, drawn))
        seconds += time.perf_counter() - start
    rows = drawn["switchpoint"].values[..., 0]
    ess = array_stats.ess(rows, chain_axis=0, draw_axis=1, method="bulk")
    return float(min(ess, rows.size)), seconds


def main() -> None:
    data = conversions(180)
    model = Model(likelihoods.Binomial(), Changes(exactly=1)).resolve(data)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    for seed in (0, *SEEDS):  # the first fills the caches of compiled code
        for name, engine in WAYS.items():
            settings = {**vars(engine), "seed": seed}
            told = ess_and_seconds(MCMC(**settings), model, data)
            if seed:
                found[name].append(told)
    plain = float(np.median([ess / s for ess, s in found["metropolis, once"]]))
    print(f"{'switchpoints':22}{'ESS':>7}{'s':>8}{'ESS/s':>9}{'ratio':>8}{'bar':>6}")
    for name, pairs in found.items():
        ess, seconds = np.median(pairs, axis=0)
        rate = float(np.median([e / s for e, s in pairs]))
        bar = f"{BAR:6.0f}" if name in ("gibbs", "sum-out") else ""
        print(f"{name:22}{ess:7.0f}{seconds:8.2f}{rate:9.0f}{rate / plain:8.1f}{bar}")


if __name__ == "__main__":
    main()
