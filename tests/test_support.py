"""The support check: a test for each rule, over all families that it concerns."""

import re
from dataclasses import fields

import numpy as np
import pytest

from changepoint import (
    Changes,
    DataError,
    Model,
    ModelError,
    Observations,
    SupportError,
    fit,
    likelihoods,
    priors,
    read_csv,
)
from changepoint.errors import Problem
from changepoint.likelihoods import FAMILIES

NAN, INF = np.nan, np.inf

# Data that each family can have produced, by role.
GOOD = {
    "binomial": {"count": [3, 1, 4, 1, 5, 9, 2, 6], "trials": [500] * 8},
    "beta-binomial": {"count": [3, 1, 4, 1, 5, 9, 2, 6], "trials": [500] * 8},
    "bernoulli": {"count": [0, 1, 0, 0, 0, 1, 1, 1]},
    "beta": {"rate": [0.01, 0.02, 0.015, 0.011, 0.03, 0.021, 0.017, 0.012]},
    "negative-binomial": {"count": [3, 1, 4, 1, 5, 9, 2, 6], "exposure": [1.5] * 8},
    "poisson": {"count": [3, 1, 4, 1, 5, 9, 2, 6], "exposure": [1.5] * 8},
    **{
        name: {"value": [3.1, 1.2, 4.3, 1.4, 5.5, 9.6, 2.7, 6.8]}
        for name, family in FAMILIES.items()
        if family.response == "value"
    },
    "spiked-binomial": {"count": [3, 1, 4, 1, 5, 9, 2, 6], "trials": [500] * 8},
    "spiked-beta-binomial": {"count": [3, 1, 4, 1, 5, 9, 2, 6], "trials": [500] * 8},
    "spiked-negative-binomial": {"count": [3, 1, 4, 1, 5, 9, 2, 6], "exposure": [1.5] * 8},
    "spiked-poisson": {"count": [3, 1, 4, 1, 5, 9, 2, 6], "exposure": [1.5] * 8},
    "student-t": {"value": [3.1, 1.2, 4.3, 1.4, 5.5, 99.6, 2.7, 6.8]},
    "exponential": {"value": [3.1, 0.2, 4.3, 1.4, 0.05, 9.6, 2.7, 0.8]},
    "multinomial": {"outcomes": [[3, 1, 4], [1, 5, 9], [2, 6, 5], [3, 5, 8]] * 2},
    "categorical": {"outcomes": np.eye(3)[[0, 1, 1, 0, 2, 1, 0, 2]]},
}
WITH_TRIALS = ("binomial", "beta-binomial")
TRIALS = (*WITH_TRIALS, *(f"spiked-{name}" for name in WITH_TRIALS))
OF_TIME = ("negative-binomial", "poisson")
COUNTS = (*TRIALS, "bernoulli", *OF_TIME, *(f"spiked-{name}" for name in OF_TIME))

every_family = pytest.mark.parametrize("name", FAMILIES)
counting = pytest.mark.parametrize("name", COUNTS)
with_trials = pytest.mark.parametrize("name", TRIALS)


GIVEN = {"student-t": {"nu": 3.0}}  # beside the priors


def made(name, **filled):
    """Return the family, priors left out."""
    return FAMILIES[name](**{**GIVEN.get(name, {}), **filled})


def data(name, row=None, time=None, **changed):
    """Return good data with other numbers in one row, or other columns."""
    columns = {role: np.array(numbers, float) for role, numbers in GOOD[name].items()}
    for role, number in changed.items():
        if row is None:
            columns[role] = number
        else:
            columns[role][row] = number
    return Observations(**columns, time=time)


def problems(name, observations, changes=None, **filled):
    """Return the table of problems."""
    with pytest.raises(SupportError) as caught:
        Model(made(name, **filled), changes or Changes()).check(observations)
    return caught.value.problems


def only(name, observations, rule, role=None, row=None, **more):
    """Check that there is one problem, of this rule, and return it."""
    table = problems(name, observations, **more)
    assert len(table) == 1
    found = table.iloc[0]
    assert rule in found["rule"]
    assert found["remedy"]
    assert found["column"] == role
    assert found["time"] == (f"row {row}" if isinstance(row, int) else row)
    return found


def test_every_family_has_good_data():
    assert set(GOOD) == set(FAMILIES)


@every_family
def test_good_data_pass(name):
    assert Model(made(name)).check(data(name)) == ()


