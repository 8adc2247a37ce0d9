"""The PyMC form of a model: its names, its data, its distributions."""

from __future__ import annotations

import mpmath
import numpy as np
import pymc as pm
import pytest
from cases import CASES, simulate
from chance import RARE, errors_allowed
from lines_anew import NAMES, series
from reference import placements
from scipy import stats

from changepoint import (
    Changes,
    EngineError,
    Model,
    Observations,
    SupportError,
    check_pymc,
    likelihoods,
    priors,
)
from changepoint.likelihoods import FAMILIES
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.regression import LinearLikelihood
from changepoint.sampling.distributions.beta_binomial import BetaBinomial
from changepoint.sampling.distributions.negative_binomial import NegativeBinomial

BUILT = [
    name
    for name, family in FAMILIES.items()
    if issubclass(family, GridLikelihood | LinearLikelihood)
]
every_family = pytest.mark.parametrize("name", BUILT)


def built(name, k=2, T=12, missing=0.3, **changes):
    if name in NAMES:
        family, data = FAMILIES[name](), series(name, T, 3, missing)
    else:
        family, data = CASES[name].models[0], simulate(name, 3, T, missing)
    return Model(family, Changes(exactly=k, **changes)).to_pymc(data), data


@every_family
def test_its_variables_and_coordinates(name):
    pm_model, data = built(name)
    family = FAMILIES[name]
    observed = data.observed(family.response)
    assert 0 < observed.sum() < len(data)
    dims = pm_model.named_vars_to_dims
    assert dims[family.parameter] == ("segment",)
    assert dims["switchpoint"] == ("change",)
    assert dims["y"] == dims["position"] == ("time",)
    assert list(pm_model.coords["segment"]) == [0, 1, 2]
    assert list(pm_model.coords["change"]) == [0, 1]
    time = np.arange(len(data)) if data.time is None else data.time
    assert list(pm_model.coords["time"]) == time[observed].tolist()
    assert (pm_model["position"].eval() == np.flatnonzero(observed)).all()
    assert set(family().hyper_names) <= set(pm_model.named_vars)
    (y,) = pm_model.observed_RVs
    held = pm_model.rvs_to_values[y].eval(mode="FAST_COMPILE")
    assert (held == data.column(family.response)[observed]).all()


PRIORS = [
    # Whole numbers, which PyMC would keep in 8 bits, where sums overflow.
    (likelihoods.Binomial(rate=priors.Beta(64, 100)), 0.4),
    (likelihoods.Binomial(rate=priors.Uniform(0, 1)), 0.4),
    (likelihoods.Poisson(rate=priors.Gamma(100, 100)), 1.1),
    (likelihoods.Poisson(rate=priors.LogNormal(1, 2)), 3.0),
    (likelihoods.Poisson(rate=priors.HalfNormal(100)), 50.0),
    (likelihoods.Poisson(rate=priors.Exponential(100)), 0.02),
    (likelihoods.Poisson(rate=priors.InverseGamma(64, 100)), 2.0),
    (likelihoods.Normal(level=priors.Normal(100, 100)), 120.0),
    (likelihoods.Normal(level=priors.Logistic(100, 100)), 120.0),
]


@pytest.mark.parametrize(("family", "theta"), PRIORS, ids=lambda x: str(x)[:40])
def test_priors_have_their_own_density(family, theta):
    """Every class of `priors` by its name in PyMC."""
    data = simulate(family.name, 3, 12)
    pm_model = Model(family, Changes(exactly=0)).to_pymc(data)
    rv = pm_model[family.parameter]
    told = pm.logp(rv, np.array([theta])).eval(mode="FAST_COMPILE")
    assert told == pytest.approx(family.prior.log_density([theta]), rel=1e-12)


def test_every_prior_has_a_form_in_pymc():
    named = {type(family.prior).__name__ for family, _ in PRIORS}
    assert named == {c.__name__ for c in priors.Prior.__subclasses__()}


