"""A library leaves the program that calls it as it was."""

import json
import pathlib

from .tiny import launch

ROOT = str(pathlib.Path(__file__).parents[2])

# In a process of its own, since imports change what they change only once.
LOOK = """
import json, logging, os, pathlib, signal, sys, warnings
import jax
from minimax_eqx import train
from tests.experiment.tiny import EXPERIMENT

def host():
    loggers = [logging.getLogger(), logging.getLogger("absl"), logging.getLogger("minimax_eqx")]
    return {
        "logging": [[log.level, list(map(str, log.handlers + log.filters))] for log in loggers],
        "signals": [str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM)],
        "warnings": str(warnings.filters),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "jax": {name: str(value) for name, value in jax.config.values.items()},
        "hooks": [str(sys.excepthook), str(sys.unraisablehook)],
    }

before = host()
train(EXPERIMENT, "run")
print(json.dumps([before, host()]))
"""


def test_a_run_leaves_logging_signals_warnings_and_settings_as_they_were(tmp_path):
    process = launch(cwd=tmp_path, code=f"import sys; sys.path.append({ROOT!r})\n{LOOK}")
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    before, after = json.loads(out)
    for part, state in before.items():
        assert after[part] == state, part
