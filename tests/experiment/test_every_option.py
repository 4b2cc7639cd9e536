"""Every option of a run reaches the part that it is for, and no other."""

import dataclasses
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from minimax_eqx import curricula, nets, scores
from minimax_eqx.agents import first_student
from minimax_eqx.envs import maze
from minimax_eqx.experiment import Config, make_runner
from minimax_eqx.experiment._build import ADMISSIONS
from minimax_eqx.experiment._options import (
    CurriculumConfig,
    EnvConfig,
    LevelReplayConfig,
    LevelsConfig,
    NetworkConfig,
    PPOConfig,
    SearchConfig,
    TeacherConfig,
)

# Where two options could be taken for each other, their values differ in one of these.
LEARNER = {
    "learning_rate": 0.011,
    "final_learning_rate": 0.002,
    "anneal_steps": 23,
    "max_grad_norm": 0.7,
    "adam_epsilon": 3e-3,
    "discount": 0.91,
    "gae_lambda": 0.82,
    "clip_range": 0.33,
    "value_loss_coef": 0.44,
    "entropy_coef": 0.055,
    "num_epochs": 3,
    "num_minibatches": 2,
    "num_accumulation_steps": 1,
    "clip_value_loss": False,
    "bootstrap_truncated": True,
}
REPLAY = Config(
    seed=3,
    env=EnvConfig(5, 6, 7, 12, see_agent=True, see_through_walls=False, include_position=False),
    levels=LevelsConfig(num_walls=8, replace=False, sample_num_walls=True),
    network=NetworkConfig("lstm", 9, num_filters=4, embedding_size=3, head_size=6),
    ppo=PPOConfig(**LEARNER),
    curriculum=CurriculumConfig(
        "level-replay", 10, num_steps=13, num_trials=2, num_students=1, track_level_metrics=False
    ),
    replay=LevelReplayConfig(
        "positive-value-loss",
        buffer_capacity=14,
        prioritisation="proportional",
        temperature=0.66,
        staleness_coef=0.17,
        replay_prob=1.0,
        admission="lowest-score",
        min_fill_ratio=0.39,
        robust=False,
        parallel=True,
        num_edits=5,
        parents="hardest",
        num_parents=3,
    ),
)
PAIRED = Config(
    seed=4,
    env=EnvConfig(4, 5, 3, 16, see_agent=False, see_through_walls=True, include_position=True),
    levels=LevelsConfig("teacher", num_walls=3),
    network=NetworkConfig(
        "s5", 12, 1, 3, "pre", num_filters=5, embedding_size=2, head_size=7, num_head_layers=2
    ),
    ppo=PPOConfig(
        **LEARNER
        | {"clip_value_loss": True, "bootstrap_truncated": False, "num_accumulation_steps": 2}
    ),
    curriculum=CurriculumConfig("adversarial", 4, num_steps=17, num_students=2),
    teacher=TeacherConfig(
        "mean-relative-regret",
        teacher_num_walls=6,
        wall_budget="first_wall",
        replace_collisions=True,
        choose_direction=False,
        noise_dim=11,
        teacher_core="lstm",
        teacher_hidden_size=10,
        teacher_num_filters=3,
        time_embedding_size=13,
        teacher_head_size=14,
        teacher_num_head_layers=1,
        teacher_learning_rate=0.021,
        teacher_anneal_steps=29,
        teacher_max_grad_norm=0.9,
        teacher_discount=0.93,
        teacher_gae_lambda=0.84,
        teacher_clip_range=0.35,
        teacher_value_loss_coef=0.46,
        teacher_entropy_coef=0.057,
        teacher_num_epochs=6,
        teacher_num_minibatches=4,
        teacher_clip_value_loss=False,
    ),
)
REPAIRED = dataclasses.replace(
    PAIRED,
    curriculum=CurriculumConfig("level-replay", 8, num_steps=16, num_students=2),
    network=NetworkConfig("lru", 8, 1, num_value_heads=3),
    replay=LevelReplayConfig(
        "value-disagreement", 15, "top-k", top_k=7, replay_prob=0.28, num_edits=2
    ),
    teacher=TeacherConfig(
        teacher_core="gru",
        teacher_hidden_size=4,
        teacher_num_walls=6,
        choose_direction=True,
        teacher_num_filters=2,
        teacher_head_size=5,
        teacher_num_head_layers=3,
        teacher_clip_value_loss=False,
    ),
)
SEARCH = Config(
    seed=5,
    env=EnvConfig(5, 7, 5, 12),
    levels=LevelsConfig("perfect"),
    network=NetworkConfig("gru", 7, num_filters=3),
    curriculum=CurriculumConfig("sfl", 12, num_steps=18, num_trials=3),
    search=SearchConfig(26, 4, 19, 0.25, 8),
)
RANDOM = Config(
    env=EnvConfig(5, 6, 5, 12, see_agent=True, see_through_walls=True),
    levels=LevelsConfig(num_walls=4),
    network=NetworkConfig("none", num_filters=2),
    curriculum=CurriculumConfig("dr", 3, 9, num_steps=14, track_level_metrics=True),
)
GROUPS = (
    EnvConfig,
    LevelsConfig,
    NetworkConfig,
    PPOConfig,
    CurriculumConfig,
    LevelReplayConfig,
    SearchConfig,
    TeacherConfig,
)
CONFIGURATIONS = {
    "level replay": REPLAY,
    "paired": PAIRED,
    "repaired": REPAIRED,
    "search": SEARCH,
    "random": RANDOM,
}

