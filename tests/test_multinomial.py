"""Several outcomes per trial: Multinomial and Categorical."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from changepoint import (
    Changes,
    Exact,
    Model,
    ModelError,
    Observations,
    SupportError,
    fit,
    likelihoods,
    priors,
)
from changepoint.likelihoods.outcomes import categorical_log_likelihood

NAN = np.nan
NAMES = ("left", "carted", "bought")
DRAWS = Exact(draws=4000, seed=3)
RNG = np.random.default_rng(6)
HALVES = np.where(np.arange(24)[:, None] < 12, [0.7, 0.2, 0.1], [0.6, 0.1, 0.3])
COUNTS = np.array([RNG.multinomial(n, p) for n, p in zip(range(30, 54), HALVES, strict=True)])


def outcomes(counts: object, names: tuple[str, ...] = NAMES) -> Observations:
    return Observations(outcomes=counts, outcome_names=names)


# -- log odds -------------------------------------------------------------------------------


def test_the_log_likelihood_of_log_odds():
    assert categorical_log_likelihood([0, 1, 2], 1) == pytest.approx(-1.40760596, abs=5e-9)
    by_hand = 1 - math.log(1 + math.e + math.e**2)
    assert categorical_log_likelihood([0, 1, 2], 1) == pytest.approx(by_hand, abs=1e-14)


def test_large_log_odds_do_not_overflow():
    assert categorical_log_likelihood([1e4, 0, -1e4], 0) == 0
    assert categorical_log_likelihood([1e4, 0, -1e4], 2) == -2e4
    assert categorical_log_likelihood([1e4, 1e4], 1) == pytest.approx(-math.log(2), abs=1e-12)
    assert categorical_log_likelihood([-1e4] * 4, 3) == pytest.approx(-math.log(4), abs=1e-12)


@pytest.mark.parametrize("constant", [-7.0, 3.5, 1e6])
def test_a_constant_cancels(constant):
    logits, which = RNG.normal(size=(5, 3)), np.array([0, 1, 2, 1, 0])
    np.testing.assert_allclose(
        categorical_log_likelihood(logits + constant, which),
        categorical_log_likelihood(logits, which),
        atol=1e-9,
    )


def test_log_odds_broadcast():
    logits = RNG.normal(size=(4, 1, 3))
    which = np.array([0, 2, 1, 1, 0])
    found = categorical_log_likelihood(np.broadcast_to(logits, (4, 5, 3)), which)
    p = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    for i in range(4):
        for j in range(5):
            assert found[i, j] == pytest.approx(math.log(p[i, 0, which[j]]), abs=1e-12)
    # One vector of log odds for several outcomes, several vectors for one.
    np.testing.assert_allclose(categorical_log_likelihood(logits[0, 0], which), found[0])
    np.testing.assert_allclose(categorical_log_likelihood(logits, which), found)
    np.testing.assert_allclose(categorical_log_likelihood(logits[:, 0], 2), found[:, 1])
    total = sum(np.exp(categorical_log_likelihood(logits, c)) for c in range(3))
    np.testing.assert_allclose(total, 1)


@pytest.mark.parametrize("outcome", [3, -1, [0, 3], 1.0, "left", NAN])
def test_no_such_outcome(outcome):
    with pytest.raises(ModelError, match="one of the indices 0 to 2"):
        categorical_log_likelihood([[0, 1, 2]] * 2, outcome)


def test_log_odds_of_a_single_number():
    with pytest.raises(ModelError, match="must be one of the indices"):
        categorical_log_likelihood(0.5, 0)


def test_log_odds_and_categorical_rows_agree():
    which = np.array([0, 2, 1, 1])
    data = outcomes(np.eye(3)[which])
    logits = RNG.normal(size=3)
    p = special.softmax(logits)
    paths = {
        f"probability[{name}]": np.full((4, 1), q) for name, q in zip(NAMES, p, strict=True)
    }
    family = likelihoods.Categorical(concentration=(1, 1, 1))
    np.testing.assert_allclose(
        family.pointwise(data, paths, np.ones(1))[:, 0],
        categorical_log_likelihood(logits, which),
        rtol=1e-12,
    )


# -- segments -------------------------------------------------------------------------------


def test_the_marginal_of_a_segment():
    """Dirichlet-multinomial of the sums, and how these fall on the rows."""
    counts, alphas = COUNTS[:12], np.array([3.0, 0.7, 2.0])
    family = likelihoods.Multinomial(concentration=tuple(alphas))
    sums = counts.sum(axis=0)
    ways = stats.multinomial.logpmf(counts, counts.sum(axis=1), [1 / 3] * 3).sum()
    ways -= stats.multinomial.logpmf(sums, sums.sum(), [1 / 3] * 3)
    exact = stats.dirichlet_multinomial.logpmf(sums, alphas, sums.sum()) + ways
    found = fit(Model(family, Changes(exactly=0)), outcomes(counts), Exact(draws=4))
    assert found.log_evidence == pytest.approx(exact, abs=1e-9)


def test_probabilities_of_a_segment():
    """Dirichlet(concentration + counts): its mean, its marginal (1e-6 by chance), sums of 1."""
    family = likelihoods.Multinomial(concentration=(3.0, 0.7, 2.0))
    posterior = fit(Model(family, Changes(exactly=0)), outcomes(COUNTS), DRAWS)
    alphas = np.array([3.0, 0.7, 2.0]) + COUNTS.sum(axis=0)
    drawn = posterior.tree["posterior"].dataset
    total = 0.0
    for name, alpha in zip(NAMES, alphas, strict=True):
        p = drawn[f"probability[{name}]"].values.ravel()
        total = total + p
        exact = stats.beta(alpha, alphas.sum() - alpha)
        assert stats.kstest(p, exact.cdf).pvalue > 1e-6
    np.testing.assert_allclose(total, 1, atol=1e-12)
    mean = posterior.marginals["probability_mean"].values
    np.testing.assert_allclose(mean, alphas[2] / alphas.sum(), rtol=1e-9)


@pytest.mark.parametrize(
    "changes",
    [Changes(), Changes(at_most=2, min_length=3), Changes(exactly=1), Changes(every=8)],
    ids=str,
)
def test_two_outcomes_are_the_binomial(changes):
    """One kernel sums over segments in closed form, the other over a grid of rates."""
    count, trials = COUNTS[:, 2].astype(float), COUNTS.sum(axis=1).astype(float)
    count[[2, 17]] = NAN
    told = np.column_stack([trials - count, count])
    two = fit(
        Model(likelihoods.Multinomial(concentration=(9, 2)), changes),
        outcomes(told, ("no", "yes")),
        DRAWS,
    )
    one = fit(
        Model(likelihoods.Binomial(rate=priors.Beta(2, 9)), changes),
        Observations(count=count, trials=trials),
        DRAWS,
    )
    assert two.log_evidence == pytest.approx(one.log_evidence, abs=1e-6)
    size = max(len(two.number_probability), len(one.number_probability))
    numbers = [np.pad(p, (0, size - len(p))) for p in
               (two.number_probability, one.number_probability)]  # fmt: skip
    np.testing.assert_allclose(*numbers, atol=1e-6)
    np.testing.assert_allclose(two.change_probability, one.change_probability, atol=1e-6)
    np.testing.assert_allclose(
        two.marginals["probability_mean"], one.marginals["rate_mean"], atol=1e-6
    )


def test_categorical_is_the_multinomial_of_one_trial():
    which = np.concatenate([RNG.choice(3, 20, p=p) for p in ([0.8, 0.1, 0.1], [0.2, 0.1, 0.7])])
    data = outcomes(np.eye(3)[which])
    found = [
        fit(Model(family(concentration=(1, 2, 1))), data, Exact(draws=4))
        for family in (likelihoods.Categorical, likelihoods.Multinomial)
    ]
    assert found[0].log_evidence == found[1].log_evidence
    np.testing.assert_array_equal(found[0].change_probability, found[1].change_probability)


def test_the_default_prior_is_in_proportion_to_the_counts():
    counts = np.array([[8, 2, 0], [NAN] * 3, [7, 1, 2]])
    found = likelihoods.Multinomial().resolve(outcomes(counts))
    assert found.outcome == "bought"
    sums = np.array([15, 3, 2]) + 0.5
    np.testing.assert_allclose(found.concentration / sums, found.concentration[0] / sums[0])
    average = np.exp(np.mean(np.log(found.concentration)))
    assert average == pytest.approx(2)  # an average outcome is worth two events
    rare = likelihoods.Multinomial().resolve(outcomes(np.array([[900, 900, 1]] * 3)))
    assert min(rare.concentration) == 0.5


# -- missing rows ---------------------------------------------------------------------------


def test_missing_rows_say_nothing():
    """Their evidence is that of the rows around them; the change may stand in either."""
    family = likelihoods.Multinomial(concentration=(3, 1, 2))
    counts = COUNTS.astype(float)
    counts[[0, 5, 11, 12, 23]] = NAN
    seen = counts[~np.isnan(counts[:, 0])]
    for changes in (Changes(exactly=0), Changes(probability=0)):
        model = Model(family, changes)
        whole = fit(model, outcomes(counts), Exact(draws=4)).log_evidence
        kept = fit(model, outcomes(seen), Exact(draws=4)).log_evidence
        assert whole == pytest.approx(kept, abs=1e-9)
    posterior = fit(Model(family, Changes(exactly=1)), outcomes(counts), Exact(draws=4))
    p = posterior.change_probability.to_numpy()
    # Rows 10 and 13 are seen: the change stands at 11, 12 or 13 alike.
    assert p[11] == pytest.approx(p[12], rel=1e-9)
    assert p[12] == pytest.approx(p[13], rel=1e-9)
    zeros = counts.copy()
    zeros[np.isnan(zeros)] = 0  # a row without trials says as little
    found = fit(Model(family, Changes(exactly=1)), outcomes(zeros), Exact(draws=4))
    assert found.log_evidence == pytest.approx(posterior.log_evidence, abs=1e-9)


# -- the outcome that is shown ----------------------------------------------------------------


def test_another_outcome_may_be_shown():
    """The same changes, told of another outcome."""
    shown = {
        name: fit(
            Model(likelihoods.Multinomial(outcome=name), Changes(at_most=1)),
            outcomes(COUNTS),
            DRAWS,
        )
        for name in NAMES
    }
    (first, *others) = shown.values()
    for other in others:
        assert other.log_evidence == pytest.approx(first.log_evidence, abs=1e-9)
        np.testing.assert_allclose(other.change_probability, first.change_probability)
    total = sum(one.marginals["probability_mean"].values for one in shown.values())
    np.testing.assert_allclose(total, 1, atol=1e-9)
    place = first.changes[0].index
    for i, (name, posterior) in enumerate(shown.items()):
        assert f"the probability of '{name}' from" in posterior.sentence()
        before, after = COUNTS[:place, i].sum(), COUNTS[place:, i].sum()
        share = before / COUNTS[:place].sum(), after / COUNTS[place:].sum()
        assert posterior.changes[0].before.mean == pytest.approx(share[0], abs=0.03)
        assert posterior.changes[0].after.mean == pytest.approx(share[1], abs=0.03)
    last = fit(Model(likelihoods.Multinomial(), Changes(at_most=1)), outcomes(COUNTS), DRAWS)
    assert last.sentence() == shown["bought"].sentence()


@pytest.mark.parametrize("family", [likelihoods.Multinomial, likelihoods.Categorical])
def test_an_unknown_outcome(family):
    data = outcomes(np.eye(3)[[0, 1, 2, 0]])
    with pytest.raises(ModelError, match=r"no outcome 'sold'; there are left, carted, bought"):
        fit(Model(family(outcome="sold")), data)


@pytest.mark.parametrize(
    "concentration", [(1.0,), (1, 0, 1), (1, -1), (1, 0.001), (1, np.inf), (1, NAN), 3]
)
def test_a_concentration_that_is_none(concentration):
    with pytest.raises(ModelError, match="must be a number for each outcome"):
        likelihoods.Multinomial(concentration=concentration)


def test_a_concentration_of_other_outcomes():
    model = Model(likelihoods.Multinomial(concentration=(1, 1)))
    with pytest.raises(ModelError, match="has 2 numbers, but there are 3 outcomes: left, cart"):
        fit(model, outcomes(COUNTS))


# -- faults and cautions ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "value", "rule", "cells"),
    [
        ([4, NAN, 1], "nan", "no count beside those of other outcomes", ["carted"]),
        ([NAN, NAN, 1], "nan", "no count beside those of other outcomes", ["left", "carted"]),
        ([4, -2, 1], "-2", "a negative count", ["carted"]),
        ([4, 2, 0.5], "0.5", "a count that isn't a whole number", ["bought"]),
        ([np.inf, 2, 1], "inf", "an infinite count", ["left"]),
        ([4, 2, 1e16], "1e+16", "which is too large", ["bought"]),
    ],
)
def test_impossible_counts(row, value, rule, cells):
    data = outcomes([[5, 3, 2], row, [NAN] * 3, [4, 4, 1]])
    with pytest.raises(SupportError) as caught:
        fit(Model(likelihoods.Multinomial()), data)
    found = caught.value.problems
    assert found["column"].tolist() == cells
    assert found["value"].tolist() == [value] * len(cells)
    assert all(rule in text for text in found["rule"])
    assert set(found["time"]) == {"row 1"}


@pytest.mark.parametrize("rows", [[[0, 0, 0]] * 3, [[0, 0, 0], [NAN] * 3]])
def test_no_trials_at_all(rows):
    with pytest.raises(SupportError, match="no row has any trial"):
        fit(Model(likelihoods.Multinomial()), outcomes(rows))


@pytest.mark.parametrize("row", [[1, 1, 0], [2, 0, 0], [0, 0, 0]])
def test_not_one_trial_a_row(row):
    data = outcomes([[1, 0, 0], row, [NAN] * 3, [0, 1, 0]])
    with pytest.raises(SupportError, match="a row that isn't a single trial") as caught:
        fit(Model(likelihoods.Categorical()), data)
    assert set(caught.value.problems["time"]) == {"row 1"}
    assert "multinomial" in caught.value.problems["remedy"].iloc[0]


def test_overdispersed_rows_are_warned_of():
    rng = np.random.default_rng(8)
    p = rng.dirichlet([14, 4, 2], 60)  # a variance of about 1 + 99 / 21 that of one p
    varied = outcomes([rng.multinomial(100, q) for q in p])
    (caution,) = likelihoods.Multinomial().cautions(varied)
    assert "times as much as independent trials would" in caution
    told = float(caution.split()[2])
    assert told == pytest.approx(1 + 99 / 21, rel=0.3)
    posterior = fit(Model(likelihoods.Multinomial()), varied, Exact(draws=4))
    assert caution in posterior.warnings


@pytest.mark.parametrize("seed", range(5))
def test_independent_trials_are_not_warned_of(seed):
    """Nor where their probabilities change once, or rows are missing, or have other trials."""
    rng = np.random.default_rng(seed)
    n = rng.integers(20, 400, 80)
    p = np.where(np.arange(80)[:, None] < 40, [0.7, 0.2, 0.1], [0.3, 0.3, 0.4])
    counts = np.array([rng.multinomial(m, q) for m, q in zip(n, p, strict=True)]).astype(float)
    counts[rng.random(80) < 0.1] = NAN
    assert not list(likelihoods.Multinomial().cautions(outcomes(counts)))
    single = np.eye(3)[rng.choice(3, 80)]
    assert not list(likelihoods.Categorical().cautions(outcomes(single)))


# -- predictions ------------------------------------------------------------------------------


def test_predictions_have_the_trials_of_their_rows():
    counts = COUNTS.astype(float)
    counts[[3, 15]] = NAN
    posterior = fit(Model(likelihoods.Multinomial()), outcomes(counts), Exact(draws=400))
    drawn = posterior.build("posterior_predictive")["posterior_predictive"]["y"]
    assert drawn.dims == ("chain", "draw", "observation", "outcome")
    assert drawn["outcome"].values.tolist() == list(NAMES)
    trials = counts[~np.isnan(counts[:, 0])].sum(axis=1)
    np.testing.assert_array_equal(
        drawn.sum("outcome"), np.broadcast_to(trials, drawn.shape[:3])
    )
    # About as many of each as there were: 22 rows of some 40 trials.
    mean = drawn.mean(("chain", "draw")).values.sum(axis=0)
    seen = np.nansum(counts, axis=0)
    np.testing.assert_allclose(mean, seen, rtol=0.08)


def test_pointwise_log_likelihoods_are_multinomial():
    counts = COUNTS[:3].astype(float)
    counts[1] = NAN
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    paths = {f"probability[{name}]": np.tile(p[:, i], (3, 1)) for i, name in enumerate(NAMES)}
    family = likelihoods.Multinomial(concentration=(1, 1, 1))
    found = family.pointwise(outcomes(counts), paths, np.ones(2))
    for i, row in enumerate((0, 2)):
        for j in range(2):
            exact = stats.multinomial.logpmf(counts[row], counts[row].sum(), p[j])
            assert found[i, j] == pytest.approx(exact, abs=1e-9)
