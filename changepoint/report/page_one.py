"""The page about one series: what `changepoint fit --out` writes beside the figure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.hand_written import OwnModel
from changepoint.report.certified import certified
from changepoint.report.control_chart import NAMES, chart_note, charted_in, named
from changepoint.report.control_limits import chart_of
from changepoint.report.events import NOTE, event_heads, event_lines, event_rows
from changepoint.report.figure_style import edges_of, label_of, places, shortened, times_of
from changepoint.report.headline import headline, plain_means
from changepoint.report.numbers import amount, chance, equals, number, ranges, reach, span
from changepoint.report.page_many import PageChange, PageSeries, Report, block, render, short
from changepoint.report.sensitivities import sensitivities
from changepoint.report.sentences import (
    between,
    engine_line,
    misfits,
    p_value,
    sentence,
    surely,
)
from changepoint.report.sparkline import curve_of, ticked, ticks_of
from changepoint.report.units import PLAIN, Unit, unit_of
from changepoint.results.reported import Change, most_telling
from changepoint.results.sure_changes import SureChange
from changepoint.trust.predictive import checks

if TYPE_CHECKING:
    from changepoint.answer import Answer
    from changepoint.trust import Certificate

Floats = NDArray[np.float64]

POINTS = 400  # of the figure; longer series are pooled
CHARTED = 2000  # rows of a control chart that is drawn; which pools none
LIKELY = 0.001  # numbers of changes that are listed


class Table(NamedTuple):
    """A table of text; `kind` is the class that styles it, `said` what stands above it."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    kind: str = "numbers"
    said: Sequence[str] = ()


def single(
    posterior: Answer,
    target: float | None = None,
    certificate: Certificate | str | None = None,
) -> str:
    """Return the page of a posterior: answer, figure, numbers, and how they were computed.

    Parameters
    ----------
    target
        A line of its control chart.
    certificate
        Its certificate, or the reason why there is none; None where it isn't asked for.
    """
    observations = posterior.observations
    T, stride, unit = len(observations), _stride(posterior), unit_of(posterior)
    drawn_as = curve_of(posterior, stride)
    missing = T - int(observations.observed(posterior.model.likelihood.response).sum())
    series = PageSeries(
        name=observations.file or "",
        q=None,
        p=posterior.probability_of_change,
        flagged=False,
        number=posterior.number,
        changes=[page_change(change, stride, unit) for change in posterior.changes],
        n=T - missing,
        missing=missing,
        sentence=sentence(posterior),
        stride=stride,
        curve=drawn_as._replace(low=unit.per * drawn_as.low, high=unit.per * drawn_as.high),
    )
    rows = f"{T:,} rows" + (f", {missing:,} missing" if missing else "")
    times = ""
    if observations.time is not None:
        times = f", {observations.label(0)} to {observations.label(T - 1)}"
    title = f"Changes in {observations.file}" if observations.file else "Changes"
    report = Report(
        title, rows + times, label_of(posterior), [series], about=list(_about(posterior))
    )
    drawn, notes = _chart(posterior, target)
    return render(
        "single.html",
        ("figure.js", "chart.js"),
        {
            **block(report.series, report.label),
            "chart": drawn,
            "events": _marks(posterior, stride),
        },
        report=report._replace(totals=list(_totals(posterior))),
        headline=headline(posterior, None if isinstance(certificate, str) else certificate),
        certified=None if certificate is None else certified(certificate),
        sentence=series.sentence,
        warnings=[*posterior.warnings, *misfits(posterior)],
        tables=list(_tables(posterior)),
        marked=bool(posterior.placed.events),
        shifted=any(effect.taken_out for effect in posterior.effects),
        averaged=stride > 1,
        chart=notes,
        charted=drawn is not None,
        target="" if target is None else number(target),
        widened=drawn is not None and drawn["wide_upper"] is not None,
    )


