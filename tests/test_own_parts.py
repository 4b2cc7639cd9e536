"""Parts that are no part of the package: each in a file of its own, trained from any folder."""

import ast
import pathlib
import shutil

import jax.numpy as jnp
import pytest

import minimax_eqx as mx
from minimax_eqx._composition._draft import with_changes
from minimax_eqx._composition._user_code import load_user_code
from minimax_eqx.cli._main import main

from .experiment.tiny import assert_same_state, resume, train

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
TINY = {
    **{"num-updates": 2, "log-every": 1, "checkpoint-every": 2, "num-unseen-levels": 2},
    **{"num-steps": 8, "num-levels": 2, "max-episode-steps": 4, "student.num-epochs": 1},
}
MAZE = {"height": 5, "width": 5, "num-walls": 6}
# Of each file: options of its own parts, with values that are not the defaults; then what makes it
# small.
FILES = {
    "methods/traced": (
        {"prediction-weight": 0.5, "model-learning-rate": 0.01, "co-learnability": 2.0},
        {**MAZE, "num-levels": 4, "capacity": 4, "core": "no-memory", "suite": "none"},
    ),
    "own_score": ({"target-rate": 0.3, "sharpness": 5.0}, {**MAZE, "capacity": 4}),
    "own_curriculum": ({"aim": 0.9, "step-size": 0.1}, {**MAZE, "core": "no-memory"}),
    "own_core": ({"hidden-size": 4, "use-bias": False}, {"num-spare-levels": 1}),
    "own_encoder": ({"num-filters": 2, "kernel-size": 2}, {**MAZE, "num-spare-levels": 1}),
    "own_env": ({"size": 4, "thin-prob": 0.3}, {"num-spare-levels": 1, "num-episodes": 2}),
    "own_box": (
        {"current": (0.5, 1.5), "share": 0.5},
        {"num-minibatches": 1, "num-spare-levels": 1, "num-episodes": 2},
    ),
    "level_replay": ({}, {**MAZE, "capacity": 4, "core": "no-memory"}),
    "paired": ({}, {"height": 5, "width": 5, "num-walls": 2}),
    "seeds_and_sweep": ({}, {"num-spare-levels": 1, "core": "no-memory"}),
}


def words(options):
    """Options as they are typed."""
    texts = {
        name: value if isinstance(value, tuple) else [str(value).lower()]
        for name, value in options.items()
    }
    return [word for name, values in texts.items() for word in (f"--{name}", *map(str, values))]


@pytest.fixture
def copy_of(tmp_path, monkeypatch):
    """A function that copies an example to a folder that is not the repository, and goes there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def copy_of(name):
        return pathlib.Path(shutil.copy(EXAMPLES / f"{name}.py", tmp_path)).name

    return copy_of


def test_every_example_is_tested():
    files = [f for f in EXAMPLES.rglob("*.py") if "\nexperiment = " in f.read_text()]
    assert {str(f.relative_to(EXAMPLES).with_suffix("")) for f in files} == set(FILES)


@pytest.mark.parametrize("name", [name for name, (own, _) in FILES.items() if own])
def test_a_part_of_ones_own_has_its_options_in_the_help_and_takes_them(name, copy_of, capsys):
    file, (own, small) = copy_of(name), FILES[name]
    assert main(["train", file, "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"--{option} " in shown or f"--{option}," in shown for option in own)
    assert main(["train", file, *words({**TINY, **small, **own}), "--print-config"]) == 0
    printed = capsys.readouterr().out.split()
    for option, value in own.items():
        place = printed.index(f"{option.replace('-', '_')}:")
        values = value if isinstance(value, tuple) else [value]
        assert str(values[0]).lower() in printed[place + 1 : place + 3]


@pytest.mark.slow
def test_a_method_that_learns_resumes_bit_for_bit(copy_of):
    code = load_user_code(copy_of("methods/traced"))
    parts = {"core": mx.nets.NoMemory(), "parents": "whole-batch", "mutator": None}
    small = {**TINY, **MAZE, "num-levels": 4, "capacity": 4, "suite": None, **parts}
    changes = {name.replace("-", "_").replace(".", "__"): value for name, value in small.items()}
    experiment = with_changes(code.experiment, {**changes, "track_level_metrics": False})
    train(experiment, "parts", code=code)
    resumed = resume("parts", num_updates=4, code=code)
    straight = train(with_changes(experiment, {"num_updates": 4}), "straight", code=code)
    assert_same_state(resumed.runner, straight.runner)
    score = straight.runner.curriculum_state.score
    assert float(score.loss) > 0
    assert float(jnp.abs(straight.runner.curriculum_state.prioritisation.bonus).sum()) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_every_example_trains_in_a_folder_and_goes_on(name, copy_of, capsys):
    file, (own, small) = copy_of(name), FILES[name]
    before = pathlib.Path(file).read_bytes()
    assert main(["train", file, "--run", "run", *words({**TINY, **small, **own})]) == 0
    assert main(["resume", "run", "--file", file, "--num-updates", "3"]) == 0
    assert "Done: 3 updates" in capsys.readouterr().out
    assert pathlib.Path("run", file).read_bytes() == before
    # All of these environments can be drawn, but for the one without an artist.
    is_drawn = name != "own_box"
    assert ("has no artist" in pathlib.Path("run/report.html").read_text()) != is_drawn


def test_a_method_takes_less_than_60_lines_apart_from_its_model():
    method, *model = (EXAMPLES / "methods/traced.py").read_text().split(f"\n# {'-' * 96}\n")
    assert len(model) == 1
    prose = {
        line
        for node in ast.walk(ast.parse(method))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    code = [
        line
        for number, line in enumerate(method.splitlines(), 1)
        if line.strip() and not line.strip().startswith("#") and number not in prose
    ]
    assert len(code) < 60
