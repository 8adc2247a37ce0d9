"""Likelihoods against 50 digits; tables, coordinates and information."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from cases import CASES, GRID, check
from reference import Floats, panels
from scipy import integrate, special, stats

from changepoint import Observations, likelihoods, priors
from changepoint.exact.stretch import Stretch
from changepoint.likelihoods import FAMILIES
from changepoint.likelihoods.coordinates import (
    Arcsine,
    BetaMean,
    Coordinate,
    Level,
    Log,
    Nodes,
    OverdispersedRate,
    SquareRoot,
)
from changepoint.likelihoods.grid import GridLikelihood

mpmath.mp.dps = 50
mpf = mpmath.mpf


# -- log densities ------------------------------------------------------------------------


def log_choose(n, k):
    return mpmath.loggamma(n + 1) - mpmath.loggamma(k + 1) - mpmath.loggamma(n - k + 1)


def log_beta(a, b):
    return mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)


def power(k, x):
    return k * mpmath.log(x) if k else mpf(0)


def binomial(row, p, q, shared):
    k, n = row["count"], row["trials"]
    return log_choose(n, k) + power(k, p) + power(n - k, q)


def beta_binomial(row, p, q, shared):
    k, n = row["count"], row["trials"]
    s = 1 / shared - 1
    return log_choose(n, k) + log_beta(k + p * s, n - k + q * s) - log_beta(p * s, q * s)


def bernoulli(row, p, q, shared):
    return mpmath.log(p if row["count"] else q)


def beta(row, p, q, shared):
    y = row["rate"]
    return (
        power(p * shared - 1, y)
        + power(q * shared - 1, 1 - y)
        - log_beta(p * shared, q * shared)
    )


def poisson(row, theta, _, shared):
    k, mean = row["count"], row["exposure"] * theta
    return power(k, mean) - mean - mpmath.loggamma(k + 1)


def negative_binomial(row, theta, _, shared):
    k, mean, r = row["count"], row["exposure"] * theta, 1 / shared
    log_p = mpmath.loggamma(k + r) - mpmath.loggamma(r) - mpmath.loggamma(k + 1)
    return log_p + power(k, mean / (r + mean)) - r * mpmath.log1p(mean / r)


def spiked(own):
    """The mixture, wide around the pooled rate."""

    def mixed(row, theta, rest, shared):
        k, m = row["count"], mpf(row["pooled"])
        if "trials" in row:
            a, b = 2 * m / min(m, 1 - m), 2 * (1 - m) / min(m, 1 - m)
            n = row["trials"]
            wide = log_choose(n, k) + log_beta(k + a, n - k + b) - log_beta(a, b)
        else:
            wide = negative_binomial(row, m, rest, mpf(1) / 2)
        p = mpf("0.97") * mpmath.exp(own(row, theta, rest, shared))
        return mpmath.log(p + mpf("0.03") * mpmath.exp(wide))

    return mixed


def normal(row, theta, _, shared):
    z = (row["value"] - theta) / shared
    return -z * z / 2 - mpmath.log(shared) - mpmath.log(2 * mpmath.pi) / 2


def student_t(row, theta, _, shared):
    nu, z = mpf(3), (row["value"] - theta) / shared
    log_p = mpmath.loggamma((nu + 1) / 2) - mpmath.loggamma(nu / 2)
    log_p -= mpmath.log(nu * mpmath.pi) / 2 + mpmath.log(shared)
    return log_p - (nu + 1) / 2 * mpmath.log1p(z * z / nu)


def exponential(row, theta, _, shared):
    return mpmath.log(theta) - theta * row["value"]


def trials(*rows: tuple[float, float]) -> Observations:
    return Observations(count=[k for k, _ in rows], trials=[n for _, n in rows])


COUNTS = trials(
    (0, 0), (0, 1), (1, 1), (0, 1000), (9, 1000), (500, 1000), (1000, 1000), (30, 31),
    (123, 4567), (9_000, 10**6), (999_999, 10**6),
)  # fmt: skip
MANY = trials((9 * 10**6, 10**9), (9_003_000, 10**9), (0, 10**9), (10**9 - 7, 10**9))
RATES = [1e-12, 1e-6, 0.002, 0.009, 0.3, 0.5, 0.9]  # and their complements

# Family: data, parameters (theta, 1 - theta), shared parameters, density.
EXTREMES = {
    "binomial": ([COUNTS, MANY], RATES, [0.0], binomial),
    "beta-binomial": (
        [COUNTS],
        RATES,
        [1e-14, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9, 0.999],
        beta_binomial,
    ),
    "bernoulli": ([Observations(count=[0, 1, 1, 0, 0])], RATES, [0.0], bernoulli),
    "beta": (
        [Observations(rate=[1e-9, 1e-4, 0.009, 0.0091, 0.3, 0.5, 0.99, 1 - 1e-9])],
        RATES[1:],
        [0.01, 1.0, 30.0, 1e4, 1e6],
        beta,
    ),
    "negative-binomial": (
        [
            Observations(count=[0, 0, 1, 7, 100, 12345], exposure=[0, 1, 1e-3, 2.5, 30, 1e4]),
            Observations(count=[10**6, 10**6 + 5_000], exposure=[1e6, 1e6]),
        ],
        [1e-9, 0.01, 1.0, 1.2, 30.0, 999.9, 1e3],
        [1e-14, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 0.01, 0.3, 1.0, 30.0, 1e3],
        negative_binomial,
    ),
    "poisson": (
        [
            Observations(count=[0, 0, 1, 7, 100, 12345], exposure=[0, 1, 1e-3, 2.5, 30, 1e4]),
            Observations(count=[10**9, 10**9 + 50_000], exposure=[1e6, 1e6]),
        ],
        [1e-9, 0.01, 1.0, 1.2, 30.0, 999.9, 1e3, 1e6],
        [0.0],
        poisson,
    ),
    "normal": (
        [
            Observations(value=[-3.0, 0.0, 0.1, 2.0, 1e4]),
            Observations(value=[1e8, 1e8 + 1, 1e8 - 0.5]),
        ],
        [-1e3, 0.0, 0.1, 5.0, 1e8 + 0.25],
        [1e-3, 1.0, 50.0],
        normal,
    ),
    "student-t": (
        [
            Observations(value=[-3.0, 0.0, 0.1, 2.0, 1e4]),
            Observations(value=[1e8, 1e8 + 1, 1e8 - 0.5]),
        ],
        [-1e3, 0.0, 0.1, 5.0, 1e8 + 0.25],
        [1e-3, 1.0, 50.0],
        student_t,
    ),
    "exponential": (
        [Observations(value=[0.0, 1e-12, 0.3, 7.0, 1e12])],
        [1e-12, 1e-6, 0.02, 1.0, 7.5, 1e6, 1e12],
        [0.0],
        exponential,
    ),
}


for own in (binomial, beta_binomial, negative_binomial, poisson):
    plain = own.__name__.replace("_", "-")
    tables, places, dispersions, _ = EXTREMES[plain]
    EXTREMES[f"spiked-{plain}"] = (tables[:1], places, dispersions[::3], spiked(own))


def test_extremes_cover_every_family_on_a_grid() -> None:
    assert set(EXTREMES) == set(GRID)


def nodes_of(name: str) -> tuple[Nodes, list[tuple[mpmath.mpf, mpmath.mpf]]]:
    """Parameters as the package has them, and as exact numbers with their complement."""
    theta = np.array(EXTREMES[name][1])
    if FAMILIES[name].domain != (0.0, 1.0):
        return Nodes(theta, theta), [(mpf(float(x)), mpf(0)) for x in theta]
    small = theta[theta <= 0.5]
    nodes = Nodes(np.append(theta, 1 - small), np.append(1 - theta, small))
    exact = [(mpf(float(x)), 1 - mpf(float(x))) for x in theta]
    return nodes, exact + [(1 - mpf(float(x)), mpf(float(x))) for x in small]


@pytest.mark.parametrize("name", EXTREMES)
def test_log_density_to_fifty_digits(name: str) -> None:
    """To 11 digits, and a few roundings for every trial or unit of concentration."""
    tables, _, shared_values, density = EXTREMES[name]
    nodes, exact = nodes_of(name)
    worst = 0.0
    for data in tables:
        family = CASES[name].models[0]
        columns = {
            role: numbers
            for role in ("count", "trials", "exposure", "rate", "value")
            if (numbers := getattr(data, role)) is not None
        }
        at = nodes
        if family.domain[0] < 0:
            center = family.series(data).pooled
            at = Nodes(nodes.theta, nodes.theta - center)
        for shared in shared_values:
            with np.errstate(divide="ignore"):
                found = family.log_density(family.beside_draws(data), at, shared)
            for t in range(len(data)):
                row = {role: mpf(float(numbers[t])) for role, numbers in columns.items()}
                row["pooled"] = mpf(family.pooled(data))
                if name.endswith(("poisson", "negative-binomial")) and row["exposure"] == 0:
                    rounding = 1e-16 if name.startswith("spiked") else 0.0  # of .97 + .03
                    assert (np.abs(found[t]) <= rounding).all()
                    continue
                for g, (p, q) in enumerate(exact):
                    told = density(row, p, q, mpf(shared))
                    allowed = 1e-11 * (1 + abs(float(told)))
                    size = shared if name == "beta" else float(row.get("trials", 0))
                    allowed += 2e-14 * size
                    worst = max(worst, abs(float(found[t, g] - told)) / allowed)
    check({"log density, share of what is allowed": worst}, 1.0, name)


@pytest.mark.parametrize("dispersion", [1e-14, 1e-11, 1e-8, 1e-5, 1e-3, 0.05, 0.6])
def test_beta_binomial_near_its_maximum(dispersion: float) -> None:
    """Absolute errors where the posterior is: rates about count / trials."""
    data = trials((9, 1000), (14, 1000), (90, 10_000), (9_000, 10**6), (8_950, 10**6))
    theta = np.linspace(0.006, 0.014, 41)
    family = likelihoods.BetaBinomial()
    found = family.log_density(family.beside_draws(data), Nodes(theta, 1 - theta), dispersion)
    worst = 0.0
    for t in range(len(data)):
        row = {"count": mpf(float(data.count[t])), "trials": mpf(float(data.trials[t]))}
        for g, p in enumerate(theta):
            told = beta_binomial(row, mpf(float(p)), 1 - mpf(float(p)), mpf(dispersion))
            worst = max(worst, abs(float(found[t, g] - told)) / data.trials[t])
    check({"log density, a trial": worst}, 1e-14, dispersion)


def test_binomial_of_a_thousand_million_trials_near_its_maximum() -> None:
    """A change of the rate by one sd, 3e-6, moves log p by 1/2: so must the digits."""
    data = trials((9 * 10**6, 10**9), (9_003_000, 10**9), (8_997_000, 10**9))
    theta = 0.009 + np.linspace(-2e-5, 2e-5, 41)
    family = likelihoods.Binomial()
    found = family.log_density(family.beside_draws(data), Nodes(theta, 1 - theta), 0.0)
    worst = 0.0
    for t in range(len(data)):
        row = {"count": mpf(float(data.count[t])), "trials": mpf(float(data.trials[t]))}
        for g, p in enumerate(theta):
            told = binomial(row, mpf(float(p)), 1 - mpf(float(p)), None)
            worst = max(worst, abs(float(found[t, g] - told)))
    check({"log density": worst}, 1e-8)


@pytest.mark.parametrize("shared", [1e-13, 1e-6, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("name", ["binomial", "beta-binomial"])
def test_probabilities_of_counts_add_up_to_one(name: str, shared: float) -> None:
    family = CASES[name].models[0]
    theta = np.array([1e-9, 0.009, 0.5, 0.97, 1 - 1e-9])
    nodes = Nodes(theta, 1 - theta)
    for n in (1, 7, 2000):
        data = Observations(count=np.arange(n + 1), trials=np.full(n + 1, n))
        total = np.exp(family.log_density(family.beside_draws(data), nodes, shared)).sum(axis=0)
        check({"total probability": float(np.abs(total - 1).max())}, 1e-11)


@pytest.mark.parametrize("dispersion", [1e-14, 1e-9, 1e-5, 0.01, 0.3, 3.0])
def test_negative_binomial_near_its_maximum(dispersion: float) -> None:
    """Absolute errors where the posterior is: rates about count / exposure."""
    data = Observations(count=[9, 14, 90, 9_000, 900_000], exposure=[1, 1, 10, 1e3, 1e5])
    theta = np.linspace(6, 14, 41)
    family = likelihoods.NegativeBinomial()
    found = family.log_density(family.beside_draws(data), Nodes(theta, theta), dispersion)
    worst = 0.0
    for t in range(len(data)):
        row = {"count": mpf(float(data.count[t])), "exposure": mpf(float(data.exposure[t]))}
        for g, rate in enumerate(theta):
            told = negative_binomial(row, mpf(float(rate)), None, mpf(dispersion))
            worst = max(worst, abs(float(found[t, g] - told)) / (1 + data.count[t]))
    check({"log density, an event": worst}, 1e-14, dispersion)


@pytest.mark.parametrize("dispersion", [1e-13, 1e-6, 0.01, 0.5, 2.0])
def test_probabilities_of_scattered_events_add_up_to_one(dispersion: float) -> None:
    family = likelihoods.NegativeBinomial()
    theta = np.array([1e-6, 0.3, 4.0, 30.0])
    data = Observations(count=np.arange(20_000), exposure=np.full(20_000, 2.0))
    p = np.exp(family.log_density(family.beside_draws(data), Nodes(theta, theta), dispersion))
    check({"total probability": float(np.abs(p.sum(axis=0) - 1).max())}, 1e-11)
    mean = 2 * theta
    moments = np.arange(20_000.0) @ p, (np.arange(20_000.0)[:, None] - mean) ** 2
    np.testing.assert_allclose(moments[0], mean, rtol=1e-10)
    variance = (moments[1] * p).sum(axis=0)
    np.testing.assert_allclose(variance, mean * (1 + mean * dispersion), rtol=1e-9)


def test_probabilities_of_events_add_up_to_one() -> None:
    family = likelihoods.Poisson()
    theta = np.array([1e-6, 0.3, 4.0, 150.0])
    data = Observations(count=np.arange(1000), exposure=np.full(1000, 2.0))
    total = np.exp(family.log_density(family.beside_draws(data), Nodes(theta, theta), 0.0)).sum(
        axis=0
    )
    check({"total probability": float(np.abs(total - 1).max())}, 1e-11)


@pytest.mark.parametrize("name", ["beta", "normal", "student-t", "exponential"])
def test_densities_of_measurements_integrate_to_one(name: str) -> None:
    family = CASES[name].models[0]
    role = family.response
    for theta, shared in [(0.3, 5.0), (0.009, 1000.0), (0.6, 2.5)]:
        width = 12 * (shared if name == "normal" else math.sqrt(theta / shared))
        low, high = theta - width, theta + width
        if name == "beta":
            low, high = max(low, 0.0), min(high, 1.0)
        elif name == "exponential":
            low, high = 0.0, 40 / theta
        y, log_w = panels(low, high, 20)
        if name == "student-t":  # by its distance in equal steps of its logarithm
            z, log_w = panels(-30.0, 14.0, 20)
            y = np.append(theta - np.exp(z), theta + np.exp(z))
            log_w = np.append(log_w + z, log_w + z)
        data = family.beside_draws(Observations(**{role: y}))
        at = np.array([theta])
        nodes = Nodes(at, at - data["pooled"] if family.domain[0] < 0 else 1 - at)
        total = np.exp(log_w + family.log_density(data, nodes, shared)[:, 0]).sum()
        check({"total probability": abs(float(total) - 1)}, 1e-5)


# -- coordinates --------------------------------------------------------------------------

PROPORTIONS = [1e-12, 1e-6, 0.009, 0.3, 0.5]
COORDINATES: list[tuple[Coordinate, list[float]]] = [
    (Arcsine(), PROPORTIONS),
    (SquareRoot(), [1e-12, 0.01, 1.0, 1e6]),
    *((OverdispersedRate(c), [1e-12, 0.01, 1.0, 1e6]) for c in (0.0, 1e-12, 0.01, 1.0, 1e5)),
    (Log(), [1e-12, 0.01, 1.0, 1e6]),
    (Level(1e8), [1e8 - 5, 1e8, 1e8 + 3]),
    (Level(-2.0), [-5.0, 0.0, 7.0]),
    *((BetaMean(c), PROPORTIONS[1:]) for c in (0.05, 1.0, 30.0, 1e4, 1e8)),
]


@pytest.mark.parametrize(("coordinate", "places"), COORDINATES, ids=str)
def test_coordinates_there_and_back(coordinate: Coordinate, places: list[float]) -> None:
    """theta -> x -> theta, and from the other end of a proportion."""
    for theta in places:
        x = coordinate.x(theta, 1 - theta)
        below = coordinate.below_top(theta, 1 - theta)
        back = coordinate.nodes(np.array([x]), np.array([below]))
        assert abs(back.theta[0] / theta - 1) < 1e-12 if theta else abs(back.theta[0]) < 1e-12
        if isinstance(coordinate, Arcsine | BetaMean):
            assert abs(back.companion[0] - (1 - theta)) < 1e-12
            x = coordinate.x(1 - theta, theta)
            below = coordinate.below_top(1 - theta, theta)
            mirrored = coordinate.nodes(np.array([x]), np.array([below]))
            assert abs(mirrored.companion[0] / theta - 1) < 1e-12


@pytest.mark.parametrize(("coordinate", "places"), COORDINATES, ids=str)
def test_slopes_of_coordinates(coordinate: Coordinate, places: list[float]) -> None:
    """log d theta / d x by differences; coordinates increase."""
    for theta in places:
        companion = theta - coordinate.center if isinstance(coordinate, Level) else 1 - theta
        slope = math.exp(
            coordinate.log_slope(Nodes(np.array([theta]), np.array([companion])))[0]
        )
        step = 1e-4 * (1.0 if isinstance(coordinate, Level) else theta)
        ahead = coordinate.x(theta + step, 1 - theta - step)
        behind = coordinate.x(theta - step, 1 - theta + step)
        assert ahead > behind
        difference = ((theta + step) - (theta - step)) / (ahead - behind)
        assert abs(difference / slope - 1) < 1e-6


STRETCHES = {
    "proportion": (Arcsine(), 0.0, math.pi / 2, 0.0),
    "part of one": (Arcsine(), 0.07, 0.11, math.pi / 2 - 0.11),
    "rate": (SquareRoot(), 0.0, math.inf, 0.0),
    "overdispersed rate": (OverdispersedRate(0.5), 0.0, math.inf, 0.0),
    "part of a level": (Level(0.0), -3.0, 9.0, 0.0),
    "level": (Level(0.0), -math.inf, math.inf, 0.0),
}


@pytest.mark.parametrize("name", STRETCHES)
@pytest.mark.parametrize("h", [0.001, 0.05])
def test_the_map_of_the_grid(name: str, h: float) -> None:
    """u -> theta -> u, and its slope by differences."""
    coordinate, bottom, top, gap = STRETCHES[name]
    numbers = (np.array([number]) for number in (bottom, top, gap, h))
    stretch = Stretch(coordinate, *numbers, math.isfinite(bottom), math.isfinite(top))
    length = min((top - bottom) / h, 300.0) if math.isfinite(bottom) else 100.0
    u = np.linspace(-20, length + 20, 57)
    nodes = stretch.nodes(u)
    complement = nodes.companion if isinstance(coordinate, Arcsine) else 1 - nodes.theta
    back = stretch.u(nodes.theta, complement)
    if name == "proportion":
        np.testing.assert_allclose(back, u, atol=1e-7)
    inside = slice(12, -12)  # elsewhere theta itself is rounded
    np.testing.assert_allclose(back[inside], u[inside], atol=1e-6)
    step = 1e-5
    slope = (stretch.x(u + step) - stretch.x(u - step)) / (2 * step)
    np.testing.assert_allclose(slope[inside], np.exp(stretch.log_slope(u))[inside], rtol=1e-5)


# -- information --------------------------------------------------------------------------


def information(family: GridLikelihood, data: Observations, shared: float = 0.0) -> float:
    """What a family states."""
    return float(family.information(family.series(data), np.array([shared]))[0])


def information_about_x(name: str, theta: float, shared: float, data: Observations) -> float:
    """Fisher's information of all rows about the coordinate, from the definition."""
    family = CASES[name].models[0]
    coordinate = family.coordinate(family.series(data), np.array([shared]))
    total = 0.0
    for row in range(len(data)):
        if name in ("binomial", "beta-binomial"):
            n = int(data.trials[row])
            outcomes = Observations(count=np.arange(n + 1), trials=np.full(n + 1, n))
        else:
            k = np.arange(20_000 if shared else 200)
            outcomes = Observations(count=k, exposure=np.full(len(k), data.exposure[row]))

        def log_p(theta: float, outcomes: Observations = outcomes) -> Floats:
            at = np.array([theta])
            nodes = Nodes(at, coordinate.companion(at))
            return family.log_density(family.beside_draws(outcomes), nodes, shared)[:, 0]

        step = 1e-4 * theta
        score = (log_p(theta + step) - log_p(theta - step)) / (2 * step)
        total += np.exp(log_p(theta)) @ score**2
    at = np.array([theta])
    slope = math.exp(coordinate.log_slope(Nodes(at, coordinate.companion(at)))[0])
    return float(total) * slope**2


