"""Which jobs there are: files, or rows of them, about as much work in each."""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from changepoint.batch.inputs import is_parquet, partitions
from changepoint.batch.schema import status_of
from changepoint.errors import AccessError, DataError, ModelError
from changepoint.reading.doors import THE_ONLY, Choice, refuse_choice
from changepoint.reading.frames import open_parquet
from changepoint.reading.instructions import AS_THEY_ARE, Instructions
from changepoint.reading.long import Piece, keys_of, long_file
from changepoint.reading.outcomes import asked_for
from changepoint.reading.wide import WIDE, check_wide
from changepoint.reading.witnesses import Elsewhere, Witnesses

Hashes = NDArray[np.uint64]

IN_MEMORY = 5_000_000  # rows of a table that isn't ordered by series
ROWS = 2**19  # of a job whose model has a compiled path for many series
SLOW = 2**14  # of any other job
SERIES, FEW = 2**14, 2**8  # of a job, however short they are; of a slow one
FILES = 64  # of a job
SHARES = 16  # jobs at least, if there are so many series: so that every core has some
LARGEST_TEXT = 2**28  # bytes
LARGEST_GROUP = 2**30  # bytes of a row group, or of a file that is one series, in memory


@dataclass(frozen=True)
class Settings:
    """How inputs are read.

    Parameters
    ----------
    columns
        Pairs of role and column, as for `read_csv`.
    by
        The columns that say which series a row belongs to; none where each file is a series.
    date_format
        As for `read_csv`.
    how
        What to put together.
    choice
        Which table, of files that hold several.
    wide
        Whether each column is a series: the role of all of them, "" where it is found; None
        where files are not so.
    """

    columns: tuple[tuple[str, Any], ...] = ()
    by: tuple[str, ...] = ()
    date_format: str | None = None
    how: Instructions = AS_THEY_ARE
    choice: Choice = THE_ONLY
    wide: str | None = None

    @classmethod
    def of(
        cls,
        columns: Mapping[str, Any],
        by: str | Sequence[str] | None = None,
        date_format: str | None = None,
        how: Instructions = AS_THEY_ARE,
        choice: Choice = THE_ONLY,
        wide: str | None = None,
    ) -> Self:
        """Return the settings that arguments say.

        Raises
        ------
        ModelError, DataError
            If they don't fit together.
        """
        keys = (by,) if isinstance(by, str) else tuple(by or ())
        if len(set(keys)) < len(keys):
            raise ModelError(f"by names a column twice: {', '.join(keys)}")
        if keys and columns.get("outcome") is not None:
            raise ModelError(
                "outcome, a column of labels, can't be used with by: give columns of counts "
                "(outcomes)"
            )
        if keys and wide is not None:
            raise ModelError("by is about long tables, and wide about others: give one")
        told = {
            role: tuple(name) if isinstance(name, list | tuple) else name
            for role, name in columns.items()
            if name is not None
        }
        settings = cls(tuple(sorted(told.items())), keys, date_format, how, choice, wide)
        _ = settings.asked  # says what doesn't fit together
        return settings

    @property
    def asked(self) -> dict[str, str]:
        """The columns by role as tables know them: outcomes have a role each."""
        asked = asked_for(dict(self.columns))
        if self.wide is None:
            return asked
        check_wide(self.wide, asked)
        return {**asked, WIDE: self.wide}


