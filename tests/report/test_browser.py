"""The page in a browser: what people do with it, and that nothing goes wrong or out."""

import os
import re
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from made_up import HOSTILE, change, report, series, several

from changepoint import Model, fit, likelihoods, read_csv
from changepoint.report.control_limits import chart_of
from changepoint.report.numbers import chance, number, signed, span
from changepoint.report.page_many import Failure, page
from changepoint.report.page_one import single
from changepoint.report.sparkline import curve

DATA = Path(__file__).parents[2] / "data"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def absent(what):
    told = f"{what} is absent: apt-get install chromium, pip install playwright"
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(told)
    pytest.skip(told)


@pytest.fixture(scope="module")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        absent("playwright")
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        absent("chromium")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        launched = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield launched
        launched.close()


@pytest.fixture
def visit(browser, tmp_path):
    """Open a page from a file; afterwards no error was told and nothing else was asked for."""
    contexts, errors, requests = [], [], []

    def visit(html, hash="", viewport=WIDE, **options):
        file = tmp_path / "report.html"
        file.write_text(html, encoding="utf-8")
        context = browser.new_context(offline=True, viewport=viewport, **options)
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(10_000)
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("console", lambda said: errors.append(said.text))
        tab.on("request", lambda asked: requests.append(asked.url))
        tab.goto(file.as_uri() + hash)
        return tab

    yield visit
    for context in contexts:
        context.close()
    assert errors == []
    assert {re.sub("#.*", "", url) for url in requests} <= {
        (tmp_path / "report.html").as_uri(),
        "data:,",
    }


SERIES = several()
HTML = page(report(SERIES, failures=[Failure("Café 0", "data", "line 3\n  Correct it.")]))


def names(tab):
    return tab.locator("#list button.open").all_text_contents()


def column(tab, key):
    """Return the cells of a column, as text."""
    heads = tab.locator("#list thead th").evaluate_all("all => all.map(h => h.dataset.key)")
    return tab.locator(
        f"#list > tbody > tr > :nth-child({heads.index(key) + 1})"
    ).all_text_contents()


def main(one):
    """Return the change that the table tells: the largest that is sure, or else of all."""
    sure = [change for change in one.changes if change.probability >= 0.95] or one.changes
    size = lambda c: abs(np.log(c.after.mean / c.before.mean))  # noqa: E731
    return max(sure, key=size, default=None)


VALUES = {
    "chance": lambda one: one.q,
    "number": lambda one: one.number,
    "when": lambda one: main(one) and main(one).time,
    "before": lambda one: main(one) and main(one).before.mean,
    "after": lambda one: main(one) and main(one).after.mean,
    "ratio": lambda one: main(one) and main(one).ratio.mean,
    "impact": lambda one: one.impact,
    "n": lambda one: one.n,
}


def ordered(key, down):
    """Return the series by a column, ties as they are given, and those without last."""
    value = VALUES[key]
    have = [one for one in SERIES if value(one) is not None]
    have.sort(key=value, reverse=down)
    return have + [one for one in SERIES if value(one) is None]


# -- the table --------------------------------------------------------------------------------


def test_first_they_stand_as_given(visit):
    tab = visit(HTML)
    assert names(tab) == [one.name for one in SERIES[:50]]
    assert tab.locator("#count").text_content() == "130 of 130 series"
    assert tab.locator("#list svg.spark").count() == 50
    flagged = tab.locator("#list .flag").count()
    assert flagged == sum(one.flagged for one in SERIES)


@pytest.mark.parametrize("key", VALUES)
def test_sort_by_click(visit, key):
    tab = visit(HTML)
    head = tab.locator(f"#list th[data-key={key}]")
    for _ in range(2):
        head.locator("button").click()
        down = {"descending": True, "ascending": False}[head.get_attribute("aria-sort")]
        assert names(tab) == [one.name for one in ordered(key, down)[:50]]
        assert tab.locator("#list th[aria-sort]").count() == 1


def test_sort_by_keyboard(visit):
    tab = visit(HTML)
    tab.locator("#list th[data-key=name] button").focus()
    tab.keyboard.press("Enter")
    assert names(tab)[:3] == ["Café 2", "Café 4", "Café 6"]  # as numbers: 10 comes later
    tab.keyboard.press("Enter")
    assert names(tab)[:2] == ["shop 129", "shop 127"]


