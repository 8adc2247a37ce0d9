"""Which likelihood: rows of 0 and 1, running totals, waiting times, rates of exactly 0."""

import numpy as np
import pytest

from changepoint import Observations, SupportError, fit, from_frame, read_csv
from changepoint.errors import DataError, DataWarning
from changepoint.model import default_likelihood
from changepoint.recommend import recommendation, verdicts


def table(name, numbers, **more):
    columns = {"day": range(len(numbers)), name: numbers, **more}
    rows = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n"


FLAGS = np.random.default_rng(5).binomial(1, 0.7, 60).tolist()


@pytest.mark.parametrize("name", ["count", "value", "y", "errors"])
def test_rows_of_zero_and_one_are_trials(reads, name):
    with pytest.warns(DataWarning, match=f"'{name}' holds 0 and 1 only: each row is one trial"):
        found = reads(table(name, FLAGS))
    assert found.count.tolist() == FLAGS
    assert default_likelihood(found).name == "bernoulli"
    assert recommendation(found, verdicts(found)) == (
        "bernoulli",
        "0 and 1: each row is one trial",
    )


@pytest.mark.parametrize(
    "columns",
    [
        {"count": [0, 1, 2, 0] * 3},
        {"count": [0, 1, 0, 0]},  # by chance
        {"count": [0, 0, 0, 0] * 3},
        {"count": [1, 0, 1, 0] * 3, "trials": [5] * 12},
        {"count": [1, 0, 1, 0] * 3, "exposure": [5] * 12},
        {"value": [0, 1, 1, 0.5] * 3},
    ],
)
def test_other_counts_are_no_trials(columns):
    assert default_likelihood(Observations(**columns)).name != "bernoulli"


ADDED = np.random.default_rng(8).poisson(6, 40)
TOTAL = np.cumsum(ADDED)


@pytest.mark.parametrize("name", ["count", "value"])
def test_running_totals_are_said_and_differences_offered(reads, name):
    with pytest.warns(DataWarning, match=f"'{name}' never falls and starts low.*--difference"):
        reads(table(name, TOTAL))
    with pytest.warns(DataWarning, match="the first row is left out"):
        found = reads(table(name, TOTAL), difference=True)
    assert getattr(found, name).tolist() == ADDED[1:].tolist()
    assert found.time.tolist() == list(range(1, 40))
    assert found.lines.tolist() == list(range(3, 42))


def test_what_is_added_after_a_gap_is_missing(reads):
    text = "".join(table("count", TOTAL).splitlines(keepends=True)[:20])
    rest = "".join(table("count", TOTAL).splitlines(keepends=True)[22:])
    with pytest.warns(DataWarning):
        found = reads(text + rest, difference=True)
    expected = ADDED[1:].astype(float)
    expected[[18, 19, 20]] = np.nan
    np.testing.assert_array_equal(found.count, expected)


def test_trials_that_are_totals_are_differences_too(reads):
    with pytest.warns(DataWarning, match="'count', 'trials'"):
        found = reads(table("count", TOTAL, trials=TOTAL * 10), difference=True)
    assert found.trials.tolist() == (ADDED[1:] * 10).tolist()
    with pytest.warns(DataWarning, match=r"totals \('count'\)"):
        found = reads(table("count", TOTAL, trials=[500] * 40), difference=True)
    assert found.trials.tolist() == [500] * 39


def test_a_total_that_falls_is_refused(reads):
    numbers = TOTAL.copy()
    numbers[20] = 0
    with pytest.raises(DataError, match=r"'count' is no running total.*falls in line 22\."):
        reads(table("count", numbers), difference=True)
    with pytest.raises(DataError, match="difference and aggregate"):
        reads(table("count", TOTAL), difference=True, aggregate="day")


@pytest.mark.parametrize(
    "numbers",
    [
        [5] * 20 + [9] * 20,  # a step
        [100 + i for i in range(30)],  # high from the start
        [1, 2, 3, 4],
        [*range(30), 28],
        range(30),  # a line
    ],
)
def test_other_series_are_no_totals(reads, numbers):
    assert reads(table("count", numbers)).warnings == ()


def waits(*means, rows=60):
    rng = np.random.default_rng(2)
    return np.concatenate([rng.exponential(mean, rows) for mean in means])


@pytest.mark.parametrize("values", [waits(5), waits(5, 15), waits(2, 2, 6)])
def test_waiting_times_under_value_are_noticed(values):
    data = Observations(value=values)
    (auto,) = [verdict for verdict in verdicts(data) if verdict.likelihood == "auto"]
    assert any("use 'exponential'" in caution for caution in auto.cautions)
    assert any("use 'exponential'" in said for said in fit(None, data).warnings)


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(3).normal(10, 2, 80),
        np.abs(np.random.default_rng(3).normal(10, 5, 80)) + 1,
        np.random.default_rng(4).lognormal(0, 0.5, 80),
        np.repeat([1.0, 10.0], 40) + np.random.default_rng(4).normal(0, 0.1, 80),
    ],
)
def test_other_values_are_no_waiting_times(values):
    (auto,) = [v for v in verdicts(Observations(value=values)) if v.likelihood == "auto"]
    assert not any("exponential" in caution for caution in auto.cautions)


def test_rates_of_zero_are_not_to_be_left_out():
    with pytest.raises(SupportError, match=r"biased where such rows are left out.*'beta-binom"):
        fit(None, Observations(rate=[0.011, 0.0, 0.013, 0.012]))


def test_frames_take_differences():
    pandas = pytest.importorskip("pandas")
    with pytest.warns(DataWarning, match="became what each row adds"):
        found = from_frame(pandas.DataFrame({"count": TOTAL}), difference=True)
    assert found.count.tolist() == ADDED[1:].tolist()


def test_data_of_the_package_have_none_of_this():
    assert read_csv("data/nile.csv").warnings == ()
