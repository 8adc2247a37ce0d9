"""Closed-form segments: their marginals, and the recursions over segment starts."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from cases import CASES, GRID, SHORTEST, check, kinds, simulate
from closed_cases import BY_SEGMENTS, CLOSED, closed_data, fitting, outer_nodes, tables
from reference import ByPlacement, Floats, by_placement
from scipy import special, stats

from changepoint import Changes, EngineError, Model, Observations, likelihoods, priors
from changepoint.exact import filter_posterior as filtered
from changepoint.exact import segment_posterior as segmented
from changepoint.exact.segment_chain import Chain
from changepoint.exact.solution import Solution, Solved
from changepoint.exact.solve import solve
from changepoint.kernels.segment_marginals import centers, log_marginals
from changepoint.likelihoods import FAMILIES, Likelihood, SegmentLikelihood
from changepoint.likelihoods.base import ClosedForm
from changepoint.likelihoods.segment_statistics import Statistics, coefficients
from changepoint.likelihoods.spikes import Spiked

INNER = 1e-9
OUTER = 1e-5  # with a parameter shared by all segments
RARE = 1e-4  # p value, for fixed seeds


def tolerance(family: Likelihood) -> float:
    return INNER if family.hyper is None else OUTER


def segments_solve(model: Model, data: Observations, draws: int = 4, seed: int = 0) -> Solved:
    """By this kernel, also where the grid would be taken."""
    return segmented.solve(model.resolve(data), data, draws, seed)


def test_the_table_covers_every_family_with_closed_forms() -> None:
    own = SegmentLikelihood.candidates
    averages = {name for name, family in FAMILIES.items() if family.candidates is not own}
    without_grid = set(FAMILIES) - set(GRID) - averages
    plain = [name for name in GRID if not issubclass(FAMILIES[name], Spiked)]
    conjugate = {name for name in plain if hasattr(FAMILIES[name], "statistics")}
    assert set(CLOSED) == without_grid | conjugate


# -- one segment --------------------------------------------------------------------------


def log_marginal(st: Statistics, first: int, end: int) -> float:
    out = np.full((1, 1), np.nan)
    log_marginals(st, np.array([first]), end, 1, out)
    return float(out[0, 0])


def center(st: Statistics, first: int, end: int) -> tuple[float, float]:
    """Constant and slope of the mean of a segment."""
    constant, slope = np.zeros((1, 1)), np.zeros((1, 1))
    centers(st, np.array([first]), end, 1, constant, slope)
    return float(constant[0, 0]), float(slope[0, 0])


def marginals(family: Likelihood, data: Observations, shared: float) -> tuple[Floats, Floats]:
    """log M(s, e), and the mean by row, by the kernel; as `tables`."""
    T, st = len(data), family.statistics(data, shared)
    assert st is not None
    log_m = np.full((1, T + 1, T + 1), -np.inf)
    means = np.full((1, T + 1, T + 1, T), np.nan)
    x = st.x if hasattr(st, "x") else np.zeros(T)
    for first, end in itertools.combinations(range(T + 1), 2):
        log_m[0, first, end] = log_marginal(st, first, end)
        constant, slope = center(st, first, end)
        means[0, first, end, first:end] = st.origin + constant + slope * x[first:end]
    return log_m, means


def some_shared(family: Likelihood) -> list[float]:
    if family.hyper is None:
        return 3 * [0.0]
    return [float(family.hyper.prior.quantile(q)) for q in (0.05, 0.5, 0.95)]


def distance(one: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> dict[str, float]:
    first, end = np.triu_indices(one[0].shape[1], 1)
    difference = one[0][:, first, end] - other[0][:, first, end]
    return {
        "log marginal": float(np.abs(difference).max()),
        "mean": float(np.nanmax(np.abs(one[1] - other[1]))),
    }


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", CLOSED)
def test_marginals(name: str, seed: int) -> None:
    """Against scipy's distributions, with missing rows."""
    for T in (2, 12):
        data = closed_data(name, seed, T)
        for family in CLOSED[name].models:
            family = family.resolve(data)
            for shared in set(some_shared(family)):
                told = tables(name, family, data, np.array([shared]))
                check(distance(marginals(family, data, shared), told), 1e-11, family)


