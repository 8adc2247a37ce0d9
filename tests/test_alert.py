"""Alerts: how probable a change is in the last rows, and the exit status that says so."""

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from scipy.special import gammaln

from changepoint import (
    MCMC,
    Changes,
    DataError,
    Model,
    ModelError,
    Observations,
    fit,
    likelihoods,
    priors,
)
from changepoint.cli import main
from changepoint.report.alert import Alert, alert_line, alert_of
from changepoint.report.json_schema import SCHEMA
from changepoint.results.events import near
from changepoint.version import __version__

ROOT = Path(__file__).parents[1]
COUNT = np.array([2, 1, 3, 0, 2, 1, 2, 9, 5])
POISSON = likelihoods.Poisson(rate=priors.Gamma(2, 1))


def enumerated(changes, since):
    """P(a change at a row >= since), by every placement: Poisson with rates of Gamma(2, 1)."""
    T = len(COUNT)
    log_number = changes.log_number(T)

    def log_segment(first, end):
        k, n = COUNT[first:end].sum(), end - first
        return gammaln(k + 2) - (k + 2) * np.log1p(n)  # what depends on the segment

    weight = {True: 0.0, False: 0.0}
    for number in range(min(len(log_number), T)):
        placements = list(itertools.combinations(range(1, T), number))
        for places in placements:
            ends = [0, *places, T]
            log_p = log_number[number] - np.log(len(placements))
            log_p += sum(itertools.starmap(log_segment, itertools.pairwise(ends)))
            weight[any(place >= since for place in places)] += np.exp(log_p)
    return weight[True] / (weight[True] + weight[False])


@pytest.mark.parametrize("since", [0, 1, 5, 8])
@pytest.mark.parametrize(
    "changes", [Changes(), Changes(exactly=2), Changes(at_most=2)], ids=str
)
def test_the_probability_is_that_of_all_placements(changes, since):
    posterior = fit(Model(POISSON, changes), Observations(count=COUNT))
    alert = alert_of(posterior, 0.5, since)
    assert alert.probability == pytest.approx(enumerated(changes, since), abs=1e-6)
    assert (alert.since, alert.raised) == (since, alert.probability >= 0.5)


@pytest.mark.filterwarnings("ignore:the chains have not converged")
def test_a_sampler_counts_its_draws():
    model = Model(POISSON, Changes(exactly=1))
    engine = MCMC(draws=100, tune=100, cores=1, chains=2, repeats=1)
    posterior = fit(model, Observations(count=COUNT), engine)
    places = posterior.tree["posterior"]["switchpoint"].values
    assert alert_of(posterior, 0.5, 7).probability == (places >= 7).mean()


# -- which rows -------------------------------------------------------------------------------

DAY = "datetime64[D]"
WINDOWS = [
    (None, 1, 30, 7, "rows"),
    (None, 1, 5, 5, "rows"),
    ("s", 1, 200, 60, "a minute"),
    ("m", 1, 200, 60, "an hour"),
    ("m", 5, 200, 12, "an hour"),
    ("m", 30, 200, 48, "a day"),
    ("h", 1, 90, 24, "a day"),
    ("D", 1, 40, 7, "a week"),
    ("D", 1, 5, 5, "rows"),
    ("D", 2, 40, 4, "a week"),
    ("D", 7, 40, 4, "four weeks"),
    ("M", 1, 30, 6, "half a year"),
    ("M", 3, 30, 4, "a year"),
    ("Y", 1, 30, 5, "five years"),
    ("Y", 10, 30, 7, "rows"),
]


