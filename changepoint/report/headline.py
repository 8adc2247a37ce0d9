"""The answer in one sentence for everybody: what changed, by how much, when, and is it sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from changepoint.report.numbers import apart, number, percent, span
from changepoint.report.units import unit_of
from changepoint.results.reported import Change, Interval, most_telling
from changepoint.results.summaries import MASS

if TYPE_CHECKING:
    from changepoint.answer import Answer
    from changepoint.results.events import EventEffect
    from changepoint.trust import Certificate

    type Step = Change | EventEffect

SHAPE = ("slope", "noise_sd")  # further parameters of a segment that are told
LONGEST = 40  # characters of a column's name
TIMES = 2.0  # ratio from which "by so many percent" is "to so many times"
WILD = 1000.0  # ratio beyond which it says nothing, as what was before may have been 0
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
NOT_CONVERGED = "The chains have NOT converged, so this may be wrong"


def headline(posterior: Answer, certificate: Certificate | None = None) -> str:
    """Return the answer in one sentence.

    Where nothing is found, the certificate's follows: what would have been.
    """
    told = (
        _fixed(posterior) if number_given(posterior) else _bound(posterior, _found(posterior))
    )
    if certificate is not None and certificate.sentence and not posterior.changes:
        told = f"{told} {certificate.sentence}"
    return told if posterior.converged else f"{NOT_CONVERGED}: {told}"


def number_given(posterior: Answer) -> bool:
    """Whether the number of changes was told, not found."""
    return posterior.model.changes.exactly is not None


def _fixed(posterior: Answer) -> str:
    found, subject = posterior.changes, _subject(posterior)
    k = posterior.model.changes.exactly
    times = {0: "no change", 1: "exactly 1 change"}.get(k or 0, f"exactly {k} changes")
    if not found:
        told = f"the {subject}{_throughout(posterior)}"
    elif len(found) == 1:
        told = f"the {subject} {_did(posterior, found[0])}"
    else:
        told = f"the {subject} changed, {_the_largest(posterior, most_telling(found))}"
    return f"Assuming {times}: {told}."


def _bound(posterior: Answer, told: str) -> str:
    """Return a sentence behind the largest number that was allowed, if that decided it."""
    K = posterior.model.changes.at_most
    if not K or not posterior.changes or posterior.number_probability[K:].sum() <= 0.5:
        return told
    return f"Assuming at most {K} change{'s' if K > 1 else ''}: {told[0].lower()}{told[1:]}"


def _found(posterior: Answer) -> str:
    found, subject = posterior.changes, _subject(posterior)
    p, k = posterior.probability_of_change, len(found)
    likely = float(posterior.number_probability[k])
    if not found and p > 0.5:
        return (
            f"The {subject} {'' if p > MASS else 'probably '}changed ({percent(p)}), though no "
            f"number of changes is as likely as none ({percent(likely)})."
        )
    best = next(iter(posterior.models), None)
    if not found and best is not None and best["steady"] and best["probability"] > 0.5:
        return (
            "No change, by assumption: the model that explains the data best allows none "
            f"({percent(best['probability'])})."
        )
    if not found:
        sign = "No sign" if p < 0.2 else "No clear sign"
        about = _throughout(posterior, ", which")
        return f"{sign} of a change in the {subject} (P {_equals(p)}){about}."
    if k == 1 and _at_least(posterior) <= 1:
        once = f", and once is most likely ({percent(likely)})" if likely < 0.5 else ""
        return (
            f"The {subject} {'' if p > MASS else 'probably '}{_did(posterior, found[0])}; that "
            f"it changed at all is {_sure(p)}{once}."
        )
    top = most_telling(found)
    doubt = "" if top.probability >= MASS else f" ({percent(top.probability)})"
    return f"The {subject} {_how_often(posterior)}; {_the_largest(posterior, top, doubt)}."


def _at_least(posterior: Answer) -> int:
    """Return the largest number of changes of which one can be sure."""
    below = np.cumsum(posterior.number_probability)  # P(at most k)
    return int(np.sum(1 - below >= MASS))


def _how_often(posterior: Answer) -> str:
    """Return how often it changed: never a number alone that may well be another."""
    k = posterior.number
    likely, p = float(posterior.number_probability[k]), posterior.probability_of_change
    least = min(_at_least(posterior), k)
    if likely >= MASS:
        return f"changed {_times(k)} ({percent(likely)})"
    most = f"most likely {_times(k) if k < 3 else k} ({percent(likely)})"
    if not least:
        return f"probably changed ({percent(p)}), {most}"
    return f"changed at least {_times(least)}, {most}"


def _times(k: int) -> str:
    return {1: "once", 2: "twice"}.get(k, f"{k} times")


def _sure(p: float) -> str:
    """Return how sure it is of any change, in words and in percent."""
    for least, word in (
        (0.9999, "certain"), (0.99, "almost certain"), (0.95, "very likely"), (0.8, "likely"),
    ):  # fmt: skip
        if p > least:
            return f"{word} ({percent(p)})"
    return f"rather likely ({percent(p)})"


def _equals(p: float) -> str:
    told = percent(p)
    return told if told[0] in "<>" else f"= {told}"


def _the_largest(posterior: Answer, top: Change, doubt: str = "") -> str:
    return f"the largest change{doubt}: it {_did(posterior, top)}"


def _did(posterior: Answer, change: Change) -> str:
    """Return what a change did and when: "fell by 65 % (49 to 78 %), from ... to ..., ..."."""
    family = posterior.model.likelihood
    verb, by = _verb(posterior, change)
    told = [unit_of(posterior).ends(change.before.mean, change.after.mean)]
    told += [
        f"its {name} from {number(sides[0].mean)} to {number(sides[1].mean)}"
        for name, sides in change.others.items()
        if name in SHAPE
    ]
    when = _when(posterior, change)
    if family.subject != family.label:
        return f"{verb} {when}: the {family.label} {told[0]}"
    told[0] += factor_of(change) if verb == "changed" else ""
    return f"{verb}{by}{',' if by else ''} {', '.join([*told, when])}"


def step_of(posterior: Answer, change: Step) -> str:
    """Return what a change did, without its time: "the rate rose by 18 % (...), from ..."."""
    verb, by = _verb(posterior, change)
    ends = unit_of(posterior).ends(change.before.mean, change.after.mean)
    factor = factor_of(change) if verb == "changed" else ""
    return f"the {parameter_of(posterior)} {verb}{by}{',' if by else ''} {ends}{factor}"


def factor_of(change: Step) -> str:
    """Return how far it went either way, of what didn't surely rise or fall."""
    if change.ratio is None:
        return f", a difference of {span(change.difference)}"
    return f", a ratio of {span(change.ratio)}"