MEASURED = [name for name in CLOSED if FAMILIES[name].response == "value"]
RAISED = {"level": priors.Normal(1e8 + 11, 2), "variance": priors.InverseGamma(2.5, 1.5)}


@pytest.mark.parametrize("name", MEASURED)
def test_an_offset_costs_no_digits(name: str) -> None:
    """The same from 1e8 as from 0; what is lost is lost when 1e8 is added to the data."""
    data = closed_data(name, 1, 12)
    high = replace(data, value=data.value + 1e8)
    low = replace(data, value=high.value - 1e8)
    family = FAMILIES[name]
    fields = {field: prior for field, prior in RAISED.items() if hasattr(family, field)}
    if name == "normal":
        fields["noise_sd"] = priors.Gamma(8, 5)
    lower = replace(family(**fields), level=priors.Normal(11, 2)).resolve(low)
    family = replace(lower, level=RAISED["level"])
    for shared in set(some_shared(lower)):
        at = np.array([shared])
        told = tables(name, lower, low, at)
        raised = shared + 1e8 if family.hyper_names == ("level",) else shared
        if family.hyper_names == ("level",):
            told = tables(name, lower, low, np.array([raised - 1e8]))
        found = marginals(family, high, raised)
        if family.parameter == "level":
            found = found[0], found[1] - 1e8
        errors = distance(found, told)
        check({"log marginal": errors["log marginal"]}, INNER, family)
        check({"mean": errors["mean"]}, 1e-7, family)  # of 1e8


@pytest.mark.parametrize("unit", [1e-9, 1e9])
@pytest.mark.parametrize("name", MEASURED)
def test_units(name: str, unit: float) -> None:
    """Only the density of the data changes, by the unit to the power of the rows."""
    data = closed_data(name, 2, 12)
    scaled = replace(data, value=data.value * unit)
    one, other = FAMILIES[name]().resolve(data), FAMILIES[name]().resolve(scaled)
    count = np.append(0, np.cumsum(~np.isnan(data.value)))
    for shared in set(some_shared(one)):
        log_m, means = marginals(one, data, shared)
        moved = log_m - (count - count[:, None]) * np.log(unit)
        unit_of_shared = 1.0 if one.hyper_names in ((), ("phi",)) else unit
        found = marginals(other, scaled, shared * unit_of_shared)
        check(distance((found[0], found[1] / unit), (moved, means)), INNER, one)


def two_passes(family: Any, y: Floats, sd: Floats) -> Floats:
    """log p(y) of a level under known noise, from deviations from the mean: nothing cancels."""
    y = y[~np.isnan(y)]
    n = len(y)
    if not n:
        return np.zeros(len(sd))
    log_p = stats.norm.logpdf((y - y.mean()) / sd[:, None]).sum(axis=1) - n * np.log(sd)
    of_mean = family.level.mu, np.sqrt(family.level.sigma**2 + sd**2 / n)
    # The mean's own density stands for one of the deviations.
    log_p = log_p + stats.norm.logpdf(y.mean(), *of_mean)
    return log_p - stats.norm.logpdf(0, 0, sd / np.sqrt(n))


@cache
def far_away(kind: str) -> Observations:
    """Noise of 0.01 around levels that are 1e8 times as far apart, or one such outlier."""
    y = np.random.default_rng(8).normal(0, 0.01, 9)
    y[3] = np.nan
    y[{"outlier": slice(5, 6), "step": slice(5, 9)}[kind]] += 1e6
    return Observations(value=y)