@pytest.mark.parametrize("shared", [0.0, 1e-4, 0.01, 0.2, 0.8])
def test_information_of_trials(shared: float) -> None:
    """Exact for the Binomial; for small rates with overdispersion, else the most."""
    data = Observations(count=[1, 2, 30], trials=[10, 40, 200])
    name = "beta-binomial" if shared else "binomial"
    stated = information(FAMILIES[name](), data, shared)
    for theta in (1e-5, 0.01, 0.2, 0.5):
        found = information_about_x(name, theta, shared, data)
        if not shared or theta < 1e-4 * min(1, 0.1 / shared):
            check({"information": abs(found / stated - 1)}, 1e-3, theta)
        assert found < stated * (1 + 1e-6)


def test_information_of_events() -> None:
    data = Observations(count=[1, 2], exposure=[0.5, 3.0])
    stated = information(likelihoods.Poisson(), data)
    for theta in (0.01, 1.0, 20.0):
        found = information_about_x("poisson", theta, 0.0, data)
        check({"information": abs(found / stated - 1)}, 1e-6, theta)


@pytest.mark.parametrize("dispersion", [1e-9, 0.01, 0.3, 1.0])
def test_information_of_scattered_events(dispersion: float) -> None:
    """Exact where exposures are equal, else the most; and not far below it."""
    family = likelihoods.NegativeBinomial()
    equal = Observations(count=[1, 2, 0, 3], exposure=[2.0] * 4)
    unequal = Observations(count=[1, 2, 0, 3, 1, 1], exposure=[0.5, 3.0] * 3)
    for theta in (0.01, 1.0, 20.0):
        found = information_about_x("negative-binomial", theta, dispersion, equal)
        check({"information": abs(found / information(family, equal, dispersion) - 1)}, 1e-5)
        found = information_about_x("negative-binomial", theta, dispersion, unequal)
        assert 0.5 < found / information(family, unequal, dispersion) < 1 + 1e-6


