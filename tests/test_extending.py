"""The page on a family of one's own: its cells run, and its family obeys the laws."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats

from changepoint import Changes, Exact, Model, Observations, fit
from changepoint.likelihoods import FAMILIES
from changepoint.likelihoods.series import Nodes

ROOT = Path(__file__).resolve().parents[1]
LAWS = ROOT / "tests" / "laws"
NAME = "geometric"
CELL = re.compile(r"^```\{code-cell\} python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def cells() -> list[str]:
    return CELL.findall((ROOT / "docs" / "extending.md").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    """The page as a module, every cell run; afterwards the table of the laws is as before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.syspath_prepend(LAWS)
        import cases

        patch.setitem(cases.CASES, NAME, None)
        module = ModuleType("extending")
        patch.setitem(sys.modules, "extending", module)
        exec(compile("".join(cells()), "docs/extending.md", "exec"), vars(module))
        yield module


def test_the_family_is_new(page: Any) -> None:
    assert NAME not in FAMILIES
    assert page.Geometric.name == NAME
    assert len(cells()) >= 6


@pytest.mark.parametrize("m", [1, 3])
def test_enumeration(page: Any, m: int) -> None:
    import test_enumeration as law

    law.test_the_filter_equals_enumeration(NAME, 0, m)


@pytest.mark.parametrize("m", [1, 3])
def test_passes(page: Any, m: int) -> None:
    import test_passes as law

    law.test_forward_evidence_is_backward_evidence(NAME, m)
    law.test_linear_space_is_log_space(NAME, m)


@pytest.mark.parametrize("changes", [Changes(), Changes(at_most=2, min_length=3)], ids=str)
def test_refinement(page: Any, changes: Changes, monkeypatch: pytest.MonkeyPatch) -> None:
    import test_refinement as law

    law.test_bands_have_their_probability(NAME, changes)
    law.test_a_finer_inner_grid(NAME, changes, monkeypatch)


@pytest.mark.parametrize("fast", [False, True])
def test_rows_and_series(page: Any, fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without its sums of products."""
    import cases
    import test_row_tables as law
    import test_together as other

    if fast:
        case = cases.CASES[NAME]
        models = tuple(page.FastGeometric(family.mean) for family in case.models)
        monkeypatch.setitem(cases.CASES, NAME, case._replace(models=models))
    law.test_terms_are_the_density(NAME, 1)
    law.test_rows_that_are_the_same_are_rows_all_the_same(NAME, law.KINDS[1])
    law.test_blocks_of_rows_computed_again(NAME, law.KINDS[1], monkeypatch)
    other.test_together_is_alone(NAME, Changes())


@pytest.mark.parametrize("m", [1, 3])
def test_what_changes_did(page: Any, m: int) -> None:
    import test_before_after as law

    law.test_what_changes_did(NAME, m)


def test_missing_rows(page: Any) -> None:
    import test_missing as law

    law.test_rows_added_at_the_ends_change_no_segment(NAME, 1)
    law.test_rows_added_at_the_ends_change_no_segment(NAME, 3)
    law.test_an_empty_row_takes_the_parameter_of_its_neighbours(NAME)
    law.test_missing_rows_count_for_placements(NAME)


@pytest.mark.parametrize("changes", [Changes(), Changes(exactly=2)], ids=str)
def test_draws(page: Any, changes: Changes) -> None:
    import test_draws as law

    law.test_placements_and_parameters(NAME, changes)


def test_the_log_likelihood_of_draws(page: Any) -> None:
    import test_tree as law

    law.test_the_log_likelihood_is_that_of_the_draws(NAME)


def test_the_information_about_the_coordinate_is_one_a_row(page: Any) -> None:
    """The mean square of the score, by differences of SciPy's density, over all counts."""
    family = page.Geometric()
    series = family.series(Observations(count=[0, 1, np.nan]))
    coordinate, each = (
        family.coordinate(series, np.zeros(1)),
        family.information(series, 0.0) / 2,
    )
    for mean in (0.05, 1.0, 20.0):
        k = np.arange(1000)
        x, h = coordinate.x(mean, 0.0), 1e-5
        low, high = (coordinate.nodes(np.array(x + d), np.array(0.0)).theta for d in (-h, h))
        scores = stats.geom.logpmf(k + 1, 1 / (1 + high)) - stats.geom.logpmf(
            k + 1, 1 / (1 + low)
        )
        information = np.sum(stats.geom.pmf(k + 1, 1 / (1 + mean)) * (scores / (2 * h)) ** 2)
        np.testing.assert_allclose(information, each, rtol=1e-6)


def test_tails(page: Any) -> None:
    """Sums of probabilities, of one row and of five."""
    data = Observations(count=[0, 1, 7, np.nan, 3, 0])
    p = 1 / (1 + 2.5)
    for pool, k, n in ((False, data.count, 1), (True, np.array([11.0]), 5)):
        told = page.Geometric().tail(data, np.array(2.5), pool)
        one = stats.nbinom(n, p)
        below, above = one.cdf(k), one.sf(k - 1)
        np.testing.assert_allclose(told, np.minimum(1, 2 * np.minimum(below, above)), 1e-10)


def test_draws_of_data(page: Any) -> None:
    """Their frequencies, by the chi-square test: 1e-6 by chance."""
    some = Observations(count=np.zeros(2000))
    family = page.Geometric()
    rows = family.beside_draws(some)
    drawn = family.draw(rows, np.full((2000, 1), 1.5), 0.0, np.random.default_rng(5))
    counts = np.bincount(np.minimum(drawn.ravel(), 6).astype(int), minlength=7)
    p = stats.geom.pmf(np.arange(1, 8), 1 / 2.5)
    p[6] = stats.geom.sf(6, 1 / 2.5)
    assert stats.chisquare(counts, 2000 * p).pvalue > 1e-6


def test_pymc_has_the_same_density(page: Any) -> None:
    import pymc as pm
    import pytensor.tensor as pt

    k = np.array([0.0, 1.0, 30.0])
    kind, parameters = page.Geometric().pymc({}, pt.constant(3.0, dtype="float64"), None)
    told = pm.logp(kind.dist(**parameters), k.astype(int)).eval()
    data = Observations(count=k)
    theta = np.array([3.0])
    family = page.Geometric()
    ours = family.log_density(family.beside_draws(data), Nodes(theta, theta), 0.0)
    np.testing.assert_allclose(told, ours[:, 0], rtol=1e-10)


def test_simulated_changes_are_found(page: Any) -> None:
    """Where the mean trebles it is found; where nothing changes nothing is, as a rule.

    The series are NumPy's own, the same on every machine, and the answers are sums: what
    passes here rests on no last bit.
    """
    places, false = [], 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        posterior = fit(Model(page.Geometric()), page.simulate(rng, 160), Exact(draws=4))
        places += [change.index for change in posterior.changes]
        same = Observations(count=rng.geometric(1 / 4, 160) - 1.0)
        false += fit(Model(page.Geometric()), same, Exact(draws=4)).probability_of_change > 0.5
    assert len(places) >= 10
    assert np.median(np.abs(np.array(places) - 80)) <= 10
    assert false <= 2
