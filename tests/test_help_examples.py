"""The examples that the help prints do what they say."""

import re
import shlex
from pathlib import Path

import pytest

from changepoint.cli import app, main

ROOT = Path(__file__).parents[1]
EXAMPLE = re.compile(r"^Example: changepoint (.+)\n\n", re.MULTILINE)
COMMANDS = ["", *sorted(name for name in app if not name.startswith("-"))]

# What the answer to each command's example has to say. `batch` stands before `report`,
# whose example reads what the example of `batch` wrote.
TOLD = {
    "": r"^Assuming exactly 1 change: at 1847-06-01",
    "batch": r"^3 series",
    "calibrate": r"^Of 50 series like the data, without a change, 5 % have P",
    "check": r"Use 'beta-binomial'(.|\n)*Use 'beta'",
    "fit": r"^The rate changed once \(P\(any change\)(.|\n)*at 2025-04-22",
    "power": r"^The smallest increase found in 80 % of such series: x1\.",
    "report": r"^Written: build/batch/report\.html$",
}


@pytest.fixture
def run(capsys):
    """Run the command; return exit status and what it printed."""

    def run(arguments):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        told = capsys.readouterr()
        return ended.value.code, told.out, told.err

    return run


@pytest.fixture
def examples(run, monkeypatch):
    """Return the examples of a command, as an 80 column terminal shows them."""
    monkeypatch.setenv("COLUMNS", "80")

    def examples(command):
        status, out, err = run([*command.split(), "--help"])
        assert (status, err) == (0, "")
        lines = [line.rstrip() for line in out.splitlines()]
        found = EXAMPLE.findall("\n".join(lines))
        # One that was wrapped, or stands in running text, isn't one to copy.
        assert len(found) == out.count("Example") > 0, out
        return found

    return examples


def test_every_command_has_something_to_tell():
    assert list(TOLD) == COMMANDS


def test_the_example_of_each_help_works(run, examples, tmp_path, monkeypatch):
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    for command, pattern in TOLD.items():
        for example in examples(command):
            arguments = shlex.split(example)
            assert command in ("", arguments[0])
            status, out, err = run(arguments)
            assert (status, "Traceback" in out + err) == (0, False), f"{example}\n{err}"
            assert re.search(pattern, out, re.MULTILINE), f"{example}\n{out}"
    assert (tmp_path / "build/batch/report.html").is_file()


@pytest.mark.parametrize("text", ["Example: changepoint fit a.csv\n--out b\n", "An example.\n"])
def test_an_example_that_was_wrapped_is_none(text):
    assert EXAMPLE.findall(text) == []
