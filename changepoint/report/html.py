"""The answer in a notebook."""

from __future__ import annotations

import io
from html import escape
from typing import TYPE_CHECKING

from changepoint.plain import plain
from changepoint.report.events import event_lines
from changepoint.report.headline import headline, plain_means
from changepoint.report.plots import plot
from changepoint.report.sensitivities import Sensitive, sensitivities
from changepoint.report.sentences import misfits, sentence
from changepoint.report.tables import frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from changepoint.answer import Answer


def fragment(posterior: Answer) -> str:
    """Return headline, sentence, table and figure as an HTML fragment."""
    parts = [
        f"<p><strong>{escape(headline(posterior))}</strong></p>",
        f"<p>{escape(sentence(posterior))}</p>",
    ]
    if posterior.changes:
        parts.append(frame(posterior).to_html(float_format=lambda x: f"{x:.4g}"))
    if means := plain_means(posterior):
        parts.append(f"<p>{escape(means)}</p>")
    parts += map(_sensitivity, sensitivities(posterior))
    if len(posterior.candidates):
        parts.append(posterior.candidates.to_html(float_format=lambda x: f"{x:.4g}"))
    parts += [f"<p>{escape(line)}</p>" for line in event_lines(posterior)]
    warnings = (*posterior.warnings, *misfits(posterior))
    parts += [f"<p><strong>Warning:</strong> {escape(text)}</p>" for text in warnings]
    parts.append(svg(plot(posterior)))
    return plain("\n".join(parts))


def _sensitivity(one: Sensitive) -> str:
    """Return P(any change) under other priors, as a table."""
    head = "".join(f"<th>{times}</th>" for times in one.chances)
    row = "".join(f"<td>{p:.4f}</td>" for p in one.chances.values())
    told = escape(f"{one.title}, {one.head}")
    return f"<table><tr><th>{told}</th>{head}</tr><tr><th>P(any change)</th>{row}</tr></table>"


def svg(figure: Figure) -> str:
    """Return a figure as inline SVG: text stays text, and equal figures give equal files."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "changepoint"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]
