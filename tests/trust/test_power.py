"""How small a change would be found: against simulation by other means, and by its laws."""

import json

import numpy as np
import pytest

from changepoint import Changes, Model, ModelError, Observations, fit, likelihoods, trust
from changepoint.cli import main
from changepoint.trust.design import Design
from changepoint.trust.detection import MOSTLY, SURE, smallest

BINOMIAL = Model(likelihoods.Binomial())
DATA = {"rows": 40, "trials": 400, "model": BINOMIAL, "runs": 200}


def apart(one, other):
    """How many standard errors two shares are apart."""
    return abs(one.share - other.share) / np.hypot(one.error, other.error)


def test_a_simulation_by_other_means_finds_as_many():
    """Counts by NumPy, each fitted by itself, with priors filled from its own data."""
    rng, n = np.random.default_rng(5), 150
    found = []
    for _ in range(n):
        rate = np.where(np.arange(40) < rng.integers(1, 40), 0.02, 0.04)
        data = Observations(count=rng.binomial(400, rate), trials=np.full(40, 400))
        found.append(fit(BINOMIAL, data).probability_of_change > SURE)
    share = np.mean(found)
    by_hand = trust.Share(share, np.sqrt(share * (1 - share) / n), 0.0, 1.0)
    assert 0.2 < share < 0.9
    assert apart(trust.power(0.02, ratios=[2], **DATA).ratios[0].found, by_hand) < 3.5


def test_no_change_is_found_as_often_as_false_alarms_come():
    told = trust.power(0.02, ratios=[1 + 1e-9], **{**DATA, "runs": 500})
    assert apart(told.ratios[0].found, told.false_alarms) < 3.5


def test_more_is_found_of_larger_changes_and_with_more_trials():
    ratios = [1.2, 1.6, 2.5]
    few, many = (trust.power(0.02, ratios=ratios, **{**DATA, "trials": n}) for n in (200, 800))
    shares = np.array([[at.found.share for at in told.ratios] for told in (few, many)])
    assert np.all(np.diff(shares, axis=1) > 0) and np.all(shares[1] > shares[0])
    widths = [at.width for at in many.ratios[1:]]
    assert widths[1] < widths[0]
    assert many.smallest_increase.ratio < few.smallest_increase.ratio


def test_dispersion_hides_changes():
    clean, noisy = (
        trust.power(0.05, rows=40, exposure=200.0, ratios=[1.6], dispersion=d, runs=40, seed=3)
        for d in (1.0, 6.0)
    )
    assert clean.model.likelihood.name == "negative-binomial"
    assert clean.ratios[0].found.share > noisy.ratios[0].found.share + 0.3


def test_with_huge_numbers_of_trials_a_change_is_surely_found_where_it_is():
    told = trust.power(0.01, ratios=[1.2], at=20, **{**DATA, "trials": 10**7, "runs": 40})
    (at,) = told.ratios
    assert (at.found.share, at.width, at.width_error) == (1.0, 1.0, 0.0)
    assert told.false_alarms.share < 0.1


@pytest.mark.parametrize("behind", [{"trials": 500}, {"exposure": 500.0}], ids=str)
@pytest.mark.parametrize("dispersion", [1.0, 3.0])
def test_simulated_rows_vary_as_asked(behind, dispersion):
    kinds = {"trials": None, "exposure": None} | behind
    design = Design.of(0.04, 4000, kinds["trials"], kinds["exposure"], dispersion, None)
    count = design.draw(1.5, 2000, np.random.default_rng(0)).count
    for half, mean in ((count[:2000], 20.0), (count[2000:], 30.0)):
        independent = mean * (1 - mean / 500) if "trials" in behind else mean
        # Of counts the excess grows with the mean, of trials it is that of any rate.
        own = 1 + (dispersion - 1) * (1 if "trials" in behind else mean / 20)
        assert half.mean() == pytest.approx(mean, abs=5 * np.sqrt(own * independent / 2000))
        assert half.var() == pytest.approx(own * independent, rel=0.25)


@pytest.mark.parametrize("way", [1, -1])
def test_the_smallest_ratio_is_where_four_fifths_are_found(way):
    """Of a curve that is known, and is not logistic."""
    rng = np.random.default_rng(2)

    def chance(size):
        return 0.97 * (1 - np.exp(-((size / 0.3) ** 2)))

    def found(ratios):
        return rng.random(len(ratios)) < chance(np.abs(np.log(ratios)))

    truth = 0.3 * np.sqrt(-np.log(1 - MOSTLY / 0.97))
    ratios = [r**way for r in (1.02, 1.05, 1.1, 1.2, 1.4, 2.0, 3.0)]
    told = [smallest(found, ratios, 600, rng) for _ in range(40)]
    off = np.array([(np.log(one.ratio) * way - truth) for one in told])
    assert abs(off.mean()) < 0.02
    errors = np.array([one.error / one.ratio for one in told])
    assert 0.6 < off.std() / errors.mean() < 1.6


def test_where_nothing_is_found_there_is_no_smallest_ratio():
    rng = np.random.default_rng(0)
    assert smallest(lambda ratios: np.zeros(len(ratios), bool), [1.1, 2.0], 50, rng) is None


def test_the_seed_is_all_that_chance_depends_on_and_progress_reaches_its_end():
    seen = []
    told = [
        trust.power(
            0.02, ratios=[2], seed=seed, progress=lambda *now: seen.append(now),
            **{**DATA, "runs": 30},
        ).to_dict()
        for seed in (1, 1, 2)
    ]  # fmt: skip
    assert told[0] == told[1] != told[2] | {"seed": 1}
    done = np.array(seen)
    assert done[-1, 0] == done[-1, 1] and set(done[:, 1]) == {done[0, 1]}
    assert np.sum(np.diff(done[:, 0]) < 0) == 2  # as each begins


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"rate": 1.2}, "between 0 and 1"),
        ({"rows": 1}, "from 2 on"),
        ({"trials": 0}, "whole numbers above 0"),
        ({"trials": [5, 5]}, "one for each of the 40 rows"),
        ({"exposure": 3.0}, "not both"),
        ({"ratios": [1.0]}, "no change"),
        ({"ratios": [60]}, "can't become 60 times"),
        ({"dispersion": 0.5}, "at least 1"),
        ({"dispersion": 500}, "below the mean number of trials"),
        ({"at": 40}, "1 to 39"),
        ({"runs": 5}, "from 20 to"),
        ({"seed": -1}, "from 0 to"),
        ({"model": Model(likelihoods.Normal())}, "power is about counts"),
        ({"model": Model(likelihoods.Poisson(), Changes(exactly=1))}, "nothing to find"),
    ],
    ids=str,
)
def test_what_can_not_be_is_refused_in_words(given, says):
    with pytest.raises(ModelError, match=says):
        trust.power(**{"rate": 0.02, **DATA, **given})


def test_the_command_prints_a_table_or_json(capsys):
    command = "power --rate 0.02 --rows 40 --trials 400 --likelihood binomial --runs 30"
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--ratio", "2", "--ratio", "0.4"])
    told = capsys.readouterr()
    assert ended.value.code == 0
    lines = told.out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["ratio", "none", "x2", "x0.4"]
    assert "decrease" in told.out and "increase" in told.out
    assert "series" in told.err  # how far it is
    with pytest.raises(SystemExit):
        main([*command.split(), "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert answer == trust.power(0.02, **{**DATA, "runs": 30}).to_dict()
