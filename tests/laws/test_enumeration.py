"""The filter against every configuration of 12 rows, on the same nodes and weights."""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES, GRID, SHORTEST, Marginals, check, kinds, node_probability, simulate
from reference import Answer, enumeration

from changepoint import Exact, Model, Observations
from changepoint.exact import hyper_mixture as mixtures
from changepoint.exact.hyper_mixture import Condition, Inference, Mixture, infer

T = 12
TOLERANCE = 1e-9


def test_the_table_covers_every_family_on_a_grid():
    assert set(CASES) == set(GRID)


@pytest.fixture(autouse=True)
def every_outer_node_counts(monkeypatch):
    """Light outer nodes are left out of marginals; what that costs is another law."""
    monkeypatch.setattr(mixtures, "LIGHT", 0.0)


def enumerated(name: str, model: Model, data: Observations, mixture: Mixture) -> Answer:
    """The reference on the engine's nodes and weights; the likelihood is written anew."""
    nodes = mixture.grid.nodes
    missing = ~data.observed(mixture.family.response)
    tables = []
    for value in mixture.outer.values:
        with np.errstate(divide="ignore"):
            table = CASES[name].log_density(data, *nodes, float(value))
        table[missing] = 0.0
        tables.append(table)
    weights = mixture.grid.log_weights, mixture.outer.log_weights
    return enumeration(np.array(tables), *weights, model.changes)


def compare(name: str, model: Model, data: Observations) -> dict[str, float]:
    """The largest errors of one fit."""
    condition = Condition.of(model.changes, T)
    inference = infer(model, data, condition)
    mixture = inference.mixture
    told = enumerated(name, model, data, mixture)
    result = Exact(draws=4).run(model, data)
    number = np.append(result.number_probability, np.zeros(T))[:T]
    theta = mixture.grid.nodes.theta
    posterior_mean = Marginals.of(model, data).mean
    mean = told.node @ theta
    sd = np.sqrt(told.node @ theta**2 - mean**2)
    errors = {
        "log evidence": result.log_evidence - told.log_evidence,
        "P(k)": number - told.number,
        "P(change at s)": result.change_probability - told.probability @ told.stands,
        "mean": (posterior_mean - mean) / sd,
        "P(theta = node)": node_probability(inference) - told.node,
        "P(outer node)": inference.weights - told.outer,
    }
    if result.given is not None:
        errors["P(i-th change at s | k)"] = (
            result.given.probability - told.placed[result.given.number]
        )
        errors["P(change in set)"] = result.given.inside - [
            told.probability @ told.stands[:, rows].any(axis=1)
            for rows in result.given.credible
        ]
        k = result.given.number
        if k <= 3:
            means = told.segment[k] @ theta
            sds = np.sqrt(told.segment[k] @ theta**2 - means**2)
            errors["mean by segment"] = (result.given.segments[0] - means) / sds
    for k in set(told.placed) & {1, 2, 3} if model.changes.exactly is None else ():
        placed = Inference(mixture, Condition(k)).backward(0, np.random.default_rng(), ())
        errors[f"P(i-th change at s | {k})"] = placed.place_probability() - told.placed[k]
    return {key: float(np.abs(error).max()) for key, error in errors.items()}


@pytest.mark.parametrize("m", SHORTEST)
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CASES)
def test_the_filter_equals_enumeration(name: str, seed: int, m: int) -> None:
    """For every kind of `Changes`, with 30 % of the rows missing."""
    data = simulate(name, seed, T, missing=0.3)
    families = CASES[name].models
    for i, changes in enumerate(kinds(m)):
        model = Model(families[(i + seed) % len(families)], changes).resolve(data)
        check(compare(name, model, data), TOLERANCE, model)
