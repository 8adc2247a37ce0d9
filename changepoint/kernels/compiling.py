"""A word on standard error before kernels are compiled, which happens once after installing."""

from __future__ import annotations

import sys
import threading
from typing import Any

from numba.core import event

from changepoint.plain import say

MESSAGE = "Compiling the numerical kernels (once, some 10 s) ..."


class _Announcement(event.Listener):
    """Says so at the first kernel that isn't in numba's cache."""

    def __init__(self) -> None:
        self._lock, self._told = threading.Lock(), False

    def on_start(self, event: Any) -> None:
        module = event.data["dispatcher"].py_func.__module__ or ""
        if not module.startswith(__package__):
            return
        with self._lock:
            told, self._told = self._told, True
        if not told and sys.stderr is not None:
            say(MESSAGE, error=True)

    def on_end(self, event: Any) -> None:
        pass


def announce() -> None:
    """Have it told, if any kernel has to be compiled; numba's cache decides."""
    event.register("numba:compile", _Announcement())  # type: ignore[no-untyped-call]
