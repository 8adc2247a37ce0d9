"""Standard output and error as they are: closed, full, without a reader, not Unicode."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from changepoint.cli.status import DATA
from changepoint.plain import encoded, say


class Stream:
    """A text stream that is written to as long as that is possible, and never raises.

    Signs that it can't encode are written out.

    Parameters
    ----------
    stream
        What is written to; None where it was closed before we began.
    """

    def __init__(self, stream: Any) -> None:
        self.failure: OSError | None = None
        self.asked = False  # whether there was anything to write
        if stream is None:
            self.failure = OSError(errno.EBADF, os.strerror(errno.EBADF))
            stream = io.StringIO()
        self.stream = stream

    def write(self, text: str) -> int:
        """Write, if that is possible."""
        self.asked = True
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        if self.failure is None:
            try:
                self.stream.write(encoded(text, encoding))
            except OSError as error:
                self._fail(error)
        return len(text)

    def flush(self) -> None:
        """Hand over what was written, if that is possible."""
        if self.failure is None:
            try:
                self.stream.flush()
            except OSError as error:
                self._fail(error)

    def _fail(self, error: OSError) -> None:
        """Remember why, and let go nowhere what is in buffers, which Python writes at exit."""
        self.failure = error
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def standard_streams() -> Iterator[Stream]:
    """Put both streams in place of Python's own, and give the one of standard output."""
    _occupy()
    before = sys.stdout, sys.stderr
    out = Stream(sys.stdout)
    sys.stdout, sys.stderr = out, Stream(sys.stderr)
    try:
        yield out
    finally:
        sys.stdout, sys.stderr = before


def delivered(out: Stream, status: int) -> int:
    """Return the exit status, after a word where the answer couldn't be written.

    A reader that has gone, as `head` does, has had what it wanted.
    """
    out.flush()
    if not out.asked or out.failure is None or isinstance(out.failure, BrokenPipeError):
        return status
    why = out.failure.strerror or out.failure
    say(f"changepoint: can't write to standard output: {why}", error=True)
    return status or DATA


def _occupy() -> None:
    """Let no file that we open get the number of a standard stream that is closed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
