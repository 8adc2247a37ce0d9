"""Many series at once: each gets the answer that it gets alone."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from changepoint import Changes, Exact, Model, Observations, fit, priors
from changepoint.exact import many
from changepoint.exact import quadrature as grid
from changepoint.kernels import many as steps
from changepoint.kernels import many_grid, many_solve
from changepoint.likelihoods import Bernoulli, BetaBinomial, Binomial, Poisson

BINOMIAL, POISSON = Model(Binomial()), Model(Poisson())


def counts(seed, trials, *segments):
    """Return columns of a series: segments are (rows, rate)."""
    rng = np.random.default_rng(seed)
    rate = np.concatenate([np.full(rows, rate) for rows, rate in segments])
    n = rng.poisson(trials, len(rate)).astype(float)
    return {"count": rng.binomial(n.astype(int), rate).astype(float), "trials": n}


def events(seed, *segments, exposure=None):
    """Return columns of a Poisson series: segments are (rows, mean)."""
    rng = np.random.default_rng(seed)
    mean = np.concatenate([np.full(rows, mean) for rows, mean in segments])
    if exposure is None:
        return {"count": rng.poisson(mean).astype(float)}
    e = rng.gamma(2, exposure / 2, len(mean))
    return {"count": rng.poisson(mean * e).astype(float), "exposure": e}


def without(columns, *rows):
    """Return the columns with rows missing."""
    gaps = {role: numbers.copy() for role, numbers in columns.items()}
    for numbers in gaps.values():
        numbers[list(rows)] = np.nan
    return gaps


def binomial(count, trials):
    count = np.array(count, float)
    return {"count": count, "trials": np.broadcast_to(np.array(trials, float), count.shape)}


def joined(series):
    """Return columns of all series, and offsets."""
    columns = {role: np.concatenate([one[role] for one in series]) for role in series[0]}
    return columns, np.append(0, np.cumsum([len(one["count"]) for one in series]))


def solve(model, series, stride=1):
    return many.solve_many(model, *joined(series), stride)


COUNTS = {
    "none": counts(0, 1000, (120, 0.009)),
    "one": counts(1, 1000, (70, 0.009), (50, 0.013)),
    "weak": counts(2, 300, (30, 0.02), (30, 0.035)),
    "down to nothing": counts(3, 400, (40, 0.02), (25, 0.0001)),
    "several": counts(4, 2000, (60, 0.01), (60, 0.02), (60, 0.012), (60, 0.03)),
    "gaps": without(counts(5, 500, (30, 0.1), (30, 0.2)), *range(3, 9), 40, 59),
    "one trial": counts(6, 1, (40, 0.2), (40, 0.8)),
    "most succeed": counts(7, 300, (30, 0.97), (30, 0.99)),
    "large": counts(8, 1e6, (20, 0.3), (20, 0.3004)),
    "two rows": binomial([1, 30], 50),
    "all zero": binomial(np.zeros(25), 40),
    "all succeed": binomial(np.full(25, 7), 7),
    "no trials in some": binomial(
        [0, 3, 4, 0, 2, 30, 33, 0, 29], [0, 40, 40, 0, 40, 40, 40, 0, 40]
    ),
    "from none to all": binomial([0] * 6 + [9] * 7, 9),
    "uneven": binomial([3, 0, 900, 2, 1, 0, 40], [300, 2, 1e5, 240, 9, 1, 500]),
}  # fmt: skip
EVENTS = {
    "none": events(0, (150, 3.0)),
    "one": events(1, (80, 3.0), (60, 5.0)),
    "rare": events(2, (200, 0.05), (100, 0.3)),
    "many": events(3, (30, 5e4), (30, 5.05e4)),
    "gaps": without(events(4, (30, 2.0), (30, 7.0)), 0, 5, 30, 31),
    "all zero": {"count": np.zeros(20)},
    "two rows": {"count": np.array([4.0, 40.0])},
}
EXPOSED = {
    "one": events(5, (50, 0.4), (40, 0.9), exposure=12.0),
    "no exposure": {
        "count": np.array([1.0, 0, 3, 9, 8]),
        "exposure": np.array([2.0, 0, 5, 3, 3]),
    },
    "unit": events(6, (30, 3e6), (30, 5e6), exposure=1e-6),
}  # fmt: skip
OUTCOMES = {"one": {"count": np.repeat([0.0, 1, 0, 1], [20, 3, 1, 15])}}
CASES = {
    "binomial": (BINOMIAL, COUNTS),
    "prior": (Model(Binomial(rate=priors.Beta(1, 1)), Changes(probability=0.9)), COUNTS),
    "strong": (Model(Binomial(rate=priors.Beta(20, 900))), COUNTS),
    "every": (Model(Binomial(), Changes(every=30)), COUNTS),
    "unlikely": (Model(Binomial(), Changes(probability=1e-9)), COUNTS),
    "poisson": (POISSON, EVENTS),
    "gamma": (Model(Poisson(rate=priors.Gamma(0.5, 0.1)), Changes(every=50)), EVENTS),
    "exposure": (POISSON, EXPOSED),
    "bernoulli": (Model(Bernoulli()), OUTCOMES),
}
MEAN_ERROR, QUANTILE_ERROR = 4.5, 6.0  # standard errors of 1,000 draws; many are compared


def alone(model, columns):
    return fit(model, Observations(**columns), Exact(seed=3))


@pytest.fixture(scope="module")
def both():
    """Return, for each case and series, the answer of the batch, its place, and the fit's."""
    return {
        (name, label): (solved, i, alone(model, columns))
        for name, (model, series) in CASES.items()
        for solved in [solve(model, list(series.values()))]
        for i, (label, columns) in enumerate(series.items())
    }


