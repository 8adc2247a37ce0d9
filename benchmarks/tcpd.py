"""Scores on series in the layout of the Turing Change Point Dataset.

    python benchmarks/tcpd.py FOLDER [--predictions OUT.json]

FOLDER holds a JSON file for each series: name, n_obs, n_dim, time and series[0].raw, null
where a value is missing. Used if they are in FOLDER or the folder above it:
annotations.json, {name: {annotator: [rows]}}, and published_scores.csv, with the columns
method, dataset, experiment, f1 and cover.

Every series gets the one documented default for values, `fit(None, Observations(value=...,
time=...))`, without settings of its own. The last columns are expectations over the
posterior's draws, which no choice of a single list of changes enters.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is imported

import argparse
import csv
import json
import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from changepoint import Observations, Posterior, fit, scoring

SCORES = ("f1", "covering")
Series = dict[str, Any]
Annotations = dict[str, list[int]]


def predict(posterior: Posterior) -> list[int]:
    """Return the rows of the changes to report: the one place where that is chosen."""
    return [change.index for change in posterior.changes]


class Line(NamedTuple):
    """What is told of one series; NaN where it isn't known."""

    name: str
    T: int
    changes: list[int] | None  # None where the fit failed
    probability: float = math.nan
    seconds: float = math.nan
    scores: tuple[float, ...] = ()  # F1 and covering of the changes, then expected ones
    made_of: str = ""  # the likeliest models of the average, and effects


def made_of(posterior: Posterior) -> str:
    """Return the models that hold a tenth of the average or more, and likely effects."""
    models, effects = posterior.models, posterior.effects
    told = [f"{one['model']} {one['probability']:.1f}" for one in models]
    told = [text for text in told if not text.endswith("0.0")]
    told += [f"{one.name} {one.probability:.1f}" for one in effects if one.likely]
    return ", ".join(told)


def observations(series: Series) -> Observations:
    """Return the values, with their times where these are numbers or dates."""
    raw = series["series"][0]["raw"]
    value = np.array([math.nan if y is None else float(y) for y in raw])
    return Observations(value=value, time=times(series.get("time", {}).get("raw"), len(raw)))


def times(raw: list[Any] | None, T: int) -> np.ndarray | None:
    """Return integers or dates; None unless all are one or the other, and ascending."""
    if raw is None or len(raw) != T:
        return None
    for kind in (np.int64, "datetime64[us]"):
        try:
            stamps = np.array([str(stamp) for stamp in raw]).astype(kind)
        except (ValueError, OverflowError):
            continue
        missing = kind != np.int64 and np.isnat(stamps).any()
        return None if missing or (stamps[1:] <= stamps[:-1]).any() else stamps
    return None


def line_of(series: Series, annotations: Annotations | None) -> Line:
    """Return the line of one series: of a failed fit, with scores of 0."""
    label, T = series["name"], series["n_obs"]
    zero = (0.0,) * (2 * len(SCORES)) if annotations is not None else ()
    start = time.perf_counter()
    try:
        posterior = fit(None, observations(series))
        changes = predict(posterior)
    except Exception as error:  # one series that fails must not end the others
        print(f"{label}: no prediction, {type(error).__name__}: {error}")
        return Line(label, T, None, scores=zero)
    seconds = time.perf_counter() - start
    any_change, parts = posterior.probability_of_change, made_of(posterior)
    line = Line(label, T, changes, any_change, seconds, made_of=parts)
    if annotations is None:
        return line
    # A change at the last row is left out of scores, as those that were published did.
    scored = [row for row in changes if row < T - 1]
    points = (scoring.f1(annotations, scored), scoring.covering(annotations, scored, T))
    means = (scoring.expected(posterior, annotations, score).mean for score in SCORES)
    return line._replace(scores=(*points, *means))


def found_beside(folder: Path, name: str) -> Path | None:
    """Return a file of the folder, or of the one above it."""
    places = [place / name for place in (folder, folder.parent)]
    return next((path for path in places if path.exists()), None)


def show(lines: list[Line]) -> None:
    scores = [f"{prefix}{score}" for prefix in ("", "E ") for score in SCORES]
    print(f"{'series':22}{'T':>6}{'changes':>9}{'P(any)':>8}{'s':>8}", end="")
    print("".join(f"{score:>12}" for score in scores))
    for line in lines:
        number = "failed" if line.changes is None else len(line.changes)
        print(f"{line.name:22}{line.T:6}{number:>9}{line.probability:8.3f}", end="")
        print(
            f"{line.seconds:8.2f}" + "".join(f"{score:12.3f}" for score in line.scores), end=""
        )
        print(f"   {line.made_of}")
    told = [line.scores for line in lines if line.scores]
    if told:
        print(f"{f'mean of {len(told)}':53}", end="")
        print("".join(f"{score:12.3f}" for score in np.mean(told, axis=0)))


def show_published(path: Path, names: list[str]) -> None:
    """Print the published means over the same series; a failure counts 0, as it does here."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["experiment"] == "default"]
    rows = [row for row in rows if row["dataset"] in names]
    print(f"\n{'published defaults':22}{'series':>7}{'f1':>12}{'covering':>12}")
    for method in sorted({row["method"] for row in rows}):
        mine = [row for row in rows if row["method"] == method]
        means = [np.mean([float(row[key] or 0) for row in mine]) for key in ("f1", "cover")]
        print(f"{method:22}{len(mine):7}{means[0]:12.3f}{means[1]:12.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--predictions", type=Path, help="JSON file to write: {name: [rows]}")
    given = parser.parse_args()
    path = found_beside(given.folder, "annotations.json")
    annotations = json.loads(path.read_text(encoding="utf-8")) if path else {}
    lines = []
    for file in sorted(given.folder.glob("*.json")):
        series = json.loads(file.read_text(encoding="utf-8"))
        if "series" not in series:
            continue  # annotations, and the like
        if len(series["series"]) > 1:
            print(f"{series['name']}: skipped, it has {len(series['series'])} dimensions")
            continue
        lines.append(line_of(series, annotations.get(series["name"])))
    show(lines)
    published = found_beside(given.folder, "published_scores.csv")
    if published:
        show_published(published, [line.name for line in lines if line.scores])
    if given.predictions:
        told = {line.name: line.changes for line in lines if line.changes is not None}
        given.predictions.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
