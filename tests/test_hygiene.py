"""What must not be in the repository, and what must be said about what is."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from changepoint.version import RELEASED, __version__

ROOT = Path(__file__).parents[1]
LOCK_FILES = {"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock", "pixi.lock", "pylock.toml"}
LOCK_FILES |= {"conda-lock.yml", "package-lock.json", "yarn.lock", "environment.yml"}

# Hosts of package registries, and folders that exist on one machine only. Written so that
# this file doesn't hold what it looks for.
DOT = r"[.]"
REGISTRY = re.compile(
    rf"(?:pypi{DOT}org|pythonhosted{DOT}org|anaconda{DOT}org|conda-forge[/]|artifac[t]ory|"
    rf"--(?:extra-)?index-url|--find[-]links|registry{DOT}npmjs|proxy{DOT}golang|files{DOT}python)"
)
HOME = re.compile(r"(?<![\w.~>/-])/(?:home|root|Users|work|mnt|opt|workspace|private)/[\w.-]")
ADDRESS = re.compile(r"://|@|--|/")


def tracked():
    """Return the files under version control; without git, all but caches and the like."""
    if (ROOT / ".git").exists():
        told = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
        )
        names = told.stdout.split("\0")
    else:
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")]
        made = re.compile(r"(?:^|/)(?:build|dist|__pycache__|[.](?!ci/)[^/]*)/")
        names = [name for name in names if not made.search(name)]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def texts():
    """Yield the tracked text files with their text."""
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content:
            yield path.relative_to(ROOT), content.decode("utf-8", "replace")


def places(pattern):
    """Return where a pattern stands: file, line, match."""
    return [
        f"{path}:{number}: {found.group()}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        for found in pattern.finditer(line)
    ]


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def names(listed):
    return {re.match(r"[\w.-]+", text).group() for text in listed}


def installed():
    """Return the names of everything that pyproject.toml has installed."""
    told = project()["project"]
    optional = set().union(*map(names, told["optional-dependencies"].values()))
    return names(told["dependencies"]) | optional - {told["name"]}


def building():
    return names(project()["build-system"]["requires"])


def pins():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_changelog_is_about_this_version():
    told = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version, day = re.findall(r"^## \[(.+?)\] - (.+)$", told, re.MULTILINE)[0]
    source = (ROOT / "changepoint" / "version.py").read_text(encoding="utf-8")
    assert f'__version__ = "{version}"' in source
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", day)
    assert f'RELEASED = "{day}"' in source


def test_the_citation_is_of_this_version():
    told = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    fields = dict(re.findall(r'^(\S+): "?(.+?)"?$', told, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert fields["cff-version"] == "1.2.0"
    assert (fields["version"], fields["date-released"]) == (__version__, RELEASED)
    assert fields["license"] == project["license"]
    assert re.findall(r'- name: "(.+)"', told) == [one["name"] for one in project["authors"]]


def test_no_lock_files():
    assert [path.name for path in tracked() if path.name in LOCK_FILES] == []


def test_no_registry_hosts():
    assert places(REGISTRY) == []


def test_no_paths_of_one_machine():
    assert places(HOME) == []


def test_the_patterns_find_what_they_look_for():
    assert REGISTRY.search("https://" + "pypi" + ".org/simple")
    assert HOME.search("see " + "/home" + "/someone/file")
    assert not HOME.search("a fraction and/or its home/away rate")


@pytest.mark.parametrize("name", sorted(installed() | building()))
def test_contributing_says_why_each_dependency_is_there(name):
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)


@pytest.mark.parametrize("pin", pins())
def test_pins_are_exact_and_without_address(pin):
    requirement = pin.split(";")[0].strip()
    assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", requirement)
    assert not ADDRESS.search(requirement)


def test_every_dependency_is_pinned():
    pinned = {normal(pin.split("==")[0]) for pin in pins()}
    assert {normal(name) for name in installed()} - pinned == set()


def test_the_lowest_python_is_the_same_everywhere():
    lowest = project()["project"]["requires-python"].removeprefix(">=")
    preferred = (ROOT / ".python-version").read_text(encoding="utf-8").strip()
    major, minor = map(int, lowest.split("."))
    assert tuple(map(int, preferred.split("."))) >= (major, minor)
    assert f"OLDEST = ({major}, {minor})" in (ROOT / "tools/bootstrap.py").read_text(
        encoding="utf-8"
    )


def test_an_environment_that_is_a_link_stays_as_it_is(tmp_path):
    """Building it anew would empty the folder that the link points to, of another checkout."""
    other = tmp_path / "other"
    (other / "bin").mkdir(parents=True)
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/bootstrap.py", tmp_path / "tools")
    (tmp_path / ".venv").symlink_to(other)
    command = [sys.executable, tmp_path / "tools/bootstrap.py"]
    run = subprocess.run(command, capture_output=True, check=False, text=True)
    assert run.returncode == 1
    assert run.stderr == f".venv is a link, to {other}: remove it, and run make again\n"
    assert (other / "bin").is_dir()
