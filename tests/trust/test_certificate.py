"""What an answer is worth: against simulation by other means, and by its laws."""

import html
import itertools
import json
import re

import jsonschema
import numpy as np
import pytest
from scipy import stats

from changepoint import (
    Changes,
    EngineError,
    Model,
    ModelError,
    Observations,
    Posterior,
    fit,
    likelihoods,
    priors,
)
from changepoint.cli import main
from changepoint.effects import Weekday
from changepoint.report.certified import UNFINISHED
from changepoint.report.found import certificate_text
from changepoint.report.json_schema import SCHEMA
from changepoint.report.page_one import single
from changepoint.trust.certifying import Answered, Certificate
from changepoint.trust.detection import MOSTLY, SURE, FoundAt, Smallest, delay_of, share_of
from changepoint.trust.likeness import Likeness

LONG = 1e6  # seconds: no test depends on how fast a machine is


def visits(seed=0, T=40, ratio=1.0, missing=(), size=400):
    rng = np.random.default_rng(seed)
    trials = rng.integers(0.8 * size, 1.2 * size, T).astype(float)
    rate = np.where(np.arange(T) < T // 2, 0.03, 0.03 * ratio)
    count = rng.binomial(trials.astype(int), rate).astype(float)
    count[list(missing)] = np.nan
    return Observations(count=count, trials=trials)


def binomial(data):
    return fit(Model(likelihoods.Binomial(rate=priors.Beta(2, 60))), data)


def test_series_are_like_the_data():
    data = visits(missing=(3, 17))
    series = Likeness(binomial(data), np.random.default_rng(0)).draw(np.ones(400))
    totals = []
    for one in series:
        np.testing.assert_array_equal(one.trials, data.trials)
        np.testing.assert_array_equal(np.isnan(one.count), np.isnan(data.count))
        totals.append(np.nansum(one.count))
    seen = ~np.isnan(data.count)
    k, n = int(data.count[seen].sum()), int(data.trials[seen].sum())
    # The total of new rows, of a rate with a Beta posterior, is BetaBinomial.
    expected = stats.betabinom(n, 2 + k, 60 + n - k)
    assert np.mean(totals) == pytest.approx(expected.mean(), abs=4 * expected.std() / 20)
    assert np.std(totals) == pytest.approx(expected.std(), rel=0.2)


def test_a_change_by_a_ratio_is_one():
    data = visits()
    answered = Likeness(binomial(data), np.random.default_rng(1))
    twice = np.array([one.count.sum() for one in answered.draw(np.full(300, 2.0))])
    none = np.array([one.count.sum() for one in answered.draw(np.ones(300))])
    # At a random place, half of all rows change on average.
    assert twice.mean() / none.mean() == pytest.approx(1.5, abs=0.06)
    assert twice.std() > 2 * none.std()


@pytest.mark.parametrize(
    "family",
    [
        likelihoods.Normal(),
        likelihoods.NormalMeanVariance(),
        likelihoods.NormalVariance(),
        likelihoods.Trend(),
        likelihoods.Autoregressive(),
        likelihoods.StudentT(nu=3.0),
        likelihoods.StudentT(),
    ],
    ids=str,
)
def test_measurements_go_the_way_of_the_data(family):
    rng, x = np.random.default_rng(3), np.arange(60)
    slope = 0.1 if family.name == "trend" else 0.0
    data = Observations(value=5 + slope * x + rng.normal(0, 1, 60))
    likeness = Likeness(fit(Model(family), data), np.random.default_rng(0))
    values = np.array([one.value for one in likeness.draw(np.ones(200))])
    line = np.polynomial.Polynomial.fit(x, values.mean(axis=0), 1)
    truth = np.polynomial.Polynomial.fit(x, data.value, 1 if slope else 0)
    np.testing.assert_allclose(line(x), truth(x), atol=0.5)
    spread = np.median(np.abs(values - line(x))) / 0.674
    assert spread == pytest.approx(1.0, rel=0.35)
    assert not likeness.has_ratio and likeness.possible([1.5]) == []


def test_outcomes_are_drawn_too():
    rng = np.random.default_rng(0)
    data = Observations(outcomes=rng.multinomial(50, [0.2, 0.5, 0.3], 30).astype(float))
    posterior = fit(Model(likelihoods.Multinomial()), data)
    told = posterior.certificate(runs=20, seconds=LONG)
    assert (told.runs, len(told.curve), told.sentence, told.delay) == (20, 1, None, None)


def test_a_simulation_by_other_means_reaches_as_often():
    """Rates from their Beta posterior, counts by NumPy, each answered by the same model."""
    data = visits(seed=2)
    posterior, rng, n = binomial(data), np.random.default_rng(8), 200
    p, reached = posterior.probability_of_change, 0
    k, trials = data.count.sum(), data.trials.astype(int)
    for _ in range(n):
        rate = rng.beta(2 + k, 60 + trials.sum() - k)
        one = Observations(count=rng.binomial(trials, rate), trials=trials)
        reached += fit(posterior.model, one).probability_of_change >= p
    told = posterior.certificate(runs=500, seconds=LONG)
    assert 0.05 < told.reached.share < 0.95
    error = np.hypot(told.reached.error, np.sqrt(told.reached.share / n))
    assert abs(told.reached.share - reached / n) < 3.5 * error
    assert told.probability_of_change == p


def quiet(done, every):
    """Say nothing."""


@pytest.fixture(scope="module")
def full():
    """A posterior of which changes of some size are found, and its certificate."""
    posterior = binomial(visits(T=60))
    return posterior, posterior.certificate(runs=600, seed=1, seconds=LONG)


def test_the_smallest_change_of_each_way_is_found_in_four_fifths_of_other_series(full):
    posterior, told = full
    answered = Answered(Likeness(posterior, np.random.default_rng(77)), quiet)
    assert told.smallest_decrease.ratio < 1 < told.smallest_increase.ratio < 2
    for size in (told.smallest_increase, told.smallest_decrease):
        again = answered.found(np.full(400, size.ratio)).mean()
        assert again == pytest.approx(MOSTLY, abs=0.11)


def test_the_power_curve_rises_from_the_false_alarms_both_ways(full):
    _, told = full
    ratios = [at.ratio for at in told.curve]
    assert ratios == sorted(ratios) and (ratios[0], ratios[-1]) == (0.5, 2.0)
    middle = ratios.index(1.0)
    assert told.curve[middle].found == told.false_alarms
    for way in (told.curve[middle:], told.curve[middle::-1]):
        for near, far in itertools.pairwise(way):
            error = np.hypot(near.found.error, far.found.error)
            assert far.found.share > near.found.share - 3.5 * error
        assert way[-1].found.share > MOSTLY > 0.3 > way[0].found.share


def test_its_place_is_told_as_the_largest_change_of_each_whole_answer(full):
    """Of other series of the same ratios, each fitted by itself: the medians agree."""
    posterior, told = full
    likeness, apart = Likeness(posterior, np.random.default_rng(5)), []
    for size in (told.smallest_increase, told.smallest_decrease):
        places = likeness.places(30)
        series = likeness.draw(np.full(30, size.ratio), places)
        for one, place in zip(series, places, strict=True):
            other = fit(posterior.model, one)
            if other.probability_of_change > SURE and other.changes:
                change = max(other.changes, key=lambda change: abs(change.difference.mean))
                apart.append(abs(change.index - place))
    interval = delay_of(np.array(apart, float))
    assert told.delay.lower <= interval.upper and interval.lower <= told.delay.upper
    assert 6 <= told.delay.series <= 24


def often(data):
    """Return the posterior under a prior by which false alarms are many."""
    return fit(Model(likelihoods.Binomial(rate=priors.Beta(2, 60)), Changes(every=3)), data)


def test_false_alarms_are_those_of_fits_of_the_same_series():
    posterior, n = often(visits(T=15)), 110
    told = posterior.certificate(runs=n, seed=4, seconds=LONG)
    likeness, series = Likeness(posterior, np.random.default_rng(4)), []
    for some in (1, 16, 16, 64, n - 97):
        series += likeness.draw(np.ones(some))
    p = np.array([fit(posterior.model, one).probability_of_change for one in series])
    # Nodes that series share make P differ by less than 0.001: a series may lie that near.
    for share, limit in ((told.false_alarms, SURE), (told.reached, told.probability_of_change)):
        assert np.mean(p > limit + 1e-3) <= share.share <= np.mean(p > limit - 1e-3)
    assert told.runs == n and 0.02 < told.reached.share


def test_a_change_by_next_to_nothing_is_found_as_often_as_none():
    answered = Answered(Likeness(often(visits(T=15)), np.random.default_rng(6)), quiet)
    some, none = (share_of(answered.found(np.full(600, by))) for by in (1 + 1e-9, 1.0))
    assert abs(some.share - none.share) < 3.5 * np.hypot(some.error, none.error)
    assert none.share > 0.01


@pytest.mark.parametrize(("k", "n"), [(0, 20), (0, 1000), (3, 50), (480, 500), (30, 30)])
def test_shares_have_exact_intervals(k, n):
    found = share_of(np.arange(n) < k)
    exact = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
    assert (found.lower, found.upper) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert found.error > 0


@pytest.mark.parametrize("n", [6, 7, 12, 24, 99])
def test_delays_have_intervals_by_ranks(n):
    rows = np.random.default_rng(n).integers(0, 60, n).astype(float)
    expected = stats.quantile_test(rows, q=0, p=0.5).confidence_interval(0.95)
    told = delay_of(rows)
    assert (told.lower, told.upper) == (expected.low, expected.high)
    assert (told.rows, told.series) == (np.median(rows), n)
    assert delay_of(rows[:5]) is None


def test_the_same_seed_gives_the_same_certificate():
    posterior = binomial(visits(T=12))
    one, same, other = (
        posterior.certificate(runs=100, seed=seed, seconds=LONG) for seed in (3, 3, 4)
    )
    assert one == same and one != other


BARE = {"trials": [20.0] * 8}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (
            Observations(count=[1.0, 0, 2, 1, 1, 0, 3, 1], **BARE),
            "Not even a change of \\+100 %",
        ),
        (Observations(count=[0.0] * 8, **BARE), "Not even a change of \\+100 % or -50 %"),
        (Observations(count=[20.0] * 8, **BARE), "Not even a change of -50 %"),
        (Observations(count=[1.0, 2], trials=[50.0, 50]), "Not even"),
        (visits(T=5), "change of"),
        (visits(T=12, missing=range(1, 12)), "Not even"),
    ],
    ids=["few", "no events", "all events", "two rows", "five rows", "one row seen"],
)
def test_poor_data_get_words_and_numbers(data, says):
    told = fit(Model(likelihoods.Binomial()), data).certificate(runs=100, seconds=LONG)
    assert re.search(says, told.sentence) and told.sentence in certificate_text(told)
    json.dumps(told.to_dict(), allow_nan=False)