@pytest.mark.parametrize("kind", ["outlier", "step"])
def test_levels_far_apart_cost_no_digits(kind: str) -> None:
    """Sums of squares are 1e16 times what is left of them."""
    data = far_away(kind)
    family = likelihoods.Normal().resolve(data)
    for sd in (0.003, 0.01, 0.1, 1e5):
        st = family.statistics(data, sd)
        worst = 0.0
        for first, end in itertools.combinations(range(10), 2):
            (told,) = two_passes(family, data.value[first:end], np.array([sd]))
            error = abs(log_marginal(st, first, end) - told)
            worst = max(worst, error / max(abs(told), 1.0))
        check({"log marginal, relative": worst}, 1e-6, sd)
    # With the noise integrated out, and that which is drawn of it.
    variance = priors.InverseGamma(3, 3e-4)
    family = likelihoods.NormalMeanVariance(variance=variance).resolve(data)
    st = family.statistics(data, 0.0)
    k0 = variance.beta / variance.alpha / family.level.sigma**2
    for first, end in itertools.combinations(range(10), 2):
        y = data.value[first:end]
        y = y[~np.isnan(y)]
        n = len(y)
        if not n:
            continue
        squares = np.sum((y - y.mean()) ** 2)
        squares += (y.mean() - family.level.mu) ** 2 * n * k0 / (n + k0)
        a, b = variance.alpha + n / 2, variance.beta + squares / 2
        told = (
            special.gammaln(a) - special.gammaln(variance.alpha) - n / 2 * np.log(2 * np.pi)
            + variance.alpha * np.log(variance.beta) - a * np.log(b)
            - 0.5 * np.log1p(n / k0)
        )  # fmt: skip
        assert log_marginal(st, first, end) == pytest.approx(told, abs=1e-6)
        found = coefficients(st, np.array([first]), np.array([end]))
        assert found.scale[0] == pytest.approx(b, rel=1e-6)


@pytest.mark.parametrize("changes", [Changes(), Changes(exactly=2)], ids=str)
@pytest.mark.parametrize("kind", ["outlier", "step"])
def test_what_is_too_far_out_for_a_grid_is_answered(kind: str, changes: Changes) -> None:
    """By `solve` as a whole; the grid refuses, and enumeration knows."""
    data = far_away(kind)
    noise = priors.LogNormal(-4.5, 1)
    model = Model(likelihoods.Normal(noise_sd=noise), changes).resolve(data)
    with pytest.raises(EngineError, match="a row lies too far out"):
        filtered.solve(model, data, 4, 0)
    shared, log_outer = outer_nodes(model.likelihood)
    T = len(data)
    log_m = np.full((len(shared), T + 1, T + 1), -np.inf)
    for first, end in itertools.combinations(range(T + 1), 2):
        log_m[:, first, end] = two_passes(model.likelihood, data.value[first:end], shared)
    told = by_placement(log_m, np.zeros((*log_m.shape, T)), log_outer, changes)
    solved = solve(model, data, 4, 0)
    answer = solved.answer()
    errors = {
        "log evidence": solved.log_evidence - told.log_evidence,
        "P(k)": np.pad(answer.number_probability, (0, T))[:T] - told.number,
        "P(change at s)": answer.change_probability - told.probability @ told.stands,
    }
    check({key: float(np.abs(e).max()) for key, e in errors.items()}, OUTER, model)


# -- against enumeration ------------------------------------------------------------------


@cache
def family_tables(name: str, i: int, seed: int, T: int) -> tuple[Any, ...]:
    """A resolved family, and its tables on many nodes of the shared parameter."""
    data = closed_data(name, seed, T)
    family = CLOSED[name].models[i].resolve(data)
    shared, log_outer = outer_nodes(family)
    return family, shared, log_outer, *tables(name, family, data, shared)


def enumerated(name: str, i: int, seed: int, T: int, changes: Changes) -> ByPlacement:
    *_, log_outer, log_m, means = family_tables(name, i, seed, T)
    return by_placement(log_m, means, log_outer, changes)


def inside(told: ByPlacement, sets: np.ndarray) -> Floats:
    """P(some change stands in a set)."""
    return np.array([told.probability @ told.stands[:, rows].any(axis=1) for rows in sets])


def spread_of(family: Likelihood, data: Observations) -> float:
    """A standard deviation, in which differences of means are told."""
    y = data.value if family.response == "value" else family.estimates(data)
    return float(np.nanstd(y)) or 1.0


