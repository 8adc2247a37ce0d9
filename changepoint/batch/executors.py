"""Where jobs run: threads of this process, or the workers of a Dask cluster."""

# pyarrow and distributed say little of their types.
# mypy: disable-error-code="attr-defined,no-untyped-call"

from __future__ import annotations

import os
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from changepoint.batch.folder import Folder
from changepoint.batch.plan import Job, Settings
from changepoint.batch.recipe import Recipe
from changepoint.batch.schema import OK
from changepoint.batch.solving import lost, solve
from changepoint.errors import DataWarning, EngineError, ModelError

WAIT = 20  # seconds for an answer of a scheduler


class Work(NamedTuple):
    """What every job of a run shares."""

    out: str
    settings: Settings
    recipe: Recipe
    stamp: str  # hash of model, settings and version
    here: str  # what relative paths of inputs are relative to


class Done(NamedTuple):
    """What is told of a job that is done: its series, and how many of them failed."""

    series: int
    failed: int


def cores() -> int:
    """Return how many cores this process may use."""
    count: int | None = getattr(os, "process_cpu_count", os.cpu_count)()  # from Python 3.13 on
    return count or 1


def perform(job: Job, work: Work, stopped: Any = lambda: False) -> Done:
    """Do a job, and write its part."""
    table = solve(job, work.settings, work.recipe, stopped)
    return _kept(table, job, work)


def _kept(table: Any, job: Job, work: Work) -> Done:
    """Write the part, and count its rows."""
    Folder(work.out).write_part(job.number, table, job.key(work.stamp))
    good = sum(status == OK for status in table.column("status").to_pylist())
    return Done(len(table), len(table) - good)


class Executor(ABC):
    """Runs jobs; `Threads` and `Dask` are."""

    @abstractmethod
    def run(self, jobs: Sequence[Job], work: Work) -> Iterator[Done]:
        """Do all jobs, and say of each when it is done."""


@dataclass(frozen=True)
class Threads(Executor):
    """Threads of this process: kernels run without the interpreter lock.

    Parameters
    ----------
    number
        How many; by default one for each core.
    """

    number: int | None = None

    def __post_init__(self) -> None:
        if self.number is not None and self.number < 1:
            raise ModelError(f"number of Threads must be at least 1, not {self.number}")

    def run(self, jobs: Sequence[Job], work: Work) -> Iterator[Done]:
        """Do all jobs; when interrupted, those in flight are given up within moments."""
        number = self.number or cores()
        stop = threading.Event()
        waiting, running = iter(jobs), set[Future[Done]]()
        with ThreadPoolExecutor(number) as pool:
            try:
                while True:
                    # One more than there are threads: so that none waits for this loop.
                    for job in waiting:
                        running.add(pool.submit(perform, job, work, stop.is_set))
                        if len(running) > number:
                            break
                    if not running:
                        return
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
            finally:
                stop.set()
                for future in running:
                    future.cancel()


@dataclass(frozen=True)
class Dask(Executor):
    """The workers of a Dask cluster, which see the inputs and the --out folder as we do.

    A job whose worker dies is done again by another; one that kills every worker is divided
    until the series that does it stands alone, with the status worker_lost.

    Parameters
    ----------
    address
        Of the scheduler, such as tcp://10.0.0.5:8786; None starts workers on this machine, one
        for each core. Code that workers run comes from there: it must be trusted.
    """

    address: str | None = None

    def run(self, jobs: Sequence[Job], work: Work) -> Iterator[Done]:
        """Do all jobs.

        Raises
        ------
        EngineError
            If distributed isn't installed, or there is no such cluster.
        """
        with _client(self.address) as client:
            yield from run_on(client, jobs, work)


def run_on(client: Any, jobs: Sequence[Job], work: Work) -> Iterator[Done]:
    """Do jobs on a client of Dask's.

    Raises
    ------
    EngineError
        If the cluster is lost.
    """
    from distributed import KilledWorker, as_completed
    from distributed.client import FutureCancelledError

    waiting = iter(jobs)
    of: dict[str, Job] = {}

    def submit(job: Job) -> Any:
        future = client.submit(_on_worker, job, work, pure=False)
        of[future.key] = job
        return future

    # A few for each core at a time: millions of series need not wait at the scheduler.
    ahead = 4 * max(sum(client.nthreads().values()), 1)
    running = as_completed([submit(job) for job in islice(waiting, ahead)])
    for future in running:
        job = of.pop(future.key)
        try:
            yield future.result()
        except KilledWorker:
            yield _divided(client, job, work)
        except FutureCancelledError as error:
            raise EngineError(f"the Dask cluster was lost: {error}") from None
        following = next(waiting, None)
        if following is not None:
            running.add(submit(following))


def _on_worker(job: Job, work: Work) -> Done:
    _settle(work)
    return perform(job, work)


def _rows_on_worker(job: Job, work: Work) -> Any:
    _settle(work)
    return solve(job, work.settings, work.recipe)


def _settle(work: Work) -> None:
    """Make a worker process see paths as we do, and keep quiet: warnings are in the rows."""
    warnings.simplefilter("ignore", DataWarning)
    with suppress(OSError):
        os.chdir(work.here)


def _divided(client: Any, job: Job, work: Work) -> Done:
    """Do a job that killed its workers, half by half; write its part here."""
    import pyarrow as pa
    from distributed import KilledWorker

    def rows(half: Job) -> Any:
        try:
            return client.submit(_rows_on_worker, half, work, pure=False).result()
        except KilledWorker:
            if len(half) == 1:
                return lost(half, work.settings)
            return pa.concat_tables([rows(part) for part in half.halves()])

    table = (
        lost(job, work.settings)
        if len(job) == 1
        else pa.concat_tables([rows(half) for half in job.halves()])
    )
    return _kept(table, job, work)


@contextmanager
def _client(address: str | None) -> Iterator[Any]:
    try:
        import distributed
    except ImportError:
        raise EngineError(
            "a Dask cluster needs the package distributed: pip install "
            "'changepoint-toolkit[dask]'. Without it, batches run in threads of this machine"
        ) from None
    if address is not None:
        try:
            client = distributed.Client(address, timeout=WAIT)
        except (OSError, ValueError) as error:
            raise EngineError(f"there is no Dask scheduler at {address}: {error}") from None
        with client:
            yield client
        return
    number = cores()
    cluster = distributed.LocalCluster(
        n_workers=number,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        env={"OMP_NUM_THREADS": "1"},
        silence_logs=50,
    )
    # A worker that dies while it starts is given up by its nanny; this starts another one.
    cluster.adapt(minimum=number, maximum=number)
    with cluster, distributed.Client(cluster) as client:
        yield client