@pytest.mark.parametrize("concentration", [0.05, 1.0, 20.0, 1e4])
def test_information_of_rates(concentration: float) -> None:
    """Trigammas; about 1 a row, never more."""
    coordinate = BetaMean(concentration)
    for theta in (1e-5, 0.01, 0.2, 0.5, 0.9):
        a, b = concentration * theta, concentration * (1 - theta)
        about_theta = concentration**2 * (special.polygamma(1, a) + special.polygamma(1, b))
        nodes = Nodes(np.array([theta]), np.array([1 - theta]))
        found = about_theta * math.exp(2 * coordinate.log_slope(nodes)[0])
        assert 0.4 < found < 1 + 1e-9


def test_information_of_values() -> None:
    data = Observations(value=[1.0, 2.0, math.nan, 4.0])
    assert abs(information(likelihoods.Normal(), data, 2.0) - 3 / 4) < 1e-15


def test_information_of_waiting_times() -> None:
    """By quadrature of the squared score, at any rate."""
    data = Observations(value=[1.0, 2.0, math.nan, 4.0, 0.1, 7.0])
    stated = information(likelihoods.Exponential(), data)
    for rate in (1e-3, 1.0, 50.0):
        each, _ = integrate.quad(lambda z: (1 - z) ** 2 * math.exp(-z), 0, 60)
        slope = math.exp(Log().log_slope(Nodes(np.array([rate]), np.array([rate])))[0])
        assert abs(5 * each / rate**2 * slope**2 / stated - 1) < 1e-8


