"""How much the answer hangs on the prior of the segments' parameter."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from scipy import special, stats

from changepoint import Changes, Exact, Model, Observations, fit, likelihoods, priors
from changepoint.effects import Drift, Memory, Weekday
from changepoint.exact import prior_sensitivity as sensitivity
from changepoint.exact import sensitivity_again
from changepoint.exact.prior_sensitivity import STRENGTHS
from changepoint.posterior import Posterior

T = 24
HALF = np.arange(T) < T // 2
DRAWS = Exact(draws=40)


def series() -> dict[str, Observations]:
    """Data with a change that is neither sure nor hopeless, by column."""
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 1, T)
    return {
        "count": Observations(
            count=rng.binomial(60, np.where(HALF, 0.1, 0.16)), trials=np.full(T, 60)
        ),
        "events": Observations(count=rng.poisson(np.where(HALF, 3, 4.5))),
        "rate": Observations(rate=rng.beta(np.where(HALF, 4, 5.5), 30)),
        "value": Observations(value=10 + np.where(HALF, 0, 1.2) + noise),
        "noise": Observations(value=noise * np.where(HALF, 1, 2)),
        "waiting": Observations(value=rng.exponential(np.where(HALF, 2, 4))),
        "outcomes": Observations(
            outcomes=[
                rng.multinomial(30, [0.7, 0.2, 0.1] if h else [0.6, 0.2, 0.2]) for h in HALF
            ]
        ),
    }


DATA = series()
FAMILIES = {
    "binomial": ("count", likelihoods.Binomial()),
    "beta-binomial": ("count", likelihoods.BetaBinomial()),
    "spiked-binomial": ("count", likelihoods.SpikedBinomial()),
    "negative-binomial": ("events", likelihoods.NegativeBinomial()),
    "poisson": ("events", likelihoods.Poisson()),
    "poisson, log-normal": ("events", likelihoods.Poisson(rate=priors.LogNormal(1, 1))),
    "beta": ("rate", likelihoods.Beta()),
    "normal": ("value", likelihoods.Normal()),
    "student-t": ("value", likelihoods.StudentT(nu=4)),
    "exponential": ("waiting", likelihoods.Exponential()),
    "normal-mean-variance": ("value", likelihoods.NormalMeanVariance()),
    "normal-variance": ("noise", likelihoods.NormalVariance()),
    "trend": ("value", likelihoods.Trend()),
    "autoregressive": ("value", likelihoods.Autoregressive()),
    "multinomial": ("outcomes", likelihoods.Multinomial()),
}


@pytest.fixture(scope="module")
def binomial() -> Posterior:
    return fit(Model(likelihoods.Binomial()), DATA["count"], DRAWS)


# -- priors and families ----------------------------------------------------------------------


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize(
    "prior",
    [priors.Beta(2, 30), priors.Gamma(3, 0.5), priors.Normal(4, 2), priors.LogNormal(1, 0.7)],
    ids=str,
)
def test_a_stronger_prior_stays_where_it_is(prior, strength):
    """Worth n observations instead of one, whatever an observation is."""
    found = prior.strengthened(strength)
    assert type(found) is type(prior)
    if isinstance(prior, priors.Normal | priors.LogNormal):
        assert found.mu == prior.mu
        assert found.sigma**2 == pytest.approx(prior.sigma**2 / strength, rel=1e-12)
        return
    known = {
        priors.Beta: lambda p: stats.beta(p.alpha, p.beta),
        priors.Gamma: lambda p: stats.gamma(p.alpha, scale=1 / p.beta),
    }[type(prior)]
    before, after = known(prior), known(found)
    assert after.mean() == pytest.approx(before.mean(), rel=1e-12)
    if isinstance(prior, priors.Gamma):
        assert after.var() == pytest.approx(before.var() / strength, rel=1e-12)
    else:  # of mean m worth n observations: m (1 - m) / (n + 1)
        n, m = prior.alpha + prior.beta, before.mean()
        assert after.var() == pytest.approx(m * (1 - m) / (strength * n + 1), rel=1e-12)


@pytest.mark.parametrize("strength", [0.5, 2.0])
def test_a_stronger_variance_keeps_its_typical_value(strength):
    prior = priors.InverseGamma(3, 0.6)
    found = prior.strengthened(strength)
    assert found.beta / found.alpha == pytest.approx(prior.beta / prior.alpha, rel=1e-12)
    assert found.alpha == pytest.approx(strength * prior.alpha, rel=1e-12)


@pytest.mark.parametrize("prior", [priors.Uniform(0, 1), priors.Uniform(-3, 8)], ids=str)
def test_a_uniform_prior_has_no_strength(prior):
    assert prior.strengthened(2.0) is None


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_changes_in_its_segments_prior_alone(name):
    column, family = FAMILIES[name]
    family = family.resolve(DATA[column])
    assert family.with_strength(1.0) == family
    stronger = family.with_strength(3.0)
    changed = [
        field.name
        for field in dataclasses.fields(family)
        if getattr(family, field.name) != getattr(stronger, field.name)
    ]
    field = {"normal-variance": "variance", "multinomial": "concentration"}.get(
        name, family.parameter
    )
    assert changed == [field]
    prior, found = getattr(family, field), getattr(stronger, field)
    if name == "multinomial":
        np.testing.assert_allclose(found, 3 * np.array(prior), rtol=1e-12)
    else:
        assert found == prior.strengthened(3.0)


def test_a_concentration_as_weak_as_numbers_hold_has_no_weaker_one():
    family = likelihoods.Multinomial(concentration=(0.02, 0.5))
    assert family.with_strength(0.5).concentration == (0.01, 0.25)
    assert family.with_strength(0.25) is None


# -- strengths and answers --------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_strength_one_is_the_posterior_itself(name):
    column, family = FAMILIES[name]
    posterior = fit(Model(family, Changes(min_length=2)), DATA[column], DRAWS)
    found = posterior.sensitivity
    assert list(found) == list(STRENGTHS)
    assert all(0 <= p <= 1 for p in found.values())
    assert found[1.0] == pytest.approx(posterior.probability_of_change, abs=1e-6)
    assert len(set(found.values())) == len(STRENGTHS)


@pytest.mark.parametrize(
    "changes",
    [Changes(), Changes(at_most=1, probability=0.3), Changes(every=10), Changes(min_length=3)],
    ids=str,
)
@pytest.mark.parametrize("name", ["binomial", "normal", "trend", "multinomial"])
def test_strengths_agree_with_fits_under_the_stronger_prior(name, changes):
    strengths_agree(*FAMILIES[name], changes)


SURE = {
    "binomial": Observations(count=np.repeat([50, 900], 200), trials=np.full(400, 1000)),
    "beta-binomial": Observations(count=np.repeat([50, 900], 200), trials=np.full(400, 1000)),
    "poisson": Observations(count=np.repeat([50, 5000], 200)),
    "normal": Observations(value=np.repeat([0.0, 1e3], 200) + np.tile([0.0, 1.0], 200)),
}


@pytest.mark.parametrize("name", SURE)
def test_a_change_surer_than_numbers_can_say(name):
    posterior = fit(Model(FAMILIES[name][1]), SURE[name], DRAWS)
    assert list(posterior.sensitivity) == list(STRENGTHS)
    assert set(posterior.sensitivity.values()) == {1.0}
    assert set(posterior.hyper_sensitivity.values()) <= {1.0}


@pytest.mark.parametrize(
    "name", ["beta-binomial", "negative-binomial", "beta", "student-t", "spiked-binomial"]
)
def test_so_they_do_in_other_families(name):
    strengths_agree(*FAMILIES[name], Changes())


def strengths_agree(column, family, changes):
    """Each with a fit of its own, within 1e-5 where there is an outer grid."""
    posterior = fit(Model(family, changes), DATA[column], DRAWS)
    near = 1e-6 if family.hyper is None else 1e-5
    assert set(posterior.sensitivity) == set(STRENGTHS)
    for strength, p in posterior.sensitivity.items():
        stronger = posterior.model.likelihood.with_strength(strength)
        exact = fit(Model(stronger, changes), DATA[column], DRAWS).probability_of_change
        assert p == pytest.approx(exact, abs=near)


@pytest.mark.parametrize("rate", [0.1, 0.01, 0.0])
@pytest.mark.parametrize(("alpha", "beta"), [(0.12, 1.5), (0.5, 8.0), (2.0, 30.0)])
def test_strengths_by_marginals_of_segments(alpha, beta, rate):
    """Also where a grid for the weaker prior alone can't be made: half of Beta(0.12, 1.5)."""
    trials = np.full(T, 60)
    k = np.random.default_rng(5).binomial(trials, np.where(HALF, rate, 2 * rate))
    family = likelihoods.Binomial(rate=priors.Beta(alpha, beta))
    posterior = fit(Model(family), Observations(count=k, trials=trials), DRAWS)
    rho = math.exp(posterior.model.changes.log_rho(T))
    events, all_trials = np.append(0, np.cumsum(k)), np.append(0, np.cumsum(trials))
    for strength, p in posterior.sensitivity.items():
        a, b = strength * alpha, strength * beta

        def marginal(i, j, a=a, b=b):
            hits, n = events[j] - events[i], all_trials[j] - all_trials[i]
            return math.exp(special.betaln(a + hits, b + n - hits) - special.betaln(a, b))

        sums = [1.0]
        for j in range(1, T + 1):
            sums.append(sum(s * marginal(i, j) * (rho if i else 1) for i, s in enumerate(sums)))
        assert p == pytest.approx(1 - marginal(0, T) / sums[-1], abs=1e-4)
    assert set(posterior.sensitivity) == set(STRENGTHS)


