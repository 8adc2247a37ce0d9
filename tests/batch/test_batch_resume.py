"""Killed at any instant, a batch goes on where it was, and ends as if nothing had happened."""

import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made import ROOT, contents, long_table
from pyarrow import parquet

from changepoint import DataError, Model, ModelError, batch, likelihoods
from changepoint.batch import runner
from changepoint.batch.folder import Folder, whole

POISSON = Model(likelihoods.Poisson())


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table whose batch takes a second or two, and has some 20 parts."""
    place = tmp_path_factory.mktemp("long") / "table.parquet"
    data = long_table(60, 40, changed=10)
    data.loc[100, "count"] = -3
    data.to_parquet(place, row_group_size=500)
    return place


@pytest.fixture(scope="module")
def done(table, tmp_path_factory):
    """The folder of a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    batch.run(table, None, out, by="shop")
    return out


@pytest.fixture(scope="module")
def undisturbed(done):
    return contents(done)


def command(table, out, *flags):
    return [
        sys.executable, "-m", "changepoint.cli", "batch", str(table), "--by", "shop",
        "--out", str(out), *flags,
    ]  # fmt: skip


def started(*arguments, **options):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command(*arguments), cwd=ROOT, env=environment, stderr=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def finished(*arguments):
    run = started(*arguments)
    told, complaints = run.communicate()
    assert "Traceback" not in complaints
    return run.returncode, told, complaints


def killed(table, out, after, how=signal.SIGKILL):
    """Start a batch and kill it so many seconds after its first part is begun."""
    run = started(table, out)
    while not (out / "manifest.json").exists() and run.poll() is None:
        time.sleep(0.002)
    time.sleep(after)
    if how == signal.SIGINT:
        run.send_signal(how)
    else:
        run.kill()
    return run.wait(), *run.communicate()


def no_half_written_part(out):
    """All parts that a reader would take are whole."""
    for path in (out / "parts").glob("part-*.parquet"):
        number = int(path.stem.removeprefix("part-"))
        manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
        job = runner.Job.from_dict(manifest["jobs"][number])
        others = ("jobs", "left_out", "hash", "inputs")
        told = {k: v for k, v in manifest.items() if k not in others}
        stamp = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        assert Folder(out).has_part(number, job.key(stamp))


def test_killed_once(table, undisturbed, out):
    code, *_ = killed(table, out, 0.5)
    assert code == -signal.SIGKILL
    no_half_written_part(out)
    assert finished(table, out)[0] == 3  # one series is bad
    assert contents(out) == undisturbed


@pytest.mark.slow
def test_killed_at_twenty_instants(table, undisturbed, tmp_path):
    began = time.monotonic()
    finished(table, tmp_path / "timed")
    instants = random.Random(5)
    most = time.monotonic() - began
    in_flight = 0
    for trial in range(20):
        out = tmp_path / f"out{trial}"
        killed(table, out, instants.uniform(0, most))
        no_half_written_part(out)
        in_flight += not (out / "summary.json").exists()
        assert finished(table, out)[0] == 3
        assert contents(out) == undisturbed
    assert in_flight >= 5  # else the kills came too late to say anything


def test_interrupted(table, undisturbed, out):
    code, _, complaints = killed(table, out, 0.5, signal.SIGINT)
    assert code == 130
    assert "the same command goes on" in complaints
    assert "Traceback" not in complaints
    assert finished(table, out)[0] == 3
    assert contents(out) == undisturbed


def test_a_full_disk(table, undisturbed, out):
    """Files may not grow beyond a few kB: as with a full disk, writing fails."""
    code, _, complaints = (lambda run: (run.wait(), *run.communicate()))(
        started(
            table,
            out,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)),
        )
    )
    assert code == 3
    assert "can't write" in complaints
    assert "Traceback" not in complaints
    no_half_written_part(out)
    assert finished(table, out)[0] == 3
    assert contents(out) == undisturbed


def test_what_is_done_is_not_done_again(table, out, monkeypatch):
    batch.run(table, POISSON, out, by="shop")
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    monkeypatch.setattr(runner, "finish", None)
    again = batch.run(table, POISSON, out, by="shop")
    assert again.series == 60
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*")} == before