UNDERFLOW = {("strong", "most succeed"), ("gamma", "many")}  # data far out in the prior
EACH = [
    (name, label)
    for name, (_, series) in CASES.items()
    for label in series
    if (name, label) not in UNDERFLOW
]
each = pytest.mark.parametrize("case", EACH, ids=" ".join)


def part(offsets, i):
    return slice(offsets[i], offsets[i + 1])


def rows_of(both, case):
    """Return the slice of a series' rows: there is a band at each."""
    solved, i, _ = both[case]
    return part(solved.band_offsets, i)


@each
def test_it_is_solved_with_the_same_evidence_and_number(both, case):
    solved, i, posterior = both[case]
    p = posterior.number_probability
    assert solved.status[i] == 0
    assert solved.log_evidence[i] == pytest.approx(posterior.log_evidence, abs=1e-9, rel=1e-13)
    assert solved.number[i] == posterior.number
    assert solved.number_probability[i] == pytest.approx(p[posterior.number], abs=1e-9)
    assert solved.probability_of_change[i] == pytest.approx(1 - p[0], abs=1e-9)
    assert solved.expected_number[i] == pytest.approx(p @ np.arange(len(p)), abs=1e-6)
    told = posterior.model.likelihood.prior
    assert solved.prior[i] == pytest.approx([told.alpha, told.beta], rel=1e-14)


@each
def test_it_has_the_same_probability_of_change_by_row(both, case):
    solved, _, posterior = both[case]
    p = solved.change_probability[rows_of(both, case)]
    assert np.abs(p - posterior.change_probability.to_numpy()).max() < 1e-9


@each
def test_it_has_the_same_bands(both, case):
    solved, _, posterior = both[case]
    rows = rows_of(both, case)
    lower, _, upper = posterior.marginals["rate_quantile"].values
    for mine, exact in (
        (solved.mean, posterior.marginals["rate_mean"].values),
        (solved.lower, lower),
        (solved.upper, upper),
    ):
        assert np.abs((mine[rows] - exact) / (upper - lower)).max() < 1e-4


def has_ties(p):
    """Whether places of a change are equally probable up to rounding, as next to gaps."""
    ascending = np.sort(p[p > 1e-12])
    return bool(np.any(np.diff(ascending) < 1e-9 * ascending[1:]))


