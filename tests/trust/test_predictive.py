"""Does the model fit: discrepancies by other means; what is wrong is told, and only that."""

import itertools
import warnings

import numpy as np
import pytest

from changepoint import (
    MCMC,
    Changes,
    Exact,
    Model,
    Observations,
    Posterior,
    effects,
    fit,
    likelihoods,
    priors,
    read_csv,
)
from changepoint.cli import main
from changepoint.likelihoods import FAMILIES
from changepoint.report.page_one import single
from changepoint.report.tables import text
from changepoint.results.trajectories import paths_of
from changepoint.trust.predictive import NAMES, SPEAKS, Compared, discrepancies

T = 180
DAYS = np.datetime64("2025-01-01") + np.arange(T)  # a Wednesday
MODELS = {
    **{
        name: family() for name, family in FAMILIES.items() if name not in ("auto", "student-t")
    },
    "student-t": likelihoods.StudentT(nu=5),
    "student-t with memory": likelihoods.StudentT(nu=5, phi=0.5),
}


def rows(response, rng, n=60):
    """Data that any family of a response can have made, three rows missing."""
    counts, trials = rng.binomial(40, 0.1, n).astype(float), np.full(n, 40.0)
    value = 5 + rng.gamma(4.0, 1.0, n)
    gone = [0, 20, 21]
    for column in (counts, value):
        column[gone] = np.nan
    if response == "outcomes":
        told = rng.multinomial(12, [0.5, 0.3, 0.2], n).astype(float)
        told[gone] = np.nan
        return Observations(outcomes=told)
    if response == "rate":
        return Observations(rate=np.where(np.isnan(value), np.nan, rng.beta(2, 8, n)))
    if response == "value":
        return Observations(value=value)
    return Observations(count=counts, trials=trials)


def of_family(name, rng, n=60):
    if name == "bernoulli":
        return Observations(count=(rng.random(n) < 0.3).astype(float))
    if name == "categorical":
        return Observations(outcomes=np.eye(3)[rng.integers(0, 3, n)])
    return rows(FAMILIES[MODELS[name].name].response, rng, n)


def none(name, draws=2000):
    """Model and draws given no change, and the data."""
    data = of_family(name, np.random.default_rng(3))
    posterior = fit(Model(MODELS[name], Changes(exactly=0)), data, Exact(draws=draws))
    return (*posterior.likeliest, data)


@pytest.mark.parametrize("name", MODELS)
def test_residuals_of_drawn_data_have_mean_0_and_sd_1(name):
    """And neighbours have nothing in common, memory or not: 6 standard errors each."""
    model, draws, data = none(name)
    family = model.likelihood
    paths, shared = paths_of(draws, model, data)
    y = family.predict(data, paths, shared, np.random.default_rng(4))
    z = family.residuals(data, paths, shared, y)
    assert z.shape == (data.observed(family.response).sum(), len(draws.first))
    variance = 5 / 3 if "student" in name else 1.0  # which has a scale
    for sample, mean in ((z, 0), (z**2, variance), (z[1:] * z[:-1], 0)):
        # Rows of a draw are independent at its parameters.
        error = sample.std() / np.sqrt(sample.size)
        assert abs(sample.mean() - mean) < 6 * error


def test_discrepancies_equal_loops():
    rng = np.random.default_rng(0)
    z, weekday = rng.normal(size=(20, 50)), np.arange(50) % 7
    told = discrepancies(z, weekday)
    assert tuple(told) == NAMES
    for i, one in enumerate(z):
        far = np.argmax(np.abs(one))
        runs = [len(list(run)) for _, run in itertools.groupby(one > 0)]
        days = [one[weekday == day] for day in range(7)]
        expected = {
            "dispersion": np.mean(np.delete(one, far) ** 2),
            "longest run": max(runs),
            "lag-1 correlation": sum(a * b for a, b in itertools.pairwise(one)) / sum(one**2),
            "weekday spread": sum(len(day) * day.mean() ** 2 for day in days)
            / 7
            / (sum(len(day) * day.var() for day in days) / (50 - 7)),
            "largest residual": abs(one[far]),
        }
        for name, value in expected.items():
            assert told[name][i] == pytest.approx(value, rel=1e-12), name


