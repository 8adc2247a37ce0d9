"""Memory and drift in PyMC: the density by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from changepoint import Changes, EngineError, Model, Observations, effects, likelihoods
from changepoint.priors import Beta

COUNT, TRIALS = np.array([3.0, 9.0, 7.0, 2.0, 1.0, 4.0]), np.full(6, 50.0)
DATA = Observations(count=COUNT, trials=TRIALS)
FAMILY = likelihoods.Binomial(rate=Beta(2, 20))


@pytest.mark.parametrize("kind", ["memory", "drift"])
def test_its_density_is_that_by_hand(kind: str) -> None:
    effect = effects.Memory(probability=1) if kind == "memory" else effects.Drift(
        sigma=0.7, probability=1
    )  # fmt: skip
    model = Model(FAMILY, Changes(exactly=1), [effect]).to_pymc(DATA)
    value, rates, change = 0.3, np.array([0.05, 0.11]), 2
    free = {v.name: v for v in model.free_RVs}
    told = model.compile_logp(
        vars=[free["rate"], free[kind], *model.observed_RVs], jacobian=False
    )
    at = model.initial_point()
    for name in at:
        if name.startswith("rate"):
            at[name] = special.logit(rates)
        elif name.startswith(kind):
            at[name] = np.array([value if kind == "drift" else special.logit(value / 0.8)])
        elif name.startswith("switchpoint"):
            at[name] = np.array([change])
    eta = special.logit(rates)[(np.arange(6) >= change).astype(int)]
    if kind == "memory":
        p = (COUNT.sum() + 0.5) / (TRIALS.sum() + 1)
        x = special.logit((COUNT + 1) / (TRIALS + 1 / p))
        eta[1:] += value * (x[:-1] - eta[1:])
        prior = -np.log(0.8)
    else:
        eta += value * (np.arange(6) / 5 - 0.5)
        prior = stats.norm.logpdf(value, 0, 0.7)
    rows = stats.binom.logpmf(COUNT, TRIALS, special.expit(eta)).sum()
    hand = rows + prior + stats.beta.logpdf(rates, 2, 20).sum()
    assert abs(float(told(at)) - hand) < 1e-8


def test_one_that_may_be_absent_is_refused() -> None:
    with pytest.raises(EngineError, match="may be there or not"):
        Model(FAMILY, Changes(exactly=1), [effects.Memory()]).to_pymc(DATA)
