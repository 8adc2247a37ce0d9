import pytest


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture(autouse=True)
def _from_the_cache(compiled):
    """Runs of many processes are compared bit by bit."""
