"""What is told of events: "was it the launch?", in words and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changepoint.plain import plain
from changepoint.report.headline import (
    NOT_CONVERGED,
    factor_of,
    number_given,
    parameter_of,
    step_of,
)
from changepoint.report.numbers import chance, percent, ranges, span
from changepoint.report.units import Unit, unit_of
from changepoint.results.events import EventEffect, EventFound
from changepoint.results.reported import Change

if TYPE_CHECKING:
    from changepoint.answer import Answer

HEADS = ("event", "P(a change)", "from", "to", "by chance")
NOTE = (
    "P(a change) is the probability of any change from the first of these times to the last, "
    "whatever the number of changes; by chance: the same before the data were seen. Before and "
    "after: were there a change exactly at the event."
)
UNKNOWN = "too few draws have a change exactly at the event to say what it did"
CLEAR = 0.5  # P(a change) from which one is told to be near
NONE = 0.2  # below which there is no sign of any, as in the headline
TELLING = 3.0  # times the odds by chance, below which the data add little


def event_lines(posterior: Answer) -> list[str]:
    """Return a line for each event."""
    return [
        f"Event {plain(event.name)}: {event_sentence(posterior, event)}"
        for event in posterior.events
    ]


def event_sentence(posterior: Answer, event: EventFound) -> str:
    """Return whether a change is near an event, whether it may have come with it, what it did.

    It says when, never why: what else began at that time is for the reader to rule out.
    """
    told = _probability(event)
    if event.probability < CLEAR:
        sign = "No sign" if event.probability < NONE else "No clear sign"
        told = f"{sign} of a change near it: one {told}{_else(posterior, event)}"
    else:
        told = f"A change {told}{_says_little(event)}; {_place(posterior, event)}"
    if number_given(posterior):
        k = posterior.model.changes.exactly
        told = (
            f"Assuming exactly {k} change{'' if k == 1 else 's'}: {told[0].lower()}{told[1:]}"
        )
    return plain(f"{told}." if posterior.converged else f"{NOT_CONVERGED}: {told}.")


def _probability(event: EventFound) -> str:
    """Return how probable a change is near it: "within ... has probability 97 % (...)"."""
    first, last = event.times
    one = event.rows[0] == event.rows[1]
    when = f"at {first}" if one else f"within {first} to {last} ({event.window})"
    by = "" if event.chance is None else f" (by chance {percent(event.chance)})"
    return f"{when} has probability {percent(event.probability)}{by}"


def _says_little(event: EventFound) -> str:
    p, c = event.probability, event.chance
    little = c is not None and p * (1 - c) < TELLING * c * (1 - p) + 1e-12
    return ", so the data add little" if little else ""


def _else(posterior: Answer, event: EventFound) -> str:
    """Return when the nearest change was, or what the data may have hidden at the event."""
    effect, change = event.effect, _near(posterior, event)
    if change is not None and _after(change, event) is None:
        return f"; the nearest is that of {_when(change, event)}"
    if effect is None:
        return ""
    ends = unit_of(posterior).ends(effect.before.mean, effect.after.mean)
    went = f"the {parameter_of(posterior)} would have gone {ends}{factor_of(effect)}"
    return f"; had one come exactly with the event, {went}"


def _near(posterior: Answer, event: EventFound) -> Change | None:
    """Return the reported change that the window holds, the nearest of several."""
    first, last = event.rows
    inside = [
        change
        for change in posterior.changes
        if any(low <= last and high >= first for low, high in change.credible)
    ]
    if not inside:
        return None

    def order(change: Change) -> tuple[bool, int]:
        return _after(change, event) is None, abs(change.index - event.index)

    return min(inside, key=order)


def _after(change: Change, event: EventFound) -> int | None:
    """Return how many rows after that of the event a change may have begun: 0, 1 or None.

    What an event in the middle of a row changes is seen from that row on, or from the next.
    """
    for rows in (0, 1):
        if any(low <= event.index + rows <= high for low, high in change.credible):
            return rows
    return None


def _place(posterior: Answer, event: EventFound) -> str:
    """Return what the change did, if its time may be that of the event; else when it was."""
    change = _near(posterior, event)
    if change is None:
        return "when in there isn't known"
    after = _after(change, event)
    if after is None:
        return f"but its time is another: {_when(change, event)}"
    if after:
        return f"if it came right after the event, {step_of(posterior, change)}"
    if event.effect is None:
        return UNKNOWN
    return f"if it came with the event, {step_of(posterior, event.effect)}"


def _when(change: Change, event: EventFound) -> str:
    first, last = change.credible[0][0], change.credible[-1][1]
    side = "before" if last < event.index else "after" if first > event.index else "not at"
    return f"{change.time} (95 % within {ranges(change, most=3)}), {side} the event"


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
