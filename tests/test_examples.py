"""The programs that a reader copies from run as they stand."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
# Packages that only an example needs.
NEEDED = {"optuna_search": "optuna"}
# What they print; those without anything are only trained in a folder, as `test_own_parts.py` does.
EXAMPLES = {
    "compare_methods": r"method .*\n(\w+ +[01]\.\d+ \[[01]\.\d+, [01]\.\d+\] .*\n){3}$",
    "gymnasium_view": r"generation  1  mean return 0\.\d\d\n(pole .*: return [01]\.\d\d\n){4}$",
    "level_replay": r"cycle +50 .*ratio 0\.[1-9].*walls .* \d\.\d .*success [01]\.\d\d\nsuccess",
    "optuna_search": r"best of 1 trials: \d+% with {'learning_rate': 0\.",
    "own_box": r"cycle +10  boats that arrived [01]\.\d\d\n",
    "own_curriculum": r"cycle +20  share of walls [01]\.\d\d  success rate [01]\.\d\d\n",
    "own_env": r"keeps the rules",
    "own_score": r"cycle +20  success rate [01]\.\d\d  mean score in the buffer [01]\.\d\d\n",
    "paired": r"cycle +20 .*regret [01]\.\d\d .*protagonist [01]\.\d\d .*walls \d\.\d\n",
    "plain_loop": r"files: policy.json, policy.safetensors\n(maze \d: \d+ steps, .*solved\n){4}$",
    "seeds_and_sweep": r"(\n +[0-3]  +[01]  +0\.00[03][10]  +[01]\.\d{3}  +[01]\.\d\d){4}\n$",
}


# Further words for some.
MORE = {"optuna_search": ["5"]}


def output_of(*arguments, cwd=ROOT):
    """What a program prints, run in a process of its own as a reader runs it."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def readme_blocks(language):
    """The code blocks of the README in that language, first to last."""
    text = (ROOT / "README.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(name, tmp_path):
    if name in NEEDED:
        pytest.importorskip(NEEDED[name])
    program = str(ROOT / "examples" / f"{name}.py")
    assert re.search(EXAMPLES[name], output_of(program, "1", *MORE.get(name, ()), cwd=tmp_path))


def test_every_example_that_does_something_is_tested():
    files = (ROOT / "examples").rglob("*.py")
    assert {file.stem for file in files if "__main__" in file.read_text()} == set(EXAMPLES)


def test_the_example_of_the_readme_runs():
    first, *_ = readme_blocks("python")
    # Fewer cycles and levels than a reader would want; everything else as it is written.
    small = first.replace("num_levels=32", "num_levels=4").replace("num_steps=256", "num_steps=16")
    assert small != first
    assert "success rate" in output_of("-c", small)


def test_the_first_two_commands_of_the_readme_install_and_then_train_or_test():
    train, test, *_ = readme_blocks("bash")
    for block in (train, test):
        assert block.startswith("python3 -m venv .venv && .venv/bin/pip install -e ")
    assert train.endswith("&& .venv/bin/minimax-eqx train quickstart\n")
    assert test.endswith("&& .venv/bin/python -m pytest\n")


@pytest.mark.slow
def test_the_job_of_the_readme_runs_as_it_does_for_users(tmp_path):
    # Without the flags by which tests compile faster: other programs, other ways through the code.
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    command = [sys.executable, "-m", "minimax_eqx", "train", "quickstart", "--num-updates", "5"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    left = {file.name for file in (tmp_path / "runs" / "quickstart-1").iterdir()}
    assert {"report.html", "metrics.csv", "evaluation.json", "checkpoints"} <= left
