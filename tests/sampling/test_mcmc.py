"""The sampled posterior against the exact one: right, or said not to be."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
from cases import simulate
from counted import CASES, HARD, WAYS, exact, sampled
from runs import agrees, converged, quietly, room
from scipy import stats

from changepoint import (
    MCMC,
    Changes,
    ConvergenceWarning,
    EngineError,
    Exact,
    Model,
    ModelError,
    Observations,
    SupportError,
    fit,
    likelihoods,
)


def test_sums_agree_with_the_exact_answer():
    posterior = converged(lambda seed: sampled(*CASES["two"], "sum-out", seed, tune=500))
    agrees([posterior], exact("two"))


def test_gibbs_agrees_in_the_hardest():
    posterior = converged(lambda seed: sampled(*HARD["none"], "gibbs", seed, tune=300))
    agrees([posterior], exact("none", hard=True))


def test_plain_metropolis_says_no_in_the_hardest():
    """One step an iteration, 200 of them: far from 200 draws' worth of placements."""
    short = {"draws": 200, "tune": 200, "repeats": 1}
    posterior = quietly(lambda seed: sampled(*HARD["none"], "metropolis", seed, **short), 1)
    assert not posterior.converged
    (message,) = [told for told in posterior.warnings if "have not converged" in told]
    assert "Take the exact answer" in message
    assert posterior.to_dict()["engine"]["converged"] is False
    assert posterior.tree.attrs["converged"] == 0
    assert posterior.sentence().startswith("The chains have NOT converged")
    assert "NOT converged" in str(posterior)


