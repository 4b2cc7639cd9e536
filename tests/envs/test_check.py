"""`check_env` accepts what keeps the rules, and names the rule that is broken."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from minimax_eqx.envs import (
    AbstractDesign,
    AbstractLevelGenerator,
    AbstractLevelMutator,
    Discrete,
    Maze,
    check_env,
    strong,
)
from minimax_eqx.envs._check_fields import EnvCheckError
from minimax_eqx.envs.maze import MazeDesign, MazeEdits, MemoryMaze, RandomMemory, RandomWalls
from minimax_eqx.envs.maze._editor import MazeEditor

from .counters import (
    ZERO,
    Buttons,
    Continuous,
    Counter,
    DrawsItsOwnTarget,
    Either,
    FieldsThatAreNoArrays,
    FromStart,
    Level,
    MaskedCounter,
    Solved,
    Starts,
    State,
    Unequal,
    UnequalField,
    UnequalLeaf,
    UniformTarget,
    begin_anew,
    branch_in_python,
    change_the_state,
    count_the_calls,
    look_whether_it_is_compiled,
    refuse_all,
    refuse_to_be_batched,
    with_method,
    with_state,
    with_step,
)

BROKEN = {
    "counts": [
        Counter(max_episode_steps=0),
        Counter(max_episode_steps=True),
        Counter(max_episode_steps=6.0),
    ],
    "action_spec": [
        with_method(action_spec=lambda self: 2),
        with_method(action_spec=lambda self: Either(Discrete(2).check, Unequal())),
        with_method(action_spec=lambda self: Either(lambda action: None)),
        with_method(action_spec=lambda self: Either(refuse_all)),
        with_method(action_spec=lambda self: Discrete(2, masked=True)),
        MaskedCounter(start_is_possible=False),
    ],
    "compiles_once": [UnequalField(), UnequalLeaf()],
    "runs": [
        with_method(load=lambda self, level: 1 / 0),
    ],
    "leaves": [
        with_method(reset=lambda self, world, *, key: State(ZERO, 0)),
        with_method(observe=lambda self, world, state: 0.0),
    ],
    "level_spec": [
        with_method(level_spec=lambda self: jax.ShapeDtypeStruct((), jnp.int32)),
        with_method(level_spec=lambda self: Level(jax.ShapeDtypeStruct((1,), jnp.int32))),
    ],
    "observation_spec": [
        with_method(observation_spec=lambda self: jax.ShapeDtypeStruct((2,), jnp.float32)),
        with_method(observation_spec=lambda self: jax.ShapeDtypeStruct((1,), jnp.uint8)),
    ],
    "level_metrics": [
        with_method(level_metrics=lambda self, level: {"target": level.target}),
        with_method(level_metrics=lambda self, level: {"target": jnp.array(jnp.nan)}),
        with_method(level_metrics=lambda self, level: {"passable": jnp.array(0.5)}),
    ],
    "time_step": [
        with_step(reward=lambda step: step.reward[None]),
        with_step(reward=lambda step: step.reward.astype(jnp.float16)),
        with_step(terminated=lambda step: step.terminated.astype(jnp.int32)),
        with_step(success=lambda step: step.success[None]),
    ],
    "stable_state": [
        with_state(lambda state: State(state.count[None], state.time)),
        with_state(lambda state: State(state.count.astype(jnp.float32), state.time)),
        with_state(lambda state: State(jnp.asarray(3), state.time)),
        with_state(lambda state: (state.count, state.time)),
    ],
    "pure": [with_method(step=change_the_state)],
    "deterministic": [with_method(observe=count_the_calls)],
    "jit": [
        with_method(reset=branch_in_python),
        with_method(reset=look_whether_it_is_compiled),
    ],
    "vmap": [with_method(observe=refuse_to_be_batched)],
    "finite_reward": [
        with_step(reward=lambda step: jnp.where(step.state.count == 1, jnp.nan, 0.0))
    ],
    "success_ends": [
        with_step(terminated=lambda step: step.terminated & False),
    ],
    "time_limit": [with_step(truncated=lambda step: step.truncated & False)],
    "truncated": [
        with_step(
            terminated=lambda step: step.terminated | step.truncated,
            truncated=lambda step: step.truncated & False,
        ),
        # Only who always counts up gets so far.
        with_step(
            terminated=lambda step: (step.state.count < 0) | (step.state.time >= 6),
            truncated=lambda step: step.truncated & False,
            success=lambda step: step.success & False,
            reward=lambda step: step.reward * 0,
        ),
    ],
    "no_reset": [with_method(step=begin_anew)],
    "keeps_level": [DrawsItsOwnTarget(), FromStart(keeps_target=False)],
    "optimal_return": [Solved(optimum=0.5), Solved(optimum=float("inf"))],
}
"""Environments that break exactly one rule, by the rule's name."""


def test_an_environment_that_keeps_the_rules_passes():
    check_env(Counter(), UniformTarget(), key=jax.random.key(1), num_steps=10)


@pytest.mark.parametrize(
    ("env", "generator", "parts"),
    [
        (
            Maze(height=4, width=6, max_episode_steps=20),
            RandomWalls(num_walls=6),
            {"mutator": MazeEdits(2), "design": MazeDesign(num_walls=2, noise_dim=2)},
        ),
        (
            Maze(
                height=4,
                width=6,
                view_size=3,
                max_episode_steps=10,
                see_agent=True,
                see_through_walls=False,
                include_position=True,
            ),
            RandomWalls(num_walls=6),
            {},
        ),
        (MemoryMaze(), RandomMemory(), {}),
    ],
)
def test_the_mazes_keep_the_rules(env, generator, parts):
    check_env(env, generator, **parts)