@pytest.mark.parametrize("nu", [1.0, 1.5, 6.0, 25.0, 1e10])
def test_information_of_values_with_outliers(nu: float) -> None:
    """The curvature at the level itself, of rows with the same value: the most there is."""
    data = Observations(value=[1.0, 1.0, math.nan, 1.0, 1.0, 1.0, 1.0, 1.0])
    family, step = likelihoods.StudentT(nu=nu), 1e-3
    shift = np.array([-step, 0.0, step])
    log_p = np.nansum(
        family.log_density(family.beside_draws(data), Nodes(1 + shift, shift), 2.0), 0
    )
    curvature = (2 * log_p[1] - log_p[0] - log_p[2]) / step**2
    assert abs(curvature / information(family, data, 2.0) - 1) < 1e-5
    few = Observations(value=[1.0, 2.0])
    assert information(family, few, 2.0) >= 8 / nu / 4


@pytest.mark.parametrize("nu", [1.0, 3.7, 1e3, 1e12])
def test_student_t_of_any_degrees_of_freedom(nu: float) -> None:
    """Against 50 digits, up to the Normal."""
    y, theta = np.array([0.3, -2.0, 40.0]), np.array([0.0, 1.0])
    family = likelihoods.StudentT(nu=nu)
    data = family.beside_draws(Observations(value=y))
    found = family.log_density(data, Nodes(theta, theta - data["pooled"]), 0.7)
    v = mpf(nu)
    constant = (
        mpmath.loggamma((v + 1) / 2) - mpmath.loggamma(v / 2) - mpmath.log(v * mpmath.pi) / 2
    )
    for i, value in enumerate(y):
        for j, level in enumerate(theta):
            z = (mpf(float(value)) - mpf(float(level))) / mpf(0.7)
            told = constant - mpmath.log(mpf(0.7)) - (v + 1) / 2 * mpmath.log1p(z * z / v)
            assert abs(found[i, j] - told) < 1e-12 * (1 + abs(told))


