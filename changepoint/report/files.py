"""The files that `changepoint fit --out` writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from changepoint.plain import defused
from changepoint.results.files import save

if TYPE_CHECKING:
    import pandas as pd

    from changepoint.answer import Answer


def write(posterior: Answer, out: Path, told: str) -> None:
    """Write report.html, figures, summary.csv, posterior.nc and result.json to a folder."""
    from changepoint.report.html import svg
    from changepoint.report.page_one import single
    from changepoint.report.plots import plot
    from changepoint.report.tables import frame

    out.mkdir(parents=True, exist_ok=True)
    figure = plot(posterior)
    figure.savefig(out / "figure.png", dpi=150)
    (out / "figure.svg").write_text(svg(figure), encoding="utf-8")
    # A spreadsheet takes a file without a byte order mark for its local encoding.
    _defused(frame(posterior)).to_csv(out / "summary.csv", encoding="utf-8-sig")
    save(posterior.tree, out / "posterior.nc")
    (out / "report.html").write_text(single(posterior), encoding="utf-8")
    (out / "result.json").write_text(told + "\n", encoding="utf-8")


def _defused(table: pd.DataFrame) -> pd.DataFrame:
    """Quote text that a spreadsheet would run as a formula."""

    def defuse(cell: object) -> object:
        return defused(cell) if isinstance(cell, str) else cell

    return table.map(defuse).rename(columns=defuse)