def test_cells_are_numbers_as_in_the_sentences(visit):
    tab = visit(HTML)
    told = {key: [] for key in VALUES}
    for one in SERIES[:50]:
        largest = main(one)
        told["chance"].append(chance(one.q))
        told["number"].append(str(one.number))
        told["when"].append(largest.time if largest else "–")
        for key in ("before", "after", "ratio"):
            told[key].append(number(getattr(largest, key).mean) if largest else "–")
        if largest:
            up = largest.after.mean > largest.before.mean
            told["after"][-1] = f"{'↑' if up else '↓'} {told['after'][-1]}"
        minus = "" if one.impact is None else signed(one.impact).replace("-", "−")
        told["impact"].append(minus or "–")
        told["n"].append(str(one.n))
    for key, texts in told.items():
        assert column(tab, key) == texts, key


def test_odd_numbers_are_written_as_python_writes_them(visit):
    means = [0.0, 1.5e-12, 3.4567e-9, 9.996e-4, 0.0123456, 0.9996, 9.995001, 123.456, 98765.4,
             1.25e9, -0.00321, -45.67]  # fmt: skip
    odds = [1e-300, 9.9e-5, 1.01e-4, 0.00312, 0.0456, 0.5, 0.9951, 0.99931, 0.99995, 1 - 1e-12,
            0.25, 0.75]  # fmt: skip
    found = [
        series(f"{i:02}", i, changes=[change(3)._replace(before=span_at(mean))], number=1, q=p,
               impact=1e4 * mean)
        for i, (mean, p) in enumerate(zip(means, odds, strict=True))
    ]  # fmt: skip
    tab = visit(page(report(found)))
    tab.locator("#list th[data-key=name] button").click()
    assert column(tab, "before") == [number(mean) for mean in means]
    assert column(tab, "chance") == [chance(p) for p in odds]
    impacts = [re.sub("^-", "−", signed(1e4 * mean)) for mean in means]
    assert column(tab, "impact") == impacts


def span_at(mean):
    return change(3).before._replace(mean=mean)


def test_search_and_filters(visit):
    tab = visit(HTML)
    count, search = tab.locator("#count"), tab.locator("#search")
    search.fill("CAFÉ 1")
    wanted = [one for one in SERIES if "café 1" in one.name.lower()]
    assert names(tab) == [one.name for one in wanted]
    assert count.text_content() == f"{len(wanted)} of 130 series"
    tab.get_by_label("with changes").check()
    assert names(tab) == [one.name for one in wanted if one.number]
    tab.get_by_label("flagged 13").check()
    assert names(tab) == [one.name for one in wanted if one.flagged]
    search.fill("no such name")
    assert names(tab) == []
    said = tab.locator("#list tbody").text_content()
    assert said == "No series that is flagged has “no such name” in its name."
    assert tab.locator("#place").text_content() == "no series"
    assert tab.get_by_role("button", name="Open all").is_disabled()
    search.fill("")
    assert len(names(tab)) == 13
    assert count.get_attribute("aria-live") == "polite"


def test_pages(visit):
    tab = visit(HTML)
    following, previous = (tab.get_by_role("button", name=n) for n in ("Next", "Previous"))
    order = [one.name for one in SERIES]
    assert previous.is_disabled()
    following.click()
    assert names(tab) == order[50:100]
    following.click()
    assert names(tab) == order[100:]
    assert tab.locator("#place").text_content() == "101–130 of 130"
    assert following.is_disabled()
    previous.click()
    assert names(tab) == order[50:100]


# -- the details ------------------------------------------------------------------------------


def test_open_and_close_by_keyboard(visit):
    tab = visit(HTML)
    one = next(one for one in SERIES if one.number == 2)
    button = tab.get_by_role("button", name=one.name, exact=True)
    button.focus()
    assert button.get_attribute("aria-expanded") == "false"
    tab.keyboard.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    opened = tab.locator(f"#{button.get_attribute('aria-controls')}")
    assert one.sentence in opened.text_content()
    assert opened.locator("svg.figure").get_attribute("aria-label") == one.sentence
    cells = opened.locator("tbody tr").nth(1).locator("th, td").all_text_contents()
    last = one.changes[1]
    assert cells == [last.time, last.credible, chance(last.probability), span(last.before),
                     span(last.after), span(last.ratio), chance(last.increase)]  # fmt: skip
    assert f"60 rows, {one.missing} missing" in opened.text_content()
    tab.keyboard.press("Enter")
    assert opened.count() == 0
    assert button.get_attribute("aria-expanded") == "false"