# -- sizes of the hyperparameter --------------------------------------------------------------

MOVED = {
    "beta-binomial": ("log_excess", lambda p, by: priors.Logistic(p.mu + by, p.s)),
    "negative-binomial": ("log_excess", lambda p, by: priors.Logistic(p.mu + by, p.s)),
    "beta": ("concentration", lambda p, by: priors.LogNormal(p.mu + by, p.sigma)),
    "normal": ("noise_sd", lambda p, by: priors.LogNormal(p.mu + by, p.sigma)),
    "student-t": ("scale", lambda p, by: priors.LogNormal(p.mu + by, p.sigma)),
}


@pytest.mark.parametrize("changes", [Changes(), Changes(at_most=1)], ids=str)
@pytest.mark.parametrize("name", MOVED)
def test_sizes_agree_with_fits_under_the_moved_prior(name, changes):
    sizes_agree(name, DATA[FAMILIES[name][0]], changes, [])


@pytest.mark.slow
@pytest.mark.parametrize("effect", [Weekday(sigma=0.2), Memory(), Drift()], ids=str)
def test_sizes_agree_beside_effects(effect):
    """At nodes that were found under the prior as it is."""
    data = dataclasses.replace(
        DATA["count"], time=np.datetime64("2025-01-06") + np.arange(T), columns={}
    )
    sizes_agree("beta-binomial", data, Changes(), [effect], near=5e-3, sizes=(0.25, 4.0))


