"""Kernels: compiled once and kept, where that can be; a word on standard error before it.

Numba keeps compiled code beside the package, else in a cache of the user's. What is wrong there
(no folder that can be written to, a full disk, files cut off or damaged, two processes that
write at once) must cost time and never an answer: such code is compiled anew.
"""

# numba has no type hints.
# mypy: disable-error-code="misc,no-untyped-call"

from __future__ import annotations

import functools
import hashlib
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import event
from numba.core.caching import FunctionCache, IndexDataCacheFile

from changepoint.plain import say

MESSAGE = "Compiling the numerical kernels (once, some 10 s) ..."
NOT_KEPT = (
    "Compiled kernels can't be kept ({}), so every run compiles them: the environment variable "
    "NUMBA_CACHE_DIR may name a folder for them"
)


class _Once:
    """Says something at the first call."""

    def __init__(self) -> None:
        self._lock, self._told = threading.Lock(), False

    def __call__(self, text: str) -> None:
        with self._lock:
            told, self._told = self._told, True
        if not told:
            say(text, error=True)


class _Announcement(event.Listener):
    """Says so at the first kernel that isn't in the cache."""

    def __init__(self) -> None:
        self._tell = _Once()

    def on_start(self, event: Any) -> None:
        module = event.data["dispatcher"].py_func.__module__ or ""
        if module.startswith(__package__):
            self._tell(MESSAGE)

    def on_end(self, event: Any) -> None:
        pass


def announce() -> None:
    """Have it told, if any kernel has to be compiled; the cache decides."""
    event.register("numba:compile", _Announcement())


_tell_not_kept = _Once()


@functools.cache
def _sources(folder: Path) -> str:
    """Return a hash of all kernels' sources: a kernel holds those that it calls."""
    texts = [(path.name, path.read_bytes()) for path in sorted(folder.glob("*.py"))]
    return hashlib.sha256(repr(texts).encode()).hexdigest()


class _File(IndexDataCacheFile):
    """A file for each signature, which says itself what it holds: there is no index.

    Two processes that write at once could make numba's index lead to the wrong code.
    """

    def load(self, key: Any) -> Any:
        """Return what was saved; None where there is nothing, or nothing whole."""
        content = self._place(key).read_bytes()
        payload = content[64:]
        if content[:64] != self._head(key, payload):
            return None
        return pickle.loads(payload)

    def save(self, key: Any, data: Any) -> None:
        """Save, whole or not at all."""
        payload = self._dump(data)
        with self._open_for_write(str(self._place(key))) as stream:
            stream.write(self._head(key, payload) + payload)

    def _place(self, key: Any) -> Path:
        signature, machine, _ = key
        name = hashlib.sha256(repr((signature, machine)).encode()).hexdigest()[:16]
        return Path(self._data_path(self._data_name_pattern.replace("{number:d}", name)))

    def _head(self, key: Any, payload: bytes) -> bytes:
        """Return hashes of the code that this was compiled from, and of what was compiled."""
        source = repr((self._version, self._source_stamp, key)).encode()
        return hashlib.sha256(source).digest() + hashlib.sha256(payload).digest()


class _Cache(FunctionCache):
    """A cache of one kernel; what goes wrong with it is said once, and nothing else."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._failure: Exception | None = None
        try:
            super().__init__(function)
        except Exception as error:  # no place can be written to
            self._failure = error
            return
        sources = _sources(Path(function.__code__.co_filename).parent)
        self._cache_file = _File(self._cache_path, self._impl.filename_base, sources)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return compiled code, or None."""
        if self._failure is not None:
            return None
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # whatever a damaged file makes readers raise: it is written anew
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code, if that is possible."""
        if self._failure is None:
            try:
                super().save_overload(sig, data)
            except Exception as error:
                self._failure = error
        if self._failure is not None:
            error = self._failure
            why = error.strerror if isinstance(error, OSError) else None
            _tell_not_kept(NOT_KEPT.format(why or "no folder can be written to"))


def njit(*, cache: bool = False, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return numba's decorator of that name, whose cache is the one above."""

    def compiled(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(**options)(function)
        if cache:
            dispatcher._cache = _Cache(function)
        return dispatcher

    return compiled
