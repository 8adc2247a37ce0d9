"""Thresholds on P(any change) that few series without a change pass."""

import json
from pathlib import Path

import numpy as np
import pytest

from changepoint import Changes, Model, ModelError, Observations, fit, likelihoods, trust
from changepoint.cli import main
from changepoint.trust.calibrating import threshold

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def posterior():
    rng = np.random.default_rng(3)
    data = Observations(count=rng.binomial(500, 0.04, 30), trials=[500.0] * 30)
    return fit(Model(likelihoods.Binomial()), data)


@pytest.mark.parametrize("alarms", [0.05, 0.01, 0.2])
def test_no_more_than_the_share_lie_above_and_the_interval_holds_the_truth(alarms):
    """Of a distribution whose quantiles are known."""
    rng, held, n = np.random.default_rng(1), 0, 400
    for _ in range(300):
        null = rng.beta(1, 3, n)
        told = threshold(null, alarms, 0.5)
        assert np.mean(null > told.threshold) <= alarms < np.mean(null >= told.threshold) + 1e-9
        assert told.lower <= told.threshold <= told.upper
        held += told.lower <= 1 - alarms ** (1 / 3) <= told.upper
    assert held / 300 > 0.92


def test_other_series_pass_it_as_seldom(posterior):
    told = trust.calibrate(posterior, runs=1000, seed=1)
    again = trust.calibrate(posterior, runs=1000, seed=2)
    for one, other in zip(told.thresholds, again.thresholds, strict=True):
        assert one.lower <= other.upper and other.lower <= one.upper
    five, one = told.thresholds
    assert five.alarms == 0.05 and one.alarms == 0.01 and five.threshold < one.threshold


def test_the_data_pass_where_they_do(posterior):
    told = trust.calibrate(posterior, runs=100)
    p = posterior.probability_of_change
    assert [one.passed for one in told.thresholds] == [
        p > one.threshold for one in told.thresholds
    ]
    assert told.probability_of_change == p


def test_a_known_number_is_refused(posterior):
    known = fit(Model(likelihoods.Binomial(), Changes(exactly=1)), posterior.observations)
    with pytest.raises(ModelError, match="number open"):
        trust.calibrate(known)


def test_the_command_says_so_in_words_or_json(capsys):
    command = ["calibrate", str(ROOT / "data/coal_disasters.csv"), "--likelihood", "poisson"]
    command += ["--runs", "40"]
    with pytest.raises(SystemExit) as ended:
        main(command)
    told = capsys.readouterr()
    assert ended.value.code == 0
    assert told.out.count("P(any change) >") == 3 and "above that for 5 % and 1 %" in told.out
    assert "40 of 40 series" in told.err
    with pytest.raises(SystemExit):
        main([*command, "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert (answer["runs"], len(answer["thresholds"])) == (40, 2)
