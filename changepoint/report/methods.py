"""The part of a paper on methods, as a draft: what was assumed, computed and averaged over."""

from __future__ import annotations

import inspect
import platform
from collections.abc import Iterator
from dataclasses import fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from changepoint.changes import Changes
from changepoint.effects import Effect
from changepoint.effects.looking import likely
from changepoint.likelihoods import Likelihood
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.plain import plain
from changepoint.priors import Uniform
from changepoint.report.numbers import chance
from changepoint.report.references import OF_FAMILY, SOFTWARE, WORKS, cited, in_words
from changepoint.report.sensitivities import sensitivity_lines
from changepoint.report.sentences import sentence
from changepoint.version import __version__

if TYPE_CHECKING:
    from changepoint.answer import Answer

REPORTED = (
    "Reported is the most probable number of changes. Given it, each change has the median of "
    "its place as its date, and as its 95 % credible set the smallest set of times that holds "
    "so much probability; parameters before and after, their difference and their ratio have "
    "posterior means and central 95 % intervals. The probability of any change takes all "
    "numbers into account."
)
# How priors are filled from the data where none are given, by the field of a family; the page
# on priors says why.
FILLED = {
    "rate": "is worth two events at the pooled rate of all rows",
    "level": "is around the middle of all values, twice as wide as their spread",
    "slope": "allows for twice the spread of all values within half of the rows",
    "noise_sd": "is around the noise by differences of neighbouring rows",
    "scale": "is around the noise by differences of neighbouring rows",
    "variance": "is around the noise within quiet windows of rows",
    "concentration": "has the proportions of all rows",
}
NAMED = {
    "noise_sd": "noise",
    "scale": "scale of the noise",
    "variance": "variance of the noise",
}
RANGE = "is the range of all values"


