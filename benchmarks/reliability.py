"""Where probabilities mean what they say: coverage, reliability, and both under wrong models.

    python benchmarks/reliability.py [coverage] [reliable] [wrong] [--runs 200] [--figure FILE]

`coverage`: series with one change, whose number is told to the model (`Changes(exactly=1)`):
how often sets that hold 50, 80, 95 % hold the place, the rates before and after, their ratio.
The place is uniform, the ratio's logarithm uniform between -log 2 and log 2, the rate before as
in the row of the table. `reliable`: whether of the series told to have changed with some
probability as many have. `wrong`: false alarms, power and coverage where rows vary more than
the model has it, have weeks, years, memory, drift, spikes; and with the model that has them.

Counts out of trials; tables are in Markdown, with the number of series. Stars mark what is
further from what is said than three standard errors.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np
from calibration import from_prior
from scipy import stats

from changepoint import Changes, Exact, Model, Observations
from changepoint import likelihoods as L
from changepoint.effects import Drift, Memory, Weekday, Yearly
from changepoint.errors import ChangepointError
from changepoint.results.result import Result

LEVELS = (0.5, 0.8, 0.95)
DRAWS = 400
RATE, STEP = 0.009, 1.25  # of wrong models, and what their one change multiplies it by
EDGES = np.array([0, 0.05, 0.2, 0.5, 0.8, 0.95, 1])  # of bins of P(any change)
DAY, WEEK = "datetime64[D]", np.timedelta64(7, "D")
START = np.datetime64("2022-01-03")


def answers(model: Model, several: Sequence[Observations]) -> Iterator[tuple[int, Result]]:
    """Yield number and answer of each series, in no particular order."""
    models = [model.resolve(data) for data in several]
    notes = [one.check(data) for one, data in zip(models, several, strict=True)]
    rows = [np.arange(1)] * len(several)  # the band at the first row: none is told
    engine = Exact(draws=DRAWS)
    for i, result in engine.run_each(models, several, notes, range(len(several)), rows):
        if isinstance(result, ChangepointError):
            raise result
        yield i, result


def p_any(result: Result) -> float:
    """Return P(any change)."""
    return float(1 - result.number_probability[0])


def row(*cells: object) -> None:
    """Print a row of a table."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def heading(*cells: str) -> None:
    """Print the head of a table."""
    print()
    row(*cells)
    print("|---" * len(cells) + "|")


# -- coverage ---------------------------------------------------------------------------------


def changed(
    rng: np.random.Generator, rate: float, trials: int, T: int
) -> tuple[Observations, int, float, float]:
    """Draw a series with one change: data, place, rates before and after."""
    place, after = int(rng.integers(1, T)), rate * 2 ** rng.uniform(-1, 1)
    rates = np.where(np.arange(T) < place, rate, after)
    data = Observations(
        count=rng.binomial(trials, rates).astype(float), trials=np.full(T, float(trials))
    )
    return data, place, rate, after


def held(p: np.ndarray, place: int) -> np.ndarray:
    """Return of the smallest sets of rows whether they hold it, and their mass, (2, levels)."""
    order = np.argsort(-p, kind="stable")
    mass = np.cumsum(p[order])
    size = np.minimum(np.searchsorted(mass, np.array(LEVELS) - 1e-12), len(p) - 1)
    at = int(np.flatnonzero(order == place)[0])
    return np.array([at <= size, mass[size]])


def triple(share: np.ndarray, said: np.ndarray, n: int) -> str:
    """Return percentages, with stars at what is far from what is said."""
    error = np.sqrt(said * (1 - said) / n)
    far = np.abs(share - said) > 3 * error + 0.5 / n
    return " ".join(f"{100 * s:.0f}{'*' * int(f)}" for s, f in zip(share, far, strict=True))


