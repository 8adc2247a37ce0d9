"""The report of a batch: report.html, from nothing but its folder."""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from changepoint import likelihoods
from changepoint.batch.folder import Folder, whole
from changepoint.batch.row import stride_of
from changepoint.batch.runner import finished, scan
from changepoint.batch.schema import INTERVALS, OK
from changepoint.likelihoods import Likelihood
from changepoint.report.numbers import equals
from changepoint.report.page_many import (
    FAILURES,
    LISTED,
    Failure,
    PageChange,
    PageSeries,
    Report,
    page,
)
from changepoint.report.sentences import no_sign, words
from changepoint.report.sparkline import Curve, Tick
from changepoint.results.reported import Change, Interval

MODELS = 5  # named; the others are counted
FLAGS = (
    "Flagged are the series that surely stand out among all of these: the most probable ones "
    "to have changed, as many as keep the share of false alarms among them at {:.2g} % or less "
    "({:.2g} % are expected), none of them less probable than 0.5. Those with the largest "
    "impact come first."
)
NO_FLAGS = "No series can be flagged: whether they changed is given by the model."
SHARE = (
    "Each series changed with the same probability, the share, which is estimated from all of "
    "them; P(change) is the posterior at that share. By itself, with even odds, a series would "
    "be flagged too often where few change."
)
IMPACT = {
    True: "Impact is how many more (+) or fewer (−) events there were than at the level "
    "before: the difference times the trials, the exposure or the rows from the change to the "
    "next one or the end.",
    False: "The impact on rates and values is the difference in standard deviations of the "
    "data about their mean.",
}


def write(out: str | os.PathLike[str]) -> Path:
    """Write report.html to the folder of a batch, and return its path.

    Raises
    ------
    DataError
        If the batch isn't finished, or the file can't be written.
    """
    folder = finished(out)
    place = folder.file("report.html")
    with whole(place) as unfinished:
        unfinished.write_text(page(_report(folder)), encoding="utf-8")
    return place


def _report(folder: Folder) -> Report:
    from pyarrow import dataset

    summary, manifest = folder.read_json("summary.json"), folder.read_json("manifest.json")
    assert summary is not None and manifest is not None  # it is finished
    table = scan(folder.path)
    good = dataset.field("status") == OK
    rows = table.head(LISTED, filter=good).to_pylist()
    bad = table.head(FAILURES, filter=~good, columns=["series", "status", "error"]).to_pylist()
    details = _details(folder, rows)
    failed = summary["series"] - summary["status"].get(OK, 0)
    labels = Counter(_family(row).label for row in rows)
    counted = {_family(row).response in ("count", "outcomes") for row in rows}
    return Report(
        title="Which series changed?",
        subtitle=_subtitle(summary, manifest),
        label=next(iter(labels)) if len(labels) == 1 else "parameter",
        series=[_series(row, detail) for row, detail in zip(rows, details, strict=True)],
        failures=[Failure(one["series"], one["status"], one["error"]) for one in bad],
        totals=list(_totals(summary, failed)),
        about=list(_about(summary, manifest, rows)),
        notes=[_flags(summary)],
        impact=" ".join(IMPACT[one] for one in sorted(counted, reverse=True)),
        total=summary["series"] - failed,
        flagged=summary["flagged"],
        failed=failed,
    )


