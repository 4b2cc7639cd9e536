"""The training cycle: propose levels, play them, learn from them."""

import dataclasses
import functools
import types
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.sharding import Mesh
from jaxtyping import Array, Int, Key

from .._metrics import Metrics, join_metrics
from .._types import PyTree
from .._xla._compile import check_not_consumed, check_switches, quick_jit
from .._xla._filtered import filter_scan, filter_update_if
from .._xla._mesh import (
    check_shares,
    levels_over,
    num_shares,
    on_one_device,
    replicate,
    split_levels,
)
from ..agents import AbstractAgent, over_students
from ..curricula import AbstractCurriculum, Proposal
from ..envs import AbstractEnv
from ..rollouts import Evidence, rollout
from ..rollouts._statistics import EpisodeStatistics
from ._metrics import group_metrics, level_metrics, student_metrics
from ._student_check import num_value_heads
from ._summary import summary


class Runner(eqx.Module):
    """An environment, students and a curriculum, composed. The module is the whole training state.

    Make it with `Runner.create`. `students` has a leading axis `student`. One `step` is one cycle.
    """

    env: AbstractEnv
    students: AbstractAgent
    curriculum: AbstractCurriculum
    key: Key[Array, ""]
    num_cycles: Int[Array, ""]
    num_steps: int = eqx.field(static=True)
    num_trials: int = eqx.field(static=True)
    track_level_metrics: bool = eqx.field(static=True)
    mesh: Mesh | None = eqx.field(static=True, default=None)

    @classmethod
    def create(
        cls,
        env: AbstractEnv,
        students: AbstractAgent,
        curriculum: AbstractCurriculum,
        *,
        num_steps: int = 256,
        num_trials: int = 1,
        track_level_metrics: bool = True,
        mesh: Mesh | None = None,
        key: Key[Array, ""],
    ) -> "Runner":
        """Composes a runner and checks that its parts fit.

        Arguments:

        - `students`: one agent, or a population made by `minimax_eqx.agents.population`.
        - `num_steps`: environment steps of each play in a cycle.
        - `num_trials`: how often each level is played side by side by each student in a cycle.
        - `track_level_metrics`: whether the metrics describe the proposed levels; free when off.
        - `mesh`: devices that share the levels of a cycle, see `level_mesh`; None for one device.

        Raises `ValueError` if a count is less than 1, the curriculum's levels are not those of the
        environment, the students cannot read its observations or do not choose among its actions,
        the curriculum cannot learn from so many students, trials or value heads, two metrics have
        one name, the devices cannot share the levels equally, or JAX is set to stop at the first
        NaN or infinity. Warns if `num_steps` is below the environment's time limit: failures then
        never end, and the metric `success_rate` is NaN.
        """
        check_switches()
        for name, value in (("num_steps", num_steps), ("num_trials", num_trials)):
            if value < 1:
                raise ValueError(f"Runner: {name} is {value}; it must be at least 1.")
        if students.num_updates.ndim == 0:
            students = jax.tree.map(lambda x: x[None] if eqx.is_array(x) else x, students)
        _check_levels(env, curriculum)
        num_students = students.num_updates.shape[0]
        curriculum.check(num_students, num_trials, num_value_heads(env, students))
        _warn_if_failures_never_end(num_steps, env.max_episode_steps)
        runner = cls(
            env=env,
            students=students,
            curriculum=curriculum,
            key=key,
            num_cycles=jnp.zeros((), jnp.int32),
            num_steps=num_steps,
            num_trials=num_trials,
            track_level_metrics=track_level_metrics,
        )
        # Inside another program, as `experiment.start` makes it, the cycle's own trace says it.
        if not isinstance(key, Tracer):
            eqx.filter_eval_shape(_metrics_without_play, runner)
        return _with_distinct_buffers(runner).on(mesh)

    def on(self, mesh: Mesh | None) -> "Runner":
        """The same runner on other devices: those of a mesh with an axis `level`, or one for None.

        Levels and what happens on them are split along that axis; the runner itself is whole on
        every device. The result of a cycle is that of one device, up to the order of summation. The
        two runners may share memory: `run` consumes both.

        Raises `ValueError`, with the numbers that would fit, if the devices cannot share the levels
        of a cycle equally, or those of them that students learn from, and for stacked runners.
        """
        self._check_alone()
        if mesh is not None:
            num_devices = num_shares(mesh)
            to_learn_from = _proposal_spec(self.curriculum).num_update_levels
            if to_learn_from is not None:
                check_shares("levels to learn from", to_learn_from, num_devices)
            check_shares("levels", self.curriculum.num_levels, num_devices)
        moved = replicate(on_one_device(self), mesh)
        return dataclasses.replace(moved, mesh=mesh)

    @property
    def num_students(self) -> int:
        """The size of the population. Raises `ValueError` for stacked runners."""
        self._check_alone()
        return self.students.num_updates.shape[0]

    @property
    def transitions_per_cycle(self) -> int:
        """Environment steps that one cycle takes, all students together."""
        plays = self.curriculum.num_levels * self.num_trials
        return self.num_students * plays * self.num_steps

    def step(self) -> tuple["Runner", Metrics]:
        """Runs one cycle; returns the new runner and the cycle's metrics, each a scalar.

        Metrics of students are averaged over the population. Those of the update are NaN in a cycle
        without one (`updated` is then 0).

        Raises `ValueError` for stacked runners, which `run_members` runs, and for one that was
        consumed by `run`.
        """
        self._check_alone()
        check_not_consumed("Runner.step", self)
        with levels_over(self.mesh):
            return replicate(self._cycle(), self.mesh)

    def __repr__(self) -> str:
        """One screen; `equinox.tree_pprint` prints the whole tree."""
        return summary(
            type(self).__name__,
            {"env": self.env, "students": self.students, "curriculum": self.curriculum},
            {
                "num_cycles": self.num_cycles,
                "num_steps": self.num_steps,
                "num_trials": self.num_trials,
                "track_level_metrics": self.track_level_metrics,
                "mesh": self.mesh,
            },
        )

    def __getstate__(self) -> dict[str, Any]:
        check_not_consumed("pickle", self)
        if self.mesh is not None:
            raise TypeError(
                "A runner on a mesh cannot be pickled, since a mesh is of this process: pickle "
                "`runner.on(None)`, and move the copy with `on(mesh)`."
            )
        return dict(vars(self))

    def _check_alone(self) -> None:
        # What reads the sizes of arrays would take the axis `member` for another one.
        if self.num_cycles.ndim > 0:
            raise ValueError(
                f"These are {self.num_cycles.shape[0]} runners, stacked. Run them with "
                "`run_members(runners, num_cycles)`; for anything else take one of them with "
                "`member(runners, index)`."
            )

    def _cycle(self) -> tuple["Runner", Metrics]:
        next_key, *keys = jax.random.split(self.key, 5)
        propose_key, play_key, update_key, learn_key = keys
        curriculum, proposal = self.curriculum.propose(propose_key)
        levels, spare_levels = split_levels(
            self._repeat_for_trials((proposal.levels, proposal.spare_levels))
        )

        def play(student, key):
            trajectory = rollout(
                self.env, student, levels, spare_levels, num_steps=self.num_steps, key=key
            )
            return trajectory, student.estimate(trajectory)

        trajectories, estimates = over_students(
            play, self.students, jax.random.split(play_key, self.num_students)
        )
        evidence = self._evidence(trajectories, estimates)

        num_plays = None
        if proposal.num_update_levels is not None:
            num_plays = proposal.num_update_levels * self.num_trials

        def update(students):
            return over_students(
                lambda student, trajectory, estimates, key: student.update(
                    trajectory.first_plays(num_plays), estimates.first_plays(num_plays), key=key
                ),
                students,
                trajectories,
                estimates,
                jax.random.split(update_key, self.num_students),
            )

        updated = proposal.update_students
        students, update_metrics = filter_update_if(updated, update, self.students)
        curriculum, curriculum_metrics = curriculum.learn(proposal, evidence, key=learn_key)
        update_metrics = {name: jnp.mean(value) for name, value in update_metrics.items()}
        metrics = self._metrics(proposal, trajectories, update_metrics, curriculum_metrics)
        runner = eqx.tree_at(
            lambda runner: (runner.students, runner.curriculum, runner.key, runner.num_cycles),
            self,
            (students, curriculum, next_key, self.num_cycles + 1),
        )
        return runner, metrics

    def _repeat_for_trials(self, levels: PyTree) -> PyTree:
        return jax.tree.map(lambda leaf: jnp.repeat(leaf, self.num_trials, axis=0), levels)

    def _evidence(self, trajectories: Any, estimates: Any) -> Evidence:
        def by_trial(leaf):
            shape = (*leaf.shape[:2], self.curriculum.num_levels, self.num_trials, *leaf.shape[3:])
            return leaf.reshape(shape)

        return Evidence(
            observations=jax.tree.map(by_trial, trajectories.observations),
            actions=by_trial(trajectories.actions),
            rewards=by_trial(trajectories.rewards),
            dones=by_trial(trajectories.terminated | trajectories.truncated),
            successes=by_trial(trajectories.successes),
            values=by_trial(trajectories.values),
            advantages=by_trial(estimates.advantages),
        )

    def _metrics(
        self,
        proposal: Proposal,
        trajectories: Any,
        update_metrics: Metrics,
        curriculum_metrics: Metrics,
    ) -> Metrics:
        updated = proposal.update_students
        did_update = jnp.ones((), jnp.float32) if updated is None else updated.astype(jnp.float32)
        return join_metrics(
            [
                *self._episode_metrics(trajectories, proposal),
                ("the students' update", update_metrics),
                ("the cycle", {"updated": did_update}),
                (f"the curriculum {type(self.curriculum).__name__}", curriculum_metrics),
                *self._level_metrics(proposal),
            ]
        )

    def _episode_metrics(self, trajectories: Any, proposal: Proposal) -> list[tuple[str, Metrics]]:
        dones = trajectories.terminated | trajectories.truncated
        statistics = jax.vmap(
            functools.partial(EpisodeStatistics.of, max_episode_steps=self.env.max_episode_steps)
        )(trajectories.rewards, dones, trajectories.successes)
        groups = self._repeat_for_trials(proposal.groups or {})
        parts = [
            ("the episodes", statistics.summary()),
            ("the episodes of groups of levels", group_metrics(statistics, groups)),
        ]
        if self.num_students > 1:
            parts.append(("the episodes of each student", student_metrics(statistics)))
        return parts

    def _level_metrics(self, proposal: Proposal) -> list[tuple[str, Metrics]]:
        if not self.track_level_metrics:
            return []
        metrics = level_metrics(self.env, proposal.levels, proposal.groups)
        return [(f"the levels of {type(self.env).__name__}", metrics)]


