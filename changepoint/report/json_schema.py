"""The JSON Schema of an answer: every field of `to_dict`, what it is and what it may be."""

from __future__ import annotations

from typing import Any

SCHEMA_VERSION = 1  # raised where a program that reads the answer could stumble
TIME = {"type": ["string", "number"]}


def _object(description: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _typed(kind: str | list[str], description: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "description": description, **more}


def _chance(description: str) -> dict[str, Any]:
    return _typed("number", description, minimum=0, maximum=1)


def _chance_or_null(description: str) -> dict[str, Any]:
    return _chance(description) | {"type": ["number", "null"]}


def _interval(description: str) -> dict[str, Any]:
    return {"$ref": "#/$defs/interval", "description": description}


def _or_null(name: str, description: str) -> dict[str, Any]:
    either = [{"$ref": f"#/$defs/{name}"}, {"type": "null"}]
    return {"oneOf": either, "type": ["object", "null"], "description": description}


CHANGE = _object(
    "One reported change, given the most probable number of changes.",
    index=_typed("integer", "First row of the new segment, from 0: the median."),
    time=TIME | {"description": "Its time; the row, from 0, where the data have none."},
    most_probable=TIME | {"description": "The most probable time."},
    probability=_chance("P(some change lies in the credible set), all numbers considered."),
    credible_set=_object(
        "The smallest set of times that holds the mass.",
        mass=_chance("How much it holds: 0.95."),
        times=_typed(
            "array",
            "First and last time of each range.",
            items={"type": "array", "items": TIME, "minItems": 2, "maxItems": 2},
        ),
    ),
    before=_interval("The parameter before the change."),
    after=_interval("The parameter after it."),
    difference=_interval("After less before."),
    ratio=_or_null("interval", "After by before; null where the parameter may be negative."),
    probability_of_increase=_chance("P(after > before)."),
    others=_typed(
        "object",
        "Further parameters of the segments by name, such as slope, before and after.",
        additionalProperties=_object(
            "Before and after.",
            before=_interval("Before the change."),
            after=_interval("After it."),
        ),
    ),
)

SURE = _object(
    "Rows that hold a change with a probability of 0.95 or more, whatever the number.",
    first=TIME | {"description": "The first time at which the new segment may begin."},
    last=TIME | {"description": "The last such time."},
    most_probable=TIME | {"description": "The most probable of these times."},
    index=_typed("integer", "Its row, from 0."),
    probability=_chance("P(some change is there)."),
    before=_interval("The parameter at the row before these."),
    after=_interval("The parameter at the last of these rows."),
    difference=_interval("After less before, given a change there."),
    ratio=_or_null(
        "interval", "After by before, as well; null where the parameter may be negative."
    ),
    probability_of_increase=_chance("P(after > before), as well."),
)

MODEL = _object(
    "One of the models of an average.",
    model=_typed("string", "The likelihood's name."),
    log_evidence=_typed("number", "log p(y | model)."),
    probability=_chance("Its posterior probability."),
    probability_of_change=_chance_or_null(
        "P(any change) under it; null where its own probability is below one in a million."
    ),
    number=_typed(
        ["integer", "null"], "Its most probable number of changes; null as above.", minimum=0
    ),
    steady=_typed("boolean", "Whether it allows no change at all."),
    priors=_typed("string", "Its priors, filled."),
)

EFFECT = _object(
    "One effect.",
    name=_typed("string", "Its name."),
    probability=_chance("That it is there."),
    relative=_typed(
        "boolean",
        "Whether terms multiply the parameter of a row, or are added to it. Of a memory the "
        "term is the share that is remembered, from 0 to 1: false.",
    ),
    terms=_typed(
        "array",
        "Its terms, such as the days of the week.",
        items=_object(
            "A mean and the ends of the central 95 %.",
            name=_typed("string", "Its name."),
            mean=_typed("number", "Mean."),
            lower=_typed("number", "Quantile 0.025."),
            upper=_typed("number", "Quantile 0.975."),
        ),
    ),
)

ALERT = _object(
    "How probable a change is lately.",
    since=TIME | {"description": "The first of the rows looked at: its time, or number."},
    probability=_chance("P(some change since then), whatever their number."),
    threshold=_chance("From which on the alert is raised."),
    raised=_typed("boolean", "Whether it is: the exit status is 10."),
)

EVENT = _object(
    "What is known of changes beside an event, whatever their number.",
    sentence=_typed("string", "Whether a change is near it, and what it did, in words."),
    time=TIME | {"description": "Its time, as given."},
    label=_typed("string", "What happened; empty where only the time is known."),
    index=_typed("integer", "The row that it lies in, from 0.", minimum=1),
    start=TIME | {"description": "The time of that row."},
    first=TIME | {"description": "First time of the window around it."},
    last=TIME | {"description": "Last time of the window."},
    window=_typed("string", "How long that is, in words."),
    probability=_chance("P(some change stands in the window)."),
    chance=_chance_or_null("The same before the data; null of a PyMC model of your own."),
    effect=_or_null(
        "effect",
        "Were there a change exactly there; null where neither sums nor enough draws tell.",
    ),
)

CHECK = _object(
    "One posterior predictive check: whether the model could have made such data.",
    name=_typed(
        "string",
        "Dispersion, longest run, lag-1 correlation, weekday spread or largest residual.",
    ),
    observed=_typed("number", "What it is in the data: the median over draws."),
    expected=_typed("number", "The same in data drawn from the model."),
    p=_chance("P(drawn data are as extreme): small where the model doesn't fit."),
    sentence=_typed(
        ["string", "null"],
        "What is wrong and what helps, where p is below 0.005 and no other check says so.",
    ),
)

SHARE = {
    "share": _chance("The share."),
    "error": _typed("number", "Its Monte Carlo standard error.", minimum=0),
    "lower": _chance("The lower end of its 95 % interval (Clopper and Pearson)."),
    "upper": _chance("The upper end."),
}

CERTIFICATE = _object(
    "What simulated series like the data say of the answer.",
    left_out=_typed(
        "array",
        "Effects that are rather absent, without which series were drawn and answered.",
        items={"type": "string"},
    ),
    probability_of_change=_chance("P(any change) of the data."),
    runs=_typed("integer", "Series without a change.", minimum=1),
    reached=_object("Share of them whose P(any change) is at least that of the data.", **SHARE),
    false_alarms=_object("Share of them whose P(any change) is above 0.95.", **SHARE),
    curve=_typed(
        "array",
        "The power curve, by ascending ratio; only that without a change, where no other was "
        "looked for.",
        items=_object(
            "Series with a change of one ratio at a random place, lasting from there on.",
            ratio=_typed("number", "After to before; 1 for no change.", exclusiveMinimum=0),
            runs=_typed("integer", "Series.", minimum=1),
            found=_object("Share of them whose P(any change) is above 0.95.", **SHARE),
        ),
    ),
    smallest_increase=_or_null(
        "smallest",
        "The smallest ratio above 1 that is found (P(any change) > 0.95) in 80 % of series "
        "with it; null where twice isn't, and where none was looked for.",
    ),
    smallest_decrease=_or_null(
        "smallest", "The same of ratios below 1: the largest of them; null where half isn't."
    ),
    delay=_or_null(
        "delay",
        "How far from its true place a change is reported, in series with these smallest "
        "changes; null where there are none, or too few were found.",
    ),
    sentence=_typed(
        ["string", "null"],
        "What would have been seen, in words; null where that wasn't looked for.",
    ),
)

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "changepoint result",
    **_object(
        "What `changepoint fit --json` prints, `--out` writes to `result.json` and "
        "`Posterior.to_dict()` returns. NaN never appears.",
        version=_typed("string", "Of the package that wrote it."),
        schema=_typed(
            "integer",
            "Version of this schema; another one may lack a field.",
            const=SCHEMA_VERSION,
        ),
        headline=_typed("string", "The answer in one sentence, for everybody."),
        sentence=_typed("string", "The answer in words, with its probabilities."),
        unit=_object(
            "The unit of rates in headline and sentence; all other numbers are rates as such.",
            per=_typed(
                "number",
                "A rate times this is the number told: 100 in percent; 1 of what is no rate.",
                exclusiveMinimum=0,
            ),
            label=_typed("string", "What is told behind it, such as % or per 1,000; or empty."),
        ),
        file=_typed(["string", "null"], "The file read; null for data from memory."),
        observations=_typed("integer", "Rows with data.", minimum=0),
        missing=_typed(
            "integer", "Rows without, among them rows absent from the grid of dates."
        ),
        time=_object(
            "The ends of the series.",
            first=TIME | {"description": "Time of the first row."},
            last=TIME | {"description": "Time of the last row."},
        ),
        model=_object(
            "The model, priors filled.",
            likelihood=_typed("string", "Its name on the command line."),
            priors=_typed(
                "object", "Priors by field, as text.", additionalProperties={"type": "string"}
            ),
            changes=_typed("object", "The arguments of `Changes`."),
            effects=_typed(
                "array", "What shifts every row, whatever its segment.", items=EFFECT
            ),
        ),
        engine=_object(
            "How the answer was computed.",
            name=_typed("string", "exact or mcmc."),
            seed=_typed(["integer", "null"], "Of the draws."),
            settings=_typed("object", "Further settings."),
            converged=_typed("boolean", "Always true of the exact engine."),
            diagnostics=_typed("object", "R-hat, ESS, ... of a sampler."),
        ),
        log_evidence=_typed(["number", "null"], "log p(y | model); null where unknown."),
        probability_of_change=_chance("P(any change)."),
        number_of_changes=_typed(
            "object",
            "P(k changes) by k, as text.",
            additionalProperties={"type": "number", "minimum": 0, "maximum": 1},
        ),
        changes=_typed("array", "The changes, in order of time.", items=CHANGE),
        sure_changes=_typed(
            "array", "What is sure whatever the number, in order of time.", items=SURE
        ),
        spikes=_typed(
            "array",
            "Rows that are rather spikes than not, under a likelihood that allows for them.",
            items=_object(
                "One row.",
                index=_typed("integer", "Its position, from 0.", minimum=0),
                time=TIME | {"description": "Its time."},
                probability=_chance("P(it is a spike)."),
            ),
        ),
        models=_typed(
            "array",
            "Of an average over models, each of them, the most probable first; else empty.",
            items=MODEL,
        ),
        sensitivity=_typed(
            "array",
            "P(any change) by strength of the parameter's prior.",
            items=_object(
                "One strength.",
                prior_strength=_typed("number", "How many times as strong."),
                probability_of_change=_chance("P(any change) under it."),
            ),
        ),
        hyper_sensitivity=_typed(
            "array",
            "P(any change) by where the prior of the dispersion, noise or concentration lies.",
            items=_object(
                "One place.",
                times_as_large=_typed(
                    "number", "How many times as large the prior expects it to be."
                ),
                probability_of_change=_chance("P(any change) under it."),
            ),
        ),
        checks=_typed(
            "array",
            "Posterior predictive checks; empty below 10 rows, and for models written in PyMC.",
            items=CHECK,
        ),
        alert={"oneOf": [ALERT, {"type": "null"}]}
        | {"type": ["object", "null"], "description": "Of `--alert`; else null."},
        certificate={
            "oneOf": [{"$ref": "#/$defs/certificate"}, {"type": "null"}],
            "type": ["object", "null"],
            "description": "What simulated series like the data say; null where not asked.",
        },
        events=_typed(
            "array", "What was asked of events, in order of time; else empty.", items=EVENT
        ),
        warnings=_typed("array", "What was noticed.", items={"type": "string"}),
    ),
    "$defs": {
        "certificate": CERTIFICATE,
        "effect": _object(
            "Before and after a change.",
            before=_interval("The parameter at the row before."),
            after=_interval("The parameter at the row."),
            difference=_interval("After less before."),
            ratio=_or_null(
                "interval", "After by before; null where the parameter may be negative."
            ),
            probability_of_increase=_chance("P(after > before)."),
        ),
        "smallest": _object(
            "A ratio and its standard error.",
            ratio=_typed("number", "The ratio.", exclusiveMinimum=0),
            error=_typed("number", "Its standard error.", minimum=0),
        ),
        "delay": _object(
            "Rows between the true place of a change and the reported one.",
            rows=_typed("number", "The median.", minimum=0),
            lower=_typed("number", "The lower end of its 95 % interval, by ranks.", minimum=0),
            upper=_typed("number", "The upper end.", minimum=0),
            series=_typed("integer", "In which a change was found and reported.", minimum=6),
        ),
        "interval": _object(
            "A mean and the ends of the central 95 %.",
            mean=_typed("number", "Mean."),
            lower=_typed("number", "Quantile 0.025."),
            upper=_typed("number", "Quantile 0.975."),
        ),
    },
}
