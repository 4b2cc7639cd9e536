"""Levels on the command line: written, checked, drawn, walked through and watched."""

import io
import itertools
import os
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from rich.console import Console

from minimax_eqx.cli._levels import levels_in_file, levels_named, sampled
from minimax_eqx.cli._main import main
from minimax_eqx.cli._runs import kept_levels
from minimax_eqx.cli._screen import Screen, read_key
from minimax_eqx.cli._walk import play, watch
from minimax_eqx.curricula._stored import StoredLevels
from minimax_eqx.envs import LevelFile, Maze
from minimax_eqx.envs._level_files import write_levels
from minimax_eqx.envs.boxes import Pendulum
from minimax_eqx.envs.maze._held_out_names import LISTS

from ..envs.counters import Counter, UniformTarget
from ..small import ENV, make_student

MINE = """\
; my mazes, of several years
; and several programs

; short
#####
#>#g#
# . #
#####

; blocked
#####
#>#g#
##..#
#####

; again
#####
#>#G#
#...#
#####
"""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "mine.txt").write_text(MINE)
    (tmp_path / "others.json").write_text('{"names": ["a"], "level.wind": [1.0]}')


def refused(capsys, *words):
    assert main(list(words)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    return err


class Frames(Screen):
    """A screen that remembers what it showed."""

    def __init__(self, width=80, height=24):
        self._file = io.StringIO()
        super().__init__(Console(file=self._file, width=width, height=height, highlight=False))

    def all(self):
        return self._file.getvalue().replace("\x1b[K\r", "").split("\x1b[H")[1:]


def test_a_file_of_other_people_is_written_as_the_house_has_it(capsys):
    assert main(["levels", "import", "mine.txt", "ours.txt"]) == 0
    said = capsys.readouterr().out
    assert "2 levels written to ours.txt, of 2 x 3 cells." in said.replace("\n", " ")
    assert "again is equal to short" in said
    assert "No way to the goal, which is allowed, in: blocked." in said
    command = "minimax-eqx train maze-dr --height 2 --width 3 --generator level-file"
    assert f"{command} --generator.path ours.txt" in said
    env = Maze(height=2, width=3)
    assert LevelFile("ours.txt").load(env)[1] == ("short", "blocked")
    assert "is there already" in refused(capsys, "levels", "import", "mine.txt", "ours.txt")
    assert main(["levels", "import", "ours.txt", "ours.npz"]) == 0
    capsys.readouterr()
    assert levels_in_file("ours.npz", None).env == env
    assert "13 x 13" in refused(capsys, "levels", "import", "mine.txt", "o.txt", "--env", "maze-dr")


def test_levels_are_drawn_side_by_side_and_as_a_picture(capsys, monkeypatch):
    assert main(["levels", "show", "mine.txt"]) == 0
    lines = capsys.readouterr().out.split("\n")
    assert lines[0].split() == ["short", "blocked", "again"]
    assert lines[2].split("   ")[0] == "██> ██G ██"
    assert lines[2].count("██> ██G ██") == 3
    assert "no way to the goal" in lines[5]
    monkeypatch.setitem(LISTS, "two", ("Labyrinth", "SixteenRooms"))
    assert main(["levels", "show", "two"]) == 0
    assert capsys.readouterr().out.split()[:2] == ["Labyrinth", "SixteenRooms"]
    assert main(["levels", "show", "two", "--out", "a.png"]) == 0
    assert pathlib.Path("a.png").read_bytes().startswith(b"\x89PNG")
    assert main(["levels", "show", "cart-pole-dr", "--num-levels", "1"]) == 0
    assert "cart mass" in capsys.readouterr().out


def test_the_levels_that_a_run_keeps_or_proposes_are_written(finished, capsys):
    run, written = str(finished[0].folder.path), "proposed.json"
    assert main(["levels", "export", run, written, "--num-levels", "1"]) == 0
    assert "1 level written to proposed.json: its curriculum keeps none" in capsys.readouterr().out
    assert len(LevelFile(written).load(finished[0].experiment.env)[1]) == 1
    words = ["--which", "unseen", "--num-levels", "3", "--checkpoint", "4"]
    assert main(["levels", "show", run, *words]) == 0
    assert capsys.readouterr().out.split()[:3] == ["0", "1", "2"]
    words = ["levels", "export", run, "a.txt", "--checkpoint"]
    assert "There is no checkpoint '5'" in refused(capsys, *words, "5")


def test_kept_levels_are_sorted_and_say_what_is_known_of_them(tmp_path):
    found = levels_in_file("mine.txt", None)
    levels = jax.tree.map(lambda leaf: jnp.asarray(leaf[[0, 1, 1, 2]]), found.levels)
    filled = jnp.array([True, True, False, True])
    stored = StoredLevels(
        levels,
        filled,
        chances=filled.astype(jnp.float32) / 3,
        fingerprints=jnp.zeros((4, 2), jnp.uint32),
        scores=jnp.array([0.25, 0.5, jnp.inf, 0.125]),
        ages=jnp.array([0, 9, 0, 3]),
        success_rates=jnp.array([0.5, -1.0, 0.0, 1.0]),
    )
    best = kept_levels(found.env, stored, "best", 2)
    assert best.notes == ("score 0.5, age 9", "score 0.25, age 0, solved 50%")
    newest = kept_levels(found.env, stored, "newest", 3)
    assert [note.split(", ")[1] for note in newest.notes] == ["age 0", "age 3", "age 9"]
    assert kept_levels(found.env, stored, "all", 1).names == ("1", "2", "3")
    write_levels(best.levels, tmp_path / "best.txt", best.names, best.notes)
    text = (tmp_path / "best.txt").read_text().split("\n")
    assert text[:2] == ["; 1", "; score 0.5, age 9"]
    read = LevelFile(str(tmp_path / "best.txt")).load(found.env)[0]
    assert eqx.tree_equal(jax.tree.map(jnp.asarray, read), jax.tree.map(jnp.asarray, best.levels))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["levels"], "Say what to do with levels"),
        (["levels", "draw", "a"], "Say what to do with levels"),
        (["levels", "show"], "levels show needs FILE|RUN|MAZE|RECIPE, and got nothing"),
        (["levels", "show", "SixteenRoms"], "Did you mean 'SixteenRooms'"),
        (["levels", "show", "none.txt"], "There is no file of levels"),
        (["levels", "show", "others.json"], "--env FILE.py (or FILE.py:NAME) for a world of yours"),
        (["levels", "import", "mine.txt", "out.csv"], "must end in"),
        (["levels", "export", "no-run", "a.txt"], "There is no run in no-run"),
        (["play", "minimax-12"], "needs a terminal"),
        (["watch", "no-run"], "needs a terminal"),
    ],
)
def test_what_cannot_be_is_refused(words, message, capsys):
    assert message in refused(capsys, *words)


