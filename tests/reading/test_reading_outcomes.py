"""Several outcomes per trial: columns of counts, or a column of labels."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

from changepoint.errors import DataError, DataWarning
from changepoint.reading import from_frame, read, read_csv, read_parquet

NAN = np.nan
STEPS = ["left", "carted", "bought"]
TABLE = (
    "date,left,carted,bought,visits\n"
    "2025-01-01,7,2,1,10\n"
    "2025-01-02,8,,0,9\n"
    "2025-01-03,9,4,2,many\n"
)
COUNTS = [[7, 2, 1], [8, NAN, 0], [9, 4, 2]]
TRIALS = (
    "when,step\n"
    "2025-01-01 10:00,left\n"
    "2025-01-01 11:00,bought\n"
    "2025-01-01 12:00,left\n"
    "2025-01-03 09:00,\n"
    "2025-01-03 10:00,carted\n"
)


# -- a column of counts for each outcome ------------------------------------------------------


def test_columns_of_counts(reads):
    observations = reads(TABLE, outcomes=STEPS)
    np.testing.assert_array_equal(observations.outcomes, COUNTS)
    assert observations.outcome_names == ("left", "carted", "bought")
    assert observations.response == "outcomes"
    assert observations.observed("outcomes").tolist() == [True, False, True]
    assert observations.columns == {"time": "date", "outcomes": "left, carted, bought"}
    assert observations.lines.tolist() == [2, 3, 4]


def test_the_order_is_that_asked_for_and_the_names_those_of_the_file(reads):
    observations = reads(TABLE, outcomes=[" BOUGHT", "Left"])
    assert observations.outcome_names == ("bought", "left")
    assert observations.outcomes.tolist() == [[1, 7], [0, 8], [2, 9]]


def test_no_other_column_is_looked_for(reads):
    """Visits would be trials, and in the third row they aren't even a number."""
    observations = reads(TABLE, outcomes=STEPS)
    assert observations.trials is None


def test_outcomes_are_never_found_by_their_names(reads):
    with pytest.raises(DataError, match=r"no column has a name that means a.*--outcome"):
        reads("date,outcomes,outcome\n2025-01-01,1,2\n")


def test_an_absent_row_of_the_grid_is_missing(reads):
    days = [day for day in range(1, 15) if day != 4]
    text = "date,a,b\n" + "".join(f"2025-01-{day:02},{day},1\n" for day in days)
    with pytest.warns(DataWarning, match="2025-01-04"):
        observations = reads(text, outcomes=["a", "b"])
    expected = np.array([[day, 1] for day in range(1, 15)], float)
    expected[3] = NAN
    np.testing.assert_array_equal(observations.outcomes, expected)


def test_counts_are_read_like_counts(reads):
    """1.234 is a thousand where others prove it; no count is a percentage."""
    text = "date;a;b\n2025-01-01;1.234;5\n2025-01-02;987;1001\n"
    with pytest.warns(DataWarning, match=r"1\.234 was read as 1234, for count are whole"):
        observations = reads(text, outcomes=["a", "b"])
    assert observations.outcomes.tolist() == [[1234, 5], [987, 1001]]
    with pytest.raises(DataError, match=r"column 'b'.*a count can't be a percentage"):
        reads("a,b\n1,5%\n", outcomes=["a", "b"])


def test_a_cell_that_is_no_number_is_named(reads):
    with pytest.raises(DataError, match=r"line 4, 2025-01-03, column 'visits', value 'many'"):
        reads(TABLE, outcomes=["left", "visits"])


def test_sums_by_week(reads):
    days = np.arange("2025-01-06", "2025-01-27", dtype="datetime64[D]")
    counts = np.random.default_rng(0).integers(0, 9, (21, 3)).astype(float)
    text = "date,left,carted,bought\n"
    for day, row in zip(days, counts.tolist(), strict=True):
        text += f"{day},{','.join(map(str, row))}\n"
    observations = reads(text, outcomes=STEPS, aggregate="week")
    np.testing.assert_array_equal(observations.outcomes, counts.reshape(3, 7, 3).sum(axis=1))
    assert observations.outcome_names == tuple(STEPS)


def test_a_row_that_is_partly_missing_is_left_out_of_the_sums(reads):
    text = "date,a,b\n2025-01-01,1,2\n2025-01-01,10,\n2025-01-02,,3\n"
    with pytest.warns(DataWarning, match=r"left out of the sums.*2025-01-01, 2025-01-02"):
        observations = reads(text, outcomes=["a", "b"], aggregate="day")
    np.testing.assert_array_equal(observations.outcomes, [[1, 2], [NAN, NAN]])


# -- a column of labels -----------------------------------------------------------------------


def test_a_row_per_trial(reads):
    text = "n,step\n1,left\n2,bought\n3,\n4,left\n5,carted\n"
    observations = reads(text, outcome="Step")
    assert observations.outcome_names == ("bought", "carted", "left")
    expected = [[0, 0, 1], [1, 0, 0], [NAN] * 3, [0, 0, 1], [0, 1, 0]]
    np.testing.assert_array_equal(observations.outcomes, expected)
    assert observations.columns == {"outcomes": "step"}
    assert observations.trials is None


