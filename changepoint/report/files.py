"""The files that `changepoint fit --out` writes."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from changepoint.errors import DataError
from changepoint.plain import defused
from changepoint.results.files import netcdf

if TYPE_CHECKING:
    import pandas as pd

    from changepoint.answer import Answer
    from changepoint.trust import Certificate


def write(
    posterior: Answer,
    out: Path,
    told: str,
    target: float | None = None,
    certificate: Certificate | str | None = None,
) -> None:
    """Write page, figures, table, posterior, JSON, and what a paper needs: all or none.

    Parameters
    ----------
    told
        The JSON.
    target
        A line of the control chart.
    certificate
        That of the page, or the reason why there is none; None where it isn't asked for.

    Raises
    ------
    DataError
        If that can't be done; what the folder held before is as it was.
    """
    try:
        with _all_or_none(out) as unfinished:
            _write(posterior, unfinished, told, target, certificate)
    except OSError as error:
        raise DataError(f"can't write to {out}: {error.strerror or error}") from None


def write_certified(
    posterior: Answer,
    out: Path,
    told: str,
    target: float | None,
    certificate: Certificate | str,
) -> None:
    """Write page and result.json anew, or raise DataError and leave the old ones."""
    from changepoint.report.page_one import single

    try:
        with _all_or_none(out) as unfinished:
            page = single(posterior, target, certificate)
            (unfinished / "report.html").write_text(page, encoding="utf-8")
            (unfinished / "result.json").write_text(told + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"can't write to {out}: {error.strerror or error}") from None


@contextmanager
def _all_or_none(out: Path) -> Iterator[Path]:
    """Give a hidden folder beside; put what was written there in place when it is whole."""
    near = next(place for place in (out, *out.absolute().parents) if place.exists())
    unfinished = near / f".{out.name}.{secrets.token_hex(6)}.tmp"
    unfinished.mkdir()
    try:
        yield unfinished
        out.mkdir(parents=True, exist_ok=True)
        for file in unfinished.iterdir():
            file.replace(out / file.name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write(
    posterior: Answer,
    out: Path,
    told: str,
    target: float | None,
    certificate: Certificate | str | None,
) -> None:
    from matplotlib import rc_context

    from changepoint.report.control_chart import plot_chart
    from changepoint.report.figure_style import SIZES, Picture
    from changepoint.report.html import svg
    from changepoint.report.methods import methods
    from changepoint.report.page_one import single
    from changepoint.report.plots import plot
    from changepoint.report.references import bibtex
    from changepoint.report.tables import frame

    figure = plot(posterior)
    figure.savefig(out / "figure.png", dpi=150)
    (out / "figure.svg").write_text(svg(figure), encoding="utf-8")
    if posterior.model.likelihood.response != "outcomes":
        chart = Picture(figsize=(SIZES["screen"][0], 3.6), layout="constrained")
        plot_chart(posterior, target, ax=chart.subplots())
        chart.savefig(out / "chart.png", dpi=150)
    # At the width of a page's text; without the day, equal figures give equal files.
    with rc_context({"pdf.fonttype": 42}):  # text that journals can edit
        paper = plot(posterior, "paper")
        paper.savefig(out / "figure.pdf", metadata={"CreationDate": None})
    # A spreadsheet takes a file without a byte order mark for its local encoding.
    _defused(frame(posterior)).to_csv(out / "summary.csv", encoding="utf-8-sig")
    (out / "posterior.nc").write_bytes(netcdf(posterior.tree))
    page = single(posterior, target, certificate)
    (out / "report.html").write_text(page, encoding="utf-8")
    (out / "result.json").write_text(told + "\n", encoding="utf-8")
    (out / "methods.md").write_text(methods(posterior), encoding="utf-8")
    (out / "citation.bib").write_text(bibtex(posterior), encoding="utf-8")


def _defused(table: pd.DataFrame) -> pd.DataFrame:
    """Quote text that a spreadsheet would run as a formula."""

    def defuse(cell: object) -> object:
        return defused(cell) if isinstance(cell, str) else cell

    return table.map(defuse).rename(columns=defuse)