def methods(posterior: Answer) -> str:
    """Return the draft, in Markdown whose citations are those of Pandoc."""
    parts = [
        "# Methods",
        "A draft for a paper, written from the fit; the references are in `citation.bib`.",
        "## Data",
        _data(posterior),
        "## Model",
        *_model(posterior),
        "## Computation",
        *_computation(posterior),
        "## What is reported",
        REPORTED,
        f"> {plain(sentence(posterior))}",
        "## Software",
        _software(posterior),
        "## References",
        "\n".join(f"- {in_words(WORKS[key])}" for key in cited(posterior)),
        f"The software: {in_words(SOFTWARE)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _code(text: str) -> str:
    """Return text of others as code, which Markdown doesn't read."""
    return f"`{plain(text).replace('`', chr(39))}`"


def _data(posterior: Answer) -> str:
    observations = posterior.observations
    response = posterior.model.likelihood.response
    T, known = len(observations), int(observations.observed(response).sum())
    told = f"The series has {T} rows"
    if observations.time is not None:
        told += f", from {observations.label(0)} to {observations.label(T - 1)}"
    if observations.file is not None:
        told += f" ({_code(Path(observations.file).name)})"
    told += f", of which {T - known} are missing" if known < T else ", none of them missing"
    columns = [f"{role} {_code(name)}" for role, name in observations.columns.items()]
    return f"{told}. Columns: {', '.join(columns)}." if columns else f"{told}."


def _model(posterior: Answer) -> Iterator[str]:
    """Yield likelihoods with their priors, the prior on changes, and effects."""
    model, families = posterior.model, posterior.likelihoods
    if not isinstance(model, Model):
        yield "A PyMC model that was written for these data. Its variables:"
        yield "\n".join(
            f"- {_code(f'{n} ~ {t}')}" for n, t in model.likelihood.priors().items()
        )
    elif len(families) > 1:
        yield (
            "The series is cut into segments by changes. What holds within segments was "
            "averaged over families, equally probable before the data, by their evidence "
            "[@hoeting1999]:"
        )
        afterwards = [one["probability"] for one in posterior.models]
        yield "\n".join(
            f"- {family.title}, probability {chance(p)} given the data. {_family(family)}"
            f"{_filled(family, posterior.observations)}"
            for family, p in zip(families, afterwards, strict=True)
        )
    else:
        yield (
            "The series is cut into segments by changes. Within a segment the likelihood is "
            f"that of the family {families[0].title}. {_family(families[0])}"
            f"{_filled(families[0], posterior.observations)}"
        )
    yield changes_in_words(model.changes)
    yield from _effects(posterior)


def _family(family: Likelihood) -> str:
    """Return formula and priors of a family."""
    formula = (inspect.getdoc(type(family)) or "").split("\n\n")[0].replace("\n", " ")
    priors = ", ".join(f"{name} ~ {text}" for name, text in family.priors().items())
    works = "; ".join(f"@{key}" for key in OF_FAMILY.get(family.name, ()))
    told = f"{_code(formula.rstrip('.'))}{f' [{works}]' * bool(works)}. " if formula else ""
    return f"{told}Priors: {_code(priors)}." if priors else told.strip()


def _filled(family: Likelihood, observations: Observations) -> str:
    """Return which priors are those that the data fill where none are given, and how."""
    found = []
    for field in fields(family):
        given = getattr(family, field.name)
        if field.default is not None or field.name not in FILLED or given is None:
            continue
        default = replace(family, **{field.name: None}).resolve(observations)
        how = FILLED[field.name] if getattr(default, field.name) == given else ""
        if isinstance(given, Uniform) and field.name == "level":
            y = observations.column("value")
            ends = given.lower, given.upper
            how = RANGE if ends == (np.nanmin(y), np.nanmax(y)) else ""
        found += [f"that of the {NAMED.get(field.name, field.name)} {how}"] if how else []
    return f" From the data come these priors: {'; '.join(found)}." if found else ""


def changes_in_words(changes: Changes) -> str:
    """Return the prior on number and places of changes.

    Examples
    --------
    >>> print(changes_in_words(Changes(exactly=2)))
    The number of changes was taken as known: 2. A priori all their placements are equally
    probable.
    """
    m = changes.min_length
    rows = f" that leave segments of at least {m} rows" if m > 1 else ""
    if changes.exactly is not None:
        return (
            f"The number of changes was taken as known: {changes.exactly}. A priori all their "
            f"placements{rows} are equally probable."
        )
    if changes.every is not None:
        return (
            "A priori changes come with a constant hazard, so that segments last "
            f"{changes.every:g} rows on average{f', and {m} at least' if m > 1 else ''}."
        )
    most = "" if changes.at_most is None else f", at most {changes.at_most} of them"
    return (
        f"A priori the probability of any change is {changes.probability:g}{most}; each "
        "further change multiplies the probability of a placement by the same factor, and "
        f"given their number all placements{rows} are equally probable."
    )


def _effects(posterior: Answer) -> Iterator[str]:
    """Yield what shifts every row, and how probable that is."""
    model = posterior.model
    found = {effect.name: effect.probability for effect in posterior.effects}
    for effect in model.effects if isinstance(model, Model) else ():
        prior = f"Normal(0, {effect.sigma:g})" if effect.hyper is None else effect.hyper.prior
        told = (
            f"All segments share the effect {_code(str(effect))} on the scale of the link, "
            f"whose coefficients have the prior {prior}."
        )
        if effect.probability < 1:
            told += (
                f" Its presence had probability {effect.probability:g} a priori; the answer is "
                "an average over with and without it [@hoeting1999]"
            )
            p = found.get(effect.name)
            told += "." if p is None else f" (probability {chance(p)} given the data)."
        yield told
    looked = ", ".join(_code(effect.name) for effect in _looked_for(posterior))
    if looked:
        yield (
            f"That there may be such seasons ({looked}) is the default for dates that cover "
            "three whole periods or more: none was chosen by hand or by a test, "
            "the answer is the average over all combinations of them."
        )


def _looked_for(posterior: Answer) -> list[Effect]:
    """Return the seasons of the model that are those looked for by default."""
    odds = {type(one): one.probability for one in likely(posterior.observations)}
    effects = posterior.model.effects if isinstance(posterior.model, Model) else ()
    return [one for one in effects if odds.get(type(one)) == one.probability]


def _computation(posterior: Answer) -> Iterator[str]:
    engine = posterior.engine
    if engine["name"] == "exact":
        yield _exactly(posterior)
    else:
        state = "converged" if engine["converged"] else "have NOT converged"
        yield (
            "The posterior was sampled by Markov chain Monte Carlo with PyMC [@pymc2023; "
            f"@hoffman2014]; the chains {state} by rank-normalised R-hat and effective sample "
            "sizes [@vehtari2021]."
        )
        if engine["settings"].get("switchpoints") == "gibbs":
            yield "All switchpoints were drawn in one block [@chib1998]."
        told = {"seed": engine["seed"], **engine["settings"], **engine["diagnostics"]}
        yield "\n".join(f"- {name}: {_code(str(value))}" for name, value in told.items())
    if posterior.log_evidence is not None:
        yield f"The log evidence is {posterior.log_evidence:.4f}."
    yield from (f"{line}." for line in sensitivity_lines(posterior))


def _exactly(posterior: Answer) -> str:
    families, engine = posterior.likelihoods, posterior.engine
    grid = any(isinstance(family, GridLikelihood) for family in families)
    how = (
        "the segment's parameter on a grid of values, and parameters that all segments share "
        "on nodes of quadrature"
        if grid
        else "the segments' parameters in closed form"
    )
    return (
        "The posterior was computed without sampling [@chib1998; @fearnhead2006]: numbers and "
        f"places of changes were summed out by recursions over the rows, {how}. Draws "
        f"({engine['settings']['draws']}, seed {engine['seed']}) stand for what is no sum: of "
        "segments with several parameters, quantiles, differences and ratios."
    )


def _software(posterior: Answer) -> str:
    """Return versions of what the numbers come from."""
    used = ["numpy", "scipy", "numba"]
    if posterior.engine["name"] != "exact":
        used += ["pymc", "pytensor", "arviz"]
    told = [f"changepoint {__version__}", f"Python {platform.python_version()}"]
    return ", ".join([*told, *(f"{name} {version(name)}" for name in used)]) + "."
