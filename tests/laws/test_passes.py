"""Forward and backward, linear and logarithmic passes agree."""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES, SHORTEST, check, inferred, kinds, simulate

from changepoint import Changes, Model
from changepoint.exact.forward_backward import Filter, Pass, Wants
from changepoint.exact.hyper_mixture import Condition

T = 80


def log_totals(one: Filter, run: Pass, at_most: bool) -> tuple[float, float]:
    """Log of the sum over placements, from the way there and from the way back."""
    list(one.smooth(run, at_most, Wants()))
    free = at_most or run.offset == 0
    ends = run.log_shares()[-1]
    forward = one.C[-1] + (np.logaddexp.reduce(ends) if free else ends[-1])
    backward = one.C[-1] - one.C[0] + run.log_rest()[0, -1]
    return float(forward), float(backward)


@pytest.mark.parametrize("m", SHORTEST)
@pytest.mark.parametrize("name", CASES)
def test_forward_evidence_is_backward_evidence(name: str, m: int) -> None:
    data = simulate(name, m, T, missing=0.2)
    for changes in kinds(m):
        condition = Condition.of(changes, T)
        if condition.number and condition.number > 10:
            condition = Condition(10, at_most=True)
        model = Model(CASES[name].models[0], changes).resolve(data)
        for one in inferred(model, data, condition).filters[::6]:
            forward, backward = log_totals(one, condition.start(one), condition.at_most)
            check({"log evidence": abs(forward - backward)}, 1e-9, changes)


@pytest.mark.parametrize("m", SHORTEST)
@pytest.mark.parametrize("name", CASES)
def test_linear_space_is_log_space(name: str, m: int) -> None:
    """Shares, rests and node probabilities of the same filter in both."""
    data = simulate(name, m, T, missing=0.2)
    changes = Changes(min_length=m)
    filters = inferred(Model(CASES[name].models[0], changes).resolve(data), data).filters
    one = filters[len(filters) // 2]
    assert not one.log
    for levels, at_most in ((4, False), (4, True)):
        runs = [one.counted(levels, log=log) for log in (False, True)]
        nodes = []
        for run in runs:
            blocks = sorted(
                one.smooth(run, at_most, Wants(bands=np.arange(T))), key=lambda block: block[0]
            )
            nodes.append(np.concatenate([P for _, P in blocks]))
        linear, log = runs
        with np.errstate(invalid="ignore"):
            errors = {
                "shares": linear.log_shares() - log.log_shares(),
                "rests": linear.log_rest() - log.log_rest(),
                "nodes": nodes[0] - nodes[1],
            }
        check(
            {key: float(np.nanmax(np.abs(error))) for key, error in errors.items()},
            1e-9,
            levels,
        )
