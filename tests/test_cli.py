"""The command: options, exit status, output, files."""

import contextlib
import csv
import io
import json
import re
from datetime import date
from itertools import chain
from pathlib import Path

import pytest

from changepoint import Posterior, likelihoods
from changepoint.cli import main

ROOT = Path(__file__).parents[1]
DATA = ROOT / "data"
SEMMELWEIS, COAL, NILE = DATA / "semmelweis.csv", DATA / "coal_disasters.csv", DATA / "nile.csv"
CONVERSIONS, RATES = DATA / "conversions.csv", DATA / "conversion_rates.csv"
FUNNEL = DATA / "funnel.csv"
FLIGHTS = DATA / "nyc_flights_2013.csv"
MODEL = ROOT / "models" / "maternal_mortality.py"


@pytest.fixture
def run(capsys):
    """Run the command here; return exit status, standard output, standard error."""

    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        assert "Traceback" not in told.out + told.err
        # But what it is doing, on a slow day.
        said = [line for line in told.err.splitlines(True) if not line.endswith(" ...\n")]
        return ended.value.code, told.out, "".join(said)

    return run


@pytest.fixture(scope="module")
def told_before():
    """What `fit --json` printed, by its arguments: the same for all tests that ask for it."""
    return {}


@pytest.fixture
def answer(run, told_before):
    """Run `fit --json`, which must succeed, and return the object."""

    def answer(*arguments):
        key = tuple(map(str, arguments))
        if key not in told_before:
            status, out, err = run("fit", *arguments, "--json")
            assert (status, err) == (0, "")
            told_before[key] = out
        return json.loads(
            told_before[key], parse_constant=lambda name: pytest.fail(f"{name} in JSON")
        )

    return answer


@pytest.fixture
def table(tmp_path):
    """Write a table to a file."""

    def table(text, name="table.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return table


# -- fit: the answer --------------------------------------------------------------------------


def test_semmelweis(answer):
    (change,) = answer(SEMMELWEIS, "--exactly", 1, "--season", "none")["changes"]
    assert change["most_probable"] == "1847-06-01"
    assert change["index"] == 77
    assert change["probability_of_increase"] < 0.001


def test_plain_text_is_a_sentence_and_a_table(run):
    status, out, err = run("fit", SEMMELWEIS, "--model", MODEL)
    assert (status, err) == (0, "")
    assert out.startswith("Assuming at most 1 change: the rate of deaths per birth fell by ")
    assert "\nThe rate changed once (P(any change) > 0.9999" in out
    for told in ("1847-06-01", "95 % within", "Model: BetaBinomial(", "99 rows, 1 missing"):
        assert told in out


def test_what_was_noticed_while_reading_is_told(run):
    assert "Warning: " in run("fit", SEMMELWEIS)[1]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (CONVERSIONS, "beta-binomial"),
        (COAL, "negative-binomial"),
        (RATES, "beta"),
        (NILE, "auto"),
    ],
    ids=lambda value: str(getattr(value, "stem", value)),
)
def test_the_columns_suggest_the_likelihood(answer, file, name):
    assert answer(file)["model"]["likelihood"] == name


KEYS = {
    "version": None,
    "schema": None,
    "alert": None,
    "file": None,
    "unit": None,
    "spikes": None,
    "headline": None,
    "sentence": None,
    "observations": None,
    "missing": None,
    "time": {"first", "last"},
    "model": {"likelihood", "priors", "changes", "effects"},
    "engine": {"name", "seed", "settings", "converged", "diagnostics"},
    "log_evidence": None,
    "probability_of_change": None,
    "number_of_changes": None,
    "changes": None,
    "sure_changes": None,
    "models": None,
    "sensitivity": None,
    "hyper_sensitivity": None,
    "certificate": None,
    "checks": None,
    "events": None,
    "warnings": None,
}
INTERVAL = {"mean", "lower", "upper"}
CHANGE = {
    "index": None,
    "time": None,
    "most_probable": None,
    "probability": None,
    "credible_set": {"mass", "times"},
    "before": INTERVAL,
    "after": INTERVAL,
    "difference": INTERVAL,
    "ratio": INTERVAL,
    "probability_of_increase": None,
    "others": None,
}