def test_the_sentence_tells_each_way():
    small, share = Smallest(1.183, 0.01), share_of(np.zeros(10, bool))
    curve = tuple(FoundAt(ratio, 10, share) for ratio in (0.5, 1.0, 2.0))
    told = Certificate((), 0.1, 10, share, share, curve, small, Smallest(0.843, 0.01), None)
    assert told.sentence.startswith("A change of +18 % or -16 % at a random place")
    told = told._replace(smallest_decrease=None)
    assert told.sentence.startswith("A change of +18 % at") and "of -50 %." in told.sentence
    told = told._replace(smallest_increase=None)
    assert told.sentence.startswith("Not even a change of +100 % or -50 % at a random place")
    assert told._replace(curve=curve[:2]).sentence.startswith("Not even a change of -50 % at")
    assert told._replace(curve=curve[1:2]).sentence is None


def test_where_nothing_is_found_headline_and_page_say_what_would_have_been(full):
    posterior, told = full
    assert not posterior.changes
    headline = posterior.to_dict(told)["headline"]
    assert headline.startswith("No ") and headline.endswith(told.sentence)
    assert html.escape(headline, quote=False) in single(posterior, certificate=told)
    assert told.sentence not in single(posterior)


def test_the_figure_has_a_point_for_each_ratio(full):
    _, told = full
    ax = told.plot()
    x, y = ax.lines[1].get_data()
    assert x.tolist() == [at.ratio for at in told.curve]
    assert y.tolist() == [at.found.share for at in told.curve]
    assert told.plot(ax) is ax


