"""Rows of likelihood: what a family tells fast is its density, however rows are kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cases import CASES, SHIFTABLE, check, inferred, simulate
from reference import Floats

from changepoint import Changes, Model, Observations
from changepoint.effects import Covariate
from changepoint.exact import density, hyper_mixture, row_likelihood
from changepoint.exact.density import densities
from changepoint.exact.hyper_mixture import Condition, Inference, infer
from changepoint.exact.smoothed import Smoothed
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.series import Nodes, Series, join
from changepoint.observations import ROLES

T = 60


def plain(name: str, seed: int, rows: int) -> Observations:
    """Rows of a family, all with the same exposure, if any."""
    data = simulate(name, seed, rows, missing=0.2)
    return Observations(
        **{role: getattr(data, role) for role in ROLES if role not in ("exposure", "outcomes")}
    )


def trials(seed: int) -> Observations:
    """Trials close together, far apart, and all over the place."""
    rng = np.random.default_rng(seed)
    low, high = [(900, 1100), (3, 12), (1, 10**6)][seed % 3]
    n = rng.integers(low, high, 80)
    count = rng.binomial(n, rng.uniform(0, 1, 80) if seed % 3 == 1 else 0.4).astype(float)
    count[rng.random(80) < 0.2] = np.nan
    return Observations(count=count, trials=n)


def tables(name: str, seed: int) -> list[list[Observations]]:
    """Series to be told together: of several lengths, of other sizes, with one exposure."""
    together = [
        simulate(name, seed + i, rows, missing=0.2) for i, rows in enumerate((80, 7, 33))
    ]
    alike = [plain(name, seed + i, rows) for i, rows in enumerate((40, 12))]
    whole = {"count", "trials"} == set(CASES[name].models[0].needs)
    return [together, alike, *([[trials(seed), together[0]]] if whole else [])]


def somewhere(
    family: GridLikelihood, series: Series, rng: np.random.Generator
) -> tuple[Nodes, Floats]:
    """Nodes and a hyperparameter out of the priors, more often far out than these tell."""

    def ranks(number: int) -> Floats:
        return np.clip(rng.beta(0.2, 0.2, number), 1e-12, 1 - 1e-12)

    hyper = np.zeros(1)
    if family.hyper is not None:
        hyper = family.hyper.value(family.hyper.prior.quantile(ranks(1)))
    theta = np.sort(family.prior.quantile(ranks(50)))
    companion = family.coordinate(series, hyper).companion(theta)
    return Nodes(theta, companion, np.array([len(theta)])), hyper


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", CASES)
def test_terms_are_the_density(name: str, seed: int) -> None:
    """Of several series at once; to 1e-11 of what is summed."""
    rng = np.random.default_rng(seed)
    for observations in tables(name, seed):
        families = [CASES[name].models[0].resolve(data) for data in observations]
        parts = [
            family.series(data) for family, data in zip(families, observations, strict=True)
        ]
        places = [
            somewhere(family, part, rng) for family, part in zip(families, parts, strict=True)
        ]
        nodes = Nodes(
            np.concatenate([at.theta for at, _ in places]),
            np.concatenate([at.companion for at, _ in places]),
            np.concatenate([at.counts for at, _ in places]),
        )
        series, hypers = join(parts), np.concatenate([hyper for _, hyper in places])
        found = densities(families[0], series, nodes, hypers[:, None])
        terms = families[0].terms(series, nodes, hypers)
        for i, (family, part, (at, hyper)) in enumerate(
            zip(families, parts, places, strict=True)
        ):
            columns = {key: column[:, None] for key, column in part.columns.items()}
            columns["pooled"] = part.pooled
            told = family.log_density(columns, Nodes(at.theta, at.companion), hyper)
            log_p, size = np.empty_like(told), np.abs(told)
            found[i].log(np.arange(len(told)), log_p)
            if terms is not None:
                one = terms[i]
                size = np.abs(one.constant)[:, None] + np.abs(one.row) @ np.abs(one.node)
                for table, place in ((one.first, one.at_first), (one.second, one.at_second)):
                    size = size + (np.abs(table[place]) if len(table) else 0.0)
            error = np.abs(log_p - told) / (1 + size)
            check({"log density": float(error.max())}, 1e-11, (name, hyper))
            some = rng.permutation(len(told))[:5]
            scaled, top = np.empty((len(some), told.shape[1])), np.empty(len(some))
            found[i].scaled(some, scaled, top)
            errors = {
                "largest": top - log_p[some].max(axis=1),
                "likelihood": scaled - np.exp(log_p[some] - top[:, None]),
            }
            check({key: float(np.abs(e).max()) for key, e in errors.items()}, 1e-9, name)


@pytest.mark.parametrize("name", SHIFTABLE)
def test_rows_with_shifts_of_their_own_are_told_alike(name: str, monkeypatch) -> None:
    """A table for each shift, or row by row: at any hyperparameter, its limit as well."""
    rng = np.random.default_rng(7)
    data = simulate(name, 7, 24, missing=0.2)
    column = {"x": rng.normal(size=len(data))}
    data = Observations(
        **{role: getattr(data, role) for role in ROLES if role != "outcomes"},
        covariates=column,
    )
    model = Model(CASES[name].models[0], effects=[Covariate("x")]).resolve(data)
    family = model.likelihood
    assert isinstance(family, GridLikelihood)
    series = family.series(data, model.shifts(data))
    limit = None if family.hyper is None else family.hyper.limit
    for _ in range(3):
        nodes, own = somewhere(family, series, rng)
        for hyper in [own] if limit is None else [own, np.array([limit])]:
            psi = np.append(hyper[: family.hyper is not None], rng.normal() * 0.2)[None]
            told = []
            for patterns in (0, len(data)):
                monkeypatch.setattr(density, "PATTERNS", patterns)
                (one,) = densities(family, series, nodes, psi)
                told.append(np.empty((len(series.copies), len(nodes.theta))))
                one.log(np.arange(len(series.copies)), told[-1])
            error = np.abs(told[0] - told[1]) / (1 + np.abs(told[1]))
            check({"log density": float(error.max())}, 1e-9, (name, psi))


# -- rows that are the same ---------------------------------------------------------------


def with_equal_rows(name: str, seed: int) -> Observations:
    """Twelve rows, each of them several times, in any order; some missing."""
    rng = np.random.default_rng(seed)
    data = simulate(name, seed, 12)
    rows = np.sort(rng.integers(0, 12, T)) if seed % 2 else rng.integers(0, 12, T)
    columns = {
        role: numbers[rows] for role in ROLES if (numbers := getattr(data, role)) is not None
    }
    missing = rng.random(T) < 0.2
    response = CASES[name].models[0].response
    columns[response] = np.where(missing, np.nan, columns[response])
    return Observations(**columns)


def each_alone(series: Series, rng: np.random.Generator) -> Series:
    """The same rows, each of which is distinct, in any order."""
    observed = np.flatnonzero(series.index < len(series.copies))
    order = rng.permutation(len(observed))
    index = np.full_like(series.index, len(observed))
    index[observed[order]] = np.arange(len(observed))
    distinct = series.index[observed[order]]
    return replace(
        series,
        index=index,
        bounds=np.array([0, len(observed)]),
        copies=np.ones(len(observed)),
        columns={name: column[distinct] for name, column in series.columns.items()},
    )


def distance(one: Inference, other: Inference) -> dict[str, float]:
    """The largest differences; those of the parameter in its standard deviations."""
    rows = np.arange(one.mixture.T)
    a, b = Smoothed(one, rows), Smoothed(other, rows)
    bands, others = a.bands(), b.bands()
    sd = (bands[3] - bands[1]) / 3.92
    differences = {
        "log evidence": one.log_evidence() - other.log_evidence(),
        "P(change at s)": (a.change_probability - b.change_probability).sum(axis=0),
        "bands": (bands - others) / sd,
    }
    return {key: float(np.abs(part).max()) for key, part in differences.items()}


KINDS = [Changes(), Changes(at_most=2, min_length=3), Changes(exactly=1)]


@pytest.mark.parametrize("changes", KINDS, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_rows_that_are_the_same_are_rows_all_the_same(name: str, changes: Changes) -> None:
    data = with_equal_rows(name, KINDS.index(changes))
    model = Model(CASES[name].models[0], changes).resolve(data)
    series = model.likelihood.series(data)
    assert len(series.copies) <= 12
    apart = each_alone(series, np.random.default_rng(5))
    assert len(apart.copies) == data.observed(model.likelihood.response).sum()
    condition = Condition.of(changes, T)
    alone = infer(model, apart, condition)
    check(distance(inferred(model, data), alone), 1e-9, model)


@pytest.mark.parametrize("changes", KINDS, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_blocks_of_rows_computed_again(name: str, changes: Changes, monkeypatch) -> None:
    """As where a long series doesn't fit into memory."""
    data = simulate(name, 3, T, missing=0.2)
    model = Model(CASES[name].models[0], changes).resolve(data)
    whole = inferred(model, data)
    monkeypatch.setattr(hyper_mixture, "KEEP", 0)
    monkeypatch.setattr(row_likelihood, "BLOCK", 1)
    blocks = inferred(model, data)
    assert len(blocks.filters[0].rows.starts) > 5
    check(distance(whole, blocks), 1e-9, model)
