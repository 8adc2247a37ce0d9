"""How P(any change) moves with the priors, for the terminal, the page and the papers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from changepoint.report.numbers import chance

if TYPE_CHECKING:
    from changepoint.answer import Answer


class Sensitive(NamedTuple):
    """P(any change) under other priors: whose prior is varied, in words, and each, as text."""

    of: str
    title: str
    head: str
    note: str
    chances: dict[str, float]


def sensitivities(posterior: Answer) -> Iterator[Sensitive]:
    """Yield how the probability of change moves with the priors of what the model has."""
    family = posterior.varied if posterior.sensitivity or posterior.hyper_sensitivity else None
    if family is None:
        return
    under = f" under {family.title}" if len(posterior.likelihoods) > 1 else ""
    if posterior.sensitivity:
        yield Sensitive(
            family.label,
            f"P(any change){under} by strength of the prior of the {family.label}",
            "times as strong",
            f"P(any change){under}, were the prior of the {family.label} so many times as "
            "strong: worth so many times as many observations.",
            {f"{times:g}": p for times, p in posterior.sensitivity.items()},
        )
    if posterior.hyper_sensitivity:
        assert family.hyper is not None  # it was varied
        yield Sensitive(
            family.hyper.name,
            f"P(any change){under} by the {family.hyper.name} that the prior expects",
            "times as large",
            f"P(any change){under}, did the prior expect a {family.hyper.name} so many times "
            "as large.",
            {f"{times:g}": p for times, p in posterior.hyper_sensitivity.items()},
        )


def sensitivity_lines(posterior: Answer) -> list[str]:
    """Return a line for each prior that was varied."""
    return [
        f"{one.title}: " + ", ".join(f"{chance(p)} (x {x})" for x, p in one.chances.items())
        for one in sensitivities(posterior)
    ]