def test_what_rows_share_is_not_told_by_what_changed():
    """Given no change, dispersion stands for what changed; beside one it must not."""
    data = visits(ratio=3.0, T=20, size=4000)
    posterior = fit(None, data)
    assert posterior.model.likelihood.name == "beta-binomial"
    likeness = Likeness(posterior, np.random.default_rng(0))

    def spread(ratio):
        series = likeness.draw(np.full(200, ratio))
        return np.median([np.var(one.count / one.trials) for one in series])

    assert spread(1.0) > 5 * spread(1 + 1e-9)


def test_effects_that_are_rather_absent_are_left_out_and_others_refused():
    days = np.arange("2024-01-01", "2024-03-11", dtype="datetime64[D]")
    rng, trials = np.random.default_rng(0), np.full(len(days), 2000.0)
    weekend = np.where(np.arange(len(days)) % 7 < 5, 1.0, 1.8)
    model = Model(likelihoods.Binomial(), effects=[Weekday(probability=0.5)])
    plain, weekly = (
        fit(model, Observations(count=rng.binomial(2000, 0.05 * by), trials=trials, time=days))
        for by in (np.ones(len(days)), weekend)
    )
    told = plain.certificate(runs=40, seconds=LONG)
    assert told.left_out == (plain.effects[0].name,)
    with pytest.raises(ModelError, match="leave the effects out"):
        weekly.certificate()


