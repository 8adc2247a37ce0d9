"""What the families of counts share: accurate probabilities and the rules for counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.likelihoods.base import Fault
from changepoint.likelihoods.grid import Columns
from changepoint.likelihoods.series import Nodes
from changepoint.observations import Observations
from changepoint.priors import Logistic

Floats = NDArray[np.float64]

# Default prior of log(phi - 1), phi being the inflation of a row's variance. It trades power in
# short series against false alarms, as measured in docs/explanation/default-for-counts.md.
EXCESS = Logistic(-2, 1)
LOG_2PI = math.log(2 * math.pi)
LARGEST = 1e12  # count or trials of a row: beyond, log probabilities lose their sixth digit
DIGITS = 29.0  # -log of the error of the polynomial that tabulates log-gamma ratios
SERIAL = 2**18  # multiplications that BLAS does without waking threads, which cost more


def stirling_rest(z: Floats) -> Floats:
    """Return log z! - [(z + 1/2) log z - z + log(2 pi)/2], z > 0."""
    small = np.minimum(z, 20.0)
    exact = special.gammaln(small + 1) - (small + 0.5) * np.log(small) + small - LOG_2PI / 2
    return np.where(z < 20, exact, _log_gamma_rest(np.maximum(z, 20.0)))


def deviance(x: Floats, mean: Floats) -> Floats:
    """Return x log(x / mean) + mean - x, without cancellation where x is near the mean."""
    excess = (x - mean) / mean
    value: Floats = mean * (special.xlog1py(1 + excess, excess) - excess)
    return value


def log_poisson(k: Floats, mean: Floats) -> Floats:
    """Return the log Poisson probability of k (Loader 2000): accurate for large k."""
    positive = np.where(k > 0, k, 1.0)
    saddle = (
        -stirling_rest(positive) - deviance(positive, mean) - 0.5 * (LOG_2PI + np.log(positive))
    )
    return np.where(k == 0, -mean, np.where(np.isnan(k), np.nan, saddle))


def binomial_log_density(rows: Columns, nodes: Nodes) -> Floats:
    """Return log C(n, k) p^k (1-p)^(n-k) at nodes p, by broadcasting; accurate for large n.

    Relative to the probability at a reference p0, so that 1e9 trials lose nothing: p0 and
    1 - p0 are both exact (few digits), and both logarithms come from one difference p - p0,
    whose rounding then cancels at the maximum.
    """
    success, failure = log_ratios(nodes, rows["pooled"])
    log_p: Floats = rows["count"] * success
    log_p += (rows["trials"] - rows["count"]) * failure
    log_p += rows["at_pooled"]
    return log_p


def log_ratios(nodes: Nodes, pooled: Floats) -> tuple[Floats, Floats]:
    """Return log(p / p0) and log((1 - p) / (1 - p0)) at nodes p."""
    p0, q0 = reference(pooled)
    shift = np.where(p0 < q0, nodes.theta - p0, q0 - nodes.companion)
    return log_ratio(nodes.theta, shift, p0), log_ratio(nodes.companion, -shift, q0)


def reference(pooled: Floats) -> tuple[Floats, Floats]:
    """Return p0 and 1 - p0 near the pooled rate, both without rounding."""
    few = np.minimum(pooled, 1 - pooled).astype(np.float32).astype(float)
    low = pooled < 0.5
    return np.where(low, few, 1 - few), np.where(low, 1 - few, few)


def log_ratio(x: Floats, shift: Floats, x0: Floats | float) -> Floats:
    """Return log(x / x0), given x - x0 too, by broadcasting."""
    from changepoint.kernels.log_gamma import ratio

    return _by_number(ratio, x, shift, x0)


def poisson_log_density(rows: Columns, rate: Floats) -> Floats:
    """Return the log Poisson probability of k at rates, by broadcasting; likewise relative."""
    shift = rate - rows["pooled"]
    log_p: Floats = rows["count"] * log_ratio(rate, shift, rows["pooled"])
    log_p -= rows["exposure"] * shift
    log_p += rows["at_pooled"]
    return log_p


def log_negative_binomial(k: Floats, mean: Floats, r: Floats | float) -> Floats:
    """Return the log probability of k, of a mean and a size r = 1 / dispersion (Loader 2000).

    Written so that neither large counts nor large sizes, near the Poisson, lose digits.
    """
    positive = np.where(k > 0, k, 1.0)
    around = np.where(k > 0, mean, 1.0)
    saddle = deviance(positive + r, around + r) - deviance(positive, around)
    saddle += stirling_rest(positive + r) - stirling_rest(np.asarray(r))
    saddle -= stirling_rest(positive) + 0.5 * (LOG_2PI + np.log(positive))
    saddle -= 0.5 * np.log1p(positive / r)
    return np.where(k == 0, -r * np.log1p(mean / r), np.where(np.isnan(k), np.nan, saddle))


def log_binomial(k: Floats, n: Floats, p: Floats, q: Floats) -> Floats:
    """Return the log Binomial probability of k of n (Loader 2000); q = 1 - p."""
    inside = (k > 0) & (k < n)
    k1, n1 = np.where(inside, k, 1.0), np.where(inside, n, 2.0)
    saddle = stirling_rest(n1) - stirling_rest(k1) - stirling_rest(n1 - k1)
    saddle -= deviance(k1, n1 * p) + deviance(n1 - k1, n1 * q)
    saddle += 0.5 * (np.log(n1 / k1) - np.log(n1 - k1) - LOG_2PI)
    ends = n * np.where(
        k == 0,
        np.where(p > 0.5, np.log(q), np.log1p(-p)),
        np.where(p < 0.5, np.log(p), np.log1p(-q)),
    )
    return np.where(inside, saddle, np.where(np.isnan(k), np.nan, ends))


def log_rising_ratio(a: Floats, k: Floats) -> Floats:
    """Return log of Gamma(a + k) / (Gamma(a) a^k) = sum_{i<k} log(1 + i/a), by broadcasting.

    What overdispersion adds to k factors of a; 0 in the limit a -> infinity, and accurate
    there, where differences of log-gammas are all rounding.
    """
    from changepoint.kernels.log_gamma import rising_ratio

    return _by_number(rising_ratio, a, k)


def _by_number(kernel: Callable[..., None], *args: Floats | float) -> Floats:
    """Return what a kernel says of each number, by broadcasting."""
    shape = np.broadcast_shapes(*(np.shape(part) for part in args))
    every = (x if np.shape(x) == shape else np.broadcast_to(x, shape) for x in args)
    out = np.empty(shape)
    # Kernels are compiled for arrays that may be written to.
    kernel(*(np.require(x, float, ["C", "W"]).reshape(-1) for x in every), out.reshape(-1))
    return out


def _log_gamma_rest(z: Floats) -> Floats:
    """Return log Gamma(z) - [(z - 1/2) log z - z + log(2 pi)/2], z >= 20."""
    square = 1 / z**2
    rest: Floats = (1 / 12 - (1 / 360 - (1 / 1260 - square / 1680) * square) * square) / z
    return rest


def rising_table(a: Floats, k: Floats) -> Floats:
    """Return `log_rising_ratio` for nodes a (G,) and ascending whole numbers k (D,): (D, G)."""
    if not len(k):
        return np.empty((0, len(a)))
    middle, half = (k[0] + k[-1]) / 2, max((k[-1] - k[0]) / 2, 0.5)
    # Far from its singularity at k = -a a polynomial converges like (x + sqrt(x^2 - 1))^-n,
    # with x the distance of the singularity from the middle, in halves of the range.
    far = (middle + float(a.min())) / half
    degree = math.ceil(DIGITS / math.acosh(max(far, 1.001))) + 1
    if len(k) > 2 * degree and far > 2:
        angle = (np.arange(degree) + 0.5) * np.pi / degree
        at_roots = log_rising_ratio(a, (middle + half * np.cos(angle))[:, None])
        order = np.arange(degree)[:, None]
        weights = np.where(order, 2, 1) * np.cos(order * angle) / degree
        basis = np.cos(order * np.arccos(np.clip((k - middle) / half, -1, 1)))
        coefficients = weights @ at_roots
        table = np.empty((len(k), len(a)))
        step = max(SERIAL // coefficients.size, 1)
        for row in range(0, len(k), step):
            np.matmul(basis.T[row : row + step], coefficients, out=table[row : row + step])
        return table
    if k[-1] - k[0] > 4 * len(k):
        return log_rising_ratio(a, k[:, None])
    # Close together: from one to the next by adding up logarithms.
    steps = np.log1p(np.arange(k[0], k[-1])[:, None] / a)
    first = log_rising_ratio(a, k[:1, None])
    table = np.concatenate([first, first + np.cumsum(steps, axis=0)])
    chosen: Floats = table[(k - k[0]).astype(np.int64)]
    return chosen


def two_sided(below: Floats, above: Floats) -> Floats:
    """Return min(1, 2 min(P(Y <= y), P(Y >= y)))."""
    tail: Floats = np.minimum(1.0, 2 * np.minimum(below, above))
    return tail


def binomial_tail(k: Floats, n: Floats, p: Floats) -> Floats:
    """Return the two-sided tail of k out of n; n may be a fractional effective number."""
    with np.errstate(invalid="ignore"):
        below = np.where(k < n, special.betainc(np.maximum(n - k, 1e-300), k + 1, 1 - p), 1.0)
        above = np.where(k > 0, special.betainc(np.maximum(k, 1e-300), n - k + 1, p), 1.0)
    return two_sided(below, above)


def poisson_tail(k: Floats, mean: Floats) -> Floats:
    """Return the two-sided Poisson tail of k."""
    above = np.where(k > 0, special.gammainc(np.maximum(k, 1e-300), mean), 1.0)
    return two_sided(special.gammaincc(k + 1, mean), above)


def count_faults(observations: Observations) -> Iterator[Fault]:
    """Yield what breaks the rule: counts are finite whole numbers, 0 or more."""
    count = observations.column("count")
    yield Fault("count", np.isinf(count), "an infinite count", "Correct it, or leave it empty.")
    yield Fault("count", count < 0, "a negative count", "Correct it, or leave it empty.")
    yield from large_faults("count", count)
    fractions = not_whole(count)
    if fractions.any() and np.nanmax(np.abs(count)) <= 1:
        remedy = (
            "These look like rates, not counts: give the counts themselves, or name the column "
            "as the rate (--rate, rate=) for the likelihood 'beta'."
        )
    else:
        remedy = "Counts are whole numbers: give the counts themselves, not rates or averages."
    yield Fault("count", fractions, "a count that isn't a whole number", remedy)


def trials_faults(observations: Observations) -> Iterator[Fault]:
    """Yield what breaks the rule: counts and trials are whole, 0 <= count <= trials."""
    yield from count_faults(observations)
    count, trials = observations.column("count"), observations.column("trials")
    beside = ~np.isnan(count)
    correct = "Correct it, or leave the whole row empty."
    yield Fault("trials", np.isnan(trials) & beside, "no trials beside a count",
                "Fill in the trials, or leave the count empty as well.")  # fmt: skip
    yield Fault("trials", np.isinf(trials), "an infinite number of trials", correct)
    yield Fault("trials", trials < 0, "a negative number of trials", correct)
    yield from large_faults("trials", trials)
    if np.any(beside) and not np.any(trials[beside] != 0):
        yield Fault("trials", None, "no row has any trials", "Check the column.")
    hours = "For hours or distances use exposure and the likelihood 'negative-binomial'."
    yield Fault("trials", not_whole(trials), "trials that aren't a whole number", hours)
    none = (trials == 0) & (count > 0)
    yield Fault("trials", none, "events without any trial", correct)
    swapped = (
        "Correct it, or leave it empty; of many rows: check that the columns for count and "
        "trials aren't swapped; if one trial can have several events, use the likelihood "
        "'negative-binomial' with exposure."
    )
    yield Fault("count", (count > trials) & ~none, "more events than trials", swapped)


def large_faults(role: str, numbers: Floats) -> Iterator[Fault]:
    """Yield the rows with numbers too large for this arithmetic."""
    rows = np.isfinite(numbers) & (numbers > LARGEST)
    remedy = "Check the unit; so large a number is better taken as a value or a rate."
    yield Fault(role, rows, f"above {LARGEST:.0e}, which is too large to compute with", remedy)


def not_whole(numbers: Floats) -> NDArray[np.bool_]:
    """Which finite numbers aren't integers."""
    with np.errstate(invalid="ignore"):
        fractions: NDArray[np.bool_] = np.isfinite(numbers) & (numbers != np.floor(numbers))
    return fractions
