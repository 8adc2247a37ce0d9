"""What a command is doing, said on standard error once it takes long."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from changepoint.plain import plain, say, width

if TYPE_CHECKING:
    from rich.live import Live

AFTER = 2.0  # seconds of silence


class Waiting:
    """Says what is being done: a moving line on a terminal, plain lines elsewhere.

    Examples
    --------
    >>> with Waiting() as tell:  # nothing is said in so short a time
    ...     tell("Reading")
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._timer = threading.Timer(AFTER, self._begin)
        self._timer.daemon = True
        self._text, self._moves = "", True
        self._shown = self._over = False
        self._live: Live | None = None

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __call__(self, text: str, *, moves: bool = True) -> None:
        """Say what is being done from now on.

        `moves` is False where something else, such as PyMC, draws on the terminal.
        """
        with self._lock:
            self._text, self._moves = text, moves
            if self._shown:
                self._show()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._over = True
            self._stop()

    def _begin(self) -> None:
        with self._lock:
            if self._over:
                return
            self._shown = True
            self._show()

    def _show(self) -> None:
        if not (self._moves and sys.stderr.isatty()):
            self._stop()
            say(f"{self._text} ...", error=True)
            return
        from rich.console import Console
        from rich.live import Live
        from rich.spinner import Spinner
        from rich.text import Text

        line = Spinner("dots", text=Text(plain(f"{self._text} ...")))
        if self._live is None:
            # Standard output is for the answer.
            self._live = Live(
                console=Console(stderr=True, width=width(sys.stderr)),
                transient=True,
                redirect_stdout=False,
            )
            self._live.start()
        self._live.update(line)

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