@pytest.mark.parametrize(
    ("model", "asked", "error", "says"),
    [
        (Model(likelihoods.Binomial(), Changes(exactly=1)), {}, ModelError, "number open"),
        (Model(likelihoods.Binomial(), Changes(probability=0)), {}, ModelError, "number open"),
        (Model(likelihoods.Binomial()), {"runs": 3}, ModelError, "from 20 to"),
        (Model(likelihoods.Binomial()), {"seconds": 0}, ModelError, "above 0"),
        (Model(likelihoods.Binomial()), {"seconds": 1e-6}, EngineError, "give more seconds"),
    ],
    ids=str,
)
def test_what_can_not_be_certified_is_refused_in_words(model, asked, error, says):
    with pytest.raises(error, match=says):
        fit(model, visits(T=20)).certificate(**asked)


def test_a_budget_makes_fewer_series_with_their_error():
    posterior = binomial(visits())
    few = posterior.certificate(runs=100_000, seconds=0.5)
    assert 20 <= few.runs < 100_000
    assert few.false_alarms.error >= 1 / (2 * few.runs)
    hurried = posterior.certificate(runs=50, seconds=LONG)
    assert len(hurried.curve) == 1 and "wasn't looked for" in certificate_text(hurried)


@pytest.fixture
def run(capsys, tmp_path):
    """Run `changepoint fit` on a small file; its status, and what it printed."""
    data = visits(T=12, size=4000)
    rows = zip(data.count.astype(int), data.trials.astype(int), strict=True)
    file = tmp_path / "visits.csv"
    lines = [f"{day},{k},{n}" for day, (k, n) in enumerate(rows)]
    file.write_text("\n".join(["day,count,trials", *lines]) + "\n")

    def run(*more):
        with pytest.raises(SystemExit) as ended:
            main(["fit", str(file), "--likelihood", "binomial", *more])
        told = capsys.readouterr()
        return ended.value.code, told.out, told.err

    return run