def coverage(runs: int) -> None:
    """Print how often sets of place, before, after and ratio hold the truth."""
    heading(
        "likelihood", "rate", "trials", "T", "series", "place (mass of the sets)", "before",
        "after", "ratio",
    )  # fmt: skip
    grid = product((0.001, 0.009, 0.05), (100, 1000, 10_000), (30, 180, 1000))
    cells = [(L.Binomial(), *one, runs) for one in grid]
    cells += [
        (L.BetaBinomial(), 0.009, n, T, runs // 2) for n in (100, 1000) for T in (30, 180)
    ]
    for family, rate, trials, T, n in cells:
        rng = np.random.default_rng([T, trials, int(1e6 * rate)])
        drawn = [changed(rng, rate, trials, T) for _ in range(n)]
        places, levels = np.zeros((2, len(LEVELS))), np.zeros((3, len(LEVELS)))
        for i, result in answers(Model(family, Changes(exactly=1)), [one[0] for one in drawn]):
            _, place, before, after = drawn[i]
            assert result.given is not None  # there is a change
            places += held(result.given.probability[0], place)
            of = result.draws.parameter
            for j, (known, truth) in enumerate(
                [(of[:, 0], before), (of[:, 1], after), (of[:, 1] / of[:, 0], after / before)]
            ):
                levels[j] += abs(np.mean(known < truth) - 0.5) <= np.array(LEVELS) / 2
        hit, mass = places / n
        told = f"{triple(hit, mass, n)} ({' '.join(f'{100 * m:.0f}' for m in mass)})"
        others = [triple(one / n, np.array(LEVELS), n) for one in levels]
        row(family.name, f"{rate:.1%}", f"{trials:,}", T, n, told, *others)


# -- reliability ------------------------------------------------------------------------------


def prior_drawn(family: Any, rng: np.random.Generator) -> tuple[Observations, bool, Model]:
    """Draw a series from the prior of a model: number, places, rates, dispersion, counts."""
    T = 60
    pilot = Observations(count=np.full(T, 9.0), trials=np.full(T, 1000.0))
    model = Model(family).resolve(pilot)
    truth, data = from_prior(model, pilot, rng)
    return data, truth["changes"] > 0, model


def usual(family: Any, rng: np.random.Generator) -> tuple[Observations, bool, Model]:
    """Draw as people may have them: half without a change, half with one of 5 to 100 %."""
    T, trials, some = 180, 1000, bool(rng.random() < 0.5)
    ratio = np.exp(rng.choice([-1, 1]) * rng.uniform(np.log(1.05), np.log(2)))
    rates = np.where((np.arange(T) >= rng.integers(1, T)) & some, ratio * RATE, RATE)
    data = Observations(
        count=rng.binomial(trials, rates).astype(float), trials=np.full(T, float(trials))
    )
    return data, some, Model(family)


def reliable(runs: int, path: str | None) -> None:
    """Print, and draw, how many of the series told to have changed have changed."""
    bins = [f"{100 * low:.0f}-{100 * high:.0f} %" for low, high in pairwise(EDGES)]
    heading("series", "likelihood", "number", "Brier score", *bins)
    found = {}
    for kind, family in product((prior_drawn, usual), (L.Binomial(), L.BetaBinomial())):
        rng = np.random.default_rng(7)
        drawn = [kind(family, rng) for _ in range(4 * runs)]
        model = drawn[0][2]
        p = np.empty(len(drawn))
        for i, result in answers(model, [one[0] for one in drawn]):
            p[i] = p_any(result)
        some = np.array([one[1] for one in drawn])
        where = np.clip(np.searchsorted(EDGES, p, "right") - 1, 0, len(bins) - 1)
        cells, points = [], []
        for b in range(len(bins)):
            mine = where == b
            n, k = int(mine.sum()), int(some[mine].sum())
            if not n:
                cells.append("none")
                continue
            said = float(p[mine].mean())
            error = np.sqrt(np.sum(p[mine] * (1 - p[mine]))) / n
            star = "*" * bool(abs(k / n - said) > 3 * error + 0.5 / n)
            cells.append(f"{100 * said:.1f} said, {100 * k / n:.1f}{star} of {n}")
            points.append((said, k, n))
        drawn_by = "drawn from the prior" if kind is prior_drawn else "none, or one of 5-100 %"
        brier = float(np.mean((p - some) ** 2))
        row(drawn_by, family.name, len(p), f"{brier:.3f}", *cells)
        found[f"{family.name}: {drawn_by}"] = points
    if path is not None:
        draw(found, path)


def draw(found: dict[str, list[tuple[float, int, int]]], path: str) -> None:
    """Draw reliability diagrams, with 95 % intervals of Clopper and Pearson."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        1, len(found), figsize=(3 * len(found), 3.2), sharex=True, sharey=True,
        layout="constrained",
    )  # fmt: skip
    for ax, (title, points) in zip(panels, found.items(), strict=True):
        said, k, n = np.array(points).T
        low = np.nan_to_num(stats.beta.ppf(0.025, k, n - k + 1))
        high = np.nan_to_num(stats.beta.ppf(0.975, k + 1, n - k), nan=1.0)
        ax.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        ax.errorbar(said, k / n, [k / n - low, high - k / n], fmt="o", markersize=4)
        ax.set_title(title.replace(": ", "\n"), fontsize="small", loc="left")
        ax.set_xlabel("P(any change), as told")
    panels[0].set_ylabel("share that changed")
    figure.savefig(path, dpi=120)


# -- wrong models -----------------------------------------------------------------------------


class Kind(NamedTuple):
    """Series that the usual models don't describe, and a model that does.

    `eta` gives deviations of the log rate by row; `phi` is the variance of rows in that of
    independent trials; `slow` says that the right model takes seconds.
    """

    name: str
    right: Model | None
    eta: Callable[[np.random.Generator, int], np.ndarray]
    phi: float = 1.0
    trials: int = 1000
    T: int = 180
    slow: bool = False
    weekly_rows: bool = False


def none(rng: np.random.Generator, T: int) -> np.ndarray:
    """No deviation."""
    return np.zeros(T)


def autoregressive(share: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    """Deviations of 12 % that last."""

    def eta(rng: np.random.Generator, T: int) -> np.ndarray:
        e = 0.12 * rng.standard_normal(T)
        for t in range(1, T):
            e[t] = share * e[t - 1] + np.sqrt(1 - share**2) * e[t]
        return e

    return eta


def spikes(rng: np.random.Generator, T: int) -> np.ndarray:
    """Two single rows at three times the rate."""
    return np.log(3) * np.isin(np.arange(T), rng.choice(T, 2, replace=False))


def week(rng: np.random.Generator, T: int) -> np.ndarray:
    """Weekends at 75 %, other days at 110 % of about the mean."""
    return np.where(np.arange(T) % 7 > 4, np.log(0.75), np.log(1.1))


def year(rng: np.random.Generator, T: int) -> np.ndarray:
    """Return a wave of 15 %, in rows of a week."""
    return 0.15 * np.sin(2 * np.pi * np.arange(T) / 52.18)


def drift(rng: np.random.Generator, T: int) -> np.ndarray:
    """20 % from the first row to the last."""
    return 0.2 * np.linspace(-0.5, 0.5, T)


WEEKLY, MEMORY, DRIFT = (
    Model(L.BetaBinomial(), effects=[one]) for one in (Weekday(), Memory(), Drift())
)
KINDS = (
    Kind("independent trials", None, none),
    *(Kind(f"variance x {phi:g}", None, none, phi) for phi in (1.5, 2, 4)),
    Kind("a week", WEEKLY, week, trials=10_000, slow=True),
    Kind(
        "a year", Model(L.BetaBinomial(), effects=[Yearly()]), year, trials=10_000, T=156,
        slow=True, weekly_rows=True,
    ),
    Kind("memory, AR .3", MEMORY, autoregressive(0.3), trials=10_000, slow=True),
    Kind("memory, AR .6", MEMORY, autoregressive(0.6), trials=10_000, slow=True),
    Kind("drift of 20 %", DRIFT, drift, trials=10_000, slow=True),
    Kind("two single rows x3", Model(L.SpikedBetaBinomial()), spikes),
)  # fmt: skip


def series_of(kind: Kind, rng: np.random.Generator, ratio: float) -> Observations:
    """Draw a series; the change, if the ratio isn't 1, stands in the third quarter."""
    T, n = kind.T, kind.trials
    steps = np.where(np.arange(T) >= int(0.6 * T), np.log(ratio), 0.0)
    rates = RATE * np.exp(kind.eta(rng, T) + steps)
    if kind.phi > 1:
        s = (n - 1) / (kind.phi - 1) - 1
        rates = rng.beta(rates * s, (1 - rates) * s)
    days = np.arange(T) * (WEEK if kind.weekly_rows else np.timedelta64(1, "D"))
    return Observations(
        count=rng.binomial(n, rates).astype(float), trials=np.full(T, float(n)),
        time=(START + days).astype(DAY),
    )  # fmt: skip


def tried(kind: Kind, model: Model, runs: int) -> str:
    """Return false alarms above .5 and .95, power, and coverage of the ratio's 95 %."""
    shares = []
    covered = told = 0
    for ratio in (1.0, STEP):
        rng = np.random.default_rng([KINDS.index(kind), ratio > 1])
        several = [series_of(kind, rng, ratio) for _ in range(runs)]
        p = np.empty(runs)
        for i, result in answers(model, several):
            p[i] = p_any(result)
            given = result.given
            if ratio > 1 and given is not None and given.number == 1 and given.steps:
                _, low, high = given.steps[0].ratio
                told += 1
                covered += low < ratio < high
        shares += [np.mean(p > 0.5), np.mean(p > 0.95)]
    alarms, sure, _, power = (f"{100 * share:.0f}" for share in shares)
    return f"{alarms} / {sure}; {power}; {covered} of {told}"


def wrong(runs: int) -> None:
    """Print false alarms, power and coverage where models are wrong, and where they aren't."""
    heading("rows", "series", "binomial", "beta-binomial", "series", "the right model")
    for kind in KINDS:
        usual = [tried(kind, Model(one), runs) for one in (L.Binomial(), L.BetaBinomial())]
        if kind.right is None:
            row(kind.name, runs, *usual, "", "")
            continue
        own = max(runs // 10, 2) if kind.slow else runs
        right = kind.right
        name = ", ".join([right.likelihood.name, *(str(one) for one in right.effects)])
        row(kind.name, runs, *usual, own, f"{tried(kind, right, own)} ({name})")


PARTS = ("coverage", "reliable", "wrong")


def main() -> None:
    """Print the tables asked for; all, where none is."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("part", nargs="*", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--runs", type=int, default=200, help="series of a cell")
    parser.add_argument("--figure", help="a file for the reliability diagram")
    asked = parser.parse_args()
    if unknown := set(asked.part) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for part in asked.part or PARTS:
        if part == "coverage":
            coverage(asked.runs)
        elif part == "reliable":
            reliable(asked.runs, asked.figure)
        else:
            wrong(asked.runs)


if __name__ == "__main__":
    main()
