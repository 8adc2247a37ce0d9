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


def apart(*several: float) -> list[str]:
    """Return numbers of one thing, such as a mean and its ends, with digits to tell them apart.

    Three significant digits, and more where all of them lie within two units of the last.

    >>> apart(0.896, 0.84, 0.954), apart(20.0032, 19.9953, 20.0111)
    (['0.896', '0.840', '0.954'], ['20.003', '19.995', '20.011'])
    """
    told = [number(x) for x in several]
    known = [x for x in several if math.isfinite(x)]
    width = max(known, default=0) - min(known, default=0)
    if not width > 1e-12 * max(map(abs, known), default=0):  # no more than rounding errors
        return told
    unit = math.floor(math.log10(width / 2))  # of the last digit, as a power of ten
    pairs = zip(several, told, strict=True)
    return [_to(x, unit) if _unit(text) > unit else text for x, text in pairs]


def _unit(text: str) -> int:
    """Return which power of ten the last digit of a number is."""
    digits, _, exponent = text.partition("e")
    return int(exponent or 0) - len(digits.partition(".")[2])


def _to(x: float, unit: int) -> str:
    """Return a number to a digit that is this power of ten, below 1."""
    if "e" in number(x):
        return f"{x:.{math.floor(math.log10(abs(x))) - unit}e}"
    return f"{x:.{-unit}f}"


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
    mean, lower, upper = apart(*interval)
    return f"{mean} ({lower} to {upper})"
