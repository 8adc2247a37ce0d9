"""Flags over many series: the share of changed ones, and the rate of false discoveries."""

import numpy as np
import pytest
from made import long_table
from scipy import integrate, optimize, stats

from changepoint import Model, batch, likelihoods
from changepoint.batch.discovery import discover


def simulated(null, changed, rng, effect=3.0):
    """Log Bayes factors of a model that is right: y ~ N(0, 1), or N(0, 1 + effect^2)."""
    wide = np.sqrt(1 + effect**2)
    y = np.concatenate([rng.normal(0, 1, null), rng.normal(0, wide, changed)])
    return stats.norm.logpdf(y, 0, wide) - stats.norm.logpdf(y), np.arange(len(y)) >= null


@pytest.mark.parametrize("share", [0.0, 0.003, 0.05, 0.5, 0.97, 1.0])
def test_the_share_is_the_mode_of_its_posterior(share):
    """Independent judge: a root finder on the slope of the log posterior."""
    n = 3000
    x, _ = simulated(n - int(share * n), int(share * n), np.random.default_rng(1))

    def slope(pi):
        return np.sum(np.expm1(x) / (1 + pi * np.expm1(x))) + 1 / pi - 1 / (1 - pi)

    root = optimize.brentq(slope, 1e-9, 1 - 1e-9, xtol=1e-14)
    assert discover(x, 0.05).share == pytest.approx(root, abs=1e-8)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_the_share_is_recovered(share):
    n = 20_000
    x, _ = simulated(n - int(share * n), int(share * n), np.random.default_rng(2))
    assert discover(x, 0.05).share == pytest.approx(share, rel=0.15)


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
    best = max((int((p >= p[i]).sum()) for i in range(len(p)) if false[i] <= rate), default=0)
    assert found.flagged.sum() == best
    assert found.false <= rate
    assert p[found.flagged].min() > p[~found.flagged].max()


@pytest.mark.parametrize("share", [0.0, 500 / 10_500, 0.5])
def test_false_discoveries_in_simulation(share):
    """Where the model is right: false ones among all flagged, over 40 batches of 10,500."""
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
    error = 4 * np.sqrt(0.05 * 0.95 / flagged)
    assert false / flagged < 0.05 + error
    assert false / flagged > 0.05 - error - 0.01  # and none is kept back for nothing
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

    def density(pi, i=None):
        log_p = np.sum(np.log1p(pi * np.expm1(x))) + np.log(pi * (1 - pi))
        weight = np.exp(log_p - peak)
        return weight if i is None else weight * pi * np.exp(x[i]) / (1 + pi * np.expm1(x[i]))

    found = discover(x, 0.05)
    peak = np.sum(np.log1p(found.share * np.expm1(x))) + np.log(found.share * (1 - found.share))
    total = integrate.quad(density, 1e-9, 0.5, limit=400)[0]
    for i in (0, 285, 290, 299):
        averaged = integrate.quad(density, 1e-9, 0.5, args=(i,), limit=400)[0] / total
        assert found.probability[i] == pytest.approx(averaged, abs=0.02)


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


def fitted(null, changed, tmp_path, seed):
    table = long_table(null + changed, 60, changed=changed, seed=seed)
    table.to_parquet(tmp_path / "table.parquet", row_group_size=100_000)
    out = tmp_path / "out"
    summary = batch.run(
        tmp_path / "table.parquet", Model(likelihoods.Binomial()), out, by="shop"
    )
    rows = batch.read(out, columns=["series", "flagged", "probability_of_change"])
    truth = rows["series"].str[5:].astype(int) < changed
    return summary, rows, truth


@pytest.mark.slow
@pytest.mark.parametrize(("null", "changed"), [(10_000, 500), (10_000, 0), (2_000, 2_000)])
def test_flags_over_fitted_series(null, changed, tmp_path):
    """From counts to flags, where few, none and half of the series changed."""
    summary, rows, truth = fitted(null, changed, tmp_path, seed=null + changed)
    share = changed / (null + changed)
    assert summary.share_changed == pytest.approx(share, abs=0.01)
    flagged = int(rows["flagged"].sum())
    false = int((rows["flagged"] & ~truth).sum())
    assert false <= 0.05 * flagged + 3 * np.sqrt(0.05 * max(flagged, 1))
    assert (rows["flagged"] & truth).sum() >= 0.95 * changed
    if share == 500 / 10_500:  # what even odds for every series would do
        alone = rows["probability_of_change"] > 0.95
        assert (alone & ~truth).sum() > 0