@functools.partial(quick_jit, donate="all")
def run(runner: Runner, num_cycles: int) -> tuple[Runner, Metrics]:
    """Runs cycles as one compiled program; metrics come with a leading axis `cycle`.

    The runner given is consumed: its memory is reused for the one returned. `num_cycles` is part of
    the program; another value compiles again.

    Raises `ValueError` for stacked runners, which `run_members` runs, for one that was consumed
    before, and for a negative `num_cycles`.
    """
    if num_cycles < 0:
        raise ValueError(f"run: num_cycles is {num_cycles}; it must not be negative.")
    result = filter_scan(lambda runner, _: runner.step(), runner, None, num_cycles)
    # Once more: XLA may have split a part of the loop's result, and the next call wants it whole.
    return replicate(result, runner.mesh)


def _warn_if_failures_never_end(num_steps: int, max_episode_steps: int) -> None:
    if num_steps < max_episode_steps:
        warnings.warn(
            f"num_steps is {num_steps}, less than the environment's max_episode_steps of "
            f"{max_episode_steps}: failures that take the whole time limit never end in a cycle, "
            "so success rates are not measured (NaN), and learnability, regret and other scores "
            "are meaningless, since levels that are not solved are never scored; raise num_steps "
            f"to at least {max_episode_steps}, or lower max_episode_steps.",
            # The frames above belong to the type checker, if that is on.
            stacklevel=1,
        )