def _chart(posterior: Answer, target: float | None) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the control chart as the page draws it, if it does, and what is said of it."""
    observations, T = posterior.observations, len(posterior.observations)
    if posterior.model.likelihood.response == "outcomes":
        return None, []
    chart = chart_of(posterior)
    notes, unit = chart_note(posterior, chart), charted_in(posterior)
    if T > CHARTED:
        return None, [f"The chart of {T:,} rows is in chart.png beside this file.", *notes]
    lines = [
        None if line is None else [short(unit.per * float(x)) for x in line]
        for line in chart[1:7]
    ]
    names = ("y", "centre", "lower", "upper", "wide_lower", "wide_upper")
    ticks = ticks_of(ticked(observations))
    return {
        **dict(zip(names, lines, strict=True)),
        "beyond": np.flatnonzero(chart.beyond).tolist(),
        "target": target,
        "label": unit.head(f"{NAMES[chart.kind]}: {named(posterior)}"),
        "ticks": [list(tick) for tick in ticks],
    }, notes


def page_change(change: Change, stride: int, unit: Unit = PLAIN) -> PageChange:
    """Return a change of a posterior as the page has it, so many rows being a point."""
    return PageChange(
        change.index / stride,
        _when(change),
        ranges(change, most=6),
        change.probability,
        unit.scaled(change.before),
        unit.scaled(change.after),
        change.ratio,
        change.probability_of_increase,
    )


def _when(change: Change) -> str:
    return str(change.time)


def _stride(posterior: Answer) -> int:
    return math.ceil(len(posterior.observations) / POINTS)


def _marks(posterior: Answer, stride: int) -> list[tuple[float, str]]:
    """Return where the page's figure marks events, in points, and their labels."""
    placed, edges = posterior.placed, edges_of(places(posterior))
    starts = edges[list(placed.rows)]
    part = (times_of(posterior) - starts) / (edges[[row + 1 for row in placed.rows]] - starts)
    where = (np.array(placed.rows) + part) / stride
    labels = [shortened(event.label or str(event.time)) for event in placed.events]
    return list(zip(where.tolist(), labels, strict=True))


def _totals(posterior: Answer) -> Iterator[tuple[str, str]]:
    """Yield what the largest change did, then how sure it is, then how many there are."""
    k, label, unit = posterior.number, posterior.model.likelihood.label, unit_of(posterior)
    if posterior.changes:
        top = most_telling(posterior.changes)
        yield "when" if k == 1 else "largest change", _when(top)
        yield f"{label} before", unit.text(top.before.mean)
        yield "after", unit.text(top.after.mean)
        if top.ratio is None:
            yield unit.difference("difference"), unit.number(top.difference.mean)
        else:
            yield "ratio", number(top.ratio.mean)
    if posterior.model.changes.exactly is None:
        p = float(posterior.number_probability[k])
        yield "P(any change)", chance(posterior.probability_of_change)
        yield f"most probable number of changes, P {equals(p)}", str(k)
    else:
        yield "changes, as assumed", str(k)


def _tables(posterior: Answer) -> Iterator[Table]:
    found, unit = posterior.changes, unit_of(posterior)
    columns = _columns(posterior.model.likelihood.label, unit)
    if found:
        heads = ["change", "95 % within", "P", *columns]
        rows = [_row(change, unit) for change in found]
        yield Table("The changes", heads, rows, plain_means(posterior), kind="changes")
    sure = surely(posterior)
    if sure:
        yield _of_any_number(sure, columns, unit)
    if posterior.events:
        said, its_heads = event_lines(posterior), event_heads(posterior)
        yield Table("Events", its_heads, event_rows(posterior), NOTE, "changes", said)
    if found and found[0].others:
        names = list(found[0].others)
        segments = [[found[0].others[name][0] for name in names]]
        segments += [[change.others[name][1] for name in names] for change in found]
        rows = [[str(i), *map(span, spans)] for i, spans in enumerate(segments, 1)]
        yield Table("Further parameters", ["segment", *names], rows)
    for effect in posterior.effects:
        heads = ["", "mean", "95 %"]
        rows = [[t.name, amount(t.mean, effect), reach(t, effect)] for t in effect.terms]
        note = f"P(there is such an effect) {equals(effect.probability)}."
        note = "" if effect.probability == 1 else note
        yield Table(f"The effect of all rows: {effect.name}", heads, rows, note)
    if posterior.spikes:
        rows = [[str(spike.time), chance(spike.probability)] for spike in posterior.spikes]
        note = "Rows of a rate of their own, which say nothing of the rate beside them."
        yield Table("Probably spikes", ["time", "probability"], rows, note)
    if posterior.model.changes.exactly is None:
        likely = [(k, float(p)) for k, p in enumerate(posterior.number_probability)]
        rows = [[str(k), chance(p)] for k, p in likely if p > LIKELY]
        yield Table("How many changes", ["number", "probability"], rows)
    yield from _under_other_priors(posterior)
    if posterior.models:
        yield _averaged(posterior)
    if checks(posterior):
        yield _fit(posterior)


