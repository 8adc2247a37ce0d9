"""The page about many series: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from changepoint.plain import plain
from changepoint.report.sparkline import Curve, Tick
from changepoint.results.reported import Interval, most_telling
from changepoint.version import __version__

if TYPE_CHECKING:
    from markupsafe import Markup

LISTED = 20_000  # series in the table
TOLD = 50  # series told where scripts don't run
FAILURES = 500  # failed series in full, these of them at once
AT_ONCE = 10


class PageChange(NamedTuple):
    """One reported change.

    position
        Where its dashed line stands, in points of the curve: row / rows per point.
    time, credible
        The date, and the ranges of dates that hold 95 %, as text.
    probability
        Of any change within them.
    before, after, ratio
        The parameter, and their ratio, None where there is none.
    increase
        P(after > before).
    """

    position: float
    time: str
    credible: str
    probability: float
    before: Interval
    after: Interval
    ratio: Interval | None
    increase: float


class PageSeries(NamedTuple):
    """One series: a row of the table, and its details.

    q
        P(any change) under the prior odds of the whole batch, which flags are made of; None
        where there is no batch.
    p
        P(any change) of the series by itself.
    number
        The most probable number of changes; `changes` are those.
    n, missing
        Rows with a number, and those without.
    impact
        What the largest change did, as `Report.impact` says; None if nothing.
    stride
        How many rows make a point of the curve.
    """

    name: str
    q: float | None
    p: float
    flagged: bool
    number: int
    changes: Sequence[PageChange]
    n: int
    missing: int
    sentence: str
    warnings: Sequence[str] = ()
    file: str = ""
    impact: float | None = None
    stride: int = 1
    curve: Curve | None = None


class Failure(NamedTuple):
    """A series without an answer; `error` may have several lines and ends in the remedy."""

    name: str
    status: str
    error: str


class Report(NamedTuple):
    """What the page says.

    label
        The parameter in words, such as rate: of the vertical axis, and of before and after.
    series
        In the order in which they are shown at first.
    total, flagged, failed
        How many there are of each, if `series` and `failures` aren't all of them.
    csv
        Name of the file beside the page that holds the same numbers.
    totals
        Label and value of the strip at the top.
    about, notes
        Label and text: model, priors, versions, inputs, settings; and sentences below the
        totals: what flagged means.
    impact
        A sentence on the column of this name.
    """

    title: str
    subtitle: str
    label: str
    series: Sequence[PageSeries]
    failures: Sequence[Failure] = ()
    totals: Sequence[tuple[str, str]] = ()
    about: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    total: int | None = None
    flagged: int | None = None
    failed: int | None = None
    csv: str = "series.csv"
    impact: str = ""


def page(report: Report) -> str:
    """Return the page.

    The table has the first 20,000 series, a page of them at a time; where scripts don't run,
    the first 50 are told. It says so where there are more.
    """
    listed = report.series[:LISTED]
    flagged = sum(one.flagged for one in listed)
    data = {**block(listed, report.label), "csv": report.csv}
    return render(
        "page.html",
        ("figure.js", "table.js"),
        data,
        report=report,
        total=len(report.series) if report.total is None else report.total,
        listed=len(listed),
        changed=sum(one.number > 0 for one in listed),
        flagged=flagged if report.flagged is None else report.flagged,
        told=listed[:TOLD],
        failed=len(report.failures) if report.failed is None else report.failed,
        failures=report.failures[:FAILURES],
        at_once=AT_ONCE,
        averaged=any(one.stride > 1 for one in listed),
    )


def render(
    template: str, scripts: Sequence[str], data: Mapping[str, Any], **context: Any
) -> str:
    """Return a template filled, with its styles, scripts and data inside.

    Text is escaped by the template. A policy of the page itself forbids whatever would load
    or run anything else.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    loader = PackageLoader("changepoint.report")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    environment.filters["dated"] = dated

    def source(name: str) -> str:
        return loader.get_source(environment, name)[0]

    style, script = source("page.css"), "\n".join(map(source, scripts))
    html = environment.get_template(template).render(
        style=Markup(style),
        script=Markup(script),
        data=as_script(data),
        policy=f"default-src 'none'; img-src data:; style-src {_hash(style)}; "
        f"script-src {_hash(script)}; base-uri 'none'; form-action 'none'",
        version=__version__,
        **context,
    )
    return plain(html)


def _hash(text: str) -> str:
    """Return the source expression that allows this inline text and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def dated(text: str) -> Markup:
    """Return text, escaped, whose dates and intervals stay on a line.

    Examples
    --------
    >>> print(dated("<b> 1847-06-01"))
    &lt;b&gt; <span class="whole">1847-06-01</span>
    """
    from markupsafe import Markup, escape

    parts = re.split(r"(\d+-\d[-:\d]*|\([-\d.e]+ to [-\d.e]+\))", text)
    whole = Markup('<span class="whole">{}</span>')
    return Markup("").join(
        whole.format(part) if i % 2 else escape(part) for i, part in enumerate(parts)
    )


ESCAPED = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"}


def as_script(data: Mapping[str, Any]) -> Markup:
    r"""Return JSON that can stand in a script element: nothing in it closes or opens one.

    Examples
    --------
    >>> print(as_script({"name": "</script>"}))
    {"name":"\u003c/script\u003e"}
    """
    from markupsafe import Markup

    shown = _plainly(data)
    told = json.dumps(shown, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(told.translate(ESCAPED))


def _plainly(told: Any) -> Any:
    """Return data whose text is plain: scripts would make the characters of escapes again."""
    if isinstance(told, str):
        return plain(told)
    if isinstance(told, Mapping):
        return {plain(name): _plainly(value) for name, value in told.items()}
    return [_plainly(one) for one in told] if isinstance(told, list | tuple) else told


OF_CURVE = ("n_points", "low", "high", "peak", "bytes", "axis", "clipped")
FIELDS = (*PageSeries._fields[:-1], "main", *OF_CURVE)


def block(series: Sequence[PageSeries], label: str) -> dict[str, Any]:
    """Return the series as JSON has them: a list each, and what is said more than once."""
    axes: dict[tuple[Tick, ...], int] = {}
    files: dict[str, int] = {}
    rows = []
    for one in series:
        row: list[Any] = [
            one.name,
            short(one.q),
            short(one.p),
            int(one.flagged),
            one.number,
            [_change(change) for change in one.changes],
            one.n,
            one.missing,
            one.sentence,
            list(one.warnings),
            files.setdefault(one.file, len(files)),
            short(one.impact),
            one.stride,
            one.changes.index(most_telling(one.changes)) if one.changes else None,
        ]
        if one.curve is not None:
            shown = one.curve
            row += [
                shown.n,
                *map(short, (shown.low, shown.high, shown.peak)),
                base64.b64encode(shown.data).decode(),
                axes.setdefault(tuple(shown.ticks), len(axes)),
                shown.clipped,
            ]
        rows.append(row)
    return {
        "label": label,
        "fields": FIELDS,
        "axes": [[list(tick) for tick in ticks] for ticks in axes],
        "files": list(files),
        "series": rows,
    }


def _change(change: PageChange) -> list[Any]:
    return [
        short(change.position),
        change.time,
        change.credible,
        short(change.probability),
        *([short(end) for end in span] if span else None for span in change[4:7]),
        short(change.increase),
    ]


def short(x: float | None) -> float | None:
    """Return nine digits, all of them close to 1; None for what isn't a number."""
    if x is None or not math.isfinite(x):
        return None
    return float(x) if 0.999 < x < 1 else float(f"{x:.9g}")
