"""Seeds and settings of a sweep: each member is trained as it would be alone."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from minimax_eqx import Runner, run
from minimax_eqx.agents import Adam, OverSteps
from minimax_eqx.curricula import DomainRandomisation, LevelReplay, Sequential
from minimax_eqx.envs.maze._mutators import FlipWall
from minimax_eqx.nets import NoMemory
from minimax_eqx.runners import level_mesh, member, member_mesh, run_members

from ..small import GENERATOR, make_experiment, make_runner
from ..small_methods import experiment_of
from ..states import arrays, assert_close, assert_same_state

NUM_CYCLES = 6
RATES = jnp.array([1e-3, 1e-2, 1e-3, 1e-2])


def annealed(learning_rate):
    return Adam(learning_rate, final_learning_rate=1e-4, annealing=OverSteps(20))


def made(experiment, key):
    return Runner.create(eqx.tree_at(lambda e: e.track_level_metrics, experiment, False), key=key)


def domain_randomisation(key, learning_rate):
    # With 4 levels XLA's older way of making kernels, which is for tests alone, rounds one sum
    # in another order inside of a loop over members.
    curriculum = DomainRandomisation(GENERATOR, num_levels=8)
    return made(make_experiment(curriculum=curriculum, optimiser=annealed(learning_rate)), key)


def accel(key, learning_rate):
    curriculum = LevelReplay(
        GENERATOR, num_levels=4, capacity=8, schedule=Sequential(0.6), mutator=FlipWall()
    )
    # Two updates in a cycle, or none.
    options = {"num_steps": 8, "rollouts_per_play": 2, "core": "feedforward"}
    options["optimiser"] = annealed(learning_rate)
    return made(make_experiment(curriculum=curriculum, **options), key)


def paired(key, learning_rate):
    experiment = experiment_of("paired", core=NoMemory())
    rate = lambda e: e.student.optimiser.learning_rate  # noqa: E731
    return made(eqx.tree_at(rate, experiment, learning_rate), key)


# How members are run has most to do with conditionals, which these have.
IN_OTHER_WAYS = [pytest.param(name, marks=pytest.mark.slow) for name in ("accel", "paired")]
METHODS = {"dr": domain_randomisation, "accel": accel, "paired": paired}
MAKERS = {name: eqx.filter_jit(eqx.filter_vmap(make)) for name, make in METHODS.items()}


def stacked(method):
    """Four members: two seeds times two learning rates."""
    keys = jnp.repeat(jax.random.split(jax.random.key(9)), 2)
    return MAKERS[method](keys, RATES)


@functools.cache
def trained(method):
    """Members and metrics after some cycles on one device, one after another; not to be run on."""
    return run_members(stacked(method), NUM_CYCLES)


@eqx.filter_jit
def take(tree, order):
    return jax.tree.map(lambda x: x[order] if eqx.is_array(x) else x, tree)


def same(one, other):
    one, other = arrays(one), arrays(other)
    return all(one[name].tobytes() == other[name].tobytes() for name in one)


@pytest.mark.parametrize("method", ["dr", *IN_OTHER_WAYS])
def test_each_member_is_trained_as_it_would_be_alone_bit_for_bit(method):
    runners, metrics = trained(method)
    start = stacked(method)
    for index in range(4):
        alone, metrics_alone = run(member(start, index), NUM_CYCLES)
        assert_same_state(member(runners, index), alone)
        assert_same_state(take(metrics, index), metrics_alone)
    assert metrics["return"].shape == (4, NUM_CYCLES)
    for one, other in ((0, 1), (0, 2)):  # another learning rate, another seed
        assert not same(take(runners.students, one), take(runners.students, other))


def test_some_members_update_in_a_cycle_in_which_others_do_not():
    _, metrics = trained("accel")
    updated = np.asarray(metrics["updated"])
    assert (updated.min(axis=0) < updated.max(axis=0)).any()
    np.testing.assert_array_equal(np.isnan(metrics["loss"]), updated == 0)


@pytest.mark.parametrize("method", IN_OTHER_WAYS)
def test_members_side_by_side_are_those_one_after_another_up_to_rounding(method):
    runners, metrics = trained(method)
    beside, metrics_beside = run_members(stacked(method), NUM_CYCLES, side_by_side=True)
    assert_close(arrays(runners), arrays(beside))
    # A ratio of two numbers near 0 where nothing was rewarded; rounding decides what it is.
    compared = {name for name in metrics if "explained_variance" not in name}
    one, other = ({name: m[name] for name in compared} for m in (metrics, metrics_beside))
    assert_close(arrays(one), arrays(other))


@pytest.mark.parametrize("method", IN_OTHER_WAYS)
def test_two_devices_do_what_one_does_and_keep_their_members(method):
    runners, metrics = run_members(stacked(method), NUM_CYCLES, member_mesh(2))
    for leaf in jax.tree.leaves(eqx.filter((runners, metrics), eqx.is_array)):
        assert leaf.sharding.num_devices == 2
        assert leaf.addressable_data(0).shape == (2, *leaf.shape[1:])
    one, metrics_of_one = trained(method)
    assert_same_state(runners, one)
    assert_same_state(metrics, metrics_of_one)
    last = member(runners, 3)
    assert last.key.sharding.num_devices == 1
    assert_same_state(last, member(one, 3))


def test_members_on_two_devices_come_back_to_one_to_run_there():
    spread = NamedSharding(member_mesh(2), PartitionSpec("member"))
    runners = jax.tree.map(
        lambda x: jax.device_put(x, spread) if eqx.is_array(x) else x, stacked("dr")
    )
    runners, _ = run_members(runners, NUM_CYCLES)
    assert runners.key.sharding.num_devices == 1
    assert_same_state(runners, trained("dr")[0])


def test_the_order_of_members_changes_nothing_else():
    order = jnp.array([2, 0, 3, 1])
    runners, metrics = run_members(take(stacked("accel"), order), NUM_CYCLES)
    before, metrics_before = trained("accel")
    assert_same_state(runners, take(before, order))
    assert_same_state(metrics, take(metrics_before, order))


SETTINGS = {
    "discount": ("accel", lambda e: e.student.discount, 0.5),
    "gae_lambda": ("accel", lambda e: e.student.gae_lambda, 0.1),
    "clip_range": ("accel", lambda e: e.student.clip_range, 1e-3),
    "value_loss_coef": ("accel", lambda e: e.student.value_loss_coef, 3.0),
    "entropy_coef": ("accel", lambda e: e.student.entropy_coef, 0.5),
    "learning_rate": ("accel", lambda e: e.student.optimiser.learning_rate, 0.1),
    "final_learning_rate": ("accel", lambda e: e.student.optimiser.final_learning_rate, 0.1),
    "replay_prob": ("accel", lambda e: e.curriculum.schedule.replay_prob, 0.0),
    "min_fill_ratio": ("accel", lambda e: e.curriculum.min_fill_ratio, 1.0),
    "staleness_coef": ("accel", lambda e: e.curriculum.staleness_coef, 1.0),
    "temperature": ("accel", lambda e: e.curriculum.prioritisation.temperature, 100.0),
    "teacher": ("paired", lambda e: e.curriculum.generator.teacher.entropy_coef, 1.0),
}


@pytest.mark.slow
@pytest.mark.parametrize(("method", "where", "value"), SETTINGS.values(), ids=SETTINGS)
def test_a_setting_changes_its_own_member_only(method, where, value):
    of_runner = lambda runner: where(runner.experiment)  # noqa: E731
    changed = eqx.tree_at(of_runner, stacked(method), replace_fn=lambda x: x.at[2].set(value))
    runners, _ = run_members(changed, NUM_CYCLES)
    before, _ = trained(method)
    for index in range(4):
        one, other = member(runners, index), member(before, index)
        one, other = (eqx.tree_at(of_runner, each, jnp.zeros(())) for each in (one, other))
        assert same(one, other) == (index != 2)


@pytest.mark.parametrize("mesh", [None, 2])
def test_running_consumes_the_runners_and_compiles_once(mesh):
    compilations = []

    def listen(name, *_, **__):
        if "backend_compile" in name:
            compilations.append(name)

    mesh = mesh and member_mesh(mesh)
    given = stacked("accel")
    runners, _ = run_members(given, NUM_CYCLES, mesh)
    for leaf in jax.tree.leaves(eqx.filter(given, eqx.is_array)):
        assert leaf.is_deleted()
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        run_members(runners, NUM_CYCLES, mesh)
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert not compilations


def test_taking_a_member_leaves_the_others_as_they_are():
    runners, _ = trained("dr")
    one = member(runners, 1)
    assert one.num_cycles.shape == ()
    run(one, NUM_CYCLES)
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(eqx.filter(runners, eqx.is_array)))


def test_a_member_that_skips_its_update_does_not_compute_it_unless_side_by_side():
    runners = stacked("accel")

    def conditionals(**options):
        program = eqx.filter_make_jaxpr(lambda r: run_members(r, 1, **options))(runners)[0]
        return str(program).count("cond[")

    beside = conditionals(side_by_side=True)
    assert conditionals() > beside
    # A device that has one member has nothing to put beside it.
    runners = take(runners, jnp.array([0, 1]))
    assert conditionals(side_by_side=True, mesh=member_mesh(2)) > beside


def abstract(mesh=None):
    """The shapes of three stacked runners, which are enough for them to be refused."""

    def make(key):
        return make_runner(key, mesh=mesh)

    return eqx.filter_eval_shape(eqx.filter_vmap(make), jax.random.split(jax.random.key(0), 3))


@pytest.mark.parametrize(
    "use",
    [
        lambda r: run(r, 1),
        lambda r: r.step(),
        lambda r: r.on(None),
    ],
    ids=["run", "step", "on"],
)
def test_what_is_for_one_runner_refuses_several(use):
    with pytest.raises(ValueError, match=r"These are 4 runners, stacked.*`run_members.*`member\("):
        use(trained("dr")[0])


def changed(where, shape):
    return lambda: eqx.tree_at(where, trained("dr")[0], jnp.zeros(shape))


REFUSED = {
    "one runner": (
        lambda: eqx.filter_eval_shape(make_runner, jax.random.key(0)),
        None,
        r"This is one runner, .* stack runners with `eqx.filter_vmap",
    ),
    "stacked twice": (
        lambda: take(trained("dr")[0], None),
        None,
        "This is runners stacked repeatedly",
    ),
    "a level mesh of their own": (
        lambda: abstract(level_mesh(2)),
        lambda: member_mesh(2),
        "on a mesh with the axes level, .*mesh=None.*member_mesh",
    ),
    "a mesh without members": (
        abstract,
        lambda: level_mesh(2),
        "axes level, and needs one named member",
    ),
    "members that the devices cannot share": (
        abstract,
        lambda: member_mesh(2),
        "2 devices cannot share 3 members equally; choose 2 or 4 members, or 1 device",
    ),
    "a key for all members": (
        changed(lambda r: r.key, ()),
        None,
        r"runners\.key has shape \(\); its leading axes `member` are \(4,\)",
    ),
    "a count for all students": (
        changed(lambda r: r.students.learning.count, (4,)),
        None,
        r"runners\.students\.learning\.count has shape \(4,\); .* `member student` are \(4, 1\)",
    ),
}


@pytest.mark.parametrize(("runners", "mesh", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_run_as_members_is_refused(runners, mesh, message):
    with pytest.raises(ValueError, match=message):
        run_members(runners(), 1, mesh and mesh())


@pytest.mark.parametrize("index", [-1, 4])
def test_a_member_that_is_not_there_is_refused(index):
    with pytest.raises(IndexError, match=f"no member {index}: choose one of 0 to 3"):
        member(trained("dr")[0], index)


def test_one_runner_has_no_members(getkey):
    with pytest.raises(ValueError, match="This is one runner"):
        member(eqx.filter_eval_shape(make_runner, getkey()), 0)


def test_devices_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="there are 2 of platform cpu; choose at most 2"):
        member_mesh(3)


def test_a_mesh_of_members_is_refused_by_a_runner(getkey):
    with pytest.raises(ValueError, match="axes member, and needs one named level"):
        eqx.filter_eval_shape(lambda key: make_runner(key, mesh=member_mesh()), getkey())