def _verb(posterior: Answer, change: Step) -> tuple[str, str]:
    """Return whether it surely rose or fell, and by how much; "changed" and "" if not."""
    up, family = change.probability_of_increase, posterior.model.likelihood
    agree = (change.after.mean > change.before.mean) == (up > 0.5)
    sided = change.difference.lower > 0 or change.difference.upper < 0
    if change.ratio is not None:
        sided = change.ratio.lower > 1 or change.ratio.upper < 1
    sure = (up >= MASS or up <= 1 - MASS) and sided
    if sure and agree and family.subject == family.label:
        return "rose" if up > 0.5 else "fell", _by(posterior, change)
    return "changed", ""


def _by(posterior: Answer, change: Step) -> str:
    """Return by how much, of what surely rose or fell; nothing where that says nothing."""
    ratio, difference = change.ratio, change.difference
    rose = change.probability_of_increase > 0.5
    if posterior.model.likelihood.domain[0] < 0 or ratio is None:
        sides = difference.lower, difference.upper
        low, high = sides if rose else (-sides[1], -sides[0])
        return f" by {span(Interval(abs(difference.mean), low, high))}"
    if not ratio.upper < WILD or (ratio.mean > 1) != rose:
        return ""
    if ratio.mean >= TIMES:
        times, least, most = apart(*ratio)
        return f" to {times} times what it was ({least} to {most})"
    shares = [100 * (r - 1) for r in ratio]
    mean, low, high = shares if rose else (-shares[0], -shares[2], -shares[1])
    return f" by {_whole(mean)} % ({_whole(low)} to {_whole(high)} %)"


def _whole(x: float) -> str:
    """Return percents without decimals where they have two digits or more."""
    return f"{x:.0f}" if abs(x) >= 9.95 else f"{x:.1f}" if abs(x) >= 0.995 else f"{x:.2g}"