@pytest.mark.parametrize(
    ("rule", "env"), [(rule, env) for rule, envs in BROKEN.items() for env in envs]
)
def test_a_broken_rule_is_named(rule, env):
    with pytest.raises(EnvCheckError) as caught:
        check_env(env, Starts() if isinstance(env, FromStart) else UniformTarget())
    assert caught.value.rule == rule, str(caught.value)
    assert str(caught.value).startswith(f"[{rule}] ")


class WeakTarget(AbstractLevelGenerator[Level]):
    def sample(self, level, *, key):
        return Level(jnp.asarray(2))


@pytest.mark.parametrize(
    ("env", "generator"),
    [
        (with_method(reset=lambda self, world, *, key: State(ZERO, 0)), UniformTarget()),
        (with_state(lambda state: State(jnp.asarray(3), state.time)), UniformTarget()),
        (Counter(), WeakTarget()),
    ],
)
def test_python_numbers_are_to_be_made_strong(env, generator):
    with pytest.raises(EnvCheckError, match=r"through `minimax_eqx\.envs\.strong`"):
        check_env(env, generator)
    assert strong(State(ZERO, 0)).time.dtype == jnp.int32


def test_levels_that_are_states_may_start_anywhere_else():
    check_env(FromStart(), Starts())


def test_every_rule_of_the_documentation_has_a_test():
    for rule in BROKEN:
        assert f"`{rule}`" in check_env.__doc__
    documented = check_env.__doc__.split("The rules, by name:")[1]
    names = {line.split("`")[i] for line in documented.splitlines() if line.strip().startswith("-")
             for i in range(1, len(line.split(":")[0].split("`")), 2)}  # fmt: skip
    assert names == set(BROKEN)


def test_layers_and_functions_may_be_fields():
    check_env(FieldsThatAreNoArrays(), UniformTarget())


class LearnedTarget(AbstractLevelGenerator[Level]):
    mlp: eqx.nn.MLP

    def sample(self, level, *, key):
        del level
        target = self.mlp(jax.random.normal(key, (2,)))
        return Level(jnp.clip(target, 1, 3).astype(jnp.int32))


class LearnedEdit(AbstractLevelMutator[Level]):
    mlp: eqx.nn.MLP

    def mutate(self, level, *, key):
        inputs = jnp.stack([level.target.astype(jnp.float32), jax.random.normal(key)])
        return Level(jnp.clip(self.mlp(inputs), 1, 3).astype(jnp.int32))


def test_a_generator_and_a_mutator_may_hold_a_network():
    mlp = eqx.nn.MLP(2, "scalar", 4, 1, key=jax.random.key(0))
    check_env(Counter(), LearnedTarget(mlp), mutator=LearnedEdit(mlp))


@pytest.mark.parametrize("env", [MaskedCounter(), Continuous(), Buttons(), Solved()])
def test_actions_of_every_kind_are_played(env):
    check_env(env, UniformTarget())


class Widens(AbstractLevelMutator[Level]):
    def mutate(self, level, *, key):
        return Level(level.target[None])


class ForAnotherSize(AbstractDesign):
    def editor(self, level):
        return MazeEditor(3, 3, MazeDesign(num_walls=3))


def test_an_edited_or_designed_level_of_another_structure_is_refused():
    with pytest.raises(EnvCheckError, match=r"\[level_spec\] mutator.mutate gives int32\[1\]"):
        check_env(Counter(), UniformTarget(), mutator=Widens())
    maze = Maze(height=4, width=4, max_episode_steps=9)
    with pytest.raises(EnvCheckError, match=r"\[level_spec\] editor.level gives bool\[3,3\]"):
        check_env(maze, RandomWalls(3), design=ForAnotherSize())


def test_an_environment_is_not_checked_where_nothing_is_compiled():
    with jax.disable_jit(), pytest.raises(RuntimeError, match="set JAX_DISABLE_JIT=0"):
        check_env(Counter(), UniformTarget())


def test_a_generator_of_other_levels_is_refused():
    with pytest.raises(EnvCheckError, match=r"\[level_spec\]"):
        check_env(Maze(height=5, width=5), UniformTarget())


def test_batches_are_compared_by_a_generator_that_allows_it():
    with pytest.raises(ValueError, match="key is of JAX's generator rbg"):
        check_env(Counter(), UniformTarget(), key=jax.random.key(0, impl="rbg"))
    with jax.default_prng_impl("rbg"):
        check_env(Counter(), UniformTarget())


def with_limit(env, max_episode_steps):
    return eqx.tree_at(lambda env: env.max_episode_steps, env, max_episode_steps)


def test_nobody_plays_to_a_time_limit_that_no_episode_reaches():
    dies_soon = with_step(terminated=lambda step: step.terminated | (step.state.time == 5))
    check_env(with_limit(dies_soon, 10**9), UniformTarget())


def test_a_long_episode_that_is_not_over_at_its_time_limit_is_refused():
    never_ends = with_step(
        terminated=lambda step: step.terminated & False,
        truncated=lambda step: step.truncated & False,
        success=lambda step: step.success & False,
    )
    with pytest.raises(EnvCheckError, match=r"\[time_limit\] .* max_episode_steps = 9000 steps"):
        check_env(with_limit(never_ends, 9_000), UniformTarget())


def test_the_number_of_steps_is_positive():
    with pytest.raises(ValueError, match="num_steps is 0"):
        check_env(Counter(), UniformTarget(), num_steps=0)
