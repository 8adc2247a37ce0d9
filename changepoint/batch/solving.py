"""A job -> its rows: series that are alike are solved together, the others one by one."""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from changepoint.answer import Answer
from changepoint.batch import row
from changepoint.batch.loading import Loaded, load
from changepoint.batch.plan import Job, Settings
from changepoint.batch.recipe import Recipe
from changepoint.batch.schema import DATA, LOST, Rows, status_of
from changepoint.exact.engine import Exact
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.results.result import Result

if TYPE_CHECKING:
    import pyarrow as pa


AT_ONCE = 64  # series at a time: their nodes are laid together


class StoppedError(Exception):
    """The run was asked to stop before this job was done."""


def solve(
    job: Job, settings: Settings, recipe: Recipe, stopped: Callable[[], bool] = lambda: False
) -> pa.Table:
    """Return a row for each series of a job; whatever goes wrong with one is in its row.

    Raises
    ------
    StoppedError
        If `stopped` says so, which is asked now and then.
    """
    loaded = load(job, settings)
    rows = Rows(loaded.names, loaded.keys)
    repeated = dict(job.repeated)
    left = []
    for i in range(len(loaded.names)):
        if job.first + i in repeated:
            rows.put(i, {"file": job.files[0]})
            rows.fail(i, DATA, _repeated(loaded.names[i], job, repeated[job.first + i]))
        else:
            left.append(i)
    for first in range(0, len(left), AT_ONCE):
        _several(left[first : first + AT_ONCE], job, loaded, recipe, rows, stopped)
    return rows.table(settings.by)


class _Ready(NamedTuple):
    """A series that was read and checked, with its model's priors filled."""

    place: int
    observations: Observations
    model: Model
    notes: tuple[str, ...]


def _several(
    which: list[int],
    job: Job,
    loaded: Loaded,
    recipe: Recipe,
    rows: Rows,
    stopped: Callable[[], bool],
) -> None:
    """Solve some series, together where their models are alike."""
    ready = []
    for i in which:
        try:
            ready.append(_read(i, job, loaded, recipe, rows))
        except Exception as error:
            if rows.columns["file"][i] is None:
                rows.put(i, {"file": _file(i, job, loaded)})
            rows.fail(i, *status_of(error))
    seeds = [row.seed_of(loaded.names[one.place], loaded.keys[one.place]) for one in ready]
    found = Exact().run_each(
        [one.model for one in ready],
        [one.observations for one in ready],
        [one.notes for one in ready],
        seeds,
        [row.middles(len(one.observations)) for one in ready],
    )
    if stopped():
        raise StoppedError
    left = dict(enumerate(ready))
    try:
        for n, result in found:
            _put(left.pop(n).place, result, rows)
            if stopped():
                raise StoppedError
    except StoppedError:
        raise
    except Exception:  # a bug that one of them shows: each has its own row
        for n, one in left.items():
            _put(one.place, _alone(one, seeds[n]), rows)


def _read(i: int, job: Job, loaded: Loaded, recipe: Recipe, rows: Rows) -> _Ready:
    """Return one series, or raise what is wrong with it."""
    observations = loaded.observations(i, job.first)
    rows.put(i, row.about(observations, observations.response))
    model = recipe.build(observations)
    notes = model.check(observations)
    return _Ready(i, observations, model.resolve(observations), notes)


def _alone(one: _Ready, seed: int) -> Result | Exception:
    try:
        return Exact(seed=seed).run(one.model, one.observations, one.notes)
    except Exception as error:
        return error


def _put(i: int, result: Result | Exception, rows: Rows) -> None:
    """Put an answer, or what went wrong, into the row of a series."""
    try:
        if isinstance(result, Exception):
            raise result
        answer = row.of_answer(Answer(result))
    except Exception as error:
        rows.fail(i, *status_of(error))
        return
    rows.put(i, answer.values)
    rows.changes[i], rows.curves[i] = answer.changes, answer.curve


def _file(i: int, job: Job, loaded: Loaded) -> str:
    if loaded.long is not None:
        return loaded.long.files[job.first + i]
    return job.files[job.first + i] if job.kind == "files" else loaded.names[i]


def _repeated(name: str, job: Job, other: str) -> str:
    return (
        f"{job.files[0]}: rows of the series {name!r} stand in {other} too. Put all rows of a "
        "series into one file, or tell the series apart by one more column (--by)"
    )


def lost(job: Job, settings: Settings) -> pa.Table:
    """Return the rows of a job whose worker died whenever it was tried."""
    loaded = load(job, settings)
    rows = Rows(loaded.names, loaded.keys)
    for i in range(len(loaded.names)):
        file = _file(i, job, loaded)
        rows.put(i, {"file": file})
        rows.fail(
            i,
            LOST,
            f"{file}: the worker process died whenever it worked on this series, perhaps for "
            "lack of memory. Try it alone with changepoint fit, or give workers more memory",
        )
    return rows.table(settings.by)
