"""Dates without a year: asked for, told, and checked by their weekdays."""

import re
from datetime import date, timedelta

import numpy as np
import pytest

from changepoint.errors import DataError, DataWarning

FORMS = ["%a, %b {day}", "%B {day}", "{day} %b", "{day}. %b", "%A %b {day}"]


def table(days, form):
    cells = [day.strftime(form.format(day=day.day)) for day in days]
    return "date;count\n" + "".join(f"{cell};{i}\n" for i, cell in enumerate(cells))


def run(first, rows, step=1):
    return [first + timedelta(days=step * row) for row in range(rows)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("days", "last"),
    [
        (run(date(2025, 10, 11), 30), 2025),
        (run(date(2024, 12, 20), 30), 2025),
        (run(date(2023, 11, 6), 70, 7), 2025),
        (run(date(2024, 2, 25), 10), 2024),
        (run(date(2025, 1, 9), 30, -1), 2024),
    ],
)
def test_the_year_of_the_first_row_is_asked_for_and_counted_on(reads, form, days, last):
    text = table(days, form)
    with pytest.raises(DataError, match=r"line 2, .*a date without a year.* --year 2024"):
        reads(text)
    with pytest.warns(DataWarning) as caught:
        found = reads(text, year=days[0].year)
    assert re.search(f"dates without a year: .* {last}$", str(caught[0].message))
    assert found.time.astype("datetime64[D]").tolist() == sorted(days)


def test_weekdays_tell_a_wrong_year(reads):
    with pytest.raises(DataError, match=r"line 2, .*'Sat, Oct 11': 2024-10-11 is a Fri: "):
        reads(table(run(date(2025, 10, 11), 30), FORMS[0]), year=2024)


def test_a_day_that_the_year_does_not_have_is_named(reads):
    with pytest.raises(DataError, match=r"line 3, .*'Feb 29'"):
        reads(table(run(date(2024, 2, 28), 5), "%b {day}"), year=2023)


def test_clock_times_stay(reads):
    with pytest.warns(DataWarning, match="read as those of 2024"):
        found = reads("date,count\nOct 11 08:00,1\nOct 11 20:00,2\nOct 12 08:00,3\n", year=2024)
    assert found.time[1] == np.datetime64("2024-10-11T20:00")


@pytest.mark.parametrize("year", [0, 10000, 2024.5, "2024", True])
def test_a_year_is_a_year(reads, year):
    with pytest.raises(DataError, match="year is that of the first row"):
        reads("date,count\nOct 11,1\n", year=year)


def test_a_year_beside_dates_that_have_one_is_refused(reads):
    with pytest.raises(DataError, match="aren't dates without one: leave it out"):
        reads("date,count\n2024-10-11,1\n", year=2024)