FAMILIES = {
    # A strong change, and the way to sample it: each way is taken by a shared parameter once.
    "beta-binomial": ("gibbs", likelihoods.BetaBinomial()),
    "beta": ("metropolis", likelihoods.Beta()),
    "poisson": ("sum-out", likelihoods.Poisson()),
    "normal": ("sum-out", likelihoods.Normal()),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_a_strong_change_under_other_families(name):
    way, family = FAMILIES[name]
    data = simulate(name, 4, 60, missing=0.1)
    model = Model(family, Changes(exactly=1, min_length=3))
    posterior = converged(lambda seed: fit(model, data, MCMC(switchpoints=way, seed=seed)))
    agrees([posterior], fit(model, data, Exact(draws=40_000)))


def test_gibbs_with_a_noise_that_all_segments_share():
    data = simulate("normal", 4, 60)
    model = Model(likelihoods.Normal(), Changes(exactly=2))
    posterior = converged(
        lambda seed: fit(model, data, MCMC(500, 200, switchpoints="gibbs", seed=seed))
    )
    agrees([posterior], fit(model, data, Exact(draws=40_000)))


@pytest.mark.parametrize("way", WAYS)
def test_the_same_seed_gives_the_same_draws_on_one_core_and_two(way):
    data, changes = CASES["two"]
    model = Model(likelihoods.Binomial(), changes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        one, two, other = (
            fit(model, data, MCMC(40, 60, 3, cores, seed, way, repeats=1)).tree["posterior"]
            for cores, seed in ((1, 5), (2, 5), (1, 6))
        )
    for name in ("switchpoint", "rate"):
        assert (one[name].values == two[name].values).all()
        assert (one[name].values != other[name].values).any()


def test_nutpie_where_it_is_asked_for():
    data, changes = CASES["strong"]
    model = Model(likelihoods.Binomial(), changes)
    engine = MCMC(switchpoints="sum-out", nuts="nutpie")
    posterior = converged(lambda seed: fit(model, data, replace(engine, seed=seed)))
    agrees([posterior], exact("strong"))


def test_an_open_number_is_the_exact_engines_and_said_so():
    data, _ = CASES["strong"]
    engine = MCMC(200, 200, switchpoints="gibbs")
    posterior = converged(
        lambda seed: fit(Model(likelihoods.Binomial()), data, replace(engine, seed=seed))
    )
    assert posterior.number == 1
    assert posterior.model.changes.exactly == 1
    (note,) = [told for told in posterior.warnings if "MCMC assumes exactly 1 change" in told]
    assert "the most probable number by the exact engine" in note
    assert posterior.sentence().startswith("Assuming exactly 1 change")


def test_no_change_is_a_model_without_switchpoints():
    data, _ = CASES["none"]
    posterior = converged(
        lambda seed: fit(Model(likelihoods.Binomial()), data, MCMC(500, 200, seed=seed))
    )
    assert posterior.number == 0
    assert "switchpoint" not in posterior.tree["posterior"]
    truth = fit(Model(likelihoods.Binomial(), Changes(exactly=0)), data, Exact(draws=40_000))
    rates = [p.tree["posterior"]["rate"].values.ravel() for p in (posterior, truth)]
    ess = posterior.engine["diagnostics"]["variables"]["rate[0]"]["ess_bulk"]
    assert stats.ks_2samp(*rates).statistic < room(min(ess, 2000), 40_000)


@pytest.mark.parametrize("cores", [1, 2])
def test_an_interrupt_keeps_the_draws_made(cores, monkeypatch):
    """As by Ctrl-C, raised in the middle of the second chain, or of both at once.

    Of both: before either can have ended, however unevenly two processes advance.
    """
    from pymc.step_methods.compound import CompoundStep

    data, _ = CASES["strong"]
    model = Model(likelihoods.Binomial(), Changes(exactly=1))
    if cores == 1:
        step, calls = CompoundStep.step, []

        def interrupted(self, point):
            calls.append(1)
            if len(calls) == 100 + 300 + 100 + 50:
                raise KeyboardInterrupt
            return step(self, point)

        monkeypatch.setattr(CompoundStep, "step", interrupted)
    else:
        from pymc.sampling import parallel

        after, calls = parallel.ParallelSampler.__iter__, []

        def interrupted(self):
            for draw in after(self):
                calls.append(1)
                if len(calls) == 650:
                    raise KeyboardInterrupt
                yield draw

        monkeypatch.setattr(parallel.ParallelSampler, "__iter__", interrupted)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        posterior = fit(model, data, MCMC(300 * cores, 100, 4, cores, seed=1, repeats=1))
    sizes = posterior.tree["posterior"].sizes
    assert sizes["chain"] * sizes["draw"] >= 250
    assert sizes["chain"] <= 2  # those after it were not begun
    assert not posterior.converged
    assert posterior.changes[0].probability > 0.9


def test_an_interrupt_before_any_draw(monkeypatch):
    from pymc.step_methods.compound import CompoundStep

    def interrupted(self, point):
        raise KeyboardInterrupt

    monkeypatch.setattr(CompoundStep, "step", interrupted)
    data, _ = CASES["strong"]
    with pytest.raises(KeyboardInterrupt):
        fit(
            Model(likelihoods.Binomial(), Changes(exactly=1)),
            data,
            MCMC(20, 20, 2, 1, repeats=1),
        )


SETTINGS = [
    ({"draws": 3}, "draws of MCMC must be at least 4, not 3"),
    ({"tune": -1}, "tune of MCMC must be at least 0"),
    ({"chains": 2.5}, "chains of MCMC must be a whole number"),
    ({"cores": 0}, "cores of MCMC must be at least 1"),
    ({"seed": True}, "seed of MCMC must be a whole number"),
    ({"repeats": 0}, "repeats of MCMC must be at least 1"),
    ({"switchpoints": "slice"}, "must be one of metropolis, gibbs, sum-out, not 'slice'"),
    ({"nuts": "stan", "switchpoints": "sum-out"}, "must be one of pymc, nutpie"),
    ({"nuts": "nutpie"}, "use switchpoints='sum-out'"),
]


@pytest.mark.parametrize(("settings", "message"), SETTINGS)
def test_wrong_settings(settings, message):
    with pytest.raises(ModelError, match=message):
        MCMC(**settings)


def test_without_nutpie(monkeypatch):
    from changepoint.sampling import engine

    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    data, _ = CASES["strong"]
    with pytest.raises(EngineError, match=r"changepoint-toolkit\[nutpie\]"):
        fit(Model(likelihoods.Binomial()), data, MCMC(switchpoints="sum-out", nuts="nutpie"))


def test_impossible_data_are_found_before_sampling():
    data = Observations(count=[5, 1, 2], trials=[3, 9, 9])
    with pytest.raises(SupportError, match="more events than trials"):
        fit(Model(likelihoods.Binomial()), data, MCMC())
