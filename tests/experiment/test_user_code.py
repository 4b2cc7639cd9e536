"""Files and modules of users: what is found in them, what is shown when they fail."""

import pathlib
import sys

import pytest

from minimax_eqx._composition._parts import Parts
from minimax_eqx._composition._plain import from_plain, to_plain
from minimax_eqx._composition._user_code import OwnPartsError, check_user_code, load_user_code
from minimax_eqx.scores import AbstractScore

RUN = pathlib.Path("runs/a")
METHOD = """
import minimax_eqx as mx

class Surprise(mx.scores.AbstractFormula):
    weight: float = 1.0
    can_be_negative = True

    def formula(self, evidence):
        return self.weight * evidence.rewards.mean(axis=(0, 1, 3))

def method():
    return mx.recipes.maze.robust_plr(score=Surprise(weight=0.5))

def sized(size):
    return method()

def broken():
    return mx.no_such_name

experiment = method()
"""


@pytest.fixture
def method(tmp_path, monkeypatch):
    """A folder that is not the repository, with a method in it."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "my_method.py"
    file.write_text(METHOD)
    yield file
    sys.modules.pop("my_method", None)


@pytest.mark.parametrize(
    "target", ["my_method.py", "my_method.py:method", "my_method:experiment", "my_method:method"]
)
def test_an_experiment_is_found_in_a_file_and_in_a_module(target, method):
    code = load_user_code(target)
    assert code.experiment.curriculum.score.weight == 0.5
    assert code.path == method
    named = target.endswith(":method")
    assert code.title == ("my_method-method" if named else "my_method")
    data = to_plain(code.experiment)
    assert data["curriculum"]["score"] == {"class": "surprise", "weight": 0.5}
    assert from_plain(data["curriculum"]["score"], AbstractScore, Parts(code.module))


def test_a_part_that_the_file_has_no_name_for_is_told_with_the_import(method):
    method.with_name("uses.py").write_text("import my_method\n\nmine = my_method.experiment\n")
    parts = Parts(load_user_code("uses.py").module)
    with pytest.raises(ValueError, match=r"--score: .*write `from my_method import Surprise`"):
        parts.named("surprise", (AbstractScore,), "--score")
    assert Parts(load_user_code("my_method.py").module).named("surprise", (AbstractScore,), "")


FAILURES = {
    "a line that fails": (
        "x = 1\ndef f():\n    return x.y\nf()",
        "f.py, line 3: AttributeError: 'int' object has no attribute 'y'\n  return x.y",
    ),
    "a failure further in": ("import json\n\njson.loads('{')\n", "f.py, line 3: json.decoder.JSO"),
    "no Python": ("x = (", "f.py, line 1: SyntaxError: '(' was never closed"),
    "a wrong import": ("import nothing_here", "line 1: ModuleNotFoundError: No module named 'noth"),
    "an exit": ("raise SystemExit(3)", "line 1: SystemExit: 3"),
    "nothing": ("x = 1", "There is no experiment in f.py; looked for a line such as `experiment ="),
    "functions alone": (
        "import minimax_eqx as mx\nfrom json import dump\ndef dr(): raise SystemExit('called')\n"
        "def main() -> None: pass\ndef _b(): pass\ndef c(x): pass\n"
        "def accel(*, seed=1) -> 'mx.Experiment': pass",
        "no experiment at the top of f.py. If a function there makes one, name it: f.py:dr, "
        "f.py:accel.",
    ),
    "two": (
        "import minimax_eqx as mx\na, b = mx.recipes.maze.dr(), mx.recipes.maze.plr()",
        "There are several experiments in f.py; say which: f.py:a, f.py:b.",
    ),
}


@pytest.mark.parametrize(("text", "message"), FAILURES.values(), ids=FAILURES)
def test_a_file_that_does_not_do_shows_what_its_user_wrote(text, message, method):
    method.with_name("f.py").write_text(text)
    with pytest.raises(ValueError, match=r"f.py") as caught:
        _ = load_user_code("f.py").experiment
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("none.py", "There is no file none.py."),
        ("no_such_module:x", "There is no module no_such_module."),
        ("my_method.py:metod", "There is no 'metod' in my_method.py. Did you mean 'method'?"),
        ("my_method.py:sized", "'sized' in my_method.py needs size; give these defaults, or"),
        (
            "my_method.py:broken",
            "my_method.py, line 18: AttributeError: module 'minimax_eqx' has no",
        ),
        ("my_method.py:mx", "'mx' in my_method.py is a module, no Experiment."),
    ],
)
def test_a_target_that_is_not_there_is_told(target, message, method):
    with pytest.raises(ValueError, match=r"^[^\n]*(\n  return mx.no_such_name)?$") as caught:
        _ = load_user_code(target).experiment
    assert message in str(caught.value)


def test_a_run_asks_for_the_code_that_it_was_made_from_and_tells_of_changes(method, caplog):
    code = load_user_code("my_method.py")
    check_user_code(code.entry(), code, RUN)
    check_user_code(None, None, RUN)
    assert not caplog.records
    # As a run that began in Python, which knows of no file.
    check_user_code(None, code, RUN)
    with pytest.raises(OwnPartsError, match=r"was made from my_method.py.*`experiment=") as caught:
        check_user_code(code.entry(), None, RUN)
    assert "--file" not in str(caught.value)
    assert "give it with --file my_method.py" in caught.value.on_command_line
    method.write_text(METHOD + "# more")
    check_user_code(code.entry(), load_user_code("my_method.py"), RUN)
    assert "has changed since" in caplog.text