def compare(name: str, i: int, seed: int, T: int, changes: Changes) -> None:
    data = closed_data(name, seed, T)
    family = family_tables(name, i, seed, T)[0]
    told = enumerated(name, i, seed, T, changes)
    solved = segments_solve(Model(family, changes), data)
    answer = solved.answer()
    sets = np.random.default_rng(seed).random((3, T)) < 0.4
    spread = spread_of(family, data)
    number = np.pad(answer.number_probability, (0, T))[:T]
    errors = {
        "log evidence": solved.log_evidence - told.log_evidence,
        "P(k)": number - told.number,
        "P(change at s)": answer.change_probability - told.probability @ told.stands,
        "mean": (answer.rows[0] - told.mean) / spread,
        "P(change in set)": answer.inside(sets) - inside(told, sets),
    }
    # Outer nodes that hardly count are left out, but not where a number hardly counts.
    for k in np.flatnonzero(told.number > (1e-6 if family.hyper is None else 0.1)):
        given = answer.given(int(k))
        if not k:
            assert given is None
            continue
        share = told.number[k] if family.hyper else 1.0  # what is left out counts for more
        errors[f"P(i-th change at s | {k})"] = share * (given.probability - told.placed[k])
        if not hasattr(family, "slope"):
            errors[f"means by segment | {k}"] = (given.segments[0] - told.segment[k]) / spread
    largest = {key: float(np.abs(error).max()) for key, error in errors.items()}
    means = {key: largest.pop(key) for key in list(largest) if "mean" in key}
    check(largest, tolerance(family), Model(family, changes))
    # A noise_sd around a level far off is large: its mean has a heavy tail.
    heavy = 100 if family.parameter == "noise_sd" else 10
    check(means, heavy * tolerance(family), Model(family, changes))


@pytest.mark.parametrize("m", SHORTEST)
@pytest.mark.parametrize("name", CLOSED)
def test_the_recursions_equal_enumeration(name: str, m: int) -> None:
    """For every kind of `Changes`; the shared parameter integrated on many nodes."""
    T = {1: 5, 2: 7, 3: 8, 4: 9}[m]
    for j, changes in enumerate(fitting(kinds(m), T)):
        compare(name, j % len(CLOSED[name].models), 0, T, changes)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", CLOSED)
def test_the_recursions_equal_enumeration_for_all_lengths(name: str, seed: int) -> None:
    # With two rows alone the outer grid is good for 1.2e-5.
    fewest = 2 if FAMILIES[name]().hyper_names in ((), ("phi",)) else 3
    for T, m in itertools.product(range(fewest, 10), SHORTEST):
        for j, changes in enumerate(fitting(kinds(m), T)):
            compare(name, (j + seed) % len(CLOSED[name].models), seed, T, changes)


# -- starts that are dropped --------------------------------------------------------------


def jumps(name: str, T: int, every: int) -> Observations:
    """Many clear changes."""
    rng = np.random.default_rng(4)
    high = np.arange(T) // every % 2 == 1
    role = FAMILIES[name].response
    gone = rng.random(T) < 0.1
    if role == "value":
        sd = np.where(high, 5.0, 0.5) if FAMILIES[name].parameter == "noise_sd" else 0.5
        return Observations(value=np.where(gone, np.nan, rng.normal(np.where(high, 3, 0), sd)))
    if role == "outcomes":
        p = np.where(high[:, None], [0.01, 0.01, 0.98], [0.98, 0.01, 0.01])
        k = rng.multinomial(1 if name == "categorical" else 50, p).astype(float)
        k[gone] = np.nan
        return Observations(outcomes=k, outcome_names=("a", "b", "c"))
    rate = np.where(high, 0.4, 0.05)
    k = np.where(gone, np.nan, rng.binomial(100, rate).astype(float))
    return Observations(count=k, **({"trials": np.full(T, 100)} if name == "binomial" else {}))


