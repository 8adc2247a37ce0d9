"""The filter against every configuration of 10 or 12 rows, on the same nodes and weights."""

from __future__ import annotations

import numpy as np
import pytest
from cases import (
    CASES,
    GRID,
    SHORTEST,
    check,
    inferred,
    kinds,
    node_probability,
    simulate,
)
from reference import Answer, Floats, enumeration

from changepoint import Changes, Exact, Model, Observations
from changepoint.exact import hyper_mixture as mixtures
from changepoint.exact.hyper_mixture import Condition, Inference, Mixture
from changepoint.exact.quadrature import Grid
from changepoint.exact.smoothed import Smoothed

TOLERANCE = 1e-9

LATER = [
    pytest.param(seed, m, marks=pytest.mark.slow)
    for seed in (0, 1)
    for m in SHORTEST
    if seed or m in (2, 4)
]


def test_the_table_covers_every_family_on_a_grid():
    assert set(CASES) == set(GRID)


@pytest.fixture(autouse=True)
def every_outer_node_counts(monkeypatch):
    """Light outer nodes are left out of marginals; what that costs is another law."""
    monkeypatch.setattr(mixtures, "LIGHT", 0.0)


def log_likelihood(name: str, data: Observations, mixture: Mixture, grid: Grid) -> Floats:
    """The likelihood, written anew, at the outer nodes and some inner ones, (J, T, G)."""
    theta, companion, _ = grid.nodes
    missing = ~data.observed(mixture.family.response)
    tables = []
    for value in mixture.family.own(mixture.outer.values):
        with np.errstate(divide="ignore"):
            table = CASES[name].log_density(data, theta, companion, float(value))
        table[missing] = 0.0
        tables.append(table)
    return np.array(tables)


def enumerated(
    name: str, changes: Changes, data: Observations, mixture: Mixture
) -> tuple[Answer, Floats]:
    """The reference on the engine's nodes and weights, and the likelihood on them."""
    log_lik = log_likelihood(name, data, mixture, mixture.grid)
    weights = mixture.grid.log_weights, mixture.outer.log_weights
    return enumeration(log_lik, *weights, changes), log_lik


def moments(density: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """Means and standard deviations of rows of densities."""
    density = density / density.sum(axis=-1, keepdims=True)
    mean = density @ theta
    return mean, np.sqrt(density @ theta**2 - mean**2)


def compare(name: str, model: Model, data: Observations) -> dict[str, float]:
    """The largest errors of one fit."""
    inference = inferred(model, data)
    mixture = inference.mixture
    told, log_lik = enumerated(name, model.changes, data, mixture)
    result = Exact(draws=4).run(model, data)
    number = np.append(result.number_probability, np.zeros(len(data)))[: len(data)]
    densities, theta = (
        told.densities(log_lik, mixture.grid.log_weights),
        mixture.grid.nodes.theta,
    )
    mean, sd = moments(densities.node, theta)
    errors = {
        "log evidence": result.log_evidence - told.log_evidence,
        "P(k)": number - told.number,
        "P(change at s)": result.change_probability - told.probability @ told.stands,
        "mean": (result.rows[0] - mean) / sd,
        "P(theta = node)": node_probability(inference) - densities.node,
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
            means, sds = moments(densities.segment[k], theta)
            errors["mean by segment"] = (result.given.segments[0] - means) / sds
    for k in set(told.placed) & {1, 2, 3} if model.changes.exactly is None else ():
        placed = Smoothed(Inference(mixture, Condition(k)))
        errors[f"P(i-th change at s | {k})"] = placed.change_probability - told.placed[k]
    return {key: float(np.abs(error).max()) for key, error in errors.items()}


@pytest.mark.parametrize(("seed", "m"), [(0, 1), (0, 3), *LATER])
@pytest.mark.parametrize("name", CASES)
def test_the_filter_equals_enumeration(name: str, seed: int, m: int) -> None:
    """For every kind of `Changes`, with 30 % of the rows missing."""
    later = seed or m in (2, 4)
    data = simulate(name, seed, 12 if later else 10, missing=0.3)
    families = CASES[name].models
    for i, changes in enumerate(kinds(m)):
        model = Model(families[(i + seed) % len(families)], changes).resolve(data)
        check(compare(name, model, data), TOLERANCE, model)