CORES = {
    "lstm": nets.LSTM,
    "gru": nets.GRU,
    "s5": nets.S5,
    "lru": nets.LRU,
    "none": nets.Feedforward,
}
SCORES = {
    "positive-value-loss": scores.PositiveValueLoss,
    "value-disagreement": scores.ValueDisagreement,
    "mean-relative-regret": scores.MeanRelativeRegret,
}
METHODS = {
    "level-replay": curricula.LevelReplay,
    "adversarial": curricula.AdversarialDesign,
    "sfl": curricula.SamplingForLearnability,
    "dr": curricula.DomainRandomisation,
}
PRIORITISATIONS = {
    "rank": curricula.Rank,
    "top-k": curricula.TopK,
    "proportional": curricula.Proportional,
}
OPTIMISER = tuple(LEARNER)[:5]


def name_of(names, part):
    return next(name for name, kind in names.items() if isinstance(part, kind))


# What was built, read back: the options that each part shows


def read_runner(runner):
    curriculum = runner.curriculum
    method = name_of(METHODS, curriculum)
    options = {
        "method": method,
        "num_students": runner.num_students,
        "num_levels": curriculum.batch_size if method == "level-replay" else curriculum.num_levels,
        **shown(runner, "num_steps", "num_trials", "track_level_metrics"),
        **shown(runner.env, *(field.name for field in dataclasses.fields(EnvConfig))),
    }
    student = first_student(runner.students)
    options |= read_learner(student) | read_network(student.network)
    options["embedding_size"] = student.network.encoder.embedding.shape[-1]
    assert (student.network.encoder.position_scale is None) != options["include_position"]
    source = curriculum.generator
    source = source.generator if isinstance(source, curricula.Sampled) else source
    return options | read_source(source) | READERS[method](curriculum)


def shown(part, *names):
    return {name: getattr(part, name) for name in names}


def read_source(source):
    if isinstance(source, maze.PerfectMaze):
        return {"generator": "perfect"}
    if isinstance(source, maze.RandomWalls):
        walls = shown(source, "num_walls", "replace", "sample_num_walls")
        return {"generator": "random-walls", **walls}
    teacher, editor = source.teacher, source.editor
    options = read_learner(teacher) | read_network(teacher.network)
    # What a teacher has no option of its own for.
    given = {name: options.pop(name) for name in ("num_accumulation_steps", "bootstrap_truncated")}
    assert given == {"num_accumulation_steps": 1, "bootstrap_truncated": False}
    assert options.pop("num_value_heads") == 1
    own = {option.name for option in dataclasses.fields(TeacherConfig)}
    final = 0.0 if options["anneal_steps"] > 0 else options["learning_rate"]
    assert options.pop("final_learning_rate") == final
    return {
        "generator": "teacher",
        "teacher_num_walls": editor.num_walls,
        **shown(editor, "wall_budget", "replace_collisions", "choose_direction", "noise_dim"),
        "time_embedding_size": teacher.network.encoder.embedding.shape[-1],
        # The rest it shares with the students.
        **{
            f"teacher_{name}" if f"teacher_{name}" in own else name: value
            for name, value in options.items()
        },
    }


def read_replay(curriculum):
    buffer, mutator = curriculum.buffer, curriculum.mutator
    prioritisation = buffer.prioritisation
    top_k = isinstance(prioritisation, curricula.TopK)
    return {
        "score": name_of(SCORES, curriculum.score),
        "buffer_capacity": buffer.capacity,
        "staleness_coef": buffer.staleness_coef,
        "prioritisation": name_of(PRIORITISATIONS, prioritisation),
        "admission": name_of(ADMISSIONS, buffer.admission),
        "top_k" if top_k else "temperature": (
            prioritisation.num_levels if top_k else prioritisation.temperature
        ),
        "num_edits": 0 if mutator is None else mutator.num_edits,
        **shown(curriculum, "replay_prob", "min_fill_ratio", "robust", "parallel"),
        **shown(curriculum, "parents", "num_parents"),
    }


def read_search(curriculum):
    candidates_per_cycle = curriculum.num_levels // curriculum.num_plays
    return {
        # As many as a whole number of cycles takes.
        "num_candidates": curriculum.num_search_cycles * candidates_per_cycle,
        "num_plays": curriculum.num_plays,
        "num_kept": curriculum.buffer.capacity,
        "kept_share": curriculum.num_replayed / curriculum.num_levels,
        "num_training_cycles": curriculum.num_training_cycles,
    }


