"""The page as a file: what it holds, and what it can't."""

import base64
import hashlib
import json
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from made_up import HOSTILE, report, series, several

import changepoint.report.page_many as pages
from changepoint import (
    Changes,
    DataWarning,
    Exact,
    Model,
    Observations,
    fit,
    likelihoods,
    read_csv,
)
from changepoint.plain import plain
from changepoint.report.page_many import Failure, page
from changepoint.report.page_one import single

DATA = Path(__file__).parents[2] / "data"


class Page(HTMLParser):
    """Elements with their attributes, and the text of each by its path of tags."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.texts, self._open = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "input", "path"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data):
        self.texts.append((tuple(self._open), data))

    def text(self, tag):
        return ["".join(data for path, data in self.texts if path and path[-1] == tag)]

    def block(self):
        scripts = [data for path, data in self.texts if path[-1:] == ("script",)]
        return json.loads(scripts[0])

    def visible(self):
        return "".join(data for path, data in self.texts if not {"script", "style"} & set(path))


def told(html):
    """Return the series of the JSON block as dictionaries."""
    block = Page(html).block()
    return [dict(zip(block["fields"], row, strict=False)) for row in block["series"]]


# -- what data can't do -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def hostile():
    found = [
        series(name, i, [30], q=0.95, sentence=f"{name} changed", file=name, warnings=[name])
        for i, name in enumerate(HOSTILE)
    ]
    lines = [(name, name) for name in HOSTILE]
    failures = [Failure(name, name, name) for name in HOSTILE]
    return page(
        report(found, failures=failures, totals=lines, about=lines, notes=HOSTILE)._replace(
            title=HOSTILE[1], subtitle=HOSTILE[2], label=HOSTILE[0], csv=HOSTILE[1]
        )
    )


def test_names_from_data_add_no_element(hostile):
    harmless = page(
        report([series("a", i, [30], q=0.95, sentence="s", file="f", warnings=["w"])
                for i in range(len(HOSTILE))],
               failures=[Failure("a", "b", "c")] * len(HOSTILE),
               totals=[("a", "b")] * len(HOSTILE), about=[("a", "b")] * len(HOSTILE),
               notes=["a"] * len(HOSTILE))
    )  # fmt: skip
    tags = [[tag for tag, _ in Page(html).elements] for html in (hostile, harmless)]
    assert tags[0] == tags[1]
    assert len(re.findall("<script", hostile)) == len(re.findall("</script", hostile)) == 2


def test_names_come_back_from_the_block(hostile):
    whole = [plain(name) for name in HOSTILE]
    assert [one["name"] for one in told(hostile)] == whole
    assert Page(hostile).block()["label"] == HOSTILE[0]
    assert plain(hostile) == hostile


def test_the_block_holds_no_sign_that_html_knows(hostile):
    block = re.search('<script type="application/json" id="data">(.*)</script>\n<script>',
                      hostile, re.DOTALL).group(1)  # fmt: skip
    assert not set("<>&\u2028\u2029") & set(block)


def test_templates_in_names_stay_text(hostile):
    assert "{{ 7 * 7 }} {% raw %}" in Page(hostile).visible()


# -- what the page loads ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def posterior():
    return fit(Model(likelihoods.BetaBinomial()), read_csv(DATA / "conversions.csv"))


@pytest.fixture(scope="module", params=["many", "one"])
def html(request, posterior):
    return page(report()) if request.param == "many" else single(posterior)


def test_no_address(html):
    outside = re.sub('<script type="application/json".*?</script>', "", html, flags=re.DOTALL)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", outside)
    assert not re.search(r"https?:", html)
    for tag, attributes in Page(html).elements:
        assert not {"src", "srcset", "action", "onclick", "onload", "style"} & set(attributes)
        address = attributes.get("href", "#")
        assert address.startswith("#") or (tag, address) == ("link", "data:,")


def test_the_policy_allows_these_scripts_and_no_others(html):
    found = Page(html)
    policy = next(a["content"] for tag, a in found.elements if "http-equiv" in a)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    texts = {tag: re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
             for tag in ("script", "style")}  # fmt: skip
    for tag, (text,) in texts.items():
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    assert rules["default-src"] == "'none'"
    assert not {"connect-src", "font-src", "frame-src"} & set(rules)


def test_language_and_viewport(html):
    elements = Page(html).elements
    assert ("html", {"lang": "en"}) in elements
    assert any(a.get("name") == "viewport" for _, a in elements)
    assert [tag for tag, _ in elements].count("h1") == 1
    assert [tag for tag, _ in elements].count("main") == 1
    assert "noscript" in [tag for tag, _ in elements]


def test_equal_reports_are_equal_files():
    assert page(report()) == page(report())


# -- many series ------------------------------------------------------------------------------


def test_the_block_is_the_series():
    given = several()
    for one, got in zip(given, told(page(report(given))), strict=True):
        assert (got["name"], got["number"], got["n"], got["missing"], got["sentence"]) == (
            one.name, one.number, one.n, one.missing, one.sentence)  # fmt: skip
        assert (got["q"], got["p"]) == pytest.approx((one.q, one.p), rel=1e-5)
        assert base64.b64decode(got["bytes"]) == one.curve.data
        assert (got["n_points"], got["clipped"]) == (one.curve.n, one.curve.clipped)
        for change, row in zip(one.changes, got["changes"], strict=True):
            assert row[1:3] == [change.time, change.credible]
            assert row[4] == pytest.approx(list(change.before), rel=1e-5)


def test_axes_and_files_are_told_once():
    block = Page(page(report())).block()
    assert len(block["axes"]) == len(block["files"]) == 1


def test_numbers_that_are_none_are_null():
    odd = series("odd", q=float("nan"), p=float("inf"))
    (got,) = told(page(report([odd])))
    assert (got["q"], got["p"]) == (None, None)


def test_probabilities_close_to_one_keep_their_order():
    one, two = told(page(report([series("a", q=1 - 1e-9), series("b", q=1 - 1e-10)])))
    assert one["q"] < two["q"] < 1


def test_series_keep_their_order():
    given = several()[::-1]
    assert [one["name"] for one in told(page(report(given)))] == [one.name for one in given]


def test_without_scripts_the_first_are_told(monkeypatch):
    monkeypatch.setattr(pages, "TOLD", 5)
    given = several()
    text = " ".join(Page(page(report(given))).visible().split())
    assert "These are the first 5 series of 130, the flagged first" in text
    for one in given[:5]:
        assert f"{one.name} (flagged): {one.sentence}" in text
    assert given[5].sentence not in text
    assert "These are all series, the flagged first" in page(report(given[:3]))


def test_nothing_is_told_twice():
    given = several()
    text = Page(page(report(given))).visible()
    for one in given[:50]:
        assert text.count(one.sentence) == 1


def test_more_series_than_the_table_holds(monkeypatch):
    monkeypatch.setattr(pages, "LISTED", 50)
    given = several()
    html = page(report(given, csv="rates.csv"))
    assert [one["name"] for one in told(html)] == [one.name for one in given[:50]]
    assert "the first 50 of 130 series; all are in rates.csv" in html


def test_impact_and_what_a_dot_is_are_told():
    given = [series("a", rows=[3], q=0.99, stride=3), series("b", q=0.5)]
    html = page(report(given, impact="Impact is 1,000 times the difference."))
    found = told(html)
    assert [one["stride"] for one in found] == [3, 1]
    assert [one["impact"] for one in found] == pytest.approx([10.0, None])
    assert "Impact is 1,000 times the difference." in Page(html).visible()
    assert "a dot is what several rows give together" in html
    assert "several rows give together" not in page(report(given[1:]))


def test_failures_are_led_to_from_the_top_and_few_are_open():
    failures = [Failure(f"shop {i}", "data", f"line {i}") for i in range(25)]
    html = page(report(failures=failures))
    link = html.index('<a href="#failed">25 series have no answer</a>')
    assert link < html.index('<h2 id="all">') < html.index('<h2 id="failed">')
    closed = html.index("<summary>15 more</summary>")
    assert html.index("line 9<") < closed < html.index("line 10<")
    assert "<details>" not in page(report(failures=failures[:10]))
    assert "#failed" not in page(report())


def test_more_failures_than_the_page_holds(monkeypatch):
    monkeypatch.setattr(pages, "FAILURES", 2)
    failures = [Failure(f"shop {i}", "data", f"line {i}\n  Correct it.") for i in range(5)]
    text = Page(page(report(failures=failures))).visible()
    assert "5 series have no answer" in text
    assert "Here are the first 2" in text
    assert "line 1\n  Correct it." in text
    assert "line 2" not in text


def test_nothing_to_show():
    assert "No series was solved." in page(report([]))
    assert "No series is flagged." in page(report([series("a")]))
    assert "No series is flagged." not in page(report([series("a", rows=[3], q=0.99)]))


def test_a_series_without_a_curve():
    (got,) = told(page(report([series("a", curve=None)])))
    assert "bytes" not in got


# -- one series -------------------------------------------------------------------------------


def counts(*rates, rows=40, **more):
    rate = np.repeat(rates, rows)
    count = np.random.default_rng(5).binomial(1000, rate).astype(float)
    return Observations(count=count, trials=np.full(len(rate), 1000.0), **more)


def fitted(model, observations):
    return fit(model, observations, Exact(draws=200))


MODELS = {
    "proportions": lambda: fitted(None, read_csv(DATA / "semmelweis.csv")),
    "exactly one": lambda: fitted(
        Model(likelihoods.Binomial(), Changes(exactly=1)), read_csv(DATA / "semmelweis.csv")
    ),
    "exactly none": lambda: fitted(
        Model(likelihoods.Binomial(), Changes(exactly=0)), counts(0.02)
    ),
    "counts": lambda: fitted(
        Model(likelihoods.Poisson()), read_csv(DATA / "coal_disasters.csv")
    ),
    "rates": lambda: fitted(None, read_csv(DATA / "conversion_rates.csv")),
    "values": lambda: fitted(None, read_csv(DATA / "nile.csv")),
    "noise alone": lambda: fitted(
        Model(likelihoods.NormalVariance()), read_csv(DATA / "nile.csv")
    ),
    "lines": lambda: fitted(Model(likelihoods.Trend()), read_csv(DATA / "nile.csv")),
    "outcomes": lambda: fitted(
        None, read_csv(DATA / "funnel.csv", outcomes=["bounced", "carted", "bought"])
    ),
    "no times": lambda: fitted(Model(likelihoods.Binomial()), counts(0.02, 0.05)),
    "numbers": lambda: fitted(
        Model(likelihoods.Binomial()), counts(0.02, 0.05, time=np.arange(80) / 4)
    ),
    "no change": lambda: fitted(Model(likelihoods.Binomial()), counts(0.02)),
    "many changes": lambda: fitted(
        Model(likelihoods.Binomial()), counts(*[0.02, 0.08] * 12, rows=12)
    ),
    "one row": lambda: fitted(
        Model(likelihoods.Binomial(), Changes(exactly=0)), counts(0.02, rows=1)
    ),
    "long": lambda: fitted(Model(likelihoods.Binomial()), counts(0.02, 0.04, rows=500)),
}


@pytest.fixture(scope="module", params=MODELS)
def answer(request):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # a missing month, which pages tell too
        return MODELS[request.param]()


def test_the_page_of_one_series(answer):
    html = single(answer)
    text = " ".join(Page(html).visible().split())
    for sentence in (answer.headline(), answer.sentence()):
        assert " ".join(sentence.split()) in text
    (got,) = told(html)
    T, n = len(answer.observations), got["n_points"]
    stride = -(-T // 400)
    assert n == -(-T // stride) <= 400
    assert [change[0] for change in got["changes"]] == pytest.approx(
        [change.index / stride for change in answer.changes], rel=1e-5
    )
    for change in answer.changes:
        assert str(change.index if change.time is None else change.time) in text
    for warning in answer.warnings:
        assert " ".join(warning.split()) in text
    assert str(answer.model.changes) in text
    assert answer.observations.fingerprint() in text
    assert "nan" not in re.sub(r"[a-z]*nan[a-z]+", "", text)


def test_the_curve_is_data_band_and_changes(answer):
    (got,) = told(single(answer))
    family, told_ = answer.model.likelihood, answer.marginals
    n, T = got["n_points"], len(answer.observations)
    stride = -(-T // 400)
    levels = np.frombuffer(base64.b64decode(got["bytes"]), np.uint8).reshape(5, n)
    per = answer.to_dict()["unit"]["per"]  # in which the page has its curve
    y = per * answer.estimates
    change = told_["change_probability"].values
    mean = per * told_[f"{family.parameter}_mean"].values
    step = (got["high"] - got["low"]) / 254
    for i in range(n):
        rows = slice(i * stride, (i + 1) * stride)
        seen = y[rows][np.isfinite(y[rows])]
        if not len(seen):
            assert levels[0, i] == 255
        else:
            at = np.clip(seen.mean(), got["low"], got["high"])
            assert got["low"] + levels[0, i] * step == pytest.approx(at, abs=0.51 * step)
        p = min(change[rows].sum(), 1)
        assert levels[4, i] / 255 * got["peak"] == pytest.approx(p, abs=0.51 / 255)
        middle = mean[rows][len(mean[rows]) // 2]
        assert got["low"] + levels[2, i] * step == pytest.approx(middle, abs=0.51 * step)


def test_a_name_of_a_file_is_text():
    observations = counts(0.02, file="<script>alert(1)</script>.csv", columns={"count": "<b>"})
    html = single(fitted(Model(likelihoods.Binomial()), observations))
    assert len(re.findall("<script", html)) == 2
    assert "<b>" not in html
    assert "<script>alert(1)</script>.csv" in Page(html).visible()
