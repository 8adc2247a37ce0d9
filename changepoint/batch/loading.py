"""The series of a job: read, each on its own, so that one bad one stays one."""

from __future__ import annotations

import threading
from dataclasses import asdict
from functools import lru_cache
from typing import NamedTuple

from changepoint.batch.inputs import fingerprint, is_parquet, partitions
from changepoint.batch.plan import LARGEST_GROUP, LARGEST_TEXT, Job, Settings, too_large
from changepoint.errors import AccessError, DataError
from changepoint.observations import Observations
from changepoint.reading import read
from changepoint.reading.frames import open_parquet
from changepoint.reading.long import Long, Piece, long_file, long_parquet
from changepoint.reading.witnesses import Elsewhere


class Loaded(NamedTuple):
    """The series of a job.

    names, keys
        What each is called, and the values of its key columns.
    long
        The table they are in; the first one's place in it is that of the job.
    series
        Without a table: each one, or what went wrong with it.
    """

    names: list[str]
    keys: list[tuple[str, ...]]
    long: Long | None
    series: list[Observations | Exception]

    def observations(self, i: int, first: int) -> Observations:
        """Return one series, or raise what went wrong with it."""
        if self.long is not None:
            return self.long.observations(first + i)
        found = self.series[i]
        if isinstance(found, Exception):
            raise found
        return found


def load(job: Job, settings: Settings) -> Loaded:
    """Return the series of a job."""
    if job.refused:
        error = AccessError(job.refused) if job.away else DataError(job.refused)
        return Loaded(list(job.files), [()], None, [error])
    files = job.files[job.first : job.end] if job.kind == "files" else job.files
    if job.kind == "files":
        found = [_one(file, settings) for file in files]
        return Loaded(list(files), [()] * len(files), None, found)
    try:
        long = _table(job, settings)
        if job.end > len(long):
            raise DataError(f"{long.files[0]}: the file has changed since the batch began")
    except Exception as error:  # each series has its row, even if its name is lost
        name = (*files, *(piece.file for piece in job.pieces))[0]
        return Loaded([name] * len(job), [()] * len(job), None, [error] * len(job))
    keys = long.keys[job.first : job.end]
    names = [", ".join(key) for key in keys]
    return Loaded(names, keys if settings.by else [()] * len(keys), long, [])


def _one(file: str, settings: Settings) -> Observations | Exception:
    """Read a file that is one series."""
    try:
        if is_parquet(file):
            with open_parquet(file) as opened:
                told = opened.metadata
                size = sum(
                    told.row_group(g).total_byte_size for g in range(told.num_row_groups)
                )
            if size > LARGEST_GROUP:
                raise too_large(file, size)
        return read(
            file,
            date_format=settings.date_format,
            **asdict(settings.choice),
            **settings.how.options(),
            **dict(settings.columns),
        )
    except Exception as error:
        return error


def _table(job: Job, settings: Settings) -> Long:
    if job.kind == "table":
        with _ALONE:
            files = dict.fromkeys([*job.files, *(piece.file for piece in job.pieces)])
            # A worker of a cluster may outlive the file that it has read.
            found = tuple(fingerprint(file) for file in files)
            return _kept(job.files, job.pieces, job.elsewhere, settings, found)
    return _read(job.files, job.pieces, job.elsewhere, settings)


def _read(
    files: tuple[str, ...], pieces: tuple[Piece, ...], elsewhere: Elsewhere, settings: Settings
) -> Long:
    by, how = settings.by, (settings.how, settings.date_format)
    if not pieces:
        return long_file(files[0], by, settings.asked, *how, settings.choice, LARGEST_TEXT)
    stated = {piece.file: partitions(piece.file) for piece in pieces}
    return long_parquet(pieces, by, settings.asked, *how, stated, elsewhere)


_ALONE = threading.Lock()  # others wait for what one reads


@lru_cache(maxsize=2)
def _kept(
    files: tuple[str, ...],
    pieces: tuple[Piece, ...],
    elsewhere: Elsewhere,
    settings: Settings,
    fingerprints: tuple[str, ...],
) -> Long:
    return _read(files, pieces, elsewhere, settings)


def forget() -> None:
    """Give back the memory of tables that were kept."""
    _kept.cache_clear()
