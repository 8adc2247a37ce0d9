"""Two posteriors side by side."""

import numpy as np
import pytest

from changepoint import (
    Changes,
    DataError,
    Exact,
    Model,
    Observations,
    fit,
    likelihoods,
    read_csv,
)

DATA = read_csv("data/coal_disasters.csv")


def posterior(**changes):
    return fit(Model(likelihoods.Poisson(), Changes(**changes)), DATA, Exact(draws=400))


@pytest.fixture(scope="module")
def one():
    return posterior(exactly=1)


def test_with_itself(one):
    table = one.compare(one).table
    assert list(table.columns) == ["exact, poisson (1)", "exact, poisson (2)", "difference"]
    assert (table["difference"].dropna() == 0).all()
    assert np.isfinite(table.loc["change 1: total variation of the row", "difference"])


def test_total_variation_is_that_of_the_marginals(one):
    other = posterior(exactly=1, min_length=40)
    table = one.compare(other).table
    p, q = (x.change_probability.to_numpy() for x in (one, other))
    row = table.loc["change 1: total variation of the row"]
    assert row["difference"] == pytest.approx(abs(p - q).sum() / 2)
    assert table.loc["log evidence", "difference"] == pytest.approx(
        other.log_evidence - one.log_evidence
    )


def test_numbers_that_differ(one, tmp_path):
    comparison = one.compare(posterior(exactly=2))
    table = comparison.table
    assert table.loc["number of changes"].tolist() == [1, 2, 1]
    assert table.loc["change 2: rate after"].isna().tolist() == [True, False, True]
    assert np.isnan(table.loc["change 1: total variation of the row", "difference"])
    comparison.plot().savefig(tmp_path / "figure.png")
    assert "change 2: rate after" in str(comparison)
    assert "<table" in comparison._repr_html_()


@pytest.mark.parametrize("k", [0, 3, 8])
def test_figures_of_any_number(k):
    told = posterior(exactly=k)
    figure = told.compare(told).plot()
    assert len(figure.axes) == 1 + (k if 0 < k <= 6 else 1)


def test_other_data(one):
    counts = Observations(count=[1, 2, 3, 9, 8], exposure=[1.0] * 5)
    other = fit(Model(likelihoods.Poisson()), counts)
    with pytest.raises(DataError, match="different data"):
        one.compare(other)
