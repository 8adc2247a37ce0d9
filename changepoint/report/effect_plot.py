"""Figures of what all rows share: each effect, term by term."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from changepoint.effects.seasons import DAYS, MONTHS
from changepoint.errors import DataError
from changepoint.plain import drawable
from changepoint.report.figure_style import BAND, DATA, LINE, axes_or_new, clean, label_of
from changepoint.report.numbers import equals
from changepoint.results.result import EffectFound

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from changepoint.answer import Answer

NAMED = 12  # terms of an effect that are all named, if names are no longer than LONG letters
LONG = 6
GAP = 1.5  # between effects, in places of a term
LETTERS, LEAST = 4, 14  # of a line of a title, for each of the terms, and at least


def plot_effects(posterior: Answer, ax: Axes | None = None) -> Axes:
    """Draw mean and 95 % interval of each term of likely effects, or else of all."""
    if not posterior.effects:
        raise DataError(
            "the model has no effects to draw: state some (Model(..., effects=[Weekday()]))"
        )
    ax = axes_or_new(ax, height=2.6)
    draw_effects(ax, posterior, likely_of(posterior) or posterior.effects)
    return ax


def likely_of(posterior: Answer) -> tuple[EffectFound, ...]:
    """Return the effects that are rather there than not."""
    return tuple(effect for effect in posterior.effects if effect.likely)


def draw_effects(ax: Axes, posterior: Answer, effects: tuple[EffectFound, ...]) -> None:
    """Draw effects side by side, each with its name above."""
    percent = effects[0].relative or effects[0].share  # as are all of them
    places, names, first = list[float](), list[str](), 0.0
    ax.axhline(0, color=DATA, linewidth=0.6, zorder=1)
    for effect in effects:
        x = first + np.arange(len(effect.terms))
        told = np.array([(term.mean, term.lower, term.upper) for term in effect.terms])
        mean, lower, upper = (100 * (told - effect.relative) if percent else told).T
        ax.vlines(x, lower, upper, color=BAND, linewidth=5, zorder=2)
        ax.scatter(x, mean, s=16, color=LINE, linewidths=0, zorder=3)
        ax.annotate(
            _title(effect, len(x)), (float(x.mean()), 1), xycoords=("data", "axes fraction"),
            xytext=(0, 2), textcoords="offset points", ha="center", fontsize="small",
        )  # fmt: skip
        some = _named(effect)
        places.extend(x[some])
        names.extend(_short(effect.terms[i].name) for i in some)
        first = float(x[-1]) + 1 + GAP
    ax.set_xticks(places, names, rotation=90 if max(map(len, names), default=0) > LONG else 0)
    ax.set_xlim(-1, first - GAP)
    added = f"added to {drawable(label_of(posterior))}"
    shares = effects[0].share  # which stands alone
    ax.set_ylabel("share, %" if shares else "effect, %" if percent else added)
    clean(ax)


def _named(effect: EffectFound) -> list[int]:
    """Return the terms that are named: of many with short names every third."""
    n = len(effect.terms)
    short = all(len(_short(term.name)) <= LONG for term in effect.terms)
    return [] if n == 1 else list(range(0, n, 3 if short and n > NAMED else 1))


def _title(effect: EffectFound, width: int) -> str:
    """Return its name, and how sure it is, in lines that are not much wider than it."""
    told = drawable(effect.name)
    if width == 1 and effect.terms[0].name != effect.name:
        told += f": {drawable(effect.terms[0].name)}"
    told += "" if effect.probability == 1 else f" (P {equals(effect.probability)})"
    return "\n".join(wrap(told, max(LETTERS * (width + 1), LEAST)))


def _short(name: str) -> str:
    return name[:3] if name in DAYS or name in MONTHS else drawable(name)
