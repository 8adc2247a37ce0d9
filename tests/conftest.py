"""Before the tests: compiled kernels in the cache, by a process of its own."""

import gc
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

# PyTensor keeps the stack of each node that it makes, for messages: a tenth of what it costs.
os.environ["PYTENSOR_FLAGS"] = ",".join(
    [flags for flags in [os.environ.get("PYTENSOR_FLAGS")] if flags] + ["traceback__limit=0"]
)

BIT_BY_BIT = ("beta-binomial", "binomial", "poisson", "negative-binomial")
BATCHES = """
import sys
from changepoint import Model, batch
from changepoint.likelihoods import FAMILIES

table, folder, *names = sys.argv[1:]
for name in names:
    batch.run(table, Model(FAMILIES[name]()), f"{folder}/{name}", by="shop")
"""


def fill_cache():
    """Compile what batches use, in a process of its own.

    A kernel that is compiled gives other last bits than the same one loaded from the cache;
    batches of many processes are compared bit by bit.
    """
    root = Path(__file__).parents[1]
    days = [f"2024-{month:02}-{day:02}" for month in (1, 2) for day in range(1, 29)]
    rows = [
        f"{shop},{day},{3 + 20 * (shop == 'a' and day > '2024-02')},400"
        for shop in "ab"
        for day in days
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = folder / "t.csv"
        table.write_text("\n".join(["shop,date,count,trials", *rows]) + "\n")
        subprocess.run(
            [sys.executable, "-c", BATCHES, table, folder, *BIT_BY_BIT],
            cwd=root, check=True, capture_output=True,
        )  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session):
    """Fill the cache once for all processes that share the tests, before these start."""
    config = session.config
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        fill_cache()


def pytest_collection_finish():
    """Leave what was imported out of Python's search for garbage, and search less often.

    Graphs of PyTensor are millions of small objects: the search takes a fifth of their time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


@pytest.fixture(scope="session")
def compiled(request):
    """Fill the cache, unless that was done for all processes."""
    if not hasattr(request.config, "workerinput"):
        fill_cache()
