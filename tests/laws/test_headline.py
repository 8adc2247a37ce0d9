"""The answer in one sentence is true: of every family, number of changes, kind of time."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from cases import CASES, simulate
from closed_cases import CLOSED, closed_data

from changepoint import (
    Changes,
    Exact,
    Model,
    Observations,
    Posterior,
    effects,
    fit,
    likelihoods,
)
from changepoint.report.headline import plain_means
from changepoint.report.numbers import percent

T = 60
DRAWS = Exact(draws=200)
TIMES = {"once": 1, "twice": 2}
START = re.compile(
    r"(The chains have NOT converged, so this may be wrong: )?"
    r"(The .+ (probably )?(changed|rose|fell)|Assuming (no change|exactly \d+ changes?): the"
    r"|Assuming at most \d+ changes?: the .+ (probably )?(changed|rose|fell)"
    r"|No (clear )?sign of a change in the )"
)


def times_in(told: str) -> int:
    """How many "once", "twice" and "4 times" or "4" are."""
    return TIMES.get(told) or int(told.split()[0])


def when(posterior: Posterior, row: int) -> str:
    """How people say when: "row 30", "2003-01-31", "January 2003", "2003"."""
    data = posterior.observations
    if data.time is None:
        return f" row {row}"
    if data.time.dtype.kind != "M":
        return f" {data.time[row]:.10g}"
    one = data.time[row].item()
    if any(time.item().day > 1 for time in data.time):
        return f" {one:%Y-%m-%d}"
    if any(time.item().month > 1 for time in data.time):
        quarters = all(time.item().month in (1, 4, 7, 10) for time in data.time)
        return f" Q{one.month // 3 + 1} {one:%Y}" if quarters else f" {one:%B %Y}"
    return f" {one:%Y}"


def check(posterior: Posterior) -> str:
    """What a headline says, against the numbers that it is about."""
    told = posterior.headline()
    assert START.match(told), told
    assert told.endswith(".")
    assert not re.search(r"(?<!\.)\. [A-Za-z]|nan|inf\b|None|\n|  ", told), told
    assert len(told) < 350
    p, number = posterior.probability_of_change, posterior.number_probability
    if posterior.model.changes.exactly is not None:
        assert told.count("Assuming") == 1
        assert "certain" not in told
    else:
        K = posterior.model.changes.at_most
        bound = bool(K and posterior.changes and number[K] > 0.5)
        assert bound == told.startswith(f"Assuming at most {K} change"), told
        claims = re.match(r"(?:Assuming .+?: t|T)he .+? (probably )?(changed|rose|fell)", told)
        if claims:
            assert bool(claims[1]) == (p <= 0.95), told
    for least in re.findall(r"at least (once|twice|\d+ times)", told):
        n = times_in(least)
        assert 1 - number[:n].sum() >= 0.95
        assert n <= posterior.number
    for most, likely in re.findall(r"most likely (once|twice|\d+) \((.+? %)\)", told):
        assert times_in(most) == posterior.number
        assert likely == percent(float(number[posterior.number]))
    for alone in re.findall(r"changed (once|twice|\d+ times) \(", told):
        assert number[times_in(alone)] >= 0.95
    for word, least in (("certain", 0.9999), ("almost certain", 0.99), ("very likely", 0.95)):
        if f"is {word} (" in told:
            assert p > least
    if not posterior.changes:
        return told
    assert any(when(posterior, change.index) in told for change in posterior.changes), told
    rose, fell = re.search(r"\brose\b", told), re.search(r"\bfell\b", told)
    if rose:
        assert any(c.probability_of_increase >= 0.95 and c.after.mean > c.before.mean
                   for c in posterior.changes)  # fmt: skip
    if fell:
        assert any(c.probability_of_increase <= 0.05 and c.after.mean < c.before.mean
                   for c in posterior.changes)  # fmt: skip
    shares = re.search(r"(rose|fell) by ([\d.e+-]+) % \((\S+) to (\S+) %\)", told)
    if shares:
        sign = 1 if shares[1] == "rose" else -1
        ratios = [sign * 100 * (c.ratio.mean - 1) for c in posterior.changes if c.ratio]
        assert min(abs(float(shares[2]) - r) / max(abs(r), 1) for r in ratios) < 0.06
        assert float(shares[3]) <= float(shares[2]) <= float(shares[4])
    return told


def dated(data: Observations, unit: str | None, columns: dict[str, str]) -> Observations:
    if unit is None:
        return replace(data, columns=columns)
    time = np.datetime64("2003-01", unit) + np.arange(len(data))
    return replace(data, time=time.astype("datetime64[us]"), columns=columns)


NAMES = {"count": "lost_parcels", "trials": "entries", "exposure": "hours", "value": "flow",
         "rate": "click_rate"}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_families_on_a_grid(name: str) -> None:
    for seed, unit in enumerate((None, "D", "M", "Y")):
        data = dated(simulate(name, seed, T, missing=0.1 * seed), unit, NAMES if seed else {})
        changes = (Changes(), Changes(at_most=3), Changes(exactly=1), Changes(exactly=2))[seed]
        check(fit(Model(CASES[name].models[0], changes), data, Exact(draws=100)))


def test_quarters_are_told_as_such() -> None:
    data = simulate("binomial", 1, T)
    months = np.datetime64("2003-01") + 3 * np.arange(T)
    data = replace(data, time=months.astype("datetime64[us]"))
    told = check(fit(Model(likelihoods.Binomial(), Changes(exactly=1)), data, DRAWS))
    assert re.search(r" (in|around) Q[1-4] 20\d\d", told), told


@pytest.mark.parametrize("name", CLOSED)
def test_families_with_closed_forms(name: str) -> None:
    data = closed_data(name, 1, 40)
    for changes in (Changes(), Changes(exactly=1), Changes(exactly=0)):
        family = CLOSED[name].models[0]
        check(Posterior(Exact(draws=100).run(Model(family, changes).resolve(data), data)))


@cache
def steps(k: int) -> Posterior:
    """So many changes, given their number."""
    rng, segment = np.random.default_rng(k), np.arange(T) * (k + 1) // T
    rate = np.where(segment % 2, 0.12, 0.05) * (1 + segment / 30)
    count = rng.binomial(500, rate).astype(float)
    data = Observations(count=count, trials=np.full(T, 500.0))
    return fit(Model(likelihoods.Binomial(), Changes(exactly=k)), data, Exact(draws=100))


@pytest.mark.parametrize("k", range(13))
def test_never_a_number_that_is_not_known(k: int) -> None:
    """Whatever the probabilities of the number, k being the most probable."""
    rng = np.random.default_rng(k)
    posterior, told = steps(k), {check(steps(k))}
    result = posterior._source
    for sharp in (0.02, 0.3, 1.0, 3.0, 30.0):
        p = rng.dirichlet(np.exp(-abs(np.arange(20) - k) / sharp) + 1e-3)
        best = int(p.argmax())
        p[k], p[best] = p[best], p[k]
        free = replace(posterior.model, changes=Changes())
        told.add(check(Posterior(result._replace(model=free, number_probability=p))))
    assert len(told) > 2


def test_a_number_of_a_third_is_not_told_as_sure() -> None:
    p = np.array([0, 0.02, 0.15, 0.23, 0.36, 0.24])
    free = replace(steps(4).model, changes=Changes())
    told = Posterior(steps(4)._source._replace(model=free, number_probability=p)).headline()
    assert told.startswith("The rate changed at least twice, most likely 4 (36 %); the largest")


@pytest.mark.parametrize(
    ("rates", "told"),
    [
        ((0.102, 0.036), "The rate of deaths per birth fell by 6"),
        ((0.0008, 0.0024), " per 1,000, "),
        ((0.00002, 0.00006), " per 100,000, "),
        ((0.05, 0.05), "No sign of a change in the rate of deaths per birth (P = "),
    ],
)
def test_units_of_people(rates: tuple[float, float], told: str) -> None:
    trials = np.full(T, 1e6 if rates[0] < 0.01 else 1000.0)
    rate = np.where(np.arange(T) < 30, *rates)
    columns = {"count": "deaths", "trials": "births"}
    data = dated(Observations(count=np.round(rate * trials), trials=trials), "M", columns)
    posterior = fit(Model(likelihoods.Binomial()), data)
    assert told in check(posterior)
    if rates[0] != rates[1]:
        assert posterior.headline().endswith(
            "in July 2005; that it changed at all is certain (> 99.99 %)."
        )


def test_people_at_risk_are_counted_in_100_000() -> None:
    people = np.full(T, 2e6)
    rate = np.where(np.arange(T) < 30, 2e-5, 5e-5)
    columns = {"count": "cases", "exposure": "population"}
    data = Observations(count=np.round(rate * people), exposure=people, columns=columns)
    told = check(fit(Model(likelihoods.Poisson()), data))
    assert told.startswith("The rate of cases per population rose to 2.5")
    assert "from 2.00 to 5.00 per 100,000, at row 30" in told


def test_events_are_per_what_the_family_divides_them_by() -> None:
    """A Poisson of a table with trials tells counts of a row, whatever else the table has."""
    columns = {"count": "deaths", "trials": "births", "exposure": "years"}
    data = replace(steps(1).observations, exposure=np.full(T, 2.0), columns=columns)
    said = {
        likelihoods.Binomial(): ("deaths per birth", "rate: deaths / births"),
        likelihoods.BetaBinomial(): ("deaths per birth", "rate: deaths / births"),
        likelihoods.Poisson(): ("deaths per year", "rate: deaths / years"),
    }
    for family, (words, axis) in said.items():
        posterior = fit(Model(family), data, Exact(draws=4))
        assert f"The rate of {words} " in check(posterior)
        assert posterior.plot_rate().get_ylabel().startswith(axis)
    alone = fit(Model(likelihoods.Poisson()), replace(data, exposure=None), Exact(draws=4))
    assert "The rate of deaths " in check(alone)
    assert " per birth" not in alone.headline()


@pytest.mark.parametrize("K", [1, 2, 3])
def test_a_largest_number_that_decides_is_told(K: int) -> None:
    """Of three changes that nothing hides: less than these, and these, but not more."""
    for allowed in (Changes(at_most=K), Changes(at_most=K + 3)):
        check(fit(Model(likelihoods.Binomial(), allowed), steps(3).observations))
    one = fit(Model(likelihoods.Binomial(), Changes(at_most=K)), steps(3).observations)
    plural = "s" if K > 1 else ""
    assert one.headline().startswith(f"Assuming at most {K} change{plural}: the rate ")


@pytest.mark.parametrize("seed", range(8))
def test_what_rose_or_fell_did_so_at_both_ends_of_its_interval(seed: int) -> None:
    """Few events: P(increase) may be above .95 where the interval still holds a ratio of 1."""
    rng = np.random.default_rng(seed)
    short = rng.poisson(1.5, 3), rng.poisson(0.4, 9)
    data = Observations(count=np.concatenate(short).astype(float), trials=np.full(12, 40.0))
    posterior = fit(Model(likelihoods.Binomial(), Changes(exactly=1)), data, DRAWS)
    told, (change,) = posterior.headline(), posterior.changes
    assert change.ratio is not None
    one_sided = change.ratio.lower > 1 or change.ratio.upper < 1
    assert one_sided or " changed from " in told
    assert "(-" not in told and " to -" not in told


def test_values_may_be_negative() -> None:
    rng = np.random.default_rng(2)
    data = Observations(value=rng.normal(np.where(np.arange(T) < 30, -5, 4), 1))
    told = check(fit(Model(likelihoods.Normal()), data))
    assert re.match(r"The level rose by [89]\.\d\d \(", told)
    assert told.partition(";")[0].count("%") == 0


def test_effects_and_averages() -> None:
    rng, t = np.random.default_rng(4), np.arange(70)
    rate = np.where(t < 40, 0.1, 0.2) * np.where(t % 7 < 2, 1.5, 1)
    data = Observations(count=rng.binomial(400, rate).astype(float), trials=np.full(70, 400.0))
    week = Model(likelihoods.Binomial(), effects=[effects.Weekday()])
    assert " rose " in check(fit(week, dated(data, "D", NAMES), Exact(draws=100)))
    values = Observations(value=rng.normal(size=50) + 3 * (t[:50] > 25))
    assert " rose by " in check(fit(None, values, Exact(draws=100)))


def test_chains_that_have_not_converged() -> None:
    result = steps(1)._source
    lost = result._replace(engine={**result.engine, "converged": False})
    told = check(Posterior(lost))
    assert told.startswith("The chains have NOT converged, so this may be wrong: Assuming")


@pytest.mark.parametrize("name", ["x" * 200, "a\nb", "<b>$x$</b>", "", "s", "ies"])
def test_any_name_of_a_column(name: str) -> None:
    data = replace(steps(1).observations, columns={"count": name, "trials": name})
    told = check(fit(steps(1).model, data, Exact(draws=4)))
    assert len(told) < 300


# -- beside the plain means -------------------------------------------------------------------

DAYS = np.datetime64("2025-01-06") + np.arange(84)
SHAPES = {"week": np.where(np.arange(84) % 7 > 4, 0.4, 1.0), "none": np.ones(84)}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("response", ["count", "value"])
def test_plain_means_are_told_where_effects_are_taken_out(shape: str, response: str) -> None:
    """They are those that a spreadsheet gives, and are said only where effects explain them."""
    rng = np.random.default_rng(3)
    mean = np.where(np.arange(84) < 40, 100, 200) * SHAPES[shape]
    missing = np.arange(84) == 9
    y = np.where(missing, np.nan, rng.poisson(mean) + 0.0)
    family = likelihoods.NegativeBinomial() if response == "count" else likelihoods.Normal()
    weekday = effects.Weekday(probability=0.5)
    data = Observations(**{response: y}, time=DAYS)
    posterior = fit(Model(family, Changes(exactly=1), effects=(weekday,)), data)
    told = plain_means(posterior)
    if shape == "none":
        assert told == ""
        return
    (change,) = posterior.changes
    one, two = np.nanmean(y[: change.index]), np.nanmean(y[change.index :])
    assert told.startswith(f"The plain means of the rows went from {one:.3g} to {two:.3g}: ")
    assert "without the effect weekday" in told
    assert told in " ".join(str(posterior).split())
