"""What is said on standard error while something takes long."""

import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from changepoint.cli import waiting
from changepoint.cli.waiting import Waiting

ROOT = Path(__file__).parents[1]
COMPILES = """
import numpy as np
from changepoint.kernels import row_table
out, top = np.log([[0.5, 0.25]]), np.empty(1)
for _ in range(2):
    row_table.scale(out, top)
print(out.shape)
"""


class Terminal(io.StringIO):
    def isatty(self):
        return True


def until(done):
    """Wait for a thread."""
    for _ in range(500):
        if done():
            return
        time.sleep(0.02)
    pytest.fail("nothing happened in 10 s")


def test_what_is_quick_says_nothing(capsys):
    with Waiting() as tell:
        tell("Reading")
    assert capsys.readouterr() == ("", "")


def test_lines_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(waiting, "AFTER", 0.01)
    with Waiting() as tell:
        tell("Reading")
        until(lambda: tell._shown)
        tell("Fitting")
    assert capsys.readouterr() == ("", "Reading ...\nFitting ...\n")


def test_a_moving_line_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(waiting, "AFTER", 0.01)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    with Waiting() as tell:
        tell("Reading")
        until(lambda: "Reading ..." in screen.getvalue())
        tell("Fitting")
        until(lambda: "Fitting ..." in screen.getvalue())
        tell("Sampling", moves=False)
        assert screen.getvalue().endswith("Sampling ...\n")
    assert sys.stderr is screen
    assert capsys.readouterr().out == ""


def test_an_interrupt_ends_it(monkeypatch):
    monkeypatch.setattr(waiting, "AFTER", 0.01)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt), Waiting() as tell:
        tell("Fitting")
        until(lambda: "Fitting ..." in screen.getvalue())
        raise KeyboardInterrupt
    until(lambda: threading.active_count() == before)


def test_compiling_is_announced_once(tmp_path):
    """Where it happens: not again, once it is in numba's cache."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    for said in ("Compiling the numerical kernels (once, some 10 s) ...\n", ""):
        run = subprocess.run(
            [sys.executable, "-c", COMPILES],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert (run.stdout, run.stderr) == ("(1, 2)\n", said)