def _fit(posterior: Answer) -> Table:
    """Return the posterior predictive checks."""
    heads = ["check", "in the data", "in data drawn from the model", "p"]
    rows = [
        [one.name, f"{one.observed:.3g}", f"{one.expected:.3g}", p_value(one.p)]
        for one in checks(posterior)
    ]
    note = (
        "Data drawn anew from the posterior beside the data, medians of both, and P(drawn data "
        "are as extreme): small where the model doesn't fit. Below 0.005 there is a warning."
    )
    return Table("Does the model fit?", heads, rows, note)


def _columns(label: str, unit: Unit) -> list[str]:
    """Return the heads above what a change did."""
    heads = [unit.head(f"{label} before"), "after", unit.difference("difference")]
    return [*heads, "ratio", "P(increase)"]


def _of_any_number(found: Sequence[SureChange], columns: list[str], unit: Unit) -> Table:
    """Return what is sure, however many changes there are."""
    heads = ["a change", "most likely at", "P", *columns]
    rows = [
        [
            between(one),
            str(one.time),
            chance(one.probability),
            unit.cell(one.before),
            unit.cell(one.after),
            unit.cell(one.difference),
            "–" if one.ratio is None else span(one.ratio),
            chance(one.probability_of_increase),
        ]
        for one in found
    ]
    note = "Before: at the last row before these times. After: at the last of them."
    return Table("Sure, however many there are", heads, rows, note, kind="changes")


def _row(change: Change, unit: Unit) -> list[str]:
    return [
        _when(change),
        ranges(change, most=6),
        chance(change.probability),
        unit.cell(change.before),
        unit.cell(change.after),
        unit.cell(change.difference),
        "–" if change.ratio is None else span(change.ratio),
        chance(change.probability_of_increase),
    ]


def _averaged(posterior: Answer) -> Table:
    """Return the models that were averaged over, and what each of them finds."""
    rows = []
    for one in posterior.models:
        told = [chance(one["probability_of_change"]), f"{one['number']:.0f}"]
        if one["steady"]:
            told = ["one level by assumption", "–"]
        elif math.isnan(one["probability_of_change"]):  # too improbable to have been asked
            told = ["–", "–"]
        rows.append([one["model"], chance(one["probability"]), *told, one["priors"]])
    heads = ["model", "probability", "P(any change)", "changes", "with its priors"]
    return Table("Models averaged over", heads, rows, kind="numbers wide")


def _under_other_priors(posterior: Answer) -> Iterator[Table]:
    """Yield P(any change) by the strength of one prior, and by where the other lies."""
    for one in sensitivities(posterior):
        rows = [[times, chance(p)] for times, p in one.chances.items()]
        heads = [one.head, "P(any change)"]
        yield Table(f"Sensitivity to the prior: {one.of}", heads, rows, one.note)


def _about(posterior: Answer) -> Iterator[tuple[str, str]]:
    model, observations = posterior.model, posterior.observations
    family, engine = model.likelihood, posterior.engine
    yield "Likelihood", family.name
    priors = family.priors()
    if priors:
        yield "Priors", "\n".join(f"{name}: {prior}" for name, prior in priors.items())
    yield "Prior on changes", str(model.changes)
    if posterior.log_evidence is not None:
        yield "Log evidence", f"{posterior.log_evidence:.2f}: log p(data | model)"
    if not isinstance(model, OwnModel) and model.effects:
        yield "Effects of all rows", "\n".join(map(str, model.effects))
    sampled = engine["name"] != "exact"
    yield "Engine", engine_line(posterior) if sampled else f"{engine['name']}"
    yield "Seed of the draws", str(engine["seed"])
    used = ", ".join(f"{role}: {column}" for role, column in observations.columns.items())
    yield "Data", f"{observations.file or 'arrays'}" + (f" ({used})" if used else "")
    yield "Fingerprint of the data", observations.fingerprint()
    yield "Version", f"changepoint {posterior.tree.attrs['version']}"
