"""The answer in words: did it change, when, from what to what, how sure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from changepoint.hand_written import OwnLikelihood, OwnModel
from changepoint.likelihoods import Likelihood
from changepoint.likelihoods.regression import LinearLikelihood
from changepoint.model import SHIFTABLE
from changepoint.report.numbers import amount, chance, equals, reach, span
from changepoint.report.units import PLAIN, Unit, unit_of
from changepoint.results.reported import Change, Interval
from changepoint.results.result import EffectFound
from changepoint.results.summaries import MASS
from changepoint.results.sure_changes import SureChange
from changepoint.trust.predictive import checks

if TYPE_CHECKING:
    from changepoint.answer import Answer

TOLD = 0.01  # probability of an effect from which its terms are printed
SEVERAL, SMALL = 2, 1.5  # changes that may be a drift: how many, below which factor each
SEGMENTS = 12  # changes up to which further parameters are printed


def sentence(posterior: Answer) -> str:
    """Return the answer in words."""
    told = " ".join([_told(posterior), *_taken_into_account(posterior)])
    if not posterior.converged:
        return f"The chains have NOT converged, so this may be wrong: {told}"
    return told


def _taken_into_account(posterior: Answer) -> Iterator[str]:
    model = posterior.model
    stated = () if isinstance(model, OwnModel) else model.effects
    for effect, found in zip(stated, posterior.effects, strict=True):
        if found.likely:
            top = found.largest
            told = effect.words(top.name, amount(top.mean, found))
            yield f"{told} taken into account{_sure(found)}."


def _sure(effect: EffectFound) -> str:
    return "" if effect.probability == 1 else f" (P {equals(effect.probability)})"


def effect_lines(posterior: Answer) -> list[str]:
    """Return each effect with its terms, as far as it is likely to be there."""
    found = []
    for effect in posterior.effects:
        terms = (
            f"{term.name} {amount(term.mean, effect)} ({reach(term, effect)})"
            for term in effect.terms
        )
        told = "; ".join(terms) if effect.probability >= TOLD else "no sign of it"
        found.append(f"Effect {effect.name}{_sure(effect)}: {told}")
    return found


def _told(posterior: Answer) -> str:
    if not posterior.changes:
        return _no_change(posterior)
    return words(
        posterior.changes,
        posterior.model.likelihood,
        posterior.probability_of_change,
        float(posterior.number_probability[posterior.number]),
        posterior.model.changes.exactly is not None,
        unit_of(posterior),
    )


def words(
    found: Sequence[Change],
    family: Likelihood | OwnLikelihood,
    p: float,
    number_p: float,
    fixed: bool,
    unit: Unit = PLAIN,
) -> str:
    """Return changes in words.

    Parameters
    ----------
    found
        One or more.
    family
        Whose parameter changed.
    p, number_p
        P(any change), P(this number of changes).
    fixed
        Whether the number was given.
    unit
        In which the parameter is told.
    """
    parameter = family.subject
    whose = "" if family.subject == family.label else f" the {family.label}"
    parts = [_change(change, whose, unit) for change in found]
    if len(found) == 1:
        what = parts[0]
    elif len(found) <= 4:
        what = "; ".join(parts)
    else:
        what = "; ".join([*parts[:2], f"and {len(parts) - 2} more"])
    if fixed:
        times = "1 change" if len(found) == 1 else f"{len(found)} changes"
        return f"Assuming exactly {times}: {what}."
    times = "once" if len(found) == 1 else "twice" if len(found) == 2 else f"{len(found)} times"
    sure = f"P(any change) {equals(p)}, P(exactly {len(found)}) {equals(number_p)}"
    if number_p < 0.5:
        sure += ", the most probable of several numbers"
    verb = "changed" if p > 0.95 else "probably changed" if p > 0.5 else "may have changed"
    return f"The {parameter} {verb} {times} ({sure}): {what}."


def _change(change: Change, whose: str, unit: Unit) -> str:
    up = change.probability_of_increase
    word, direction, p = ("increase", "up", up) if up >= 0.5 else ("decrease", "down", 1 - up)
    ratio = "" if change.ratio is None else f", a ratio of {span(change.ratio)}"
    if "slope" in change.others:
        slopes = change.others["slope"]
        ratio += f", its slope from {span(slopes[0])} to {span(slopes[1])}"
    when = f"at {change.time}{_within(change)}"
    return (
        f"{when},{whose} from {unit.span(change.before)} "
        f"{direction} to {unit.span(change.after)}{ratio}, P({word}) {equals(p)}"
    )


def _within(change: Change) -> str:
    """Return the span of the credible set, unless it is a single row."""
    (first, _), (_, last) = change.credible_times[0], change.credible_times[-1]
    rows = change.credible[0][0], change.credible[-1][1]
    if rows[0] == rows[1]:
        return ""
    gaps = ", with gaps" if len(change.credible) > 1 else ""
    return f" (95 % within {first} to {last}{gaps})"


def _no_change(posterior: Answer) -> str:
    family = posterior.model.likelihood
    label = family.label
    mean, lower, _, upper = (float(band.mean()) for band in posterior.arrays.rows)
    about = unit_of(posterior).span(Interval(mean, lower, upper))
    about = f"the {label} is about {about} throughout"
    line = _line(posterior)
    if line is not None:
        about = f"the {label} goes along a line from {span(line[0])} to {span(line[1])}"
    if posterior.model.changes.exactly is not None:
        return f"Assuming exactly 0 changes: {about}."
    best = next(iter(posterior.models), None)
    if best is not None and best["steady"] and best["probability"] > 0.5:
        return _none_allowed(posterior, about, best["probability"])
    return f"{no_sign(family, posterior.probability_of_change)}: {about}."


def no_sign(family: Likelihood | OwnLikelihood, p: float) -> str:
    """Return that no change is reported, with P(any change), without the full stop."""
    verb = "no sign of a change" if p < 0.2 else "no clear sign of a change"
    return f"There is {verb} in the {family.subject} (P(any change) {equals(p)})"


def _none_allowed(posterior: Answer, about: str, probability: float) -> str:
    """Return the answer where most of it comes from a model that can't change."""
    told = (
        "No change, by assumption: the model that explains the data best allows none (its "
        f"probability {equals(probability)}), and {about}."
    )
    p = posterior.sensitivity.get(1.0)
    if p is None:
        return told
    named = posterior.varied.title
    return (
        f"{told} Under {named}, the most probable that allows any, P(any change) {equals(p)}."
    )


