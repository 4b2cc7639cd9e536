"""The code of the documentation: read in every run of the tests, and run in the longer ones."""

import ast
import importlib
import inspect
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib
import types

import pytest
import tyro
import yaml

from minimax_eqx.cli import _terminal
from minimax_eqx.cli._main import main
from minimax_eqx.cli._recipes import recipe_named
from minimax_eqx.cli.commands import _evaluate

from .pages import PAGES, ROOT, blocks_of, calls_of, commands_of
from .test_public_names import STUBS, parts_of_an_experiment

READERS = {
    "bash": None,
    "json": json.loads,
    "python": lambda text: compile(text, "page", "exec"),
    "text": None,
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
}
_ROBOT = "from minimax_eqx.recipes import cart_pole\nexperiment = cart_pole.accel()\n"
# Files that pages speak of and do not show.
FILES = {
    **{"mine.py": _ROBOT, "my_robot.py": _ROBOT},
    "best.txt": "\n".join([">" + "." * 12, *["." * 13] * 11, "." * 12 + "G"]),
}
# What the commands of a page leave behind for its Python.
BEFORE = {
    "docs/comparing.md": """
import minimax_eqx as mx
from tests.experiment.test_compare import DR, PLR, make_run
for name, scores in (("dr", DR), ("plr", PLR)):
    for seed, measured in scores.items():
        experiment = getattr(mx.recipes.maze, name)(seed=seed)
        make_run(f"runs/maze-{name}-small-sweep/seed={seed}", experiment, measured)
""",
    "docs/experiments.md": """
import jax
import minimax_eqx as mx
experiment = mx.recipes.maze.quickstart(num_levels=2, num_steps=8, hidden_size=4)
mx.save_policy(mx.Runner.create(experiment, key=jax.random.key(0)), "my_policy")
""",
}
# What makes a command stop before anything is trained or read.
STOP = {"train": ["--print-config"], "sweep": ["--list-points"], "recipes": [], "completion": []}


def files_of(page):
    """What a reader of a page has: its blocks that are files, by their first line, and others.

    A block that begins with `# NAME.py, continued` is the next part of that file.
    """
    found = dict(FILES)
    for block in blocks_of(page):
        name = re.match(r"# (\w+\.py)(, continued)?$", block.text.partition("\n")[0])
        if block.language == "python" and name:
            found[name[1]] = f"{found[name[1]]}\n{block.text}" if name[2] else block.text
    return found


@pytest.mark.parametrize("name", PAGES)
def test_the_blocks_of_a_page_can_be_read(name):
    for block in blocks_of(PAGES[name]):
        assert block.language in READERS, f"line {block.line}: what language is this in?"
        if read := READERS[block.language]:
            read(block.text)


@pytest.fixture(scope="module")
def public():
    """What a user may write, by its name alone and with its room; a part that has no public name
    is None."""
    parts, _ = parts_of_an_experiment()
    found = {part.__name__: None for part in parts if ".adapters." not in part.__module__}
    for package in STUBS:
        module, room = importlib.import_module(package), package.replace("minimax_eqx", "mx")
        for name in module.__all__:
            found[f"{room}.{name}"] = getattr(module, name)
            if name[0].isupper():  # a word such as `run` may be anybody's
                found[name] = getattr(module, name)
    return found


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if calls_of(page)])
def test_what_the_text_of_a_page_calls_is_public_and_has_these_arguments(name, public):
    for call in calls_of(PAGES[name]):
        text, called = ast.unparse(call), ast.unparse(call.func)
        value = public.get(called, inspect.Signature)
        assert value is not None, f"`{text}`: a user can't write it, say what to write instead"
        if value is not inspect.Signature:
            known = [word.arg for word in call.keywords if word.arg is not None]
            inspect.signature(value).bind_partial(*call.args, **dict.fromkeys(known))


@pytest.fixture
def nothing_happens(monkeypatch, tmp_path):
    """Commands are understood and then do nothing."""

    parse = tyro.cli

    def without_help(*arguments, args=None, **others):
        if args == ["--help"]:
            raise SystemExit(0)
        return parse(*arguments, args=args, **others)

    folder = types.SimpleNamespace(experiment=lambda _: recipe_named("quickstart"))
    monkeypatch.setattr(tyro, "cli", without_help)
    monkeypatch.setattr(_evaluate, "RunFolder", types.SimpleNamespace(open=lambda _: folder))
    monkeypatch.setattr(_evaluate, "matching", lambda path: [path])
    monkeypatch.setattr(_terminal, "evaluate", lambda *_: 0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    yield
    for name, module in list(sys.modules.items()):  # files of a page are modules
        if str(tmp_path) in str(getattr(module, "__file__", None)):
            del sys.modules[name]


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if commands_of(page)])
def test_the_commands_of_a_page_are_understood(name, nothing_happens, capsys):
    for file, text in files_of(PAGES[name]).items():
        pathlib.Path(file).write_text(text)
    for words, out in commands_of(PAGES[name]):
        stop = [] if words[0] == "evaluate" else STOP.get(words[0], ["--help"])
        code, shown = main([*words, *stop]), capsys.readouterr()
        # The package of another world may be missing where these tests run.
        assert code == 0 or "is not installed" in shown.err, f"{' '.join(words)}: {shown.err}"
        if out and words[0] == "recipes":
            pathlib.Path(out).write_text(shown.out)


def program_of(page):
    """The Python of a page as one program whose lines are numbered as the page's are."""
    lines = []
    for block in blocks_of(page):
        if block.language == "python":
            lines += [""] * (block.line - 1 - len(lines)) + block.text.splitlines()
    return "\n".join(lines)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if program_of(page)])
def test_the_python_of_a_page_runs_from_its_top_to_its_end(name, tmp_path):
    for file, text in files_of(PAGES[name]).items():
        (tmp_path / file).write_text(text)
    for program in (BEFORE.get(name, ""), program_of(PAGES[name])):
        (tmp_path / "page.py").write_text(program)
        done = subprocess.run(
            [sys.executable, "page.py"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        if "is not installed" in done.stderr or "No module named" in done.stderr:
            pytest.skip(done.stderr.strip().splitlines()[-1])
        assert done.returncode == 0, f"{name}: {done.stderr}"
