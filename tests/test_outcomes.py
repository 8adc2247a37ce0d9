"""Several outcomes per trial, from arrays to a saved posterior."""

import json
import warnings

import numpy as np
import pytest

from changepoint import (
    Changes,
    DataError,
    Exact,
    Model,
    ModelError,
    Observations,
    Posterior,
    SupportError,
    fit,
    likelihoods,
    modelfiles,
)
from changepoint.hand_written import describe
from changepoint.likelihoods.base import Fault
from changepoint.results.tree import to_tree
from changepoint.sampling.hand_written_checks import _check_data
from changepoint.sampling.starts import starts
from changepoint.support_problems import spell_out

NAN = np.nan
COUNTS = [[7, 2, 1], [8, 0, 2], [NAN, NAN, NAN], [5, NAN, 1], [3, 5, 2]]
NAMES = ("left", "carted", "bought")


def outcomes(counts=COUNTS, names=NAMES, **more):
    return Observations(outcomes=counts, outcome_names=names, **more)


# -- Observations -----------------------------------------------------------------------------


def test_outcomes_are_a_response():
    data = outcomes()
    assert (len(data), data.response) == (5, "outcomes")
    np.testing.assert_array_equal(data.column("outcomes"), COUNTS)
    assert data.observed("outcomes").tolist() == [True, True, False, False, True]
    assert repr(data) == "Observations(T=5, 3 outcomes, 2 missing)"


def test_they_are_frozen_float64():
    given = np.array([[1, 2], [3, 4]])
    data = Observations(outcomes=given)
    given[0, 0] = 9
    assert data.outcomes.dtype == np.float64
    assert data.outcomes[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        data.outcomes[0, 0] = 9


def test_a_row_without_any_outcome_is_observed():
    assert Observations(outcomes=[[0, 0], [1, 0]]).observed("outcomes").all()


@pytest.mark.parametrize("names", [(), None, []])
def test_names_are_numbers_where_none_are_given(names):
    assert outcomes(names=names).outcome_names == ("0", "1", "2")


def test_names_become_text():
    assert outcomes(names=np.array([3, 1, 2])).outcome_names == ("3", "1", "2")


def test_there_may_be_no_rows():
    data = Observations(outcomes=np.empty((0, 3)))
    assert len(data) == 0
    assert data.observed("outcomes").shape == (0,)


def test_masked_cells_are_missing():
    data = Observations(outcomes=np.ma.masked_equal([[1, 2], [3, -9]], -9))
    np.testing.assert_array_equal(data.outcomes, [[1, 2], [3, NAN]])


def test_another_response_comes_first():
    assert Observations(count=[1, 2], outcomes=[[1, 2], [3, 4]]).response == "count"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"outcomes": [1, 2]}, "outcomes must have two dimensions"),
        ({"outcomes": [[[1, 2]]]}, "two dimensions .*, not 3"),
        ({"outcomes": [[1], [2]]}, "two columns or more, not 1"),
        ({"outcomes": [[1, 2], [3]]}, "outcomes must be numbers"),
        ({"outcomes": [["a", "b"]]}, "outcomes must be numbers"),
        ({"outcomes": [[1, 2]], "count": [1, 2]}, "count has 2, outcomes has 1"),
        ({"outcomes": [[1, 2]], "outcome_names": ["a"]}, "2 names that differ, not"),
        ({"outcomes": [[1, 2]], "outcome_names": "ab"}, "2 names that differ, not 'ab'"),
        ({"outcomes": [[1, 2]], "outcome_names": 2}, "2 names that differ, not 2"),
        ({"outcomes": [[1, 2]], "outcome_names": ["a", "a"]}, "2 names that differ"),
        ({"count": [1], "outcome_names": ["a", "b"]}, "but no outcomes"),
    ],
)
def test_what_are_no_outcomes(given, message):
    with pytest.raises(DataError, match=message):
        Observations(**given)


def test_the_fingerprint_tells_numbers_names_and_shape():
    prints = {
        outcomes(np.ones((6, 2)), ()).fingerprint(),
        outcomes(np.ones((4, 3)), ()).fingerprint(),
        outcomes(np.ones((4, 3)), NAMES).fingerprint(),
        outcomes(np.ones((4, 3)), NAMES[::-1]).fingerprint(),
        outcomes(np.ones((4, 3)) * 2, NAMES).fingerprint(),
    }
    assert len(prints) == 5
    assert outcomes().fingerprint() == outcomes().fingerprint()


# -- problems ---------------------------------------------------------------------------------


def test_problems_name_the_column_and_value_of_each_cell():
    data = outcomes([[7, 2, 1], [8, -1, 0.5], [3, 4, 5]], lines=[2, 3, 5], file="x.csv")
    cells = (data.outcomes < 0) | (data.outcomes % 1 != 0)
    found = spell_out(Fault("outcomes", cells, "no count", "Mend it."), data)
    assert [(p.line, p.time, p.column, p.value) for p in found] == [
        (3, "row 1", "carted", "-1"),
        (3, "row 1", "bought", "0.5"),
    ]
    assert {(p.file, p.rule, p.remedy) for p in found} == {("x.csv", "no count", "Mend it.")}


