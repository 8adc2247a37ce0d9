"""The examples in the command's help do what they say."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from changepoint.cli import app, main

ROOT = Path(__file__).parents[1]
COMMANDS = [name for name in app if not name.startswith("-")]
TOLD = {  # what the example of each help says, in part
    "": "at 1891",
    "fit": "at 2025-04-2",
    "check": "Use 'beta-binomial'",
    "batch": "3 series",
    "report": "Written: ",
}


def run(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code, capsys.readouterr().out


def example(command, capsys):
    """Return the arguments of the example that a help shows, globs spelled out."""
    status, shown = run([*command.split(), "--help"], capsys)
    assert status == 0
    (line,) = re.findall(r"Example: changepoint (.*?)(?:│|$)", shown, re.MULTILINE)
    found = []
    for word in shlex.split(line):
        found += sorted(str(path) for path in Path().glob(word)) if "*" in word else [word]
    return found


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the data, where examples may write."""
    shutil.copytree(ROOT / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


def test_every_command_is_known_here():
    assert {"", *COMMANDS} == set(TOLD)


@pytest.mark.parametrize("command", TOLD)
def test_the_example_works(command, folder, capsys):
    if command == "report":
        assert run(example("batch", capsys), capsys)[0] == 0
    told = example(command, capsys)
    assert told[0] == (command or "fit")
    status, out = run(told, capsys)
    assert status == 0
    assert TOLD[command] in out
