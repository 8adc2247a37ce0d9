"""Series for pages: made up, with no engine."""

import numpy as np

from changepoint.report.page_many import PageChange, PageSeries, Report
from changepoint.report.sparkline import curve, ticks_of
from changepoint.results.reported import Interval

HOSTILE = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    '"><img src=x onerror="window.hacked = 3">',
    "<!--<script>",
    "{{ 7 * 7 }} {% raw %}",
    "line one\nline two\ttab",
    "separators \u2028 \u2029 \x00 \x07",
    "\u202e\u05e9\u05dc\u05d5\u05dd right to left",
    "🎉👩‍👩‍👧 emoji",
    "half \ud800 a character",
    "x" * 10_000,
    "__proto__",
    "#s1",
    " ",
    "",
)


def interval(mean, half):
    return Interval(mean, mean - half, mean + half)


def change(row, before=0.01, after=0.02, stride=1, time=None):
    day = str(np.datetime64("2025-01-01") + np.timedelta64(row, "D"))
    return PageChange(
        row / stride,
        day if time is None else time,
        f"{day} to {day}",
        0.97,
        interval(before, before / 10),
        interval(after, after / 10),
        interval(after / before, 0.1),
        float(after > before),
    )


def series(name, seed=0, rows=None, q=0.01, n=60, before=0.01, after=0.02, **more):
    """A series that changes before the rows, two at most: up or down, and some way back."""
    rng = np.random.default_rng(seed)
    rows = rows or []
    segment = np.searchsorted(rows, np.arange(n), side="right")
    mean = np.array([before, after, before * 1.3])[segment]
    y = mean * rng.uniform(0.5, 1.5, n)
    y[rng.random(n) < 0.05] = np.nan
    p = np.full(n, 0.001)
    p[rows] = 0.9
    days = np.datetime64("2025-01-01") + np.arange(n).astype("timedelta64[D]")
    given = {
        "p": q / 2,
        "flagged": q > 0.9,
        "number": len(rows),
        "n": n,
        "changes": [change(row, mean[row - 1], mean[row]) for row in rows],
        "missing": int(np.isnan(y).sum()),
        "sentence": f"Series {seed} changed {len(rows)} times, so P(any change) = {q}.",
        "impact": 1000 * (after - before) if rows else None,
        "curve": curve(y, mean * 0.9, mean, mean * 1.1, p, ticks_of(days)),
        "file": "rates.csv",
    }
    return PageSeries(name, q, **{**given, **more})


def several(number=130, seed=1):
    """Series of which every fifth has changed, some twice, and every tenth is flagged.

    The flagged stand first, as those of a batch do.
    """
    rng = np.random.default_rng(seed)
    found = []
    for i in range(number):
        rows = sorted(rng.choice(np.arange(1, 60), 1 + (i % 15 == 0), replace=False).tolist())
        after = 0.01 * float(np.exp(rng.normal(0, 0.7)))
        q = float(rng.uniform(0.91, 0.99999) if i % 10 == 0 else rng.uniform(0, 0.9))
        name = f"{'shop' if i % 2 else 'Café'} {number - i}"
        found.append(series(name, i, rows if i % 5 == 0 else None, q=q, after=after))
    return sorted(found, key=lambda one: not one.flagged)


def report(found=None, **more):
    given = {
        "totals": [("series", "130"), ("flagged", "13")],
        "about": [("Model", "BetaBinomial()"), ("Flags", "at most 5 % false")],
        "notes": ["A note."],
    }
    series = several() if found is None else found
    return Report("Rates of shops", "2025", "rate", series, **{**given, **more})