def test_a_prior_that_is_cut_off():
    """log_excess ends where the dispersion is 1; the rest of its prior is weighed anew."""
    data = simulate("beta-binomial", 3, 12)
    family = likelihoods.BetaBinomial(log_excess=priors.Normal(3, 2)).resolve(data)
    pm_model = Model(family, Changes(exactly=0)).to_pymc(data)
    x = np.linspace(-3, family.hyper.domain[1] - 1e-6, 7)
    log_p = [float(pm.logp(pm_model["log_excess"], at).eval(mode="FAST_COMPILE")) for at in x]
    inside = float(family.hyper.prior.cdf(family.hyper.domain[1]))
    assert inside < 0.9
    expected = family.hyper.prior.log_density(x) - np.log(inside)
    assert log_p == pytest.approx(expected.tolist(), rel=1e-8)  # of its cdf
    told = pm_model["dispersion"].eval({pm_model["log_excess"]: 1.5}, mode="FAST_COMPILE")
    assert told == pytest.approx(family.hyper.value(np.array(1.5)), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_segment_of_a_line_or_with_its_own_noise(name):
    pm_model, data = built(name, k=1)
    family = FAMILIES[name]()
    free = {"variance", "level", "slope", "phi"} & {rv.name for rv in pm_model.free_RVs}
    slope, phi = {"slope"} if family.columns == 2 else set(), {"phi"} & set(family.hyper_names)
    assert free == {"variance", "level"} | slope | phi
    dims = pm_model.named_vars_to_dims
    by_segment = {"variance", "noise_sd"} | ({"level"} if family.columns else set()) | slope
    assert all(dims[each] == ("segment",) for each in by_segment)
    level, noise_sd, variance = (pm_model[each] for each in ("level", "noise_sd", "variance"))
    assert noise_sd.eval({variance: [4.0, 9.0]}, mode="FAST_COMPILE") == pytest.approx([2, 3])
    if slope:
        given = {
            level: [5.0, 7.0],
            pm_model["slope"]: [2.0, -1.0],
            pm_model["switchpoint"]: [4],
        }
        start = pm_model["start"].eval(given, mode="FAST_COMPILE")
        # Time in mean distances of rows, of rows 0..3 and 4..11.
        x = 11 * data.time / (data.time[-1] - data.time[0])
        assert start == pytest.approx([5 - (x[3] - x[0]), 7 + (x[11] - x[4]) / 2])
    assert check_pymc(pm_model).ok


@pytest.mark.parametrize("name", ["autoregressive", "autoregressive-trend"])
def test_noise_that_remembers_is_drawn_so(name):
    """Residuals over noise_sd: variance 1, correlation phi^g inside segments, else 0.

    All of these fail by chance with probability 1e-6.
    """
    pm_model, data = built(name, k=1, T=8)
    rows, x = np.flatnonzero(data.observed("value")), np.zeros(8)
    if data.time is not None:
        x = 7 * data.time / (data.time[-1] - data.time[0])
    lines = name == "autoregressive-trend"
    told = [
        "y",
        "noise_sd",
        "phi",
        "switchpoint",
        *(["start", "slope"] if lines else ["level"]),
    ]
    y, sd, phi, places, start, *slopes = pm.draw(
        [pm_model[each] for each in told], 4000, random_seed=3, mode="FAST_COMPILE"
    )
    slope = slopes[0] if lines else np.zeros_like(start)
    products, expected = [], []
    for d, (s,) in enumerate(places):
        j = (rows >= s).astype(int)
        begun = np.where(j, s, 0)
        z = (y[d] - start[d][j] - slope[d][j] * (x[rows] - x[begun])) / sd[d][j]
        products.append(np.append(z[1:] * z[:-1], z**2))
        kept = np.where(j[1:] == j[:-1], phi[d] ** np.diff(rows), 0.0)
        expected.append(np.append(kept, np.ones(len(rows))))
    off = np.array(products) - expected
    score = off.mean(axis=0) / (off.std(axis=0) / np.sqrt(len(off)))
    assert np.abs(score).max() < errors_allowed(len(score))


def test_an_average_has_no_model():
    data = series("trend", 12)
    with pytest.raises(EngineError, match=r"average over several .* MCMC\(\)\), which"):
        Model(likelihoods.Auto()).to_pymc(data)


def test_dates_are_coordinates():
    days = np.arange("2025-01-01", "2025-01-07", dtype="datetime64[D]")
    data = Observations(count=[1, 2, np.nan, 4, 9, 9], trials=[90] * 6, time=days)
    pm_model = Model(likelihoods.Binomial()).to_pymc(data, exactly=1)
    assert [str(t)[:10] for t in pm_model.coords["time"]] == [
        "2025-01-01", "2025-01-02", "2025-01-04", "2025-01-05", "2025-01-06",
    ]  # fmt: skip


def test_the_number_of_changes_must_be_known():
    data = simulate("binomial", 0, 12)
    with pytest.raises(EngineError, match="leaves open: give exactly="):
        Model(likelihoods.Binomial()).to_pymc(data)
    told = Model(likelihoods.Binomial(), Changes(exactly=3, min_length=2))
    assert told.to_pymc(data, exactly=2).eval_rv_shapes()["rate"] == (3,)
    assert told.to_pymc(data).eval_rv_shapes()["switchpoint"] == (3,)
    assert "switchpoint" not in told.to_pymc(data, exactly=0).named_vars


def test_data_are_checked():
    with pytest.raises(SupportError, match="more events than trials"):
        Model(likelihoods.Binomial()).to_pymc(Observations(count=[3, 9], trials=[5, 5]), 1)


@pytest.mark.parametrize(("T", "k", "m"), [(8, 1, 1), (8, 2, 1), (9, 2, 2), (12, 3, 2)])
def test_placements_are_ordered_and_all_alike(T, k, m):
    pm_model, _ = built("normal", k, T, missing=0.0, min_length=m)
    found = [rows for rows in placements(T, m) if len(rows) == k]
    switchpoint = pm_model["switchpoint"]
    evaluate = pm_model.compile_logp(vars=[switchpoint], mode="FAST_COMPILE")
    start = pm_model.initial_point()
    assert tuple(start["switchpoint"]) in found
    total = [float(evaluate({**start, "switchpoint": np.array(rows)})) for rows in found]
    assert np.exp(total) == pytest.approx(np.full(len(found), 1 / len(found)), rel=1e-12)
    for wrong in ([0] * k, [T] * k, list(range(k, 0, -1)) if k > 1 else [m - 1]):
        assert evaluate({**start, "switchpoint": np.array(wrong)}) == -np.inf
    size = 200 * len(found)
    drawn = pm.draw(switchpoint, draws=size, random_seed=1, mode="FAST_COMPILE")
    counts = [int((drawn == np.array(rows)).all(axis=1).sum()) for rows in found]
    assert sum(counts) == size
    assert stats.chisquare(counts).pvalue > RARE


@pytest.mark.parametrize("trials", [40, 10**6])
@pytest.mark.parametrize("dispersion", [0.3, 1e-3, 1e-9, 1e-14])
def test_the_beta_binomial_keeps_its_digits(dispersion, trials):
    """Against 50 digits: PyMC's own is wrong by up to tens of nats near the Binomial."""
    mpmath.mp.dps = 50
    k = np.unique(np.round(np.linspace(0, min(trials, 3000), 5)).astype(int))
    s = 1 / dispersion - 1
    alpha, beta = 0.01 * s, 0.99 * s
    told = pm.logp(BetaBinomial.dist(n=trials, alpha=alpha, beta=beta), k)

    def log_beta(a, b):
        return mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)

    a, b = mpmath.mpf(alpha), mpmath.mpf(beta)
    expected = [
        float(mpmath.log(mpmath.binomial(trials, int(j)))
              + log_beta(a + int(j), b + trials - int(j)) - log_beta(a, b))
        for j in k
    ]  # fmt: skip
    assert told.eval(mode="FAST_COMPILE") == pytest.approx(expected, rel=1e-9, abs=1e-7)