@pytest.mark.parametrize("m", [1, 5])
@pytest.mark.parametrize("name", CLOSED)
def test_dropped_starts_are_not_missed(name: str, m: int) -> None:
    T = 400
    data = jumps(name, T, 100 if name == "categorical" else 40)  # single trials tell less
    flat = {"concentration": (1, 1, 1)} if FAMILIES[name].response == "outcomes" else {}
    family = FAMILIES[name](**flat).resolve(data)
    shared = some_shared(family)[1]
    st = family.statistics(data, 0.8 if family.hyper_names == ("noise_sd",) else shared)
    log_rho = np.full(T, Changes(min_length=m).log_rho(T))
    every, some = Chain(st, log_rho, m, prune=False), Chain(st, log_rho, m, keep=False)
    dropped = 1 - len(some.blocks.spans[-1][2]) / len(every.blocks.spans[-1][2])
    print(f"{dropped:.0%} of the starts are dropped")
    assert dropped > 0.15
    assert some.blocks.pairs < every.blocks.pairs
    reached = np.isfinite(every.log_F)
    assert (reached == np.isfinite(some.log_F)).all()
    (p, mean), (p_all, mean_all) = some.backward(), every.backward()
    errors = {
        "log F": some.log_F[reached] - every.log_F[reached],
        "P(change at s)": p - p_all,
        "mean": mean - mean_all,
        "P(k)": some.before(30)[-1] - every.before(30)[-1],
    }
    check({key: float(np.abs(error).max()) for key, error in errors.items()}, INNER, family)


@pytest.mark.parametrize("name", CLOSED)
def test_where_no_start_can_be_dropped_none_is(name: str) -> None:
    T = 60
    data = jumps(name, T, T)
    family = FAMILIES[name]().resolve(data)
    shared = some_shared(family)[1]
    st = family.statistics(data, 0.8 if family.hyper_names == ("noise_sd",) else shared)
    log_rho = np.full(T, Changes().log_rho(T))
    every, some = Chain(st, log_rho, 1, prune=False), Chain(st, log_rho, 1)
    assert some.blocks.pairs == every.blocks.pairs
    assert (some.log_F == every.log_F).all()


# -- draws --------------------------------------------------------------------------------

DRAWS = 20_000
DRAWN = [
    Changes(),
    Changes(probability=0.9, min_length=2),
    Changes(at_most=2),
    Changes(exactly=1, min_length=2),
    Changes(exactly=2),
    Changes(every=4),
]


def chisquare(first: np.ndarray, told: ByPlacement, p: Floats) -> float:
    """p value of sampled placements, rare ones put together."""
    T = told.stands.shape[1]
    stands = np.zeros((len(first), T + 1), bool)
    np.put_along_axis(stands, first, True, axis=1)
    code = 2 ** np.arange(T)
    names, counts = np.unique(stands[:, 1:T] @ code[1:], return_counts=True)
    drawn = dict(zip(names.tolist(), counts.tolist(), strict=True))
    observed = np.array([drawn.pop(name, 0) for name in (told.stands @ code).tolist()])
    assert not drawn  # nothing impossible was sampled
    expected = p * len(first)
    often = expected >= 8
    pairs = [np.append(x[often], x[~often].sum()) for x in (observed.astype(float), expected)]
    if pairs[1][-1] < 8:
        pairs = [np.append(x[:-2], x[-2:].sum()) for x in pairs]
    if len(pairs[1]) < 2:
        return 1.0
    return float(stats.chisquare(*pairs, sum_check=False).pvalue)


def mixed_cdf(
    name: str, i: int, T: int, weights: Floats, where: tuple[int, int], parameter: str
) -> Any:
    """The distribution function of a segment's parameter, mixed over the shared one."""
    family, shared, *_ = family_tables(name, i, 0, T)
    data, heavy = closed_data(name, 0, T), np.flatnonzero(weights > 1e-6 * weights.max())
    parts = [
        CLOSED[name].posterior(family, data, *where, float(shared[j]))[parameter] for j in heavy
    ]
    w = weights[heavy] / weights[heavy].sum()
    return lambda x: sum(p * part.cdf(x) for p, part in zip(w, parts, strict=True))


def check_parameters(name: str, i: int, T: int, answer: Solution, told: ByPlacement) -> None:
    """Kolmogorov and Smirnov's test of all parameters of the most frequent placement."""
    family, draws = family_tables(name, i, 0, T)[0], answer.draws
    best = int(told.probability.argmax())
    rows = np.flatnonzero(told.stands[best])
    k = len(rows)
    padded = np.concatenate([[0], rows, np.full(draws.first.shape[1] - k - 1, T)])
    mine = np.flatnonzero((draws.first == padded).all(axis=1))
    assert len(mine) > 200
    values = {family.parameter: draws.parameter, **draws.extra}
    assert np.isnan(draws.parameter[mine, k + 1 :]).all()
    for j, where in enumerate(itertools.pairwise((0, *rows, T))):
        names = CLOSED[name].posterior(family, closed_data(name, 0, T), *where, 0.5)
        for parameter in names:
            cdf = mixed_cdf(name, i, T, told.joint[best], where, parameter)
            p = stats.kstest(values[parameter][mine, j], cdf).pvalue
            assert p > RARE, (parameter, where)


