"""The same jobs on a Dask cluster: jobs of dead workers are done again."""

import contextlib
import os
import random
import signal
import threading
import time

import dask
import pytest
from distributed import Client, LocalCluster
from made import contents, long_table

from changepoint import EngineError, Model, batch, likelihoods
from changepoint.batch import executors
from changepoint.batch.executors import Executor, run_on


class On(Executor):
    """A client that the test looks after."""

    def __init__(self, client):
        self.client = client

    def run(self, jobs, work):
        return run_on(self.client, jobs, work)


@contextlib.contextmanager
def cluster(**config):
    with (
        dask.config.set(config),
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=60,
            env={"OMP_NUM_THREADS": "1"},
        ) as local,
        Client(local) as client,
    ):  # fmt: skip
        local.adapt(minimum=2, maximum=2)  # as `batch.Dask` does
        yield client


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    place = tmp_path_factory.mktemp("long") / "table.parquet"
    long_table(60, 40, changed=10).to_parquet(place, row_group_size=500)
    return place


@pytest.fixture(scope="module")
def undisturbed(table, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    batch.run(table, None, out, by="shop")
    return contents(out)


DEADLY = """
import os
from changepoint import Model, likelihoods
def model(observations):
    if observations.count[0] == 777:
        os._exit(9)
    return Model(likelihoods.Poisson())
"""


def test_workers_give_the_same_answers(table, undisturbed, out):
    batch.run(table, None, out, by="shop", executor=batch.Dask())
    assert contents(out) == undisturbed


def test_a_deadly_series_stays_alone(tmp_path, out):
    (tmp_path / "model.py").write_text(DEADLY)
    data = long_table(48, 10)
    data.loc[data.index[data["shop"] == "shop 0030"][0], "count"] = 777
    data.drop(columns="trials").to_parquet(tmp_path / "t.parquet")
    with cluster(**{"distributed.scheduler.allowed-failures": 0}) as client:
        address = client.scheduler.address
        batch.run(
            tmp_path / "t.parquet", tmp_path / "model.py", out, by="shop",
            executor=batch.Dask(address),
        )  # fmt: skip
    rows = batch.read(out).set_index("series")
    assert rows.loc["shop 0030", "status"] == "worker_lost"
    assert "t.parquet: the worker process died" in rows.loc["shop 0030", "error"]
    # A worker that dies takes with it what it was to do next: that is done again.
    assert (rows.drop(index="shop 0030")["status"] == "ok").all()
    assert len(rows) == 48


def test_there_must_be_a_scheduler(table, out, monkeypatch):
    monkeypatch.setattr(executors, "WAIT", 0.5)
    with pytest.raises(EngineError, match=r"no Dask scheduler at tcp://127.0.0.1:9"):
        batch.run(table, None, out, by="shop", executor=batch.Dask("tcp://127.0.0.1:9"))


@pytest.mark.slow
def test_workers_killed_at_twenty_instants(tmp_path, out):
    """kill -9 on one worker after the other, while they work."""
    data = tmp_path / "table.parquet"
    long_table(900, 50, changed=10).to_parquet(data, row_group_size=500)
    model = Model(likelihoods.BetaBinomial())
    batch.run(data, model, tmp_path / "undisturbed", by="shop")
    instants, kills, done = random.Random(3), 0, threading.Event()
    with cluster(**{"distributed.scheduler.allowed-failures": 10}) as client:

        def kill():
            nonlocal kills
            while kills < 20 and not done.wait(instants.uniform(0.1, 0.5)):
                workers = list(client.cluster.workers.values())
                pids = [nanny.pid for nanny in workers if nanny.pid]
                with contextlib.suppress(ProcessLookupError, IndexError):
                    os.kill(instants.choice(pids), signal.SIGKILL)
                    kills += 1
                time.sleep(0.2)

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            summary = batch.run(data, model, out, by="shop", executor=On(client))
        finally:
            done.set()
            killer.join()
    assert kills >= 20
    assert summary.failed == 0
    assert contents(out) == contents(tmp_path / "undisturbed")