def has_keys(told, keys):
    assert set(told) == set(keys)
    for name, inside in keys.items():
        if inside is not None:
            assert set(told[name]) == inside, name


@pytest.mark.parametrize("file", [SEMMELWEIS, COAL, CONVERSIONS, RATES], ids=lambda f: f.stem)
def test_json_has_exactly_these_keys(answer, file):
    told = answer(file)
    has_keys(told, KEYS)
    assert told["changes"]
    for change in told["changes"]:
        has_keys(change, CHANGE)
    assert list(told["number_of_changes"]) == [
        str(k) for k in range(len(told["number_of_changes"]))
    ]
    assert sum(told["number_of_changes"].values()) == pytest.approx(1, abs=1e-6)


def test_a_level_has_no_ratio(answer):
    (change,) = answer(NILE, "--exactly", 1)["changes"]
    has_keys(change, {**CHANGE, "ratio": None})
    assert change["ratio"] is None
    assert change["time"] == 1899


def test_observations_and_missing_add_up(answer):
    told = answer(SEMMELWEIS)
    assert (told["observations"], told["missing"]) == (98, 1)


def test_dates_are_iso(answer):
    told = answer(SEMMELWEIS, "--exactly", 2)
    assert told["time"] == {"first": "1841-01-01", "last": "1849-03-01"}
    for change in told["changes"]:
        ranges = change["credible_set"]["times"]
        for stamp in [change["time"], change["most_probable"], *chain.from_iterable(ranges)]:
            assert date.fromisoformat(stamp).isoformat() == stamp
        assert all(first <= last for first, last in ranges)


def test_time_stamps_are_iso_where_not_midnight(answer, table):
    rows = "".join(f"2025-01-01 {hour:02}:00,{1 + 8 * (hour > 9)}\n" for hour in range(24))
    told = answer(table("time,events\n" + rows), "--exactly", 1)
    assert told["time"] == {"first": "2025-01-01", "last": "2025-01-01T23:00:00"}
    assert told["changes"][0]["time"] == "2025-01-01T10:00:00"


def test_without_times_there_are_rows(answer, table):
    told = answer(table("events\n" + "1\n2\n1\n0\n9\n8\n9\n7\n"), "--exactly", 1)
    assert told["time"] == {"first": 0, "last": 7}
    (change,) = told["changes"]
    assert (change["index"], change["time"], change["most_probable"]) == (4, 4, 4)
    ((first, last),) = change["credible_set"]["times"]
    assert first <= change["time"] <= last


# -- fit: options -----------------------------------------------------------------------------


def test_likelihood(answer):
    assert answer(CONVERSIONS, "--likelihood", "binomial")["model"]["likelihood"] == "binomial"


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        ([], {"probability": 0.5, "min_length": 1}),
        (["--at-most", 2], {"probability": 0.5, "at_most": 2, "min_length": 1}),
        (["--exactly", 2], {"exactly": 2, "min_length": 1}),
        (["--every", 60], {"every": 60.0, "min_length": 1}),
        (["--min-length", 7], {"probability": 0.5, "min_length": 7}),
        (
            ["--at-most", 2, "--min-length", 7],
            {"probability": 0.5, "at_most": 2, "min_length": 7},
        ),
    ],
)
def test_options_of_the_changes(answer, options, changes):
    assert answer(COAL, *options)["model"]["changes"] == changes


def test_columns_by_flag(answer):
    told = answer(FLIGHTS, "--time", "date", "--count", "cancelled", "--trials", "scheduled",
                  "--aggregate", "week")  # fmt: skip
    assert told["observations"] == 52
    assert told["model"]["likelihood"] == "beta-binomial"