@each
def test_it_tells_the_same_changes(both, case):
    solved, i, posterior = both[case]
    mine = range(*solved.change_offsets[i : i + 2])
    assert len(mine) == posterior.number
    for c, change, p in zip(
        mine,
        posterior.changes,
        posterior.marginals["switchpoint_probability"].values if len(mine) else [],
        strict=True,
    ):
        assert solved.index[c] == change.index
        ranges = part(solved.range_offsets, c)
        credible = list(zip(solved.first[ranges], solved.last[ranges], strict=True))
        if not has_ties(p):
            assert solved.mode[c] == p.argmax()
            assert credible == change.credible
            assert solved.probability[c] == pytest.approx(change.probability, abs=1e-8)
        for side, exact in ((solved.before, change.before), (solved.after, change.after)):
            width = exact.upper - exact.lower
            assert side[c] == pytest.approx(exact, abs=1e-6 * width)


@each
def test_it_compares_the_sides_as_draws_do(both, case):
    solved, i, posterior = both[case]
    theta = posterior.tree["given"]["rate"].values if posterior.number else np.empty(0)
    for j, c in enumerate(range(*solved.change_offsets[i : i + 2])):
        before, after = (theta[..., j + side].ravel() for side in (0, 1))
        D = len(before)
        for told, drawn in (
            (solved.difference, after - before),
            (solved.ratio, after / before),
        ):
            if np.isfinite(told[c, 0]) and not (
                told is solved.ratio and drawn.std() > drawn.mean()
            ):
                assert abs(told[c, 0] - drawn.mean()) < MEAN_ERROR * drawn.std() / math.sqrt(D)
            for level, x in zip((0.025, 0.975), told[c, 1:], strict=True):
                error = QUANTILE_ERROR * math.sqrt(level * (1 - level) / D)
                assert abs(np.mean(drawn <= x) - level) < error
        up, p = np.mean(after > before), solved.probability_of_increase[c]
        assert abs(up - p) < QUANTILE_ERROR * math.sqrt(p * (1 - p) / D) + 3 / D


def test_what_linear_space_cannot_hold_is_left_to_the_engines(both):
    for case in UNDERFLOW:
        solved, i, _ = both[case]
        assert solved.status[i] == many_solve.UNDERFLOW


def log_marginal(k, n, a, b):
    """Log p(counts | one segment) under Beta(a, b)."""
    ways = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return ways.sum() + special.betaln(a + k.sum(), b + (n - k).sum()) - special.betaln(a, b)


@pytest.mark.parametrize("probability", [0.5, 1e-6, 1e-200, 1 - 1e-9])
def test_odds_are_accurate_at_both_ends(probability):
    """Against every placement in four rows, and far beyond what 1 - P(none) can tell."""
    k, n = np.array([2.0, 4, 3, 5]), np.array([40.0, 41, 39, 45])
    model = Model(Binomial(rate=priors.Beta(2, 30)), Changes(probability=probability))
    solved = solve(model, [{"count": k, "trials": n}])
    log_rho = math.log(math.expm1(-math.log1p(-probability) / 3))
    log_any = []
    for placement in range(1, 8):
        cuts = [0, *(s for s in (1, 2, 3) if placement >> (s - 1) & 1), 4]
        parts = [log_marginal(k[a:b], n[a:b], 2, 30) for a, b in itertools.pairwise(cuts)]
        log_any.append(sum(parts) + (len(cuts) - 2) * log_rho)
    odds = special.logsumexp(log_any) - log_marginal(k, n, 2, 30)
    assert solved.log_odds == pytest.approx([odds], abs=1e-7)
    assert solved.probability_of_change == pytest.approx([special.expit(odds)], rel=1e-7, abs=0)


def test_odds_of_a_change_beyond_doubt():
    one = counts(0, 5000, (200, 0.01), (200, 0.05))
    solved = solve(Model(Binomial(rate=priors.Beta(2, 100))), [one])
    none = log_marginal(one["count"], one["trials"], 2, 100) + math.log(0.5)
    assert solved.log_odds[0] > 5000
    assert solved.log_odds[0] == pytest.approx(solved.log_evidence[0] - none, abs=1e-6)


