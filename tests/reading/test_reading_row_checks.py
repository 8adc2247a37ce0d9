"""Rows are checked as they stand in the file, before they are summed."""

import warnings

import numpy as np
import pytest

import changepoint
from changepoint import batch
from changepoint.errors import SupportError
from changepoint.model import default_model
from changepoint.recommend import verdicts

DAYS = np.arange("2024-01-01", "2024-03-25", dtype="datetime64[D]")
BAD = {  # column, number, which rule it breaks; the sums of the week break none
    "more events than trials": ("orders", 900, "more events than trials"),
    "a negative count": ("orders", -3, "a negative count"),
    "a fraction": ("orders", 0.5, "a count that isn't a whole number"),
    "negative trials": ("visits", -50, "a negative number of trials"),
}


def table(tmp_path, column="orders", number=3, hidden=True):
    rows = {"orders": np.full(len(DAYS), 5.0), "visits": np.full(len(DAYS), 500.0)}
    rows[column][10] = number
    if hidden and number == 0.5:
        rows[column][11] = 1.5  # the sum is whole
    text = "".join(
        f"{day},{orders:g},{visits:g}\n"
        for day, orders, visits in zip(DAYS, rows["orders"], rows["visits"], strict=True)
    )
    path = tmp_path / "shop.csv"
    path.write_text("date,orders,visits\n" + text)
    return path


@pytest.mark.parametrize("kind", BAD)
def test_a_row_that_a_sum_would_hide_is_refused(tmp_path, kind):
    column, number, rule = BAD[kind]
    observations = changepoint.read_csv(table(tmp_path, column, number), aggregate="week")
    with pytest.raises(SupportError, match=rule) as caught:
        changepoint.fit(default_model(observations), observations)
    first = caught.value.problems.iloc[0]
    assert (first["line"], first["time"], first["column"]) == (12, "2024-01-11", "orders") or (
        column == "visits" and first["line"] == 12
    )
    found = {verdict.likelihood: verdict for verdict in verdicts(observations)}
    assert rule in str(found["beta-binomial"].error)


def test_rows_that_are_right_pass(tmp_path):
    observations = changepoint.read_csv(table(tmp_path), aggregate="week")
    assert observations.rows is not None and len(observations.rows) == len(DAYS)
    default_model(observations).check(observations)


def test_rows_without_a_number_are_left_out_not_refused(tmp_path):
    path = table(tmp_path)
    path.write_text(path.read_text().replace("2024-01-11,3,500", "2024-01-11,3,"))
    with warnings.catch_warnings(action="ignore"):
        observations = changepoint.read_csv(path, aggregate="week")
    assert "left out of the sums of the period 2024-01-08" in observations.warnings[0]
    assert observations.trials[1] == 6 * 500
    default_model(observations).check(observations)


def test_the_same_in_a_batch_of_files_and_of_a_long_table(tmp_path):
    bad, long = table(tmp_path, "orders", -3), tmp_path / "long.csv"
    lines = bad.read_text().splitlines()
    long.write_text("\n".join([f"{lines[0]},shop", *(f"{line},a" for line in lines[1:])]))
    for file, by in ((bad, None), (long, "shop")):
        out = tmp_path / f"out-{file.stem}"
        batch.run(file, None, out, by=by, aggregate="week")
        row = batch.read(out).iloc[0]
        assert row["status"] == "data_error"
        assert "line 12, 2024-01-11, column 'orders', value -3" in row["error"]


def test_outcomes_are_checked_by_row(tmp_path):
    path = tmp_path / "steps.csv"
    rows = "".join(f"{day},{-2 if i == 3 else 4},{6}\n" for i, day in enumerate(DAYS))
    path.write_text("date,left,bought\n" + rows)
    observations = changepoint.read_csv(path, outcomes=["left", "bought"], aggregate="week")
    with pytest.raises(SupportError, match="line 5, 2024-01-04, column 'left', value -2"):
        default_model(observations).check(observations)
