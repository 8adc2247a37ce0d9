"""Streams and folders as they are: closed, full, without a reader, narrow, not Unicode."""

import errno
import gzip
import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from changepoint import DataError, Model, Observations, fit, likelihoods
from changepoint.cli import main
from changepoint.plain import NARROWEST, width
from changepoint.report.files import write

ROOT = Path(__file__).parents[1]
COAL = ROOT / "data" / "coal_disasters.csv"
COMMANDS = [["check", str(COAL)], ["--help"], ["fit", "--help"], ["--version"]]


class Failing(io.RawIOBase):
    """Bytes that nobody takes."""

    def __init__(self, code):
        self.code = code

    def writable(self):
        return True

    def write(self, data):
        if self.code is None:
            return len(data)
        raise OSError(self.code, os.strerror(self.code))


def status_of(arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


@pytest.fixture
def broken(monkeypatch):
    """Put a stream in place that fails with a code; None is one that was closed before."""
    raw = Failing(None)
    stream = io.TextIOWrapper(io.BufferedWriter(raw))

    def break_(name, code):
        raw.code = code
        monkeypatch.setattr(sys, name, None if code is None else stream)

    yield break_
    raw.code = None
    stream.close()


@pytest.mark.parametrize(
    ("code", "status"), [(None, 3), (errno.ENOSPC, 3), (errno.EIO, 3), (errno.EPIPE, 0)]
)
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_an_answer_that_cannot_be_written_is_told(arguments, code, status, broken, capsys):
    broken("stdout", code)
    assert status_of(arguments) == status
    told = capsys.readouterr().err
    assert len(told.splitlines()) == (status == 3)
    assert ("can't write to standard output" in told) == (status == 3)


@pytest.mark.parametrize("code", [None, errno.ENOSPC, errno.EPIPE])
@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["fit", "nothing.csv"], 3), (["fit", "--nothing"], 2), (["--version"], 0)],
    ids=str,
)
def test_words_that_cannot_be_written_change_nothing(arguments, status, code, broken, capsys):
    broken("stderr", code)
    assert status_of(arguments) == status
    assert (capsys.readouterr().out == "") == bool(status)  # nor are they told elsewhere


@pytest.mark.parametrize("closed", [(0, 1, 2), (1,), (2,)])
def test_no_file_takes_the_place_of_a_closed_stream(closed, tmp_path):
    code = "import os, sys; [os.close(i) for i in {}]; os.execv(sys.executable, {})"
    arguments = [sys.executable, "-m", "changepoint.cli", "check", str(COAL)]
    told = subprocess.run(
        [sys.executable, "-c", code.format(closed, arguments)],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert told.returncode == (3 if 1 in closed else 0)
    assert ("Use 'negative-binomial'" in told.stdout) == (1 not in closed)
    assert len(told.stderr.splitlines()) == (closed == (1,))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_signs_that_a_stream_lacks_are_written_out(encoding, tmp_path, monkeypatch):
    file = tmp_path / os.fsdecode("dé─\u4e2d".encode() + b"\xff.csv")
    file.write_bytes(COAL.read_bytes())
    for arguments in (["check", str(file)], ["fit", "--help"]):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        assert status_of(arguments) == 0
        told = stream.buffer.getvalue().decode(encoding)
        assert told
        assert ("\\udcff.csv" in told) == (arguments[0] == "check")


@pytest.mark.parametrize("columns", ["0", "1", "20", "x"])
def test_lines_are_never_narrower_than_can_be_read(columns, monkeypatch, capsys):
    """Rich takes all memory where a column is narrower than a character."""
    monkeypatch.setenv("COLUMNS", columns)
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    assert width(terminal) >= NARROWEST
    assert status_of(["fit", "--help"]) == 0
    assert "--count" in capsys.readouterr().out


def test_arguments_do_not_act(capsys):
    assert status_of(["fit", str(COAL), "--x\x1b[31m[red]\u202e"]) == 2
    assert capsys.readouterr().err.endswith("--x\\x1b[31m[red]\\u202e.\n")


@pytest.fixture
def limited():
    """Let no file grow above so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_all_files_or_none(tmp_path, limited):
    data = Observations(count=np.repeat([3.0, 30.0], 10))
    posterior = fit(Model(likelihoods.Poisson()), data)
    held = tmp_path / "held"
    held.mkdir()
    (held / "result.json").write_text("of an earlier run")
    write(posterior, tmp_path / "a/good", "{}")
    sizes = sorted(file.stat().st_size for file in (tmp_path / "a/good").iterdir())
    for size in (sizes[0] + 1, sizes[-2] + 1):
        limited(size)
        for out in (tmp_path / "b/new", held):
            with pytest.raises(DataError, match=f"can't write to {out}: File too large"):
                write(posterior, out, "{}")
    limited(2**30)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "held"}
    assert [path.read_text() for path in held.iterdir()] == ["of an earlier run"]
    write(posterior, held, "{}")
    names = [{path.name for path in out.iterdir()} for out in (held, tmp_path / "a/good")]
    assert names[0] == names[1]


# -- standard input ---------------------------------------------------------------------------


@pytest.fixture
def piped(monkeypatch, capsys):
    """Run the command with standard input; return status, standard output and error."""

    def run(content, *arguments):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        return (status_of([*map(str, arguments)]), *capsys.readouterr())

    return run


@pytest.mark.parametrize("order", [("fit", "-", "--json"), ("fit", "--json", "-")])
@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_a_dash_is_standard_input(piped, order, packed):
    """The answer is that of the file, but for its name."""
    told = json.loads(piped(packed(COAL.read_bytes()), *order)[1])
    known = json.loads(piped(b"", "fit", COAL, "--json")[1])
    assert (told.pop("file"), known.pop("file")) == ("standard input", str(COAL))
    assert told == known


def test_check_takes_it_beside_files(piped):
    status, told, _ = piped(COAL.read_bytes(), "check", "-", COAL)
    assert status == 0
    first, second = told.replace(str(COAL), "standard input").strip().split("\n\n")
    assert first.startswith("standard input\n")
    assert first == second


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "standard input: the file is empty"),
        (b"date,count\n2024-01-01,x\n2024-01-02,1\n", "standard input, line 2, 2024-01-01"),
        (
            b"SQLite format 3\0" + bytes(100),
            "standard input: this SQLite database is on standard",
        ),
        (b"PAR1" + bytes(100), "standard input: this is a Parquet file"),
    ],
)
def test_messages_name_it(piped, content, told):
    status, _, said = piped(content, "fit", "-")
    assert status == 3
    assert told in said


def test_it_may_be_closed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    assert status_of(["fit", "-"]) == 3
    assert "standard input is closed: there is nothing to read" in capsys.readouterr().err