def _check_levels(env: AbstractEnv, curriculum: AbstractCurriculum) -> None:
    spec = env.level_spec()
    proposal = _proposal_spec(curriculum)
    expected = jax.tree.map(lambda s: (curriculum.num_levels, *s.shape), spec)
    proposed = jax.tree.map(lambda s: s.shape, proposal.levels)
    same_structure = jax.tree.structure(spec) == jax.tree.structure(proposal.levels)
    if not same_structure or expected != proposed:
        raise ValueError(
            f"The curriculum {type(curriculum).__name__} proposes levels that the environment "
            f"{type(env).__name__} cannot play: expected {expected} and got {proposed}. Check that "
            "the generator has the environment's size."
        )


def _proposal_spec(curriculum: AbstractCurriculum) -> Proposal:
    # Not `jax.eval_shape`: a curriculum may hold things that are not arrays, as `eqx.nn` layers do.
    return eqx.filter_eval_shape(
        lambda curriculum, key: curriculum.propose(key)[1], curriculum, jax.random.key(0)
    )


def _metrics_without_play(runner: Runner) -> Metrics:
    """The metrics of a cycle but those of the update, traced from what a play would give.

    Tracing plays and updates too would take longer than all else that makes a runner.
    """
    propose_key, learn_key = jax.random.split(runner.key)
    curriculum, proposal = runner.curriculum.propose(propose_key)
    num_plays = runner.curriculum.num_levels * runner.num_trials
    shape = (runner.num_students, runner.num_steps, num_plays)
    values = jnp.zeros((*shape, num_value_heads(runner.env, runner.students)), jnp.float32)
    never = jnp.zeros(shape, bool)
    trajectories = types.SimpleNamespace(
        observations=jax.tree.map(
            lambda s: jnp.zeros((*shape, *s.shape), s.dtype), runner.env.observation_spec()
        ),
        actions=jnp.zeros(shape, jnp.int32),
        rewards=jnp.zeros(shape, jnp.float32),
        terminated=never,
        truncated=never,
        successes=never,
        values=values,
    )
    evidence = runner._evidence(trajectories, types.SimpleNamespace(advantages=values))
    _, measured = curriculum.learn(proposal, evidence, key=learn_key)
    return runner._metrics(proposal, trajectories, {}, measured)


def _with_distinct_buffers(runner: Runner) -> Runner:
    """Donation frees every array once, so no two leaves may be the same array."""
    return jax.tree.map(lambda x: jnp.array(x, copy=True) if eqx.is_array(x) else x, runner)