@dataclass(frozen=True)
class Job:
    """What one worker does at a time: it says which series, and holds no data.

    Parameters
    ----------
    number
        That of its part.
    kind
        `files`: each is a series; `rows`: rows of Parquet files, of many; `table`: a table of
        many that is read as a whole and kept, as other jobs have other series of it.
    files, pieces
        What to read.
    first, end
        Which of the series in it.
    repeated
        Series whose rows stand in another file too: their place, that file.
    refused
        Why nothing of the file can be read, if so; then the file counts as one series.
    away
        Whether it may be readable later.
    elsewhere
        Cells of other jobs' rows, by role, that have a say in how these are written.
    fingerprints
        Those of the files it reads.
    """

    number: int
    kind: Literal["files", "table", "rows"]
    files: tuple[str, ...]
    pieces: tuple[Piece, ...] = ()
    first: int = 0
    end: int = 1
    repeated: tuple[tuple[int, str], ...] = ()
    refused: str = ""
    away: bool = False
    elsewhere: Elsewhere = ()
    fingerprints: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.end - self.first

    def reading(self, fingerprints: Mapping[str, str]) -> Self:
        """Return the job with the fingerprints of the files it reads."""
        own = self.files[self.first : self.end] if self.kind == "files" else self.files
        files = dict.fromkeys([*own, *(piece.file for piece in self.pieces)])
        return replace(self, fingerprints=tuple(fingerprints[file] for file in files))

    def halves(self) -> tuple[Self, Self]:
        """Return two jobs that do the same."""
        middle = (self.first + self.end) // 2
        return replace(self, end=middle), replace(self, first=middle)

    def key(self, stamp: str) -> str:
        """Return a hash of what the job is, but its number, and of all its answers depend on.

        Parameters
        ----------
        stamp
            A hash of model, settings and version.
        """
        told = f"{stamp} {json.dumps(asdict(replace(self, number=0)))}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """Return the job that JSON tells of."""
        fields = dict(told)
        fields["files"] = tuple(fields["files"])
        fields["pieces"] = tuple(Piece(*piece) for piece in fields["pieces"])
        fields["repeated"] = tuple((int(i), str(file)) for i, file in fields["repeated"])
        fields["elsewhere"] = tuple((r, tuple(texts)) for r, texts in fields["elsewhere"])
        fields["fingerprints"] = tuple(fields["fingerprints"])
        return cls(**fields)


def plan(files: Sequence[str], settings: Settings, fast: bool) -> list[Job]:
    """Return the jobs, numbered.

    Parameters
    ----------
    files
        All files, in order.
    fast
        Whether series are so quick that many make a job.

    Raises
    ------
    DataError
        If a table that isn't ordered by series is too large to be held in memory.
    """
    if not settings.by and settings.wide is None:
        size = max(min(len(files) // SHARES, FILES), 1)
        jobs = [_of_files(files[i : i + size]) for i in range(0, len(files), size)]
    else:
        tables = [file for file in files if is_parquet(file) and settings.wide is None]
        jobs = list(_of_tables(tables, settings, fast))
        seen: dict[int, str] = {}
        for file in files:
            if file not in tables:
                jobs += _of_text(file, settings, fast, seen)
    return [replace(job, number=number) for number, job in enumerate(jobs)]


def _of_files(files: Sequence[str]) -> Job:
    return Job(0, "files", tuple(files), end=len(files))


def _of_text(file: str, settings: Settings, fast: bool, seen: dict[int, str]) -> Iterator[Job]:
    """Yield jobs on one text file of many series."""
    try:
        found = long_file(
            file, settings.by, settings.asked, choice=settings.choice, most=LARGEST_TEXT
        )
        if not len(found):
            raise DataError(f"{file}: the table has no rows below its header")
    except Exception as error:
        yield _refused(file, error)
        return
    hashes = _hashes([np.array(key, object) for key in zip(*found.keys, strict=True)])
    names = [int(h) for h in hashes]
    repeated = tuple((i, seen[name]) for i, name in enumerate(names) if name in seen)
    seen.update((name, file) for name in names if name not in seen)
    whole = Job(0, "table", (file,), end=len(found), repeated=repeated)
    yield from _shared(whole, len(found.rows.lines), fast)


def _refused(file: str, error: Exception) -> Job:
    away = isinstance(error, AccessError)
    return Job(0, "files", (file,), refused=status_of(error)[1], away=away)


def _shared(job: Job, rows: int, fast: bool) -> Iterator[Job]:
    """Yield a job in as many as make good portions."""
    most = ROWS if fast else SLOW
    series = SERIES if fast else FEW
    portions = max(SHARES if len(job) >= SHARES else 1, rows // most, -(-len(job) // series))
    ends = np.linspace(job.first, job.end, min(portions, len(job)) + 1).astype(int).tolist()
    for first, end in pairwise(ends):
        yield replace(job, first=first, end=end)


class _Run(NamedTuple):
    """The series that begin in a row group: in which row, and a hash of the name of each."""

    piece: Piece  # the whole row group
    starts: NDArray[np.int64]
    hashes: Hashes


def _of_tables(files: Sequence[str], settings: Settings, fast: bool) -> Iterator[Job]:
    """Yield jobs on Parquet files that together are one long table."""
    runs: list[_Run] = []
    witnesses = Witnesses()
    for file in files:
        try:
            refuse_choice(file, settings.choice)
            found = list(_runs(file, settings.by))
            if not sum(run.piece.end for run in found):
                raise DataError(f"{file}: the table has no rows")
            witnesses.look(file, settings.asked, settings.date_format is not None)
        except Exception as error:
            yield _refused(file, error)
            continue
        last = next((run.hashes[-1] for run in reversed(runs) if len(run.hashes)), None)
        for run in found:
            if last is not None and len(run.hashes) and run.hashes[0] == last:
                run = run._replace(starts=run.starts[1:], hashes=run.hashes[1:])
            last = run.hashes[-1] if len(run.hashes) else last
            runs.append(run)
    if not runs:
        return
    for job in _portions(runs, settings, fast):
        yield replace(job, elsewhere=witnesses.told())


def _portions(runs: Sequence[_Run], settings: Settings, fast: bool) -> Iterator[Job]:
    """Yield jobs on rows of one long table."""
    rows = sum(run.piece.end for run in runs)
    every = np.concatenate([run.hashes for run in runs])
    if len(np.unique(every)) == len(every):
        portion = max(1, min(ROWS if fast else SLOW, rows // SHARES))
        yield from _in_order(runs, portion, SERIES if fast else FEW)
        return
    if rows > IN_MEMORY:
        by = ", ".join(settings.by)
        raise DataError(
            f"the rows of some series aren't together, and {rows:,} rows are too many to be "
            f"put in order in memory (at most {IN_MEMORY:,}). Write the table ordered by "
            f"{by} and time, for example with DuckDB: COPY (FROM 'in.parquet' ORDER BY {by}, "
            "...) TO 'out.parquet'"
        )
    whole = Job(0, "table", (), tuple(run.piece for run in runs), end=len(np.unique(every)))
    yield from _shared(whole, rows, fast)


def _runs(file: str, by: Sequence[str]) -> Iterator[_Run]:
    """Yield where series begin, reading the key columns of one row group at a time."""
    stated = partitions(file)
    names = [name for name in by if name not in stated]
    with open_parquet(file, names) as opened:
        for group in range(opened.num_row_groups):
            told = opened.metadata.row_group(group)
            if told.total_byte_size > LARGEST_GROUP:
                raise too_large(file, told.total_byte_size)
            keys = keys_of(opened, file, group, by, stated)
            changed = np.zeros(told.num_rows, bool)
            changed[:1] = True
            for code, _ in keys:
                changed[1:] |= code[1:] != code[:-1]
            starts = np.flatnonzero(changed)
            named = [np.array(texts, object)[code[starts]] for code, texts in keys]
            yield _Run(Piece(file, group, 0, told.num_rows), starts, _hashes(named))


def too_large(file: str, size: int) -> DataError:
    """Return what is said of a row group that can't be held."""
    return DataError(
        f"{file}: a row group of {size / 2**30:.1f} GB is too large to be read at once (at "
        f"most {LARGEST_GROUP / 2**30:.0f}). Write the file with smaller row groups, such as "
        "row_group_size=500_000"
    )


