"""Options that define a model, beside a file that does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from changepoint.cli.effect_flags import Stated
from changepoint.errors import ModelError

Season = Literal["auto", "none", "week", "month", "year", "day"]


def refuse_beside(
    model: Path,
    likelihood: str | None,
    changes: Mapping[str, Any],
    seasons: Sequence[str],
    stated: Stated,
) -> None:
    """Refuse flags that define a model, beside a file that does."""
    flags = [f"--{name.replace('_', '-')}" for name in changes]
    flags += ["--likelihood"] * (likelihood is not None) + ["--season"] * (len(seasons) > 0)
    flags += stated.flags()
    if flags:
        raise ModelError(
            f"{model} defines the whole model, which {' and '.join(flags)} would change "
            "too: leave them out, or edit the file"
        )
