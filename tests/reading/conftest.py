from collections.abc import Callable
from pathlib import Path

import pytest

from changepoint.observations import Observations
from changepoint.reading import read_csv

Reader = Callable[..., Observations]


@pytest.fixture
def reads(tmp_path: Path) -> Reader:
    """Write a text or bytes to a file and read it."""

    def reads(content: str | bytes, **options: str) -> Observations:
        path = tmp_path / "table.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_csv(path, **options)

    return reads
