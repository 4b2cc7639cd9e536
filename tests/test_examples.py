"""The programs that a reader copies from run as they stand."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
EXAMPLES = {
    "own_core": ([], r"step and scan agree: True"),
    "custom_score": (["1"], r"cycle +10 .*scores( [01]\.\d\d){8}\n"),
    "dr_by_hand": (
        ["--num-chunks=2", "--num-cycles=1", "--num-levels=2", "--num-steps=8"],
        r"cycle +2 .*success",
    ),
    "level_replay": (["1"], r"cycle +50 .*ratio 0\.[1-9].*walls .* \d\.\d .*success [01]\.\d\d"),
    "paired": (
        ["1"],
        r"cycle +20 .*regret [01]\.\d\d .*protagonist [01]\.\d\d .*walls \d\.\d\n",
    ),
    "seeds_and_sweep": (
        ["1"],
        r"(\n +[0-3]  +[01]  +0\.00[03][10]  +[01]\.\d{3}  +[01]\.\d\d){4}\n$",
    ),
    "own_env": (["2"], r"success rate on 1000 fresh lakes: [01]\.\d\d"),
}


def output_of(*arguments):
    """What a program prints, run in a process of its own as a reader runs it."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def readme_blocks(language):
    """The code blocks of the README in that language, first to last."""
    text = (ROOT / "README.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_runs(name):
    arguments, expected = EXAMPLES[name]
    assert re.search(expected, output_of(f"examples/{name}.py", *arguments))


def test_every_example_is_tested():
    assert {file.stem for file in (ROOT / "examples").glob("*.py")} == set(EXAMPLES)


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