def test_open_by_a_click_on_the_row(visit):
    tab = visit(HTML)
    tab.locator("#list > tbody > tr").nth(2).locator("td").nth(3).click()
    assert tab.locator("#list .detail").count() == 1


def test_the_address_opens_a_series_wherever_it_is(visit):
    last = SERIES[-1]
    id = SERIES.index(last)
    tab = visit(HTML, f"#s{id}")
    button = tab.get_by_role("button", name=last.name, exact=True)
    assert button.get_attribute("aria-expanded") == "true"
    assert button.evaluate("button => document.activeElement === button")
    assert tab.locator("#place").text_content() == "101–130 of 130"
    tab.locator("#search").fill("nothing")
    other = 60
    tab.evaluate(f"location.hash = '#s{other}'")
    tab.locator(f"#d{other} svg.figure").wait_for()
    assert tab.locator("#search").input_value() == ""


def test_the_order_of_the_beginning_comes_back(visit):
    tab = visit(HTML)
    again = tab.get_by_role("button", name="Flagged first again")
    assert not again.is_visible()
    tab.locator("#list th[data-key=ratio] button").click()
    assert names(tab) != [one.name for one in SERIES[:50]]
    again.click()
    assert names(tab) == [one.name for one in SERIES[:50]]
    assert not again.is_visible()
    assert tab.locator("#list th[aria-sort]").count() == 0


def test_open_and_close_all(visit):
    tab = visit(HTML)
    tab.get_by_role("button", name="Open all of this page").click()
    assert tab.locator("#list .detail").count() == 50
    tab.locator("#list button.open").first.click()
    assert tab.locator("#list .detail").count() == 49
    tab.get_by_role("button", name="Open all of this page").click()
    tab.get_by_role("button", name="Close all of this page").click()
    assert tab.locator("#list .detail").count() == 0


@pytest.mark.parametrize("hash", ["#s99999", "#s-1", "#sx", "#<script>", "#%00"])
def test_addresses_of_nothing(visit, hash):
    assert len(names(visit(HTML, hash))) == 50


def test_open_series_are_drawn_when_near_and_all_for_paper(visit):
    tab = visit(HTML)
    tab.get_by_role("button", name="Open all of this page").click()
    opened = tab.locator("#list .detail")
    assert opened.last.locator("svg").count() == 0
    tab.emulate_media(media="print")
    opened.last.locator("svg.figure").wait_for(state="attached")
    assert tab.locator("svg.figure").count() == 50
    assert not tab.locator(".controls").is_visible()


def test_the_pdf_holds_every_figure_that_is_open(visit):
    tab = visit(HTML)
    tab.get_by_role("button", name="Open all of this page").click()
    assert tab.pdf().startswith(b"%PDF")
    assert tab.locator("svg.figure").count() == 50


# -- the figure -------------------------------------------------------------------------------


def numbers_of(path):
    return [float(x) for x in re.findall(r"-?\d+\.?\d*", path)]


@pytest.fixture
def drawn(visit):
    """Draw one series of 40 points that changes for sure before point 10, and return parts."""
    y = np.linspace(0.1, 0.9, 40)
    y[[5, 6]] = np.nan
    p = np.zeros(40)
    p[10] = 1.0
    band = np.full(40, 0.5)
    shape = curve(y, band - 0.1, band, band + 0.1, p)
    one = series("a", q=0.99, rows=[10], n=40, curve=shape)
    svg = visit(page(report([one])), "#s0").locator("#d0 svg.figure")
    svg.wait_for()

    def part(kind):
        return svg.locator(f".{kind}").first.get_attribute("d")

    return part


def test_the_line_of_a_change_stands_where_its_bar_begins(drawn):
    line, bar = numbers_of(drawn("mark"))[0], numbers_of(drawn("bars"))
    assert bar[0] == pytest.approx(line, abs=0.2)


def test_points_stand_in_the_middle_and_missing_ones_nowhere(drawn):
    points = np.array(numbers_of(drawn("dots").replace("h0", ""))).reshape(-1, 2)
    assert len(points) == 38
    left, *_, right = sorted(
        numbers_of(drawn("axis"))[0::2][:1] + numbers_of(drawn("axis"))[2:3]
    )
    width = (right - left) / 40
    index = np.delete(np.arange(40), [5, 6])
    assert points[:, 0] == pytest.approx(left + (index + 0.5) * width, abs=0.1)
    assert np.all(np.diff(points[:, 1]) < 0)  # upwards is larger


