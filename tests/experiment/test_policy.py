"""A trained student on its own: saved, loaded elsewhere, and used in a plain loop."""

import dataclasses
import json
import shutil

import equinox as eqx
import jax
import pytest

import minimax_eqx as mx
from minimax_eqx._files import FolderError
from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx.cli._main import main
from minimax_eqx.experiment import _train
from minimax_eqx.runners._saving import CheckpointError

from .tiny import EXPERIMENT, arrays, train


class Narrow(mx.nets.AbstractEncoder):
    """A part that is none of the package's."""

    width: int = 4

    def init(self, observation, *, key):
        return mx.nets.GridEncoder(num_filters=self.width).init(observation, key=key)


def with_own_encoder(**fields):
    return eqx.tree_at(lambda e: e.student.network.encoder, EXPERIMENT, Narrow(**fields))


@pytest.fixture(scope="module")
def run_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    train(dataclasses.replace(EXPERIMENT, num_students=2), path)
    return path


@pytest.fixture(scope="module")
def folder(run_path, tmp_path_factory):
    out = tmp_path_factory.mktemp("policies") / "policy"
    assert main(["export", str(run_path), "--out", str(out), "--student", "1"]) == 0
    return out


def test_a_policy_is_the_student_that_was_saved_and_its_environment_as_written(
    run_path, folder, tmp_path, caplog
):
    experiment, runner = mx.load(run_path)
    policy = mx.load_policy(folder)
    assert policy.env == experiment.env
    second = jax.tree.map(lambda x: x[1], arrays(runner.students.network))
    assert eqx.tree_equal(arrays(policy.network), second)
    first = mx.load_policy(run_path).network
    assert eqx.tree_equal(arrays(first), arrays(runner.students.first().network))
    about = json.loads((folder / "policy.json").read_text())
    student = about["student"]
    assert student["optimiser"]["learning_rate"] == experiment.student.optimiser.learning_rate
    # Also as a version wrote it that did not know a certain field.
    older = shutil.copytree(folder, tmp_path / "older")
    del student["optimiser"]["annealing"]
    (older / "policy.json").write_text(json.dumps(about))
    assert eqx.tree_equal(arrays(mx.load_policy(older).network), second)
    assert "these have their defaults: student.optimiser.annealing=null." in caplog.text


def test_a_policy_plays_in_a_plain_loop_as_evaluation_does(folder, getkey):
    policy, key = mx.load_policy(folder), getkey()
    env = policy.env
    level = mx.envs.maze.RandomWalls(num_walls=4).sample(env.level_spec(), key=getkey())
    levels = jax.tree.map(lambda x: x[None], level)
    results = mx.rollouts.evaluate(env, policy.network, levels, greedy=True, key=key)
    world = env.load(level)
    state, memory, length, done = env.reset(world, key=key), policy.initial_memory(), 0, False
    act = eqx.filter_jit(policy.act)
    while not done and length < env.max_episode_steps:
        action, memory = act(env.observe(world, state), memory, greedy=True, key=getkey())
        step = env.step(world, state, action, key=getkey())
        state, done, length = step.state, bool(step.done), length + 1
    assert length == int(results.lengths[0])
    assert policy.value(env.observe(world, state), memory).shape == (1,)


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (
            lambda f: (f / "policy.safetensors").unlink(),
            CheckpointError,
            "There is no .*safetensors",
        ),
        (lambda f: flip(f / "policy.safetensors"), CheckpointError, "safetensors is damaged"),
        (lambda f: cut(f / "policy.safetensors"), CheckpointError, "safetensors is damaged"),
        (lambda f: cut(f / "policy.json"), FolderError, "policy.json is damaged"),
        (lambda f: (f / "policy.json").write_text("{}"), FolderError, "does not say its version"),
        (lambda f: (f / "policy.json").write_text("[]"), FolderError, "does not say its version"),
        (lambda f: change(f, "os.system"), FolderError, "cannot be used: .*os.system"),
        (lambda f: change(f, "gru"), CheckpointError, "is of another program"),
        (lambda f: (f / "policy.json").unlink(), FolderError, "There is no policy in"),
    ],
)
def test_a_policy_that_cannot_be_used_says_why(folder, tmp_path, damage, error, message):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    damage(tmp_path)
    with pytest.raises(error, match=message):
        mx.load_policy(tmp_path)


def flip(file):
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)


def cut(file):
    file.write_bytes(file.read_bytes()[:-20])


def change(folder, core):
    about = json.loads((folder / "policy.json").read_text())
    about["student"]["network"]["core"] = {"class": core, "hidden_size": 8}
    (folder / "policy.json").write_text(json.dumps(about))


def test_no_policy_is_overwritten_and_no_student_made_up(run_path, folder, tmp_path, capsys):
    assert main(["export", str(run_path), "--out", str(folder)]) == 2
    assert "There is a policy in" in capsys.readouterr().err
    assert main(["export", str(run_path), "--out", str(tmp_path / "new"), "--student", "2"]) == 2
    assert "student is 2; it must be at least 0 and below 2" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_runner_in_memory_has_a_policy_too(tmp_path):
    runner = mx.Runner.create(EXPERIMENT, key=jax.random.key(3))
    policy = mx.load_policy(mx.save_policy(runner, tmp_path / "policy"))
    expected = arrays(runner.students.first().network)
    assert eqx.tree_equal(arrays(policy.network), expected)


def test_parts_of_ones_own_are_taken_from_an_experiment_and_their_values_from_the_policy(
    tmp_path, caplog, capsys, monkeypatch
):
    experiment = with_own_encoder()
    runner = mx.Runner.create(experiment, key=jax.random.key(3))
    monkeypatch.setattr(_train, "load", lambda *_, **__: (experiment, runner))
    (tmp_path / "mine.py").write_text("")
    out, file = str(tmp_path / "policy"), str(tmp_path / "mine.py")
    assert main(["export", "run", "--out", out, "--file", file]) == 0
    told = (
        f"mx.load_policy('{out}', experiment=...) loads it, if you give it an experiment of {file}"
    )
    assert told in capsys.readouterr().out
    with pytest.raises(
        FolderError, match=r"no 'narrow'.* mx.load_policy\(path, experiment="
    ) as info:
        mx.load_policy(out)
    assert "--file" not in str(info.value)
    assert "version" not in str(info.value)
    assert eqx.tree_equal(arrays(mx.load_policy(out, experiment).network), arrays(first_of(runner)))
    assert not caplog.records
    loaded = mx.load_policy(out, experiment=with_own_encoder(width=8))
    assert eqx.tree_equal(arrays(loaded.network), arrays(first_of(runner)))
    assert "student.network.encoder.width (saved 4, given 8)" in caplog.text
    with pytest.raises(
        FolderError, match=r"no 'narrow'.*yours count if the experiment has them\.$"
    ):
        mx.load_policy(out, EXPERIMENT)


@pytest.mark.parametrize("call", [mx.load, mx.resume, mx.load_policy])
def test_what_python_is_told_of_a_run_with_parts_of_ones_own_python_can_do(call, tmp_path, capsys):
    with RunFolder(tmp_path / "run").begun(with_own_encoder()):
        pass
    with pytest.raises(
        FolderError, match=r"no 'narrow'.*give the experiment.*`experiment="
    ) as info:
        call(tmp_path / "run")
    assert "--file" not in str(info.value)
    assert main(["evaluate", str(tmp_path / "run")]) == 2
    assert "give the file of yours that has them, with --file FILE.py" in capsys.readouterr().err


def first_of(runner):
    return runner.students.first().network
