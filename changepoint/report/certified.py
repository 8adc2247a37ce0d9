"""What a page says of a certificate, and the places of its power curve."""

from __future__ import annotations

import math
from typing import Any

from changepoint.report.found import certificate_text, percent
from changepoint.trust import Certificate
from changepoint.trust.detection import MOSTLY

WIDE, HIGH = 420.0, 240.0  # of the curve, in px
LEFT, RIGHT, TOP, BOTTOM = 48.0, 14.0, 12.0, 44.0
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
LABELLED = 0.2  # of |log ratio|: closer to 1 there is no room for a label
UNFINISHED = "it had not finished when this page was written"


def certified(told: Certificate | str) -> dict[str, Any]:
    """Return what the template shows of a certificate, or the reason why there is none."""
    if isinstance(told, str):
        return {"absent": told, "lines": [], "curve": None, "rows": []}
    rows = [
        [
            "no change" if at.ratio == 1 else f"x{at.ratio:.3g}",
            f"{at.runs:,}",
            percent(at.found),
        ]
        for at in told.curve
    ]
    lines = certificate_text(told).split("\n")
    some = len(told.curve) > 1
    return {"absent": "", "lines": lines, "curve": _curve(told) if some else None, "rows": rows}


def _curve(told: Certificate) -> dict[str, Any]:
    """Return places in px: of points, of their 95 % intervals, of the grid and its labels."""
    logs = [math.log(at.ratio) for at in told.curve]
    span = logs[-1] - logs[0]

    def x(log: float) -> float:
        return round(LEFT + (WIDE - LEFT - RIGHT) * (log - logs[0]) / span, 1)

    def y(share: float) -> float:
        return round(HIGH - BOTTOM - (HIGH - TOP - BOTTOM) * share, 1)

    at = list(zip(logs, told.curve, strict=True))
    return {
        "wide": WIDE,
        "high": HIGH,
        "left": LEFT,
        "right": WIDE - RIGHT,
        "line": "M" + "L".join(f"{x(log)} {y(one.found.share)}" for log, one in at),
        "points": [(x(log), y(one.found.share)) for log, one in at],
        "reach": [(x(log), y(one.found.lower), y(one.found.upper)) for log, one in at],
        "shares": [(y(share), f"{100 * share:.0f} %") for share in SHARES],
        "mostly": y(MOSTLY),
        "ratios": [
            (x(log), f"x{one.ratio:.2g}" if one.ratio < 1 else f"x{one.ratio:g}")
            for log, one in at
            if log == 0 or abs(log) > LABELLED
        ],
    }