# -- counts and trials ------------------------------------------------------------------------


@with_trials
def test_more_events_than_trials(name):
    found = only(name, data(name, 3, count=501), "more events than trials", "count", 3)
    assert found["value"] == "501"


@counting
def test_a_negative_count(name):
    only(name, data(name, 2, count=-1), "a negative count", "count", 2)


@counting
def test_a_count_that_is_not_whole(name):
    only(name, data(name, 2, count=2.5), "isn't a whole number", "count", 2)


@counting
def test_rates_given_as_counts(name):
    table = problems(name, data(name, count=np.linspace(0.004, 0.013, 8)))
    assert len(table) == 8
    assert table["remedy"].str.contains("--rate").all()


@counting
def test_an_infinite_count(name):
    assert "an infinite count" in problems(name, data(name, 1, count=INF))["rule"].to_list()


@with_trials
def test_negative_trials(name):
    rules = problems(name, data(name, 2, trials=-500))["rule"].to_list()
    assert "a negative number of trials" in rules


@with_trials
def test_trials_that_are_not_whole(name):
    only(name, data(name, 2, trials=499.5), "aren't a whole number", "trials", 2)


@with_trials
def test_events_without_trials(name):
    only(name, data(name, 2, trials=0), "events without any trial", "trials", 2)


@with_trials
def test_no_trials_beside_a_count(name):
    only(name, data(name, 2, trials=NAN), "no trials beside a count", "trials", 2)


@with_trials
def test_infinite_trials(name):
    only(name, data(name, 2, trials=INF), "an infinite number of trials", "trials", 2)


@with_trials
def test_no_events_in_no_trials_are_possible(name):
    Model(made(name)).check(data(name, 2, count=0, trials=0))


def test_one_trial_a_row_shows_no_overdispersion():
    counts = [0, 1, 0, 0, 1, 0, 1, 1]
    observations = data("beta-binomial", count=counts, trials=np.ones(8))
    only("beta-binomial", observations, "at most one trial in every row", "trials")
    Model(likelihoods.Binomial()).check(observations)


def test_several_events_in_a_single_trial():
    found = only("bernoulli", data("bernoulli", 4, count=3), "other than 0 and 1", "count", 4)
    assert "'binomial'" in found["remedy"]


def test_single_trials_with_other_numbers_of_trials():
    trials = np.array([1.0, 1, 1, 5, 1, 1, NAN, 1])
    observations = data("bernoulli", trials=trials)
    table = problems("bernoulli", observations)
    assert table["time"].to_list() == ["row 3", "row 6"]
    assert table["remedy"].str.contains("'binomial'").all()
    observations = data("bernoulli", trials=np.ones(8))
    assert Model(likelihoods.Bernoulli()).check(observations) == ()


def test_what_stands_behind_events_and_is_not_used_is_said():
    ten = np.full(20, 10.0)
    rates = Observations(
        rate=np.linspace(0.1, 0.4, 20), trials=ten, columns={"trials": "visits"}
    )
    (said,) = Model(likelihoods.Beta()).check(rates)
    assert re.match(r"column 'visits' \(trials\) is not used by 'beta': given as counts", said)
    counts = Observations(count=np.arange(20) % 5, trials=ten)
    assert any(
        "'trials' (trials) is not used by 'poisson'" in note
        for note in Model(likelihoods.Poisson()).check(counts)
    )
    assert not any("not used" in note for note in Model(likelihoods.Binomial()).check(counts))


@pytest.mark.parametrize("name", ["negative-binomial", "poisson"])
@pytest.mark.parametrize(
    ("exposure", "rule"),
    [
        (NAN, "no exposure beside a count"),
        (INF, "an infinite exposure"),
        (-1, "a negative exposure"),
        (0, "events without any exposure"),
    ],
)
def test_impossible_exposure(name, exposure, rule):
    only(name, data(name, 2, exposure=exposure), rule, "exposure", 2)


def test_counts_that_look_like_single_trials_are_warned_of():
    (warning,) = Model(likelihoods.NegativeBinomial()).check(
        Observations(count=[0, 1, 0, 0, 1])
    )
    assert "'bernoulli'" in warning


# -- rates ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "rule"),
    [
        (0, "a rate of exactly 0"),
        (1, "a rate of exactly 1"),
        (-0.01, "a rate below 0"),
        (1.5, "a rate above 1"),
        (INF, "an infinite rate"),
    ],
)
def test_impossible_rate(rate, rule):
    only("beta", data("beta", 2, rate=rate), rule, "rate", 2)


