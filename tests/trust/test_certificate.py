"""What an answer is worth: against simulation by other means, and by its laws."""

import json

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
from changepoint.report.found import certificate_text
from changepoint.report.json_schema import SCHEMA
from changepoint.trust.certifying import Answered
from changepoint.trust.detection import MOSTLY, SURE
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
    assert (told.runs, told.runs_with_change, told.smallest) == (20, 0, None)


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


def test_the_smallest_change_is_found_in_four_fifths_of_other_series():
    posterior = binomial(visits(T=60))
    told = posterior.certificate(runs=600, seed=1, seconds=LONG)
    answered = Answered(
        Likeness(posterior, np.random.default_rng(77)), lambda done, every: None
    )
    again = answered.found_either_way(np.full(400, told.smallest.ratio)).mean()
    assert again == pytest.approx(MOSTLY, abs=0.09)
    assert 1.2 < told.smallest.ratio < 2 and told.runs_with_change == 600


def test_where_even_twice_is_not_found_there_is_no_smallest():
    few = Observations(count=[1.0, 0, 2, 1, 1, 0, 3, 1], trials=[20.0] * 8)
    told = binomial(few).certificate(runs=100, seconds=LONG)
    assert told.smallest is None and told.runs_with_change == 100


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
    assert hurried.runs_with_change == 0 and "wasn't looked for" in certificate_text(hurried)


@pytest.fixture
def run(capsys, tmp_path):
    """Run `changepoint fit --certificate` on a small file; its status, and what it printed."""
    data = visits(T=12, size=4000)
    rows = zip(data.count.astype(int), data.trials.astype(int), strict=True)
    file = tmp_path / "visits.csv"
    lines = [f"{day},{k},{n}" for day, (k, n) in enumerate(rows)]
    file.write_text("\n".join(["day,count,trials", *lines]) + "\n")

    def run(*more):
        with pytest.raises(SystemExit) as ended:
            main(["fit", str(file), "--likelihood", "binomial", "--certificate", *more])
        told = capsys.readouterr()
        return ended.value.code, told.out, told.err

    return run


def test_the_command_tells_it_after_the_answer(run, tmp_path):
    status, out, _ = run("--out", str(tmp_path / "out"))
    assert status == 0
    answer, certificate = out.index("Model: "), out.index("On data like these without")
    assert answer < certificate < out.index("The smallest change found")
    told = json.loads((tmp_path / "out" / "result.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(told)
    assert told["certificate"]["smallest"]["ratio"] > 1


def test_the_command_tells_it_in_json(run):
    status, out, _ = run("--json")
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
    ended, out, err = run(*form)
    assert ended == status and err
    if form:
        assert json.loads(out)["certificate"] is None
    else:
        assert "Model: " in out and "On data like these" not in out


@pytest.mark.slow
def test_shares_that_reach_are_uniform_where_nothing_changes():
    """But for rates that are not known: their posterior stands for them, and hardly matters."""
    shares = []
    for seed in range(150):
        told = binomial(visits(seed=1000 + seed)).certificate(runs=99, seconds=LONG)
        shares.append(told.reached.share)
    assert stats.kstest(shares, "uniform").pvalue > 0.001
    assert np.mean([told > SURE for told in shares]) < 0.12
