"""The answer in a notebook."""

from __future__ import annotations

import io
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from changepoint.posterior import Posterior


def fragment(posterior: Posterior) -> str:
    """Return sentence, table and figure as an HTML fragment."""
    parts = [f"<p>{escape(posterior.sentence())}</p>"]
    if posterior.changes:
        parts.append(posterior.summary().to_html(float_format=lambda x: f"{x:.4g}"))
    parts += [f"<p><strong>Warning:</strong> {escape(text)}</p>" for text in posterior.warnings]
    parts.append(svg(posterior.plot()))
    return "\n".join(parts)


def svg(figure: Figure) -> str:
    """Return a figure as inline SVG: text stays text, and equal figures give equal files."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "changepoint"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]
