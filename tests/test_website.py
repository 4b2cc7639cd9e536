"""The site: which links its pages get, and what its builder refuses."""

import pathlib

import pytest

from website._check import broken_links
from website._markdown import code, first_sentence, heading, with_links

ROOT = pathlib.Path(__file__).parent.parent
WHERE = {"PPO": "agents.md#PPO", "mx.run": "package.md#run"}


def linked(text):
    return with_links(text, lambda link: f"to/{link}", WHERE.get)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see [a `PPO`](a.md)", "see [a `PPO`](to/a.md)"),
        ("`PPO`, then `PPO(clip_range=0.1)`", "[`PPO`](agents.md#PPO), then `PPO(clip_range=0.1)`"),
        ("`mx.run(runner, 2)` and `run`", "[`mx.run(runner, 2)`](package.md#run) and `run`"),
        ("## `PPO`\n\n`PPO`", "## `PPO`\n\n[`PPO`](agents.md#PPO)"),
        ("```python\n# `PPO` [a](b)\n```", "```python\n# `PPO` [a](b)\n```"),
        ("so:\n\n    `PPO` [a](b)\n\n`PPO`", "so:\n\n    `PPO` [a](b)\n\n[`PPO`](agents.md#PPO)"),
        ("`[a](b)` and ![p](p.png)", "`[a](b)` and ![p](to/p.png)"),
        ("[![p](p.png)](a.md)", "[![p](to/p.png)](to/a.md)"),
    ],
)
def test_links_and_names_of_a_page_become_links_of_the_site(text, expected):
    assert linked(text) == expected


def test_a_link_that_shows_the_name_of_a_file_shows_the_title_of_its_page():
    text = "[levels.md](levels.md#a) and [these](levels.md)"
    shown = with_links(text, lambda link: link, WHERE.get, lambda _: "Your levels")
    assert shown == "[Your levels](levels.md#a) and [these](levels.md)"


def test_types_are_code_with_links_in_which_markdown_means_nothing():
    shown = code('x: Float[Array, "a_b"] | PPO', WHERE.get)
    assert "[PPO](agents.md#PPO)" in shown
    assert "a&#95;b" in shown
    assert first_sentence("One\nline. Two.\n\nMore.") == "One line."


def test_two_underscores_in_the_address_of_a_heading_do_not_begin_strong_text():
    assert heading(2, "small", "m_e.small") == "## `small` { #m_e.small }"
    assert heading(3, "A.__call__", "m_e.A.__call__") == (
        r"### `A.__call__` { #m_e.A.\_\_call\_\_ }"
    )


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    (tmp_path / "a.html").write_text('<p id="x"><a href="b.html#y"></a><a href="#x"></a>')
    (tmp_path / "b.html").write_text('<img src="none.png"><a href="a.html#z">')
    assert broken_links(tmp_path) == [
        "a.html: b.html#y leads nowhere.",
        "b.html: a.html#z leads nowhere.",
        "b.html: none.png leads nowhere.",
    ]


@pytest.mark.slow
def test_every_public_name_has_an_entry_and_every_page_a_section(tmp_path):
    pytest.importorskip("griffe", reason="the extra `docs` is not installed")
    from website import _names, _navigation, _pages

    made = _pages.write(ROOT, tmp_path)
    assert not made.wrong
    assert not _navigation.left_out(made)
    for room in _names.rooms_of(_names.load(ROOT), ROOT):
        text = (tmp_path / room.page).read_text()
        assert all(f"{{ #{name.path} }}" in text for name in room.names)
