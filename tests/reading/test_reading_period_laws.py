"""Laws of sums by period: the numbers are those of the table that the file was made from."""

import warnings

import numpy as np
import pytest

from changepoint.errors import DataError, DataWarning
from changepoint.reading import read_csv

DAY, MONTH = np.timedelta64(1, "D"), np.timedelta64(1, "M")


def period_of(day, period):
    if period == "month":
        return str(day.astype("datetime64[M]").astype("datetime64[D]"))
    return str(day - DAY * int((day.astype(int) + 3) % 7))


def days_of(start, period):
    first = np.datetime64(start)
    if period == "week":
        return np.arange(first, first + 7 * DAY)
    return np.arange(first, (first.astype("datetime64[M]") + MONTH).astype("datetime64[D]"))


def summed(path, **options):
    """Return the sums by period, without missing ones."""
    with warnings.catch_warnings(action="ignore", category=DataWarning):
        found = read_csv(path, **options)
    return {
        found.label(i): (found.count[i], None if found.trials is None else found.trials[i])
        for i in range(len(found))
        if not np.isnan(found.count[i])
    }


def table(rng, path, trials):
    """Write a table of days, a few of which are absent, in any order; return it."""
    first = np.datetime64("2023-01-01") + DAY * int(rng.integers(0, 700))
    days = first + DAY * np.arange(int(rng.integers(40, 200)))
    absent = rng.random(len(days)) < rng.choice([0, 0.02, 0.1])
    absent[[0, -1]] = False
    kept = days[~absent]
    rows = {day: (int(rng.poisson(60)), int(rng.integers(500, 600))) for day in kept}
    order = rng.permutation(kept) if rng.random() < 0.5 else kept
    cells = (f"{day},{rows[day][0]}" + f",{rows[day][1]}" * trials for day in order)
    path.write_text("date,orders" + ",visits" * trials + "\n" + "\n".join(cells))
    return rows


def whole_periods(rows, period):
    """Return the sums of the periods all of whose days have a row, and which of all have."""
    sums, whole = {}, set()
    for day, numbers in rows.items():
        name = period_of(day, period)
        sums[name] = np.add(sums.get(name, (0, 0)), numbers)
    for name in sums:
        if all(day in rows for day in days_of(name, period)):
            whole.add(name)
    return sums, whole


@pytest.mark.parametrize("period", ["week", "month"])
@pytest.mark.parametrize("seed", range(40))
def test_counts_are_those_of_whole_periods(tmp_path, period, seed):
    rows = table(np.random.default_rng(seed), tmp_path / "t.csv", trials=False)
    sums, whole = whole_periods(rows, period)
    want = {name: sums[name][0] for name in whole}
    try:
        found = summed(tmp_path / "t.csv", aggregate=period)
    except DataError as error:
        assert not want and "--keep-partial" in str(error)
        return
    assert {name: number for name, (number, _) in found.items()} == want
    every = summed(tmp_path / "t.csv", aggregate=period, keep_partial=True)
    assert {n: s[0] for n, s in every.items()} == {n: s[0] for n, s in sums.items()}


@pytest.mark.parametrize("seed", range(40))
def test_with_trials_a_week_is_kept_if_its_mix_of_days_is(tmp_path, seed):
    rows = table(np.random.default_rng(seed), tmp_path / "t.csv", trials=True)
    sums, _ = whole_periods(rows, "week")

    def kept(name):
        there = [day in rows for day in days_of(name, "week")]
        return all(there[5:]) and sum(there) >= 4

    found = summed(tmp_path / "t.csv", aggregate="week")
    assert found == {name: tuple(sums[name]) for name in sums if kept(name)}


@pytest.mark.parametrize("period", ["day", "week", "month"])
@pytest.mark.parametrize("seed", range(40))
def test_a_log_counts_every_period_from_its_first_to_its_last(tmp_path, period, seed):
    rng = np.random.default_rng(seed)
    first = np.datetime64("2023-01-01") + DAY * int(rng.integers(0, 700))
    days = first + DAY * np.arange(int(rng.integers(60, 200)))
    events = days[rng.random(len(days)) < rng.choice([0.1, 0.3])]
    events = np.append(events, [days[3], days[-4]])
    stamps = [f"{day}T{rng.integers(24):02d}:{rng.integers(60):02d}" for day in events]
    (tmp_path / "log.csv").write_text("created\n" + "\n".join(rng.permutation(stamps)))
    want = {}
    for name in {period_of(day, period) if period != "day" else str(day) for day in days}:
        inside = [np.datetime64(name)] if period == "day" else days_of(name, period)
        if all(days[0] <= day <= days[-1] for day in inside):
            want[name] = sum(day in inside for day in events)
    ends = {"start": str(days[0]), "end": str(days[-1])}
    found = summed(tmp_path / "log.csv", events="created", aggregate=period, **ends)
    assert {name: number for name, (number, _) in found.items()} == want
