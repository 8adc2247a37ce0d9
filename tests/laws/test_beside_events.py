"""What is told beside an event, against sums over every placement."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from cases import CASES, SHORTEST, answer, check, inferred, kinds, simulate
from closed_cases import CLOSED, closed_data
from reference import Floats, log_sum, number_weights, placements
from test_closed_forms import enumerated as closed_enumerated
from test_closed_forms import family_tables
from test_closed_forms import inside as closed_inside
from test_enumeration import enumerated

from changepoint import Changes, Exact, Model, Posterior
from changepoint.exact.at_row import jump_at
from changepoint.exact.hyper_mixture import Inference
from changepoint.exact.smoothed import HELD
from changepoint.results.summaries import of_any

T = 6
pytestmark = pytest.mark.filterwarnings("ignore:these events lie in rows without data")
SOME = (
    Changes(probability=0.9),
    Changes(at_most=2, min_length=2),
    Changes(every=4, min_length=2),
    Changes(exactly=2),
)


@pytest.mark.parametrize("m", SHORTEST)
def test_the_prior_of_every_window(m: int) -> None:
    """For every kind of prior, by counting placements; of all rows it is that of any change."""
    rows, windows = 12, itertools.combinations_with_replacement(range(1, 12), 2)
    stands = np.zeros((len(placements(rows, m)), rows))
    for one, places in zip(stands, placements(rows, m), strict=True):
        one[list(places)] = 1
    k = stands.sum(axis=1).astype(int)
    for first, last in windows:
        inside = stands[:, first : last + 1].any(axis=1)
        for changes in kinds(m):
            by_hand = number_weights(changes, rows)[k] @ inside
            told = changes.probability_inside(rows, first, last)
            assert told == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize("m", SHORTEST)
def test_the_prior_of_all_rows_is_that_of_any_change(m: int) -> None:
    for rows, changes in itertools.product((2 * m + 4, 180, 5000), kinds(m)):
        if rows >= changes.rows_needed:
            told = changes.probability_inside(rows, 1, rows - 1)
            none = changes.log_number(rows)[0]
            assert told == pytest.approx(-np.expm1(none), abs=1e-9)


def at_hand(
    inference: Inference, log_lik: Floats, changes: Changes
) -> tuple[Floats, Floats, Floats]:
    """Means before and after a change at each row, and P(a change there), each (T,)."""
    grid, log_outer = inference.mixture.grid, inference.mixture.outer.log_weights
    rows = log_lik.shape[1]
    c, marginal, mean = number_weights(changes, rows), {}, {}
    for first, end in itertools.combinations(range(rows + 1), 2):
        log_p = grid.log_weights + log_lik[:, first:end].sum(axis=1)
        marginal[first, end] = log_sum(log_p, axis=1)
        within = np.exp(log_p - marginal[first, end][:, None])
        mean[first, end] = within @ grid.nodes.theta
    before, after, there = np.zeros((3, rows))
    total = 0.0
    for places in placements(rows, changes.min_length):
        pieces = list(itertools.pairwise((0, *places, rows)))
        p = c[len(places)] * np.exp(log_outer + sum(marginal[one] for one in pieces))
        total += p.sum()
        for row, (one, two) in zip(places, itertools.pairwise(pieces), strict=True):
            there[row] += p.sum()
            before[row] += p @ mean[one]
            after[row] += p @ mean[two]
    some = np.where(there > 0, there, 1.0)
    return before / some, after / some, there / total


@pytest.mark.parametrize("name", CASES)
def test_families_on_a_grid(name: str) -> None:
    """Windows, and means before and after a change at every row at which one can be."""
    data = simulate(name, 0, T, missing=0.2)
    for i, changes in enumerate(SOME):
        model = Model(CASES[name].models[i % 2], changes).resolve(data)
        inference = inferred(model, data)
        told, log_lik = enumerated(name, changes, data, inference.mixture)
        posterior = answer(model, data).with_events([1, 3, 5])
        errors = dict[str, float]()
        for event in posterior.events:
            first, last = event.rows
            p = told.probability @ told.stands[:, first : last + 1].any(axis=1)
            errors[f"P(window of {event.index})"] = abs(event.probability - p)
        before, after, there = at_hand(inference, log_lik, changes)
        for row in range(1, T):
            jump = jump_at(inference, row)
            if jump is None:  # draws tell, of very many nodes
                assert there[row] == 0 or len(inference.mixture.grid.log_weights) ** 2 > HELD
            else:
                assert there[row] > 0
                wide = jump.before[2] - jump.before[1]
                off = jump.before[0] - before[row], jump.after[0] - after[row]
                errors[f"before {row}"], errors[f"after {row}"] = np.abs(off) / wide
                by = jump.step.difference[0] - (after[row] - before[row])
                errors[f"difference {row}"] = abs(by) / wide
        check(errors, 1e-6, model)


@pytest.mark.parametrize("name", CASES)
def test_where_only_one_row_can_have_a_change_it_is_the_reported_one(name: str) -> None:
    """Then intervals and what it did are those of the change, which other laws judge."""
    changes = Changes(exactly=1, min_length=4)
    data = simulate(name, 2, 8)
    posterior = answer(Model(CASES[name].models[0], changes), data).with_events([4])
    (event,), (change,) = posterior.events, posterior.changes
    assert event.effect is not None
    assert (event.rows, event.probability, event.chance) == ((1, 7), 1.0, 1.0)
    width = change.before.upper - change.before.lower
    for side in ("before", "after", "difference"):
        told, known = getattr(event.effect, side), getattr(change, side)
        assert told == pytest.approx(known, abs=2e-3 * width)
    assert (event.effect.ratio is None) == (change.ratio is None)
    if change.ratio is not None:
        assert event.effect.ratio == pytest.approx(change.ratio, rel=1e-3)
    up = event.effect.probability_of_increase
    assert up == pytest.approx(change.probability_of_increase, abs=1e-5)


@pytest.mark.parametrize("name", CLOSED)
def test_families_with_closed_forms(name: str) -> None:
    """Windows by sums; what a change did by those draws that have one there."""
    rows, changes = 6, Changes(at_most=2)
    told = closed_enumerated(name, 0, 0, rows, changes)
    model = Model(family_tables(name, 0, 0, rows)[0], changes)
    result = Exact(draws=4000).run(model, closed_data(name, 0, rows))
    posterior = Posterior(result)
    posterior = posterior.with_events(map(posterior.observations.stamp, range(1, rows)))
    for event in posterior.events:
        window = np.arange(rows)[None]
        window = (window >= event.rows[0]) & (window <= event.rows[1])
        by_hand = closed_inside(told, window)[0]
        assert event.probability == pytest.approx(by_hand, abs=1e-4)
        there = (result.draws.first[:, 1:] == event.index).any(axis=1)
        assert (event.effect is None) == (there.sum() < 100)


def test_a_window_of_all_rows_holds_any_change() -> None:
    data = simulate("beta-binomial", 0, 7)
    posterior = answer(Model(CASES["beta-binomial"].models[0]), data).with_events([4])
    (event,) = posterior.events
    assert event.rows == (1, 6)
    assert event.probability == pytest.approx(of_any(posterior.number_probability), abs=1e-9)
    assert event.chance == pytest.approx(0.5, abs=1e-12)