def test_another_rate_of_false_discoveries_needs_no_fits(table, out):
    batch.run(table, POISSON, out, by="shop")
    before = {p: p.stat().st_mtime_ns for p in (out / "parts").iterdir()}
    batch.run(table, POISSON, out, by="shop", fdr=0.2)
    assert {p: p.stat().st_mtime_ns for p in (out / "parts").iterdir()} == before
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["false_discovery_rate"] == 0.2
    assert summary["expected_false_share"] <= 0.2


def test_damaged_parts_are_done_again(table, done, undisturbed, out):
    shutil.copytree(done, out)
    parts = sorted((out / "parts").iterdir())
    parts[3].write_bytes(parts[3].read_bytes()[:-50])
    parts[4].write_bytes(b"")
    parts[5].write_bytes(parts[6].read_bytes())  # whole, but another job's
    batch.run(table, None, out, by="shop")
    assert contents(out) == undisturbed


def test_other_models_and_inputs_are_not_mixed(table, tmp_path, out):
    mine = tmp_path / "mine.parquet"
    mine.write_bytes(table.read_bytes())
    batch.run(mine, POISSON, out, by="shop")
    with pytest.raises(ModelError, match=r"answers of another model \(Poisson\(\), Changes"):
        batch.run(mine, Model(likelihoods.Binomial()), out, by="shop")
    with pytest.raises(ModelError, match="columns, by, date format"):
        batch.run(mine, POISSON, out, by="shop", aggregate="week")
    with pytest.raises(ModelError, match=r"inputs new: .*conversions.csv .*; inputs gone: "):
        batch.run(ROOT / "data/conversions.csv", POISSON, out, by="shop")
    long_table(60, 60, seed=1).to_parquet(mine)
    with pytest.raises(ModelError, match=r"inputs changed: .*mine.parquet.*--fresh"):
        batch.run(mine, POISSON, out, by="shop")
    assert batch.run(mine, POISSON, out, by="shop", fresh=True).series == 60


def test_a_model_file_may_be_called_anything_but_not_say_something_else(table, tmp_path, out):
    text = "from changepoint import *\nmodel = Model(likelihoods.Poisson())\n"
    (tmp_path / "a.py").write_text(text)
    (tmp_path / "b.py").write_text(text)
    batch.run(table, tmp_path / "a.py", out, by="shop")
    batch.run(table, tmp_path / "b.py", out, by="shop")
    (tmp_path / "b.py").write_text(text + "# edited\n")
    with pytest.raises(ModelError, match="another text of that file"):
        batch.run(table, tmp_path / "b.py", out, by="shop")


def test_parts_of_another_model_are_not_taken(table, out):
    """As a --fresh leaves them that is killed before it has removed them."""
    batch.run(table, Model(likelihoods.Binomial()), out, by="shop")
    for place in out.iterdir():
        if place.name != "parts":
            place.unlink()
    batch.run(table, POISSON, out, by="shop")
    assert batch.read(out)["model"].dropna().str.startswith("Poisson").all()


def test_other_versions_are_not_mixed(table, out, monkeypatch):
    batch.run(table, POISSON, out, by="shop")
    monkeypatch.setattr("changepoint.batch.runner.__version__", "99.0")
    with pytest.raises(ModelError, match=r"changepoint 0\.\d.* made it, and this is 99.0"):
        batch.run(table, POISSON, out, by="shop")


def test_damaged_manifests(table, out):
    batch.run(table, POISSON, out, by="shop")
    (out / "manifest.json").write_text("{")
    with pytest.raises(DataError, match="--fresh"):
        batch.run(table, POISSON, out, by="shop")
    assert batch.run(table, POISSON, out, by="shop", fresh=True).series == 60


EDITS = {
    "no jobs": lambda told: told.pop("jobs"),
    "no file": lambda told: told["jobs"][0].pop("files"),
    "another type": lambda told: told.update(jobs=[1], inputs=[1]),
    "an addition": lambda told: told["jobs"][0].update(more=1),
    "another job": lambda told: told["jobs"].pop(),
    "another recipe": lambda told: told.update(recipe=3),
}


