"""Charts, from numbers that were made up."""

import json
import re

import numpy as np
import pytest

from minimax_eqx._report import _chart
from minimax_eqx._report._chart import Series, curves, described, ticks

from .pages import Parsed


def series(y, name="line", **options):
    x = np.arange(1.0, len(y) + 1)
    axes = {"updates": x, "env_steps": 100 * x}
    return Series(name, axes, np.asarray(y, float), **options)


def data(page):
    text = re.search(r'<script type="application/json">(.*?)</script>', page, re.S)
    return json.loads(text[1])


def test_a_chart_tells_in_words_what_it_shows():
    page = curves("success rate", [series(np.linspace(0.03, 0.92, 101))], is_share=True)
    (text,) = [t for tag, t in Parsed(page).texts if tag == "desc"]
    assert re.match(r"success rate, line rises from [3-9]\S* % to 8\d\S* % over 100 updates;", text)
    assert text.endswith("lowest 3 %, highest 92 %.")


def test_a_metric_that_was_never_measured_says_so():
    page = curves("entropy", [series([np.nan, np.nan])])
    assert "Nothing was measured" in page
    assert "<svg" not in page
    assert curves("entropy", []).count("Nothing was measured") == 1


def test_what_was_not_measured_breaks_a_line_and_one_point_is_a_dot():
    page = curves("m", [series([1, 2, np.nan, 4, 5])])
    assert re.search(r'class="line"[^>]* d="M\S+ \S+L\S+ \S+M\S+ \S+L', page)
    assert data(page)["series"][0]["y"] == [1, 2, None, 4, 5]
    assert re.search(r'class="line dot"[^>]* d="M[\d.]+ [\d.]+h0"', curves("m", [series([3.0])]))
    assert re.search(r"<desc[^>]*>m, line is 3 at 1 updates", curves("m", [series([3.0])]))


def test_a_thousand_points_are_averaged_with_their_band():
    y = np.arange(1_000.0)
    page = curves("m", [series(y, low=y - 1, high=y + 1)])
    (drawn,) = data(page)["series"]
    assert len(drawn["y"]) == len(drawn["low"]) == len(drawn["x"]["env_steps"]) == 400
    np.testing.assert_allclose(np.mean(drawn["y"]), y.mean(), rtol=1e-3)
    assert page.count("<tr>") == 1 + _chart.MOST_ROWS
    small = curves("m", [series(y)], is_small=True)
    assert len(data(small)["series"][0]["y"]) == 100
    assert "<table" not in small


def test_what_users_wrote_is_text_and_ends_no_script():
    name = '</script><script>alert("x")</script>'
    page = curves(name, [series([1, 2], name), series([1, 3], name + "2")])
    assert "<script>alert" not in page
    assert page.count("</script>") == 1
    assert [s["name"] for s in data(page)["series"]] == [name, name + "2"]
    assert name in Parsed(page).text(without=())


def test_lines_differ_in_more_than_colour():
    page = curves("m", [series([1, 2], f"run {i}", colour=i, dash=i) for i in range(3)])
    styles = re.findall(r'class="line" style="([^"]*)"', page)
    assert len(set(styles)) == 3
    assert sum("dasharray" in style for style in set(styles)) == 2
    assert page.count('aria-pressed="true"') == 3


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 1_150_000, [0, 250_000, 500_000, 750_000, 1_000_000]),
        (-3, 7, [-2, 0, 2, 4, 6]),
        (2, 2, [2]),
    ],
)
def test_ticks_are_round_numbers(low, high, expected):
    np.testing.assert_allclose(ticks(low, high), expected)


def test_a_line_that_hardly_changes_stays():
    text = described("m", series([5.0, 5.0, 5.0]), "env_steps", _chart.Scale(0, 10))
    assert text == "m, line stays near 5 over 200 transitions; lowest 5, highest 5."
