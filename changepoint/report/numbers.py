"""Numbers, probabilities and times as text."""

from __future__ import annotations

import math

from changepoint.results.reported import Change, Interval
from changepoint.results.result import EffectFound, Term

SURE = 0.9999  # probabilities beyond this are told as such


def ranges(change: Change, most: int | None = None) -> str:
    """Return the credible set as text: times, and ranges with 'to'; the first few, if asked."""
    told = []
    for (first, last), rows in zip(change.credible_times, change.credible, strict=True):
        told.append(f"{first}" if rows[0] == rows[1] else f"{first} to {last}")
    if most is not None and len(told) > most:
        told = [*told[: most - 1], f"... {len(told) - most} more ...", told[-1]]
    return ", ".join(told)


def number(x: float) -> str:
    """Return three significant digits, no exponent where one can be avoided."""
    if x == 0 or not math.isfinite(x):
        return f"{x:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(x))))
    return f"{x:.{digits}f}" if digits < 9 else f"{x:.2e}"


def chance(p: float) -> str:
    """Return a probability in words that never claim certainty."""
    if p > SURE:
        return f"> {SURE}"
    if p < 1 - SURE:
        return f"< {1 - SURE:.4f}"
    edge = min(p, 1 - p)
    return f"{p:.4f}" if edge < 0.001 else f"{p:.3f}" if edge < 0.01 else f"{p:.2f}"


def percent(p: float) -> str:
    """Return a probability in percent that never claims certainty: 37 %, > 99.99 %."""
    if p > SURE:
        return f"> {100 * SURE:.2f} %"
    if p < 1 - SURE:
        return f"< {100 * (1 - SURE):.2f} %"
    edge = min(p, 1 - p)
    digits = 2 if edge < 0.001 else 1 if edge < 0.01 else 0
    return f"{100 * p:.{digits}f} %"


def equals(p: float) -> str:
    """Return a probability behind its sign: = 0.97, > 0.9999."""
    told = chance(p)
    return told if told[0] in "<>" else f"= {told}"


def amount(x: float, effect: EffectFound) -> str:
    """Return a term of an effect: a factor as percent more or less, or a number."""
    if effect.share:
        return f"{100 * x:.3g} %"
    if effect.relative:
        return f"{100 * (x - 1):+.3g} %"
    return f"{'+' if x > 0 else ''}{number(x)}"


def reach(term: Term, effect: EffectFound) -> str:
    """Return the interval of a term of an effect."""
    return f"{amount(term.lower, effect)} to {amount(term.upper, effect)}"


def signed(x: float) -> str:
    """Return a number with its sign, whole where it is large.

    >>> signed(1234.5), signed(-3), signed(0)
    ('+1,234', '-3.00', '0')
    """
    if not x:
        return "0"
    size = f"{abs(x):,.0f}" if abs(x) >= 100 else number(abs(x))
    return f"{'+' if x > 0 else '-'}{size}"


def span(interval: Interval) -> str:
    """Return a mean with its interval."""
    return f"{number(interval.mean)} ({number(interval.lower)} to {number(interval.upper)})"
