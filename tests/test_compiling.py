"""Compiled kernels are kept where that can be; what is wrong there costs time, no answer."""

import errno
import importlib.util
import itertools
import pickle
from pathlib import Path

import pytest
from numba.core import caching, config

from changepoint.kernels import compiling

SOURCE = """
from changepoint.kernels.compiling import njit

@njit(cache=True)
def twice(x):
    return 2 * x
"""
NUMBERS = itertools.count()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a kernel, beside which nothing else can be written to."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.setattr(compiling, "_tell_not_kept", compiling._Once())
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "toy.py").write_text(SOURCE)
    return folder


def load(folder):
    """Return the kernel as a new process has it.

    Not by Python's bytecode, which takes two sources of one length and one second for one.
    """
    path = folder / "toy.py"
    spec = importlib.util.spec_from_file_location(f"toy{next(NUMBERS)}", path)
    module = importlib.util.module_from_spec(spec)
    compiling._sources.cache_clear()
    exec(compile(path.read_text(), path, "exec"), module.__dict__)
    return module.twice


def hits(kernel):
    return sum(kernel.stats.cache_hits.values())


def kept(folder):
    return sorted(Path(folder, "__pycache__").glob("*.nbc"))


DAMAGES = {
    "empty": lambda content: b"",
    "cut off": lambda content: content[: len(content) // 2],
    "text": lambda content: b"garbage",
    "one byte": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "of others": lambda content: pickle.dumps("numba"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_files_are_written_anew(damage, place, capfd):
    assert load(place)(3) == 6
    (file,) = kept(place)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    kernel = load(place)
    assert (kernel(3), hits(kernel)) == (6, 0)
    again = load(place)
    assert (again(3), hits(again)) == (6, 1)
    assert capfd.readouterr().err == ""


def test_another_source_is_another_kernel(place):
    assert load(place)(3) == 6
    (place / "toy.py").write_text(SOURCE.replace("2 * x", "x + 7"))
    kernel = load(place)
    assert (kernel(3), hits(kernel)) == (10, 0)
    assert len(kept(place)) == 1


def test_a_change_in_what_it_calls_is_another_kernel(place):
    """A kernel holds the code of those that it calls, which stand in files beside its own."""
    assert load(place)(3) == 6
    (place / "called.py").write_text("VALUE = 1")
    kernel = load(place)
    assert (kernel(3), hits(kernel)) == (6, 0)


def test_two_processes_that_write_at_once(place):
    """Each began when there was nothing, and has another signature."""
    kernels = [load(place), load(place)]
    assert [kernels[0](3), kernels[1](1.5), kernels[1](3)] == [6, 3.0, 6]
    assert len(kept(place)) == 2
    kernel = load(place)
    assert [kernel(1.5), kernel(3), hits(kernel)] == [3.0, 6, 2]


def test_no_folder_to_write_to(place, capfd):
    (place / "__pycache__").write_text("a file")
    kernels = [load(place), load(place)]
    assert [kernel(3) for kernel in kernels] == [6, 6]
    (told,) = capfd.readouterr().err.splitlines()
    assert "can't be kept (no folder can be written to)" in told
    assert "NUMBA_CACHE_DIR" in told


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_folder_that_is_full(code, place, capfd, monkeypatch):
    kernels = [load(place), load(place)]

    def fail(self, filepath):
        raise OSError(code, "the reason")

    monkeypatch.setattr(caching.IndexDataCacheFile, "_open_for_write", fail)
    assert [kernel(3) for kernel in kernels] == [6, 6]
    (told,) = capfd.readouterr().err.splitlines()
    assert "can't be kept (the reason)" in told
