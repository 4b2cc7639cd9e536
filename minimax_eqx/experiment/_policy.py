"""A trained student on its own, in a folder that somebody else can use."""

import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from .._composition._defaults import completed, flat
from .._composition._parts import Parts
from .._composition._plain import from_plain, to_plain
from .._files import FolderError, resolved, warn_once, write
from .._folder._origin import warn_of_defaults, written_by
from .._folder._run_folder import CONFIG
from .._packages import needed
from .._types import Memory, PyTree
from .._version import VERSION
from ..agents import AbstractLearner
from ..envs import AbstractEnv
from ..nets._policy import AbstractPolicy
from ..rollouts._evaluation import choose
from ..runners._arrays import as_written
from ..runners._experiment import Experiment
from ..runners._runner import Runner
from ..runners._saving import CheckpointError, Saved, data_of, named_arrays, shape_of, told_apart
from ._train import load

POLICY, WEIGHTS = "policy.json", "policy.safetensors"


class Policy(eqx.Module):
    """A trained student and the environment that it was trained in, to be used in a loop of yours.

    For example:

        policy = mx.load_policy("policy")
        memory = policy.initial_memory()
        action, memory = policy.act(observation, memory, key=key)

    Both methods are for one environment; map `act` with `eqx.filter_vmap` over several.
    """

    env: AbstractEnv
    """What it was trained in; it tells what observations and actions are."""
    network: AbstractPolicy
    """The weights, as `rollouts.evaluate` takes them."""

    def initial_memory(self) -> Memory:
        """What it remembers before the first step of an episode; begin every episode with it."""
        return self.network.initial_memory()

    def act(
        self, observation: PyTree, memory: Memory, *, greedy: bool = False, key: Key[Array, ""]
    ) -> tuple[PyTree[Array], Memory]:
        """The action after an observation of `env`, and the memory for the next step.

        It is sampled, or, if `greedy`, the likeliest.
        """
        predictions, memory = self.network.step(observation, memory, jnp.array(False))
        spec = self.env.action_spec()
        return choose(spec, predictions.actions, greedy=greedy, key=key), memory

    def value(self, observation: PyTree, memory: Memory) -> Float[Array, " value_head"]:
        """What it expects to get from here on, discounted as in its training."""
        return self.network.step(observation, memory, jnp.array(False))[0].values


def save_policy(runner: Runner, path: pathlib.Path | str, *, student: int = 0) -> pathlib.Path:
    """Writes one student of a runner into a new folder: `policy.safetensors` has the weights, and
    `policy.json` the environment and the learner that they are of.

    Returns the folder. Raises `ValueError` for a student that there is not, and for parts with
    something that no file can hold; `FolderError` if a policy is there already; `ImportError` if
    the package `safetensors` is missing.
    """
    folder, experiment = resolved(path), runner.experiment
    agent = runner.on(None).students.student(student)
    if any((folder / name).exists() for name in (POLICY, WEIGHTS)):
        raise FolderError(f"There is a policy in {path} already; choose another folder.")
    arrays = {name: np.asarray(data_of(leaf)) for name, leaf in named_arrays(agent.network)}
    weights = _safetensors().save(arrays)
    about = {
        "library": "minimax_eqx",
        "version": VERSION,
        "updates": int(agent.num_updates),
        "sha256": hashlib.sha256(weights).hexdigest(),
        "env": to_plain(as_written(experiment.env), "env."),
        "student": to_plain(as_written(experiment.student), "student."),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / WEIGHTS, weights)
    write(folder / POLICY, f"{json.dumps(about, indent=2)}\n".encode())
    return folder


def load_policy(path: pathlib.Path | str, experiment: Experiment | None = None) -> Policy:
    """The policy in a folder that `save_policy` wrote, or the first student of the run in a folder,
    at its newest checkpoint.

    No code in the folder is run, so it may be a stranger's. If its environment or its student has
    parts of yours, give the `experiment` that it was trained in, which has these parts too. The
    values of a policy's parts are those that were saved; the log says so where the experiment has
    others. Of a run's folder the experiment must be the run's, as for `load`.

    Raises `FolderError` if there is no policy, or one that cannot be used, and `CheckpointError` if
    its weights are damaged or of another network.
    """
    folder = resolved(path)
    if not (folder / POLICY).is_file():
        if not (folder / CONFIG).is_file():
            raise FolderError(f"There is no policy in {path}: it has no {POLICY}, and no {CONFIG}.")
        experiment, runner = load(folder, experiment)
        return Policy(experiment.env, runner.students.first().network)
    about = _read_about(folder / POLICY)
    parts = Parts(composition=experiment)
    version, added = about["version"], dict[str, Any]()
    try:
        made = []
        for name, kind in (("env", AbstractEnv), ("student", AbstractLearner)):
            data, defaults = completed(about[name], kind, parts)
            made.append(from_plain(data, kind, parts))
            added |= {f"{name}.{path}": value for path, value in defaults.items()}
    except ValueError as error:
        text = f"{folder / POLICY} cannot be used: {error}{written_by(version)}"
        if experiment is None:
            text += (
                " If it has parts of your own, give the experiment that it was trained in, as in "
                "mx.load_policy(path, experiment=...)."
            )
        raise FolderError(text) from error
    warn_of_defaults(folder / POLICY, version, added)
    env, learner = made
    if experiment is not None:
        _warn_of_other_values(folder / POLICY, experiment, env=env, student=learner)
    spec = eqx.filter_eval_shape(
        lambda key: learner.init(env.observation_spec(), env.action_spec(), key=key).network,
        jax.random.key(0),
    )
    return Policy(env, _read_weights(folder / WEIGHTS, about).restore(spec))


def _warn_of_other_values(file: pathlib.Path, experiment: Experiment, **saved: eqx.Module) -> None:
    """Says in one line in which values the experiment is not the one of the policy."""
    other = {name: as_written(getattr(experiment, name)) for name in saved}
    had, has = (
        flat({name: to_plain(part, f"{name}.") for name, part in parts.items()})
        for parts in (saved, other)
    )
    if had != has:
        differing = told_apart(had, has, sorted(had.keys() | has.keys()))
        warn_once(
            f"{file} was saved with other values than the experiment that you gave has, and the "
            f"saved ones count: {differing.replace('expected', 'given')}."
        )


def _read_about(path: pathlib.Path) -> Mapping[str, Any]:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FolderError(f"{path} is damaged: {error}.") from error
    missing = [n for n in ("version", "sha256", "env", "student") if n not in dict(about)]
    if missing:
        raise FolderError(f"{path} is damaged: it does not say its {', '.join(missing)}.")
    return about


def _read_weights(path: pathlib.Path, about: Mapping[str, Any]) -> Saved:
    if not path.is_file():
        raise CheckpointError(f"There is no {path}, which {POLICY} belongs to.")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != about["sha256"]:
        raise CheckpointError(f"{path} is damaged, or not the one that {POLICY} was written with.")
    arrays = _safetensors().load(content)
    return Saved(path, arrays, {name: shape_of(array) for name, array in arrays.items()}, {})


def _safetensors() -> Any:
    return needed("safetensors.numpy", extra="cli", by="A policy's file")