def test_somebody_walks_through_levels_by_keys():
    screen = Frames()
    found = levels_named("mine.txt", 0, 0).part([0])
    # From the left end down, along the row below, and up to the goal.
    pressed = iter(["z", "d", "w", "a", "w", "w", "a", "up", "w", "enter", "n", "b", "r", "q"])
    assert play(found, lambda _: next(pressed), screen) == "1 episode, 1 solved."
    frames = screen.all()
    assert "step 0 of 250" in frames[0]
    assert "shortest way: 7 steps" in frames[0]
    assert "what the agent sees" in frames[0]
    assert frames[0] == frames[1]
    assert "██v ██G ██" in frames[2]
    assert "Solved in 7 steps." in frames[8]
    assert "return 0.975" in frames[8]
    assert all(len(line) <= 80 for line in frames[0].replace("\x1b[J", "").split("\n"))
    assert frames[8] == frames[9]  # A key that walks does nothing at the end.


def test_a_world_without_walls_is_played_by_signs_or_refused():
    counter = Counter()
    found = sampled(counter, UniformTarget(), 2, jax.random.key(1))
    pressed, screen = iter(["0", "0", "0", "n", "q"]), Frames()
    assert play(found, lambda _: next(pressed), screen) == "1 episode, 0 solved."
    frames = screen.all()
    assert "count -1" in frames[1]
    assert "step 3 of 6" in frames[3]
    assert "0 to 1: actions" in frames[0]
    rods = levels_named("pendulum-dr", 1, 0)
    assert isinstance(rods.env, Pendulum)
    with pytest.raises(ValueError, match="actions of a Pendulum are no choices"):
        play(rods, lambda _: "q", screen)


def test_a_student_is_watched_step_by_step():
    student = make_student(jax.random.key(0)).network
    rows = [">.....", "......", "......", "......", ".....G"]
    pathlib.Path("wide.txt").write_text("\n".join(rows))
    found = levels_in_file("wide.txt", ENV)
    # Time passes only while nobody presses a key.
    time = itertools.count()
    script = iter([None, None, "x", None, "space", ".", "right", "+", "-", "n", None, "q"])
    waited = []

    def read(seconds):
        waited.append(seconds)
        return next(script)

    screen = Frames()
    said = watch(found, student, read, screen, delay=0.5, clock=lambda: next(time) * 0.1)
    assert said == "0 episodes watched to the end, 0 solved."
    frames = screen.all()
    assert ["step 0" in frames[0], "step 1" in frames[1], "step 2" in frames[2]] == [True] * 3
    assert "step 3" in frames[3]
    assert "space goes on" in frames[4]
    assert "step 4" in frames[5]
    assert "step 5" in frames[6]
    assert any("forward" in line and "%" in line for line in frames[0].split("\n"))
    assert "step 0" in frames[9]
    assert waited[0] == pytest.approx(0.4)
    assert waited[5] is None


def test_keys_are_read_as_they_come():
    reads, writes = os.pipe()
    assert read_key(reads, 0.0) is None
    os.write(writes, "W\x1b[A\x1bOD é\n\x1b[1;5C".encode())
    told = [read_key(reads, 0.0) for _ in range(7)]
    assert told == ["w", "up", "left", "space", "é", "enter", "right"]
    os.write(writes, b"\x1b")
    assert read_key(reads, 0.0) == "escape"
    os.close(writes)
    assert read_key(reads, 0.0) == "q"
    os.close(reads)