@pytest.mark.parametrize("mean", [0.3, 40.0, 1e5])
@pytest.mark.parametrize("dispersion", [1e3, 0.3, 1e-3, 1e-9, 1e-11, 1e-14])
def test_the_negative_binomial_keeps_its_digits(dispersion, mean):
    """Against 50 digits: PyMC's own is wrong by 1e-5 and more near the Poisson."""
    mpmath.mp.dps = 50
    k = np.unique(np.round(np.linspace(0, 2 * mean + 3, 5)).astype(int))
    # PyTensor would hold Python's numbers in 32 bits.
    at = {"mu": np.float64(mean), "dispersion": np.float64(dispersion)}
    told = pm.logp(NegativeBinomial.dist(**at), k)
    r, m = 1 / mpmath.mpf(dispersion), mpmath.mpf(mean)
    expected = [
        float(mpmath.loggamma(r + int(j)) - mpmath.loggamma(r) - mpmath.loggamma(int(j) + 1)
              - r * mpmath.log1p(m / r) + int(j) * mpmath.log(m / (r + m)))
        for j in k
    ]  # fmt: skip
    assert told.eval(mode="FAST_COMPILE") == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_negative_binomial_outside_its_support_and_its_draws():
    distribution = NegativeBinomial.dist(mu=3.0, dispersion=0.5)
    assert pm.logp(distribution, -1).eval(mode="FAST_COMPILE") == -np.inf
    none = pm.logp(NegativeBinomial.dist(mu=0.0, dispersion=0.5), 0)  # without exposure
    assert none.eval(mode="FAST_COMPILE") == 0
    drawn = pm.draw(distribution, draws=5000, random_seed=2, mode="FAST_COMPILE")
    counts = np.bincount(np.minimum(drawn, 10), minlength=11)
    told = stats.nbinom(2, 2 / 5)
    p = np.append(told.pmf(np.arange(10)), told.sf(9))
    assert stats.chisquare(counts, 5000 * p).pvalue > RARE
    each = NegativeBinomial.dist(mu=np.array([1.0, 100.0]), dispersion=0.1, shape=(300, 2))
    drawn = pm.draw(each, random_seed=3, mode="FAST_COMPILE")
    error = np.sqrt(np.array([1 + 0.1, 100 + 0.1 * 100**2]) / 300)
    assert (np.abs(drawn.mean(axis=0) - [1, 100]) < errors_allowed(2) * error).all()


def test_the_beta_binomial_outside_its_support_and_its_draws():
    distribution = BetaBinomial.dist(n=5, alpha=2.0, beta=3.0)
    outside = pm.logp(distribution, np.array([-1, 6])).eval(mode="FAST_COMPILE")
    assert (outside == -np.inf).all()
    drawn = pm.draw(distribution, draws=5000, random_seed=2, mode="FAST_COMPILE")
    p = stats.betabinom.pmf(np.arange(6), 5, 2, 3)
    assert stats.chisquare(np.bincount(drawn, minlength=6), 5000 * p).pvalue > RARE
