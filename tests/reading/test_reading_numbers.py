"""Decimal signs, thousands, percentages, missing values, and cells that aren't numbers."""

import re

import numpy as np
import pytest

from changepoint.errors import DataError, DataWarning


def column(cells, name="value", delimiter=";", other=()):
    """Write a table with a column of cells, and another (name, cells) as evidence."""
    names = [name, *other[:1]]
    rows = [[f'"{cell}"' for cell in row] for row in zip(cells, *other[1:], strict=True)]
    return "\n".join(
        delimiter.join(row) for row in [["id", *names], *[["a", *r] for r in rows]]
    )


def numbers(reads, cells, role="value", **options):
    return getattr(reads(column(cells, role, **options)), role).tolist()


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "-2", "+3", "007"], [1, -2, 3, 7]),
        (["1.5", ".5", "5.", "1e-3"], [1.5, 0.5, 5, 0.001]),
        (["1,5", ",5", "5,", "1,5E3"], [1.5, 0.5, 5, 1500]),
        (["1,234.5", "12"], [1234.5, 12]),
        (["1.234,5", "12"], [1234.5, 12]),
        (["1.234.567", "1.234"], [1234567, 1234]),
        (["1,234,567", "1,234"], [1234567, 1234]),
        (["1 234", "1\u00a0234", "1\u202f234,5"], [1234, 1234, 1234.5]),
        (["1'234", "12’345.5"], [1234, 12345.5]),
        (["−1.5", "2"], [-1.5, 2]),
        (["inf", "-Infinity", "∞", "1e999"], [np.inf, -np.inf, np.inf, np.inf]),
        (["1.3 %", "0.9%"], [0.013, 0.009]),
        (["1,3\u00a0%", "100%"], [0.013, 1]),
        (["0.012", "0.013"], [0.012, 0.013]),  # no thousands: they begin with 0
        (["  1.5 ", "2"], [1.5, 2]),
    ],
)
@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_ways_of_writing_are_found_in_the_column(reads, cells, expected, delimiter):
    assert numbers(reads, cells, delimiter=delimiter) == expected


@pytest.mark.parametrize(
    ("cells", "role", "delimiter", "expected"),
    [
        (["1.234", "2.345"], "value", ",", [1.234, 2.345]),
        (["1.234", "987"], "value", "\t", [1.234, 987]),
        (["1,234", "2,345"], "value", ",", [1234, 2345]),
        (["1,234", "2,345"], "value", ";", [1.234, 2.345]),
        (["1,234 %", "2,345 %"], "rate", ";", [0.01234, 0.02345]),
        (["1,234", "987"], "count", ",", [1234, 987]),
        (["1,234", "2,345"], "value", "\t", None),
        (["1,234", "2,345"], "rate", "|", None),
        (["1.234", "987"], "value", ";", None),
        (["1.000", "2.000"], "count", ";", None),
        (["1,000", "2,000"], "count", "\t", None),
        (["1.234", "2,345"], "value", ";", None),
    ],
)
def test_unclear_columns_are_settled_by_the_delimiter_or_refused(
    reads, cells, role, delimiter, expected
):
    if expected is not None:
        assert numbers(reads, cells, role, delimiter=delimiter) == expected
        return
    with pytest.raises(DataError, match=r"line 2, .*can mean .*without thousands separators"):
        numbers(reads, cells, role, delimiter=delimiter)


def test_points_of_a_semicolon_file_are_said_where_they_could_be_thousands(reads):
    with pytest.warns(DataWarning, match="9.059 was read as 9.059, .* means 9059, write"):
        assert numbers(reads, ["9.059", "8.123"]) == [9.059, 8.123]


@pytest.mark.parametrize("role", ["value", "count"])
def test_columns_without_a_role_are_evidence(reads, role):
    """German thousands beside decimal commas, in whatever column."""
    text = column(["9.059", "7.685", "10.000"], role, ";", ("price", ["0,102", "1,5", "2"]))
    with pytest.warns(DataWarning, match="columns not used: 'price'"):
        assert getattr(reads(text), role).tolist() == [9059, 7685, 10000]


