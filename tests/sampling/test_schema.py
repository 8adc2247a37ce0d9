"""A sampled posterior has the exact engine's schema, and all of ArviZ takes it."""

from __future__ import annotations

import json
from dataclasses import replace

import arviz as az
import matplotlib
import numpy as np
import pytest
from cases import simulate
from runs import converged

from changepoint import MCMC, Changes, Exact, Model, Posterior, fit, likelihoods

DATA = simulate("beta-binomial", 4, 40, missing=0.1)
MODEL = Model(likelihoods.BetaBinomial(), Changes(exactly=1))


@pytest.fixture(scope="module")
def sampled():
    engine = MCMC(500, 300, 2, switchpoints="metropolis")
    return converged(lambda seed: fit(MODEL, DATA, replace(engine, seed=seed)))


@pytest.fixture(scope="module")
def exact():
    return fit(MODEL, DATA, Exact(draws=1000))


def test_the_same_groups_variables_and_dimensions(sampled, exact):
    extra = {"sampled", "sample_stats"}
    assert set(sampled.tree.children) - extra == set(exact.tree.children)
    for group in ("posterior", "observed_data", "constant_data"):
        mine, its = sampled.tree[group].dataset, exact.tree[group].dataset
        assert set(mine.data_vars) == set(its.data_vars)
        for name in mine.data_vars:
            assert mine[name].dims == its[name].dims
            assert mine[name].dtype == its[name].dtype
    mine, its = sampled.tree["sampled"].dataset, exact.tree["exact"].dataset
    summed = {"rate_difference", "rate_ratio", "increase_probability"}  # draws tell them there
    assert set(its.data_vars) - set(mine.data_vars) == {"log_evidence", *summed}
    for name in mine.data_vars:
        assert mine[name].sizes == its[name].sizes
    assert set(sampled.tree.attrs) == set(exact.tree.attrs)


def test_the_exact_answer_stands_beside_it(sampled, exact):
    mine, its = sampled.tree["exact"].dataset, exact.tree["exact"].dataset
    assert mine["change_probability"].values == pytest.approx(
        its["change_probability"].values, abs=1e-12
    )
    assert sampled.log_evidence is None
    assert float(mine["log_evidence"]) == pytest.approx(exact.log_evidence, abs=1e-12)


def test_estimates_are_those_of_the_draws(sampled):
    told, draws = sampled.marginals, sampled.tree["posterior"].dataset
    rows = draws["switchpoint"].values[..., 0].ravel()
    assert told["change_probability"].values == pytest.approx(
        np.bincount(rows, minlength=40) / rows.size
    )
    paths = sampled.trajectories()["rate"].values.reshape(-1, 40)
    assert told["rate_mean"].values == pytest.approx(paths.mean(axis=0))
    assert told["rate_quantile"].values == pytest.approx(
        np.quantile(paths, [0.025, 0.5, 0.975], axis=0)
    )
    rate = draws["rate"].values.reshape(-1, 2)
    assert told["rate_segment_mean"].values == pytest.approx(rate.mean(axis=0))
    inside = np.flatnonzero(told["credible"].values[0])
    assert np.isin(rows, inside).mean() >= 0.95
    assert float(told["inside_probability"][0]) == pytest.approx(np.isin(rows, inside).mean())
    assert sampled.probability_between(15, 25) == pytest.approx(
        ((rows >= 15) & (rows <= 25)).mean()
    )


def test_json(sampled):
    told = json.loads(json.dumps(sampled.to_dict(), allow_nan=False))
    engine = told["engine"]
    assert engine["name"] == "mcmc"
    assert engine["settings"]["switchpoints"] == "metropolis"
    assert engine["converged"] is sampled.converged
    variables = engine["diagnostics"]["variables"]
    assert set(variables) == {"switchpoint[0]", "rate[0]", "rate[1]", "dispersion"}
    assert set(variables["switchpoint[0]"]) == {
        "r_hat", "ess_bulk", "ess_tail", "distance", "distance_allowed",
    }  # fmt: skip
    assert told["log_evidence"] is None


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
@pytest.mark.filterwarnings("ignore::UserWarning:zarr")
def test_saved_and_loaded(sampled, suffix, tmp_path):
    sampled.save(tmp_path / f"it{suffix}")
    loaded = Posterior.load(tmp_path / f"it{suffix}")
    for group, node in sampled.tree.children.items():
        for name, values in node.dataset.data_vars.items():
            again = loaded.tree[group][name]
            assert again.dtype == values.dtype
            np.testing.assert_array_equal(again.values, values.values)
    assert loaded.tree.attrs == sampled.tree.attrs
    assert str(loaded) == str(sampled)


@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto")
def test_summary_loo_and_compare(sampled, exact):
    summary = az.summary(sampled.tree)
    assert {"switchpoint[0]", "rate[0]", "rate[1]", "dispersion"} == set(summary.index)
    trees = {
        name: posterior.build("log_likelihood")
        for name, posterior in (("mcmc", sampled), ("exact", exact))
    }
    elpd = {name: az.loo(tree).elpd for name, tree in trees.items()}
    assert elpd["mcmc"] == pytest.approx(elpd["exact"], abs=0.5)
    assert set(az.compare(trees).index) == {"mcmc", "exact"}


PLOTS = (
    "plot_trace_dist", "plot_rank", "plot_energy", "plot_autocorr", "plot_ess", "plot_forest",
    "plot_ppc_rootogram", "plot_ppc_interval", "plot_ppc_tstat", "plot_ppc_pava",
)  # fmt: skip


@pytest.mark.parametrize("name", PLOTS)
def test_figures(sampled, name):
    matplotlib.use("Agg")
    tree = sampled.build("posterior_predictive", "log_likelihood", "prior")
    assert getattr(az, name)(tree).viz is not None
    matplotlib.pyplot.close("all")
