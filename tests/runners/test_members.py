"""Seeds and settings of a sweep: each member is trained as it would be alone."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from minimax_eqx.experiment._build import make_curriculum, make_env, make_students

from minimax_eqx.agents import PPO, population, ppo_optimiser
from minimax_eqx.curricula import DomainRandomisation, LevelReplay, Proportional, Rank
from minimax_eqx.envs.maze import FlipWall
from minimax_eqx.experiment import Checkpoints, preset
from minimax_eqx.runners import Runner, level_mesh, member, member_mesh, run, run_members
from minimax_eqx.scores import L1ValueLoss, MaxMC

from ..experiment.tiny import arrays, assert_close, assert_same_state, tiny
from ..small import ENV, GENERATOR, make_runner, make_student

NUM_CYCLES = 6
ANNEALED = ppo_optimiser(1e-3, final_learning_rate=1e-4, anneal_steps=20)
RATES = jnp.array([1e-3, 1e-2, 1e-3, 1e-2])
LSTMS = tiny(preset("maze-paired"))
PAIRED = dataclasses.replace(
    LSTMS,
    network=dataclasses.replace(LSTMS.network, core="none"),
    teacher=dataclasses.replace(LSTMS.teacher, teacher_core="none"),
)


def composed(key, learning_rate, curriculum, **options):
    student_key, run_key = jax.random.split(key)
    student = make_student(student_key, optimiser=ANNEALED, **options)
    student = student.with_learning_rate(learning_rate)
    return Runner.create(
        ENV, student, curriculum, num_steps=16, track_level_metrics=False, key=run_key
    )


def domain_randomisation(key, learning_rate):
    # With 4 levels XLA's older way of making kernels, which is for tests alone, rounds one sum
    # in another order inside of a loop over members.
    return composed(key, learning_rate, DomainRandomisation(GENERATOR, num_levels=8))


def accel(key, learning_rate):
    curriculum = LevelReplay.create(
        GENERATOR, MaxMC(), mutator=FlipWall(), batch_size=4, capacity=8, replay_prob=0.6
    )
    return composed(key, learning_rate, curriculum, core="feedforward")


def paired(key, learning_rate):
    student_key, teacher_key, run_key = jax.random.split(key, 3)
    env = make_env(PAIRED.env)
    students = make_students(PAIRED, env, key=student_key)
    assert isinstance(students, PPO)
    curriculum = make_curriculum(PAIRED, env, key=teacher_key)
    students = students.with_learning_rate(learning_rate)
    return Runner.create(
        env, students, curriculum, num_steps=8, track_level_metrics=False, key=run_key
    )


# How members are run has most to do with conditionals; `pytest -m slow` runs the other one.
IN_OTHER_WAYS = ["accel", pytest.param("paired", marks=pytest.mark.slow)]
METHODS = {"dr": domain_randomisation, "accel": accel, "paired": paired}
MAKERS = {name: eqx.filter_jit(eqx.filter_vmap(make)) for name, make in METHODS.items()}


def stacked(method):
    """Four members: two seeds times two learning rates."""
    keys = jnp.repeat(jax.random.split(jax.random.key(6)), 2)
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
    "discount": ("accel", lambda r: r.students.discount, 0.5),
    "gae_lambda": ("accel", lambda r: r.students.gae_lambda, 0.1),
    "clip_range": ("accel", lambda r: r.students.clip_range, 1e-3),
    "value_loss_coef": ("accel", lambda r: r.students.value_loss_coef, 3.0),
    "entropy_coef": ("accel", lambda r: r.students.entropy_coef, 0.5),
    "learning_rate": ("accel", lambda r: r.students.optimiser_state[2].initial, 0.1),
    "final_learning_rate": ("accel", lambda r: r.students.optimiser_state[2].final, 0.1),
    "replay_prob": ("accel", lambda r: r.curriculum.replay_prob, 0.0),
    "min_fill_ratio": ("accel", lambda r: r.curriculum.min_fill_ratio, 1.0),
    "staleness_coef": ("accel", lambda r: r.curriculum.buffer.staleness_coef, 1.0),
    "temperature": ("accel", lambda r: r.curriculum.buffer.prioritisation.temperature, 100.0),
    "teacher": ("paired", lambda r: r.curriculum.generator.teacher.entropy_coef, 1.0),
}


@pytest.mark.parametrize(("method", "where", "value"), SETTINGS.values(), ids=SETTINGS)
def test_a_setting_changes_its_own_member_only(method, where, value):
    changed = eqx.tree_at(where, stacked(method), replace_fn=lambda x: x.at[2].set(value))
    runners, _ = run_members(changed, NUM_CYCLES)
    before, _ = trained(method)
    for index in range(4):
        one, other = member(runners, index), member(before, index)
        one, other = (eqx.tree_at(where, each, jnp.zeros(())) for each in (one, other))
        assert same(one, other) == (index != 2)


def test_constructors_take_the_values_of_a_sweep(getkey):
    def make(key, value):
        network = make_student(key).network
        coefficients = ("discount", "gae_lambda", "clip_range", "value_loss_coef", "entropy_coef")
        student = PPO.create(network, ANNEALED, **dict.fromkeys(coefficients, value))
        curricula = [
            LevelReplay.create(
                GENERATOR,
                score,
                batch_size=4,
                capacity=8,
                prioritisation=prioritisation(value),
                staleness_coef=value,
                replay_prob=value,
                min_fill_ratio=value,
            )
            for prioritisation, score in ((Rank, MaxMC()), (Proportional, L1ValueLoss()))
        ]
        runner = Runner.create(ENV, student.with_learning_rate(value), curricula[0], key=key)
        swept = [getattr(runner.students, name) for name in coefficients]
        swept.append(runner.students.optimiser_state[2].initial)
        for curriculum in (runner.curriculum, curricula[1]):
            swept += [curriculum.replay_prob, curriculum.min_fill_ratio]
            buffer = curriculum.buffer
            swept += [buffer.staleness_coef, buffer.prioritisation.temperature]
        return jnp.stack([value.reshape(()) for value in swept])

    values = jnp.array([0.25, 0.5])
    swept = eqx.filter_jit(eqx.filter_vmap(make))(jax.random.split(getkey()), values)
    assert swept.shape == (2, 14)
    np.testing.assert_array_equal(swept, jnp.broadcast_to(values[:, None], swept.shape))


@pytest.mark.parametrize("rates", [0.5, jnp.array([0.5, 0.25])], ids=["one", "each"])
def test_the_learning_rate_of_each_student_of_a_population_can_be_set(rates, getkey):
    @eqx.filter_jit
    def rates_of(key):
        students = population(make_student, 2, key=key)
        assert isinstance(students, PPO)
        return students.with_learning_rate(rates).optimiser_state[2].initial

    np.testing.assert_array_equal(rates_of(getkey()), jnp.broadcast_to(rates, (2,)))


def test_the_parallel_form_refuses_a_swept_replay_prob(getkey):
    def make(replay_prob):
        return LevelReplay.create(GENERATOR, MaxMC(), replay_prob=replay_prob, parallel=True)

    with pytest.raises(ValueError, match="the parallel form replays in every cycle"):
        eqx.filter_vmap(make)(jnp.array([1.0, 1.0]))


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
    assert one.num_students == 1
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


def test_stacked_runners_can_be_saved_as_they_are(tmp_path):
    runners, _ = trained("accel")
    checkpoints = Checkpoints(tmp_path, keep=1)
    checkpoints.save(NUM_CYCLES, runners)
    assert_same_state(checkpoints.load(NUM_CYCLES).restore(stacked("accel")), runners)


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
        lambda r: r.num_students,
        lambda r: r.transitions_per_cycle,
    ],
    ids=["run", "step", "on", "num_students", "transitions_per_cycle"],
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
    "a setting without members": (
        changed(lambda r: r.key, ()),
        None,
        r"runners\.key has shape \(\); its leading axes `member` are \(4,\)",
    ),
    "a setting without students": (
        changed(lambda r: r.students.entropy_coef, (4,)),
        None,
        r"runners\.students\.entropy_coef has shape \(4,\); .* `member student` are \(4, 1\)",
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


@pytest.mark.parametrize(
    ("optimiser", "rate", "message"),
    [
        (ANNEALED, -1.0, "learning_rate is -1.0; it must not be negative"),
        (optax.sgd(0.1), 0.1, "only in the state of an optimiser that `ppo_optimiser` made"),
    ],
    ids=["negative", "another optimiser"],
)
def test_a_learning_rate_that_cannot_be_set_is_refused(optimiser, rate, message, getkey):
    def make(key):
        return make_student(key, optimiser=optimiser).with_learning_rate(rate)

    with pytest.raises(ValueError, match=message):
        eqx.filter_eval_shape(make, getkey())
