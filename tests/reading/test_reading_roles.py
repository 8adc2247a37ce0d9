"""Columns find their roles by name only, or as told."""

import pytest

from changepoint.errors import DataError
from changepoint.reading.roles import NAMES, find_roles


@pytest.mark.parametrize(("role", "name"), [(r, n) for r in NAMES for n in NAMES[r]])
def test_every_name_finds_its_role(role, name):
    header = ["label", f" {name.upper()} "] + (
        [] if role in ("count", "rate", "value") else ["y"]
    )
    assert find_roles(header, {}, None)[role] == 1


@pytest.mark.parametrize("name", ["counts", "count_1", "my count", "discount", "c"])
def test_only_exact_names_count(name):
    with pytest.raises(DataError, match="no column"):
        find_roles(["date", name], {}, None)


def test_no_response_lists_the_columns_and_the_flags():
    with pytest.raises(DataError) as caught:
        find_roles(["Datum", "Besuche"], {}, "x.csv")
    message = str(caught.value)
    for part in (
        "x.csv",
        "'Datum', 'Besuche'",
        "conversions",
        "--count",
        "--value",
        "count=...",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("header", "role"),
    [
        (["date", "day", "count"], "time: 'date', 'day'"),
        (["date", "clicks", "orders"], "count: 'clicks', 'orders'"),
        (["count", "Count"], "count: 'count', 'Count'"),
        (["count", "n", "visits"], "trials: 'n', 'visits'"),
    ],
)
def test_two_matches_are_an_error(header, role):
    with pytest.raises(DataError, match=role):
        find_roles(header, {}, None)


def test_all_ambiguous_roles_are_named_at_once():
    with pytest.raises(DataError, match=r"time: .*trials: "):
        find_roles(["date", "day", "count", "n", "visits"], {}, None)


def test_a_column_asked_for_wins_and_is_used_once():
    header = ["date", "day", "clicks", "orders", "visits"]
    asked = {"time": "DATE ", "count": "orders", "trials": " Clicks"}
    assert find_roles(header, asked, None) == {"time": 0, "count": 3, "trials": 2}


def test_a_response_asked_for_is_the_only_one():
    header = ["date", "clicks", "orders", "n", "visits", "ctr"]
    assert find_roles(header, {"rate": "ctr"}, None) == {"time": 0, "rate": 5}


def test_exact_case_settles_columns_that_differ_in_case_only():
    assert find_roles(["x", "X"], {"count": "X"}, None) == {"count": 1}
    with pytest.raises(DataError, match="2 columns 'x '"):
        find_roles(["x", "X"], {"count": "x "}, None)


def test_an_absent_column_is_an_error_that_lists_the_columns():
    with pytest.raises(
        DataError, match=r"no column 'zeit', asked for as time.*'date', 'count'"
    ):
        find_roles(["date", "count"], {"time": "zeit"}, None)


def test_one_column_for_two_roles_is_an_error():
    with pytest.raises(DataError, match="given for count and for trials"):
        find_roles(["date", "a"], {"count": "a", "trials": "A"}, None)


def test_other_columns_are_ignored(reads):
    observations = reads("date,count,comment\n2020-01-01,1,??\n2020-01-02,2,!!\n")
    assert observations.columns == {"time": "date", "count": "count"}
    assert observations.file.endswith("table.csv")


def test_long_headers_are_shortened():
    with pytest.raises(DataError, match="and 70 more"):
        find_roles([f"column {i}" for i in range(100)], {}, None)
