"""Model files: a model with its columns and its data, declared in a few lines of Python.

A model file is executed code: run only files that you would run as a script.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from changepoint.errors import ModelError
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.roles import BY_NAME

if TYPE_CHECKING:
    import pymc as pm


_ALONE = threading.RLock()  # standard output is everybody's


@dataclass(frozen=True)
class ModelFile:
    """What a model file declares.

    `model` is a Model, or a function from Observations to one or to a PyMC model; `columns`
    names the columns by role, for outcomes a list of them; `data` is the file it was written
    for; `expected` is the answer for it.
    """

    path: Path
    model: Model | Callable[[Observations], Model | pm.Model]
    columns: Mapping[str, Any]
    data: Path | None
    expected: Mapping[str, Any] | None

    def build(self, observations: Observations) -> Model | pm.Model:
        """Return the model for these data."""
        if isinstance(self.model, Model):
            return self.model
        built = _guarded(self.path, lambda: self.model(observations))  # type: ignore[operator]
        if not isinstance(built, Model) and not is_pymc(built):
            raise ModelError(
                f"{self.path}: model() must return a Model, or a pm.Model, not {built!r}"
            )
        return built


def is_pymc(model: object) -> bool:
    """Return whether something is a PyMC model, without importing PyMC."""
    pymc = sys.modules.get("pymc")
    return pymc is not None and isinstance(model, pymc.Model)


def load(path: str | Path) -> ModelFile:
    """Run a model file and return what it declares.

    Raises
    ------
    ModelError
        If there is no such file, if it raises, or if it declares no model.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"there is no model file {path}")
    try:
        return load_text(path.read_text(encoding="utf-8"), path)
    except (OSError, ValueError) as error:
        raise ModelError(f"the model file {path} can't be read: {error}") from None


def load_text(text: str, path: str | Path) -> ModelFile:
    """Run the text of a model file and return what it declares; its path is for messages.

    Raises
    ------
    ModelError
        If it raises, or if it declares no model.
    """
    path = Path(path)
    names: dict[str, Any] = {"__name__": "changepoint_model", "__file__": str(path)}
    _guarded(path, lambda: exec(compile(text, str(path), "exec"), names))
    model = names.get("model")
    if not isinstance(model, Model) and not callable(model):
        raise ModelError(
            f"{path} must define `model = Model(...)`, or a function model(observations) that "
            f"returns one; found {'nothing' if model is None else repr(model)}"
        )
    columns = names.get("columns", {})
    if not _is_columns(columns):
        raise ModelError(
            f"{path}: columns must be a dictionary {{role: column}} of text, for outcomes of "
            f"lists of text, with the roles {', '.join(BY_NAME)}; not "
            f"{columns!r}"
        )
    data = names.get("data")
    if data is not None and not isinstance(data, str | Path):
        raise ModelError(f"{path}: data must be the path of a file, not {data!r}")
    return ModelFile(
        path=path,
        model=model,
        columns=columns,
        data=None if data is None else path.parent / data,
        expected=names.get("expected"),
    )


def _is_columns(columns: Any) -> bool:
    """Whether these are columns by role: text, or for outcomes a list of text."""
    if not isinstance(columns, Mapping) or not set(columns) <= set(BY_NAME):
        return False
    lists = [names for role, names in columns.items() if BY_NAME[role].several]
    names = [name for role, name in columns.items() if not BY_NAME[role].several]
    return all(isinstance(several, list | tuple) for several in lists) and all(
        isinstance(name, str) for name in (*names, *chain.from_iterable(lists))
    )


def _guarded(path: Path, run: Callable[[], Any]) -> Any:
    """Run the file's own code; whatever it raises becomes a ModelError that names the line.

    What it prints goes to standard error: standard output is for the answer.
    """
    try:
        with _ALONE, contextlib.redirect_stdout(sys.stderr):
            return run()
    except (Exception, SystemExit) as error:
        line = getattr(error, "lineno", None)  # of a SyntaxError
        step = error.__traceback__
        while step is not None:
            if step.tb_frame.f_code.co_filename == str(path):
                line = step.tb_lineno
            step = step.tb_next
        where = f"{path}, line {line}" if line else str(path)
        kind = "" if isinstance(error, ModelError) else f"{type(error).__name__}: "
        raise ModelError(f"{where}: {kind}{error}") from None
