"""README is short, leads to pages that exist, and what it says to type works."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from changepoint.cli import app, main

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
LINKS = re.findall(r"\]\(([^)]+)\)", TEXT)
WORDS = 700


def test_it_is_short():
    assert len(TEXT.split()) <= WORDS


@pytest.mark.parametrize("link", LINKS)
def test_its_links_lead_to_files(link):
    assert "://" not in link
    path, _, heading = link.partition("#")
    assert (ROOT / path).is_file()
    assert not heading


def test_it_leads_to_the_documentation_and_has_the_picture():
    assert {"docs/index.md", "docs/quickstart.md", "models/maternal_mortality.png"} <= set(
        LINKS
    )


def test_it_names_every_command():
    """The command of the demo aside, each is typed once at the beginning of a line."""
    typed = re.findall(r"^    (?:\.venv/bin/)?changepoint (\w+)", TEXT, re.M)
    assert sorted(typed) == sorted(name for name in app if not name.startswith("-"))


def test_the_command_for_a_table_works(tmp_path, monkeypatch, capsys):
    shutil.copy(ROOT / "data/conversions.csv", tmp_path / "my_table.csv")
    monkeypatch.chdir(tmp_path)
    (line,) = re.findall(r"^    \.venv/bin/changepoint (fit .+)$", TEXT, re.M)
    with pytest.raises(SystemExit) as ended:
        main([*shlex.split(line), "--likelihood", "binomial"])  # which needs no search
    assert ended.value.code == 0
    assert " rose by " in capsys.readouterr().out
    for name in ("report.html", "figure.png", "summary.csv", "result.json", "posterior.nc"):
        assert (tmp_path / "answer" / name).is_file()
