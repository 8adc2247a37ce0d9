import subprocess
import sys

import pytest
from made import ROOT, long_table


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture(scope="session", autouse=True)
def compiled(tmp_path_factory):
    """Fill the cache of compiled kernels by a process of its own, before this one needs them.

    A kernel that is compiled gives other last bits than the same one loaded from the cache;
    here runs of many processes are compared bit by bit.
    """
    folder = tmp_path_factory.mktemp("compiled")
    long_table(20, 40, changed=4).to_parquet(folder / "t.parquet")
    for likelihood in ("beta-binomial", "binomial", "poisson", "negative-binomial"):
        subprocess.run(
            [
                sys.executable, "-m", "changepoint.cli", "batch", folder / "t.parquet", "--by",
                "shop", "--likelihood", likelihood, "--out", folder / likelihood,
            ],
            cwd=ROOT, check=True, capture_output=True,
        )  # fmt: skip
