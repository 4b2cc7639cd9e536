"""The training cycle: propose levels, play them, learn from them."""

import dataclasses
import functools
import pathlib
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.sharding import Mesh
from jaxtyping import Array, Int, Key

from .._metrics import Metrics
from .._notebook import composition, framed, heading, is_readable, never_fails
from .._types import PyTree
from .._xla._compile import check_not_consumed, check_switches, quick_jit
from .._xla._filtered import filter_scan
from .._xla._mesh import (
    check_shares,
    levels_over,
    num_shares,
    on_one_device,
    replicate,
)
from ..agents import Agent
from ..agents._population import population
from ..curricula import AbstractCurriculum, Proposal
from ..curricula._fit import LevelsError
from ..envs import AbstractEnv
from ..rollouts import Evidence
from ._arrays import as_arrays, as_written
from ._evidence import evidence_spec
from ._experiment import Experiment
from ._metrics import cycle_metrics
from ._play import Cycle
from ._saving import load, save


class Runner(eqx.Module):
    """An experiment and what became of it so far. The module is the whole training state.

    Make it with `Runner.create`. `students` has a leading axis `student`. One `step` is one cycle.
    """

    experiment: Experiment
    """The composition, whose numbers are arrays now."""
    students: Agent
    """The students, with a leading axis `student`."""
    curriculum_state: PyTree
    """What the curriculum has learned so far."""
    key: Key[Array, ""]
    """Where the random numbers of the next cycle come from."""
    num_cycles: Int[Array, ""]
    """How many cycles were made."""
    mesh: Mesh | None = eqx.field(static=True, default=None)
    """The devices that share the levels of a cycle; None is one device."""

    @classmethod
    def create(
        cls, experiment: Experiment, *, mesh: Mesh | None = None, key: Key[Array, ""]
    ) -> "Runner":
        """Makes the students and the curriculum's state, and checks that all parts fit.

        `mesh` holds the devices that share the levels of a cycle, see `level_mesh`; None is for one
        device. Every float of the experiment becomes an array, so that runners that differ only in
        those share one compiled program, and `eqx.filter_vmap` over this method makes a sweep.

        Raises `ValueError` if the curriculum's levels are not those of the environment, the
        students cannot read its observations or do not choose its actions, the curriculum cannot
        learn from the evidence that there will be, two metrics have one name, the devices cannot
        share the levels equally, or JAX is set to stop at the first NaN or infinity. Warns if a
        play has fewer steps than the environment's time limit: failures then never end, and the
        metric `success_rate` is NaN.
        """
        check_switches()
        student_key, curriculum_key, run_key = jax.random.split(key, 3)
        experiment = as_arrays(experiment)
        env, curriculum = experiment.env, experiment.curriculum
        _warn_if_failures_never_end(experiment)
        students = population(
            experiment.student,
            experiment.num_students,
            env.observation_spec(),
            env.action_spec(),
            key=student_key,
        )
        evidence = evidence_spec(experiment, students)
        try:
            state = curriculum.init(evidence, key=curriculum_key)
        except LevelsError as error:
            raise ValueError(error.of(env)) from error
        proposal = _proposal_spec(curriculum, state)
        _check_levels(env, curriculum, proposal)
        num_update_levels = proposal.num_update_levels or curriculum.levels_per_cycle
        experiment.student.check(
            students, experiment.num_steps, num_update_levels * experiment.num_trials
        )
        runner = cls(
            experiment=experiment,
            students=students,
            curriculum_state=state,
            key=run_key,
            num_cycles=jnp.zeros((), jnp.int32),
        )
        # Inside another program, as `experiment.start` makes it, the cycle's own trace says it.
        if not isinstance(key, Tracer):
            eqx.filter_eval_shape(_metrics_without_play, runner, evidence)
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
            curriculum = self.experiment.curriculum
            to_learn_from = _proposal_spec(curriculum, self.curriculum_state).num_update_levels
            if to_learn_from is not None:
                check_shares("levels to learn from", to_learn_from, num_devices)
            check_shares("levels", curriculum.levels_per_cycle, num_devices)
        moved = replicate(on_one_device(self), mesh)
        return dataclasses.replace(moved, mesh=mesh)

    def save(self, path: pathlib.Path | str) -> None:
        """Writes the arrays of this runner, or of stacked ones, into a file for `load`.

        Raises `OSError`, naming the file, if it cannot be written, and `ValueError` if the runner
        was consumed.
        """
        check_not_consumed("save", self)
        save(path, self)

    def load(self, path: pathlib.Path | str) -> "Runner":
        """The runner in a file that `save` wrote, if it is of the same composition as this one.

        Of this one shapes are read alone, so it may have been consumed. Raises `ValueError` if the
        file is missing, damaged, or does not fit.
        """
        return load(path, self)

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
        """The experiment as it was written, and how far it is; `equinox.tree_pprint` prints the
        whole tree."""
        experiment = as_written(self.experiment)
        cycles = as_written(self.num_cycles)
        return eqx.tree_pformat(_Shown(experiment, cycles, self.mesh)).replace("_Shown", "Runner")

    @never_fails
    def _repr_html_(self) -> str | None:
        """How far the runner is, and its experiment, folded, for a notebook."""
        if not is_readable((self.num_cycles, self.students.num_updates)) or self.num_cycles.ndim:
            return None
        experiment, cycles = self.experiment, int(self.num_cycles)
        far = f"Runner after {cycles:,} cycles, {int(self.students.num_updates[0]):,} updates and "
        far += f"{cycles * experiment.transitions_per_cycle:,} environment steps"
        return framed(heading(far), composition(as_written(experiment), is_open=False))

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
        experiment, curriculum = self.experiment, self.experiment.curriculum
        next_key, *keys = jax.random.split(self.key, 5)
        propose_key, play_key, update_key, learn_key = keys
        state, proposal = curriculum.propose(self.curriculum_state, key=propose_key)
        cycle = Cycle(experiment, state, proposal)
        students, evidence, update_metrics = cycle.play_and_update(
            self.students, play_key=play_key, update_key=update_key
        )
        state, curriculum_metrics = curriculum.learn(state, proposal, evidence, key=learn_key)
        metrics = cycle_metrics(experiment, proposal, evidence, update_metrics, curriculum_metrics)
        runner = eqx.tree_at(
            lambda runner: (
                runner.students,
                runner.curriculum_state,
                runner.key,
                runner.num_cycles,
            ),
            self,
            (students, state, next_key, self.num_cycles + 1),
            is_leaf=lambda node: node is None,
        )
        return runner, metrics


