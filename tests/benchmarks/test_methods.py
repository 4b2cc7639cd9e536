"""The table of methods."""

from benchmarks import methods
from benchmarks.__main__ import main
from minimax_eqx.recipes._known import RECIPES


def test_the_table_of_methods_is_up_to_date_and_shows_every_page():
    """If it is not: `python -m benchmarks methods`."""
    assert main(["methods", "--check"]) == 0
    text = methods.PAGE.read_text()
    assert all(f"| `{name}` |" in text for name in RECIPES)
    pages = {page.name for page in methods.FOLDER.glob("*.md")} - {methods.PAGE.name}
    assert all(f"[{page}]({page})" in text for page in pages)


def test_an_old_table_is_told_and_made_anew(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(methods, "PAGE", tmp_path / "README.md")
    assert main(["methods", "--check"]) == 1
    assert "python -m benchmarks methods" in capsys.readouterr().err
    assert main(["methods"]) == main(["methods", "--check"]) == 0
