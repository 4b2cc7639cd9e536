"""What metrics say where something was not measured, and that no two have one name."""

import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import Runner, run
from minimax_eqx._metrics import join_metrics
from minimax_eqx.curricula import AbstractCurriculum, LevelReplay, Proposal
from minimax_eqx.envs.maze import MazeLevel
from minimax_eqx.envs.maze._level import stack_levels
from minimax_eqx.runners._metrics import episode_metrics, level_metrics
from minimax_eqx.scores import PopulationRegret

from ..evidence import make_evidence, one_play
from ..small import ENV, GENERATOR, make_experiment, make_runner, sample_levels

# Cycles shorter than the time limit.

SHORT = ENV.max_episode_steps - 1


def warnings_of(function):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    return [str(warning.message) for warning in caught if "num_steps" in str(warning.message)]


def test_a_cycle_too_short_for_failures_is_warned_of_once_when_the_runner_is_made(getkey):
    short, long, in_parts, short_in_parts = (
        make_experiment(num_steps=steps, rollouts_per_play=times)
        for steps, times in ((SHORT, 1), (ENV.max_episode_steps, 1), (4, 3), (4, 2))
    )
    key, keys = getkey(), jax.random.split(getkey(), 2)

    def make(key, experiment=short):
        return Runner.create(experiment, key=key)

    for making in (
        lambda: make(key),
        lambda: eqx.filter_eval_shape(make, key),
        lambda: eqx.filter_eval_shape(eqx.filter_vmap(make), keys),
    ):
        (message,) = warnings_of(making)
        assert "num_steps is 11, less than the environment's max_episode_steps of 12" in message
        assert "success rates are not measured" in message

    def traced(experiment):
        return warnings_of(lambda: eqx.filter_eval_shape(lambda key: make(key, experiment), key))

    assert traced(long) == traced(in_parts) == []
    (message,) = traced(short_in_parts)
    assert "num_steps is 4 and rollouts_per_play 2, which makes 8, less than" in message
    assert "at least 6, or rollouts_per_play to 3," in message


@pytest.mark.filterwarnings("ignore:num_steps")
def test_running_a_short_cycle_warns_no_more(getkey):
    runner = make_runner(getkey(), num_steps=SHORT)
    assert warnings_of(lambda: eqx.filter_eval_shape(lambda runner: runner.step(), runner)) == []


@pytest.mark.filterwarnings("ignore:num_steps")
def test_success_is_not_measured_where_failures_never_end(getkey):
    curriculum = LevelReplay(GENERATOR, PopulationRegret(), num_levels=8, capacity=16)
    runner = make_runner(
        getkey(), curriculum=curriculum, num_students=2, num_steps=SHORT, core="feedforward"
    )
    metrics = {name: np.asarray(value) for name, value in run(runner, 2)[1].items()}
    rates = [name for name in metrics if name.endswith("success_rate")]
    assert {"success_rate", "new_success_rate", "student1_success_rate"} <= set(rates)
    assert all(np.isnan(metrics[name]).all() for name in rates)


def all_episodes(evidence, max_episode_steps=1, groups=None):
    return join_metrics(episode_metrics(evidence, max_episode_steps, groups))


def test_success_is_measured_from_plays_as_long_as_the_time_limit_on():
    evidence = one_play([1, 1, 1], [False, True, False], successes=[False, True, False])
    for max_episode_steps, expected in ((2, 1.0), (3, 1.0), (4, np.nan)):
        metrics = all_episodes(evidence, max_episode_steps)
        np.testing.assert_array_equal(metrics["success_rate"], expected)
        assert metrics["return"] == 2


def test_where_no_episode_finished_nothing_is_measured():
    metrics = all_episodes(one_play([1, 1], [False, False]), groups={"new": jnp.array([True])})
    assert metrics.pop("num_episodes") == 0
    assert set(metrics) == {
        *("return", "success_rate", "episode_length", "new_return", "new_success_rate"),
    }
    assert all(np.isnan(value) for value in metrics.values())


