"""Data stand where data are asked for, whatever holds them; a wrong argument is named."""

import warnings

import numpy as np
import pandas as pd
import pytest

import changepoint as cp
from changepoint import Changes, DataError, Exact, Model, ModelError, Observations, fit
from changepoint import likelihoods as families

COUNT = np.array([1, 0, 2, 1, 0, 1, 9, 7, 8, 6, 9, 8])
FRAME = pd.DataFrame(
    {
        "date": pd.date_range("2024-01-01", periods=12),
        "conversions": COUNT,
        "visits": np.full(12, 50),
    }
)
DATA = Observations(count=COUNT, trials=FRAME["visits"], time=FRAME["date"])
MODEL = Model(families.Binomial(), Changes(at_most=2))


def polars():
    return pytest.importorskip("polars").from_pandas(FRAME)


def arrow():
    return pytest.importorskip("pyarrow").Table.from_pandas(FRAME)


FRAMES = {"pandas": lambda: FRAME, "polars": polars, "lazy": lambda: polars().lazy()}
FRAMES |= {"arrow": arrow, "indexed": lambda: FRAME.set_index("date")}


@pytest.mark.parametrize("kind", FRAMES)
def test_a_frame_stands_for_the_observations(kind):
    frame = FRAMES[kind]()
    truth = fit(MODEL, DATA)
    assert fit(MODEL, frame).log_evidence == truth.log_evidence
    assert fit(MODEL, frame).changes[0].time == truth.changes[0].time == "2024-01-07"
    assert fit(frame).log_evidence == fit(None, DATA).log_evidence
    assert MODEL.check(frame) == MODEL.check(DATA)
    assert MODEL.resolve(frame) == MODEL.resolve(DATA)
    models = [MODEL, Model(families.BetaBinomial())]
    together = cp.compare_models(models, frame).table
    assert together.equals(cp.compare_models(models, DATA).table)


def test_a_frame_becomes_a_pymc_model():
    a, b = (MODEL.to_pymc(data, exactly=1) for data in (FRAME, DATA))
    point = a.initial_point()
    assert a.compile_logp()(point) == b.compile_logp()(point)


KINDS = {
    "trials": {"count": COUNT, "trials": np.full(12, 50)},
    "counts": {"count": COUNT},
    "rates": {"rate": (COUNT + 1) / 50},
    "values": {"value": np.sqrt(COUNT + 1)},
    "outcomes": {"outcomes": np.column_stack([COUNT, 50 - COUNT])},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_model_may_be_left_out(kind):
    """Of data of every kind, in every way to say so."""
    data = Observations(**KINDS[kind])
    usual = fit(None, data)
    for other in (fit(data), fit(observations=data)):
        assert other.model == usual.model
        assert other.log_evidence == usual.log_evidence


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: fit(), "observations must be Observations or a data frame.*, not None"),
        (lambda: fit(MODEL), "observations must be .*, not None"),
        (lambda: fit(MODEL, "a.csv"), r"not a value of type str; a file is read first: .*read"),
        (lambda: fit(MODEL, COUNT), "type ndarray; numbers are given by role"),
        (lambda: fit(MODEL, {"count": COUNT}), "type dict; numbers are given by role"),
        (lambda: fit(MODEL, FRAME["visits"]), "type Series"),
        (
            lambda: fit(MODEL, pd.DataFrame({"a": ["x"] * 12, "b": ["y"] * 12})),
            "no column has a name",
        ),
        (lambda: MODEL.check(3), r"Model.check\(observations\): observations must be"),
        (lambda: MODEL.resolve(3), r"Model.resolve\(observations\): observations must be"),
        (lambda: MODEL.to_pymc(3, 1), r"Model.to_pymc\(observations\): observations must be"),
        (lambda: cp.compare_models([MODEL] * 2, 3), "observations must be .* type int"),
    ],
)
def test_what_is_no_data_is_named(call, said):
    with pytest.raises(DataError, match=said):
        call()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: fit(DATA, MODEL), "must be .* not data .*Observations.*: exchange the two"),
        (lambda: fit(FRAME, MODEL), "not data .*DataFrame.*: exchange the two"),
        (lambda: fit(DATA, Exact()), "name the engine"),
        (lambda: fit(DATA, DATA), "leave the model out"),
        (lambda: fit(families.Binomial(), DATA), r"not a likelihood alone: Model\(Binomial"),
        (lambda: fit("poisson", DATA), "model must be a Model, .*, not a value of type str"),
        (lambda: fit(Model, DATA), "model must be a Model, .*, not the class Model"),
        (lambda: fit(MODEL, DATA, "mcmc"), r"the engine must be Exact\(\) or MCMC\(\)"),
        (lambda: cp.batch.run(FRAME), "inputs must be files.*to_parquet"),
        (lambda: cp.batch.run(DATA), "inputs must be files"),
    ],
)
def test_what_is_no_model_is_named(call, said):
    with pytest.raises(ModelError, match=said):
        call()


def test_what_a_frame_says_is_warned_about_at_the_caller():
    odd = FRAME.drop(index=5)  # a day without a row
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(odd)
    assert [str(one.filename) for one in caught] == [__file__]


def test_columns_of_one_name_are_told_as_those_of_a_file():
    names = ["date", "conversions", "visits", "visits"]
    doubled = FRAME.assign(other=FRAME["visits"]).set_axis(names, axis=1)
    told = r"more than one column for a role.*'visits', 'visits'"
    for call in (lambda: fit(doubled), lambda: fit(MODEL, doubled)):
        with pytest.raises(DataError, match=told):
            call()
    beside = FRAME.assign(a=1, b=2).set_axis(
        ["date", "conversions", "visits", "x", "x"], axis=1
    )
    with pytest.warns(cp.DataWarning, match="columns not used: 'x'"):
        assert fit(MODEL, beside).log_evidence == fit(MODEL, DATA).log_evidence


@pytest.mark.parametrize(
    "data", ["table.csv", {"count": [1, 2]}, [1, 2, 3], np.ones(3)], ids=str
)
def test_data_alone_that_are_none_are_named(data):
    with pytest.raises(DataError, match=rf"not a value of type {type(data).__name__}; "):
        fit(data)


@pytest.mark.parametrize(
    ("changes", "rows", "remedy"),
    [
        (Changes(), 1, "1 row, .* at least 2. Use more rows.$"),
        (Changes(min_length=4), 7, "7 rows, .*Use more rows or a smaller min_length.$"),
        (Changes(exactly=3), 2, "Use more rows or fewer changes.$"),
    ],
)
def test_too_few_rows_are_told_what_would_help(changes, rows, remedy):
    data = Observations(count=COUNT[:rows], trials=np.full(rows, 50))
    with pytest.raises(DataError, match=remedy):
        fit(Model(families.Binomial(), changes), data)