def test_the_command_tells_it_after_the_answer(run, tmp_path):
    status, out, _ = run("--certificate", "--out", str(tmp_path / "out"))
    assert status == 0
    answer, certificate = out.index("Model: "), out.index("On data like these without")
    assert answer < certificate < out.index("would have been seen in 80 %")
    told = json.loads((tmp_path / "out" / "result.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(told)
    assert told["certificate"]["smallest_increase"]["ratio"] > 1


def test_the_command_tells_it_in_json(run):
    status, out, _ = run("--certificate", "--json")
    told = json.loads(out)
    jsonschema.Draft202012Validator(SCHEMA).validate(told)
    assert status == 0 and told["certificate"]["runs"] >= 20


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize(
    ("failure", "status"),
    [(KeyboardInterrupt(), 130), (EngineError("too slow"), 4), (RuntimeError("a bug"), 1)],
    ids=["interrupt", "refusal", "bug"],
)
def test_without_a_certificate_the_answer_is_still_there(
    run, monkeypatch, form, failure, status
):
    def fail(self, **asked):
        raise failure

    monkeypatch.setattr(Posterior, "certificate", fail)
    ended, out, err = run("--certificate", *form)
    assert ended == status and err
    if form:
        assert json.loads(out)["certificate"] is None
    else:
        assert "Model: " in out and "On data like these" not in out


SECTION = 'id="certificate"'


@pytest.fixture
def hurried(monkeypatch):
    """Ask for few series."""
    whole = Posterior.certificate
    monkeypatch.setattr(
        Posterior, "certificate", lambda self, seed: whole(self, 100, seed, LONG)
    )


def test_the_page_has_it_unless_told_otherwise(run, hurried, tmp_path):
    status, out, _ = run("--out", str(tmp_path), "--json")
    told = json.loads((tmp_path / "result.json").read_text())
    page = (tmp_path / "report.html").read_text()
    jsonschema.Draft202012Validator(SCHEMA).validate(told)
    assert status == 0 and json.loads(out)["certificate"] is None
    assert SECTION in page and told["certificate"]["sentence"] in page
    _, out, _ = run("--out", str(tmp_path), "--no-certificate")
    assert "On data like these" not in out
    assert SECTION not in (tmp_path / "report.html").read_text()
    assert json.loads((tmp_path / "result.json").read_text())["certificate"] is None


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (EngineError("too slow"), "too slow"),
        (RuntimeError("a bug"), "RuntimeError: a bug"),
    ],
    ids=["interrupt", "refusal", "bug"],
)
def test_a_page_that_has_none_says_why_and_the_answer_stands(
    run, monkeypatch, tmp_path, failure, says
):
    def fail(self, **asked):
        assert UNFINISHED in (tmp_path / "report.html").read_text()  # it is there before
        raise failure

    monkeypatch.setattr(Posterior, "certificate", fail)
    status, out, _ = run("--out", str(tmp_path))
    assert status == 0 and "Model: " in out
    page = (tmp_path / "report.html").read_text()
    assert f"what would have been seen: {says}." in page


@pytest.mark.slow
def test_shares_that_reach_are_uniform_where_nothing_changes():
    """But for rates that are not known: their posterior stands for them, and hardly matters."""
    shares = []
    for seed in range(150):
        told = binomial(visits(seed=1000 + seed)).certificate(runs=99, seconds=LONG)
        shares.append(told.reached.share)
    assert stats.kstest(shares, "uniform").pvalue > 0.001
    assert np.mean([told > SURE for told in shares]) < 0.12