@pytest.mark.parametrize("changes", DRAWN, ids=str)
@pytest.mark.parametrize("name", CLOSED)
def test_draws(name: str, changes: Changes) -> None:
    """Placements, parameters given them, and the shared parameter."""
    T, i = 8, DRAWN.index(changes) % 2
    data, told = closed_data(name, 0, T), enumerated(name, i, 0, T, changes)
    family, shared, *_ = family_tables(name, i, 0, T)
    answer = segments_solve(Model(family, changes), data, DRAWS, seed=3).answer()
    assert chisquare(answer.draws.first, told, told.probability) > RARE
    check_parameters(name, i, T, answer, told)
    if family.hyper is not None:
        weights = told.joint.sum(axis=0)
        cdf = np.cumsum(weights) - weights / 2
        drawn = answer.draws.hyper[:, 0]
        assert stats.kstest(np.interp(drawn, shared, cdf), "uniform").pvalue > RARE


@pytest.mark.parametrize("changes", [Changes(), Changes(at_most=3, min_length=2)], ids=str)
@pytest.mark.parametrize("name", CLOSED)
def test_draws_given_a_number(name: str, changes: Changes) -> None:
    """Of a number that is rare among all draws, and of one that isn't."""
    T = 8
    data, told = closed_data(name, 0, T), enumerated(name, 0, 0, T, changes)
    family = family_tables(name, 0, 0, T)[0]
    answer = segments_solve(Model(family, changes), data, 8000, seed=5).answer()
    k = told.stands.sum(axis=1)
    for number in np.flatnonzero(told.number > 0.01):
        if not number:
            continue
        given = answer.given(int(number))
        assert (given.draws.number(T) == number).all()
        p = np.where(k == number, told.probability, 0) / told.number[number]
        assert chisquare(given.draws.first, told, p) > RARE, number


# -- symmetries ---------------------------------------------------------------------------

SYMMETRIC = [Changes(), Changes(exactly=2, min_length=3), Changes(at_most=3), Changes(every=9)]


def mirrored(data: Observations) -> Observations:
    columns = {
        role: column[::-1]
        for role in ("count", "trials", "exposure", "rate", "value", "outcomes")
        if (column := getattr(data, role)) is not None
    }
    time = None if data.time is None else -data.time[::-1]
    return Observations(**columns, time=time, outcome_names=data.outcome_names)


def distance_of(one: Solution, other: Solution, spread: float) -> dict[str, float]:
    errors = {
        "P(k)": one.number_probability - other.number_probability,
        "P(change at s)": one.change_probability - other.change_probability,
        "mean": (one.rows[0] - other.rows[0]) / spread,
    }
    return {key: float(np.abs(error).max()) for key, error in errors.items()}


@pytest.mark.parametrize("changes", SYMMETRIC, ids=str)
@pytest.mark.parametrize("name", BY_SEGMENTS)
def test_time_backwards(name: str, changes: Changes) -> None:
    """What changes at s forwards changes at T - s backwards."""
    data = closed_data(name, 3, 30)
    model = Model(CLOSED[name].models[0], changes)
    one, other = (segments_solve(model, way) for way in (data, mirrored(data)))
    back = other.answer()
    change = np.append(0.0, back.change_probability[:0:-1])
    rows = back.rows[:, ::-1]
    told = replace(back, change_probability=change, mean=rows[0], banded=lambda: rows)
    errors = distance_of(one.answer(), told, spread_of(one.model.likelihood, data))
    errors["log evidence"] = abs(one.log_evidence - other.log_evidence)
    check(errors, 1e-8, model)