# -- tails --------------------------------------------------------------------------------


def test_two_sided_tails() -> None:
    """Of the support check: twice the smaller tail, by scipy's distributions."""
    k, n = np.array([0.0, 3.0, 20.0]), np.array([100.0, 100.0, 100.0])
    theta = np.array([0.01, 0.05, 0.1])
    found = likelihoods.Binomial().tail(Observations(count=k, trials=n), theta, pool=False)
    binom = stats.binom(n, theta)
    told = np.minimum(1, 2 * np.minimum(binom.cdf(k), binom.sf(k - 1)))
    np.testing.assert_allclose(found, told, rtol=1e-12)
    found = likelihoods.Poisson().tail(Observations(count=k), theta * 50, pool=False)
    events = stats.poisson(theta * 50)
    told = np.minimum(1, 2 * np.minimum(events.cdf(k), events.sf(k - 1)))
    np.testing.assert_allclose(found, told, rtol=1e-12)


def test_two_sided_tails_of_values_with_outliers() -> None:
    y = np.array([-3.0, 0.5, 40.0])
    family = likelihoods.StudentT(priors.Normal(0, 1), priors.Uniform(0.1, 2), nu=3)
    found = family.tail(Observations(value=y), np.array(0.2), pool=False)
    told = stats.t(3, 0.2, 2)
    np.testing.assert_allclose(found, 2 * np.minimum(told.cdf(y), told.sf(y)), rtol=1e-10)
    pooled = family.tail(Observations(value=y), np.array([0.2, 90.0]), pool=True)
    assert pooled[0] > 0.5 > 1e-3 > pooled[1] > 1e-12