def _line(posterior: Answer) -> tuple[Interval, Interval] | None:
    """Return the ends of a line, if that is what the (most probable) model has."""
    likelihoods = posterior.likelihoods
    if not likelihoods or not isinstance(likelihoods[0], LinearLikelihood):
        return None
    if likelihoods[0].columns < 2:
        return None
    mean, lower, _, upper = posterior.arrays.rows
    first, last = (
        Interval(float(mean[row]), float(lower[row]), float(upper[row])) for row in (0, -1)
    )
    return first, last


def other_lines(posterior: Answer) -> list[str]:
    """Return a line for each further parameter of the segments."""
    found = posterior.changes
    if len(found) > SEGMENTS:
        return []
    return [
        f"{name} by segment: {span(found[0].others[name][0])}; "
        + "; ".join(span(change.others[name][1]) for change in found)
        for name in found[0].others
    ]


def surely(posterior: Answer) -> list[SureChange]:
    """Return what is sure, where it isn't as good as sure how many changes there are."""
    likely = posterior.number_probability[posterior.number]
    return [] if likely >= MASS else posterior.sure_changes()


def sure_lines(posterior: Answer) -> list[str]:
    """Return the same as text."""
    found = surely(posterior)
    if not found:
        return []
    unit = unit_of(posterior)
    times = "1 change" if len(found) == 1 else f"{len(found)} changes, each by itself"
    told = "; ".join(
        f"{between(one)} (P {equals(one.probability)}), from {unit.span(one.before)} to "
        f"{unit.span(one.after)}"
        for one in found[:SEGMENTS]
    )
    more = f"; and {len(found) - SEGMENTS} more" if len(found) > SEGMENTS else ""
    return [f"Sure of {times}, however many there are: {told}{more}"]


