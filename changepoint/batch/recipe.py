"""Which model is used for each series; told in text, so that any worker can build it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from changepoint import likelihoods
from changepoint.changes import Changes
from changepoint.effects import Effect, effect_of, seasons_of
from changepoint.errors import ModelError
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.model import Model, default_model
from changepoint.modelfiles import ModelFile, is_pymc, load_text
from changepoint.observations import Observations


@dataclass(frozen=True)
class Recipe:
    """A model file's text, a model, or the choices that the default model leaves.

    Parameters
    ----------
    name
        What it is called: the file, or the model.
    text
        The model file; it is run as code by every worker.
    model
        JSON of `Model.to_dict`.
    likelihood, changes
        Of `default_model`: the name of a family (None: what the columns suggest), and JSON of
        arguments of `Changes`.
    seasons, effects
        Of `default_model`: names of seasons; JSON of `to_dict` of further effects.
    """

    name: str = "default"
    text: str | None = None
    model: str | None = None
    likelihood: str | None = None
    changes: str = "{}"
    seasons: tuple[str, ...] = ()
    effects: str = "[]"

    @classmethod
    def of(cls, model: Any) -> Self:
        """Return the recipe of a Model, a likelihood's name, a path, or None.

        Raises
        ------
        ModelError
            If it is something else, or the file can't be read.
        """
        if model is None:
            return cls()
        if isinstance(model, cls):
            return model
        if isinstance(model, Model):
            return cls(name=str(model), model=json.dumps(model.to_dict()))
        if not isinstance(model, str | Path):
            raise ModelError(
                f"model must be a Model, the path of a model file, or None, not {model!r}"
            )
        try:
            return cls(name=str(model), text=Path(model).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"the model file {model} can't be read: {error}") from None

    @classmethod
    def of_choices(
        cls,
        likelihood: str | None,
        changes: Mapping[str, Any],
        seasons: Sequence[str] = (),
        effects: Sequence[Effect] = (),
    ) -> Self:
        """Return the recipe of a likelihood's name, arguments of `Changes`, and effects.

        Raises
        ------
        ModelError
            If there is no such likelihood, or if the arguments don't fit together.
        """
        if likelihood is not None and likelihood not in likelihoods.FAMILIES:
            known = ", ".join(likelihoods.FAMILIES)
            raise ModelError(f"there is no likelihood {likelihood!r}; there are {known}")
        some = (*seasons_of(seasons, None), *effects)
        if likelihood is not None:
            Model(likelihoods.FAMILIES[likelihood](), Changes(**changes), some)
        Changes(**changes)
        told = [likelihood or "default", *(f"{name}={n}" for name, n in changes.items())]
        told += [f"season={season}" for season in seasons]
        told += map(str, effects)
        return cls(
            ", ".join(told),
            likelihood=likelihood,
            changes=json.dumps(dict(changes)),
            seasons=tuple(dict.fromkeys(seasons)),
            effects=json.dumps([effect.to_dict() for effect in effects]),
        )

    def declared(self) -> ModelFile | None:
        """Return what the model file declares, if it is one.

        Raises
        ------
        ModelError
            If it raises, or declares no model.
        """
        return None if self.text is None else _declared(self.text, self.name)

    def fixed(self) -> Model | None:
        """Return the model, if it is one for all series."""
        declared = self.declared()
        if declared is not None:
            return declared.model if isinstance(declared.model, Model) else None
        if self.model is not None:
            return Model.from_dict(json.loads(self.model))
        return None

    @property
    def quick(self) -> bool:
        """Whether a series takes but a millisecond or so: no hyperparameter, no average."""
        fixed, family = self.fixed(), None
        if fixed is not None and not fixed.effects:
            family = fixed.likelihood
        elif self.likelihood is not None and self.seasons == ("none",) and self.effects == "[]":
            family = likelihoods.FAMILIES[self.likelihood]()
        return isinstance(family, GridLikelihood) and family.hyper is None

    def build(self, observations: Observations) -> Model:
        """Return the model for a series, priors not filled.

        Raises
        ------
        ModelError
            If the model file fails, or returns a PyMC model.
        """
        fixed = self.fixed()
        if fixed is not None:
            return fixed
        declared = self.declared()
        if declared is not None:
            built = declared.build(observations)
            if is_pymc(built):
                raise ModelError(
                    f"{self.name} returns a PyMC model; a batch takes models with an exact "
                    "answer. Sample single series with changepoint fit"
                )
            assert isinstance(built, Model)
            return built
        family = None if self.likelihood is None else likelihoods.FAMILIES[self.likelihood]()
        effects = list(map(effect_of, json.loads(self.effects)))
        changes = json.loads(self.changes)
        return default_model(observations, family, effects, self.seasons, **changes)

    def key(self) -> str:
        """Return a hash of all that answers depend on."""
        told = {**asdict(self), "name": None}
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@lru_cache(maxsize=4)
def _declared(text: str, name: str) -> ModelFile:
    return load_text(text, name)
