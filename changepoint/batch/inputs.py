"""What is to be read: files, folders, globs and URLs -> files with their fingerprints."""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

import fnmatch
import glob
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from changepoint.errors import DataError
from changepoint.reading.files import SPREADSHEETS
from changepoint.reading.jsontables import SUFFIXES as JSON
from changepoint.reading.systems import filesystem, is_url

PARQUET = (".parquet", ".pq")
_TEXTS = (".csv", ".tsv", ".txt", *JSON)
TABLES = (*PARQUET, *_TEXTS, *(f"{end}.gz" for end in _TEXTS), ".csv.zip", *SPREADSHEETS)
WHOLE = 2**24  # bytes up to which all of a file counts in its fingerprint
UNREADABLE = "unreadable"  # in place of a fingerprint
ENDS = 2**20  # bytes at either end that count in that of a larger one


class Found(NamedTuple):
    """The files to read, in order, and those that were left out of folders.

    unmatched
        Globs, and folders, in which there is no file.
    """

    files: list[str]
    left_out: list[str]
    unmatched: list[str]


def is_parquet(file: str) -> bool:
    """Whether a file's name says that it is a Parquet file."""
    return file.lower().endswith(PARQUET)


def find(inputs: Iterable[str | os.PathLike[str]], out: Path) -> Found:
    """Return the files that inputs mean, each once; a folder's in order of their names.

    Parameters
    ----------
    inputs
        Files, folders (with all below them), globs, URLs of files or folders. A file that is
        named but doesn't exist is among those returned: reading it says so.
    out
        A folder that is never read.
    """
    files: dict[str, str] = {}
    left_out: list[str] = []
    unmatched: list[str] = []
    home = out.resolve()
    for path in inputs:
        given = os.fspath(path)
        if given.startswith("file://"):
            given = unquote(given.removeprefix("file://"))
        found = list(_remote(given) if is_url(given) else _local(given))
        if not found:
            unmatched.append(given)
        for file, asked in found:
            key = file if is_url(file) else str(Path(file).resolve())
            if not is_url(file) and Path(key).is_relative_to(home):
                continue
            if asked or file.lower().endswith(TABLES):
                files.setdefault(key, file)
            else:
                left_out.append(file)
    return Found(list(files.values()), sorted(set(left_out)), unmatched)


def _local(path: str) -> Iterator[tuple[str, bool]]:
    """Yield files, and whether each was asked for by its own name."""
    try:
        is_folder = Path(path).is_dir()
    except OSError:  # such as a name that is too long
        yield path, True
        return
    if is_folder:
        yield from ((file, False) for file in _below(path))
    elif Path(path).exists() or not glob.has_magic(path):
        yield path, True
    else:
        for match in sorted(glob.glob(path, recursive=True)):  # noqa: PTH207 - ** and text
            if Path(match).is_dir():
                yield from ((file, False) for file in _below(match))
            else:
                yield match, True


def _below(folder: str) -> Iterator[str]:
    """Yield the files below a folder: no hidden ones, of other tools (_), of other batches."""
    for place, folders, names in os.walk(folder):
        if "manifest.json" in names and "parts" in folders:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if name[0] not in "._")
        for name in sorted(names):
            path = Path(place, name)
            if name[0] not in "._" and (path.is_file() or path.is_symlink()):
                yield str(path)  # no pipes or devices


def _remote(url: str) -> Iterator[tuple[str, bool]]:
    from pyarrow import fs

    scheme, _, _ = url.partition("://")
    magic = glob.has_magic(url)
    base = url.split("*")[0].rpartition("/")[0] if magic else url
    try:
        system, path = filesystem(base)
        info = system.get_file_info(path)
        if info.type != fs.FileType.Directory:
            yield url, True
            return
        found = system.get_file_info(fs.FileSelector(path, recursive=True))
    except (OSError, DataError):
        yield url, True  # reading it says what is wrong
        return
    pattern = filesystem(url)[1] if magic else "*"
    for info in sorted(found, key=lambda one: one.path):
        name = info.path.rpartition("/")[2]
        if info.type == fs.FileType.File and name[0] not in "._":
            if fnmatch.fnmatchcase(info.path, pattern):
                yield f"{scheme}://{info.path.lstrip('/')}", magic


def fingerprint(file: str) -> str:
    """Return a hash of a file's content, of a large one its size and both ends.

    Of a file that can't be read it says so: the reader tells why.
    """
    digest = hashlib.sha256()
    try:
        if not is_url(file) and not Path(file).is_file():
            return UNREADABLE  # a pipe, say, can be read but once
        system, place = filesystem(file)
        with system.open_input_file(place) as stream:
            size = stream.size()
            digest.update(str(size).encode())
            if size <= WHOLE:
                digest.update(stream.read())
            else:
                digest.update(stream.read_at(ENDS, 0))
                digest.update(stream.read_at(ENDS, size - ENDS))
    except (OSError, ValueError, DataError):
        return UNREADABLE
    return digest.hexdigest()


def partitions(file: str) -> dict[str, str]:
    """Return the values that a file's folders state: .../region=EU/..."""
    parts = (folder.partition("=") for folder in file.replace(os.sep, "/").split("/")[:-1])
    return {name: unquote(value) for name, sign, value in parts if sign}