def between(change: SureChange) -> str:
    """Return where it surely is."""
    first, last = change.times
    if change.rows[0] == change.rows[1]:
        return f"at {first}"
    return f"from {first} to {last}"


def candidate_lines(posterior: Answer) -> list[str]:
    """Return what the models say that were averaged over."""
    told = []
    for one in posterior.models:
        if not one["probability"] > 0.005:
            continue
        times = "1 change" if one["number"] == 1 else f"{one['number']} changes"
        says = f"{times}, P(any) {equals(one['probability_of_change'])}"
        if one["steady"]:
            says = "one level by assumption"
        told.append(f"{one['model']} {chance(one['probability'])} ({says})")
    return [f"Probability of each model: {'; '.join(told)}"] if told else []


def spike_lines(posterior: Answer) -> list[str]:
    """Return the rows that are rather spikes than not, in one line."""
    found = posterior.spikes
    if not found:
        return []
    told = ", ".join(f"{spike.time} (P {equals(spike.probability)})" for spike in found)
    return [f"Probably spikes, which say nothing of the rate beside them: {told}"]


def check_lines(posterior: Answer) -> list[str]:
    """Return the p-values of the posterior predictive checks."""
    told = ", ".join(f"{check.name} {p_value(check.p)}" for check in checks(posterior))
    return [f"Does the model fit, p by check: {told}"] if told else []


def misfits(posterior: Answer) -> list[str]:
    """Return what these checks say is wrong, to be told as warnings; and a drift, maybe."""
    said = [check.sentence for check in checks(posterior) if check.sentence is not None]
    return [*said, *_staircase(posterior)]


def _staircase(posterior: Answer) -> Iterator[str]:
    """Say that a drift may be told as these changes: all go one way, none of them far."""
    model, found = posterior.model, posterior.changes
    ratios = [change.ratio.mean for change in found if change.ratio is not None]
    if isinstance(model, OwnModel) or len(ratios) < SEVERAL or len(ratios) < len(found):
        return
    one_way = min(ratios) > 1 or max(ratios) < 1
    small = max(max(ratio, 1 / ratio) for ratio in ratios) < SMALL
    shiftable = model.likelihood.name in SHIFTABLE
    stated = any(effect.alone or effect.probability == 1 for effect in model.effects)
    if one_way and small and shiftable and not stated:
        yield (
            f"the {len(found)} changes go the same way in small steps, as a slow drift would: "
            "try --drift" + (", which looks for no patterns" if model.effects else "")
        )


def p_value(p: float) -> str:
    """Return a p-value: .002 is the least that 500 draws give.

    >>> p_value(0.4321), p_value(0.00399)
    ('0.43', '0.004')
    """
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def engine_line(posterior: Answer) -> str:
    """Return how a sampler did, in one line."""
    told, settings = posterior.engine["diagnostics"], posterior.engine["settings"]
    found = posterior.tree["posterior"].sizes
    r_hat = "undefined" if told["r_hat"] is None else f"{told['r_hat']:.3f}"
    parts = [
        f"{posterior.engine['name']}, switchpoints by {settings['switchpoints']}, "
        f"{found['chain']} x {found['draw']} draws: "
        f"{'converged' if posterior.converged else 'NOT converged'}",
        f"R-hat at most {r_hat}",
        f"ESS at least {told['ess_bulk'] or 0:.0f} (bulk), {told['ess_tail'] or 0:.0f} (tail)",
        f"{told['divergences']} divergences",
    ]
    for name, numbers in told["variables"].items():
        if "distance" in numbers:
            far, allowed = numbers["distance"], numbers["distance_allowed"]
            noise = f" (independent draws: up to {allowed:.3f})" if posterior.converged else ""
            parts.append(f"{name} in total variation {far:.3f} from its exact posterior{noise}")
    return "; ".join(parts)
