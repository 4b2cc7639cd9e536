"""The table of all methods on small mazes."""

import dataclasses

import pytest

from benchmarks import zoo
from benchmarks.__main__ import main


def result(name, **changes):
    solved, kinds = dict.fromkeys(zoo.TESTS, 0.5), {False: 0.1, True: 0.4}
    return dataclasses.replace(zoo.Result(name, solved, 0.1, 100, 8.5, kinds), **changes)


def test_the_time_of_a_cycle_follows_from_its_passes_and_from_what_the_baseline_takes():
    baseline = result("plr")
    # Half of the cycles learn: one pass of 0.1 s, and 7.5 more of 0.02 s each.
    assert zoo.derived_seconds(baseline, baseline) == pytest.approx(0.25)
    larger = result("other", transitions=300, passes=1.0)
    assert zoo.derived_seconds(larger, baseline) == pytest.approx(0.3)
    assert zoo.derived_seconds(result("teacher", passes=None), baseline) is None
    assert zoo.derived_seconds(larger, result("plr", seconds_of_kind={True: 0.4})) is None


def test_a_method_that_fails_has_a_row_and_the_others_go_on(monkeypatch, tmp_path, capsys):
    def train(name, transitions):
        if name == "maze-accel":
            raise RuntimeError("no | levels\nand more")
        return result(name)

    monkeypatch.setattr(zoo, "train", train)
    page = tmp_path / "costs.md"
    assert main(["zoo", "--page", str(page)]) == 1
    text = page.read_text()
    assert "| `maze-accel` | failed: RuntimeError: no / levels |" in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == zoo.methods()
    assert len({row.count("|") for row in rows}) == 1
    assert rows[0].startswith(f"| `{zoo.BASELINE}` | 50% | 50% |")
    # Of some methods there is no page.
    page.unlink()
    assert main(["zoo", "--only", "maze-dr", "--page", str(page)]) == 0
    assert not page.exists()
    assert main(["zoo", "--only", "maze-nothing"]) == 2
    assert "maze-nothing" in capsys.readouterr().out


def test_no_method_begins_after_the_time_is_over(monkeypatch, capsys):
    monkeypatch.setattr(zoo, "train", lambda name, transitions: result(name))
    assert main(["zoo", "--only", "maze-dr", "--minutes", "0"]) == 0
    assert capsys.readouterr().out.count("not run") == 2


@pytest.mark.parametrize("name", zoo.methods())
def test_every_method_has_a_form_on_mazes_of_that_size(name):
    experiment = zoo.tiny(zoo.RECIPES[name]())
    assert experiment.env.level_spec().wall_map.shape == (zoo.SIZE, zoo.SIZE)
    assert experiment.env.max_episode_steps <= experiment.num_steps
