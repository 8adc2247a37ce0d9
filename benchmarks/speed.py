"""How long an answer takes: `make bench`. Warm, on one core, medians; ratios within one run.

    python benchmarks/speed.py             a few minutes
    python benchmarks/speed.py --long      two long series beside, one repetition each

An answer is what `Exact` gives of a model that is checked and resolved: log evidence, the
probabilities of changes and of their number, bands, what each change did. Draws are made when
they are asked for, and aren't in it. Times are CPU times of the process: on an idle machine
those of the clock. What a ratio compares is run in turn, since a busy machine slows memory
too. Each line ends with its bar; those in seconds are meant for an idle machine of today.

PELT is that of ruptures-rs (see `peers-requirements.txt`) on the rates, with the cost l2 and
the penalty of `peers.py`; changes may stand at any row, as here. Its default, to look at every
fifth row, is told beside.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is imported

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from changepoint import Exact, Model, Observations, likelihoods
from changepoint.errors import ChangepointError
from changepoint.likelihoods import Likelihood

PELT = {180: 2.0, 1000: 1.3, 10_000: 1.0, 100_000: 0.4}  # Binomial, in PELT's time
BINOMIAL = 15.0  # the other families, in Binomial's time
LONG = 1.5  # seconds: BetaBinomial, T = 10,000
AUTO = {300: 0.4, 1000: 3.0}  # seconds
BATCH = {"binomial": 0.55, "beta-binomial": 12.0}  # milliseconds a series
COMMAND = 1.2  # seconds of CPU

SERIES, DAYS = 256, 365  # of the batch
Call = Callable[[], object]


def conversions(T: int, trials: float = 1000, seed: int = 1) -> Observations:
    """About `trials` trials a row; the rate rises from 0.009 to 0.013 at 61 % of the rows."""
    rng = np.random.default_rng(seed)
    n = rng.poisson(trials, T)
    rate = np.where(np.arange(T) < round(0.61 * T), 0.009, 0.013)
    return Observations(count=rng.binomial(n, rate), trials=n)


def levels(T: int) -> Observations:
    """Measurements whose level rises by one standard deviation at 61 % of the rows."""
    rng = np.random.default_rng(1)
    return Observations(value=rng.normal(np.arange(T) >= round(0.61 * T)))


def answer(family: Likelihood, data: Observations) -> Call:
    """Return what computes the answer for a model that is checked and resolved."""
    model = Model(family).resolve(data)
    notes = model.check(data)
    return lambda: Exact().run(model, data, notes)


def pelt(data: Observations, **settings: int) -> Call:
    """Return what runs PELT."""
    import ruptures_rs

    y = data.column("count") / data.column("trials")
    penalty = 2 * np.log(len(y)) * np.mean(np.diff(y) ** 2) / 2
    return lambda: ruptures_rs.Pelt(model="l2", **settings).fit(y).predict(pen=penalty)


def medians(calls: list[Call], repeats: int) -> list[float]:
    """Return each one's median in milliseconds; in turn, a first round to warm up left out."""
    times = np.empty((repeats + (repeats > 1), len(calls)))
    for round_ in times:
        for i, call in enumerate(calls):
            start = time.process_time()
            call()
            round_[i] = 1e3 * (time.process_time() - start)
    found: list[float] = np.median(times[repeats > 1 :], axis=0).tolist()
    return found


def tell(what: str, rows: int, ms: float, value: float, unit: str, bar: float) -> None:
    """Print a line."""
    missed = "  missed" if value > bar else ""
    measured = f"{what:20}{rows:8,}{ms:12,.2f} ms"
    print(f"{measured}{value:10.2f} {unit:16} bar {bar:g}{missed}", flush=True)


def against_pelt(rows: int, repeats: int) -> None:
    """Time Binomial beside PELT."""
    data = conversions(rows)
    calls = [answer(likelihoods.Binomial(), data)]
    if find_spec("ruptures_rs") is None:
        (ms,) = medians(calls, repeats)
        print(f"{'binomial':20}{rows:8,}{ms:12,.2f} ms   no ruptures-rs to compare", flush=True)
        return
    calls += [pelt(data, jump=1, min_size=1), pelt(data)]
    ms, theirs, default = medians(calls, repeats)
    tell("binomial", rows, ms, ms / theirs, "PELT", PELT[rows])
    print(f"{'  PELT':20}{rows:8,}{theirs:12,.2f} ms; {default:,.2f} ms at every fifth row")


def against_binomial(rows: int, repeats: int) -> None:
    """Time the other families beside Binomial."""
    data = conversions(rows)
    count, trials = data.column("count"), data.column("trials")
    rates = Observations(rate=np.maximum(count, 0.5) / trials)
    others: list[tuple[Likelihood, Observations]] = [
        (likelihoods.BetaBinomial(), data),
        (likelihoods.NegativeBinomial(), Observations(count=count)),
        (likelihoods.Beta(), rates),
    ]
    calls = [answer(likelihoods.Binomial(), data), *(answer(*other) for other in others)]
    binomial, *rest = medians(calls, repeats)
    for (family, _), ms in zip(others, rest, strict=True):
        tell(family.name, rows, ms, ms / binomial, "binomial", BINOMIAL)


def seconds(family: Likelihood, data: Observations, bar: float, short: Observations) -> None:
    """Time one answer; that on short data, before, has everything compiled."""
    answer(family, short)()
    (ms,) = medians([answer(family, data)], 1)
    tell(family.name, len(data), ms, ms / 1e3, "s", bar)


def batch(family: Likelihood, repeats: int) -> None:
    """Time many series together, with bands at every fourth row."""
    several = [conversions(DAYS, seed=seed) for seed in range(SERIES)]
    models = [Model(family).resolve(data) for data in several]
    notes = [model.check(data) for model, data in zip(models, several, strict=True)]
    rows = [np.arange(0, DAYS, 4)] * SERIES

    def run() -> None:
        for _, result in Exact().run_each(models, several, notes, range(SERIES), rows):
            if isinstance(result, ChangepointError):
                raise result

    (ms,) = medians([run], repeats)
    tell(f"{family.name} x {SERIES}", DAYS, ms, ms / SERIES, "ms a series", BATCH[family.name])


def command(repeats: int) -> None:
    """Time the command from its start to its end."""
    data = Path(__file__).parents[1] / "data" / "conversions.csv"
    words = [sys.executable, "-m", "changepoint.cli", "fit", str(data), "--json"]
    times = []
    for _ in range(repeats + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    value = float(np.median(times[1:]))
    tell("fit --json", 180, 1e3 * value, value, "s", COMMAND)


def main() -> None:
    """Print every line."""
    options = argparse.ArgumentParser()
    options.add_argument("--long", action="store_true", help="two long series beside")
    for rows, repeats in ((180, 40), (1000, 20), (10_000, 3)):
        against_pelt(rows, repeats)
    for rows, repeats in ((180, 10), (1000, 5)):
        against_binomial(rows, repeats)
    for rows, bar in AUTO.items():
        seconds(likelihoods.Auto(), levels(rows), bar, levels(60))
    for family in (likelihoods.Binomial(), likelihoods.BetaBinomial()):
        batch(family, 3 if family.hyper is None else 1)
    command(5)
    if options.parse_args().long:
        seconds(likelihoods.BetaBinomial(), conversions(10_000), LONG, conversions(60))
        against_pelt(100_000, 1)


if __name__ == "__main__":
    main()