def test_a_rate_of_zero_points_to_the_likelihood_that_can():
    assert "beta-binomial" in problems("beta", data("beta", 2, rate=0))["remedy"][0]


def test_percentages_given_as_fractions():
    table = problems("beta", data("beta", rate=[1.2, 1.7, 2.2, 1.1, 3.3, 1.4, 1.5, 1.9]))
    assert table["remedy"].str.contains("percentages").all()


@pytest.mark.parametrize(
    ("times", "told"), [(100, "percentages"), (0.01, "fractions of a percent")]
)
def test_rates_in_another_unit_than_count_over_trials(times, told):
    count, trials = np.array(GOOD["binomial"]["count"]), np.full(8, 5000)
    observations = Observations(count=count, trials=trials, rate=times * count / trials)
    only("beta", observations, told, "rate")


# -- waiting times ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (-1, "a negative waiting time"),
        (INF, "an infinite waiting time"),
        (1e-200, "outside 1e-100 to 1e+100"),
        (1e200, "outside 1e-100 to 1e+100"),
    ],
)
def test_impossible_waiting_times(value, rule):
    only("exponential", data("exponential", 2, value=value), rule, "value", 2)


def test_a_waiting_time_of_zero_is_possible_but_not_all():
    assert Model(likelihoods.Exponential()).check(data("exponential", 2, value=0)) == ()
    only("exponential", Observations(value=np.zeros(8)), "all waiting times are 0", "value")


def test_values_more_regular_than_waiting_times_are_warned_of():
    regular = np.random.default_rng(1).normal(10, 2, 40)
    (warning,) = Model(likelihoods.Exponential()).check(Observations(value=regular))
    assert "of their mean" in warning
    assert "'normal'" in warning


# -- the series as a whole --------------------------------------------------------------------


MEASURED = [name for name in GOOD if "rate" in GOOD[name] or "value" in GOOD[name]]


@pytest.mark.parametrize("name", MEASURED)
def test_a_constant_series(name):
    role = FAMILIES[name].response
    only(name, data(name, **{role: np.full(8, 0.01)}), "are equal", role)


@every_family
@pytest.mark.parametrize("rows", [0, 8])
def test_a_series_without_data(name, rows):
    columns = {role: np.array(numbers, float) for role, numbers in GOOD[name].items()}
    observations = Observations(**{role: NAN * c[:rows] for role, c in columns.items()})
    only(name, observations, f"no row has a {FAMILIES[name].response}")


@every_family
def test_too_few_rows(name):
    short = "8 rows, but Changes(probability=0.5, min_length=5) needs at least 10"
    only(name, data(name), short, changes=Changes(min_length=5))


@every_family
def test_a_repeated_time(name):
    days = np.array("2025-01-01", "datetime64[D]") + np.array([0, 1, 2, 2, 4, 5, 6, 7])
    found = only(name, data(name, time=days), "stands in another row too", "time", "2025-01-03")
    assert "--aggregate" in found["remedy"]


@every_family
def test_times_out_of_order(name):
    only(name, data(name, time=[1, 2, 3, 5, 4, 6, 7, 8]), "before the previous", "time", "4")


@pytest.mark.parametrize("name", ["normal", "student-t"])
def test_rounded_values_that_stand_still_are_warned_of(name):
    observations = Observations(value=np.repeat([3.0, 4.0, 3.0, 5.0], 5))
    (warning,) = Model(made(name)).check(observations)
    assert "repeat the one before" in warning


# -- priors that exclude the data -------------------------------------------------------------

FAR = {
    "binomial": priors.Uniform(0.5, 0.6),
    "beta-binomial": priors.Uniform(0.5, 0.6),
    "beta": priors.Uniform(0.5, 0.6),
    "poisson": priors.Uniform(50, 60),
    "exponential": priors.Uniform(5000, 6000),
}


def low_rates(name, rows=180):
    """Return rates of about 0.01, of 1,000 trials a row."""
    count = np.random.default_rng(1).binomial(1000, 0.01, rows).astype(float)
    rate = (count + 0.5) / 1000
    columns = {"count": count, "trials": np.full(rows, 1000.0), "rate": rate, "value": rate}
    needed = FAMILIES[name].needs
    return Observations(**{role: columns[role] for role in needed})


