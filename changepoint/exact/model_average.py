"""The exact answer as an average over models, each weighed by its evidence."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from changepoint.changes import Changes
from changepoint.errors import EngineError
from changepoint.exact.segment_mixture import less
from changepoint.exact.solution import Floats, Mask, Solution, Solved
from changepoint.likelihoods.regression import rows_of
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.results.result import CHAINS, QUANTILES, Candidate, Draws, Given
from changepoint.results.summaries import bands, given_number, of_any, segments_of

Solve = Callable[[Model, Observations, int, int, bool], Solved]

LIGHT = 1e-6  # posterior probability below which a model counts in the evidence alone
SLIGHT = 1e-4  # the same, of a model with effects, at a glance


def solve(
    model: Model, observations: Observations, draws: int, seed: int, solve_one: Solve
) -> Solved:
    """Return the average over the candidates of a resolved family.

    p(change | y) = sum_i p(model i | y) p(change | y, model i), all models being equally
    probable before; and so for everything else that all of them speak of.
    """
    family, changes = model.likelihood, model.changes
    models = [Model(one, changes, model.effects) for one in family.candidates(observations)]
    if not changes.exactly:
        none = Changes(exactly=0, min_length=changes.min_length)
        models += [Model(one, none) for one in family.steady(observations)]
    solved, rough, notes = list[Solved](), set[int](), list[str]()
    for one in models:
        try:
            full = one.resolve(observations)
            told = _glanced(full, observations, solved, rough, solve_one)
            if told is None:
                told = solve_one(full, observations, draws, seed, True)
            else:
                rough.add(len(solved))
            solved.append(told)
        except EngineError as error:
            notes.append(f"{family.name!r} leaves out {one.likelihood.title}: {error}")
    if not solved:
        raise EngineError("; ".join(notes))
    log_evidence = np.array([one.log_evidence for one in solved])
    total = float(np.logaddexp.reduce(log_evidence))
    weights = np.exp(log_evidence - total)
    heavy = [i for i in np.flatnonzero(weights > LIGHT).tolist() if i not in rough]
    return Solved(
        model,
        total - math.log(len(solved)),
        lambda: _answer(model, observations, solved, weights, heavy, tuple(notes), seed),
        _coefficients([solved[i] for i in heavy], weights[heavy]),
    )


def _glanced(
    model: Model,
    observations: Observations,
    solved: Sequence[Solved],
    rough: set[int],
    solve_one: Solve,
) -> Solved | None:
    """Return about what a model with effects comes to, if that hardly counts; else None.

    By its evidence beside that of the best one so far, the effects being what they are there:
    what the data tell of coefficients is much the same under both.
    """
    shifts = model.shifts(observations)
    known = [one for i, one in enumerate(solved) if i not in rough and one.model.effects]
    if shifts is None or not known:
        return None
    best = max(known, key=lambda one: one.log_evidence)
    given, beta = best.coefficients, np.zeros(len(shifts.sigma))
    assert given is not None  # as the model has effects
    for i in range(len(model.effects)):
        p, sample = given(shifts.effect == i)
        beta[shifts.effect == i] = sample.mean(axis=0) if p >= 0.5 else 0.0
    rows = less(observations, shifts, beta)
    here, there = (
        solve_one(replace(one, effects=()), rows, CHAINS, 0, True).log_evidence
        for one in (model, best.model)
    )
    log_evidence = best.log_evidence + here - there
    top = max(one.log_evidence for one in solved)
    if log_evidence > top + math.log(SLIGHT):
        return None
    return Solved(model, log_evidence, best.answer, given)


def _answer(
    model: Model,
    observations: Observations,
    solved: Sequence[Solved],
    weights: Floats,
    heavy: list[int],
    remarks: tuple[str, ...],
    seed: int,
) -> Solution:
    rng, T, x = np.random.default_rng(seed), len(observations), rows_of(observations)
    p = weights[heavy] / weights[heavy].sum()
    parts = [_in_terms_of(model.likelihood.parameter, solved[i], T) for i in heavy]
    numbers = _numbers(parts)
    shifts = model.shifts(observations)
    shared = () if shifts is None else shifts.names
    drawn = _mixed([part.draws for part in parts], p, T, shared, rng)
    by_row = p @ np.array([part.mean for part in parts])

    def banded() -> Floats:
        if len(parts) == 1:
            return parts[0].rows
        every = bands(drawn, T, x)
        every[0] = by_row
        return every

    def inside(sets: Mask) -> Floats:
        told: Floats = p @ np.array([part.inside(sets) for part in parts])
        return told

    def given(number: int) -> Given | None:
        if not number:
            return None
        share = p * numbers[:, number]
        some = np.flatnonzero(share > LIGHT * share.sum())
        share = share[some] / share[some].sum()
        each = [one for i in some if (one := parts[i].given(number)) is not None]
        places = np.einsum("i,ikt->kt", share, np.array([one.probability for one in each]))
        mine = _mixed([one.draws for one in each], share, T, shared, rng)
        summary = segments_of(mine) if len(each) > 1 else each[0].segments
        steps = each[0].steps if len(each) == 1 else ()
        return given_number(number, lambda: mine, places, summary, inside, steps)

    fixed = model.changes.exactly is not None
    mean = np.array([part.change_probability for part in parts])
    return Solution(
        change_probability=p @ mean,
        number_probability=p @ numbers,
        number_error=float(p @ [part.number_error for part in parts]),
        mean=by_row,
        banded=banded,
        drawn=lambda: drawn,
        given=given,
        inside=inside,
        diagnostics={"models": len(solved)},
        candidates=_candidates(solved, weights, dict(zip(heavy, parts, strict=True)), fixed),
        remarks=remarks + tuple(text for part in parts for text in part.remarks),
        likeliest=partial(_likeliest, solved[heavy[int(p.argmax())]]),
    )


def _numbers(parts: Sequence[Solution]) -> Floats:
    """Return P(k) of each part, as far as any of them goes, (M, K + 1)."""
    numbers = np.zeros((len(parts), max(len(part.number_probability) for part in parts)))
    for number, part in zip(numbers, parts, strict=True):
        number[: len(part.number_probability)] = part.number_probability
    return numbers


def _likeliest(best: Solved) -> tuple[Model, Draws]:
    """Return a model with draws of its own; of an average again its most probable."""
    answer = best.answer()
    return (best.model, answer.draws) if answer.likeliest is None else answer.likeliest()


def _coefficients(
    parts: Sequence[Solved], p: Floats
) -> Callable[[Mask], tuple[float, Floats]] | None:
    """Return what all models together say of the coefficients of effects."""
    having = [
        (float(weight), part.coefficients)
        for weight, part in zip(p, parts, strict=True)
        if part.coefficients is not None
    ]
    if not having:
        return None

    def given(which: Mask) -> tuple[float, Floats]:
        told = [(weight, *ask(which)) for weight, ask in having]
        mass = np.array([weight * there for weight, there, _ in told])
        share = mass / mass.sum() if mass.any() else np.full(len(told), 1 / len(told))
        some = []
        for part, (*_, sample) in zip(share.tolist(), told, strict=True):
            wanted = math.ceil(part * len(sample))
            some.append(sample[np.arange(wanted) * len(sample) // max(wanted, 1)])
        return float(mass.sum() / p.sum()), np.concatenate(some)

    return given


def _candidates(
    solved: Sequence[Solved], weights: Floats, parts: dict[int, Solution], fixed: bool
) -> tuple[Candidate, ...]:
    """Return what each model says, the most probable one first."""
    told = []
    for i in np.argsort(-weights, kind="stable"):
        number = parts[i].number_probability if i in parts else np.full(2, math.nan)
        told.append(
            Candidate(
                solved[i].model.likelihood,
                solved[i].log_evidence,
                float(weights[i]),
                of_any(number),
                int(number.argmax()) if i in parts else -1,
                solved[i].model.changes.exactly == 0 and not fixed,
            )
        )
    return tuple(told)


def _in_terms_of(parameter: str, solved: Solved, T: int) -> Solution:
    """Return the answer about a parameter that may be shared by all segments."""
    answer, family = solved.answer(), solved.model.likelihood
    if family.parameter == parameter:
        return answer
    assert family.hyper is not None and family.hyper.name == parameter  # as of all candidates

    def restated(draws: Draws) -> Draws:
        i = draws.names.index(parameter)
        same = np.where(np.isnan(draws.parameter), np.nan, draws.hyper[:, [i]])
        extra = {**draws.extra, family.parameter: draws.parameter}
        names = draws.names[:i] + draws.names[i + 1 :]
        hyper = np.delete(draws.hyper, i, axis=1)
        return draws._replace(parameter=same, hyper=hyper, names=names, extra=extra)

    def given(number: int) -> Given | None:
        found = answer.given(number)
        if found is None:
            return None
        draws = restated(found.draws)
        return found._replace(drawn=lambda: draws, segments=segments_of(draws), steps=())

    draws = restated(answer.draws)
    level = draws.parameter[:, 0]
    one = np.append(level.mean(), np.quantile(level, QUANTILES))
    return replace(
        answer,
        mean=np.full(T, one[0]),
        banded=lambda: np.repeat(one[:, None], T, axis=1),
        drawn=lambda: draws,
        given=given,
    )


def _mixed(
    parts: Sequence[Draws],
    p: Floats,
    T: int,
    shared: tuple[str, ...],
    rng: np.random.Generator,
) -> Draws:
    """Return as many draws as each part has, from each part its share, in random order.

    Of hyperparameters they have those that all models share: `shared`, coefficients of effects,
    which are 0 where a model has none.
    """
    if len(parts) == 1 and set(shared) <= set(parts[0].names):
        return parts[0]
    D = len(parts[0].first)
    # Systematic sampling: every share is met up to one draw.
    which = np.searchsorted(np.cumsum(p), (np.arange(D) + rng.random()) / D * (1 - 1e-12))
    S = max(part.first.shape[1] for part in parts)
    order = rng.permutation(D)

    counts = np.bincount(which, minlength=len(parts))

    def take(arrays: Sequence[NDArray[Any]], empty: float) -> NDArray[Any]:
        kept = []
        for array, n in zip(arrays, counts, strict=True):
            some = array[np.arange(n) % len(array)]
            wide = ((0, 0), (0, S - array.shape[1]))
            kept.append(np.pad(some, wide, constant_values=empty))
        return np.concatenate(kept)[order]

    extra = {}
    for name in sorted(set().union(*(part.extra for part in parts))):
        have = [name in part.extra for part in parts]
        if name == "slope":  # a level has none
            arrays = [part.extra.get(name, 0.0 * part.parameter) for part in parts]
        elif all(have):
            arrays = [part.extra[name] for part in parts]
        else:
            continue
        extra[name] = take(arrays, np.nan)
    first = take([part.first for part in parts], T)
    parameter = take([part.parameter for part in parts], np.nan)
    columns = [
        take([part.shared().get(name, np.zeros(D))[:, None] for part in parts], 0.0)[:, 0]
        for name in shared
    ]
    hyper = np.column_stack([np.empty((D, 0)), *columns])
    return Draws(first, parameter, hyper, shared, extra=extra)
