"""The commands batch and report: exit status, what they print, what they write."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys

import pytest
from made import ROOT, long_table

from changepoint import Model, batch, likelihoods
from changepoint.cli import main

HOSTILE = [
    "=cmd|'/c calc'!A0",
    "+1",
    "-1",
    "@sum(1)",
    "</script><script>alert(1)</script>",
    "\t=2",
]


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "data"
    place.mkdir()
    for i in range(3):
        table = long_table(1, 40, changed=i == 0, seed=i)
        table.drop(columns="shop").to_csv(place / f"{i}.csv", index=False)
    return place


def test_all_good(folder, out, capsys):
    assert run("batch", folder, "--out", out) == 0
    told = capsys.readouterr().out
    assert "0.csv" in told
    assert "3 series: 1 flagged; 1 with changes when taken by themselves" in told
    assert sorted(p.name for p in out.iterdir()) == [
        "changes.csv", "changes.parquet", "manifest.json", "parts", "series.csv",
        "series.parquet", "summary.json",
    ]  # fmt: skip


@pytest.mark.parametrize("length", [40, 200])
def test_names_stay_whole_where_no_terminal_is(folder, out, capsys, length):
    name = "n" * length + ".csv"
    (folder / "0.csv").rename(folder / name)
    assert run("batch", folder, "--out", out) == 0
    assert str(folder / name) in capsys.readouterr().out


def test_some_failed(folder, out, capsys):
    (folder / "bad.csv").write_text("count\nx\n")
    assert run("batch", folder, "--out", out) == 3
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 series failed")


def test_all_failed(tmp_path, out, capsys):
    assert run("batch", tmp_path / "absent.csv", "--out", out) == 3
    complaint = capsys.readouterr().err
    assert "no series has an answer" in complaint
    assert "there is no such file" in complaint


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--shard", "2"], "--shard is i/n"),
        (["--shard", "3/2"], "shard must be"),
        (["--fdr", "2"], "fdr"),
        (["--threads", "0"], "at least 1"),
        (["--threads", "2", "--dask", "local"], "give one"),
        (["--likelihood", "gauss"], "there is no likelihood"),
        (["--model", "absent.py"], "absent.py"),
        (["--model", "x.py", "--at-most", "2"], "defines the whole model"),
        (["--at-most", "2", "--exactly", "1"], "exactly"),
        (["--by", "a,a"], "twice"),
    ],
)
def test_usage(folder, out, capsys, flags, words):
    assert run("batch", folder, "--out", out, *flags) == 2
    assert words in capsys.readouterr().err
    assert not out.exists()


def test_no_input(out, capsys):
    assert run("batch", "--out", out) == 2
    assert "needs inputs" in capsys.readouterr().err


def test_choices_reach_the_model(folder, out):
    assert run("batch", folder, "--out", out, "--likelihood", "binomial", "--every", "20",
               "--min-length", "3") == 0  # fmt: skip
    assert (
        batch.read(out)["model"]
        .str.contains(r"Binomial\(.*Changes\(every=20.0, min_length=3\)")
        .all()
    )


def test_model_files_and_columns(folder, out):
    table = long_table(2, 40, changed=1)
    table.columns = ["shop", "day", "clicked", "seen"]
    table.to_csv(folder / "long.csv", index=False)
    model = ROOT / "models" / "conversion_rate.py"
    flags = ("--time", "day", "--count", "clicked", "--trials", "seen", "--by", "shop")
    assert run("batch", folder / "long.csv", "--out", out, "--model", model, *flags) == 0
    rows = batch.read(out)
    assert rows["model"].str.startswith("BetaBinomial").all()
    assert rows["number"].tolist() == [1, 0]


def test_the_report(folder, out, capsys):
    (folder / "bad.csv").write_text("count\nx\n")
    run("batch", folder, "--out", out)
    assert run("report", out) == 0
    assert "report.html" in capsys.readouterr().out
    page = (out / "report.html").read_text(encoding="utf-8")
    data = json.loads(
        re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page)[1]
    )
    first = dict(zip(data["fields"], data["series"][0], strict=True))
    assert first["name"].endswith("0.csv")
    assert first["number"] == 1
    assert "The rate changed once" in first["sentence"]
    assert len(data["series"]) == 3
    assert "a number was expected" in page
    assert "BetaBinomial(rate=Beta(alpha=2" in page


def test_reports_need_a_finished_batch(tmp_path, capsys):
    assert run("report", tmp_path) == 3
    assert "changepoint batch" in capsys.readouterr().err


def test_hostile_names(tmp_path, out):
    """Names from data make no file names, no formulas, no script."""
    names = [
        *HOSTILE,
        "../../up",
        "/etc/passwd",
        "nul\u0000",
        "\ud800".encode("utf-8", "replace").decode(),
    ]
    table = long_table(len(names), 40, changed=2)
    table["shop"] = [names[int(shop[5:])] for shop in table["shop"]]
    table.to_parquet(tmp_path / "t.parquet")
    batch.run(tmp_path / "t.parquet", Model(likelihoods.Poisson()), out, by="shop")
    made = {p.relative_to(out).as_posix() for p in out.rglob("*")}
    assert all(
        re.fullmatch(r"(parts/)?[a-z]+([-.][a-z0-9]+)*(\.parquet)?", name) for name in made
    )
    assert sorted(batch.read(out)["series"]) == sorted(names)
    cells = re.findall(r'"((?:[^"]|"")*)"', (out / "series.csv").read_text("utf-8-sig"))
    begun = [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert set(begun) <= {"+1", "-1"}  # which are numbers
    assert "'=cmd" in "".join(cells)
    assert run("report", out) == 0
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("<script") == page.count("</script>")
    assert "<script>alert(1)" not in page


def test_nothing_is_unpickled():
    for path in (ROOT / "changepoint" / "batch").glob("*.py"):
        assert not re.search(
            r"\b(pickle|marshal|shelve|joblib)\b", path.read_text(encoding="utf-8")
        )


def test_progress_in_plain_lines(folder, out):
    told = subprocess.run(
        [sys.executable, "-m", "changepoint.cli", "batch", str(folder), "--out", str(out)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert re.search(r"3 of 3 series, \d+ a second, 0:00:00 to go, 0 failed", told.stderr)
    again = subprocess.run(
        [sys.executable, "-m", "changepoint.cli", "batch", str(folder), "--out", str(out)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "3 of 3 series were done" in again.stderr
    assert again.stdout == told.stdout


def test_progress_on_a_terminal(folder, out):
    (folder / "bad.csv").write_text("count\nx\n")
    here, there = pty.openpty()
    run = subprocess.Popen(
        [sys.executable, "-m", "changepoint.cli", "batch", str(folder), "--out", str(out)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=there, env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(there)
    shown = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while more := os.read(here, 4096):
            shown += more
    os.close(here)
    run.communicate()
    assert run.returncode == 3
    assert b"4 of 4 series" in shown
    assert b"1 failed" in shown


@pytest.mark.parametrize("after", [["--dask"], ["--dask", "--fresh"], ["--dask", "local"]])
def test_dask_without_an_address_is_this_machine(after):
    from changepoint.cli import with_values

    told = with_values(["batch", "x", "--out", "y", *after])
    assert told[told.index("--dask") + 1] == "local"
    kept = ["batch", "x", "--dask", "tcp://10.0.0.5:8786"]
    assert with_values(kept) == kept
