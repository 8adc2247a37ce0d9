"""The DataTree: ArviZ works on it, and files bring it back as it was."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from cases import CASES, simulate, with_missing
from chance import errors_allowed

from changepoint import Changes, Exact, Model, Observations, Posterior, fit
from changepoint.results.result import CHAINS

T = 40
DRAWS = 200
KINDS = {
    "unknown": Changes(),
    "none": Changes(exactly=0),
    "one": Changes(exactly=1),
    "two": Changes(exactly=2),
    "few": Changes(at_most=3, min_length=2),
}
TIMES = {
    "dates": np.arange("2021-01-01", "2021-02-10", dtype="datetime64[D]"),
    "stamps": np.arange("2021-01-01T00:30", "2021-01-02T16:30", 60, dtype="datetime64[m]"),
    "long ago": np.arange("1541-01-01", "1541-02-10", dtype="datetime64[D]"),
    "years": np.arange(1851, 1851 + T),
    "no time": None,
}


@cache
def posterior_of(name: str, changes: Changes, time: str = "no time") -> Posterior:
    data = simulate(name, 2, T, missing=0.1)
    columns = {
        role: getattr(data, role) for role in ("count", "trials", "exposure", "rate", "value")
    }
    data = Observations(**columns, time=TIMES[time], columns={"count": "deaths"})
    return fit(Model(CASES[name].models[0], changes), data, Exact(draws=DRAWS, seed=3))


def assert_same(one: xr.DataTree, other: xr.DataTree) -> None:
    """Equal values, coordinates, types and attributes in every group."""
    assert set(one.groups) == set(other.groups)
    for group in one.groups:
        a, b = one[group].to_dataset(inherit=False), other[group].to_dataset(inherit=False)
        xr.testing.assert_identical(a, b)
        assert a.attrs == b.attrs
        for name in a.variables:
            assert a[name].dtype == b[name].dtype, f"{group}/{name}"


# What a tree holds depends on the family and on whether the number is known: each of both.
EACH = [
    (name, changes)
    for i, name in enumerate(CASES)
    for j, changes in enumerate(KINDS)
    if name == "beta-binomial" or j == i % len(KINDS)
]


@pytest.mark.parametrize(("name", "changes"), EACH)
def test_arviz_works_on_it(name: str, changes: str) -> None:
    import arviz as az
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    posterior = posterior_of(name, KINDS[changes])
    table = az.summary(posterior.tree)
    assert len(table) > 0
    if KINDS[changes].exactly is None:
        table = az.summary(posterior.tree, group="given")
    parameter, number = posterior.model.likelihood.parameter, posterior.number
    rows = [name for name in table.index if name.startswith((f"{parameter}[", "switchpoint["))]
    wanted = [f"switchpoint[{i}]" for i in range(number)]
    assert sorted(rows) == sorted([*wanted, *(f"{parameter}[{i}]" for i in range(number + 1))])
    az.plot_dist(posterior.tree)
    az.plot_trace_dist(posterior.tree)
    plt.close("all")


@pytest.mark.parametrize("changes", ["none", "one", "unknown"])
@pytest.mark.parametrize("name", CASES)
# Without the row beside a change, the change may stand elsewhere: importance sampling can't
# know, and ArviZ says so.
@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto:UserWarning")
def test_leave_one_out_works_on_it(name: str, changes: str) -> None:
    import arviz as az

    posterior = posterior_of(name, KINDS[changes])
    found = az.loo(posterior.build("log_likelihood"), pointwise=True)
    assert math.isfinite(found.elpd)
    assert found.elpd < posterior.tree["log_likelihood"]["y"].values.sum(axis=-1).max()


@pytest.mark.parametrize("name", CASES)
def test_the_log_likelihood_is_that_of_the_draws(name: str) -> None:
    """Row by row at each draw's own parameter, by the reference density."""
    posterior = posterior_of(name, Changes())
    data, family = posterior.observations, posterior.model.likelihood
    tree = posterior.build("log_likelihood")
    found = tree["log_likelihood"]["y"].values.reshape(DRAWS, -1)
    theta = posterior.trajectories()[family.parameter].values.reshape(DRAWS, T)
    shared = np.zeros(DRAWS)
    if family.hyper is not None:
        shared = tree["posterior"][family.hyper.name].values.ravel()
    observed = data.observed(family.response)
    for draw in range(0, DRAWS, 17):
        told = CASES[name].log_density(data, theta[draw], 1 - theta[draw], shared[draw])
        np.testing.assert_allclose(found[draw], np.diag(told)[observed], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
@pytest.mark.parametrize(
    ("changes", "time"),
    [*(("one", time) for time in TIMES), ("unknown", "dates"), ("none", "dates")],
)
def test_files_bring_it_back(changes: str, time: str, suffix: str, tmp_path: Path) -> None:
    if suffix == ".zarr":
        pytest.importorskip("zarr")
    posterior = posterior_of("beta-binomial", KINDS[changes], time)
    path = tmp_path / f"posterior{suffix}"
    posterior.save(path)
    back = Posterior.load(path)
    assert_same(posterior.tree, back.tree)
    assert back.model == posterior.model
    for role in ("count", "trials", "exposure", "rate", "value", "time"):
        one, other = getattr(posterior.observations, role), getattr(back.observations, role)
        if one is None:
            assert other is None
        else:
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype
    assert dict(back.observations.columns) == dict(posterior.observations.columns)
    assert back.observations.fingerprint() == posterior.observations.fingerprint()
    assert back.to_dict() == posterior.to_dict()
    assert str(back) == str(posterior)
    assert back.sentence() == posterior.sentence()
    assert back.summary().equals(posterior.summary())
    rows = posterior.observations.time
    ends = (10, 25) if rows is None else (rows[10], rows[25])
    assert back.probability_between(*ends) == posterior.probability_between(*ends)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_files_keep_groups_that_were_built(name: str, suffix: str, tmp_path: Path) -> None:
    posterior = posterior_of(name, Changes(at_most=2), "dates")
    posterior.build("log_likelihood", "posterior_predictive", "prior")
    path = tmp_path / f"posterior{suffix}"
    posterior.save(path)
    back = Posterior.load(path)
    assert_same(posterior.tree, back.tree)
    assert back.model == posterior.model


@pytest.mark.parametrize("name", CASES)
def test_what_is_built_later_is_the_same(name: str, tmp_path: Path) -> None:
    """A loaded posterior builds the groups that the fitted one builds."""
    posterior = posterior_of(name, Changes(), "years")
    posterior.save(tmp_path / "posterior.nc")
    back = Posterior.load(tmp_path / "posterior.nc")
    groups = ("log_likelihood", "posterior_predictive", "prior")
    assert_same(posterior.build(*groups), back.build(*groups))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("changes", KINDS)
def test_groups_have_the_sizes_that_they_state(name: str, changes: str) -> None:
    posterior = posterior_of(name, KINDS[changes])
    tree = posterior.build("log_likelihood", "posterior_predictive", "prior")
    observed = int(posterior.observations.observed(posterior.model.likelihood.response).sum())
    for group in ("log_likelihood", "posterior_predictive"):
        assert dict(tree[group].sizes) == {
            "chain": CHAINS,
            "draw": DRAWS // CHAINS,
            "observation": observed,
        }
        assert np.isfinite(tree[group]["y"].values).all()
    assert tree["observed_data"]["y"].shape == (observed,)
    assert set(tree["prior"].data_vars) == set(tree["posterior"].data_vars)
    fixed = KINDS[changes].exactly
    if fixed is None:
        assert tree["posterior"]["n_changes"].dtype.kind == "i"
    else:
        theta = tree["posterior"][posterior.model.likelihood.parameter]
        assert theta.shape == (CHAINS, DRAWS // CHAINS, fixed + 1)
        if fixed:
            assert (np.diff(tree["posterior"]["switchpoint"].values, axis=-1) > 0).all()
    exact = tree["exact"].dataset
    assert abs(float(exact["number_probability"].sum()) - 1) < 1e-6
    assert not any(np.isnan(variable.values).any() for variable in exact.data_vars.values())


def test_the_predictive_is_drawn_at_the_draws_parameters() -> None:
    """Means of replicated counts against trials times the mean rate: 1e-6 by chance."""
    data = simulate("binomial", 2, T)
    posterior = fit(Model(CASES["binomial"].models[0]), data, Exact(draws=20_000))
    y = posterior.build("posterior_predictive")["posterior_predictive"]["y"].values
    mean = posterior.tree["exact"]["rate_mean"].values * data.trials
    error = (y.mean(axis=(0, 1)) - mean) / (y.std(axis=(0, 1)) / math.sqrt(20_000))
    assert np.abs(error).max() < errors_allowed(T)


def test_missing_rows_are_kept() -> None:
    data = simulate("binomial", 2, T)
    rows = np.zeros(T, bool)
    rows[[0, 5, T - 1]] = True
    posterior = fit(Model(CASES["binomial"].models[0]), with_missing(data, rows))
    assert len(posterior.tree["exact"]["time"]) == T
    assert posterior.tree["observed_data"].sizes["observation"] == T - 3
