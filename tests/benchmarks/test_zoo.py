"""The table of all methods on small mazes."""

import dataclasses

import pytest

from benchmarks import places, zoo
from benchmarks.__main__ import main


def result(name, **changes):
    solved, kinds = dict.fromkeys(zoo.TESTS, 0.5), {False: 0.1, True: 0.4}
    plain = zoo.Result(name, solved, 0.25, 100, 8.5, kinds, beside=kinds)
    return dataclasses.replace(plain, **changes)


def test_the_time_of_a_cycle_follows_from_its_passes_and_from_what_the_baseline_takes():
    baseline = result("plr")
    # Half of the cycles learn: one pass of 0.1 s, and 7.5 more of 0.02 s each.
    assert zoo.derived_seconds(baseline, baseline) == pytest.approx(0.25)
    larger = result("other", transitions=300, passes=1.0)
    assert zoo.derived_seconds(larger, baseline) == pytest.approx(0.3)
    assert zoo.derived_seconds(result("teacher", passes=None), baseline) is None
    assert zoo.derived_seconds(result("unlucky", beside={True: 0.4}), baseline) is None


def test_a_method_that_fails_has_a_row_and_the_others_go_on(monkeypatch, tmp_path, capsys):
    def train(name, transitions, baseline):
        if name == "maze-accel":
            raise RuntimeError("no | levels\nand more")
        slow = {"seconds": 0.5, "profile": lambda: {"scores/_a.py": 0.7, "playing": 0.3}}
        return result(name, **(slow if name == "maze-traced" else {}))

    monkeypatch.setattr(zoo, "train", train)
    page = tmp_path / "costs.md"
    assert main(["zoo", "--page", str(page)]) == 1
    text = page.read_text()
    assert "| `maze-accel` | failed: RuntimeError: no / levels |" in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == zoo.methods()
    assert len({row.count("|") for row in rows}) == 1
    assert rows[0].startswith(f"| `{zoo.BASELINE}` | 50% | 50% |")
    reasons = [line for line in text.splitlines() if line.startswith("- ")]
    assert reasons == ["- `maze-traced`: scores/_a.py 70%, playing 30%."]
    # Of some methods there is no page.
    page.unlink()
    assert main(["zoo", "--only", "maze-dr", "--page", str(page)]) == 0
    assert not page.exists()
    assert main(["zoo", "--only", "maze-nothing"]) == 2
    assert "maze-nothing" in capsys.readouterr().out


def test_no_method_begins_after_the_time_is_over(monkeypatch, capsys):
    monkeypatch.setattr(zoo, "train", lambda *arguments: result(arguments[0]))
    assert main(["zoo", "--only", "maze-dr", "--minutes", "0"]) == 0
    assert capsys.readouterr().out.count("not run") == 2


def test_work_belongs_to_the_file_of_a_method_that_called_it_or_else_to_playing_or_learning():
    text = """HloModule run

FileNames
1 "/x/minimax_eqx/agents/_ppo.py"
2 "/x/minimax_eqx/scores/_traced.py"
3 "/y/equinox/nn/_mlp.py"

FileLocations
1 {file_name_id=1 function_name_id=1 line=1}
2 {file_name_id=2 function_name_id=1 line=1}
3 {file_name_id=3 function_name_id=1 line=1}

StackFrames
1 {file_location_id=1 parent_frame_id=1}
2 {file_location_id=2 parent_frame_id=1}
3 {file_location_id=3 parent_frame_id=2}
4 {file_location_id=1 parent_frame_id=3}
5 {file_location_id=3 parent_frame_id=1}

ENTRY %main () -> f32[] {
"""
    found = {frame: places.place_of(files) for frame, files in places.files_of(text).items()}
    assert found == {
        **{1: "learning", 2: "scores/_traced.py", 3: "learning"},
        **{4: "scores/_traced.py", 5: places.OTHER},
    }


@pytest.mark.parametrize("name", zoo.methods())
def test_every_method_has_a_form_on_mazes_of_that_size(name):
    experiment = zoo.tiny(zoo.RECIPES[name]())
    assert experiment.env.level_spec().wall_map.shape == (zoo.SIZE, zoo.SIZE)
    assert experiment.env.max_episode_steps <= experiment.num_steps
