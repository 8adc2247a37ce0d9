"""Windows that surely hold a change, against sums over every placement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from cases import CASES, answer, inferred, simulate
from closed_cases import CLOSED, closed_data
from numpy.typing import NDArray
from test_averages import data as averaged_data
from test_averages import parts
from test_closed_forms import enumerated as closed_enumerated
from test_closed_forms import family_tables
from test_closed_forms import inside as closed_inside
from test_enumeration import enumerated

from changepoint import (
    Changes,
    DataError,
    Exact,
    Model,
    Observations,
    Posterior,
    effects,
    fit,
    likelihoods,
)
from changepoint.exact import hyper_mixture as mixtures
from changepoint.likelihoods import Auto
from changepoint.results.result import Draws
from changepoint.results.summaries import changes_of, inside_by_draws
from changepoint.results.sure_changes import Window, sure_windows

Chance = Callable[[NDArray[np.bool_]], NDArray[np.float64]]

SOME = (
    Changes(probability=0.9),
    Changes(at_most=2, min_length=2),
    Changes(exactly=2),
)
MASSES = (0.95, 0.5, 0.15)
DRAWS_SAY = 0.03  # how far a few hundred draws may be off, in what they add to exact sums
TOLERANCE = 1e-6


def rows_of(T: int, first: int, last: int) -> NDArray[np.bool_]:
    rows = np.arange(T)
    return (rows >= first) & (rows <= last)


def shortest(chance: Chance, T: int, low: int, high: int, mass: float) -> Window | None:
    """The shortest window, of equally long ones the most probable, by trying all."""
    pairs = [(a, b) for a in range(low, high + 1) for b in range(a, high + 1)]
    if not pairs:
        return None
    p = chance(np.array([rows_of(T, *pair) for pair in pairs]))
    held = [Window(*pair, float(one)) for pair, one in zip(pairs, p, strict=True)]
    kept = [one for one in held if one.probability > mass - 1e-9]
    order = [(w.last - w.first, -round(w.probability, 7), w.first) for w in kept]
    return kept[min(range(len(kept)), key=order.__getitem__)] if kept else None


def greedy(chance: Chance, T: int, mass: float) -> Iterator[tuple[int, int]]:
    left = [(1, T - 1)]
    while left:
        low, high = left.pop()
        best = shortest(chance, T, low, high, mass)
        if best is not None:
            yield best.first, best.last
            left += [(low, best.first - 1), (best.last + 1, high)]


def check(posterior: Posterior, chance: Chance) -> int:
    """The laws of sure changes, by a chance that is known otherwise; how many there are."""
    T, number = len(posterior.observations), 0
    for mass in MASSES:
        found = posterior.sure_changes(mass)
        number += len(found)
        ends = [(0, 0), *(one.rows for one in found), (T, T)]
        for (_, before), (after, _) in pairwise(ends):
            assert before < after
            if after > before + 1:  # nowhere between them is there another
                assert chance(rows_of(T, before + 1, after - 1)[None])[0] < mass + TOLERANCE
        for one in found:
            p = float(chance(rows_of(T, *one.rows)[None])[0])
            assert one.probability == pytest.approx(p, abs=TOLERANCE)
            assert one.probability >= mass
            assert one.rows[0] <= one.index <= one.rows[1]
            assert one.difference.lower <= one.difference.mean <= one.difference.upper
        surely = shortest(chance, T, 1, T - 1, mass + DRAWS_SAY)
        if surely is not None:
            least = min(last - first for first, last in (one.rows for one in found))
            assert least <= surely.last - surely.first
    return number


@pytest.fixture
def every_outer_node_counts(monkeypatch):
    monkeypatch.setattr(mixtures, "LIGHT", 0.0)


@pytest.mark.parametrize("name", CASES)
def test_families_on_a_grid(name: str, every_outer_node_counts) -> None:
    data = simulate(name, 0, 8, missing=0.2)
    for i, changes in enumerate(SOME):
        model = Model(CASES[name].models[i % 2], changes).resolve(data)
        told, _ = enumerated(name, changes, data, inferred(model, data).mixture)

        def chance(sets, told=told):
            return told.probability @ (told.stands @ sets.T > 0)

        number = check(answer(model, data, draws=400), chance)
        assert number or changes.exactly is None


@pytest.mark.parametrize("name", CLOSED)
def test_families_with_closed_forms(name: str) -> None:
    T = 6
    for changes in SOME[:2]:
        family, data = family_tables(name, 0, 0, T)[0], closed_data(name, 0, T)
        told = closed_enumerated(name, 0, 0, T, changes)
        result = Exact(draws=400).run(Model(family, changes), data)
        sets = np.random.default_rng(0).random((3, T)) < 0.4
        off = abs(result.inside(sets) - closed_inside(told, sets)).max()
        assert off < 1e-4  # whose outer nodes may be others
        check(Posterior(result), lambda sets, told=told, by=result.inside: by(sets))


@pytest.mark.parametrize("changes", [Changes(), Changes(exactly=1)], ids=str)
def test_averages(changes: Changes) -> None:
    data = averaged_data("step")
    each, p = parts(Auto(), changes, "step")
    answers = [one.answer() for one in each]
    model = Model(Auto().resolve(data), changes)
    posterior = Posterior(Exact(draws=400, seed=1).run(model, data))
    for one in posterior.sure_changes(0.5):
        rows = rows_of(len(data), *one.rows)[None]
        by_hand = sum(w * a.inside(rows)[0] for w, a in zip(p, answers, strict=True))
        assert one.probability == pytest.approx(by_hand, abs=1e-4)
    assert posterior.sure_changes(0.5)


@pytest.mark.parametrize("seed", range(30))
def test_where_draws_are_all_there_is_every_window_was_tried(seed: int) -> None:
    """Rows of 0 and T are none; two of a hand-written model may be at the same row."""
    rng = np.random.default_rng(seed)
    T, k = 14, int(rng.integers(1, 6))
    close = rng.normal(rng.integers(2, 12, k), rng.choice([0.2, 1, 3]), (60, k)).round()
    first = np.zeros((60, k + 1), int)
    first[:, 1:] = np.clip(close, 0, T)
    draws = Draws(first, np.zeros(first.shape), np.empty((60, 0)), ())
    inside = lambda sets: inside_by_draws(draws, sets)  # noqa: E731
    p = changes_of(draws, T).sum(axis=0)
    for mass in (0.95, 0.6, 0.3):
        found = sure_windows(p, draws, inside, mass)
        by_trying = sorted(greedy(inside, T, mass))
        assert [window[:2] for window in found] == by_trying


def step(T: int, at: int, low: int = 5, high: int = 60) -> Observations:
    count = np.where(np.arange(T) < at, low, high).astype(float)
    return Observations(count=count, trials=np.full(T, 100.0))


@pytest.mark.parametrize(("T", "at"), [(2, 1), (3, 2), (40, 17), (3000, 2999)])
def test_a_certain_step_is_found_by_the_fewest_draws(T: int, at: int) -> None:
    model = Model(likelihoods.Binomial())
    (found,) = fit(model, step(T, at), Exact(draws=4)).sure_changes()
    assert found.rows == (at, at)
    assert found.before.mean < 0.2 < 0.4 < found.after.mean
    assert found.ratio is not None
    assert found.ratio.lower > 1


@pytest.mark.parametrize(("T", "changes"), [(1, Changes(exactly=0)), (2, Changes())], ids=str)
def test_of_few_rows_nothing_is_sure(T: int, changes: Changes) -> None:
    assert fit(Model(likelihoods.Binomial(), changes), step(T, T)).sure_changes() == []


def test_where_sums_cost_too_much_draws_say_the_rest(monkeypatch) -> None:
    rng, row = np.random.default_rng(5), np.arange(200)
    count = rng.binomial(300, np.where(row // 40 % 2, 0.12, 0.1)).astype(float)
    data = Observations(count=count, trials=np.full(200, 300.0))
    posterior = fit(Model(likelihoods.Binomial()), data, Exact(draws=2000))
    monkeypatch.setattr("changepoint.results.sure_changes.WEIGHED", 0)
    for mass in MASSES:
        for one in posterior.sure_changes(mass):
            rows = rows_of(200, *one.rows)[None]
            assert one.probability >= mass
            assert one.probability == pytest.approx(posterior._inside(rows)[0], abs=DRAWS_SAY)
    assert posterior.sure_changes(0.5)


def test_a_step_in_a_gap_is_somewhere_in_it() -> None:
    data = step(40, 20)
    gap = (np.arange(40) >= 15) & (np.arange(40) < 25)
    data = Observations(count=np.where(gap, np.nan, data.count), trials=data.trials)
    (found,) = fit(Model(likelihoods.Binomial()), data).sure_changes(0.99)
    assert found.rows == (15, 25)


def test_effects_and_a_file(tmp_path) -> None:
    """A posterior that was saved says the same."""
    rng, T = np.random.default_rng(3), 70
    trials = np.full(T, 400.0)
    rate = 0.1 * np.where(np.arange(T) < 40, 1, 2) * np.where(np.arange(T) % 7 < 2, 1.5, 1)
    days = np.datetime64("2024-01-01") + np.arange(T)
    data = Observations(count=rng.binomial(400, rate).astype(float), trials=trials, time=days)
    posterior = fit(Model(likelihoods.Binomial(), effects=[effects.Weekday()]), data)
    found = posterior.sure_changes()
    assert [one.rows for one in found] == [(40, 40)]
    posterior.save(tmp_path / "a.nc")
    again = Posterior.load(tmp_path / "a.nc").sure_changes()
    assert [one.rows for one in again] == [one.rows for one in found]
    assert again[0].probability == pytest.approx(found[0].probability, abs=1e-9)
    assert again[0].difference == pytest.approx(found[0].difference)


@pytest.mark.parametrize("mass", [0, 1, -1, float("nan"), 95])
def test_what_is_no_probability_is_refused(mass: float) -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        fit(Model(likelihoods.Binomial()), step(9, 4)).sure_changes(mass)