def test_problems_of_rows_show_the_whole_row():
    data = outcomes(columns={"outcomes": "left, carted, bought"}, time=[1, 2, 3, 4, 5])
    fault = Fault("outcomes", np.arange(5) == 3, "partly missing", "Fill it.")
    (found,) = spell_out(fault, data)
    assert (found.time, found.column) == ("4", "left, carted, bought")
    assert found.value == "5, nan, 1"
    (found,) = spell_out(fault._replace(rows=None), data)
    assert (found.column, found.value) == ("left, carted, bought", None)


def test_a_family_of_other_data_says_what_it_needs():
    with pytest.raises(DataError, match="needs count and trials; the data have outcomes"):
        Model(likelihoods.Binomial()).check(outcomes())
    assert Model(likelihoods.Binomial()).absent(outcomes()) == ["count", "trials"]


def test_a_pymc_model_that_holds_other_outcomes_is_refused():
    data = outcomes([[7, 2, 1], [NAN] * 3, [3, 5, 2]])
    held = np.array([[7, 2, 1], [3, 5, 2]])
    _check_data("y", held, data)
    _check_data("y", np.array([0, 2]), data)  # labels
    with pytest.raises(SupportError, match=r"column 'carted', value 5: .* another number"):
        _check_data("y", held + np.array([[0, 0, 0], [0, 1, 0]]), data)
    with pytest.raises(ModelError, match="has 4 rows, the observations have 3 rows, 2 of them"):
        _check_data("y", np.ones((4, 3), int), data)


# -- model files ------------------------------------------------------------------------------

MODEL = "from changepoint import Model, likelihoods\nmodel = Model(likelihoods.Poisson())\n"


@pytest.mark.parametrize(
    "columns", [{"outcomes": ["a", "b"]}, {"outcome": "step", "time": "t"}]
)
def test_model_files_name_columns_of_outcomes(columns, tmp_path):
    path = tmp_path / "model.py"
    path.write_text(f"{MODEL}columns = {columns!r}\n", encoding="utf-8")
    assert modelfiles.load(path).columns == columns


@pytest.mark.parametrize(
    "columns",
    [{"outcomes": "a"}, {"outcomes": ["a", 1]}, {"outcome": ["a"]}, {"count": ["a"]}],
)
def test_model_files_with_other_columns_are_refused(columns, tmp_path):
    path = tmp_path / "model.py"
    path.write_text(f"{MODEL}columns = {columns!r}\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"must be a dictionary .*for outcomes of lists"):
        modelfiles.load(path)


# -- the posterior ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def result():
    """A posterior of a hand-written model of outcomes: its numbers are those of one of them."""
    counts = np.random.default_rng(4).multinomial(100, [0.7, 0.2, 0.1], 20).astype(float)
    counts[10:, 2] += 15
    counts[4], counts[6, 0] = NAN, NAN
    days = np.datetime64("2025-01-01") + np.arange(20)
    one = Observations(count=counts[:, 2], time=days)
    fitted = fit(Model(likelihoods.Poisson(), Changes(exactly=1)), one, Exact(draws=40))
    data = outcomes(counts, time=days, file="x.csv", columns={"outcomes": "left, ..."})
    told = describe(data, "rate", 1, True, {"rate": "Gamma"})
    return fitted._source._replace(model=told, observations=data, inside=None)


def test_the_tree_has_outcomes_by_name(result):
    tree, data = to_tree(result), result.observations
    constant, observed = tree["constant_data"]["outcomes"], tree["observed_data"]["y"]
    assert constant.dims == ("time", "outcome")
    assert constant["outcome"].values.tolist() == list(NAMES)
    np.testing.assert_array_equal(constant, data.outcomes)
    assert observed.dims == ("observation", "outcome")
    assert observed["outcome"].values.tolist() == list(NAMES)
    assert observed.dtype == np.int64
    np.testing.assert_array_equal(observed, data.outcomes[data.observed("outcomes")])
    np.testing.assert_array_equal(observed["time"], data.time[data.observed("outcomes")])


@pytest.mark.parametrize("name", ["posterior.nc", "posterior.zarr"])
def test_what_is_saved_is_what_is_loaded(result, name, tmp_path):
    posterior = Posterior(result)
    posterior.save(tmp_path / name)
    loaded = Posterior.load(tmp_path / name)
    assert loaded.tree.equals(posterior.tree)
    found, data = loaded.observations, result.observations
    np.testing.assert_array_equal(found.outcomes, data.outcomes)
    assert found.outcome_names == NAMES
    assert found.fingerprint() == data.fingerprint()
    assert found.columns == data.columns
    assert json.loads(json.dumps(loaded.to_dict())) == posterior.to_dict()
    assert posterior.to_dict()["missing"] == 2


def test_it_is_told_and_drawn(result, tmp_path):
    posterior = Posterior(result)
    assert posterior.sentence().startswith("Assuming exactly 1 change")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        posterior.plot().savefig(tmp_path / "figure.png")
        posterior.compare(posterior).plot().savefig(tmp_path / "compared.png")


def test_starts_pool_the_rows_of_each_segment():
    """A family of counts, of a table that has outcomes too."""
    counts = np.array([2.0, 2, 2, 2])
    data = Observations(count=counts, outcomes=np.column_stack([counts, 10 - counts]))
    model = Model(likelihoods.Poisson(), Changes(exactly=1)).resolve(data)
    for start in starts(model, data, 2, 0, summed=False):
        assert start["rate"] == pytest.approx([2, 2], rel=0.3)
