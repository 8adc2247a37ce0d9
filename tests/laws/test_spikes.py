"""Spikes: evidence and P(a row is one) against all patterns of spikes, in closed form."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import special

from changepoint import (
    Changes,
    Exact,
    Model,
    Observations,
    Posterior,
    fit,
    likelihoods,
    priors,
)
from changepoint.likelihoods import FAMILIES

E = 0.03


def trials(k, n, a, b):
    """Log probability of rows of one rate ~ Beta(a, b)."""
    ways = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return ways.sum() + special.betaln(a + k.sum(), b + (n - k).sum()) - special.betaln(a, b)


def events(k, n, a, b):
    """The same of rates ~ Gamma(a, b) and exposures n."""
    row = special.xlogy(k, n) - special.gammaln(k + 1)
    whole = special.gammaln(a + k.sum()) - special.gammaln(a) + a * np.log(b)
    return row.sum() + whole - (a + k.sum()) * np.log(b + n.sum())


def patterns(k, n, together, own, wide):
    """Log evidence without a change, and P(row t is a spike), (T,): sums over 2^T patterns."""
    every = np.array(list(product([False, True], repeat=len(k))))
    log_p = np.array(
        [
            np.where(spiked, np.log(E), np.log1p(-E)).sum()
            + together(k[~spiked], n[~spiked], *own)
            + sum(together(k[[t]], n[[t]], *wide) for t in np.flatnonzero(spiked))
            for spiked in every
        ]
    )
    total = np.logaddexp.reduce(log_p)
    return total, np.exp(log_p - total) @ every


def test_evidence_and_spikes_are_sums_over_patterns():
    k, n = (
        np.array([3.0, 4, 25, 2, 5, 3, 21, 4]),
        np.array([100.0, 120, 90, 80, 110, 70, 100, 100]),
    )
    pooled = (k.sum() + 0.5) / (n.sum() + 1)
    wide = 2.0, 2 * (1 - pooled) / pooled
    evidence, p = patterns(k, n, trials, (2.0, 30.0), wide)
    family = likelihoods.SpikedBinomial(rate=priors.Beta(2, 30))
    data = Observations(count=k, trials=n)
    posterior = fit(Model(family, Changes(exactly=0)), data, Exact(draws=4000))
    assert posterior.log_evidence == pytest.approx(evidence, abs=1e-6)
    assert [spike.index for spike in posterior.spikes] == np.flatnonzero(p > 0.5).tolist()
    assert len(posterior.spikes) == 2
    for spike in posterior.spikes:
        assert spike.probability == pytest.approx(p[spike.index], abs=0.01)


def test_the_same_of_events():
    k, n = np.array([3.0, 4, 41, 2, 5, 3, 6, 4]), np.array([1.0, 1.2, 0.9, 0.8, 1.1, 0.7, 1, 1])
    pooled = (k.sum() + 0.5) / n.sum()
    evidence, p = patterns(k, n, events, (2.0, 0.4), (2.0, 2 / pooled))
    family = likelihoods.SpikedPoisson(rate=priors.Gamma(2, 0.4))
    data = Observations(count=k, exposure=n)
    posterior = fit(Model(family, Changes(exactly=0)), data, Exact(draws=4000))
    assert posterior.log_evidence == pytest.approx(evidence, abs=1e-6)
    (spike,) = posterior.spikes
    assert spike.index == 2
    assert spike.probability == pytest.approx(p[2], abs=0.01)


@pytest.mark.parametrize("name", [name for name in FAMILIES if name.startswith("spiked-")])
def test_the_density_sums_to_one(name):
    n = 40 if "binomial" in name and "negative" not in name else None
    k = np.arange(41.0 if n else 4000.0)
    data = Observations(count=k, trials=np.full(41, 40.0)) if n else Observations(count=k)
    family = FAMILIES[name]().resolve(data)
    rows = family.beside_draws(data)
    rows["pooled"] = np.array(0.2 if n else 7.0)
    at = family.at_pooled(rows)
    rows["at_pooled"] = at
    nodes = likelihoods.spikes.Nodes(np.array([0.05, 0.3]), np.array([0.95, 0.7]))
    p = np.exp(family.log_density(rows, nodes, 0.2))
    assert p.sum(axis=0) == pytest.approx([1, 1], abs=1e-9)


def test_one_spike_is_no_change_and_a_lasting_one_is():
    rng = np.random.default_rng(4)
    count = rng.binomial(1000, 0.009, 120).astype(float)
    count[60] = 40
    spiked = Observations(count=count, trials=[1000] * 120)
    posterior = fit(Model(likelihoods.SpikedBinomial()), spiked)
    assert posterior.probability_of_change < 0.5
    assert [spike.index for spike in posterior.spikes] == [60]
    assert posterior.to_dict()["spikes"][0]["index"] == 60
    count[60:] = rng.binomial(1000, 0.018, 60)
    lasting = Observations(count=count, trials=[1000] * 120)
    assert fit(Model(likelihoods.SpikedBinomial()), lasting).probability_of_change > 0.95


@pytest.mark.parametrize("name", [name for name in FAMILIES if name.startswith("spiked-")])
def test_a_saved_answer_tells_the_same_spikes(name, tmp_path):
    """With a parameter that all segments share, and without."""
    count = np.random.default_rng(5).binomial(1000, 0.009, 40).astype(float)
    count[20] = 60
    trials = {} if "negative" in name or "poisson" in name else {"trials": [1000] * 40}
    family = FAMILIES[name]()
    posterior = fit(Model(family, Changes(at_most=1)), Observations(count=count, **trials))
    told = {spike.index: spike.probability for spike in posterior.spikes}
    assert 20 in told
    posterior.save(tmp_path / "answer.nc")
    loaded = Posterior.load(tmp_path / "answer.nc")
    assert {spike.index: spike.probability for spike in loaded.spikes} == pytest.approx(told)
