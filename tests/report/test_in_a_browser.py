"""The page of a trained run in a browser, which says what is wrong with it."""

import shutil

import pytest

from minimax_eqx._composition._draft import with_changes
from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx._report._page import SECTIONS, write_report
from minimax_eqx._report._run import Run
from minimax_eqx.recipes import maze

from ..experiment.tiny import tiny, train
from .pages import check_page

pytestmark = pytest.mark.slow
WITH = {"evaluate_every": 4, "num_steps": 12, "mazes": ("SixteenRooms", "Labyrinth")}
CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The page of a small ACCEL run."""
    path = tmp_path_factory.mktemp("report") / "a run & <more>"
    train(with_changes(tiny(maze.accel()), WITH), path)
    folder = RunFolder.open(path)
    return write_report(Run(folder, folder.experiment()))


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(params=[(360, "light"), (360, "dark"), (1200, "light"), (1200, "dark")], ids=str)
def opened(request, browser, written):
    """The page, with what it complained of and asked for, which is looked at in the end."""
    width, scheme = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    )
    page, told = context.new_page(), []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: told.append(request.url))
    page.goto(written.as_uri())
    yield page
    context.close()
    # A picture within the page is asked for too, but of nobody.
    assert [t for t in told if not t.startswith("data:")] == [written.as_uri()]


def test_it_is_whole_and_small(written):
    text = written.read_text()
    parsed = check_page(text)
    assert "could not be drawn" not in parsed.text()
    assert len(text) < 1_000_000
    assert len(parsed.all("section")) >= len(SECTIONS) - 2


def test_it_fits_and_shows_everything(opened):
    opened.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for section in opened.query_selector_all("section"):
        box = section.bounding_box()
        assert box["height"] > 40
    for picture in opened.query_selector_all("img, svg.interval, .plot svg"):
        box = picture.bounding_box()
        assert min(box["width"], box["height"]) > 4
    contrasts = opened.evaluate(CONTRASTS)
    assert min(contrasts) > 4.5


def test_a_reader_hovers_zooms_hides_and_searches(opened):
    chart = opened.query_selector("figure.chart:has(.legend)")
    line = "element => element.querySelector('.lines .line').getAttribute('d')"
    area = chart.query_selector(".touch")
    area.scroll_into_view_if_needed()
    area.dblclick()
    before = chart.evaluate(line)
    box = area.bounding_box()
    middle = box["y"] + box["height"] / 2
    opened.mouse.move(box["x"] + 0.4 * box["width"], middle)
    assert "updates" in chart.query_selector(".tip").inner_text()
    opened.mouse.down()
    opened.mouse.move(box["x"] + 0.9 * box["width"], middle)
    opened.mouse.up()
    assert chart.evaluate(line) != before
    opened.mouse.dblclick(box["x"] + 0.5 * box["width"], middle)
    assert chart.evaluate(line) == before
    count = len(chart.query_selector_all(".lines .line"))
    button = chart.query_selector(".legend button")
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert len(chart.query_selector_all(".lines .line")) == count - 1
    opened.click("button[data-axis=env_steps]")
    assert chart.query_selector(".xname").inner_text() == "transitions"
    opened.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    opened.fill("#search-metrics", "policy loss")
    assert opened.inner_text("#all-metrics-count") == "1 shown"


def test_motion_stops_and_the_keyboard_reaches_what_can_be_pressed(opened):
    opened.emulate_media(reduced_motion="reduce")
    assert opened.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.className") == "skip"
    opened.keyboard.press("Enter")
    assert opened.evaluate("document.activeElement.id") == "main"


# Of text and the nearest background that is not transparent, as WCAG defines it.
CONTRASTS = """
(() => {
  const light = (colour) => {
    const parts = colour.match(/[\\d.]+/g).map(Number);
    const linear = (v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = parts.map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (!/, 0\\)$|transparent/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const texts = document.querySelectorAll("p, h1, h2, th, td, dt, dd, summary, a, button, .note");
  return [...texts].map((element) => {
    const pair = [light(getComputedStyle(element).color), light(behind(element))];
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  });
})()
"""


def test_an_episode_stands_still_until_it_is_played_and_a_table_is_sorted(opened):
    player = opened.query_selector(".player")
    output, play = player.query_selector("output"), player.query_selector('[data-do="play"]')
    assert output.text_content().startswith("0 of")
    player.query_selector("input").focus()
    opened.keyboard.press("ArrowRight")
    assert output.text_content().startswith("1 of")
    assert play.text_content() == "Play"
    play.click()
    assert play.text_content() == "Pause"
    box = opened.query_selector(".all-levels")
    heads = box.query_selector_all("thead th")
    heads[3].query_selector("button").click()
    heads[3].query_selector("button").click()
    assert heads[3].get_attribute("aria-sort") == "ascending"