def sizes_agree(name, data, changes, beside, near=1e-4, sizes=sensitivity.SIZES):
    """Each with a fit of its own, whose nodes are those for its own prior."""
    _, family = FAMILIES[name]
    posterior = fit(Model(family, changes, beside), data, DRAWS)
    model = posterior.model
    told, (field, moved) = posterior.hyper_sensitivity, MOVED[name]
    assert list(told) == list(sensitivity.SIZES)
    assert told[1.0] == pytest.approx(posterior.probability_of_change, abs=1e-6)
    for times in sizes:
        prior = moved(getattr(model.likelihood, field), math.log(times))
        other = dataclasses.replace(model.likelihood, **{field: prior})
        exact = fit(dataclasses.replace(model, likelihood=other), data, DRAWS)
        assert told[times] == pytest.approx(exact.probability_of_change, abs=near)


def test_a_family_without_a_hyperparameter_has_no_sizes(binomial):
    assert binomial.hyper_sensitivity == {}


def test_strengths_of_an_average_are_of_its_most_probable_family():
    rng = np.random.default_rng(3)
    data = Observations(value=np.where(HALF, 0, 1.5) + rng.standard_t(2, T))
    posterior = fit(Model(likelihoods.StudentT(), Changes(at_most=1)), data, DRAWS)
    best = posterior.likelihoods[0]
    assert best.title == posterior.candidates.index[0]
    alone = fit(Model(best, Changes(at_most=1)), data, DRAWS)
    assert posterior.sensitivity == pytest.approx(alone.sensitivity, abs=1e-9)
    assert alone.sensitivity[1.0] == pytest.approx(alone.probability_of_change, abs=1e-5)