@pytest.mark.parametrize("name", FAR)
def test_a_prior_that_excludes_the_data(name):
    table = problems(name, low_rates(name), rate=FAR[name])
    assert table["rule"].str.contains("impossible under the prior Uniform").all()
    assert table["remedy"].str.contains("Widen the prior").all()


def test_a_prior_of_the_dispersion_decides_what_a_prior_of_the_rate_excludes():
    """Counts of 10 at a rate of 50 are possible if rows vary enough, and else not."""
    filled = {"rate": FAR["poisson"]}
    Model(likelihoods.NegativeBinomial(**filled)).check(low_rates("negative-binomial"))
    filled["log_excess"] = priors.Uniform(-3, -2)
    table = problems("negative-binomial", low_rates("negative-binomial"), **filled)
    assert table["rule"].str.contains("impossible under the prior Uniform").all()


def test_a_level_and_a_noise_that_exclude_the_data():
    filled = {"level": priors.Uniform(100, 110), "noise_sd": priors.Uniform(0.1, 1)}
    assert len(problems("normal", data("normal"), **filled)) == 8
    filled = {"level": priors.Uniform(1e5, 2e5), "scale": priors.Uniform(0.001, 0.01), "nu": 3}
    assert len(problems("student-t", data("student-t"), **filled)) == 8
    far = {**filled, "nu": 1.5}  # its tails reach there
    Model(likelihoods.StudentT(**far)).check(data("student-t"))


def test_a_prior_that_excludes_one_row():
    observations = data("binomial", 3, count=400)
    only("binomial", observations, "impossible under the prior", "count", 3,
         rate=priors.Uniform(0.001, 0.05))  # fmt: skip


@pytest.mark.parametrize("name", FAR)
def test_a_prior_that_only_strains_the_data_is_no_error(name):
    near = {"poisson": priors.Uniform(4, 6), "exponential": priors.Uniform(40, 60)}
    prior = near.get(name, priors.Uniform(0.004, 0.006))
    Model(made(name, rate=prior)).check(low_rates(name, 8))


TIGHT = {
    "rate": {
        **{name: priors.Uniform(0.005, 0.03) for name in (*TRIALS, "beta")},
        "bernoulli": priors.Uniform(0.4, 0.5),
        **{name: priors.Uniform(2, 3) for name in COUNTS if name.endswith(OF_TIME)},
        "exponential": priors.Uniform(0.2, 0.3),
    },
    "level": priors.Normal(4, 0.1),
    "slope": priors.Normal(0.1, 0.01),
    "variance": priors.InverseGamma(50, 300),
    "noise_sd": priors.LogNormal(1, 0.01),
    "scale": priors.LogNormal(1, 0.01),
    "phi": priors.Uniform(0.3, 0.31),
    "concentration": (200, 200, 300),
}


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, field.name)
        for name, family in FAMILIES.items()
        for field in fields(family)
        if field.name in TIGHT
        and (name, field.name) not in {("beta", "concentration"), ("student-t", "phi")}
    ],
)
def test_an_informative_prior_around_the_data_is_no_error(name, field):
    prior = TIGHT[field]
    prior = prior[name] if isinstance(prior, dict) else prior
    Model(made(name, **{field: prior})).check(data(name))


@pytest.mark.parametrize("name", TRIALS)
def test_all_zero_counts_under_a_prior_above_zero_are_no_error(name):
    Model(FAMILIES[name](rate=priors.Uniform(0.0001, 0.01))).check(
        Observations(count=np.zeros(20), trials=np.full(20, 100.0))
    )


@pytest.mark.parametrize("nu", [0, 0.9, -1, NAN, INF, "3", True])
def test_degrees_of_freedom_that_are_none(nu):
    with pytest.raises(ModelError, match="nu of StudentT must be"):
        likelihoods.StudentT(nu=nu)


def test_degrees_of_freedom_left_out_are_several():
    observations = data("student-t")
    family = likelihoods.StudentT().resolve(observations)
    Model(family).check(observations)
    several = family.candidates(observations)
    assert [one.nu for one in several] == [1.5, 3, 6, 12, 25]
    assert {(one.level, one.scale) for one in several} == {(family.level, family.scale)}
    (one,) = several[0].candidates(observations)
    assert one == several[0]
    with pytest.raises(ModelError, match=r"give one here, such as\s+StudentT\(nu=4\)"):
        family.log_density({}, None, 1.0)


