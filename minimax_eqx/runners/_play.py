"""The middle of a cycle: students play what was proposed, and learn from it.

A play is cut into `rollouts_per_play` rollouts. After each of them the students learn, and go on
from where they were.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from .._metrics import Metrics
from .._types import PyTree
from .._xla._filtered import filter_scan, filter_update_if
from .._xla._mesh import split_levels
from ..agents import Agent
from ..agents._agent import Estimates, Trajectory
from ..agents._population import over_students
from ..curricula import Proposal
from ..rollouts import Evidence
from ..rollouts._optimum import optimum_of
from ..rollouts._rollout import begin_all, go_on, load_all, rollout
from ._evidence import evidence_of
from ._experiment import Experiment
from ._success import judge_plays


class Cycle(eqx.Module):
    """A proposal that is to be played, with the curriculum's state as `propose` gave it."""

    experiment: Experiment
    curriculum_state: PyTree
    proposal: Proposal

    def play_and_update(
        self, students: Agent, *, play_key: Key[Array, ""], update_key: Key[Array, ""]
    ) -> tuple[Agent, Evidence, Metrics]:
        """What the students (leading axis `student`) became, what happened in the whole play, and
        the metrics of the updates, averaged."""
        if self.experiment.rollouts_per_play > 1:
            return self._in_rollouts(students, play_key=play_key, update_key=update_key)
        experiment, levels = self.experiment, self._levels()

        def play(student, key):
            trajectory = rollout(
                experiment.env, student.network, *levels, key=key, **self._rollout_options()
            )
            return trajectory, experiment.student.estimate(trajectory)

        played = over_students(play, students, jax.random.split(play_key, experiment.num_students))
        evidence = evidence_of(experiment, students, self.proposal.levels, *played)
        evidence, update_key = self._weigh(evidence, key=update_key)
        students, metrics = self._update(students, played, evidence, key=update_key)
        return students, evidence, _means(metrics)

    def _in_rollouts(
        self, students: Agent, *, play_key: Key[Array, ""], update_key: Key[Array, ""]
    ) -> tuple[Agent, Evidence, Metrics]:
        """The same, with an update after each rollout."""
        experiment, levels = self.experiment, self.proposal.levels
        env, num_rollouts = experiment.env, experiment.rollouts_per_play
        worlds = load_all(env, *self._levels())

        def begin(student, key):
            return begin_all(env, student.network, worlds, key=key)

        def play(student, paused, key):
            trajectory, paused = go_on(
                env, student.network, worlds, paused, key=key, **self._rollout_options()
            )
            return (trajectory, experiment.student.estimate(trajectory)), paused

        def one_rollout(carry, keys):
            students, paused = carry
            play_keys, update_key = jax.random.split(keys[0], experiment.num_students), keys[1]
            played, paused = over_students(play, students, paused, play_keys)
            evidence = evidence_of(experiment, students, levels, *played)
            evidence, update_key = self._weigh(evidence, key=update_key)
            students, metrics = self._update(students, played, evidence, key=update_key)
            # What is not of a step is the same for all rollouts, or no array.
            steps = dataclasses.replace(
                evidence, levels=None, students=None, optimum=None, env=None
            )
            return (students, paused), (steps, metrics)

        begin_key, play_key = jax.random.split(play_key)
        begin_keys = jax.random.split(begin_key, experiment.num_students)
        keys = tuple(jax.random.split(key, num_rollouts) for key in (play_key, update_key))
        carry = (students, over_students(begin, students, begin_keys))
        (updated, _), (steps, metrics) = filter_scan(one_rollout, carry, keys)
        evidence = dataclasses.replace(
            jax.tree.map(_joined, steps),
            levels=levels,
            students=students,
            optimum=optimum_of(env, levels),
            env=env,
        )
        return updated, judge_plays(experiment, evidence), _means(metrics)

    def _levels(self) -> tuple[PyTree, PyTree]:
        """The levels and spare levels of all plays; every trial is a play of its own."""
        return split_levels(
            jax.tree.map(
                lambda leaf: jnp.repeat(leaf, self.experiment.num_trials, axis=0),
                (self.proposal.levels, self.proposal.spare_levels),
            )
        )

    def _rollout_options(self) -> dict[str, Any]:
        experiment = self.experiment
        return {
            "num_steps": experiment.num_steps,
            "with_truncation_values": experiment.student.needs_truncation_values,
        }

    def _weigh(self, evidence: Evidence, *, key: Key[Array, ""]) -> tuple[Evidence, Key[Array, ""]]:
        """The evidence with the curriculum's weights, if it has any, and the update's key."""
        # Of a copy: without weights, the update's key is as it would be if nobody had asked.
        key_with_weights, weights_key = jax.random.split(jax.random.clone(key))
        weights = self.experiment.curriculum.weights(
            self.curriculum_state, self.proposal, evidence, key=weights_key
        )
        if weights is None:
            return evidence, key
        return dataclasses.replace(evidence, weights=weights), key_with_weights

    def _update(
        self,
        students: Agent,
        played: tuple[Trajectory, Estimates],
        evidence: Evidence,
        *,
        key: Key[Array, ""],
    ) -> tuple[Agent, Metrics]:
        """The students after an update from one rollout, if the proposal says so, and metrics."""
        experiment, proposal = self.experiment, self.proposal
        weights = evidence.weights
        if weights is not None:
            weights = weights.reshape(*weights.shape[:2], -1)
        num_plays = None
        if proposal.num_update_levels is not None:
            num_plays = proposal.num_update_levels * experiment.num_trials

        learner = experiment.student

        def update(students):
            to_learn_from = eqx.filter_vmap(lambda trajectory: trajectory.first_plays(num_plays))
            told = learner.ask_peers(students, to_learn_from(played[0]))
            return over_students(
                lambda student, trajectory, estimates, weights, told, key: learner.update(
                    student,
                    dataclasses.replace(trajectory.first_plays(num_plays), told=told),
                    estimates.first_plays(num_plays),
                    weights=None if weights is None else weights[:, :num_plays],
                    key=key,
                ),
                students,
                *played,
                weights,
                told,
                jax.random.split(key, experiment.num_students),
            )

        return filter_update_if(proposal.update_students, update, students)


def _means(metrics: Metrics) -> Metrics:
    return {name: jnp.mean(value) for name, value in metrics.items()}


def _joined(leaf: Array) -> Array:
    """From the axes `rollout student time` to `student time`."""
    leaf = jnp.moveaxis(leaf, 0, 1)
    return leaf.reshape(leaf.shape[0], -1, *leaf.shape[3:])