def test_trials_become_counts_by_day(reads):
    with pytest.warns(DataWarning, match="left out of the sums of the period 2025-01-03"):
        observations = reads(TRIALS, time="when", outcome="step", aggregate="day")
    assert observations.outcome_names == ("bought", "carted", "left")
    assert observations.outcomes.tolist() == [[1, 0, 2], [0, 1, 0]]
    assert [observations.label(row) for row in (0, 1)] == ["2025-01-01", "2025-01-03"]


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["10", "9", "100"], ("9", "10", "100")),
        (["-1", "+2", "0"], ("-1", "0", "2")),
        (["1.0", "2.0", "10.0", "2"], ("1", "2", "10")),
        (["1", "10", "b"], ("1", "10", "b")),
        (["4.5", "5", "0.5"], ("0.5", "4.5", "5")),
    ],
)
def test_names_are_sorted_numbers_by_size(reads, cells, names):
    observations = reads("step\n" + "\n".join(cells) + "\n", outcome="step")
    assert observations.outcome_names == names
    found = [names[place] for place in observations.outcomes.argmax(axis=1)]
    by_size = [f"{float(cell):g}" if "b" not in cells else cell for cell in cells]
    assert found == by_size


def test_words_that_mean_missing_are_told(reads):
    with pytest.warns(DataWarning, match="cells that say 'none', 'NA' count as missing"):
        observations = reads("step\nnone\na\nb\nNA\n", outcome="step")
    assert observations.observed("outcomes").tolist() == [False, True, True, False]


def test_labels_that_differ_in_case_only_are_told(reads):
    with pytest.warns(DataWarning, match="'left', 'Left' differ in case or spaces only"):
        observations = reads("step\nleft\nLeft\nbought\n", outcome="step")
    assert observations.outcome_names == ("Left", "bought", "left")


# -- frames and Parquet -----------------------------------------------------------------------


def test_the_same_from_frames_and_parquet(tmp_path):
    path, text = tmp_path / "table.parquet", tmp_path / "table.csv"
    text.write_text(TABLE, encoding="utf-8")
    frame = pd.read_csv(text)
    frame.to_parquet(path)
    expected = read_csv(text, outcomes=STEPS).fingerprint()
    for found in (
        from_frame(frame, outcomes=STEPS),
        from_frame(pl.read_parquet(path), outcomes=tuple(STEPS)),
        read_parquet(path, outcomes=STEPS),
        read(path, outcomes=STEPS),
        read(text, outcomes=STEPS),
    ):
        assert found.fingerprint() == expected


@pytest.mark.parametrize(
    "cells",
    [
        [2, 10, None, 2],
        [2.0, 10.0, NAN, 2.0],
        ["2", "10", "", "2"],
        pd.Categorical([2, 10, None, 2]),
        pd.array([2, 10, None, 2], "Int64"),
    ],
    ids=["mixed", "floats", "text", "categories", "integers"],
)
def test_labels_of_any_type(cells, tmp_path):
    frame = pd.DataFrame({"class": cells})
    frame.to_parquet(tmp_path / "table.parquet")
    for found in (
        from_frame(frame, outcome="class"),
        read_parquet(tmp_path / "table.parquet", outcome="class"),
    ):
        assert found.outcome_names == ("2", "10")
        expected = [[1, 0], [0, 1], [NAN, NAN], [1, 0]]
        np.testing.assert_array_equal(found.outcomes, expected)


def test_booleans_are_outcomes():
    frame = pd.DataFrame({"ok": [True, False]})
    assert from_frame(frame, outcome="ok").outcome_names == (
        "0",
        "1",
    )


def test_dates_are_no_labels():
    frame = pd.DataFrame({"day": pd.to_datetime(["2025-01-01", "2025-01-02"])})
    with pytest.raises(DataError, match=r"column 'day': labels were expected.*dates"):
        from_frame(frame, outcome="day")


# -- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"outcomes": ["left", "lost"]},
            "table.csv: no column 'lost', asked for as outcomes[",
        ),
        ({"outcome": "lost"}, "table.csv: no column 'lost', asked for as outcome."),
        (
            {"outcomes": ["left", "bought", "LEFT"]},
            "column 'LEFT' was given for outcomes[0] and for outcomes[2]",
        ),
        ({"outcome": "date", "time": "date"}, "given for time and for outcome"),
        ({"outcomes": ["left"]}, "must be two columns of counts or more, not ['left']"),
        ({"outcomes": []}, "must be two columns of counts or more"),
        ({"outcomes": "left,carted"}, "two columns of counts or more, not 'left,carted'"),
        ({"outcomes": STEPS, "outcome": "left"}, "outcomes and outcome were both given"),
        ({"outcomes": STEPS, "count": "visits"}, "count can't be used together with outcomes"),
        ({"outcome": "left", "rate": "bought"}, "rate can't be used together with outcomes"),
        ({"outcomes": STEPS, "value": "visits"}, "value can't be used together with outcomes"),
        (
            {"outcomes": STEPS, "trials": "visits", "exposure": "left"},
            "trials and exposure can't be used together with outcomes, which are counts",
        ),
    ],
    ids=str,
)
def test_what_was_asked_for_cannot_be(reads, options, message):
    with pytest.raises(DataError, match=re.escape(message)):
        reads(TABLE, **options)


def test_two_columns_of_one_name_are_an_error(reads):
    with pytest.raises(DataError, match=r"2 columns 'a', asked for as outcomes\[0\]"):
        reads("a,a,b\n1,2,3\n", outcomes=["a", "b"])


def test_an_identifier_is_no_outcome(reads):
    def text(labels):
        return "visit\n" + "".join(f"v{label}\n" for label in range(labels)) * 2

    assert len(reads(text(50), outcome="visit").outcome_names) == 50
    with pytest.raises(DataError, match=r"column 'visit' has 51 .*'v0', .*like an identifier"):
        reads(text(51), outcome="visit")


@pytest.mark.parametrize(
    ("text", "found"), [("a\na\n", "only 'a'"), ("\n-\n", "none"), ("", "none")]
)
def test_fewer_than_two_outcomes_are_an_error(reads, text, found):
    with pytest.raises(DataError, match=f"table.csv: column 'step': two .* there is {found}"):
        reads("step\n" + text, outcome="step")