def _details(folder: Folder, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return changes and curve of each row, from its part."""
    from pyarrow import parquet

    found: list[dict[str, Any]] = [{}] * len(rows)
    of_part: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        of_part.setdefault(row["part"], []).append(i)
    for part, mine in sorted(of_part.items()):
        table = parquet.read_table(folder.part(part), columns=["changes", "curve"])
        for i, told in zip(
            mine, table.take([rows[i]["row"] for i in mine]).to_pylist(), strict=True
        ):
            found[i] = told
    return found


def _family(row: Mapping[str, Any]) -> Likelihood:
    """Return the family that a row's model names, priors not filled."""
    name = str(row["model"]).partition("(")[0]
    family: Likelihood = getattr(likelihoods, name)()
    return family


def _series(row: Mapping[str, Any], detail: Mapping[str, Any]) -> PageSeries:
    found = [_change(told) for told in detail["changes"]]
    stride = stride_of(row["n"] + row["missing"])
    return PageSeries(
        name=row["series"],
        q=row["probability_in_batch"],
        p=row["probability_of_change"],
        flagged=row["flagged"],
        number=row["number"],
        changes=[_page_change(change, stride) for change in found],
        n=row["n"],
        missing=row["missing"],
        sentence=_sentence(row, found),
        warnings=(row["warnings"] or "").splitlines(),
        file=row["file"],
        impact=row.get("impact"),
        stride=stride,
        curve=_curve(detail["curve"]),
    )


def _change(told: Mapping[str, Any]) -> Change:
    """Return a change of the table; rows of its credible set are told by their times alone."""
    times = [part.split(" to ") for part in told["credible_set"].split(", ")]
    spans = {
        name: Interval(*(told[f"{name}{end}"] for end in ("", "_lower", "_upper")))
        for name in INTERVALS
        if told[name] is not None
    }
    return Change(
        index=told["index"],
        time=told["time"],
        most_probable=told["most_probable"],
        probability=told["probability"],
        credible=[(2 * i, 2 * i + len(pair) - 1) for i, pair in enumerate(times)],
        credible_times=[(pair[0], pair[-1]) for pair in times],
        before=spans["before"],
        after=spans["after"],
        difference=spans["difference"],
        ratio=spans.get("ratio"),
        probability_of_increase=told["probability_of_increase"],
        others={},
    )


def _page_change(change: Change, stride: int) -> PageChange:
    from changepoint.report.page_one import page_change

    return page_change(change, stride)


def _sentence(row: Mapping[str, Any], found: list[Change]) -> str:
    family, p = _family(row), row["probability_of_change"]
    q = row["probability_in_batch"]
    all_of_them = "" if q is None else f" Among all these series: P(any change) {equals(q)}."
    if not found:
        return f"{no_sign(family, p)}.{all_of_them}"
    told = words(found, family, p, row["number_probability"], q is None)
    return f"{told}{all_of_them}"


def _curve(told: Mapping[str, Any]) -> Curve:
    data = told["data"]
    n = len(data) // 5
    ticks = tuple(Tick(*tick) for tick in json.loads(told["ticks"]))
    return Curve(n, told["low"], told["high"], told["peak"], data, ticks, told["clipped"])


def _subtitle(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    files = len(manifest["inputs"])
    where = next(iter(manifest["inputs"])) if files == 1 else f"{files:,} files"
    return f"{summary['series']:,} series of {where}"


def _totals(summary: Mapping[str, Any], failed: int) -> Iterator[tuple[str, str]]:
    share = summary["share_changed"]
    yield "series", f"{summary['series']:,}"
    yield "flagged", f"{summary['flagged']:,}"
    yield "with changes", f"{summary['with_changes']:,}"
    if share is not None:
        yield "share that changed, estimated", f"{share:.1%}"
    yield "failed", f"{failed:,}"


def _flags(summary: Mapping[str, Any]) -> str:
    if summary["share_changed"] is None:
        return NO_FLAGS
    rates = summary["false_discovery_rate"], summary["expected_false_share"]
    return FLAGS.format(*(100 * rate for rate in rates))


def _about(
    summary: Mapping[str, Any], manifest: Mapping[str, Any], rows: list[dict[str, Any]]
) -> Iterator[tuple[str, str]]:
    recipe, settings = manifest["recipe"], manifest["settings"]
    yield "Model", recipe["name"]
    if recipe["text"] is not None:
        yield "Model file", recipe["text"]
    kinds = Counter(str(row["model"]) for row in rows)
    shown = [f"{model} ({count:,} series)" for model, count in kinds.most_common(MODELS)]
    if len(kinds) > MODELS:
        shown.append(f"and {len(kinds) - MODELS:,} more, as priors are filled by the data")
    yield "Likelihoods and priors", "\n".join(shown)
    yield "How P(change) is found", SHARE
    if settings["by"]:
        yield "Series are told apart by", ", ".join(settings["by"])
    yield "Inputs", "\n".join(list(manifest["inputs"])[:20]) + _more(len(manifest["inputs"]))
    yield "Made by", f"changepoint {manifest['version']}, engine exact"


def _more(count: int) -> str:
    return f"\nand {count - 20:,} more" if count > 20 else ""