def test_p_values_are_those_of_a_known_rate():
    """Which is simulated without any posterior: up to 6 standard errors."""
    rng = np.random.default_rng(8)
    data = Observations(count=rng.poisson(50.3, 60).astype(float))
    tight = likelihoods.Poisson(rate=priors.Gamma(50.3e6, 1e6))
    posterior = fit(Model(tight, Changes(exactly=0)), data, Exact(draws=8000))
    model, draws = posterior.likeliest
    paths, shared = paths_of(draws, model, data)
    new = model.likelihood.predict(data, paths, shared, rng)
    compared = Compared(np.arange(60), None)
    for some in np.split(np.arange(8000), 4):
        given = data, {name: path[:, some] for name, path in paths.items()}, shared[some]
        compared.add(
            model.likelihood.residuals(*given, data.count[:, None]),
            model.likelihood.residuals(*given, new[:, some]),
        )
    again = discrepancies((rng.poisson(50.3, (20_000, 60)) - 50.3) / np.sqrt(50.3), None)
    own = discrepancies((data.count[None] - 50.3) / np.sqrt(50.3), None)
    for name, value in own.items():
        above, below = np.mean(again[name] >= value), np.mean(again[name] <= value)
        two_sided = name in ("dispersion", "lag-1 correlation")
        p = min(1, 2 * min(above, below)) if two_sided else above
        assert compared.values()[name][0] == pytest.approx(value[0], rel=1e-3, abs=1e-3)
        assert abs(compared.p()[name] - p) < 6 * (1 + two_sided) * np.sqrt(0.25 / 8000) * 1.2


# -- what is wrong is told, and what is right isn't -------------------------------------------


def counts(rng, kind):
    n, p = rng.integers(500, 1500, T), np.full(T, 0.009)
    if kind == "twice the variance":
        p = rng.beta(p * 999, (1 - p) * 999)
    if kind == "weekends":
        p = p * np.where(np.arange(T) % 7 >= 5, 0.6, 1.16)
    return Observations(count=rng.binomial(n, p), trials=n, time=DAYS)


def values(rng, kind):
    y = rng.normal(size=T)
    if kind == "memory":
        for t in range(1, T):
            y[t] = 0.6 * y[t - 1] + 0.8 * y[t]
    if kind == "outlier":
        y[70] += 7
    return Observations(value=y, time=DAYS)


def spike(rng, kind):
    """Counts at one rate, but for a row at five times that."""
    count = rng.binomial(1000, 0.009, T).astype(float)
    count[70] = 45
    return Observations(count=count, trials=np.full(T, 1000.0), time=DAYS)


WRONG = {
    # kind: data, model, the check that speaks, a word of its sentence, a model without it.
    "twice the variance": (
        counts,
        Model(likelihoods.Binomial()),
        ("dispersion", "--likelihood beta-binomial"),
        Model(likelihoods.BetaBinomial()),
    ),
    "weekends": (
        counts,
        Model(likelihoods.Binomial()),
        ("weekday spread", "--season week"),
        Model(likelihoods.Binomial(), effects=(effects.Weekday(),)),
    ),
    "memory": (
        values,
        Model(likelihoods.Normal()),
        ("lag-1 correlation", "--likelihood autoregressive"),
        Model(likelihoods.Autoregressive()),
    ),
    "spike": (
        spike,
        Model(likelihoods.Binomial(), Changes(exactly=0)),
        ("largest residual", "--likelihood spiked-binomial"),
        Model(likelihoods.SpikedBinomial(), Changes(exactly=0)),
    ),
    "outlier": (
        values,
        Model(likelihoods.Normal(), Changes(at_most=1)),
        ("largest residual", "--likelihood student-t"),
        Model(likelihoods.StudentT(nu=4), Changes(at_most=1)),
    ),
}


def said(model, data):
    return {c.name: c.sentence for c in fit(model, data).checks() if c.sentence}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_told_once_and_with_what_helps(kind):
    """In 4 of 5 series at least: of 30 to 40 of each kind all but one were told."""
    make, model, (name, flag), better = WRONG[kind]
    found = 0
    for seed in range(5):
        data = make(np.random.default_rng([seed, 1]), kind)
        told = said(model, data)
        found += name in told
        if name in told:
            assert flag in told[name]
            assert list(told) == [name]
            if seed == 1:
                assert not said(better, data), "what helps, helps"
    assert found >= 4


@pytest.mark.parametrize("far", [0.5, 1.5])
def test_long_series_speak_too_on_either_side(far):
    """Fewer draws are made there; yet enough for a two-sided p-value to be small."""
    count = np.round(100 + far * np.random.default_rng(11).normal(0, 10, 5000))
    told = fit(Model(likelihoods.Poisson(), Changes(exactly=0)), Observations(count=count))
    (sentence,) = [check.sentence for check in told.checks() if check.sentence]
    assert f"vary {'less' if far < 1 else 'more'} from row to row" in sentence