PAIRS = [
    (1, 30, 50),
    (30, 2, 50),
    (0, 9, 60),
    (12, 0, 40),
    (50, 38, 50),
    (30, 44, 45),
    (40, 60, 400),
]


@pytest.mark.parametrize("a", [1.0, 2.0])
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_comparisons_agree_with_quadrature(pair, a):
    """A change between two rows: the parameters are independent, each with a Beta density."""
    k0, k1, n = pair
    model = Model(Binomial(rate=priors.Beta(a, a)), Changes(probability=0.999))
    solved = solve(model, [binomial([k0, k1], n)])
    assert solved.number[0] == 1
    before, after = (stats.beta(a + k, a + n - k) for k in (k0, k1))

    def below(cut):
        """P(after <= cut(before)), over equal steps of before's probability."""
        x, weight = special.roots_legendre(400)
        return weight @ after.cdf(cut(before.ppf((x + 1) / 2))) / 2

    for side, level in enumerate((0.025, 0.975), 1):
        d, r = solved.difference[0, side], solved.ratio[0, side]
        assert below(lambda x, d=d: x + d) == pytest.approx(level, abs=2e-4)
        assert below(lambda x, r=r: r * x) == pytest.approx(level, abs=2e-4)
    assert solved.probability_of_increase[0] == pytest.approx(1 - below(lambda x: x), abs=1e-4)
    assert solved.difference[0, 0] == pytest.approx(after.mean() - before.mean(), rel=1e-7)
    inverse = integrate.quad(lambda x: before.pdf(x) / x, 0, 1)[0] if a + k0 > 1 else np.inf
    assert solved.ratio[0, 0] == pytest.approx(after.mean() * inverse, rel=1e-6)


FIELDS = ("log_evidence", "log_odds", "probability_of_change", "number", "number_probability",
          "expected_number", "prior")  # fmt: skip
CHANGES = ("index", "mode", "probability", "before", "after", "difference", "ratio",
           "probability_of_increase")  # fmt: skip


def told(solved, i):
    """Return all that is told of a series, as bytes."""
    bands, changes = part(solved.band_offsets, i), part(solved.change_offsets, i)
    ranges = slice(*solved.range_offsets[[changes.start, changes.stop]])
    parts = [getattr(solved, name)[i] for name in FIELDS]
    parts += [getattr(solved, name)[bands] for name in ("mean", "lower", "upper", "band_row")]
    parts += [getattr(solved, name)[changes] for name in CHANGES]
    parts += [solved.first[ranges], solved.last[ranges]]
    return b"".join(np.ascontiguousarray(values).tobytes() for values in parts)


@pytest.mark.parametrize("model, series", [(BINOMIAL, COUNTS), (POISSON, EVENTS)])
def test_neither_company_nor_order_matters(model, series):
    series = list(series.values())
    together = solve(model, series, 5)
    turned = solve(model, series[::-1], 5)
    for i, one in enumerate(series):
        assert told(together, i) == told(solve(model, [one], 5), 0)
        assert told(together, i) == told(turned, len(series) - 1 - i)


