"""The evidence of a cycle: what it will look like, and what it is once the levels were played."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .._types import PyTree
from ..agents import Agent
from ..agents._agent import Estimates, Trajectory
from ..envs._step_spec import step_spec
from ..nets._policy import Predictions
from ..rollouts import Evidence
from ..rollouts._optimum import optimum_of
from ._experiment import Experiment
from ._success import judge_plays


def evidence_of(
    experiment: Experiment,
    students: Agent,
    levels: PyTree,
    trajectories: Trajectory,
    estimates: Estimates,
) -> Evidence:
    """What the students (leading axis `student`) met in one rollout on `levels`."""

    def by_trial(leaf):
        return leaf.reshape(*leaf.shape[:2], -1, experiment.num_trials, *leaf.shape[3:])

    evidence = Evidence(
        levels=levels,
        observations=jax.tree.map(by_trial, trajectories.observations),
        actions=jax.tree.map(by_trial, trajectories.actions),
        distributions=jax.tree.map(by_trial, trajectories.distributions),
        log_probs=by_trial(trajectories.log_probs),
        rewards=by_trial(trajectories.rewards),
        terminated=by_trial(trajectories.terminated),
        truncated=by_trial(trajectories.truncated),
        outcomes=jax.tree.map(by_trial, trajectories.successes),
        measures=jax.tree.map(by_trial, trajectories.measures),
        values=by_trial(trajectories.values),
        advantages=by_trial(estimates.advantages),
        students=students,
        optimum=optimum_of(experiment.env, levels),
        env=experiment.env,
    )
    return judge_plays(experiment, evidence)


def evidence_spec(experiment: Experiment, students: Agent) -> Evidence:
    """The structure of a cycle's evidence, from shapes alone: nothing is played.

    Raises `ValueError` if the students cannot read the environment's observations, or choose
    actions of another kind than it takes.
    """
    env = experiment.env
    num_levels = experiment.curriculum.levels_per_cycle
    shape = (experiment.num_students, experiment.steps_per_play, num_levels, experiment.num_trials)

    def of_each_step(tree: PyTree) -> PyTree:
        return jax.tree.map(lambda s: jax.ShapeDtypeStruct((*shape, *s.shape), s.dtype), tree)

    def of_each_level(tree: PyTree) -> PyTree:
        return jax.tree.map(lambda s: jax.ShapeDtypeStruct((num_levels, *s.shape), s.dtype), tree)

    predictions, action = _one_step(experiment, students)
    numbers: PyTree = jax.ShapeDtypeStruct(shape, jnp.float32)
    truths: PyTree = jax.ShapeDtypeStruct(shape, jnp.bool_)
    values = of_each_step(predictions.values)
    step = step_spec(env)
    knows_success = experiment.success_return is not None or step.success is not None
    # Of one level: to trace what finds it for a batch takes twice as long.
    optimum = jax.eval_shape(env.optimal_return, env.level_spec())
    return Evidence(
        levels=of_each_level(env.level_spec()),
        observations=of_each_step(env.observation_spec()),
        actions=of_each_step(action),
        distributions=of_each_step(predictions.actions),
        log_probs=numbers,
        rewards=numbers,
        terminated=truths,
        truncated=truths,
        outcomes=truths if knows_success else None,
        measures=of_each_step(step.measures),
        values=values,
        advantages=values,
        students=eqx.filter_eval_shape(lambda students: students, students),
        optimum=of_each_level(optimum),
        env=env,
    )


def _one_step(experiment: Experiment, students: Agent) -> tuple[Predictions, PyTree]:
    """The structure of what one student says of one observation, and of the action."""
    env = experiment.env

    def predict(students, observation):
        policy = students.first().network
        predictions, _ = policy.step(observation, policy.initial_memory(), jnp.zeros((), bool))
        return predictions, predictions.actions.mode()

    name, world = type(experiment.student).__name__, type(env).__name__
    try:
        predictions, action = eqx.filter_eval_shape(predict, students, env.observation_spec())
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"The students ({name}) cannot read what {world} shows: {error} Their network must "
            f"read its observation_spec(), {env.observation_spec()}."
        ) from error
    expected = eqx.filter_eval_shape(env.action_spec().sample, jax.random.key(0))
    if jax.tree.map(_shape, action) != jax.tree.map(_shape, expected):
        raise ValueError(
            f"The students ({name}) choose actions like {action}, and {world} takes {expected}: "
            f"make their network for its action_spec(), {env.action_spec()}."
        )
    return predictions, action


def _shape(struct: jax.ShapeDtypeStruct) -> tuple[tuple[int, ...], str]:
    return struct.shape, str(struct.dtype)