@pytest.mark.parametrize(
    ("cells", "evidence", "expected"),
    [
        (["1.234", "987"], ["0,5", "1,25"], [1234, 987]),
        (["1,234", "987"], ["0,5", "1,25"], [1.234, 987]),
        (["1,234", "987"], ["0.5", "1.25"], [1234, 987]),
    ],
)
def test_other_columns_are_evidence(reads, cells, evidence, expected):
    for delimiter in ";\t":
        text = column(cells, "value", delimiter, ("hours", evidence))
        assert reads(text).value.tolist() == expected


@pytest.mark.parametrize(("cell", "delimiter"), [("1.234", ";"), ("1,234", "\t")])
def test_counts_are_whole_so_these_are_thousands(reads, cell, delimiter):
    with pytest.warns(DataWarning, match=f"{cell} was read as 1234"):
        assert numbers(reads, [cell, "987"], "count", delimiter=delimiter) == [1234, 987]


def test_single_column_with_decimal_comma(reads):
    assert reads("rate\n0,013\n0,02\n").rate.tolist() == [0.013, 0.02]


@pytest.mark.parametrize(
    "cell",
    ["NA", "n/a", "NaN", "null", "None", "-", "–", "#N/A", "#DIV/0!", "#NV", " na "],
)
def test_missing_values_stay_missing_and_are_counted(reads, cell):
    said = (
        rf"'value': 3 cells count as missing: '{re.escape(cell.strip())}' \(2\), 'k.A.' \(1\)"
    )
    with pytest.warns(DataWarning, match=said):
        read = numbers(reads, ["1.5", cell, "2", "k.A.", cell, ""])
    np.testing.assert_array_equal(read, [1.5, np.nan, 2, np.nan, np.nan, np.nan])


@pytest.mark.parametrize("cell", ["", "  "])
def test_empty_cells_are_missing(reads, cell):
    assert np.isnan(numbers(reads, ["1.5", cell, "2"])[1])


@pytest.mark.parametrize("cell", ["#REF!", "#VALUE!", "#NAME?"])
def test_other_errors_of_spreadsheets_are_to_be_mended(reads, cell):
    with pytest.raises(DataError, match="a number was expected"):
        numbers(reads, ["1.5", cell, "2"])


@pytest.mark.parametrize(
    "cell",
    [
        "x",
        "1,5,5",
        "1.2.3",
        "1_000",
        "0x10",
        "1 2",
        "12 34",
        "1e",
        "--1",
        "1-2",
        "٣",
        "%",
        "5 %%",
    ],
)
def test_what_is_no_number_is_a_problem(reads, cell):
    with pytest.raises(DataError, match="line 3") as caught:
        numbers(reads, ["1.5", cell, "2"])
    (problem,) = caught.value.rows
    assert problem.line == 3
    assert problem.column == "value"
    assert problem.value == repr(cell)
    assert problem.rule and problem.remedy


def test_all_bad_cells_are_told_at_once(reads):
    text = "date;count;trials\n2020-01-01;x;100\n2020-13-01;2;y\n;3;€5\n2020-01-04;1,5;100\n"
    with pytest.raises(DataError, match="6 cells") as caught:
        reads(text + "2020-01-05;1.5;100\n")
    assert [(row.line, row.column) for row in caught.value.rows] == [
        *[(2, "count"), (3, "date"), (3, "trials"), (4, "date"), (4, "trials"), (5, "count")]
    ]
    assert caught.value.rows[0].time == "2020-01-01"
    assert "currency" in str(caught.value)


def test_mixing_decimal_signs_is_a_problem(reads):
    with pytest.raises(DataError, match=r"line 4.*'2,5'.*decimal point"):
        numbers(reads, ["1.5", "1.25", "2,5"])


def test_mixing_percent_and_plain_is_a_problem(reads):
    with pytest.raises(DataError, match=r"line 3.*mixes percentages"):
        numbers(reads, ["1.3 %", "0.5", ""], "rate")


def test_a_count_is_no_percentage(reads):
    with pytest.raises(DataError, match="count can't be a percentage"):
        numbers(reads, ["13 %", "5 %"], "count")


def test_percentages_are_rounded_once(reads):
    percents = [f"{number / 100:.2f}%" for number in range(1, 1000)]
    rates = numbers(reads, percents, "rate")
    assert rates == [float(f"{number / 10000:.4f}") for number in range(1, 1000)]
