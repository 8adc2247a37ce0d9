"""A file -> its bytes, decompressed; its bytes -> lines of text."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import sys
import zlib
from pathlib import Path

from changepoint.errors import AccessError, DataError
from changepoint.reading.systems import content, is_url

STANDARD_INPUT = "-"  # in place of a path, as commands have it
SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers")
EXPORT = "export the sheet as CSV (in Excel: File > Save As > CSV UTF-8) and read that file"

# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_GZIP = b"\x1f\x8b"
_FORMATS = (
    (b"PK\x03\x04", f"this is a spreadsheet or a zip archive; {EXPORT}"),
    (b"\xd0\xcf\x11\xe0", f"this is an old Excel file; {EXPORT}"),
    (b"PAR1", "this is a Parquet file; give it the suffix .parquet or use read_parquet"),
    (_GZIP, "this file is compressed twice; decompress it first (gunzip)"),
)


def name_of(path: str | os.PathLike[str]) -> str:
    """Return how messages and answers name a file."""
    file = os.fspath(path)
    return "standard input" if file == STANDARD_INPUT else file


def check_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of an existing file; DataError if it can't be a table."""
    file = Path(path)
    try:
        if file.is_dir():
            raise DataError(f"{path}: this is a folder; give a file in it")
        if not file.exists():
            raise AccessError(f"{path}: there is no such file; check the name and the folder")
    except (OSError, ValueError) as error:
        raise AccessError(f"{path!s}: the file can't be opened: {error}") from None
    return file


def content_of(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a file, or of standard input, decompressed if they are by gzip."""
    if path == STANDARD_INPUT:
        return uncompressed(_standard_input(), name_of(path))
    if is_url(path):
        return uncompressed(content(os.fspath(path)), path)
    try:
        return uncompressed(check_path(path).read_bytes(), path)
    except OSError as error:
        raise AccessError(f"{path}: the file can't be read: {error.strerror}") from None


def _standard_input() -> bytes:
    try:
        if sys.stdin is None:  # closed before we began
            raise AccessError("standard input is closed: there is nothing to read")
        return sys.stdin.buffer.read()
    except OSError as error:
        raise AccessError(f"standard input can't be read: {error.strerror}") from None


def uncompressed(content: bytes, path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a file that may be compressed by gzip: its first bytes say so."""
    if not content.startswith(_GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(
            f"{path}: this file is compressed by gzip, and damaged or cut off ({error}). Copy "
            "or compress it again"
        ) from None


def text_of_bytes(content: bytes, path: str | os.PathLike[str]) -> str:
    """Return the text of a file's bytes, which must hold some."""
    text = _decoded(content, path)
    if not text.strip():
        raise DataError(f"{path}: the file is empty; expected a header line and rows")
    return text


def lines_of(text: str, path: str | os.PathLike[str]) -> list[str]:
    r"""Return the lines of a text, each with its end (\n, \r\n or \r)."""
    # newline="" splits where a text editor does, and not at form feeds and the like.
    lines = list(io.StringIO(text, newline=""))
    if "\0" in text:
        line = next(number for number, line in enumerate(lines, 1) if "\0" in line)
        raise DataError(
            f"{path}: line {line} holds a NUL byte: this isn't text, or it is damaged; "
            "save the table as CSV again"
        )
    return lines


def _decoded(content: bytes, path: str | os.PathLike[str]) -> str:
    if content and os.fspath(path).lower().endswith(SPREADSHEETS):
        raise DataError(f"{path}: this is no Excel file that can be read (.xlsx); {EXPORT}")
    for mark, explanation in _FORMATS:
        if content.startswith(mark):
            raise DataError(f"{path}: {explanation}")
    encodings = [name for mark, name in _MARKS if content.startswith(mark)][:1]
    if not encodings:
        encodings = [_utf16_without_mark(content)] if b"\0" in content else ["utf-8", "cp1252"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError as decoding:
            error = decoding
    line = content[: error.start].count(b"\n") + 1
    raise DataError(
        f"{path}: line {line} can't be decoded as {' or '.join(encodings)} text "
        f"(byte {content[error.start]:#04x}); save the table as CSV in UTF-8"
    )


def _utf16_without_mark(content: bytes) -> str:
    """Tell UTF-16 by its zeros: at every other place, and nowhere else, for Western text."""
    low, high = content[0::2].count(0), content[1::2].count(0)
    if high > 0.4 * len(content) / 2 and low == 0:
        return "utf-16-le"
    if low > 0.4 * len(content) / 2 and high == 0:
        return "utf-16-be"
    return "utf-8"