def test_a_prior_around_the_data_of_both_segments_hides_the_change_when_it_is_strong():
    """What is asked of the table: a prior that says all rates are alike explains no change."""
    family = likelihoods.Binomial(rate=priors.Beta(13, 87))
    found = fit(Model(family), DATA["count"], DRAWS).sensitivity
    strong = fit(
        Model(likelihoods.Binomial(rate=priors.Beta(13e4, 87e4))), DATA["count"], DRAWS
    )
    assert strong.probability_of_change == pytest.approx(0.5, abs=0.01)
    assert abs(found[4.0] - 0.5) < abs(found[1.0] - 0.5)


# -- where there is nothing to vary -----------------------------------------------------------


@pytest.mark.parametrize(
    "changes", [Changes(exactly=0), Changes(exactly=1), Changes(probability=0)], ids=str
)
def test_a_given_number_of_changes_has_none(changes):
    assert fit(Model(likelihoods.Binomial(), changes), DATA["count"], DRAWS).sensitivity == {}


@pytest.mark.parametrize(
    ("column", "family"),
    [
        ("count", likelihoods.Binomial(rate=priors.Uniform(0.01, 0.5))),
        ("value", likelihoods.Normal(level=priors.Uniform(0, 30))),
    ],
)
def test_a_uniform_prior_has_none(column, family):
    posterior = fit(Model(family), DATA[column], DRAWS)
    assert posterior.sensitivity == {}
    assert "strength of the prior" not in str(posterior)
    assert posterior.to_dict()["sensitivity"] == []
    assert "times as strong" not in posterior._repr_html_()


def test_a_long_series_has_none(binomial, monkeypatch):
    model, data = binomial.model, DATA["count"]
    monkeypatch.setattr(sensitivity, "LONG", T)
    p = binomial.probability_of_change
    assert sensitivity_again.of_model(model, data, p).strength == binomial.sensitivity
    monkeypatch.setattr(sensitivity, "LONG", T - 1)
    assert sensitivity_again.of_model(model, data, p) == sensitivity.UNKNOWN


def test_a_sampler_has_none(binomial):
    """The same result, had a sampler found it."""
    result = binomial._source
    sampled = Posterior(result._replace(engine={**result.engine, "name": "mcmc"}))
    assert sampled.sensitivity == {}
    assert binomial.sensitivity


# -- how it is told ---------------------------------------------------------------------------


def test_the_text_holds_every_strength(binomial):
    (line,) = (line for line in str(binomial).splitlines() if "strength of the prior" in line)
    assert line.startswith("P(any change) by strength of the prior of the rate: ")
    for strength in STRENGTHS:
        assert f"(x {strength:g})" in line
    assert line.count("(x ") == len(STRENGTHS)


def test_the_json_holds_every_strength(binomial):
    told = json.loads(json.dumps(binomial.to_dict(), allow_nan=False))["sensitivity"]
    assert {one["prior_strength"]: one["probability_of_change"] for one in told} == (
        binomial.sensitivity
    )


def test_the_html_holds_every_strength(binomial):
    html = binomial._repr_html_()
    assert "prior of the rate, times as strong" in html
    for strength, p in binomial.sensitivity.items():
        assert f"<th>{strength:g}</th>" in html
        assert f"<td>{p:.4f}</td>" in html


@pytest.mark.parametrize("name", ["binomial", "normal", "multinomial"])
def test_a_saved_posterior_has_the_same(name, tmp_path):
    column, family = FAMILIES[name]
    posterior = fit(Model(family), DATA[column], DRAWS)
    posterior.save(tmp_path / "posterior.nc")
    assert Posterior.load(tmp_path / "posterior.nc").sensitivity == posterior.sensitivity


@pytest.mark.parametrize("mu", [-8.0, -4.0, 0.5, 3.0])
@pytest.mark.parametrize("sigma", [0.01, 0.3])
def test_narrow_priors_of_the_hyperparameter_are_moved(mu, sigma):
    """All of what is known may lie below the nodes, or above."""
    family = likelihoods.BetaBinomial(log_excess=priors.Normal(mu, sigma))
    posterior = fit(Model(family), DATA["count"], DRAWS)
    told = posterior.hyper_sensitivity
    assert all(0 <= p <= 1 for p in told.values())
    assert told[1.0] == pytest.approx(posterior.probability_of_change, abs=1e-6)