@pytest.mark.parametrize("dispersion", [1e-12, 1e-3, 0.5, 20.0])
def test_two_sided_tails_of_scattered_events(dispersion: float) -> None:
    """At a dispersion all but known: scipy's distribution."""
    k, exposure = np.array([0.0, 3.0, 20.0, 90.0]), np.array([1.0, 2.0, 2.0, 10.0])
    place = math.log(dispersion)
    family = likelihoods.NegativeBinomial(
        priors.Gamma(1, 1), priors.Uniform(place - 1e-9, place), mean_count=1
    )
    found = family.tail(Observations(count=k, exposure=exposure), np.array(3.0), pool=False)
    mean = 3 * exposure
    told = stats.nbinom(1 / dispersion, 1 / (1 + mean * dispersion))
    if dispersion < 1e-6:
        told = stats.poisson(mean)
    tails = np.minimum(1, 2 * np.minimum(told.cdf(k), told.sf(k - 1)))
    np.testing.assert_allclose(found, tails, rtol=1e-7)


@pytest.mark.parametrize("k", [0.0, 1.0, 30.0, 1e4, 1e8])
def test_tails_of_scattered_events_at_the_dispersion_that_suits_them(k: float) -> None:
    """Not far below the largest tail that any dispersion gives."""
    family = likelihoods.NegativeBinomial(priors.Gamma(1, 1), priors.Logistic(0, 1), 1)
    for theta in (1e-3, 1.0, 1e3):
        found = family.tail(Observations(count=[k]), np.array(theta), pool=False)[0]
        r = 10.0 ** np.linspace(-9, 6, 61)
        told = stats.nbinom(r, r / (r + theta))
        best = np.max(np.minimum(1, 2 * np.minimum(told.cdf(k), told.sf(k - 1))))
        assert 0.3 * best < found <= 1