@pytest.mark.parametrize(("unit", "step", "T", "rows", "words"), WINDOWS)
def test_lately_is_what_suits_the_distance_of_rows(unit, step, T, rows, words):
    rows_of = np.arange(T) * step
    time = None if unit is None else np.datetime64("2023-01", unit) + rows_of
    data = Observations(count=np.ones(T), time=time)
    assert near(data).rows == rows
    (window,) = fit(Model(POISSON), data, events=[data.stamp(T // 2)]).events
    assert window.rows[1] - window.rows[0] + 1 == min(rows, T - 1)
    assert window.window.endswith(words)
    alert = alert_of(fit(Model(POISSON), data), 0.5)
    assert alert.since == data.stamp(T - rows)
    assert alert.window.startswith(f"the last {rows} rows")
    assert alert.window.endswith(words)


DAYS = Observations(count=COUNT, time=np.arange("2025-06-01", "2025-06-10", dtype=DAY))
WEEKS = Observations(count=COUNT, time=np.datetime64("2025-06-02") + 7 * np.arange(9))


@pytest.mark.parametrize(
    ("data", "since", "first"),
    [
        (DAYS, "2025-06-08", "2025-06-08"),
        (DAYS, "2025-06-08T13:00", "2025-06-08"),
        (DAYS, np.datetime64("2025-06-08"), "2025-06-08"),
        (DAYS, "2025-06", "2025-06-01"),
        (DAYS, "1999-01-01", "2025-06-01"),
        (DAYS, "2025-06-09T23:00", "2025-06-09"),
        (WEEKS, "2025-07-09", "2025-07-07"),
        (WEEKS, "2025-08-01", "2025-07-28"),
    ],
)
def test_since_is_the_row_that_holds_it(data, since, first):
    assert alert_of(fit(Model(POISSON), data), 0.5, since).since == first


@pytest.mark.parametrize(
    ("data", "since", "said"),
    [
        (DAYS, "2025-06-10", "no rows since 2025-06-10: the data end with 2025-06-09"),
        (WEEKS, "2025-08-04", "the data end with 2025-07-28"),
        (DAYS, "yesterday", "since must be a time such as 2025-06-01, not 'yesterday'"),
        (Observations(count=COUNT), 9, "no rows since 9: the data end with 8"),
    ],
)
def test_times_without_rows_are_refused(data, since, said):
    with pytest.raises(DataError, match=said):
        alert_of(fit(Model(POISSON), data), 0.5, since)


@pytest.mark.parametrize("threshold", [0, 1, 99, -0.1, float("nan")])
def test_a_threshold_is_a_probability(threshold):
    with pytest.raises(ModelError, match=r"between 0 and 1, such as 0\.99"):
        alert_of(None, threshold)


@pytest.mark.parametrize(
    ("p", "told"),
    [
        (0.999999, r"^ALERT: P\(a change since 5\) > 0.9999, at least 0.99$"),
        (0.99, r"^ALERT: P\(a change since 5\) = 0.99, at least 0.99$"),
        (0.98999, r"^No alert: P\(a change since 5\) = 0.98999, below 0.99$"),
        (0.25, r"^No alert: P\(a change since 5\) = 0.25, below 0.99$"),
    ],
)
def test_words(p, told):
    posterior = fit(Model(POISSON), Observations(count=COUNT))
    assert re.search(told, alert_line(posterior, Alert(5, "", p, 0.99)))


# -- the command ------------------------------------------------------------------------------


@pytest.fixture
def run(capsys):
    """Run the command; return exit status and what it printed."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(list(map(str, arguments)))
        told = capsys.readouterr()
        return ended.value.code, told.out, told.err

    return run


def written(path, lately):
    """Write 20 days of counts, of which the last 5 have other ones."""
    count = np.r_[[9, 11, 10, 12, 8] * 3, [lately] * 5]
    days = np.datetime64("2025-01-01") + np.arange(20)
    lines = [f"{day},{n},1000" for day, n in zip(days, count, strict=True)]
    path.write_text("\n".join(["day,signups,visits", *lines]) + "\n", encoding="utf-8")
    return path


def test_exit_status_and_words_and_json(run, tmp_path):
    calm, changed = written(tmp_path / "a.csv", 10), written(tmp_path / "b.csv", 60)
    for file, status in ((calm, 0), (changed, 10)):
        ended, out, _ = run("fit", file, "--alert", "0.99")
        assert ended == status
        told = (
            r"(ALERT|No alert): P\(a change since 2025-01-14\) .* 0.99 \(the last 7 rows.*\)$"
        )
        assert re.match(told, out.splitlines()[-1])
        ended, out, _ = run("fit", file, "--alert", "0.99", "--json", "--out", tmp_path / "out",
                             "--no-certificate")  # fmt: skip
        assert ended == status
        answer = json.loads(out)
        jsonschema.Draft202012Validator(SCHEMA).validate(answer)
        assert answer["version"] == __version__
        alert = answer["alert"]
        assert (alert["since"], alert["threshold"]) == ("2025-01-14", 0.99)
        assert alert["raised"] == (alert["probability"] >= 0.99) == (status == 10)
        assert json.loads((tmp_path / "out/result.json").read_text("utf-8")) == answer
    assert run("fit", changed, "--alert", "0.99", "--since", "2025-01-20")[0] == 0
    ended, out, _ = run("fit", changed, "--json")
    assert (ended, json.loads(out)["alert"]) == (0, None)


def test_where_the_number_is_given_it_is_said(run, tmp_path):
    file = written(tmp_path / "a.csv", 60)
    _, out, _ = run("fit", file, "--alert", "0.9", "--exactly", "1")
    assert "ALERT: assuming their number, P(a change since" in out


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--alert", "99"], 2, "between 0 and 1"),
        (["--since", "2025-02-01"], 2, "give --alert 0.99 too"),
        (["--alert", "0.9", "--since", "2025-01-21"], 3, "the data end with 2025-01-20"),
        (["--alert", "0.9", "--since", "lately"], 3, "since must be a time"),
    ],
)
def test_what_is_wrong_is_said_first(run, tmp_path, options, status, said):
    ended, out, err = run("fit", written(tmp_path / "a.csv", 10), *options)
    assert (ended, out) == (status, "")
    assert said in err


@pytest.mark.parametrize("option", ["--alert", "--since"])
def test_a_batch_refuses(run, tmp_path, option):
    file = written(tmp_path / "a.csv", 10)
    ended, _, err = run("batch", file, "--out", tmp_path / "out", option, "0.9")
    assert ended == 2
    assert "of changepoint fit" in err


def test_the_job_of_the_page_does_what_it_says(tmp_path):
    """In a shell, with a command of its own that notes what would be sent."""
    page = (ROOT / "docs/how-to/cron-job.md").read_text(encoding="utf-8")
    job = re.search(r"```sh\n(.*?)```", page, re.S)[1]
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, line in {
        "changepoint": f'exec "{sys.executable}" -m changepoint.cli "$@"',
        "notify": '{ echo "$1:"; cat; } >> sent.txt',
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}

    def ran():
        sent = tmp_path / "sent.txt"
        sent.unlink(missing_ok=True)
        ended = subprocess.run(["sh", "-c", job], cwd=tmp_path, env=environment, check=False)
        return ended.returncode, sent.read_text("utf-8") if sent.exists() else ""

    written(tmp_path / "signups.csv", 10)
    assert ran() == (0, "")
    written(tmp_path / "signups.csv", 60)
    status, sent = ran()
    assert status == 0
    assert re.match(r"signups changed:\nALERT: P\(a change since 2025-01-14\)", sent)
    (tmp_path / "signups.csv").unlink()
    status, sent = ran()
    assert (status, sent.splitlines()[0]) == (1, "changepoint has no answer:")
    assert "signups.csv" in sent
