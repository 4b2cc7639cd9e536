"""The training cycle: propose levels, play them, learn from them."""

import dataclasses
import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Int, Key, PyTree

from .._compile import check_not_consumed, check_switches, quick_jit
from .._control_flow import filter_scan, filter_update_if
from .._mesh import check_shares, levels_over, num_shares, on_one_device, replicate, split_levels
from ..agents import AbstractAgent, over_students
from ..curricula import AbstractCurriculum, Evidence, Proposal
from ..envs import AbstractEnv
from ..rollouts import rollout
from ._episodes import EpisodeStatistics
from ._metrics import Metrics, group_metrics, level_metrics, student_metrics
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
        the curriculum cannot learn from so many students, trials or value heads, the devices cannot
        share the levels equally, or JAX is set to stop at the first NaN or infinity.
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
        metrics = self._episode_metrics(trajectories, proposal)
        metrics |= {name: jnp.mean(value) for name, value in update_metrics.items()}
        metrics["updated"] = jnp.ones(()) if updated is None else updated.astype(jnp.float32)
        metrics |= curriculum_metrics
        if self.track_level_metrics:
            metrics |= level_metrics(self.env, proposal.levels, proposal.groups)
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

    def _episode_metrics(self, trajectories: Any, proposal: Proposal) -> Metrics:
        dones = trajectories.terminated | trajectories.truncated
        statistics = jax.vmap(EpisodeStatistics.of)(
            trajectories.rewards, dones, trajectories.successes
        )
        groups = self._repeat_for_trials(proposal.groups or {})
        metrics = statistics.summary() | group_metrics(statistics, groups)
        return metrics | student_metrics(statistics) if self.num_students > 1 else metrics


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
    return jax.eval_shape(
        lambda curriculum, key: curriculum.propose(key), curriculum, jax.random.key(0)
    )[1]


def _with_distinct_buffers(runner: Runner) -> Runner:
    """Donation frees every array once, so no two leaves may be the same array."""
    return jax.tree.map(lambda x: jnp.array(x, copy=True) if eqx.is_array(x) else x, runner)