def test_two_sided_tails_of_waiting_times() -> None:
    y = np.array([0.0, 1e-5, 3.0, 50.0])
    family, data = likelihoods.Exponential(), Observations(value=y)
    found = family.tail(data, np.array(0.7), pool=False)
    expon = stats.expon(scale=1 / 0.7)
    np.testing.assert_allclose(found, 2 * np.minimum(expon.cdf(y), expon.sf(y)), rtol=1e-12)
    found = family.tail(data, np.array(0.7), pool=True)
    gamma = stats.gamma(4, scale=1 / 0.7)
    told = 2 * min(gamma.cdf(y.sum()), gamma.sf(y.sum()))
    np.testing.assert_allclose(found, told, rtol=1e-12)


def test_densities_integrate_numerically_too() -> None:
    """One-dimensional check by adaptive quadrature, away from the ends."""
    family = likelihoods.Beta()

    def p(y: float) -> float:
        data = family.beside_draws(Observations(rate=[y, 0.5]))
        nodes = Nodes(np.array([0.3]), np.array([0.7]))
        return float(np.exp(family.log_density(data, nodes, 12.0)[0, 0]))

    total, _ = integrate.quad(p, 1e-12, 1 - 1e-12)
    check({"total probability": abs(total - 1)}, 1e-8)
