"""Scores of segmentations, and over a posterior: against definitions spelled out, and laws."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from changepoint import (
    Changes,
    DataError,
    Exact,
    Model,
    Observations,
    Posterior,
    fit,
    likelihoods,
    scoring,
)

T = 40
LOSSES = ("covering", "f1", "hausdorff", "annotation_error")
SCORES = {
    "covering": lambda annotations, predicted: scoring.covering(annotations, predicted, T),
    "f1": scoring.f1,
    "precision": scoring.precision,
    "recall": scoring.recall,
    "hausdorff": lambda annotations, predicted: scoring.hausdorff(annotations, predicted, T),
    "annotation_error": scoring.annotation_error,
}
PERFECT = dict.fromkeys(SCORES, 1.0) | {"hausdorff": 0.0, "annotation_error": 0.0}

rows = st.lists(st.integers(1, T - 1), max_size=9)
several = st.lists(rows, min_size=1, max_size=4)


# -- the definitions, slowly ------------------------------------------------------------------


def hits(truth, predicted, margin):
    free, count = set(predicted), 0
    for t in sorted(truth):
        near = [(abs(x - t), x) for x in free if abs(x - t) <= margin]
        if near:
            free.remove(min(near)[1])
            count += 1
    return count


def slow_f1(annotations, predicted, margin=5):
    """Return precision, recall and F1."""
    sets, x = [{0, *changes} for changes in annotations], {0, *predicted}
    p = hits(set().union(*sets), x, margin) / len(x)
    r = sum(hits(changes, x, margin) / len(changes) for changes in sets) / len(sets)
    return p, r, 2 / (1 / p + 1 / r)


def row_sets(changes, T):
    ends = [0, *sorted(set(changes)), T]
    return [set(range(a, b)) for a, b in itertools.pairwise(ends)]


def slow_covering(annotations, predicted, T=T):
    found = []
    for changes in annotations:
        overlaps = [
            len(a) * max(len(a & b) / len(a | b) for b in row_sets(predicted, T))
            for a in row_sets(changes, T)
        ]
        found.append(sum(overlaps) / T)
    return sum(found) / len(found)


def slow_hausdorff(annotations, predicted, T=T):
    found = []
    for changes in annotations:
        one, two = set(changes), set(predicted)
        away = [min((abs(a - b) for b in two), default=T) for a in one]
        away += [min((abs(a - b) for b in one), default=T) for a in two]
        found.append(max(away, default=0))
    return sum(found) / len(found)


def slow(score, annotations, predicted, margin=5, T=T):
    if score == "covering":
        return slow_covering(annotations, predicted, T)
    if score == "hausdorff":
        return slow_hausdorff(annotations, predicted, T)
    if score == "annotation_error":
        n = len(set(predicted))
        return sum(abs(n - len(set(a))) for a in annotations) / len(annotations)
    of_three = slow_f1(annotations, predicted, margin)
    return of_three[("precision", "recall", "f1").index(score)]


@pytest.mark.parametrize("score", SCORES)
@given(annotations=several, predicted=rows)
@settings(deadline=None)
def test_definition(score, annotations, predicted):
    told = SCORES[score](annotations, predicted)
    assert told == pytest.approx(slow(score, annotations, predicted), rel=1e-12)


@given(annotations=several, predicted=rows, margin=st.integers(0, 12))
@settings(deadline=None)
def test_margin(annotations, predicted, margin):
    told = [f(annotations, predicted, margin) for f in (scoring.precision, scoring.recall)]
    told.append(scoring.f1(annotations, predicted, margin))
    assert told == pytest.approx(slow_f1(annotations, predicted, margin), rel=1e-12)


# -- by hand ----------------------------------------------------------------------------------


def test_covering_by_hand():
    # Segments 0-9, 10-19 against 0-7, 8-19: (10 * 8/10 + 10 * 10/12) / 20.
    assert scoring.covering([10], [8], 20) == pytest.approx((8 + 100 / 12) / 20)
    assert scoring.covering([], [10], 20) == pytest.approx(1 / 2)


def test_f1_by_hand():
    annotations = {"a": [10, 30], "b": [12]}
    # Of 0, 10, 12, 30 the predictions 0, 11, 25 meet 0, 10 and 30.
    assert scoring.precision(annotations, [11, 25]) == 1
    assert scoring.recall(annotations, [11, 25]) == 1
    assert scoring.precision(annotations, [11, 24]) == pytest.approx(2 / 3)
    assert scoring.recall(annotations, [11, 24]) == pytest.approx((2 / 3 + 1) / 2)
    assert scoring.f1(annotations, [11, 24]) == pytest.approx(2 / (3 / 2 + 6 / 5))


def test_a_prediction_counts_once():
    assert scoring.recall([10, 12], [11]) == pytest.approx(2 / 3)
    assert scoring.precision([10], [9, 11]) == pytest.approx(2 / 3)


def test_the_nearest_is_taken_and_of_two_the_earlier():
    # 10 takes 11, not 6, so that nothing is left near enough for 16.
    assert scoring.recall([10, 16], [6, 11], margin=5) == pytest.approx(2 / 3)
    # 10 takes 8, not 12, which is left for 16.
    assert scoring.recall([10, 16], [8, 12], margin=4) == 1


def test_the_margin_is_included():
    assert scoring.f1([20], [25]) == 1
    assert scoring.f1([20], [26]) == pytest.approx(1 / 2)
    assert scoring.f1([20], [20], margin=0) == 1


def test_hausdorff_by_hand():
    assert scoring.hausdorff([10, 30], [12, 29], T) == 2
    assert scoring.hausdorff([10, 30], [10], T) == 20
    assert scoring.hausdorff([[10], []], [13], T) == (3 + T) / 2
    assert scoring.hausdorff([], [], T) == 0


def test_annotation_error_by_hand():
    assert scoring.annotation_error({"a": [1, 2, 3], "b": [9]}, [4]) == 1


# -- laws -------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", SCORES)
@given(changes=rows)
@settings(deadline=None)
def test_perfect(score, changes):
    assert SCORES[score](changes, changes) == pytest.approx(PERFECT[score])


@pytest.mark.parametrize("score", SCORES)
@given(annotations=several, predicted=rows, random=st.randoms(use_true_random=False))
@settings(deadline=None)
def test_neither_order_nor_repetition_matter(score, annotations, predicted, random):
    mixed = [random.sample(changes * 2, 2 * len(changes)) for changes in annotations]
    random.shuffle(mixed)
    again = SCORES[score](mixed, [*reversed(predicted), *predicted])
    assert again == pytest.approx(SCORES[score](annotations, predicted))


@pytest.mark.parametrize("score", SCORES)
@given(changes=rows, predicted=rows)
@settings(deadline=None)
def test_an_annotator_who_agrees_adds_nothing(score, changes, predicted):
    alone = SCORES[score](changes, predicted)
    assert SCORES[score]({"a": changes, "b": changes}, predicted) == pytest.approx(alone)


@given(annotations=several, predicted=rows)
@settings(deadline=None)
def test_ranges(annotations, predicted):
    for score, of in SCORES.items():
        told = of(annotations, predicted)
        assert 0 <= told <= (1 if PERFECT[score] else T)


@given(one=rows, two=rows)
@settings(deadline=None)
def test_symmetry(one, two):
    for score in ("hausdorff", "annotation_error"):
        assert SCORES[score](one, two) == SCORES[score](two, one)


@given(changes=rows, predicted=rows)
@settings(deadline=None)
def test_time_can_run_backwards(changes, predicted):
    there = scoring.covering(changes, predicted, T)
    back = scoring.covering([T - row for row in changes], [T - row for row in predicted], T)
    assert back == pytest.approx(there)


@given(changes=rows, predicted=rows, margin=st.integers(0, 6))
@settings(deadline=None)
def test_precision_and_recall_share_their_hits(changes, predicted, margin):
    p, r = (f(changes, predicted, margin) for f in (scoring.precision, scoring.recall))
    assert p * (1 + len(set(predicted))) == pytest.approx(r * (1 + len(set(changes))))


# -- what is given ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "one", [[7], (7,), np.array([7]), {7}, range(7, 8), [[7]], {"a": [7]}, np.array([[7]])]
)
def test_one_annotator(one):
    assert scoring.f1(one, [9], margin=1) == 0.5


@pytest.mark.parametrize("none", [[], (), np.array([]), {}.keys(), [[]], {"a": ()}])
def test_no_change(none):
    assert scoring.covering(none, [], T) == 1
    assert scoring.f1(none, [9]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    "wrong", [[0], [-3], [2.0], [math.nan], [None], ["7"], [True], "7", 7, None, np.array(7)]
)
def test_rows_that_are_none(score, wrong):
    with pytest.raises(DataError, match=r"predicted"):
        SCORES[score]([5], wrong)
    with pytest.raises(DataError, match="annotations"):
        SCORES[score](wrong, [5])


@pytest.mark.parametrize("wrong", [{}, [[5], 6], {"a": {"b": [5]}}, {"a": 5}])
def test_annotators_that_are_none(wrong):
    with pytest.raises(DataError, match="annotations"):
        scoring.f1(wrong, [5])


def test_the_message_names_annotator_and_rows():
    with pytest.raises(DataError, match=r"annotations of 'b': 0, 40: .* from 1 to 39"):
        scoring.covering({"a": [5], "b": [0, 3, 40]}, [], T)


@pytest.mark.parametrize("score", [scoring.covering, scoring.hausdorff])
@pytest.mark.parametrize("wrong", [0, -1, 2.5, "9", None])
def test_lengths_that_are_none(score, wrong):
    with pytest.raises(DataError, match="T must be"):
        score([], [], wrong)


@pytest.mark.parametrize("wrong", [-1, 2.5, math.nan, None])
def test_margins_that_are_none(wrong):
    with pytest.raises(DataError, match="margin must be"):
        scoring.f1([], [], wrong)


# -- over a posterior -------------------------------------------------------------------------


def fitted(T, engine, changes=None):
    value = np.random.default_rng(T).normal(size=T)
    return fit(
        Model(likelihoods.Normal(), changes or Changes()), Observations(value=value), engine
    )


@pytest.fixture(scope="module")
def bases():
    return {size: fitted(size, Exact(draws=4)) for size in (2, 9, 14, T)}


def with_draws(base, draws):
    """Return a posterior whose draws have these changes."""
    size = len(base.observations)
    first = np.full((1, len(draws), 1 + max(map(len, draws))), size)
    first[..., 0] = 0
    for row, changes in zip(first[0], draws, strict=True):
        row[1 : len(changes) + 1] = sorted(changes)
    dims = ("chain", "draw", "segment")
    variables = {"first": (dims, first), "level": (dims, np.zeros(first.shape))}
    tree = base.tree.copy()
    tree["segments"] = xr.DataTree(xr.Dataset(variables))
    return Posterior(tree)


def made_up(rng, size, number=20):
    """Return draws of changes around a few rows, some of them unsure."""
    centres = rng.choice(np.arange(1, size), size=3)
    sure = rng.uniform(0.2, 1, 3)
    return [
        sorted({int(row) for row in jittered[rng.random(3) < sure]})
        for jittered in np.clip(centres + rng.integers(-1, 2, (number, 3)), 1, size - 1)
    ]


@pytest.mark.parametrize("score", SCORES)
@given(annotations=several, draws=st.lists(rows, min_size=4, max_size=12))
@settings(max_examples=25, deadline=None)
def test_expected_is_a_mean_over_draws(bases, score, annotations, draws):
    draws = [sorted(set(changes)) for changes in draws]
    told = scoring.expected(with_draws(bases[T], draws), annotations, score)
    values = np.array([slow(score, annotations, changes) for changes in draws])
    assert told.mean == pytest.approx(values.mean())
    error = values.std(ddof=1) / math.sqrt(len(values))
    assert told.error == pytest.approx(error, abs=1e-12)


def test_expected_covering_comes_from_the_change_probability():
    """With at most one change the exact marginals say what the mean over all draws would be.

    Five standard errors: 6e-7 by chance.
    """
    value = np.r_[np.zeros(20), np.full(20, 1.5)] + np.random.default_rng(5).normal(size=T)
    model = Model(likelihoods.Normal(), Changes(exactly=1))
    posterior = fit(model, Observations(value=value), Exact(draws=4000))
    told = scoring.expected(posterior, [20], "covering")
    p = posterior.change_probability.to_numpy()
    exact = sum(p[row] * slow_covering([[20]], [row]) for row in range(1, T))
    assert told.error > 0
    assert abs(told.mean - exact) < 5 * told.error


def test_draws_of_one_number_are_read_too():
    posterior = fitted(9, Exact(draws=4), Changes(exactly=0))
    assert scoring.expected(posterior, [], "f1") == (1.0, 0.0)
    assert scoring.estimate(posterior) == []


def test_changes_of_a_draw_that_coincide_are_one(bases):
    posterior = with_draws(bases[T], [[7, 7, 12], [7, 12]])
    assert scoring.expected(posterior, [7, 12], "annotation_error") == (0.0, 0.0)
    assert scoring.expected(posterior, [7, 12], "covering") == (1.0, 0.0)


def test_error_of_a_sampler_allows_for_its_chains(bases):
    """Draws that come in runs of 20 know no more than one of each run."""
    rng = np.random.default_rng(2)
    ends = rng.integers(10, 30, 200)
    posterior = with_draws(bases[T], [[int(row)] for row in np.repeat(ends, 20)])
    independent = scoring.expected(posterior, [20], "covering").error
    posterior.tree.attrs["engine"] = posterior.tree.attrs["engine"].replace("exact", "mcmc")
    told = scoring.expected(posterior, [20], "covering").error
    values = [slow_covering([[20]], [int(row)]) for row in ends]
    right = np.std(values, ddof=1) / math.sqrt(len(values))
    assert independent == pytest.approx(right / math.sqrt(20), rel=0.01)
    assert told == pytest.approx(right, rel=0.3)


def test_expected_of_what_there_isnt(bases):
    with pytest.raises(DataError, match="score must be one of covering, f1"):
        scoring.expected(bases[9], [3], "rand")
    with pytest.raises(DataError, match="from 1 to 8"):
        scoring.expected(bases[9], [9])
    with pytest.raises(DataError, match="margin"):
        scoring.expected(bases[9], [3], margin=-1)


# -- the segmentation to report ---------------------------------------------------------------


def brute(draws, loss, margin, size):
    """Return the best mean score of any segmentation."""
    weights = Counter(map(tuple, draws))
    best = -math.inf
    for k in range(size):
        for x in itertools.combinations(range(1, size), k):
            best = max(best, mean_score(weights, loss, x, margin, size))
    return best


def mean_score(weights, loss, x, margin, size):
    sign = -1 if loss in ("hausdorff", "annotation_error") else 1
    total = sum(n * slow(loss, [z], x, margin, size) for z, n in weights.items())
    return sign * total / sum(weights.values())


CASES = [("covering", 0), ("f1", 0), ("f1", 1), ("f1", 5), ("hausdorff", 0)]
CASES.append(("annotation_error", 0))


@pytest.mark.parametrize(("loss", "margin"), CASES)
@pytest.mark.parametrize("seed", range(4))
def test_no_segmentation_is_better(bases, loss, margin, seed):
    draws = made_up(np.random.default_rng(seed), 9)
    found = scoring.estimate(with_draws(bases[9], draws), loss, margin)
    told = mean_score(Counter(map(tuple, draws)), loss, found, margin, 9)
    assert told == pytest.approx(brute(draws, loss, margin, 9), abs=1e-9)


@pytest.mark.parametrize(("loss", "margin"), [("covering", 0), ("f1", 2)])
@pytest.mark.parametrize("seed", range(3))
def test_no_segmentation_is_better_than_what_the_search_finds(bases, loss, margin, seed):
    """In more rows than those in which every segmentation is tried."""
    draws = made_up(np.random.default_rng(seed), 14, number=12)
    found = scoring.estimate(with_draws(bases[14], draws), loss, margin)
    told = mean_score(Counter(map(tuple, draws)), loss, found, margin, 14)
    assert told == pytest.approx(brute(draws, loss, margin, 14), abs=1e-9)


@pytest.mark.parametrize(("loss", "margin"), CASES)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_no_single_move_gains(bases, loss, margin, seed):
    draws = made_up(np.random.default_rng(seed), T, number=30)
    found = set(scoring.estimate(with_draws(bases[T], draws), loss, margin))
    weights = Counter(map(tuple, draws))
    told = mean_score(weights, loss, found, margin, T)
    options = [found ^ {row} for row in range(1, T)]
    for row in found:
        left = found - {row}
        low = max([0, *(x for x in left if x < row)])
        high = min([T, *(x for x in left if x > row)])
        options += [left | {place} for place in range(low + 1, high)]
    assert told >= max(mean_score(weights, loss, x, margin, T) for x in options) - 1e-9


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("changes", [[], [7], [3, 20, 31]])
def test_a_sure_posterior_is_its_own_estimate(bases, loss, changes):
    posterior = with_draws(bases[T], [changes] * 8)
    found = scoring.estimate(posterior, loss)
    if loss == "annotation_error":
        assert len(found) == len(changes)
    else:
        assert found == changes


def test_places_that_cost_the_same_are_the_most_probable(bases):
    draws = [[20], [20], [20], [21], [19]]  # all within the margin of 16 to 24
    assert scoring.estimate(with_draws(bases[T], draws), "f1") == [20]


def test_losses_differ(bases):
    """A change of unsure place divides the levels, but isn't found within the margin."""
    draws = [[row] for row in range(10, 31)] + [[]] * 7
    posterior = with_draws(bases[T], draws)
    assert scoring.estimate(posterior, "f1") == []
    assert len(scoring.estimate(posterior, "covering")) == 1


@pytest.mark.parametrize("loss", LOSSES)
def test_the_shortest_series(bases, loss):
    assert scoring.estimate(with_draws(bases[2], [[1]] * 4), loss) == [1]
    assert scoring.estimate(with_draws(bases[2], [[]] * 4), loss) == []


@pytest.mark.parametrize("loss", ["precision", "recall", "rand", None])
def test_losses_that_there_arent(bases, loss):
    with pytest.raises(DataError, match="loss must be one of covering, f1"):
        scoring.estimate(bases[9], loss)


def test_estimate_of_data():
    level = np.repeat([0.0, 4.0, 0.0], [60, 80, 60])
    value = level + np.random.default_rng(8).normal(size=200)
    posterior = fit(Model(likelihoods.Normal()), Observations(value=value))
    for loss in LOSSES[:3]:
        found = scoring.estimate(posterior, loss)
        assert len(found) == 2
        assert np.abs(np.array(found) - [60, 140]).max() <= 2
        of_found = scoring.expected(posterior, found, loss).mean
        reported = [change.index for change in posterior.changes]
        of_reported = scoring.expected(posterior, reported, loss).mean
        assert of_found <= of_reported if loss == "hausdorff" else of_found >= of_reported
