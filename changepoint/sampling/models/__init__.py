"""Models as PyMC's: what one would write by hand, places of changes summed out if asked."""

from __future__ import annotations

from changepoint.errors import EngineError


def require(name: str) -> None:
    """Raise EngineError unless an optional package can be imported."""
    from importlib.util import find_spec

    if find_spec(name) is None:
        other = "the engine Exact() needs nothing more" if name == "pymc" else "or nuts='pymc'"
        raise EngineError(
            f"this needs {name}, which isn't installed: pip install "
            f"'changepoint-toolkit[{name}]'; {other}"
        )