def test_the_band_holds_the_mean(drawn):
    band, mean = numbers_of(drawn("band")), numbers_of(drawn("mean"))
    heights = sorted({band[1], band[-2]})
    assert mean[1] == pytest.approx(sum(heights) / 2, abs=1)


# -- hostile names, other screens, other people -----------------------------------------------


def test_hostile_names_are_text(visit):
    found = [
        series(name, i, [30], q=0.95, sentence=f"{name} changed.", file=name, warnings=[name])
        for i, name in enumerate(HOSTILE)
    ]
    tab = visit(page(report(found, failures=[Failure(n, n, n) for n in HOSTILE])))
    tab.locator("#list th[data-key=name] button").click()
    for button in tab.locator("#list button.open").all():
        button.click()
    tab.emulate_media(media="print")
    assert tab.evaluate("window.hacked") is None
    assert tab.locator("img").count() == 0
    shown = {" ".join(name.split()) for name in names(tab)}
    assert "<script>window.hacked = 1</script>" in shown
    assert "(no name)" in shown
    assert "x" * 10_000 in shown
    tab.emulate_media(media="screen")
    tab.set_viewport_size(PHONE)
    assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    tab.locator("#search").fill("<script>window.hacked = 1")
    assert len(names(tab)) == 1


def test_the_policy_stops_what_would_go_out(browser, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(HTML, encoding="utf-8")
    context = browser.new_context()
    tab, asked, said = context.new_page(), [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: said.append(message.text))
    tab.goto(file.as_uri())
    asked.clear()
    stopped = tab.evaluate(
        """async () => {
          const other = new URL('other.json', location).href;
          const image = new Image();
          const failed = new Promise((done) => { image.onerror = () => done(true); });
          image.src = other;
          document.body.insertAdjacentHTML('beforeend', '<b onclick="window.hacked = 1">b</b>');
          document.body.lastChild.click();
          const fetched = await fetch(other).then(() => true, () => false);
          return [await failed, fetched, window.hacked];
        }"""
    )
    context.close()
    assert stopped == [True, False, None]
    assert all("Content Security Policy" in text for text in said)
    assert len(said) >= 3


def test_a_phone(visit):
    tab = visit(HTML, viewport=PHONE, device_scale_factor=2)
    tab.locator("#list button.open").first.click()
    tab.locator("#list .detail svg.figure").wait_for()
    assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    inside = tab.locator("#list .detail .inside").bounding_box()
    assert inside["x"] >= 0
    assert inside["x"] + inside["width"] <= PHONE["width"]
    for key in ("name", "when", "before", "after", "ratio"):  # the others are scrolled to
        head = tab.locator(f"#list th[data-key={key}]").bounding_box()
        assert 0 <= head["x"] < head["x"] + head["width"] <= PHONE["width"]
    table = tab.locator("#list").bounding_box()["width"]
    assert table > PHONE["width"]  # which scrolls in its box
    tab.set_viewport_size({"width": 320, "height": 600})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 320


LUMINANCE = """
  (element) => {
    const parts = (color) => color.match(/[\\d.]+/g).map(Number);
    let under = element;
    const clear = (node) => {
      const [, , , alpha = 1] = parts(getComputedStyle(node).backgroundColor);
      return alpha === 0;
    };
    while (under && clear(under)) under = under.parentElement;
    const style = getComputedStyle(element);
    const ink = element instanceof SVGElement ? style.fill : style.color;
    return [ink, getComputedStyle(under ?? document.body).backgroundColor].map((color) => {
      const [r, g, b] = parts(color).slice(0, 3).map((x) => x / 255).map(
        (x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    });
  }"""
TEXTS = ("h1", ".subtitle", ".note", ".totals dt", "#list th button", "#list button.open",
         ".flag", "#list td.number", ".opened td.number", ".inside .facts", ".inside .link",
         "svg text.tick", "svg text.name", "svg text.when", "pre", ".status", ".about dt",
         "footer p", ".pager span")  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(visit, scheme):
    tab = visit(HTML, color_scheme=scheme)
    tab.locator("#list button.open").first.click()
    tab.locator("#list .detail svg.figure").wait_for()
    for text in TEXTS:
        ink, paper = tab.locator(text).first.evaluate(LUMINANCE)
        light, dark = max(ink, paper), min(ink, paper)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, text
        assert (paper > 0.5) == (scheme == "light"), text


def test_paper_is_white_in_the_dark(visit):
    tab = visit(HTML, color_scheme="dark")
    dark = tab.locator("h1").evaluate(LUMINANCE)
    tab.emulate_media(media="print", color_scheme="dark")
    ink, paper = tab.locator("h1").evaluate(LUMINANCE)
    assert dark[1] < 0.1 < dark[0]
    assert (paper, ink < 0.1) == (1, True)


def test_without_scripts_it_says_where_the_numbers_are(visit):
    tab = visit(HTML, java_script_enabled=False)
    said = tab.locator("noscript p")
    assert "These are the first 50 series of 130" in said.text_content()
    assert "in the file series.csv" in said.text_content()
    assert said.is_visible()
    assert not tab.locator("#app").is_visible()
    lines = tab.locator("noscript li")
    assert lines.count() == 50
    for i, one in enumerate(SERIES[:50]):
        assert one.sentence in lines.nth(i).text_content()
        assert lines.nth(i).is_visible()


def test_keyboard_and_screen_reader(visit):
    tab = visit(HTML)
    tab.keyboard.press("Tab")
    focused = tab.evaluate("document.activeElement.textContent")
    assert focused == "Skip to the content"
    assert tab.locator(".skip").bounding_box()["y"] >= 0
    tab.locator("#list button.open").first.click()
    tab.locator("#list .detail svg.figure").wait_for()
    unnamed = tab.evaluate(
        """() => [...document.querySelectorAll('button, a, input, svg, [role=region], section')]
          .filter((element) => !(element.textContent.trim() || element.ariaLabel ||
            element.getAttribute('aria-labelledby') || element.ariaHidden ||
            element.labels?.[0].textContent))
          .map((element) => element.outerHTML)"""
    )
    assert unnamed == []
    images = tab.locator("svg[role=img]")
    assert images.count() >= 51
    assert all(text for text in images.evaluate_all("all => all.map((svg) => svg.ariaLabel)"))
    assert tab.locator("table caption").count() == tab.locator("table").count()
    ids = tab.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))
    levels = tab.locator("h1, h2, h3").evaluate_all("all => all.map((h) => +h.tagName[1])")
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