@pytest.mark.parametrize("role", ["rate", "value"])
def test_a_response_by_flag(answer, table, role):
    rows = "".join(f"{i},0.{i % 7 + 1}5\n" for i in range(20))
    told = answer(table("year,share\n" + rows), f"--{role}", "share")
    assert told["model"]["likelihood"] == {"rate": "beta", "value": "auto"}[role]


def test_exposure_by_flag(answer, table):
    rows = "".join(f"{i},{i % 3 + 2},{10 + i}\n" for i in range(20))
    file = table("year,events,miles\n" + rows)
    with_miles = answer(file, "--exposure", "miles")
    assert with_miles["log_evidence"] != answer(file)["log_evidence"]


def test_aggregate(answer):
    assert answer(CONVERSIONS, "--aggregate", "month")["observations"] == 6


def test_date_format(answer, table):
    rows = "".join(f"0{day}/02/2025,{day}\n" for day in range(1, 9))
    told = answer(table("day,events\n" + rows), "--date-format", "%d/%m/%Y")
    assert told["time"] == {"first": "2025-02-01", "last": "2025-02-08"}


def test_a_model_file(answer):
    told = answer(SEMMELWEIS, "--model", MODEL)
    assert told["model"]["changes"]["at_most"] == 1
    assert told["model"]["priors"]["rate"] == "Beta(alpha=2, beta=20)"


def test_flags_override_the_columns_of_a_model_file(answer, table):
    rows = "".join(f"{1850 + i},{100 + i},{i % 5 + 3}\n" for i in range(20))
    told = answer(table("when,born,died\n" + rows), "--model", MODEL,
                  "--time", "when", "--trials", "born", "--count", "died")  # fmt: skip
    assert told["time"] == {"first": 1850, "last": 1869}


@pytest.mark.parametrize(
    ("flag", "given"),
    [
        ("--at-most", 3),
        ("--exactly", 1),
        ("--every", 20),
        ("--min-length", 2),
        ("--likelihood", "beta"),
        ("--season", "week"),
        ("--pulse", "1847:1848"),
    ],
)
def test_flags_that_define_a_model_contradict_a_model_file(run, flag, given):
    status, out, err = run("fit", SEMMELWEIS, "--model", MODEL, flag, given)
    assert (status, out) == (2, "")
    assert flag in err
    assert "leave them out" in err


def test_same_seed_same_bytes(run):
    first, again = (run("fit", COAL, "--json", "--seed", 3)[1] for _ in range(2))
    assert first == again
    assert run("fit", COAL, "--json", "--seed", 4)[1] != first


def test_version(run):
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", run("--version")[1])


@pytest.mark.parametrize("command", [["--help"], ["fit", "--help"], ["check", "--help"]])
def test_help(run, command):
    status, out, err = run(*command)
    assert (status, err) == (0, "")
    assert "Usage: changepoint" in out


def test_help_names_every_option(run):
    out = run("fit", "--help")[1]
    options = ("model time count trials exposure rate value outcomes outcome likelihood "
               "at-most exactly every min-length aggregate statistic keep-partial from to "
               "events zone date-format seed "
               "out json")  # fmt: skip
    assert [option for option in options.split() if f"--{option}" not in out] == []


# -- fit: files -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder that --out wrote, and what --json printed beside it."""
    out = tmp_path_factory.mktemp("out") / "deep" / "er"
    told = io.StringIO()
    with contextlib.redirect_stdout(told), pytest.raises(SystemExit) as ended:
        main(["fit", str(SEMMELWEIS), "--exactly", "1", "--json", "--out", str(out)])
    assert ended.value.code == 0
    return out, told.getvalue()


def test_out_writes_these_files(folder):
    names = {path.name for path in folder[0].iterdir()}
    figures = {"figure.png", "figure.svg", "figure.pdf", "chart.png"}
    numbers, words = {"summary.csv", "result.json"}, {"methods.md", "citation.bib"}
    assert names == figures | numbers | words | {"report.html", "posterior.nc"}