def test_edited_manifests_are_refused(tmp_path, out):
    name = os.fsdecode(b"bad\xff\x7f.csv")
    (tmp_path / name).write_text("count\n" + "1\n2\n" * 5)
    assert batch.run(tmp_path / name, POISSON, out).series == 1
    manifest = out / "manifest.json"
    whole = manifest.read_text(encoding="utf-8")
    for edit in EDITS.values():
        told = json.loads(whole)
        edit(told)
        manifest.write_text(json.dumps(told), encoding="utf-8")
        with pytest.raises(DataError, match=r"manifest\.json was edited, .* --fresh"):
            batch.run(tmp_path / name, POISSON, out)
    manifest.write_text(whole, encoding="utf-8")
    summary = out / "summary.json"
    summary.write_text(summary.read_text(encoding="utf-8").replace("flagged", "flag"))
    for call in (lambda: batch.run(tmp_path / name, POISSON, out), lambda: batch.read(out)):
        with pytest.raises(DataError, match=r"summary\.json was edited"):
            call()
    assert batch.run(tmp_path / name, POISSON, out, fresh=True).series == 1


def test_a_part_damaged_in_its_body_is_done_again(tmp_path, out):
    (tmp_path / "a.csv").write_text("count\n" + "1\n2\n" * 5)
    batch.run(tmp_path / "a.csv", POISSON, out)
    (part,) = (out / "parts").iterdir()
    whole, rows = part.read_bytes(), parquet.read_table(part)
    for place in range(4, len(whole) // 2, 197):
        damaged = bytearray(whole)
        damaged[place] ^= 255
        part.write_bytes(damaged)
        (out / "summary.json").unlink()
        assert batch.run(tmp_path / "a.csv", POISSON, out).series == 1
        assert parquet.read_table(part).equals(rows)


def test_fresh_removes_nothing_else(table, out):
    batch.run(table, POISSON, out, by="shop")
    (out / "notes.txt").write_text("mine")
    batch.run(table, POISSON, out, by="shop", fresh=True)
    assert (out / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_shards_share_the_work(table, undisturbed, out):
    first = batch.run(table, None, out, by="shop", shard=(1, 3))
    assert 0 < first.parts_done < first.parts
    assert first.series == 0
    batch.run(table, None, out, by="shop", shard=(3, 3))
    assert not (out / "summary.json").exists()
    assert batch.run(table, None, out, by="shop", shard=(2, 3)).series == 60
    assert contents(out) == undisturbed


def test_threads_do_not_change_answers(table, undisturbed, out):
    batch.run(table, None, out, by="shop", executor=batch.Threads(1))
    assert contents(out) == undisturbed


def test_leftovers_of_killed_runs_are_removed_at_the_end(table, out):
    (out / "parts").mkdir(parents=True)
    old, young = (out / "parts" / f".part-00000{i}.parquet.abc.tmp" for i in range(2))
    for place in (old, young):
        place.write_bytes(b"half")
    os.utime(old, (0, 0))
    batch.run(table, POISSON, out, by="shop")
    # The young one may be another run's.
    assert [p for p in out.rglob("*") if p.name.endswith(".tmp")] == [young]


def test_two_runs_at_once(table, undisturbed, out):
    both = [started(table, out) for _ in range(2)]
    for run in both:
        _, complaints = run.communicate()
        assert run.returncode == 3, complaints  # one series is bad
        assert "can't write" not in complaints
    assert contents(out) == undisturbed


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    place = tmp_path / "file"
    place.write_text("before")
    with pytest.raises(DataError, match="No space left"), whole(place) as unfinished:
        unfinished.write_text("half")
        raise OSError(28, "No space left on device")
    with pytest.raises(ZeroDivisionError), whole(place) as unfinished:
        unfinished.write_text("half")
        _ = 1 / 0
    assert place.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [place]


def test_tables_are_made_again_when_a_run_was_killed_as_it_removed_the_old_ones(
    table, out, monkeypatch
):
    batch.run(table, POISSON, out, by="shop")
    before = contents(out)
    remove, removed = Path.unlink, []

    def killed(path, missing_ok=False):
        if removed:
            raise KeyboardInterrupt
        removed.append(path)
        remove(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "unlink", killed)
        batch.run(table, POISSON, out, by="shop", fdr=0.1)
    with pytest.raises(DataError, match="isn't finished"):
        batch.read(out)
    batch.run(table, POISSON, out, by="shop")
    assert contents(out) == before
