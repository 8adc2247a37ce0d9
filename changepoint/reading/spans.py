"""Weeks written as a year and a number, such as 2018-42, and seasons: 2018/19."""

from __future__ import annotations

import re

import numpy as np

from changepoint.reading.numerals import MISSING
from changepoint.reading.table import Cells

_NAME = re.compile(r"(?:weeks?|wochen?|semaines?|(?<![^\W\d_])(?:kw|wk))(?![^\W\d_])", re.I)
_SEASON = re.compile("(?P<y>[0-9]{4})[-/–](?P<e>[0-9]{4}|[0-9]{2})")
_WRITTEN = re.compile("(?P<y>[0-9]{4})(?P<s>[-/ ]?)(?P<w>[0-9]{1,2})")


def as_weeks(name: str, cells: Cells) -> list[str] | None:
    """Return the cells as 2018-W42, None unless all are such weeks and the name says week.

    Without that, 2018-10 is a month.
    """
    if not _NAME.search(name):
        return None
    if not isinstance(cells, list):
        whole = cells.dtype.kind == "f" and np.all(cells == np.rint(cells))
        if not (len(cells) and whole and np.all((cells >= 1e5) & (cells < 1e6))):
            return None
        cells = [f"{cell:.0f}" for cell in cells]
    matches = {
        text: _WRITTEN.fullmatch(text)
        for text in dict.fromkeys(cells)
        if text.lower() not in MISSING
    }
    found: dict[str, str] = {}
    for text, match in matches.items():
        if match is None or (not match["s"] and len(text) < 6):
            return None
        found[text] = f"{match['y']}-W{match['w'].zfill(2)}"
    return [found.get(cell, cell) for cell in cells] if found else None


def as_seasons(cells: Cells) -> list[str] | None:
    """Return the years in which seasons begin, None unless all cells are some, and differ.

    No months are 13 apart throughout, as 2009/10 and 2010/11 would be.
    """
    if not isinstance(cells, list):
        return None
    texts = [text for text in dict.fromkeys(cells) if text.lower() not in MISSING]
    found: dict[str, str] = {}
    for text in texts:
        match = _SEASON.fullmatch(text)
        if match is None or match["e"] != f"{int(match['y']) + 1:04}"[-len(match["e"]) :]:
            return None
        found[text] = match["y"]
    return [found.get(cell, cell) for cell in cells] if len(found) > 1 else None


def like_weeks(texts: list[str]) -> bool:
    """Whether dates such as 2018-10 go on to numbers that no month has, as weeks do."""
    matches = [match for text in texts if (match := _WRITTEN.fullmatch(text))]
    return any(13 <= int(match["w"]) <= 53 for match in matches)