@pytest.mark.parametrize("family", [likelihoods.Binomial(), likelihoods.Poisson()], ids=str)
def test_what_is_right_is_mostly_left_alone(family):
    """All checks together speak in 1 % of 500 series or fewer; P(3 of 40 or more) < 1 %."""
    told = 0
    for seed in range(40):
        rng = np.random.default_rng([seed, 2])
        data = counts(rng, "right")
        if family.name == "poisson":
            data = Observations(count=rng.poisson(9, T), time=DAYS)
        told += bool(said(Model(family), data))
    assert told <= 2


# -- where there is something to check ---------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_every_family_has_them(name):
    data = of_family(name, np.random.default_rng(5))
    told = fit(Model(MODELS[name]), data).checks()
    assert [check.name for check in told] == [n for n in NAMES if n != "weekday spread"]
    for check in told:
        assert 0 < check.p <= 1
        assert np.isfinite([check.observed, check.expected]).all()
        assert check.sentence is None or check.p < SPEAKS


def test_an_average_is_asked_for_its_most_probable_model(tmp_path):
    """And what was saved is asked the same, to the same draws; so are effects."""
    rng = np.random.default_rng(6)
    level = np.where(np.arange(30) < 15, 0, 3) + rng.normal(size=30)
    week = Model(likelihoods.Poisson(), effects=(effects.Weekday(),))
    for model, data in (
        (None, Observations(value=level)),
        (week, Observations(count=rng.poisson(9, 30), time=DAYS[:30])),
    ):
        posterior = fit(model, data)
        told = posterior.checks()
        posterior.save(tmp_path / "posterior.nc")
        assert told
        assert Posterior.load(tmp_path / "posterior.nc").checks() == told


@pytest.mark.slow
def test_of_a_sampler():
    """The same of the data, up to chance, as by exact draws: no changes, so that it's quick."""
    model = Model(likelihoods.Poisson(), Changes(exactly=0))
    data = read_csv("data/coal_disasters.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few draws may not have converged
        posterior = fit(model, data, MCMC(draws=200, tune=200, chains=2, cores=1))
    told, exact = posterior.checks(), fit(model, data).checks()
    assert [check.name for check in told] == [check.name for check in exact]
    for one, other in zip(told, exact, strict=True):
        assert one.observed == pytest.approx(other.observed, rel=0.1)


def test_weekdays_are_those_of_days_and_of_three_weeks():
    rng = np.random.default_rng(7)

    def asked(time):
        data = Observations(count=rng.poisson(9, len(time)), time=time)
        found = fit(Model(likelihoods.Poisson()), data).checks()
        return "weekday spread" in [check.name for check in found]

    assert asked(DAYS[:21])
    assert asked(DAYS[np.is_busday(DAYS)][:30])
    assert not asked(DAYS[:20])
    assert not asked(DAYS[:21] + np.timedelta64(3, "h"))
    assert not asked(np.arange(40))
    assert not asked(np.arange("2020-01", "2024-01", dtype="datetime64[M]"))


def test_rows_that_say_nothing_change_nothing():
    """Missing rows, and rows without a trial; ten others are needed."""
    rng = np.random.default_rng(9)
    count, trials = rng.binomial(200, 0.1, 30).astype(float), np.full(30, 200.0)
    count[20:], trials[20:25] = 0.0, 0.0
    count[25:] = np.nan
    posterior = fit(Model(likelihoods.Binomial()), Observations(count=count, trials=trials))
    longest = next(c for c in posterior.checks() if c.name == "longest run")
    assert longest.observed <= 20
    few = Observations(count=count[10:], trials=trials[10:])
    assert fit(Model(likelihoods.Binomial()), few).checks()
    fewer = Observations(count=count[11:], trials=trials[11:])
    assert fit(Model(likelihoods.Binomial()), fewer).checks() == []


def test_reports_have_them(tmp_path, capsys):
    make, model, (_, flag), _ = WRONG["twice the variance"]
    data = make(np.random.default_rng([0, 1]), "twice the variance")
    posterior = fit(model, data)
    (sentence,) = said(model, data).values()
    assert f"Warning: {sentence}" in text(posterior, 1000)
    assert "Does the model fit, p by check: dispersion 0.00" in text(posterior, 1000)
    page = single(posterior)
    assert "Does the model fit?" in page and flag in page
    assert posterior.to_dict()["checks"][0]["sentence"] == sentence
    table = "date,count,trials\n" + "\n".join(
        f"{day},{k:.0f},{n:.0f}"
        for day, k, n in zip(DAYS, data.count, data.trials, strict=True)
    )
    (tmp_path / "days.csv").write_text(table)
    with pytest.raises(SystemExit) as ended:
        main(
            ["fit", str(tmp_path / "days.csv"), "--likelihood", "binomial", "--season", "none"]
        )
    assert not ended.value.code
    assert "vary more from day to day" in capsys.readouterr().out.replace("\n", " ")