def test_result_json_is_what_was_printed(folder):
    assert (folder[0] / "result.json").read_text(encoding="utf-8") == folder[1]


def test_figures_are_figures(folder):
    assert (folder[0] / "figure.png").read_bytes().startswith(b"\x89PNG")
    svg = (folder[0] / "figure.svg").read_text(encoding="utf-8")
    assert svg.startswith("<svg")
    assert svg.rstrip().endswith("</svg>")
    pdf = (folder[0] / "figure.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    wide = float(re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ", pdf)[1])
    assert wide == pytest.approx(6.3 * 72)  # as the text of an A4 page, in points


def test_summary_opens_in_a_spreadsheet(folder):
    content = (folder[0] / "summary.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(content.decode("utf-8-sig").splitlines())
    assert row["time"] == "1847-06-01"
    assert float(row["before_mean"]) > float(row["after_mean"])


def test_the_saved_posterior_is_the_posterior(folder):
    assert Posterior.load(folder[0] / "posterior.nc").to_dict() == json.loads(folder[1])


def test_same_seed_same_files(run, tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for out in folders:
        run("fit", COAL, "--out", out, "--no-certificate")
    for name in (path.name for path in folders[0].iterdir() if path.suffix != ".nc"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name


def test_out_that_cannot_be_written(run, table):
    blocked = table("a file, not a folder", "blocked")
    status, out, err = run("fit", COAL, "--out", blocked)
    assert (status, out) == (3, "")
    assert "can't write to" in err


# -- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit"],
        ["fit", COAL, "--exactly", "two"],
        ["fit", COAL, "--exactly", "-1"],
        ["fit", COAL, "--at-most", "0"],
        ["fit", COAL, "--exactly", "1", "--every", "20"],
        ["fit", COAL, "--every", "0.5"],
        ["fit", COAL, "--seed", "-1"],
        ["fit", COAL, "--likelihood", "gaussian"],
        ["fit", COAL, "--aggregate", "fortnight"],
        ["fit", COAL, "--no-such-option"],
        ["fit", COAL, "--model", "no_such_model.py"],
        ["no-such-command"],
        ["check"],
    ],
    ids=lambda arguments: " ".join(str(a) for a in arguments if a is not COAL),
)
def test_usage_errors(run, arguments):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("year,events\n", "no row"),
        ("year,events\n1851,two\n", "line 2"),
        ("year,events\n1851,3\n1852,-2\n1853,1\n", "line 3, 1852, column 'events', value -2"),
        ("day,events\n2025-01-01,1\n2025-01-01,2\n", "--aggregate"),
        ("year,colour\n1851,red\n", "colour"),
        ("date,visits,orders\n2025-01-01,10,20\n2025-01-02,10,3\n", "more events than trials"),
        ("", "empty"),
    ],
)
def test_data_errors(run, table, text, named):
    status, out, err = run("fit", table(text))
    assert (status, out) == (3, "")
    assert named in err
    assert "table.csv" in err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--outcomes", "bounced"], "two columns of counts or more, not ['bounced']"),
        (["--outcomes", "bounced,lost"], "no column 'lost'"),
        (
            ["--outcomes", "bounced,carted,bounced"],
            "'bounced' was given for outcomes[0] and for",
        ),
        (["--outcomes", "bounced,carted", "--outcome", "bought"], "both given"),
        (["--outcomes", "bounced,carted", "--count", "bought"], "count can't be used together"),
        (["--outcome", "carted", "--value", "bought"], "value can't be used together"),
        (["--outcome", "bounced"], "looks like an identifier"),
        (["--outcomes", "bounced,bought", "--likelihood", "poisson"], "needs count; the data"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_columns_of_outcomes_that_cannot_be(run, options, named):
    status, out, err = run("fit", FUNNEL, *options)
    assert (status, out) == (3, "")
    assert named in err


def test_a_row_of_numbers_is_no_header(run):
    status, out, err = run("fit", COAL, "--count", "3")
    assert (status, out) == (3, "")
    assert "no column '3', asked for as count. The columns are: 'year', 'disasters'" in err


@pytest.mark.parametrize("name", ["no_such_file.csv", "folder", "book.xlsx"])
def test_files_that_are_no_tables(run, tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "book.xlsx").write_bytes(b"PK\x03\x04 not a table")
    status, out, err = run("fit", tmp_path / name)
    assert (status, out) == (3, "")
    assert name in err


def test_an_engine_error_is_4(run, monkeypatch):
    from changepoint import EngineError, Exact

    def fail(*_):
        raise EngineError("this engine can't do this model")

    monkeypatch.setattr(Exact, "run", fail)
    status, out, err = run("fit", COAL)
    assert (status, out) == (4, "")
    assert "can't do this model" in err


def test_an_internal_error_is_1_and_says_so(run, monkeypatch):
    from changepoint import Exact

    def fail(*_):
        raise KeyError("lost")

    monkeypatch.setattr(Exact, "run", fail)
    status, out, err = run("fit", COAL)
    assert (status, out) == (1, "")
    assert "KeyError" in err
    assert "report" in err


# -- model files ------------------------------------------------------------------------------

HEAD = "from changepoint import Model, likelihoods, priors\n"
GOOD = HEAD + "model = Model(likelihoods.Poisson())\n"
WRONG = {
    "raises": (HEAD + "x = 1 / 0\n", "line 2: ZeroDivisionError"),
    "exits": (HEAD + "raise SystemExit(0)\n", "line 2: SystemExit"),
    "syntax error": (HEAD + "model = Model(\n", "line 2"),
    "not text": ("\0", "model.py"),
    "nothing": (HEAD, "must define `model"),
    "no model": (HEAD + "model = 3\n", "must define `model"),
    "no prior": (
        HEAD + "model = Model(likelihoods.Poisson(rate=3))\n",
        "line 2: rate of Poisson",
    ),
    "no columns": (GOOD + "columns = 'x'\n", "columns must be a dictionary"),
    "unknown role": (GOOD + "columns = {'colour': 'x'}\n", "columns must be a dictionary"),
    "column of no text": (GOOD + "columns = {'count': 3}\n", "columns must be a dictionary"),
    "data of no text": (GOOD + "data = 3\n", "data must be the path"),
    "function raises": (HEAD + "def model(data):\n    return {}['x']\n", "line 3: KeyError"),
    "function returns nothing": (HEAD + "def model(data):\n    pass\n", "must return a Model"),
    "function without arguments": (HEAD + "def model():\n    return 3\n", "TypeError"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_model_file_that_is_wrong(run, table, name):
    text, named = WRONG[name]
    path = table(text, "model.py")
    status, out, err = run("fit", COAL, "--model", path)
    assert (status, out) == (2, "")
    assert "model.py" in err
    assert named in err


def test_a_model_file_may_hold_a_function(answer, table):
    text = HEAD + (
        "def model(observations):\n"
        "    return Model(likelihoods.Poisson(rate=priors.Gamma(2, len(observations))))\n"
    )
    told = answer(COAL, "--model", table(text, "model.py"))
    assert told["model"]["priors"] == {"rate": "Gamma(alpha=2, beta=112)"}


def test_what_a_model_file_prints_stays_out_of_the_answer(run, table):
    status, out, err = run(
        "fit", COAL, "--json", "--model", table(GOOD + "print(7)\n", "model.py")
    )
    assert (status, err) == (0, "7\n")
    json.loads(out)


# -- fit: sampling ----------------------------------------------------------------------------


@pytest.fixture
def soon_tuned(monkeypatch):
    """200 iterations before those that are kept, enough here; the command has no option."""
    from changepoint.sampling import sampler

    sample = sampler.run
    monkeypatch.setattr(
        sampler, "run", lambda *given, **named: sample(*given, **{**named, "tune": 200})
    )


def test_sampling(answer, soon_tuned):
    told = answer(SEMMELWEIS, "--exactly", 1, "--engine", "mcmc", "--switchpoints", "gibbs",
                  "--draws", 300, "--likelihood", "binomial")  # fmt: skip
    assert told["engine"]["name"] == "mcmc"
    assert told["engine"]["converged"] is True
    assert told["engine"]["settings"]["draws"] == 300
    (change,) = told["changes"]
    assert change["most_probable"] == "1847-06-01"


def test_chains_that_have_not_converged_are_4_and_say_what_to_do(run, tmp_path, soon_tuned):
    status, out, err = run("fit", COAL, "--exactly", 1, "--likelihood", "poisson",
                           "--engine", "mcmc", "--switchpoints", "sum-out", "--draws", 20,
                           "--out", tmp_path, "--json")  # fmt: skip
    assert status == 4
    told = json.loads(out)
    assert told["engine"]["converged"] is False
    assert "the chains have not converged: " in err
    assert "Take the exact answer" in err
    assert err.strip().removeprefix("changepoint: ") in told["warnings"]
    assert Posterior.load(tmp_path / "posterior.nc").converged is False
    assert json.loads((tmp_path / "result.json").read_text(encoding="utf-8")) == told


def test_plain_text_of_a_sampled_answer(run, soon_tuned):
    status, out, err = run("fit", COAL, "--likelihood", "poisson", "--engine", "mcmc",
                           "--switchpoints", "sum-out")  # fmt: skip
    assert (status, err) == (0, "")
    assert "Engine: mcmc, switchpoints by sum-out, 4 x 1000 draws: converged; R-hat" in out
    assert "from its exact posterior" in " ".join(out.split())
    assert "Warning: MCMC assumes exactly 1 change" in out


BY_HAND = """
import pymc as pm

from changepoint import sum_out


def model(observations):
    with pm.Model(coords={"segment": ["before", "after"]}) as built:
        rate = pm.Gamma("rate", 3.0, 1.0, dims="segment")
        rows = pm.logp(pm.Poisson.dist(rate[:, None]), observations.count.astype(int))
        pm.Potential("disasters", sum_out(rows))
    return built
"""


def test_a_pymc_model_file_is_sampled(run, table, soon_tuned):
    """Of models/hand_written_pymc.py tests/test_models.py looks at the answer."""
    file = table(BY_HAND, "model.py")
    status, out, _ = run("fit", COAL, "--model", file)
    assert status == 0
    assert out.startswith("Assuming exactly 1 change: the rate fell by ")
    assert "\nAssuming exactly 1 change: at 189" in out
    assert "Model: PyMC, written by hand: rate ~" in out
    status, _, err = run("fit", COAL, "--model", file, "--engine", "exact")
    assert status == 2
    assert "a PyMC model needs the engine MCMC()" in err


def test_ways_of_sampling_need_a_sampler(run):
    status, _, err = run("fit", COAL, "--switchpoints", "gibbs")
    assert status == 2
    assert "use it with --engine mcmc" in err


def test_exact_draws(answer, run):
    assert answer(COAL, "--draws", 400)["engine"]["settings"]["draws"] == 400
    status, _, err = run("fit", COAL, "--draws", 401)
    assert status == 2
    assert "multiple of 4" in err


def test_an_interrupt_is_130(run, monkeypatch):
    from changepoint import Exact

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Exact, "run", interrupted)
    status, out, err = run("fit", COAL)
    assert (status, out) == (130, "")
    assert err == "changepoint: interrupted before there was an answer\n"


# -- check ------------------------------------------------------------------------------------


def test_check_says_which_likelihoods_fit(run):
    status, out, err = run("check", CONVERSIONS, RATES)
    assert (status, err) == (0, "")
    assert "Use 'beta-binomial': counts out of trials that vary" in out
    assert "Use 'beta': rates whose trials are unknown" in out
    assert re.search(r"normal +needs value", out)


@pytest.mark.parametrize("count", ["2", "-1"])
def test_check_begins_with_its_advice(run, table, count):
    """Then what fits, what doesn't, and what needs other columns."""
    rows = "".join(f"{row},{count}\n" for row in range(5))
    told = run("check", table(f"year,events\n{rows}"))[1].splitlines()
    assert told[1].startswith("  Use '" if count == "2" else "  No likelihood fits: mend")
    kinds = [re.match(r"  [a-z-]+ +(fits|doesn't fit|needs)", line) for line in told[2:]]
    kinds = [kind[1] for kind in kinds if kind]
    assert kinds == sorted(kinds, key=["fits", "doesn't fit", "needs"].index)
    assert len(kinds) == len(likelihoods.FAMILIES)


@pytest.mark.parametrize("wrong", [1, 3])
def test_a_few_rows_that_the_usual_likelihood_cannot_explain_are_to_be_mended(
    run, table, wrong
):
    """Not another likelihood, which would take a typing error for a change."""
    rows = "".join(f"{day},{900 if day <= wrong else day % 5},100\n" for day in range(1, 41))
    status, out, _ = run("check", table("day,orders,visits\n" + rows))
    assert status == 3
    named = "the row" if wrong == 1 else f"{wrong} rows"
    assert f"  Mend {named} named below that 'beta-binomial'" in out
    assert "Use '" not in out
    assert out.count("column 'orders', value 900") >= wrong


def test_check_names_the_rows_that_do_not_fit(run, table):
    status, out, err = run("check", table("day,orders,visits\n1,2,10\n2,30,20\n3,1,10\n"))
    assert (status, err) == (0, "")
    assert "line 3, 2, column 'orders', value 30: more events than trials" in out
    assert "Use 'negative-binomial'" in out


def test_check_fails_if_nothing_fits(run, table):
    status, out, _ = run("check", COAL, table("year,events\n1851,1\n1852,-1\n1853,2\n"))
    assert status == 3
    assert "a negative count" in out
    assert "No likelihood fits" in out


def test_check_goes_on_after_a_file_that_cannot_be_read(run):
    status, out, _ = run("check", "no_such_file.csv", COAL)
    assert status == 3
    assert "can't be read" in out
    assert "Use 'negative-binomial'" in out


def test_check_of_outcomes(run, table):
    told = run("check", FUNNEL, "--outcomes", "bounced, browsed, carted, bought")[1]
    assert "Observations(T=150, 2025-01-01 to 2025-05-30, 4 outcomes)" in told
    assert re.search(r"poisson +needs count\n", told)
    assert "mend the rows" not in told
    labels = table('step,"a,b",c\nleft,1,2\nbought,3,4\nleft,5,6\n')
    assert "T=3, 2 outcomes" in run("check", labels, "--outcome", "step")[1]
    assert "T=3, 2 outcomes" in run("check", labels, "--outcomes", '"a,b",c')[1]


def test_outcomes_of_a_model_file_give_way_to_flags(run, table):
    text = GOOD + "columns = {'outcomes': ['bounced', 'lost']}\n"
    model = table(text, "model.py")
    assert "no column 'lost'" in run("fit", FUNNEL, "--model", model)[2]
    for flag, columns in (("--outcomes", "bounced,bought"), ("--outcome", "carted")):
        err = run("fit", FUNNEL, "--model", model, flag, columns)[2]
        assert "needs count; the data have outcomes" in err


def test_check_takes_columns(run):
    status, out, _ = run("check", FLIGHTS, "--count", "cancelled", "--trials", "scheduled")
    assert status == 0
    assert "Use 'beta-binomial'" in out