READERS = {
    "level-replay": read_replay,
    "adversarial": lambda curriculum: {"objective": name_of(SCORES, curriculum.objective)},
    "sfl": read_search,
    "dr": lambda curriculum: shown(curriculum, "num_spare_levels"),
}


def read_learner(agent):
    """The options of a learner, those of its optimiser by what it does."""
    return read_optimiser(agent) | shown(agent, *(n for n in LEARNER if n not in OPTIMISER))


@eqx.filter_jit
def probed(agent):
    """What two steps of an optimiser show of it."""
    params = eqx.filter(agent.network, eqx.is_inexact_array)
    get = optax.tree_utils.tree_get

    def step(size, **state):
        gradient = jax.tree.map(lambda leaf: jnp.full(leaf.shape, size), params)
        state = optax.tree_utils.tree_set(agent.optimiser_state, **state)
        with jax.numpy_dtype_promotion("standard"):  # Optax counts on it
            updates, state = agent.optimiser.update(gradient, state)
        return -jax.tree.leaves(updates)[0].ravel()[0], state

    _, state = step(1e3, num_steps=jnp.array(1))
    rates = [get(state, name) for name in ("initial", "final", "learning_rate")]
    return rates, optax.tree.norm(get(state, "mu")), step(1e-5)[0]


def read_optimiser(agent):
    (initial, final, second), moment, step = probed(agent)
    anneals = second != initial
    return {
        "learning_rate": initial,
        "final_learning_rate": final,
        "anneal_steps": round(float((final - initial) / (second - initial))) if anneals else 0,
        # Adam's first moment is a tenth of the gradient, which was clipped.
        "max_grad_norm": 10 * moment,
        # A gradient that is not clipped is divided by itself and epsilon.
        "adam_epsilon": 1e-5 * (initial / step - 1),
    }


def read_network(network):
    core, heads = network.core, (network.policy, network.value)
    options = {
        "core": name_of(CORES, core),
        "num_filters": network.encoder.kernel.shape[-1],
        "head_size": {head.out.weight.shape[-2] for head in heads}.pop(),
        "num_head_layers": {len(head.hidden) for head in heads}.pop(),
        "num_value_heads": network.value.out.bias.shape[0],
    }
    if not isinstance(core, nets.Feedforward):
        options["hidden_size"] = core.output_size
    if isinstance(core, nets.S5 | nets.LRU):
        options["num_core_layers"] = len(core.blocks)
    if isinstance(core, nets.S5):
        modes = np.asarray(core.blocks[0].dynamics.lambda_im)
        options["num_blocks"] = modes.size // len(np.unique(modes))
        options["layer_norm"] = core.blocks[0].norm
    return options


@pytest.fixture(scope="module")
def built():
    """The options of each configuration as its parts show them."""
    return {name: read_runner(make_runner(config)) for name, config in CONFIGURATIONS.items()}


def expected_of(config):
    options = config.what_decides_the_state()
    if options["final_learning_rate"] is None:
        anneals = options["anneal_steps"] > 0
        options["final_learning_rate"] = 0.0 if anneals else options["learning_rate"]
    if "num_candidates" in options:
        per_cycle = options["num_levels"] // options["num_plays"] or 1
        options["num_candidates"] = -(-options["num_candidates"] // per_cycle) * per_cycle
    return options


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_part_has_the_value_of_its_own_option(built, name):
    expected = expected_of(CONFIGURATIONS[name])
    for option, actual in built[name].items():
        if isinstance(actual, str | bool):
            assert actual == expected[option], option
        else:
            np.testing.assert_allclose(actual, expected[option], rtol=2e-3, err_msg=option)


def test_every_option_is_read_back_with_a_value_that_is_not_its_default(built):
    """But for the seed, and for the precision, which is no part's own."""
    default = expected_of(Config())
    expected = {name: expected_of(config) for name, config in CONFIGURATIONS.items()}
    seen = {
        option
        for name, shows in built.items()
        for option in shows
        if expected[name][option] != default[option]
    }
    assert seen == {*default} - {"seed", "matmul_precision"}


def test_options_that_could_be_taken_for_each_other_differ_somewhere(built):
    """Those of one group, and those of a teacher and of the students."""
    groups = [[f.name for f in dataclasses.fields(group)] for group in GROUPS]
    pairs = [pair for group in groups for pair in itertools.combinations(group, 2)]
    pairs += [(name.removeprefix("teacher_"), name) for name in groups[-1]]
    expected = {name: expected_of(config) for name, config in CONFIGURATIONS.items()}
    alike = {
        (one, other)
        for one, other in pairs
        if one != other and one in expected["random"]
        if all(
            type(expected[name][one]) is type(expected[name][other])
            and expected[name][one] == expected[name][other]
            for name, shows in built.items()
            if one in shows or other in shows
        )
    }
    assert alike == set()
