"""Probabilities of changes, the parameter by row and segment: as arrays, and as a Dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.results.result import INTERVAL, QUANTILES, Result

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]


class Effects(NamedTuple):
    """What the changes did: difference and ratio (INTERVAL), each (k, 3); P(increase), (k,)."""

    difference: Floats
    ratio: Floats
    increase: Floats


class Places(NamedTuple):
    """The changes, given their most probable number k; the fields are those of `Given`.

    `effects` is None where draws tell.
    """

    probability: Floats
    credible: NDArray[np.bool_]
    inside: Floats
    segments: Floats
    effects: Effects | None


class Marginals(NamedTuple):
    """What figures, words and JSON are made of; the fields are those of `Result`.

    Of a result and of a stored tree alike, without xarray.
    """

    log_evidence: float | None
    change_probability: Floats
    number_probability: Floats
    number_error: float
    rows: Floats
    places: Places | None

    @classmethod
    def of(cls, result: Result) -> Marginals:
        """Return those of a result."""
        given, places = result.given, None
        if given is not None:
            effects = None
            if given.steps:
                columns = zip(*given.steps, strict=True)
                effects = Effects(*(np.array(column) for column in columns))
            places = Places(
                given.probability, given.credible, given.inside, given.segments, effects
            )
        return cls(
            result.log_evidence,
            result.change_probability,
            result.number_probability,
            result.number_error,
            result.rows,
            places,
        )

    @classmethod
    def read(cls, told: xr.Dataset, parameter: str) -> Marginals:
        """Return those that `dataset` told of."""
        places = None
        if "switchpoint_probability" in told:
            effects = None
            if "increase_probability" in told:
                difference = told[f"{parameter}_difference"].values
                ratio = np.full_like(difference, np.nan)  # of what may be negative
                if f"{parameter}_ratio" in told:
                    ratio = told[f"{parameter}_ratio"].values
                effects = Effects(difference, ratio, told["increase_probability"].values)
            places = Places(
                told["switchpoint_probability"].values,
                told["credible"].values.astype(bool),
                told["inside_probability"].values,
                _stacked(told, f"{parameter}_segment"),
                effects,
            )
        return cls(
            float(told["log_evidence"]) if "log_evidence" in told else None,
            told["change_probability"].values,
            told["number_probability"].values,
            float(told.attrs["number_error"]),
            _stacked(told, parameter),
            places,
        )

    def dataset(self, parameter: str, time: NDArray[Any]) -> xr.Dataset:
        """Return them as a group of the tree."""
        import xarray as xr

        variables: dict[str, Any] = {
            "change_probability": ("time", self.change_probability),
            "number_probability": ("k", self.number_probability),
            f"{parameter}_mean": ("time", self.rows[0]),
            f"{parameter}_quantile": (("quantile", "time"), self.rows[1:]),
        }
        coordinates: dict[str, Any] = {
            "time": time,
            "k": np.arange(len(self.number_probability)),
            "quantile": np.array(QUANTILES),
        }
        if self.log_evidence is not None:
            variables["log_evidence"] = self.log_evidence
        if self.places is not None:
            probability, credible, inside, segments, effects = self.places
            variables["switchpoint_probability"] = (("change", "time"), probability)
            variables["credible"] = (("change", "time"), credible.astype(np.int8))
            variables["inside_probability"] = ("change", inside)
            variables[f"{parameter}_segment_mean"] = ("segment", segments[0])
            variables[f"{parameter}_segment_quantile"] = (("quantile", "segment"), segments[1:])
            if effects is not None:
                dims = ("change", "interval")
                variables[f"{parameter}_difference"] = (dims, effects.difference)
                if not np.isnan(effects.ratio).any():
                    variables[f"{parameter}_ratio"] = (dims, effects.ratio)
                variables["increase_probability"] = ("change", effects.increase)
                coordinates["interval"] = list(INTERVAL)
            coordinates["change"] = np.arange(len(probability))
            coordinates["segment"] = np.arange(len(probability) + 1)
        return xr.Dataset(variables, coordinates, {"number_error": self.number_error})


def _stacked(told: xr.Dataset, name: str) -> Floats:
    """Return mean and quantiles of a parameter, (4, .)."""
    stacked: Floats = np.vstack([told[f"{name}_mean"].values, told[f"{name}_quantile"].values])
    return stacked