class _Shown(eqx.Module):
    """What is printed of a runner."""

    experiment: Experiment
    num_cycles: Any
    mesh: Mesh | None = None


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


def _warn_if_failures_never_end(experiment: Experiment) -> None:
    num_steps, limit = experiment.num_steps, experiment.env.max_episode_steps
    if experiment.steps_per_play < limit:
        times = experiment.rollouts_per_play
        length = f"num_steps is {num_steps}"
        if times > 1:
            length += f" and rollouts_per_play {times}, which makes {experiment.steps_per_play}"
        warnings.warn(
            f"{length}, less than the environment's max_episode_steps of {limit}: failures that "
            "take the whole time limit never end in a cycle, so success rates are not measured "
            "(NaN), and learnability, regret and other scores are meaningless, since levels that "
            f"are not solved are never scored; raise num_steps to at least {-(-limit // times)}, "
            f"or rollouts_per_play to {-(-limit // num_steps)}, or lower max_episode_steps.",
            # The frames above belong to the type checker, if that is on.
            stacklevel=1,
        )


def _check_levels(env: AbstractEnv, curriculum: AbstractCurriculum, proposal: Proposal) -> None:
    spec = env.level_spec()
    expected = jax.tree.map(lambda s: (curriculum.levels_per_cycle, *s.shape), spec)
    proposed = jax.tree.map(lambda s: s.shape, proposal.levels)
    same_structure = jax.tree.structure(spec) == jax.tree.structure(proposal.levels)
    if not same_structure or expected != proposed:
        raise ValueError(
            f"The curriculum {type(curriculum).__name__} proposes levels that the environment "
            f"{type(env).__name__} cannot play: expected {expected} and got {proposed}. Its "
            "generator must make levels of the structure that it is given."
        )


def _proposal_spec(curriculum: AbstractCurriculum, state: PyTree) -> Proposal:
    # Not `jax.eval_shape`: a curriculum may hold things that are not arrays, as `eqx.nn` layers do.
    return eqx.filter_eval_shape(
        lambda state, key: curriculum.propose(state, key=key)[1], state, jax.random.key(0)
    )


def _metrics_without_play(runner: Runner, spec: Evidence) -> Metrics:
    """The metrics of a cycle but those of the update, traced from what a play would give.

    Tracing plays and updates too would take longer than all else that makes a runner.
    """
    experiment = runner.experiment
    propose_key, weights_key, learn_key = jax.random.split(runner.key, 3)
    state, proposal = experiment.curriculum.propose(runner.curriculum_state, key=propose_key)
    nothing = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), eqx.filter(spec, _is_struct))
    evidence = eqx.combine(nothing, spec)
    evidence = dataclasses.replace(evidence, levels=proposal.levels, students=runner.students)
    weights = experiment.curriculum.weights(state, proposal, evidence, key=weights_key)
    evidence = dataclasses.replace(evidence, weights=weights)
    _, measured = experiment.curriculum.learn(state, proposal, evidence, key=learn_key)
    return cycle_metrics(experiment, proposal, evidence, {}, measured)


def _is_struct(leaf: Any) -> bool:
    return isinstance(leaf, jax.ShapeDtypeStruct)


def _with_distinct_buffers(runner: Runner) -> Runner:
    """Donation frees every array once, so no two leaves may be the same array."""
    return jax.tree.map(lambda x: jnp.array(x, copy=True) if eqx.is_array(x) else x, runner)