@pytest.mark.parametrize(("a", "b"), [(1, 1e6), (1e-3, 0), (1e3, -5e4), (-2, 7)])
@pytest.mark.parametrize("changes", SYMMETRIC[:2], ids=str)
@pytest.mark.parametrize("name", MEASURED)
def test_scaling_and_shifting(name: str, changes: Changes, a: float, b: float) -> None:
    """Places keep their probabilities; levels and noise move with the series."""
    data = closed_data(name, 3, 30)
    moved = a * data.value + b
    data = replace(data, value=(moved - b) / a)  # what is left of it after rounding
    model = Model(FAMILIES[name](), changes)
    one = segments_solve(model, data)
    other = segments_solve(model, replace(data, value=moved))
    rows = other.answer().rows
    rows = rows / abs(a) if one.model.likelihood.parameter == "noise_sd" else (rows - b) / a
    told = replace(other.answer(), mean=rows[0], banded=lambda: rows)
    errors = distance_of(one.answer(), told, float(np.nanstd(data.value)))
    observed = int(data.observed("value").sum())
    errors["log evidence"] = abs(
        one.log_evidence - other.log_evidence - observed * np.log(abs(a))
    )
    check(errors, OUTER if one.model.likelihood.hyper else 1e-7, model)


@pytest.mark.parametrize("name", [name for name in BY_SEGMENTS if "trend" not in name])
def test_rows_without_data_at_the_ends(name: str) -> None:
    """They change no segment: among the rows in the middle placements keep their odds.

    Not so for lines, whose prior is about the middle of the segment's time.
    """
    before, after, T = 4, 6, 20
    data = closed_data(name, 3, T)
    role = FAMILIES[name].response
    column = data.column(role)
    wide = np.full((before + T + after, *column.shape[1:]), np.nan)
    wide[before : before + T] = column
    padded = Observations(**{role: wide}, outcome_names=data.outcome_names)
    model = Model(CLOSED[name].models[0], Changes(every=20)).resolve(data)
    one = segmented.solve(model, data, 4, 0).answer()
    other = segmented.solve(model, padded, 4, 0).answer()
    middle = slice(before + 1, before + T)
    p = other.change_probability
    empty = np.append(p[1 : before + 1], p[before + T :])
    errors = {
        "P(change at s)": p[middle] - one.change_probability[1:],
        "mean": (other.rows[0, before : before + T] - one.rows[0])
        / spread_of(model.likelihood, data),
        "P(change in an empty row)": empty - 1 / 20,  # the hazard
    }
    largest = {key: float(np.abs(error).max()) for key, error in errors.items()}
    check(largest, tolerance(model.likelihood), model)


# -- against the grid ---------------------------------------------------------------------


@pytest.mark.parametrize("m", [1, 3])
@pytest.mark.parametrize("name", GRID)
def test_both_kernels_agree(name: str, m: int) -> None:
    """Where a family on a grid has a closed form too."""
    data, tried = simulate(name, 3, 40, missing=0.1), 0
    families = [*CASES[name].models, *(CLOSED[name].models if name in CLOSED else ())]
    for family in families:
        family = family.resolve(data)
        if not isinstance(family, ClosedForm) or family.statistics(data, 1.0) is None:
            continue
        tried += 1
        kinds_here = [
            Changes(min_length=m),
            Changes(at_most=2, min_length=m),
            Changes(exactly=1, min_length=m),
            Changes(every=20, min_length=m),
        ]
        for changes in kinds_here:
            model = Model(family, changes)
            one = filtered.solve(model, data, 4, 0)
            other = segmented.solve(model, data, 4, 0)
            told, found = one.answer(), other.answer()
            size = min(len(told.number_probability), len(found.number_probability))
            told, found = (
                replace(part, number_probability=part.number_probability[:size])
                for part in (told, found)
            )
            errors = distance_of(told, found, spread_of(family, data))
            errors["log evidence"] = abs(one.log_evidence - other.log_evidence)
            check(errors, 1e-6 if family.hyper is None else OUTER, model)
    assert (tried > 0) == (name in CLOSED)


@pytest.mark.parametrize("name", [name for name in CLOSED if name in GRID])
def test_other_priors_have_no_closed_form(name: str) -> None:
    prior = priors.Uniform(0.1, 0.9)
    family = FAMILIES[name](**{FAMILIES[name].parameter: prior})
    data = simulate(name, 3, 40)
    assert family.resolve(data).statistics(data, 1.0) is None