BAD = {
    "negative": binomial([1, -2, 3], 10),
    "fraction": binomial([1, 2.5, 3], 10),
    "too many": binomial([1, 12, 3], 10),
    "infinite": binomial([1, np.inf, 3], 10),
    "no trials beside": binomial([1, 2, 3], [10, np.nan, 10]),
    "infinite trials": binomial([1, np.nan, 3], [10, np.inf, 10]),
    "negative trials": binomial([1, np.nan, 3], [10, -4, 10]),
    "fractions of trials": binomial([1, np.nan, 3], [10, 4.5, 10]),
    "huge": binomial([1, 2, 3], [10, 1e13, 10]),
    "nothing": binomial([np.nan] * 3, 10),
    "no trials at all": binomial([0, 0, 0], 0),
    "one row": binomial([3], 10),
    "no rows": binomial([], 10),
    "too precise": binomial(1e11 * np.linspace(1, 3, 50).round(3), 1e12),
}
BAD_EXPOSURE = {
    "events without": ([1, 2], [3, 0]),
    "none beside": ([1, 2], [3, np.nan]),
    "negative": ([1, np.nan], [3, -1]),
    "infinite": ([1, np.nan], [3, np.inf]),
    "too small": ([1, 0], [3, 1e-120]),
    "none at all": ([0, 0], [0, 0]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_series_are_left_out_and_leave_their_neighbours_alone(name):
    good = [COUNTS["one"], COUNTS["gaps"]]
    alone, beside = solve(BINOMIAL, good), solve(BINOMIAL, [good[0], BAD[name], good[1]])
    assert beside.status.astype(bool).tolist() == [False, True, False]
    assert [told(beside, 0), told(beside, 2)] == [told(alone, 0), told(alone, 1)]
    assert beside.number[1] == -1
    assert all(np.isnan(getattr(beside, name)[1]).all() for name in FIELDS if name != "number")
    assert np.isnan(beside.mean[part(beside.band_offsets, 1)]).all()
    assert np.isnan(beside.change_probability[part(beside.band_offsets, 1)]).all()
    assert beside.change_offsets[1] == beside.change_offsets[2]


@pytest.mark.parametrize("name", BAD_EXPOSURE)
def test_bad_exposure_is_left_out(name):
    count, exposure = (np.array(numbers, float) for numbers in BAD_EXPOSURE[name])
    assert solve(POISSON, [{"count": count, "exposure": exposure}]).status[0] == many_solve.DATA


def test_outcomes_are_0_or_1():
    model = Model(Bernoulli())
    assert solve(model, [{"count": np.array([0.0, 1, 2])}]).status[0] == many_solve.DATA
    assert solve(model, [binomial([0, 1, 1], [1, 1, 2])]).status[0] == many_solve.DATA
    assert solve(model, [binomial([0, 1, np.nan], [1, 1, 2])]).status[0] == 0


def test_more_changes_than_are_carried_are_left_to_the_engines():
    count = np.tile(np.repeat([1.0, 60.0], 4), 20)
    assert solve(Model(Poisson(), Changes(every=4)), [{"count": count}]).status[0] == (
        many_solve.NUMBER
    )


def test_bands_are_told_in_the_middle_of_bins():
    series = [COUNTS["one"], COUNTS["two rows"], COUNTS["uneven"]]
    whole, binned = solve(BINOMIAL, series), solve(BINOMIAL, series, np.array([50, 7, 3]))
    assert binned.band_row.tolist() == [25, 75, 110, 1, 1, 4, 6]
    starts = np.repeat(whole.band_offsets[:-1], np.diff(binned.band_offsets))
    rows = starts + binned.band_row
    for name in ("mean", "lower", "upper"):
        mine, all_rows = getattr(binned, name), getattr(whole, name)
        assert mine == pytest.approx(all_rows[rows], rel=1e-9)


def test_takes():
    assert many.takes(Model(Bernoulli(rate=priors.Beta(2, 3)), Changes(every=9)))
    for model in (
        Model(BetaBinomial()),
        Model(Binomial(rate=priors.Uniform(0, 0.1))),
        Model(Poisson(rate=priors.LogNormal(0, 1))),
        Model(Binomial(), Changes(exactly=1)),
        Model(Binomial(), Changes(at_most=3)),
        Model(Binomial(), Changes(min_length=2)),
        Model(Binomial(), Changes(probability=0)),
    ):
        assert not many.takes(model)


def test_the_exponential():
    x = np.append(-np.geomspace(1e-300, 708, 20000), [0, -708.1, -745, -1e300, -np.inf])
    mine = np.array([steps.exp(value) for value in x])
    assert mine[:-4] == pytest.approx(np.exp(x[:-4]), rel=4e-16, abs=0)
    assert (mine[-4:] == 0).all()


def test_the_grid_is_that_of_the_engines():
    for name in ("BEND", "DROP", "TAIL", "NEAR", "CELL", "LEAST", "MOST"):
        assert getattr(many_grid, name) == getattr(grid, name)
    assert (many_solve.STEP, many.TAIL) == (grid.STEP, grid.TAIL)
