"""What is told of events: "was it the launch?", in words and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changepoint.plain import plain
from changepoint.report.numbers import chance, equals, span
from changepoint.report.units import Unit, unit_of
from changepoint.results.events import EventEffect, EventFound

if TYPE_CHECKING:
    from changepoint.answer import Answer

HEADS = ("event", "P(a change)", "from", "to", "by chance")
NOTE = (
    "P(a change) is the probability of any change from the first of these times to the last, "
    "whatever the number of changes; by chance: the same before the data were seen. Before and "
    "after: were there a change exactly at the event."
)
UNKNOWN = "too few draws have a change exactly there to say what it did"


def event_lines(posterior: Answer) -> list[str]:
    """Return a line for each event."""
    label, unit = posterior.model.likelihood.label, unit_of(posterior)
    return [_line(event, label, unit) for event in posterior.events]


def _line(event: EventFound, label: str, unit: Unit) -> str:
    first, last = event.times
    when = f"at {first}" if event.rows[0] == event.rows[1] else f"from {first} to {last}"
    by_chance = "" if event.chance is None else f", by chance {chance(event.chance)}"
    told = (
        f"Event {plain(event.name)}: P(a change {when}) {equals(event.probability)}{by_chance}"
    )
    if event.effect is None:
        return f"{told}; {UNKNOWN}"
    return f"{told}; were there one exactly there, {label} {_did(event.effect, unit)}"


def _did(effect: EventEffect, unit: Unit) -> str:
    up = effect.probability_of_increase
    word, p = ("increase", up) if up >= 0.5 else ("decrease", 1 - up)
    ratio = "" if effect.ratio is None else f", a ratio of {span(effect.ratio)}"
    ends = f"from {unit.span(effect.before)} to {unit.span(effect.after)}"
    return f"{ends}{ratio}, P({word}) {equals(p)}"


def event_heads(posterior: Answer) -> tuple[str, ...]:
    """Return the heads of the columns."""
    return (*HEADS, unit_of(posterior).head("before"), "after", "ratio", "P(up)")


def event_rows(posterior: Answer) -> list[list[str]]:
    """Return a row of text for each event, under these heads."""
    unit = unit_of(posterior)
    return [
        [
            event.name,
            chance(event.probability),
            *map(str, event.times),
            "–" if event.chance is None else chance(event.chance),
            *_cells(event.effect, unit),
        ]
        for event in posterior.events
    ]


def _cells(effect: EventEffect | None, unit: Unit) -> list[str]:
    if effect is None:
        return ["–"] * 4
    return [
        unit.cell(effect.before),
        unit.cell(effect.after),
        "–" if effect.ratio is None else span(effect.ratio),
        chance(effect.probability_of_increase),
    ]
