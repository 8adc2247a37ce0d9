"""Missing rows: a factor of 1, but rows all the same."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from cases import CASES, Marginals, check, simulate, with_missing
from numpy.typing import NDArray

from changepoint import Changes, Exact, Model, Observations, fit
from changepoint.effects import Memory, Weekday
from changepoint.effects.base import Effect
from changepoint.observations import ROLES

T = 30


def pad(data: Observations, before: int, after: int) -> Observations:
    """Rows without data in front and behind."""
    columns = {
        role: np.pad(
            numbers, [(before, after)] + [(0, 0)] * (numbers.ndim - 1), constant_values=np.nan
        )
        for role in ROLES
        if (numbers := getattr(data, role)) is not None
    }
    return Observations(**columns)


def filled(name: str, changes: Changes, data: Observations) -> Model:
    return Model(CASES[name].models[0], changes).resolve(data)


@pytest.mark.parametrize("m", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_rows_added_at_the_ends_change_no_segment(name: str, m: int) -> None:
    """Given the weight of a change, the answer is that of the observed rows.

    With m = 1 every placement among the rows in the middle keeps its odds: changes in empty
    rows only multiply the sum.
    """
    data = simulate(name, 2, T)
    changes = Changes(every=20, min_length=m)
    model = filled(name, changes, data)
    before, after = 4, 6
    inner = Marginals.of(model, data)
    outer = Marginals.of(model, pad(data, before, after))
    middle = slice(before + 1, before + T)
    if m == 1:
        errors = {
            "P(change at s)": np.abs(outer.change[middle] - inner.change[1:]).max(),
            "mean": (np.abs(outer.mean[before : before + T] - inner.mean) / inner.sd).max(),
        }
        # A change in an empty row stands there with its prior probability, the hazard.
        empty = np.r_[outer.change[1 : before + 1], outer.change[before + T :]]
        errors["P(change in an empty row)"] = np.abs(empty - 1 / 20).max()
        rho = (1 / 20) / (1 - 1 / 20)
        longer = (
            model.changes.log_number(before + T + after)[0] - model.changes.log_number(T)[0]
        )
        extra = (before + after) * math.log1p(rho) + longer
        errors["log evidence"] = abs(outer.log_evidence - inner.log_evidence - extra)
        check(
            {key: float(error) for key, error in errors.items()},
            1e-5 if model.likelihood.hyper else 1e-9,
        )
    else:
        # No empty row is free of the past: but the first m rows can hold no change.
        assert not outer.change[:m].any()
        assert not outer.change[before + T + after - m + 1 :].any()


@pytest.mark.parametrize("name", CASES)
def test_an_empty_row_takes_the_parameter_of_its_neighbours(name: str) -> None:
    """In a long gap the posterior reaches towards the prior, and is symmetric for T rows."""
    data = simulate(name, 2, T)
    rows = np.zeros(T, bool)
    rows[10:20] = True
    model = filled(name, Changes(exactly=0), data)
    found = Marginals.of(model, with_missing(data, rows))
    kept = Observations(
        **{
            role: numbers[~rows]
            for role in ROLES
            if (numbers := getattr(data, role)) is not None
        }
    )
    dropped = Marginals.of(model, kept)
    errors = {
        "log evidence": abs(found.log_evidence - dropped.log_evidence),
        "mean": (np.abs(found.mean - dropped.mean[0]) / dropped.sd[0]).max(),
    }
    check({key: float(error) for key, error in errors.items()}, 1e-9)


@pytest.mark.parametrize("name", CASES)
def test_missing_rows_count_for_placements(name: str) -> None:
    """Exactly one change in a series with a gap: every row of the gap is equally likely."""
    data = simulate(name, 2, T)
    rows = np.zeros(T, bool)
    rows[12:18] = True
    found = Marginals.of(filled(name, Changes(exactly=1), data), with_missing(data, rows))
    gap = found.change[12:19]
    check({"P(change at s)": float(np.ptp(gap) / gap.mean())}, 1e-9)
    assert gap.mean() > 1e-4


def emptied(data: Observations, rows: NDArray[np.bool_]) -> Observations:
    """No event and nothing that there could have been one in, in some rows, by the day."""
    assert data.count is not None
    return Observations(
        time=np.arange("2024-01-01", T, dtype="datetime64[D]"),
        count=np.where(rows, 0, data.count),
        trials=None if data.trials is None else np.where(rows, 0, data.trials),
        exposure=None if data.exposure is None else np.where(rows, 0, data.exposure),
    )


DIVIDED = [
    name
    for name, case in CASES.items()
    if case.models[0].divisor(simulate(name, 2, T)) in ("trials", "exposure")
]
ROWS_OF_NOTHING = [
    *[(name, []) for name in DIVIDED],
    *[(n, [Weekday()]) for n in DIVIDED if CASES[n].models[0].unshiftable is not None],
    ("binomial", [Memory()]),
    ("poisson", [Memory()]),
]


@pytest.mark.parametrize(("name", "effects"), ROWS_OF_NOTHING, ids=str)
def test_a_row_of_nothing_says_what_a_missing_one_does(
    name: str, effects: list[Effect]
) -> None:
    """0 events of 0 trials, or without exposure."""
    data, rows = simulate(name, 2, T), np.zeros(T, bool)
    rows[[0, 4, 17, 18]] = True
    nothing, whole = emptied(data, rows), emptied(data, ~rows & rows)
    model = Model(CASES[name].models[0], effects=effects).resolve(whole)
    found, missing = (
        fit(model, some, Exact(draws=20))
        for some in (nothing, replace(whole, count=np.where(rows, np.nan, whole.count)))
    )
    errors = {
        "log evidence": abs(found.log_evidence - missing.log_evidence),
        "P(change)": np.abs(found.change_probability - missing.change_probability).max(),
        "mean, band": np.abs(found.arrays.rows - missing.arrays.rows).max(),
    }
    check({key: float(error) for key, error in errors.items()}, 1e-9)


@pytest.mark.parametrize("effect", [Weekday(), Memory()], ids=["week", "memory"])
def test_two_events_at_once_are_a_short_wait(effect: Effect) -> None:
    """A waiting time of 0 has no finite rate, and says no less than one of next to nothing."""
    y = np.random.default_rng(1).exponential(2, T)
    time = np.arange("2024-01-01", T, dtype="datetime64[D]")
    y[[10, 11]] = 0.0
    short = np.where(y == 0, 1e-9, y)
    model = Model(CASES["exponential"].models[0], effects=[effect])
    zero, small = (
        fit(model.resolve(Observations(value=y, time=time)), Observations(value=v, time=time))
        for v in (y, short)
    )
    assert zero.log_evidence == pytest.approx(small.log_evidence, abs=0.02)
    assert zero.probability_of_change == pytest.approx(small.probability_of_change, abs=0.01)