def test_every_play_that_finished_an_episode_counts_once_in_all_metrics():
    """Two students on three levels: quick successes, one slow episode, and nothing finished."""
    dones = jnp.array([[1, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]], bool).T[None, ..., None]
    rewards = jnp.array([[2, 1, 3, 9], [1, 1, 1, 9], [9, 9, 9, 9]], jnp.float32).T[None, ..., None]
    both = lambda one, other: jnp.concatenate([one, other])  # noqa: E731
    evidence = make_evidence(
        both(rewards, 2 * rewards),
        both(dones, dones),
        successes=both(dones, jnp.zeros_like(dones)),
    )
    groups = {"quick": jnp.array([True, False, False]), "open": jnp.array([False, False, True])}
    metrics = all_episodes(evidence, groups=groups)
    assert metrics.pop("num_episodes") == 6
    assert np.isnan(metrics.pop("open_return"))
    assert np.isnan(metrics.pop("open_success_rate"))
    assert metrics == {
        "return": (3 + 3 + 6 + 6) / 4,
        "success_rate": 0.5,
        "episode_length": (1.5 + 3) / 2,
        "quick_return": (3 + 6) / 2,
        "quick_success_rate": 0.5,
        "student0_return": 3,
        "student0_success_rate": 1,
        "student1_return": 6,
        "student1_success_rate": 0,
    }


def test_without_a_passable_level_nothing_else_is_measured_of_levels():
    closed = MazeLevel.from_ascii(
        """
        >.#...
        ..#..G
        ..#...
        ..#...
        ..#...
        """
    )
    means = level_metrics(ENV, stack_levels([closed, closed]))
    assert means.pop("passable") == 0
    assert means
    assert all(np.isnan(value) for value in means.values())


# Names.


class Named(AbstractCurriculum):
    """Measures something by the name that it is given."""

    name: str
    group: str = "all"

    @property
    def levels_per_cycle(self):
        return 2

    def init(self, evidence, *, key):
        return None

    def propose(self, state, *, key):
        return state, Proposal(sample_levels(key, 2), groups={self.group: jnp.ones(2, bool)})

    def learn(self, state, proposal, evidence, *, key):
        return state, {self.name: jnp.zeros(())}


def named(curriculum, **options):
    return make_experiment(curriculum=curriculum, core="feedforward", **options)


@pytest.mark.parametrize(
    ("name", "producer"),
    [
        ("return", "the episodes"),
        ("all_success_rate", "the episodes of groups of levels"),
        ("student1_return", "the episodes of each student"),
        ("updated", "the cycle"),
        ("num_walls", "the levels of Maze"),
        ("all_passable", "the levels of Maze"),
    ],
)
def test_a_metric_with_the_name_of_another_one_is_refused_when_the_runner_is_made(
    name, producer, getkey
):
    with pytest.raises(ValueError, match=f"name '{name}'") as error:
        Runner.create(named(Named(name), num_students=2), key=getkey())
    assert producer in str(error.value)
    assert "the curriculum Named" in str(error.value)


def test_a_metric_with_the_name_of_the_update_s_is_refused_when_the_cycle_is_traced(getkey):
    runner = Runner.create(named(Named("loss")), key=getkey())
    with pytest.raises(
        ValueError, match=r"name 'loss'.*the students' update.*the curriculum Named"
    ):
        eqx.filter_eval_shape(lambda runner: runner.step(), runner)


@pytest.mark.parametrize("name", ["return", "loss"])
def test_inside_another_program_names_are_checked_when_the_cycle_is_traced(name, getkey):
    def make_and_step(key):
        return Runner.create(named(Named(name)), key=key).step()[1]

    with pytest.raises(ValueError, match=f"name '{name}'"):
        eqx.filter_eval_shape(make_and_step, getkey())


def test_a_group_of_levels_cannot_be_named_like_a_student(getkey):
    experiment = named(Named("own", group="student0"), num_students=2)
    with pytest.raises(ValueError, match="name 'student0_return'"):
        Runner.create(experiment, key=getkey())


def test_metrics_of_different_names_are_all_there():
    one, other = {"a": jnp.zeros(())}, {"b": jnp.ones(())}
    assert join_metrics([("one", one), ("other", other)]) == one | other
    with pytest.raises(ValueError, match="'a': one of one, and one of another"):
        join_metrics([("one", one), ("another", one)])
