"""Every adapter: it keeps the rules, plays as its package does, and trains and resumes.

Each has a file in `cases`, and is skipped where its package is missing.
"""

import dataclasses
import json
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx import Experiment, Runner, resume, train
from minimax_eqx._composition._draft import draft_of, options_of
from minimax_eqx._composition._parts import Parts, help_of
from minimax_eqx._composition._plain import from_plain, to_plain
from minimax_eqx.agents import PPO
from minimax_eqx.cli._main import main
from minimax_eqx.curricula import LevelReplay, Sequential
from minimax_eqx.envs import check_env
from minimax_eqx.experiment import WriteReport
from minimax_eqx.nets import ActorCritic, MLPHead
from minimax_eqx.recipes import small
from minimax_eqx.recipes._known import ADAPTED
from minimax_eqx.runners import Evaluation, Schedule

from ...states import assert_same_state

# jax2d 1.0.1, which pip takes for Kinetix, calls jnp.clip in a way that JAX will drop.
pytestmark = pytest.mark.filterwarnings("ignore:Passing arguments 'a':DeprecationWarning")

NAMES = sorted(
    file.stem
    for file in (pathlib.Path(__file__).parent / "cases").glob("*.py")
    if file.stem != "__init__"
)


# It takes half a minute to compile a step of theirs.
SLOW_TO_COMPILE = ("craftax", "kinetix")


def slow_ones(names):
    """The names, with a mark on those of adapters that are slow to compile."""
    return [
        pytest.param(name, marks=pytest.mark.slow) if name.startswith(SLOW_TO_COMPILE) else name
        for name in names
    ]


@pytest.fixture(autouse=True)
def as_other_packages_want_it():
    """They mix types and ranks, which this project's other tests don't let pass."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(scope="module", params=slow_ones(NAMES))
def case(request):
    module = pytest.importorskip(f"{__package__}.cases.{request.param}", exc_type=ImportError)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return module.case()


@pytest.mark.slow
def test_an_adapter_keeps_the_rules_of_environments(case):
    check_env(case.env, case.generator, mutator=case.mutator)


def test_random_trajectories_are_those_of_the_package(case):
    env, spec = case.env, case.env.action_spec()

    def play(key):
        level_key, start_key, scan_key = jax.random.split(key, 3)
        level = case.generator.sample(env.level_spec(), key=level_key)
        world = env.load(level)

        def step(carry, key):
            ours, theirs, is_over = carry
            action_key, step_key = jax.random.split(key)
            action = spec.sample(action_key)
            taken = env.step(world, ours, action, key=step_key)
            theirs, seen, reward, done = case.step(level, theirs, action, step_key)
            done = jnp.asarray(done, bool)
            difference = jnp.maximum(
                farthest(taken.reward, reward), jnp.where(taken.done == done, 0, jnp.inf)
            )
            # At the end the package may have begun anew.
            at_sight = farthest(env.observe(world, taken.state), seen)
            difference = jnp.maximum(difference, jnp.where(done, 0, at_sight))
            after = taken.state, theirs, is_over | taken.done
            return after, jnp.where(is_over, 0, difference)

        start = env.reset(world, key=start_key)
        theirs = same_types(lambda state: step((start, state, False), scan_key)[0][1],
                            case.start(level, start_key))  # fmt: skip
        begun = start, theirs, jnp.zeros((), bool)
        (_, _, is_over), differences = jax.lax.scan(
            step, begun, jax.random.split(scan_key, case.num_steps)
        )
        return is_over, differences

    keys = jax.random.split(jax.random.key(0), case.num_trajectories)
    ended, differences = jax.jit(jax.vmap(play))(keys)
    assert np.any(ended)
    np.testing.assert_allclose(differences, 0, atol=1e-6)


def farthest(ours, theirs):
    """How far two observations are apart, as a share of their size where that is above 1."""

    def distance(one, other):
        one, other = jnp.asarray(one, jnp.float32), jnp.asarray(other, jnp.float32)
        return jnp.max(jnp.abs(one - other) / jnp.maximum(jnp.abs(other), 1), initial=0)

    leaves = jax.tree.leaves(jax.tree.map(distance, ours, theirs))
    return jnp.max(jnp.stack(leaves))


def same_types(step, state):
    """A package's first state with the types of its later ones, which a scan asks for."""
    later = jax.eval_shape(step, state)
    return jax.tree.map(lambda leaf, like: jnp.asarray(leaf, like.dtype), state, later)


@pytest.mark.slow
def test_it_trains_by_level_replay_goes_on_bit_for_bit_and_is_reported(case, tmp_path):
    experiment = Experiment(
        env=case.env,
        student=PPO(ActorCritic(case.encoder, head=MLPHead(8)), num_epochs=1),
        curriculum=LevelReplay(
            case.generator,
            num_levels=2,
            capacity=4,
            min_fill_ratio=0.1,
            schedule=Sequential(replay_prob=0.9),
            mutator=case.mutator,
        ),
        num_steps=case.num_steps,
        schedule=Schedule(num_updates=2, log_every=1, checkpoint_every=1),
        evaluation=Evaluation(case.suite, num_episodes=1, unseen=case.generator),
    )
    straight = train(experiment, tmp_path / "straight", hooks=[WriteReport()])
    first = dataclasses.replace(experiment.schedule, num_updates=1)
    train(dataclasses.replace(experiment, schedule=first), tmp_path / "run", hooks=[])
    resumed = resume(tmp_path / "run", num_updates=2, hooks=[])
    assert_same_state(resumed.runner, straight.runner)
    names = case.suite.panels(case.env) if case.suite else ()
    assert set(straight.folder.evaluation()["held_out"]) == set(names)
    page = (tmp_path / "straight" / "report.html").read_text()
    is_drawn = case.env.artist() is not None
    assert ("no artist" in page) != is_drawn


@pytest.mark.parametrize("name", slow_ones(ADAPTED))
def test_its_recipes_can_be_written_down_and_run_or_say_what_to_install(name, capsys):
    try:
        e = ADAPTED[name]()
    except ImportError:
        assert main(["train", name]) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ")
        assert "pip install 'minimax_eqx[" in line
        return
    assert from_plain(json.loads(json.dumps(to_plain(e))), Experiment, Parts()) == e
    for option in options_of(draft_of(e)):
        text = help_of(option.draft.cls).get(option.field.name, "")
        assert text.endswith("."), f"{option.path} of {option.draft.cls.__name__}"
    eqx.filter_eval_shape(Runner.create, small(e), key=jax.random.key(0))
