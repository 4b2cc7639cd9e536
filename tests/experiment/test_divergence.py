"""Whatever is trained is watched, and never saved once it is no number."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx._composition._draft import with_changes
from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx.experiment import Progressed, Started, TrainingError
from minimax_eqx.experiment._ledger import Ledger
from minimax_eqx.experiment._own_hooks import Watch
from minimax_eqx.experiment._saving import SaveCheckpoints
from minimax_eqx.recipes import maze
from minimax_eqx.runners._ahead import making
from minimax_eqx.runners._divergence import divergence_of_state
from minimax_eqx.scores import AbstractFormula

from .tiny import tiny, train

PAIRED = tiny(maze.paired())
NUM_CYCLES = 3


@pytest.fixture(scope="module")
def runner():
    """REPAIRED's runner: two students, a teacher, and a level buffer."""
    return making(tiny(maze.repaired()))()


def after(runner, teacher_updates=NUM_CYCLES):
    """The same runner, some cycles later."""
    return eqx.tree_at(
        lambda r: (
            r.num_cycles,
            r.students.num_updates,
            r.curriculum_state.source.teacher.num_updates,
        ),
        runner,
        replace_fn=lambda old: (
            old + (teacher_updates if old is runner.curriculum_state.source.teacher.num_updates
                   else NUM_CYCLES)
        ),
    )  # fmt: skip


def metrics(**changed):
    measured = {"loss", "grad_norm", "teacher_loss", "teacher_grad_norm", "teacher_value_loss"}
    values = {name: np.ones(NUM_CYCLES, np.float32) for name in measured}
    values |= {"updated": np.ones(NUM_CYCLES, np.float32)}
    return values | {name: np.array(value, np.float32) for name, value in changed.items()}


def saving(saved):
    return SaveCheckpoints(RunFolder("run").checkpoints(PAIRED), PAIRED.schedule, saved)


def look(before, runner, measured):
    """What a watch says of cycles that led from one runner to another."""
    watch = Watch(saving(8))
    watch(Started(PAIRED, RunFolder("run"), before, Ledger()))
    watch(Progressed(runner, Ledger(), {}, measured))


NAN, INF = np.nan, np.inf
OF = {"": "of the students", "teacher": "of the teacher", None: "No option is known"}


def test_what_was_not_measured_is_no_divergence(runner):
    skipped = metrics(
        loss=[1, NAN, 1], updated=[1, 0, 1], teacher_loss=[NAN, 1, NAN], weighted_score=[NAN] * 3
    )
    look(runner, after(runner, teacher_updates=1), skipped)
    now_and_then = metrics(teacher_model_loss=[NAN, 1, NAN], model_loss=[NAN] * 3)
    look(runner, after(runner), now_and_then)
    never = metrics(teacher_loss=[NAN] * 3, teacher_grad_norm=[NAN] * 3)
    look(runner, after(runner, teacher_updates=0), never)


@pytest.mark.parametrize(
    ("changed", "what", "learner"),
    [
        ({"loss": [1, NAN, NAN]}, "Update 2: loss is nan", ""),
        ({"grad_norm": [1, 1, INF]}, "Update 3: grad_norm is inf", ""),
        ({"loss": [1, NAN, NAN], "updated": [1, 0, 1]}, "Update 3: loss is nan", ""),
        ({"teacher_loss": [1, NAN, NAN]}, "Cycle 2: teacher_loss is nan", "teacher"),
        ({"teacher_grad_norm": [-INF, 1, 1]}, "Cycle 1: teacher_grad_norm is -inf", "teacher"),
        ({"model_loss": [1, INF, NAN]}, "Cycle 2: model_loss is inf", None),
    ],
)
def test_a_measure_of_any_learner_that_is_no_number_stops_the_run(runner, changed, what, learner):
    with pytest.raises(TrainingError, match=f"{what}.*cycle 8 in .*run is the last.*{OF[learner]}"):
        look(runner, after(runner), metrics(**changed))


def test_a_learner_that_learned_now_and_then_and_never_measured_a_number_is_noticed(runner):
    with pytest.raises(TrainingError, match="of the teacher"):
        look(runner, after(runner, teacher_updates=1), metrics(teacher_loss=[NAN] * 3))


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"not_scored": [0, 0.25, 0]}, "Cycle 2: the score RelativeRegret of 25% of the levels"),
        (
            {"not_scored": [0, 0.5, 0], "teacher_loss": [1, NAN, NAN]},
            "the score RelativeRegret of 50%",
        ),
        ({"not_scored": [0, 0, 1], "loss": [1, NAN, NAN]}, "Update 2: loss is nan"),
    ],
)
def test_a_score_that_is_no_number_is_told_unless_something_else_failed_before(
    runner, changed, what
):
    with pytest.raises(TrainingError, match=f"{what}.*cycle 8 in .*run is the last"):
        look(runner, after(runner), metrics(**changed))


def check_state(runner, where, value):
    spoilt = eqx.tree_at(
        where, runner, replace_fn=lambda leaf: leaf.at[(0,) * leaf.ndim].set(value)
    )
    saving(None).stop_for(divergence_of_state(spoilt))


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize(
    ("where", "name", "learner"),
    [
        (lambda r: r.students.network.core.bias, "students.network.core.bias", ""),
        (
            lambda r: r.curriculum_state.source.teacher.network.core.bias,
            "curriculum_state.source.teacher.network.core.bias",
            "teacher",
        ),
        (
            lambda r: r.curriculum_state.source.teacher.learning.nu[0],
            r"curriculum_state.source.teacher.learning.nu\[0\]",
            "teacher",
        ),
    ],
)
def test_no_number_of_a_learner_is_infinite_or_none(runner, where, name, learner, value):
    with pytest.raises(TrainingError, match=f"{name} is not finite.*{OF[learner]}"):
        check_state(runner, where, value)


def test_a_state_as_it_should_be_is_no_divergence(runner):
    saving(None).stop_for(divergence_of_state(runner))


def test_elsewhere_infinity_means_something_and_nan_does_not(runner):
    for value in (INF, -INF):
        check_state(runner, lambda r: r.curriculum_state.buffer.scores, value)
    with pytest.raises(
        TrainingError, match=r"curriculum_state.buffer.scores is not a number.*No option"
    ):
        check_state(runner, lambda r: r.curriculum_state.buffer.scores, NAN)


class NeverANumber(AbstractFormula):
    can_be_negative = True

    def formula(self, evidence):
        return jnp.nan * evidence.rewards[0, 0, :, 0]


@pytest.mark.slow
@pytest.mark.parametrize("method", [maze.robust_plr, maze.sfl], ids=["level replay", "search"])
def test_a_score_that_is_no_number_stops_the_run(tmp_path, method):
    with pytest.raises(
        TrainingError, match=r"Cycle \d+: the score NeverANumber of .* is NaN or infinity"
    ):
        train(with_changes(tiny(method()), {"score": NeverANumber()}), tmp_path / "run")


@pytest.mark.slow
def test_a_teacher_that_diverges_stops_the_run_and_leaves_nothing(tmp_path):
    diverging = with_changes(PAIRED, {"teacher.learning_rate": 1e38})
    with pytest.raises(TrainingError, match=r"Cycle \d: teacher_.*max_grad_norm of the teacher"):
        train(diverging, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
