"""A job -> its rows: many series at once where there is a compiled path, else one by one."""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from changepoint.batch import single
from changepoint.batch.loading import Loaded, load
from changepoint.batch.plan import Job, Settings
from changepoint.batch.recipe import Recipe
from changepoint.batch.schema import DATA, LOST, Rows, status_of

if TYPE_CHECKING:
    import pyarrow as pa


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
    if recipe.together:
        left = _together(job, loaded, recipe, rows, left, stopped)
    for i in left:
        if stopped():
            raise StoppedError
        _one(i, job, loaded, recipe, rows)
    return rows.table(settings.by)


def _together(
    job: Job,
    loaded: Loaded,
    recipe: Recipe,
    rows: Rows,
    which: list[int],
    stopped: Callable[[], bool],
) -> list[int]:
    """Solve what can be solved in compiled calls; return the rest."""
    from changepoint.batch import together

    model = recipe.fixed()
    assert model is not None  # else it can't be together
    chosen, left, several = np.array(which), [], []
    if loaded.long is not None:
        good = together.regular(loaded.long, job.first, job.end)[chosen]
        several.append(together.of_table(loaded.long, job.first, chosen[good]))
        chosen = chosen[~good]
    read = []
    for i in chosen.tolist():
        try:
            one = loaded.observations(i, job.first)
        except Exception:
            left.append(i)  # which says why
            continue
        time = one.time
        if not len(one) or (time is not None and np.any(time[1:] <= time[:-1])):
            left.append(i)  # likewise
        else:
            read.append((i, one))
    several += together.of_series(read)
    for ready in several:
        if ready is not None:
            left += together.solve(ready, model, rows, stopped)
    if stopped():
        raise StoppedError
    return sorted(left)


def _one(i: int, job: Job, loaded: Loaded, recipe: Recipe, rows: Rows) -> None:
    """Solve one series by the general engine."""
    try:
        observations = loaded.observations(i, job.first)
        rows.put(i, single.about(observations, observations.response))
        model = recipe.build(observations)
        seed = single.seed_of(loaded.names[i], loaded.keys[i])
        answer = single.solve(observations, model, seed)
    except Exception as error:
        if rows.columns["file"][i] is None:
            rows.put(i, {"file": _file(i, job, loaded)})
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
