"""Averages over families are what their candidates say, weighted by evidence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from cases import check

from changepoint import Changes, Model, Observations, likelihoods
from changepoint.exact.solution import Solved
from changepoint.exact.solve import solve
from changepoint.likelihoods import Auto, Likelihood

T = 40
KINDS = [Changes(min_length=3), Changes(at_most=2), Changes(exactly=1)]


@dataclass(frozen=True)
class TwoOfThem(Auto):
    """An average written by hand."""

    def candidates(self, observations: Observations) -> tuple[Likelihood, ...]:
        return likelihoods.Trend(), likelihoods.NormalMeanVariance()

    def steady(self, observations: Observations) -> tuple[Likelihood, ...]:
        return ()


@cache
def data(kind: str) -> Observations:
    """A step in noise, a line that bends, and neither: so that the weights differ."""
    rng, t = np.random.default_rng(6), np.arange(T)
    y = {"step": 3.0 * (t >= 25), "bend": 0.2 * np.abs(t - 15.0), "none": 0.0 * t}[kind]
    y = y + rng.normal(size=T)
    y[rng.random(T) < 0.1] = np.nan
    return Observations(value=y)


@cache
def solved(family: Likelihood, changes: Changes, kind: str) -> Solved:
    one_of_many = not isinstance(family, Auto)  # by a closed form where there is one
    model = Model(family.resolve(data(kind)), changes)
    return solve(model, data(kind), 2000, 1, one_of_many)


def parts(family: Likelihood, changes: Changes, kind: str) -> tuple[list[Solved], np.ndarray]:
    """The candidates, each by itself, and their posterior probabilities."""
    each = [solved(one, changes, kind) for one in family.candidates(data(kind))]
    if not changes.exactly:  # and those under which nothing changes
        none = Changes(exactly=0, min_length=changes.min_length)
        each += [solved(one, none, kind) for one in family.steady(data(kind))]
    evidence = np.array([one.log_evidence for one in each])
    p = np.exp(evidence - evidence.max())
    return each, p / p.sum()


every_case = pytest.mark.parametrize(
    ("family", "changes", "kind"),
    [(f, c, k) for f in (Auto(), TwoOfThem()) for c in KINDS for k in ("step", "bend", "none")],
    ids=str,
)


@every_case
def test_an_average_is_the_mean_of_its_candidates(
    family: Likelihood, changes: Changes, kind: str
) -> None:
    each, p = parts(family, changes, kind)
    found = solved(family, changes, kind)
    answers = [one.answer() for one in each]
    answer = found.answer()
    size = len(answer.number_probability)
    numbers = np.array([np.pad(a.number_probability, (0, T))[:size] for a in answers])
    sets = np.random.default_rng(2).random((3, T)) < 0.3
    mean_of_evidence = np.logaddexp.reduce([one.log_evidence for one in each]) - np.log(
        len(each)
    )
    errors = {
        "log evidence": found.log_evidence - mean_of_evidence,
        "P(k)": answer.number_probability - p @ numbers,
        "sum of P(k)": answer.number_probability.sum() - 1,
        "P(change at s)": answer.change_probability
        - p @ np.array([a.change_probability for a in answers]),
        "P(change in set)": answer.inside(sets)
        - p @ np.array([a.inside(sets) for a in answers]),
    }
    # Each candidate mixes its own shared parameter: the mean by row only where it has one.
    same = [one.model.likelihood.parameter == family.parameter for one in each]
    if all(same):
        errors["mean"] = answer.rows[0] - p @ np.array([a.rows[0] for a in answers])
    for k in np.flatnonzero(answer.number_probability > 0.01):
        if not k:
            assert answer.given(0) is None
            continue
        share = p * numbers[:, k]  # p(i | k)
        given = answer.given(int(k))
        places = sum(
            share[i] / share.sum() * answers[i].given(int(k)).probability
            for i in np.flatnonzero(share)
        )
        errors[f"P(i-th change at s | {k})"] = given.probability - places
        assert (given.draws.number(T) == k).all()
    # Candidates below a millionth count in the evidence alone.
    check({key: float(np.abs(e).max()) for key, e in errors.items()}, 1e-5, (family, kind))


@every_case
def test_candidates_are_told_by_weight(family: Likelihood, changes: Changes, kind: str) -> None:
    each, p = parts(family, changes, kind)
    told = solved(family, changes, kind).answer().candidates
    order = np.argsort(-p, kind="stable")
    assert [one.likelihood.name for one in told] == [
        each[i].model.likelihood.name for i in order
    ]
    errors = {
        "probability": [one.probability for one in told] - p[order],
        "log evidence": np.array([one.log_evidence for one in told])
        - [each[i].log_evidence for i in order],
    }
    check({key: float(np.abs(e).max()) for key, e in errors.items()}, 1e-9, family)


@every_case
def test_draws_of_an_average(family: Likelihood, changes: Changes, kind: str) -> None:
    """Of each candidate its share: changes at s, and the level, as often as told."""
    answer = solved(family, changes, kind).answer()
    draws = answer.draws
    D = len(draws.first)
    changed = np.zeros((D, T + 1), bool)
    np.put_along_axis(changed, draws.first[:, 1:], True, axis=1)
    told = answer.change_probability
    z = (changed[:, :T].mean(axis=0) - told) / np.sqrt(np.maximum(told * (1 - told), 1e-4) / D)
    print(f"largest deviation: {np.abs(z).max():.1f} standard errors")
    assert np.abs(z).max() < 5
    number = np.bincount(draws.number(T), minlength=len(answer.number_probability)) / D
    p = answer.number_probability
    error = np.abs(number[: len(p)] - p) / np.sqrt(np.maximum(p * (1 - p), 1e-4) / D)
    assert error.max() < 5


def test_what_remains_of_a_candidate_that_cannot_be_solved() -> None:
    """It is left out, with a remark; if all are, that is the error."""
    from changepoint import EngineError
    from changepoint.exact import model_average as average

    def failing(model: Model, *rest: object) -> Solved:
        if model.likelihood.name == "trend":
            raise EngineError("no way")
        return solve(model, *rest)

    model = Model(TwoOfThem())
    found = average.solve(model, data("step"), 400, 0, failing)
    alone = solved(likelihoods.NormalMeanVariance(), Changes(), "step")
    assert found.log_evidence == pytest.approx(alone.log_evidence, abs=1e-9)
    (remark,) = found.answer().remarks
    assert remark == "'auto' leaves out trend: no way"

    def hopeless(*_: object) -> Solved:
        raise EngineError("no way")

    with pytest.raises(EngineError, match=r"leaves out trend: no way; .*variance: no way"):
        average.solve(model, data("step"), 400, 0, hopeless)
