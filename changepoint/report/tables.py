"""The changes as a table, and the whole answer as text for a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from changepoint.plain import plain
from changepoint.report.events import event_lines
from changepoint.report.headline import headline, plain_means
from changepoint.report.numbers import chance, ranges, span
from changepoint.report.sensitivities import sensitivity_lines
from changepoint.report.sentences import (
    candidate_lines,
    check_lines,
    effect_lines,
    engine_line,
    misfits,
    other_lines,
    sentence,
    spike_lines,
    sure_lines,
)
from changepoint.report.units import Unit, unit_of
from changepoint.results.reported import Change, Interval

if TYPE_CHECKING:
    import pandas as pd

    from changepoint.answer import Answer


def frame(posterior: Answer) -> pd.DataFrame:
    """Return a row per change; dates are time stamps."""
    import pandas as pd

    time = posterior.observations.time
    dates = time is not None and time.dtype.kind == "M"
    rows = []
    for change in posterior.changes:
        row = {
            "time": change.time,
            "most_probable": change.most_probable,
            "probability": change.probability,
            "credible_set": ranges(change),
        }
        for name in ("before", "after", "difference", "ratio"):
            interval = getattr(change, name) or Interval(math.nan, math.nan, math.nan)
            row |= {f"{name}_{key}": value for key, value in interval._asdict().items()}
        for name, pair in change.others.items():
            row |= {f"{name}_before": pair[0].mean, f"{name}_after": pair[1].mean}
        rows.append(row | {"probability_of_increase": change.probability_of_increase})
    columns = ["time", "most_probable", "probability", "credible_set"]
    for name in ("before", "after", "difference", "ratio"):
        columns += [f"{name}_{key}" for key in Interval._fields]
    for name in posterior.changes[0].others if posterior.changes else ():
        columns += [f"{name}_before", f"{name}_after"]
    columns.append("probability_of_increase")
    index = pd.Index([change.index for change in posterior.changes], name="index", dtype=int)
    table = pd.DataFrame(rows, index=index, columns=columns)
    zone = posterior.observations.zone
    for name in columns[:2] if dates else ():
        if zone:
            utc = pd.to_datetime(table[name], utc=True, format="ISO8601")
            table[name] = utc.dt.tz_convert(zone)
        else:
            table[name] = np.array(table[name], "datetime64[us]")
    return table


def text(posterior: Answer, width: int = 120) -> str:
    """Return headline, sentence, table and warnings for a terminal so many characters wide."""
    import io

    from rich import box
    from rich.console import Console
    from rich.table import Table

    observations, model = posterior.observations, posterior.model
    table = Table(box=box.SIMPLE, header_style="", pad_edge=False)
    unit = unit_of(posterior)
    before = unit.head(f"{model.likelihood.label} before")
    rows = [
        ("change", "95 % within", "P", before, "after", "ratio", "P(up)"),
        *(_cells(change, unit) for change in posterior.changes),
    ]
    for name, *cells in zip(*rows, strict=True):
        # No word is cut off: half a date says nothing.
        table.add_column(name, min_width=max(map(len, " ".join((name, *cells)).split())))
    for row in rows[1:]:
        table.add_row(*row)
    missing = len(observations) - int(observations.observed(model.likelihood.response).sum())
    length = f"{len(observations)} rows" + (f", {missing} missing" if missing else "")
    # In a notebook rich would show the text at once, and leave none to return.
    settings = {"highlight": False, "markup": False, "force_jupyter": False}
    console = Console(file=io.StringIO(), width=width, **settings)  # type: ignore[arg-type]
    console.print(plain(headline(posterior)))
    console.print(plain(sentence(posterior)))
    if posterior.changes:
        console.print(table, width=width - 1)  # rich leaves its left edge out of account
        for line in other_lines(posterior):
            console.print(plain(line))
        if means := plain_means(posterior):
            console.print(plain(means))
    else:
        console.print()
    for line in sure_lines(posterior):
        console.print(plain(line))
    for line in event_lines(posterior):
        console.print(line)
    console.print(plain(f"Model: {model}"))
    console.print(plain(f"Data: {observations.file or 'arrays'}, {length}"))
    if posterior.engine["name"] != "exact":
        console.print(f"Engine: {engine_line(posterior)}")
    for line in (
        *effect_lines(posterior),
        *spike_lines(posterior),
        *candidate_lines(posterior),
        *sensitivity_lines(posterior),
        *check_lines(posterior),
    ):
        console.print(plain(line))
    for warning in (*posterior.warnings, *misfits(posterior)):
        console.print(plain(f"Warning: {warning}"))
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in printed.splitlines())


def _cells(change: Change, unit: Unit) -> tuple[str, ...]:
    """Return the row of one change."""
    return (
        str(change.time),
        ranges(change, most=3),
        chance(change.probability),
        unit.cell(change.before),
        unit.cell(change.after),
        "" if change.ratio is None else span(change.ratio),
        chance(change.probability_of_increase),
    )
