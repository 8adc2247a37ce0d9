"""The answer as JSON, as `changepoint fit --json` prints it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from changepoint.report.events import event_sentence
from changepoint.report.headline import headline
from changepoint.report.json_schema import SCHEMA_VERSION
from changepoint.report.sentences import sentence
from changepoint.report.units import unit_of
from changepoint.results.events import EventEffect, EventFound
from changepoint.results.reported import Change
from changepoint.results.summaries import MASS
from changepoint.results.sure_changes import SureChange
from changepoint.trust.predictive import checks
from changepoint.version import __version__

if TYPE_CHECKING:
    from changepoint.answer import Answer
    from changepoint.report.alert import Alert
    from changepoint.trust import Certificate


def to_dict(
    posterior: Answer, alert: Alert | None = None, certificate: Certificate | None = None
) -> dict[str, Any]:
    """Return what `changepoint fit --json` prints; NaN never appears."""
    observations, model = posterior.observations, posterior.model
    observed = int(observations.observed(model.likelihood.response).sum())
    last = len(observations) - 1
    engine = posterior.engine
    probabilities = posterior.number_probability
    kept = np.flatnonzero(probabilities > 1e-9).max(initial=0)
    return {
        "version": __version__,
        "schema": SCHEMA_VERSION,
        "headline": headline(posterior, certificate),
        "sentence": sentence(posterior),
        "unit": unit_of(posterior).to_dict(),
        "file": observations.file,
        "observations": observed,
        "missing": len(observations) - observed,
        "time": {"first": observations.stamp(0), "last": observations.stamp(last)},
        "model": {
            "likelihood": model.likelihood.name,
            "priors": model.likelihood.priors(),
            "changes": model.changes.to_dict(),
            "effects": [effect.to_dict() for effect in posterior.effects],
        },
        "engine": {
            key: engine[key] for key in ("name", "seed", "settings", "converged", "diagnostics")
        },
        "log_evidence": posterior.log_evidence,
        "probability_of_change": posterior.probability_of_change,
        "number_of_changes": {str(k): float(probabilities[k]) for k in range(kept + 1)},
        "changes": [_change_dict(change) for change in posterior.changes],
        "sure_changes": [_sure_dict(change) for change in posterior.sure_changes()],
        "spikes": [vars(spike) for spike in posterior.spikes],
        "models": [
            {key: _plain(value) for key, value in one.items()}
            | {"number": None if one["number"] < 0 else one["number"]}
            for one in posterior.models
        ],
        "sensitivity": [
            {"prior_strength": strength, "probability_of_change": p}
            for strength, p in posterior.sensitivity.items()
        ],
        "hyper_sensitivity": [
            {"times_as_large": times, "probability_of_change": p}
            for times, p in posterior.hyper_sensitivity.items()
        ],
        "checks": [check.to_dict() for check in checks(posterior)],
        "alert": None if alert is None else alert.to_dict(),
        "certificate": None if certificate is None else certificate.to_dict(),
        "events": [_event_dict(posterior, event) for event in posterior.events],
        "warnings": list(posterior.warnings),
    }


def _plain(value: Any) -> str | float | int | None:
    """Return a table's cell as JSON has it."""
    if isinstance(value, str | int):
        return value
    return None if math.isnan(value) else float(value)


def _sure_dict(change: SureChange) -> dict[str, Any]:
    first, last = change.times
    return {
        "first": first,
        "last": last,
        "most_probable": change.time,
        "index": change.index,
        "probability": change.probability,
        **_effect_dict(change),
    }


def _event_dict(posterior: Answer, event: EventFound) -> dict[str, Any]:
    first, last = event.times
    return {
        "sentence": event_sentence(posterior, event),
        "time": event.time,
        "label": event.label,
        "index": event.index,
        "start": event.start,
        "first": first,
        "last": last,
        "window": event.window,
        "probability": event.probability,
        "chance": event.chance,
        "effect": None if event.effect is None else _effect_dict(event.effect),
    }


def _effect_dict(change: Change | SureChange | EventEffect) -> dict[str, Any]:
    return {
        "before": change.before._asdict(),
        "after": change.after._asdict(),
        "difference": change.difference._asdict(),
        "ratio": None if change.ratio is None else change.ratio._asdict(),
        "probability_of_increase": change.probability_of_increase,
    }


def _change_dict(change: Change) -> dict[str, Any]:
    return {
        "index": change.index,
        "time": change.time,
        "most_probable": change.most_probable,
        "probability": change.probability,
        "credible_set": {"mass": MASS, "times": [list(pair) for pair in change.credible_times]},
        **_effect_dict(change),
        "others": {
            name: {"before": before._asdict(), "after": after._asdict()}
            for name, (before, after) in change.others.items()
        },
    }
