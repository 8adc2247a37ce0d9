"""Files wherever they are: paths of this machine, and URLs of other file systems."""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

import os
from typing import Any

from changepoint.errors import AccessError, DataError


def is_url(path: str | os.PathLike[str]) -> bool:
    """Whether a path names a file system of its own."""
    return "://" in os.fspath(path)


def filesystem(path: str) -> tuple[Any, str]:
    """Return pyarrow's file system of a path or URL, and the path on it.

    Those that pyarrow doesn't know itself come from fsspec.

    Raises
    ------
    DataError
        If nobody knows the URL's scheme; AccessError if it can't be reached.
    """
    import pyarrow as pa
    from pyarrow import fs

    if not is_url(path):
        return fs.LocalFileSystem(), path
    try:
        system, place = fs.FileSystem.from_uri(path)
        return system, place
    except (pa.ArrowException, ValueError):
        pass
    except OSError as error:
        raise AccessError(f"{path}: this can't be reached: {_told(error)}") from None
    try:
        import fsspec

        known, place = fsspec.core.url_to_fs(path)
    except ImportError as error:
        raise DataError(
            f"{path}: {error}. For this kind of URL install fsspec and what it asks for "
            "(such as s3fs or gcsfs)"
        ) from None
    except Exception as error:
        raise DataError(f"{path}: this can't be opened: {error}") from None
    return fs.PyFileSystem(fs.FSSpecHandler(known)), place


def content(file: str) -> bytes:
    """Return the bytes of a file on any file system.

    Raises
    ------
    AccessError
        If it can't be read.
    """
    system, place = filesystem(file)
    try:
        with system.open_input_file(place) as stream:
            data: bytes = stream.read()
    except OSError as error:
        raise AccessError(f"{file}: the file can't be read: {_told(error)}") from None
    return data


def _told(error: OSError) -> str:
    return " ".join((error.strerror or str(error)).split())
