"""The folder of a batch: what is in it, and how files get there whole or not at all."""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from changepoint.batch.schema import ACCESS
from changepoint.errors import DataError, ModelError
from changepoint.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = ("series", "changes")
NAMES = (
    "manifest.json",
    "summary.json",
    *(f"{table}.{kind}" for table in TABLES for kind in ("parquet", "csv")),
    "report.html",
)


class Folder:
    """The files of one batch.

    `manifest.json` says what is computed from what; `parts/part-000000.parquet`, ... hold the
    answers, a file for each job, numbered and never named by data; `series.*`, `changes.*` and
    `summary.json`, written last, put them together. Nothing in it is ever unpickled.

    Parameters
    ----------
    path
        The folder, which may not exist yet.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.parts = self.path / "parts"

    def file(self, name: str) -> Path:
        """Return the path of one of the files."""
        return self.path / name

    def part(self, number: int) -> Path:
        """Return the path of a part."""
        return self.parts / f"part-{number:06d}.parquet"

    def create(self) -> None:
        """Make the folder.

        Raises
        ------
        ModelError
            If it holds files that aren't of a batch: they might be somebody's data.
        DataError
            If it can't be made.
        """
        if self.path.is_dir() and not self.file("manifest.json").exists():
            others = [p.name for p in self.path.iterdir() if p.name[0] != "."]
            if set(others) - {"parts", *NAMES}:
                raise ModelError(
                    f"{self.path} is no folder of a batch, and not empty (it holds "
                    f"{', '.join(sorted(others)[:3])}): choose another, or an empty one"
                )
        try:
            self.parts.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"can't write to {self.path}: {error.strerror or error}") from None

    def clear(self) -> None:
        """Remove what a batch has written here, and nothing else."""
        for place in (*self.parts.glob("part-*.parquet"), *self.unfinished()):
            place.unlink(missing_ok=True)
        for name in reversed(NAMES):  # the manifest last
            self.file(name).unlink(missing_ok=True)

    def keep(self, keys: Sequence[str]) -> None:
        """Give parts the numbers of their jobs, and remove all else but the manifest.

        Parameters
        ----------
        keys
            Those of the jobs, in order (`Job.key`).
        """
        numbers = {key: number for number, key in enumerate(keys)}
        for name in reversed(NAMES[1:]):
            self.file(name).unlink(missing_ok=True)
        moved = []
        for place in [*self.parts.glob("part-*.parquet"), *self.unfinished()]:
            number = numbers.get(_job_of(place)) if place.suffix == ".parquet" else None
            if number is None:
                place.unlink(missing_ok=True)
            else:  # under another name first, as that of the number may be in use
                moved.append((place.rename(place.with_name(f".{number}.tmp")), number))
        for place, number in moved:
            place.rename(self.part(number))

    def unfinished(self, hours: float = 0) -> list[Path]:
        """Return the files whose writing was cut off, or, if younger, may be going on."""
        found = [*self.parts.glob(".*.tmp"), *self.path.glob(".*.tmp")]
        latest = time.time() - 3600 * hours
        return [place for place in found if _changed(place) <= latest]

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Return a file's content, None if there is no such file.

        Raises
        ------
        DataError
            If somebody has damaged it.
        """
        try:
            told = json.loads(self.file(name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DataError(
                f"{self.file(name)} can't be read ({error}): start anew with --fresh "
                "(fresh=True in Python)"
            ) from None
        if not isinstance(told, dict):
            raise DataError(f"{self.file(name)} is damaged: start anew with --fresh")
        # That of another version may have none; it is refused for that.
        if (
            told.pop("hash", None) != hash_of(told)
            and told.get("version", __version__) == __version__
        ):
            raise DataError(
                f"{self.file(name)} was edited, or is damaged: what belongs to it can't be "
                "told. Start anew with --fresh (fresh=True in Python)"
            )
        return told

    def write_json(self, name: str, told: Mapping[str, Any]) -> None:
        """Write a JSON file, with a hash of it, whole or not at all."""
        told = {**told, "hash": hash_of(told)}
        text = json.dumps(told, indent=1, allow_nan=False) + "\n"  # names come back as they are
        with whole(self.file(name)) as unfinished:
            unfinished.write_bytes(text.encode())

    def write_part(self, number: int, table: pa.Table, key: str) -> None:
        """Write a part, whole or not at all; the key says of which job (`Job.key`)."""
        from pyarrow import parquet

        table = table.replace_schema_metadata({"job": key})
        with whole(self.part(number)) as unfinished:
            parquet.write_table(table, unfinished, write_page_checksum=True)

    def has_part(self, number: int, key: str) -> bool:
        """Whether there is a part, readable, of this very job."""
        return _job_of(self.part(number)) == key

    def is_settled(self, number: int) -> bool:
        """Whether all of a part is what was written, and no file in it is to be tried again."""
        from pyarrow import parquet

        try:
            table = parquet.read_table(self.part(number), page_checksum_verification=True)
        except (OSError, ValueError):
            return False
        return ACCESS not in table["status"].to_pylist()


def _job_of(place: Path) -> str:
    """Return the key of a part's job, "" if it can't be read."""
    from pyarrow import parquet

    try:
        found = parquet.read_schema(place).metadata or {}
    except (OSError, ValueError):
        return ""
    return str(found.get(b"job", b"").decode())


def hash_of(told: Mapping[str, Any]) -> str:
    """Return a hash of what JSON can hold."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _changed(place: Path) -> float:
    """Return when a file was changed; never, if it has gone."""
    try:
        return place.stat().st_mtime
    except FileNotFoundError:
        return math.inf


@contextmanager
def whole(place: Path) -> Iterator[Path]:
    """Give another name to write a file under, and put it in place when it is on the disk.

    Raises
    ------
    DataError
        If it can't be written; what was there before is as it was.
    """
    unfinished = place.with_name(f".{place.name}.{secrets.token_hex(6)}.tmp")
    try:
        try:
            yield unfinished
            with unfinished.open("rb") as stream:
                os.fsync(stream.fileno())
            unfinished.replace(place)
        finally:
            unfinished.unlink(missing_ok=True)
        if os.name == "posix":  # where a folder is a file that can be flushed
            folder = os.open(place.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        full = " Free some space and run the same command again" * (error.errno == errno.ENOSPC)
        raise DataError(f"can't write {place}: {error.strerror or error}.{full}") from None