@every_family
def test_candidates(name):
    """One family is its own candidate; an average has several, none of them itself."""
    family = made(name).resolve(data(name))
    found = family.candidates(data(name))
    assert found == (family,) if name != "auto" else len(found) > 1 and family not in found


# -- the report -------------------------------------------------------------------------------


@pytest.fixture
def wrong(tmp_path):
    path = tmp_path / "wrong.csv"
    path.write_text("date,orders,visits\n2025-01-01,5,100\n2025-01-02,-3,100\n"
                    "2025-01-03,2.5,100\n2025-01-04,900,100\n2025-01-05,3,\n")  # fmt: skip
    return read_csv(path)


def test_all_problems_are_reported_at_once(wrong):
    table = problems("binomial", wrong)
    assert list(table.columns) == list(Problem._fields)
    assert table["line"].to_list() == [3, 4, 6, 5]
    assert table["time"].to_list() == ["2025-01-02", "2025-01-03", "2025-01-05", "2025-01-04"]
    assert table["column"].to_list() == ["orders", "orders", "visits", "orders"]
    assert table["value"].to_list() == ["-3", "2.5", "nan", "900"]
    assert table["file"].str.endswith("wrong.csv").all()


def test_the_message_says_where_what_and_what_to_do(wrong):
    with pytest.raises(SupportError) as caught:
        fit(Model(likelihoods.Binomial()), wrong)
    message = str(caught.value)
    for told in ("4 problems", "line 3, 2025-01-02, column 'orders', value -3", "Correct it"):
        assert told in message


def test_a_missing_column_names_its_flag():
    with pytest.raises(DataError, match=r"'binomial' needs count and trials.*--trials"):
        Model(likelihoods.Binomial()).check(Observations(count=[1, 2, 3]))


@every_family
def test_checking_leaves_the_data_alone(name):
    observations = data(name)
    before = observations.fingerprint()
    fit(Model(made(name)), observations)
    assert observations.fingerprint() == before
    with pytest.raises(ValueError, match="read-only"):
        observations.column(FAMILIES[name].response)[0] = 1


@every_family
def test_missing_values_stay_missing(name):
    observations = data(name, 2, **{FAMILIES[name].response: NAN})
    posterior = fit(Model(made(name)), observations)
    assert posterior.to_dict()["missing"] == 1
    assert np.isnan(posterior.observations.column(FAMILIES[name].response)[2]).all()
    assert len(posterior.tree["observed_data"]["y"]) == 7


OUTSIDE = {
    "rate": (priors.Normal(0.01, 0.001), r"rate of .* lies between 0 and"),
    "scale": (priors.Normal(0, 1), "scale of .* lies between 0 and inf"),
    "noise_sd": (priors.Normal(0, 1), "noise_sd of .* lies between 0 and inf"),
    "phi": (priors.Normal(0.5, 0.1), "phi of .* lies between 0 and 1"),
    "variance": (priors.Gamma(1, 1), "variance of .* must be conjugate, such as"),
    "slope": (priors.Logistic(0, 1), "slope of .* must be conjugate, such as"),
}


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, field.name)
        for name, family in FAMILIES.items()
        for field in fields(family)
        if field.name in OUTSIDE and (name, field.name) != ("student-t", "phi")
    ],
)
def test_a_prior_outside_the_domain_is_refused_when_built(name, field):
    prior, told = OUTSIDE[field]
    with pytest.raises(ModelError, match=told):
        FAMILIES[name](**{field: prior})


@pytest.mark.parametrize("concentration", [1, (1,), (1, 0, 1), (1, -1), (1, NAN)], ids=str)
@pytest.mark.parametrize("name", ["multinomial", "categorical"])
def test_a_concentration_that_is_none_is_refused_when_built(name, concentration):
    with pytest.raises(ModelError, match="must be a number for each outcome"):
        FAMILIES[name](concentration=concentration)


@pytest.mark.parametrize("fields", [{"level": priors.Uniform(0, 9)}], ids=str)
@pytest.mark.parametrize("name", ["normal-mean-variance", "trend", "autoregressive"])
def test_a_level_that_is_not_conjugate_is_refused_when_built(name, fields):
    with pytest.raises(ModelError, match=r"level of .* must be conjugate, such as"):
        FAMILIES[name](**fields)