# -- ten thousand, and one --------------------------------------------------------------------


def test_ten_thousand_series(visit):
    one = several(500)
    found = [s._replace(name=f"{s.name} of {i}") for i in range(20) for s in one]
    html = page(report(found))
    assert len(html.encode()) < 8e6
    tab = visit(html)
    assert tab.locator("#count").text_content() == "10,000 of 10,000 series"
    assert len(names(tab)) == 50
    tab.locator("#list th[data-key=ratio] button").click()
    tab.locator("#search").fill("of 19")
    assert tab.locator("#count").text_content() == "500 of 10,000 series"
    assert tab.evaluate("document.querySelectorAll('*').length") < 15_000


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_page_of_one_series(visit, viewport):
    posterior = fit(Model(likelihoods.BetaBinomial()), read_csv(DATA / "conversions.csv"))
    tab = visit(single(posterior), viewport=viewport)
    figure = tab.locator("[data-figure] svg.figure")
    figure.wait_for()
    assert figure.get_attribute("aria-label") == posterior.sentence()
    assert tab.locator(".lede").text_content() == posterior.headline()
    assert tab.get_by_text(posterior.sentence()).is_visible()
    assert figure.locator(".mark").count() == len(posterior.changes)
    assert tab.locator("svg text.when").first.text_content() == posterior.changes[0].time
    assert tab.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    narrow = figure.bounding_box()["width"]
    tab.set_viewport_size({"width": viewport["width"] // 2 + 150, "height": 700})
    tab.wait_for_timeout(100)
    assert figure.bounding_box()["width"] < narrow
    chart = tab.locator("[data-chart] svg.figure")
    assert chart.get_attribute("aria-label") == "p chart: conversions / visits, %"
    found = chart_of(posterior)
    assert chart.locator("circle.out").count() == found.beyond.sum()
    dots = chart.locator(".dots").get_attribute("d")
    assert dots.count("M") == np.isfinite(found.y).sum()
    assert chart.bounding_box()["width"] <= viewport["width"]
    assert tab.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_a_page_without_any_answer_opens(visit):
    tab = visit(page(report([], failures=[Failure("a", "data_error", "line 3")])))
    assert tab.get_by_text("No series was solved.").is_visible()
    assert tab.locator(".failure").count() == 1
