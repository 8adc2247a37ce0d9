"""The check of PyMC models: each known fault is found, and good models are left alone."""

import logging
import warnings

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from changepoint import ModelError, check_pymc

RNG = np.random.default_rng(2)
T = 180
ROWS = np.arange(T)
TRIALS = RNG.poisson(1000, T)
COUNTS = RNG.binomial(TRIALS, np.where(ROWS < 90, 0.009, 0.013))
RATES = COUNTS / TRIALS
FEW, OF = np.array([3, 2, 4, 1, 5, 3]), np.array([90, 80, 100, 70, 95, 85])


def built(make):
    """Build a model; PyMC's own warnings are what the check is there to replace."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pm.Model() as model:
            make()
    return model


def check(make, **given):
    return check_pymc(built(make), **given)


def kinds(report):
    return set(report.problems["kind"])


def rows(report, kind):
    found = report.problems
    return found.loc[found["kind"] == kind, "row"].tolist()


def remedies(report, kind):
    found = report.problems
    return " ".join(found.loc[found["kind"] == kind, "remedy"])


def changed(array, row, value):
    array = np.array(array, dtype=float if isinstance(value, float) else None)
    array[row] = value
    return array


def switched(before, after, size=T):
    place = pm.DiscreteUniform("place", 1, size - 1)
    return pt.switch(np.arange(size) < place, before, after)


def binomial(count=FEW, trials=OF, prior=lambda: pm.Beta("rate", 1, 1)):
    pm.Binomial("k", n=trials, p=prior(), observed=count)


def some(cases, slow):
    """Return cases as parameters; those that take the path of another are for `test-slow`."""
    assert slow <= set(cases)
    return [pytest.param(one, marks=pytest.mark.slow if one in slow else ()) for one in cases]


# Good models: nothing is said against them.


def two_rates(count=COUNTS, trials=TRIALS, **prior):
    rate = pm.Beta("rate", **(prior or {"alpha": 1, "beta": 1}), shape=2)
    pm.Binomial("k", n=trials, p=switched(rate[0], rate[1]), observed=count)


def shared_data():
    two_rates(pm.Data("count", COUNTS), pm.Data("trials", TRIALS))


def whole_floats():
    two_rates(pm.Data("count", COUNTS.astype(float)), TRIALS)


def beta_binomial():
    mean, size = pm.Beta("mean", 1, 1, shape=2), pm.HalfNormal("size", 1e4)
    p = switched(mean[0], mean[1])
    pm.BetaBinomial("k", n=TRIALS, alpha=p * size, beta=(1 - p) * size, observed=COUNTS)


def poisson():
    mean = pm.Gamma("mean", 0.01, 0.01, shape=2)
    pm.Poisson("k", switched(mean[0], mean[1]), observed=COUNTS)


def normal():
    mean, scatter = pm.Normal("mean", 0, 1e3, shape=2), pm.HalfNormal("scatter", 1e3)
    pm.Normal("y", switched(mean[0], mean[1]), scatter, observed=RATES)


def beta():
    mean, size = pm.Uniform("mean", 0, 1, shape=2), pm.HalfCauchy("size", 100)
    p = switched(mean[0], mean[1])
    pm.Beta("y", mu=p, nu=size, observed=np.clip(RATES, 1e-4, None))


def no_change():  # misfits, but no parameter is excluded
    rate = pm.Beta("rate", 1, 1)
    pm.Binomial(
        "k", n=TRIALS, p=rate, observed=RNG.binomial(TRIALS, np.where(ROWS < 90, 0.01, 0.6))
    )


def scattered():  # ten times the variance of a Poisson
    pm.Poisson("k", pm.Exponential("mean", 0.01), observed=np.tile([0, 5, 70, 200, 20], 36))


def logits():
    pm.Binomial("k", n=TRIALS, logit_p=pm.Normal("logit", 0, 10), observed=COUNTS)


def random_effects():
    size = pm.HalfNormal("size", 1)
    effect = pm.Normal("effect", 0, 1, shape=T)
    pm.Binomial("k", n=TRIALS, logit_p=pm.Normal("mean", 0, 5) + size * effect, observed=COUNTS)


def random_walk():
    walk = pm.GaussianRandomWalk("walk", 0.0, 0.3, init_dist=pm.Normal.dist(0, 5), shape=60)
    pm.Poisson("k", pt.exp(walk), observed=COUNTS[:60])


def zero_trials():
    binomial(changed(FEW, 2, 0), changed(OF, 2, 0))


def custom():
    rate = pm.Exponential("rate", 1.0)
    pm.CustomDist("y", rate, logp=lambda y, r: pt.log(r) - r * y, observed=np.array([0.3, 2.0]))


def potential():
    rate = pm.Beta("rate", 1, 1)
    pm.Potential("data", pm.logp(pm.Binomial.dist(n=OF, p=rate), FEW).sum())


def censored():
    pm.Censored("y", pm.Normal.dist(pm.Normal("mean"), 1), None, 1.0, observed=[0.2, 1.0, -0.4])


def mixture():
    parts = [pm.Normal.dist(pm.Normal("mean", 0, 3), 1), pm.Normal.dist(5, 1)]
    pm.Mixture(
        "y", w=pm.Dirichlet("weights", [1.0, 1.0]), comp_dists=parts, observed=[0.1, 5.2]
    )


def zero_inflated():
    mean, zeros = pm.Gamma("mean", 2, 0.1), pm.Beta("zeros", 1, 1)
    pm.ZeroInflatedPoisson("k", 1 - zeros, mean, observed=[0, 0, 7, 9, 0, 12])


def multivariate():
    mean = pm.Normal("mean", 0, 5, shape=2)
    pm.MvNormal("y", mean, np.eye(2), observed=RNG.normal(size=(5, 2)))
    pm.Multinomial("k", n=10, p=pm.Dirichlet("p", np.ones(3)), observed=[[3, 3, 4], [10, 0, 0]])


def several():
    binomial()
    pm.Poisson("more", pm.Exponential("mean", 0.1), observed=FEW)


def categorical():
    which = pm.Categorical("which", [0.2, 0.3, 0.5])
    flag = pm.Bernoulli("flag", 0.4)
    pm.Normal("y", which + flag, 1, observed=[1.0, 2.0])


def flat():
    pm.Normal("y", pm.Flat("mean"), 1, observed=[101.0, 102.0])


GOOD = (
    two_rates, shared_data, whole_floats, beta_binomial, poisson, normal, beta, no_change,
    scattered, logits, random_effects, random_walk, zero_trials, custom, potential, censored,
    mixture, zero_inflated, multivariate, several, categorical, flat, binomial,
)  # fmt: skip


LIKE_OTHERS = {
    whole_floats, poisson, beta, no_change, scattered, logits, random_walk, zero_inflated,
}  # fmt: skip


@pytest.mark.parametrize("make", some(GOOD, LIKE_OTHERS), ids=lambda make: make.__name__)
def test_a_good_model_is_ok(make):
    report = check(make)
    assert report.ok, str(report)
    assert str(report).startswith("No problem found.")
    if make is not custom:  # it has no `random`
        assert not any("couldn't check" in note for note in report.notes), report.notes
    assert list(report.problems.columns) == [
        "kind", "variable", "row", "value", "rule", "remedy"
    ]  # fmt: skip


PRIORS = [(1, 99), (2.0, 200.0), (0.5, 0.5), (50, 5000)]


@pytest.mark.parametrize("prior", some(PRIORS, {(1, 99), (2.0, 200.0)}))
def test_priors_that_cover_the_rate_are_ok(prior):
    assert check(lambda: two_rates(alpha=prior[0], beta=prior[1])).ok


# Faults, one by one: what builds the model, kind, rows, words of the remedy or the rule.

NEGATIVE = changed(OF, 1, -80)
FAULTS = {
    "count above trials": (
        lambda: binomial(changed(FEW, 3, 71)), "impossible", [3], "exchanged"),
    "negative count": (lambda: binomial(changed(FEW, 1, -1)), "impossible", [1], "Correct"),
    "negative trials": (lambda: binomial(FEW, NEGATIVE), "impossible", [1], "trials"),
    "infinite count": (
        lambda: binomial(changed(FEW, 2, np.inf)), "impossible", [2], "leave it out"),
    "NaN trials": (
        lambda: binomial(FEW, changed(OF, 4, np.nan)), "impossible", [4], "leave the row out"),
    "negative Poisson count": (
        lambda: pm.Poisson("k", pm.Exponential("m", 1), observed=[1, -2]),
        "impossible", [1], "Correct"),
    "rate 0 under Beta": (
        lambda: pm.Beta("y", mu=pm.Uniform("m", 0, 1), nu=50.0, observed=[0.1, 0.0, 0.2]),
        "impossible", [1], "pm.Binomial"),
    "rate 1 under Beta": (
        lambda: pm.Beta("y", mu=pm.Uniform("m", 0, 1), nu=50.0, observed=[1.0, 0.3, 0.2]),
        "impossible", [0], "pm.Binomial"),
    "prior outside [0, 1]": (
        lambda: binomial(prior=lambda: pm.Uniform("rate", 2, 3)),
        "impossible", [None], "pm.Beta"),
    "start outside, prior not": (
        lambda: pm.Uniform("y", 0, pm.Uniform("top", 0, 4), observed=[1.0, 3.0, 2.5]),
        "start", [1, 2], "initvals at which everything"),
    "initval": (
        lambda: pm.Exponential("y", pm.Normal("rate", 1, 1, initval=-1.0), observed=[1.0, 2.0]),
        "start", [None], "initvals"),
    "NaN count": (lambda: binomial(changed(FEW, 4, np.nan)), "imputed", [4], "Leave"),
    "masked count": (
        lambda: binomial(np.ma.masked_array(FEW, FEW > 3)), "imputed", [2, 4], "Leave"),
    "rate prior excludes": (
        lambda: binomial(COUNTS, TRIALS, lambda: pm.Uniform("rate", 0.5, 0.6)),
        "prior", [None], "Widen"),
    "rate prior excludes, finely": (
        lambda: binomial(COUNTS, TRIALS, lambda: pm.Uniform("rate", 0.02, 0.03)),
        "prior", [None], "Widen"),
    "switchpoint prior excludes": (
        lambda: pm.Poisson(
            "k", switched(*pm.Uniform("m", 90.0, 99.0, shape=2)), observed=COUNTS),
        "prior", [None], "Widen"),
    "prior excludes one row": (
        lambda: binomial(changed(COUNTS, 7, 600), TRIALS, lambda: pm.Uniform("rate", 0, 0.1)),
        "prior", [7], "Widen"),
    "percentages": (
        lambda: pm.Normal("y", pm.Uniform("m", 0, 1), 0.1, observed=100 * RATES),
        "prior", [None], "units"),
    "no parameter at all": (
        lambda: pm.Normal("y", 0, 1, observed=[90.0, 91.0]), "prior", [None], "units"),
    "Beta(64, 64)": (
        lambda: binomial(prior=lambda: pm.Beta("rate", 64, 64)),
        "integer", [None], "alpha=64.0"),
    "Beta(100, 100) with a shape": (  # which hides the constants
        lambda: pm.Binomial("k", [90, 80], pm.Beta("rate", 100, 100, shape=2), observed=[3, 2]),
        "integer", [None], "alpha=100.0"),
    "n and p exchanged": (
        lambda: pm.Binomial("k", pm.Beta("rate", 2.0, 2.0, shape=4), 20, observed=[8, 2, 9, 0]),
        "exchanged", [None], "n=trials, p=rate"),
    "n and p exchanged, by row": (
        lambda: pm.Binomial("k", p=OF, n=pm.Beta("rate", 2.0, 2.0), observed=FEW),
        "exchanged", [None], "n=trials, p=rate"),
    "an empty range": (
        lambda: pm.Poisson(
            "k", pt.switch(ROWS < pm.DiscreteUniform("place", T - 1, 1), 1.0, 2.0),
            observed=COUNTS),
        "empty", [None], f"lower=1, upper={T - 1}"),
    "an empty range, of several": (
        lambda: pm.Normal(
            "y", pm.Uniform("m", 3.0, [4.0, 2.0]).sum(), 1.0, observed=[1.0]),
        "empty", [None], "lower=2, upper=3"),
    "counts in int8": (
        lambda: binomial(np.array([10, 20, 130, 40, 50, 60]).astype(np.int8), 200 + OF),
        "impossible", [2], "int64"),
    "Uniform(-100, 100)": (
        lambda: pm.Normal("y", pm.Uniform("m", -100, 100), 1, observed=[1.0]),
        "integer", [None], "upper=100.0"),
    "Uniform(90, 99), whose start overflows": (
        lambda: pm.Normal("y", pm.Uniform("m", 90, 99), 1, observed=[95.0]),
        "integer", [None], "lower=90.0"),
    "a switchpoint without derivative": (
        lambda: pm.Poisson(
            "k", pt.switch(ROWS < pm.Uniform("place", 0, T), *pm.Gamma("m", 1, 0.1, shape=2)),
            observed=COUNTS),
        "stuck", [None], "pm.DiscreteUniform"),
    "a cast index": (
        lambda: pm.Normal(
            "y", pt.as_tensor([1.0, 5.0])[pm.Uniform("i", 0, 2).astype("int64")], 1,
            observed=[4.0]),
        "stuck", [None], "pm.DiscreteUniform"),
    "one possible value": (
        lambda: pm.Normal("y", pm.DiscreteUniform("five", 5, 5), 1, observed=[4.0]),
        "stuck", [None], "as a number"),
    "frozen at the start": (
        lambda: pm.Potential(
            "even", pt.switch(pt.eq(pm.DiscreteUniform("i", 0, 90) % 9, 0), 0.0, -np.inf)),
        "stuck", [None], "loosen"),
    "fractions in Data": (
        lambda: binomial(pm.Data("c", changed(FEW, 1, 8.5))),
        "fractional", [1], "whole counts"),
    "fractional trials in Data": (
        lambda: binomial(FEW, pm.Data("n", changed(OF, 2, 99.5))),
        "fractional", [2], "whole counts"),
    "lengths": (lambda: binomial(FEW, np.r_[OF, 9]), "shape", [None], "one length"),
    "nothing observed": (lambda: pm.Normal("x"), "unobserved", [None], "observed="),
    "a potential": (
        lambda: [binomial(), pm.Potential("wall", pt.log(pt.as_tensor(-1.0)))],
        "potential", [None], "logarithm"),
    "a potential at the start": (
        lambda: [
            binomial(),
            pm.Potential("wall", pt.switch(pm.Normal("x", 1.0, 1.0) > 1.5, 0.0, -np.inf)),
        ],
        "potential", [None], "initvals"),
    "two-dimensional": (
        lambda: pm.Poisson("k", pm.Exponential("m", 1), observed=[[1, 2], [3, -1]]),
        "impossible", [1], "Correct"),
    "multivariate": (
        lambda: pm.Multinomial("k", n=10, p=[0.5, 0.5], observed=[[3, 7], [3, 3]]),
        "impossible", [1], "Correct"),
}  # fmt: skip


FAULTS_LIKE_OTHERS = {
    "negative trials", "negative Poisson count", "rate 1 under Beta",
    "rate prior excludes, finely", "Uniform(-100, 100)", "fractional trials in Data",
}  # fmt: skip


CURES = {  # what the remedy says, done
    "as floats": lambda: pm.Binomial(
        "k", [90, 80], pm.Beta("rate", 100.0, 100.0, shape=2), observed=[43, 42]),
    "by name": lambda: pm.Binomial(
        "k", n=20, p=pm.Beta("rate", 2.0, 2.0, shape=4), observed=[8, 2, 9, 0]),
    "bounds in order": lambda: pm.Poisson(
        "k", pt.switch(ROWS < pm.DiscreteUniform("place", 1, T - 1), 9.0, 13.0),
        observed=COUNTS),
    "int64": lambda: binomial(np.array([10, 20, 130, 40, 50, 60]), 200 + OF),
}  # fmt: skip


@pytest.mark.parametrize("name", CURES)
def test_the_cure_cures(name):
    report = check(CURES[name])
    assert report.ok, str(report)


@pytest.mark.parametrize("name", some(FAULTS, FAULTS_LIKE_OTHERS))
def test_a_fault_is_found(name):
    make, kind, places, words = FAULTS[name]
    report = check(make)
    assert not report.ok
    assert kinds(report) == {kind}, str(report)
    assert rows(report, kind) == places, str(report)
    assert words in remedies(report, kind)
    assert words in str(report)


LOW = np.array([0.002, 0.009, 0.012, 0.016, 0.004])
UNIFORMS = {
    "one rate": lambda: pm.Uniform(
        "obs", lower=pm.Uniform("rate", 0, LOW.max()), upper=0.05, observed=LOW),
    "two rates": lambda: pm.Uniform(
        "obs",
        lower=switched(pm.Uniform("a", 0, LOW.max()), pm.Uniform("b", 0, LOW.max()), 5),
        upper=0.05, observed=LOW),
}  # fmt: skip


@pytest.mark.parametrize("name", UNIFORMS)
def test_a_uniform_likelihood_is_told_what_to_write(name):
    report = check(UNIFORMS[name])
    assert kinds(report) == {"noise", "start"}
    assert rows(report, "noise") == [None]
    assert rows(report, "start") == [0, 4]  # those below max / 2, where both rates start
    for kind in ("noise", "start"):
        told = remedies(report, kind)
        assert "every observation below the rate is impossible" in told
        assert 'pm.Binomial("obs", n=trials, p=rate, observed=counts)' in told
        assert 'pm.Beta("obs", mu=rate, nu=' in told


def test_uniform_likelihoods_with_an_impossible_row():
    report = check(lambda: pm.Uniform("obs", pm.Uniform("r", 1, 2), 3.0, observed=[0.5, 2.5]))
    assert rows(report, "impossible") == [0]
    assert "pm.Binomial" in remedies(report, "impossible")


ORIGINALS = {
    "fractional count": ({"k": changed(FEW, 1, 2.5)}, "fractional", [1]),
    "fractional trials": ({"k": {"n": changed(OF, 2, 100.5)}}, "fractional", [2]),
    "both": ({"k": {"observed": changed(FEW, 1, 2.5), "n": OF}}, "fractional", [1]),
    "NaN trials": ({"k": {"n": changed(OF, 2, np.nan)}}, "missing", [2]),
    "other numbers": ({"k": FEW[::-1].copy()}, "differs", [1]),
    "other shape": ({"k": FEW[:4]}, "shape", [None]),
}


@pytest.mark.parametrize("name", ORIGINALS)
def test_original_arrays_show_what_the_model_lost(name):
    data, kind, places = ORIGINALS[name]
    report = check(binomial, data=data)
    assert kinds(report) == {kind}, str(report)
    assert rows(report, kind) == places


def test_original_counts_that_exceed_the_trials_by_a_fraction():
    report = check(lambda: binomial([90, 2], [90, 80]), data={"k": [90.7, 2]})
    assert rows(report, "impossible") == [0]
    assert rows(report, "fractional") == [0]


def test_the_right_originals_silence_the_note():
    assert check(binomial).notes
    report = check(binomial, data={"k": {"observed": FEW, "n": OF}})
    assert report.ok
    assert report.notes == ()
    assert str(report) == "No problem found."


def test_originals_with_an_imputed_row():
    count = changed(FEW, 4, np.nan)
    report = check(lambda: binomial(count), data={"k": {"observed": count, "n": OF}})
    assert kinds(report) == {"imputed"}, str(report)


@pytest.mark.parametrize("data", [{"rate": FEW}, {"k": {"trials": OF}}])
def test_unknown_names_in_data_are_refused(data):
    with pytest.raises(ModelError, match="data: "):
        check(binomial, data=data)


def test_shapes_are_told():
    [problem] = check(lambda: binomial(FEW, np.r_[OF, 9])).problems.to_dict("records")
    assert problem["variable"] == "k"
    assert "(6,)" in problem["value"] and "(7,)" in problem["value"]


def test_many_rows_are_grouped():
    text = str(check(lambda: binomial(OF + 1 + np.zeros((3, 6), int), OF)))
    assert "more successes than trials (n), 18 times" in text
    assert "and 10 more" in text


def test_the_start_comes_with_initvals():
    told = remedies(check(FAULTS["start outside, prior not"][0]), "start")
    value = float(told.split("{'top': ")[1].split("}")[0])
    assert 3 < value < 4


def test_the_initvals_fit_the_potentials_too():
    told = remedies(check(FAULTS["a potential at the start"][0]), "potential")
    assert float(told.split("'x': ")[1].split("}")[0]) > 1.5


def test_one_fault_does_not_hide_another():
    def make():
        binomial(changed(FEW, 3, 71))
        pm.Poisson("more", pm.Exponential("mean", 1), observed=[1, -2])
        pm.Normal("y", pm.Uniform("m", 0, 1), 0.1, observed=[90.0, 95.0])

    found = check(make).problems
    assert list(found["variable"]) == ["k", "more", "y"]
    assert list(found["kind"]) == ["impossible", "impossible", "prior"]


def test_rows_are_those_of_the_data_also_beside_imputed_ones():
    report = check(lambda: binomial(changed(changed(FEW, 0, np.nan), 3, 71.0)))
    assert rows(report, "imputed") == [0]
    assert rows(report, "impossible") == [3]
    assert set(report.problems["variable"]) == {"k"}


def test_a_part_that_raises_becomes_a_note():
    report = check(custom)
    assert report.ok
    assert any("prior excludes y" in note for note in report.notes)


def test_the_model_is_not_changed_and_the_report_repeats():
    model = built(lambda: two_rates(changed(COUNTS, 3, 5000)))
    names = list(model.named_vars)
    generator = model["rate"].owner.inputs[0].get_value()
    before, level = generator.bit_generator.state, logging.getLogger("pymc").level
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - it must not move
    first, second = check_pymc(model), check_pymc(model)
    assert str(first) == str(second)
    assert first.findings == second.findings
    assert list(model.named_vars) == names
    assert model["rate"].owner.inputs[0].get_value().bit_generator.state == before
    assert logging.getLogger("pymc").level == level
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_nothing_is_printed(capfd):
    check(binomial)
    assert capfd.readouterr() == ("", "")