def _throughout(posterior: Answer, joined: str = "") -> str:
    """Return what the parameter is, where it doesn't change; nothing of a line."""
    family = posterior.model.likelihood
    if family.subject != family.label:
        return "" if joined else " is one throughout"
    mean, lower, _, upper = (float(band.mean()) for band in posterior.arrays.rows)
    first, last = posterior.arrays.rows[0, [0, -1]]
    if abs(last - first) > upper - lower:  # a line
        return "" if joined else " follows one line"
    about = unit_of(posterior).span(Interval(mean, lower, upper))
    return f"{joined} is about {about} throughout"


def _when(posterior: Answer, change: Change) -> str:
    """Return when a change was: around a time, unless it is the only one that may be."""
    observations, rows = posterior.observations, change.credible
    known = rows[0][0] == rows[-1][1]
    time = observations.clocks
    if time is None:
        return f"{'at' if known else 'around'} row {change.index}"
    if not np.issubdtype(time.dtype, np.datetime64):
        return f"{'at' if known else 'around'} {change.time:.10g}"
    months = time.astype("datetime64[M]")
    if (time != months).any():
        return f"{'on' if known else 'around'} {change.time}"
    told, word = months[change.index].item(), "in" if known else "around"
    if (months == months.astype("datetime64[Y]")).all():
        return f"{word} {told.year}"
    if len(months) > 1 and (np.diff(months.astype(int)) % 3 == 0).all() and told.month % 3 == 1:
        return f"{word} Q{told.month // 3 + 1} {told.year}"
    return f"{word} {MONTHS[told.month - 1]} {told.year}"


def plain_means(posterior: Answer) -> str:
    """Return why the means before and after aren't those of the rows; "" where nothing says so.

    Of the change that the headline tells: the plain means of the rows, up to the changes next
    to it, of which likely effects are no part in the answer.
    """
    likely = [effect.name for effect in posterior.effects if effect.likely]
    found, family = posterior.changes, posterior.model.likelihood
    if not found or not likely or family.response not in ("count", "rate", "value"):
        return ""
    top = most_telling(found)
    if family.name in ("exponential", "normal-variance") or "slope" in top.others:
        return ""  # what is told is no mean of rows
    unit = unit_of(posterior)
    starts = np.array([0, *(change.index for change in found)])
    estimates = family.estimates(posterior.observations)
    means = family.pooled_by(estimates, posterior.observations, starts)
    i = found.index(top)
    ends = unit.ends(*map(float, means[i : i + 2]))
    if ends == unit.ends(top.before.mean, top.after.mean):
        return ""
    which = " and ".join([", ".join(likely[:-1]), likely[-1]] if likely[1:] else likely)
    return (
        f"The plain means of the rows went {ends}: the {family.label} that is told is that "
        f"without the effect{'s' if likely[1:] else ''} {which}, and averages over where the "
        "change was."
    )


def _subject(posterior: Answer) -> str:
    """Return what may have changed, by the names of its columns: rate of deaths per birth."""
    family, columns = posterior.model.likelihood, posterior.observations.columns
    if family.name == "pymc" or family.subject != family.parameter:
        return str(family.subject)
    name = _named(columns.get(family.response, ""))
    if not name:
        return family.parameter
    if family.response == "rate":
        return name
    if family.name == "exponential":
        return f"rate (1 / mean of {name})"
    behind = columns.get(family.divisor(posterior.observations) or "")
    per = f" per {_singular(_named(behind))}" if behind else ""
    return f"{family.parameter} of {name}{per}"


def parameter_of(posterior: Answer) -> str:
    """Return the parameter that is told before and after, by the names of its columns."""
    family = posterior.model.likelihood
    return _subject(posterior) if family.subject == family.label else family.label


def _named(column: str) -> str:
    """Return a column's name as a word: no underscores, and not too long."""
    name = " ".join(column.replace("_", " ").split())
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."


def _singular(name: str) -> str:
    """Return one of what a column counts: birth of births; others as they are."""
    low = name.lower()
    if low.endswith("ies") and len(name) > 4:
        return f"{name[:-3]}y"
    if low.endswith(("ches", "shes", "sses", "xes")):
        return name[:-2]
    if low.endswith("s") and not low.endswith(("ss", "us", "is")) and len(name) > 2:
        return name[:-1]
    return name
