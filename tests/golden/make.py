"""Write down what this version answers, so that a later one can be compared with it.

`answers.json`, beside this file, holds the answers of a version whose inference is known to be
right: for each of FITS what `changepoint fit --json` prints (and a few numbers by row), and the
numbers of batches of short series. The inputs are made here, from seeds. `test_golden.py`
computes everything anew and compares. From the folder that holds `tests`:

    python tests/golden/make.py

overwrites the answers. Do that only after a change that is meant to alter them, and say so.
"""

from __future__ import annotations

import functools
import json
import re
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from changepoint import Changes, Exact, Model, Observations, batch, fit, priors
from changepoint import likelihoods as L
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.model import default_model
from changepoint.reading import read
from changepoint.report.units import unit_of

ROOT = Path(__file__).parents[2]
ANSWERS = Path(__file__).with_name("answers.json")

# More than the default 1,000: drawn numbers are then four times as close to what they estimate.
DRAWS = 16_000

# -- data ---------------------------------------------------------------------------------


def steps(T: int, *levels: float) -> np.ndarray:
    """Levels one after the other, each as long as the next."""
    return np.array(levels)[np.arange(T) * len(levels) // T]


def trials(T: int, seed: int, *rates: float, missing: float = 0.0, **times: Any) -> Any:
    rng = np.random.default_rng([seed, T])
    n = rng.integers(20, 60, T)
    k = rng.binomial(n, steps(T, *rates or (0.1, 0.17))).astype(float)
    return Observations(count=gaps(k, rng, missing), trials=n, **times)


def events(T: int, seed: int, *rates: float, missing: float = 0.0, scatter: float = 0) -> Any:
    rng = np.random.default_rng([seed, T])
    exposure = rng.uniform(0.5, 2, T)
    mean = exposure * steps(T, *rates or (3.0, 4.5))
    if scatter:
        mean *= rng.gamma(1 / scatter, scatter, T)
    k = rng.poisson(mean).astype(float)
    return Observations(count=gaps(k, rng, missing), exposure=exposure)


def values(T: int, seed: int, *levels: float, missing: float = 0.0, heavy: bool = False) -> Any:
    """A level that changes; the noise becomes half as large in the middle."""
    rng = np.random.default_rng([seed, T])
    noise = rng.standard_t(2, T) if heavy else rng.normal(size=T) * steps(T, 1.5, 0.75)
    return Observations(value=gaps(steps(T, *levels or (10.0, 11.2)) + noise, rng, missing))


def lines(T: int, seed: int, missing: float = 0.0) -> Any:
    """A slope that changes in the middle; times are irregular."""
    rng = np.random.default_rng([seed, T])
    y = 5 + np.abs(np.arange(T) - T // 2) / 8 + rng.normal(0, 0.5, T)
    return Observations(value=gaps(y, rng, missing), time=np.cumsum(rng.uniform(0.2, 3, T)))


def memory(T: int, seed: int, missing: float = 0.0) -> Any:
    """Noise that lasts, around a level that changes."""
    rng = np.random.default_rng([seed, T])
    u = rng.normal(size=T)
    for t in range(1, T):
        u[t] = 0.6 * u[t - 1] + 0.8 * u[t]
    return Observations(value=gaps(u + steps(T, 0, 2.5), rng, missing))


def outcomes(T: int, seed: int, n: int = 5, missing: float = 0.0) -> Any:
    rng = np.random.default_rng([seed, T])
    later = (np.arange(T) >= T // 2)[:, None]
    k = rng.multinomial(n, np.where(later, [0.3, 0.3, 0.4], [0.6, 0.3, 0.1])).astype(float)
    k[np.isnan(gaps(k[:, 0], rng, missing))] = np.nan
    return Observations(outcomes=k, outcome_names=("left", "carted", "bought"))


def gaps(numbers: np.ndarray, rng: np.random.Generator, missing: float) -> np.ndarray:
    """The numbers without some of them, never without the first and the last."""
    left_out = rng.random(len(numbers)) < missing
    left_out[[0, -1]] = False
    return np.where(left_out, np.nan, numbers)


# -- fits ---------------------------------------------------------------------------------

Input = tuple[Model | None, Observations]
FITS: dict[str, Callable[[], Input]] = {}


def case(name: str, family: Any, data: Callable[[], Observations], **changes: Any) -> None:
    assert name not in FITS
    FITS[name] = lambda: (Model(family, Changes(**changes)), data())


of = functools.partial  # data are made when they are asked for

# A fit of each way to compute an answer.
case(
    "binomial, at most 3, missing",
    L.Binomial(),
    of(trials, 48, 4, 0.1, 0.16, 0.12, missing=0.1),
    at_most=3,
    probability=0.9,
    min_length=3,
)
case(
    "normal-mean-variance", L.NormalMeanVariance(), of(values, 40, 0, missing=0.1), min_length=3
)
case(
    "multinomial, prior, missing",
    L.Multinomial((0.5, 1, 2), "carted"),
    of(outcomes, 40, 2, missing=0.2),
    at_most=3,
    min_length=2,
)
case(
    "negative-binomial, priors, missing",
    L.NegativeBinomial(priors.LogNormal(1, 1), priors.Normal(0, 2)),
    of(events, 40, 2, 3, 6, missing=0.2, scatter=0.25),
    exactly=1,
)
case("student-t, memory", L.StudentT(nu=3, phi=0.5), of(memory, 40, 1))
case("trend, missing, at most 2", L.Trend(), of(lines, 40, 2, 0.2), at_most=2, min_length=3)


def auto(data: Observations) -> Input:
    return default_model(data), data


FITS["auto, a level"] = lambda: auto(values(40, 6, missing=0.1))
FITS["data/coal_disasters.csv"] = lambda: (None, read(ROOT / "data" / "coal_disasters.csv"))

LEFT_OUT = ("seed", "settings", "diagnostics")  # of the engine
# What was added since, and is judged by other tests.
LATER = ("sure_changes", "headline", "checks")
OF_THE_TOOL = (
    "version",
    "schema",
    "unit",
    "alert",
    "certificate",
    "events",
    "spikes",
    "hyper_sensitivity",
)
NUMBER = re.compile(r"[<>=]? ?[-+]?\d[-\d.:eT]*| (?:up|down)(?= to)|(?:in|de)crease")


def answer(name: str) -> dict[str, Any]:
    """Return the answer of a fit, ready for JSON."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, observations = FITS[name]()
        posterior = fit(model, observations, Exact(draws=DRAWS))
        told = {k: v for k, v in posterior.to_dict().items() if k not in OF_THE_TOOL}
    told["engine"] = {key: v for key, v in told["engine"].items() if key not in LEFT_OUT}
    told["file"] = told["file"] and Path(told["file"]).name
    for later in LATER:
        told.pop(later, None)
    rates = bool(unit_of(posterior).label)  # once they were told as they are
    told["sentence"] = NUMBER.sub(
        " #", (posterior.told_per(1) if rates else posterior).sentence()
    )
    told["kind"] = kind_of(posterior)
    told["hyperparameter"] = (
        told["kind"] == "average" or posterior.likelihoods[0].hyper is not None
    )
    told["rows"] = by_row(posterior)
    return told


def kind_of(posterior: Any) -> str:
    """Return what says which numbers were drawn: grid, segments, lines or average."""
    family, observations = posterior.model.likelihood, posterior.observations
    if family.candidates(observations) != (family,):
        return "average"
    if isinstance(family, GridLikelihood):
        return "grid"
    return "lines" if "trend" in family.name else "segments"


def by_row(posterior: Any) -> list[dict[str, float]]:
    """Return P(change) and the parameter at five rows."""
    told, name = posterior.marginals, posterior.model.likelihood.parameter
    found = []
    for row in np.linspace(0, len(posterior.observations) - 1, 5).astype(int):
        lower, _, upper = told[f"{name}_quantile"].values[:, row]
        numbers = {
            "change_probability": told["change_probability"].values[row],
            "mean": told[f"{name}_mean"].values[row],
            "lower": lower,
            "upper": upper,
        }
        found.append({"row": int(row), **{key: float(x) for key, x in numbers.items()}})
    return found


# -- batch --------------------------------------------------------------------------------

SERIES = 25  # of each family
BATCHES = {"binomial": L.Binomial(), "poisson": L.Poisson()}
OF_SERIES = {
    "n": "n",
    "missing": "missing",
    "log_evidence": "log_evidence",
    "p_any": "probability_of_change",
    "number": "number",
}
OF_FIRST_CHANGE = (
    "index", "credible_set", "probability", "before", "before_lower", "before_upper", "after",
    "after_lower", "after_upper", "difference", "difference_lower", "difference_upper",
    "ratio", "ratio_lower", "ratio_upper", "probability_of_increase",
)  # fmt: skip


def table(family: str) -> pd.DataFrame:
    """Return many series in one table: 20 to 120 rows, no time, some changed or with gaps."""
    rng = np.random.default_rng([len(family), 250])
    tables = []
    for i in range(SERIES):
        T, changed = int(rng.integers(20, 121)), (0, 0, 1, 1, 2)[i % 5]
        low, high = (0.05, 0.15) if family == "binomial" else (2, 5)
        level = steps(T, *[low, high, low][: changed + 1])
        size = rng.integers(30, 200, T) if family == "binomial" else rng.uniform(0.5, 2, T)
        k = rng.binomial(size, level) if family == "binomial" else rng.poisson(size * level)
        k = gaps(k.astype(float), rng, 0.15 if i % 3 == 0 else 0.0)
        name = "trials" if family == "binomial" else "exposure"
        tables.append(pd.DataFrame({"series": f"{i:03d}", "count": k, name: size}))
    return pd.concat(tables, ignore_index=True)


def batch_answers() -> dict[str, dict[str, list[Any]]]:
    """Return by family the columns of the batch; of changes the first of each series."""
    found = {}
    for name, family in BATCHES.items():
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data, out = Path(folder) / "table.parquet", Path(folder) / "out"
            table(name).to_parquet(data)
            roles = {role: role for role in family.needs} | (
                {"exposure": "exposure"} if name == "poisson" else {}
            )
            batch.run(data, Model(family), out, by="series", columns=roles)
            series = batch.read(out).sort_values("by_series").set_index("by_series")
            changes = batch.read(out, "changes")
        assert (series["status"] == "ok").all() and len(series) == SERIES
        first = changes.sort_values(["by_series", "index"]).groupby("by_series").head(1)
        first = first.set_index("by_series").reindex(series.index)
        columns = {told: series[column] for told, column in OF_SERIES.items()}
        columns |= {f"first_{column}": first[column] for column in OF_FIRST_CHANGE}
        found[name] = {told: plain(column) for told, column in columns.items()}
    return found


def plain(column: pd.Series) -> list[Any]:
    """Return a column's cells as JSON has them; whole numbers stay whole."""
    whole = column.name in ("n", "missing", "number", "index")
    cells = [None if pd.isna(cell) else cell for cell in column]
    if column.name == "credible_set":
        return cells
    return [None if cell is None else int(cell) if whole else float(cell) for cell in cells]


def main() -> None:
    told = {"fits": {name: answer(name) for name in FITS}, "batch": batch_answers()}
    parts = [json.dumps(name) + ":" + json.dumps(one, separators=(",", ":"))
             for name, one in told["fits"].items()]  # fmt: skip
    many = json.dumps(told["batch"], separators=(",", ":"))
    text = '{"fits":{\n' + ",\n".join(parts) + '\n},\n"batch":' + many + "}\n"
    ANSWERS.write_text(text, encoding="utf-8")
    print(f"{len(parts)} fits, {2 * SERIES} series, {len(text)} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
