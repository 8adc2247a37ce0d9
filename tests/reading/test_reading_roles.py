"""Columns find their roles by name only, or as told; the table of roles and what spells it."""

import dataclasses
import inspect
import itertools
import re
import unicodedata
from pathlib import Path
from typing import get_type_hints

import pytest

from changepoint import Observations, from_frame, read_csv, read_parquet
from changepoint.cli.columns import Columns
from changepoint.errors import DataError
from changepoint.likelihoods import FAMILIES
from changepoint.reading import parts, read
from changepoint.reading.matching import find_roles, meaning, normal, spellings
from changepoint.reading.outcomes import asked_for
from changepoint.reading.readers import Options
from changepoint.roles import BY_NAME, RESPONSES, ROLES, TABLE

OTHERS = (
    *("aggregate", "statistic", "keep_partial", "start", "end", "zone", "exclude"),
    *("per", "year", "difference"),
)
NAMED = [role for role in TABLE if role.names]
ROOT = Path(__file__).parents[2]


def written(name):
    """Return the ways in which tables write a name."""
    for spelling in spellings(name):
        yield from (spelling, spelling.upper(), spelling.capitalize(), f" {spelling} ")
        yield from (unicodedata.normalize("NFD", spelling), f"\ufeff{spelling}")


def beside(role):
    """Return the columns without which a column of this role isn't looked at."""
    if role.behind:
        return [role.behind]
    return [] if role.response else ["count"]


@pytest.mark.parametrize(("role", "name"), [(r.name, n) for r in NAMED for n in r.names])
def test_every_name_finds_its_role_however_it_is_written(role, name):
    for spelling in written(name):
        header = ["label", spelling, *beside(BY_NAME[role])]
        assert find_roles(header, {}, None)[role] == 1, spelling


@pytest.mark.parametrize("role", NAMED, ids=lambda role: role.name)
def test_two_names_of_a_role_are_an_error_that_asks_which(role):
    for pair in itertools.combinations(role.names, 2):
        if set(beside(role)) & set(pair) or parts.by_name(dict(enumerate(map(normal, pair)))):
            continue  # year and month are one time
        with pytest.raises(DataError) as caught:
            find_roles([*pair, *beside(role)], {}, None)
        message = str(caught.value)
        assert (
            f"more than one column for a role ({role.name}: {pair[0]!r}, {pair[1]!r})"
            in message
        )
        assert "Say which column is which with --time, --count, --trials" in message


def test_no_name_has_two_roles():
    owners = {}
    for role in NAMED:
        for spelling in {s for name in role.names for s in spellings(name)}:
            assert owners.setdefault(spelling, role.name) == role.name, spelling
            assert meaning(spelling) == role.name


def test_names_stand_in_the_table_once_as_they_are_compared():
    names = [name for role in NAMED for name in role.names]
    assert [name for name in names if name != normal(name)] == []
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Käufe", "käufe"), ("KAEUFE", "käufe"), ("kaufe", "käufe"),
        ("Événements", "événements"), ("EVENEMENTS", "événements"),
        ("Annee", "année"), ("Bevoelkerung", "bevölkerung"),
    ],
)  # fmt: skip
def test_umlauts_and_accents_may_be_written_otherwise(written, name):
    assert meaning(written) == meaning(name) is not None


def test_what_a_row_says_fits_together():
    assert list(BY_NAME) == [role.name for role in TABLE]  # each name once
    for role in TABLE:
        assert role.about.endswith(".")
        assert role.behind is None or role.behind in RESPONSES
        assert role.default is None or role.default in FAMILIES
        assert (role.default is not None) or not role.response
        assert role.numbers or not (role.response or role.whole or role.percent or role.summed)


# What follows spells roles once more; it has those of the table.


def test_observations_have_a_field_for_each_role_that_is_numbers():
    fields = [field.name for field in dataclasses.fields(Observations)]
    assert tuple(fields[: len(ROLES)]) == ROLES
    assert set(fields) - set(ROLES) == {
        *("outcome_names", "time", "file", "lines", "columns", "copies", "warnings", "rows"),
        *("covariates", "date_format", "zone"),
    }
    documented = re.findall(r"^(\w+)$", inspect.getdoc(Observations), re.M)
    assert [name for name in documented if name in ROLES] == list(ROLES)


def test_readers_take_a_column_for_each_role():
    several = {role.name for role in TABLE if role.several}
    hints = get_type_hints(Options)
    assert list(hints) == [*BY_NAME, *OTHERS]
    assert {name for name, hint in hints.items() if "Sequence" in str(hint)} == several
    for reader in (read, read_csv, read_parquet, from_frame):
        told = inspect.signature(reader).parameters
        assert [name for name in told if name in hints] == list(hints)
        with pytest.raises(TypeError, match=f"{reader.__name__}.*'cuont'"):
            reader("data/nile.csv", cuont="flow")


def test_the_command_has_an_option_for_each_role():
    fields = [field.name for field in dataclasses.fields(Columns)]
    assert fields == [
        *(*BY_NAME, "date_format", *OTHERS[:-3], "percent", *OTHERS[-3:]),
        *("query", "sheet"),
    ]


def test_options_of_columns_in_the_readme_are_roles_and_their_names_are_known():
    """What the README types is what a reader copies."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    told = {role: name for role, name in re.findall(r"--(\w+) (\w+)", text) if role in BY_NAME}
    assert {"count", "trials"} <= set(told)
    for role in NAMED:
        assert told.get(role.name, role.names[0]) in role.names


def test_there_is_no_other_role():
    with pytest.raises(DataError, match="no role 'cuont'; there are time, count"):
        asked_for({"cuont": "clicks"})


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
        (["Datum", "Requests", "users", "errors"], "trials: 'Requests', 'users'"),
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


# -- names that may mean other things ---------------------------------------------------------

SPARE = [(role.name, name) for role in TABLE for name in role.spare]


@pytest.mark.parametrize(("role", "name"), SPARE)
def test_a_spare_name_counts_where_nothing_else_is_behind_the_count(role, name):
    for spelling in (name, name.upper(), f" {name} "):
        found = find_roles(["date", "cases", spelling], {}, None)
        assert found == {"time": 0, "count": 1, role: 2}


@pytest.mark.parametrize(("_", "name"), SPARE)
@pytest.mark.parametrize("clear", [n for r in TABLE if r.behind for n in r.names])
def test_it_leaves_what_was_clear(clear, _, name):
    assert name not in {n for role in TABLE for n in role.names}
    header = ["date", "cases", clear]
    assert find_roles([*header, name], {}, None) == find_roles(header, {}, None)


def test_it_leaves_what_was_told_and_what_is_no_count():
    header = ["date", "cases", "pop", "beds"]
    assert find_roles(header, {"exposure": "beds"}, None)["exposure"] == 3
    assert set(find_roles(header, {"trials": "beds"}, None)) == {"time", "count", "trials"}
    assert "exposure" not in find_roles(header, {"trials": "100"}, None)
    assert set(find_roles(["date", "rate", "pop"], {}, None)) == {"time", "rate"}


def test_two_of_them_are_an_error():
    with pytest.raises(
        DataError, match=r"more than one column for a role .*'pop', 'inhabitants'"
    ):
        find_roles(["date", "cases", "pop", "inhabitants"], {}, None)
