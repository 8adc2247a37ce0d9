"""The files in data/, and what reading imports."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from changepoint.reading import read

HEAVY = ["pandas", "pyarrow", "narwhals", "polars", "duckdb"]


@pytest.mark.parametrize(
    ("script", "files"),
    [("conversions", ("conversions.csv", "conversion_rates.csv")), ("funnel", ("funnel.csv",))],
)
def test_the_simulated_files_are_what_their_script_writes(tmp_path, script, files):
    command = [sys.executable, f"data/simulate_{script}.py", str(tmp_path)]
    subprocess.run(command, check=True)
    for name in files:
        assert (tmp_path / name).read_bytes() == Path("data", name).read_bytes()


def test_conversions_are_as_promised():
    data = read("data/conversions.csv")
    assert len(data) == 180
    assert data.label(110) == "2025-04-21"
    assert data.trials.mean() == pytest.approx(1000, abs=10)
    before, after = data.count[:110].sum(), data.count[110:].sum()
    assert before / data.trials[:110].sum() == pytest.approx(0.009, rel=0.1)
    assert after / data.trials[110:].sum() == pytest.approx(0.013, rel=0.1)


def test_conversion_rates_are_as_promised():
    data = read("data/conversion_rates.csv")
    assert len(data) == 180
    assert data.trials is None
    assert data.rate.mean() == pytest.approx(0.009, abs=0.0002)
    assert data.rate.min() > 0.001
    assert data.rate.max() < 0.016


def test_the_funnel_is_as_promised():
    data = read("data/funnel.csv", outcomes=["bounced", "browsed", "carted", "bought"])
    assert len(data) == 150
    assert data.label(95) == "2025-04-06"
    assert data.outcomes.sum(axis=1).mean() == pytest.approx(800, abs=10)
    before, after = (part.sum(axis=0) / part.sum() for part in np.split(data.outcomes, [95]))
    assert before == pytest.approx([0.55, 0.37, 0.060, 0.020], rel=0.06)
    assert after == pytest.approx([0.55, 0.37, 0.052, 0.028], rel=0.06)


@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [
        ("coal_disasters", 112, {}),
        ("nile", 100, {}),
        ("nyc_flights_2013", 365, {"count": "cancelled", "trials": "scheduled"}),
        ("seatbelts", 192, {"count": "drivers_killed", "exposure": "kms"}),
    ],
)
def test_real_files_are_read_without_a_warning(name, rows, columns):
    assert len(read(f"data/{name}.csv", **columns)) == rows


def test_the_readme_names_every_file():
    text = Path("data/README.md").read_text(encoding="utf-8")
    for path in Path("data").glob("*.csv"):
        assert f"`{path.name}`" in text


def test_reading_a_csv_file_imports_no_heavy_library():
    code = (
        "import sys; from changepoint.reading import read; read('data/nile.csv'); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert run.stdout.strip() == "[]"