def _hashes(columns: Sequence[NDArray[Any]]) -> Hashes:
    """Return a hash of each tuple of texts."""
    import pandas as pd

    total = np.zeros(len(columns[0]) if len(columns) else 0, np.uint64)
    for column in columns:
        total = total * np.uint64(0x9E3779B97F4A7C15) + pd.util.hash_array(column)
    return total


def _in_order(runs: Sequence[_Run], rows: int, most: int) -> Iterator[Job]:
    """Yield jobs on about so many rows each, of whole series, at most so many of them."""
    pieces: list[Piece] = []
    series = held = 0
    for run in runs:
        begin = 0
        while True:
            # The next series that begins when there is enough, maybe the first of the run.
            first = int(np.searchsorted(run.starts, begin))
            place = int(np.searchsorted(run.starts, begin + max(rows - held, 0 if held else 1)))
            place = min(place, first + most - series)
            full = place < len(run.starts)
            end = int(run.starts[place]) if full else run.piece.end
            series += place - first
            if end > begin:
                pieces.append(run.piece._replace(first=begin, end=end))
                held += end - begin
            if not full:
                break
            if series:
                yield Job(0, "rows", (), tuple(pieces), end=series)
            pieces, series, held, begin = [], 0, 0, end
    if series:
        yield Job(0, "rows", (), tuple(pieces), end=series)
