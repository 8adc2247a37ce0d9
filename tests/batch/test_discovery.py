"""Flags over many series: the share of changed ones, and the rate of false discoveries.

What is simulated comes from NumPy with fixed seeds, the same on every machine, and flags are
computed from it without chance.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, optimize, stats

from changepoint import Model, batch, likelihoods
from changepoint.batch.discovery import _mode, discover


def simulated(null, changed, rng, effect=3.0):
    """Log Bayes factors of a model that is right: y ~ N(0, 1), or N(0, 1 + effect^2)."""
    wide = np.sqrt(1 + effect**2)
    y = np.concatenate([rng.normal(0, 1, null), rng.normal(0, wide, changed)])
    return stats.norm.logpdf(y, 0, wide) - stats.norm.logpdf(y), np.arange(len(y)) >= null


@pytest.mark.parametrize("share", [0.0, 0.003, 0.05, 0.5, 0.97, 1.0])
def test_the_share_is_the_mode_of_its_posterior_or_its_bound(share):
    """Independent judges: a root finder on the slope of the log posterior; a loop."""
    n = 3000
    x, _ = simulated(n - int(share * n), int(share * n), np.random.default_rng(1))

    def slope(pi):
        return np.sum(np.expm1(x) / (1 + pi * np.expm1(x))) + 1 / pi - 1 / (1 - pi)

    root = optimize.brentq(slope, 1e-9, 1 - 1e-9, xtol=1e-14)
    total, unchanged = 0.0, 0
    for factor in np.exp(sorted(x)):
        total += factor
        if total > unchanged + 1:
            break
        unchanged += 1
    bound = (n - unchanged + 1) / (n + 2)
    assert discover(x, 0.05).share == pytest.approx(min(root, bound), abs=1e-8)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_the_share_is_recovered(share):
    """From below: what can't be told from chance isn't counted."""
    n = 20_000
    rng = np.random.default_rng(2)
    x, _ = simulated(n - int(share * n), int(share * n), rng, effect=10.0)
    assert 0.5 * share < discover(x, 0.05).share < 1.15 * share


def test_probabilities_follow_from_the_share():
    x, _ = simulated(300, 30, np.random.default_rng(3))
    found = discover(x, 0.05)
    odds = found.share / (1 - found.share) * np.exp(x)
    np.testing.assert_allclose(found.probability, odds / (1 + odds), rtol=1e-12)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2, 0.5])
def test_flags_are_the_largest_set_that_keeps_the_rate(rate):
    x, _ = simulated(500, 60, np.random.default_rng(4))
    found = discover(x, rate)
    p = found.probability
    false = np.array([np.mean(1 - p[p >= p[i]]) for i in range(len(p))])
    good = (false <= rate) & (p > 0.5)
    best = max((int((p >= p[i]).sum()) for i in np.flatnonzero(good)), default=0)
    assert found.flagged.sum() == best
    assert found.false <= rate
    assert p[found.flagged].min() > p[~found.flagged].max()


@pytest.mark.parametrize("share", [0.0, 500 / 10_500, 0.5])
def test_false_discoveries_in_simulation(share):
    """Where the model is right: false ones among all flagged, over 40 batches of 10,500.

    Five standard errors of the share of false ones: 3e-7 by chance.
    """
    rng = np.random.default_rng(6)
    changed = round(10_500 * share)
    false = flagged = 0
    for _ in range(40):
        x, truth = simulated(10_500 - changed, changed, rng, effect=4.0)
        found = discover(x, 0.05)
        false += int((found.flagged & ~truth).sum())
        flagged += int(found.flagged.sum())
    if not share:
        assert flagged <= 40 * 0.5  # of 420,000 series
        return
    error = 5 * np.sqrt(0.05 * 0.95 / flagged)
    assert false / flagged < 0.05 + error
    assert false / flagged > 0.01  # few are kept back for nothing
    assert flagged > 0.2 * 40 * changed


def test_one_series_keeps_nearly_even_odds():
    """A batch of one must not be certain of its share."""
    for x in (-2.0, 0.2, 2.0):
        even = 1 / (1 + np.exp(-x))
        found = discover(np.array([x]), 0.05)
        assert abs(found.probability[0] - even) < 0.1
        assert not found.flagged[0]


def test_few_series_against_the_whole_posterior_of_the_share():
    """With 300 series, the plug-in share is close to averaging over it."""
    x, _ = simulated(280, 20, np.random.default_rng(8))

    # The bound aside, which is of another kind.
    share = _mode(x)

    def density(pi, i=None):
        log_p = np.sum(np.log1p(pi * np.expm1(x))) + np.log(pi * (1 - pi))
        weight = np.exp(log_p - peak)
        return weight if i is None else weight * pi * np.exp(x[i]) / (1 + pi * np.expm1(x[i]))

    p = share * np.exp(x) / (1 + share * np.expm1(x))
    peak = np.sum(np.log1p(share * np.expm1(x))) + np.log(share * (1 - share))
    total = integrate.quad(density, 1e-9, 0.5, limit=400)[0]
    for i in (0, 285, 290, 299):
        averaged = integrate.quad(density, 1e-9, 0.5, args=(i,), limit=400)[0] / total
        assert p[i] == pytest.approx(averaged, abs=0.02)


def test_what_has_no_bayes_factor_is_not_flagged():
    found = discover(np.array([np.nan, 30.0, np.nan, -3.0]), 0.05)
    assert found.flagged.tolist() == [False, True, False, False]
    assert np.isnan(found.probability[[0, 2]]).all()
    nothing = discover(np.full(3, np.nan), 0.05)
    assert np.isnan(nothing.share)
    assert not nothing.flagged.any()
    assert len(discover(np.zeros(0), 0.05).flagged) == 0


def test_equal_series_are_flagged_together():
    x = np.array([30.0] * 5 + [1.0] * 50 + [-4.0] * 400)
    found = discover(x, 0.2)
    assert len(set(found.flagged[5:55])) == 1


@pytest.mark.parametrize("x", [700.0, -700.0])
def test_the_largest_bayes_factors(x):
    found = discover(np.array([x, -x, 0.0]), 0.05)
    assert np.isfinite(found.probability).all()
    assert found.flagged.sum() == 1


def fitted(null, changed, ratio, tmp_path):
    """Series of 60 rows of some 400 trials at 0.02, which change anywhere by this ratio."""
    rng = np.random.default_rng(null + changed + int(100 * ratio))
    B, T = null + changed, 60
    rate = np.full((B, T), 0.02)
    for i, at in enumerate(rng.integers(1, T, changed)):
        rate[i, at:] *= ratio
    trials = rng.integers(300, 500, (B, T))
    table = pd.DataFrame({"series": np.repeat(np.arange(B), T), "trials": trials.ravel()})
    table["count"] = rng.binomial(trials, rate).ravel()
    table.to_parquet(tmp_path / "table.parquet", row_group_size=100_000)
    out = tmp_path / "out"
    summary = batch.run(
        tmp_path / "table.parquet", Model(likelihoods.Binomial()), out, by="series"
    )
    rows = batch.read(out, columns=["series", "flagged", "probability_of_change"])
    return summary, rows, rows["series"].astype(int) < changed


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [1.3, 1.5, 3.0])
@pytest.mark.parametrize(("null", "changed"), [(10_000, 500), (10_000, 0), (2_000, 2_000)])
def test_flags_over_fitted_series(null, changed, ratio, tmp_path):
    """From counts to flags: few, none and half of the series changed, by little or much."""
    summary, rows, truth = fitted(null, changed, ratio, tmp_path)
    assert summary.failed == 0
    flagged, false = int(rows["flagged"].sum()), int((rows["flagged"] & ~truth).sum())
    assert false <= 0.05 * flagged + 3 * np.sqrt(0.05 * max(flagged, 1))
    assert summary.share_changed < changed / (null + changed) + 0.01
    if ratio == 3.0:
        assert (rows["flagged"] & truth).sum() >= 0.95 * changed
        assert summary.share_changed == pytest.approx(changed / (null + changed), abs=0.03)
    if ratio == 1.3 and changed == 500:  # what even odds for every series would do
        alone = rows["probability_of_change"] > 0.95
        assert (alone & ~truth).sum() > 0.1 * alone.sum()
