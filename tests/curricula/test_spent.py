"""What curricula say for the ledger of a run, after 10 cycles of which 4 were learned from."""

import pytest

from minimax_eqx.curricula import Spent

from ..small_methods import experiment_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dr", None),
        ("plr", Spent(4 * 2)),
        ("robust-plr", Spent(4 * 2)),
        ("accel", Spent(4 * 2, levels_mutated=4 * 2)),
        ("parallel-accel", Spent(4 * 2, levels_mutated=4 * 2)),
        ("remidi", Spent(4 * 2)),
        ("sfl", Spent(4 * 2, levels_searched=6 * 2)),
        ("ncc", Spent(4 * 2, levels_searched=6 * 2)),
        ("paired", Spent(4 * 2, steps_designing=10 * 2)),
        ("repaired", Spent(4 * 2, steps_designing=6 * 2)),
        ("alp-gmm", Spent(4 * 2)),
    ],
)
def test_each_curriculum_says_what_its_levels_were_played_for(name, expected):
    experiment = experiment_of(name)
    level = experiment.env.level_spec()
    spent = experiment.curriculum.spent(level, num_cycles=10, num_updated=4)
    if spent is not None and spent.steps_designing is not None:
        editor = experiment.curriculum.generator.design.editor(level)
        assert spent.steps_designing == expected.steps_designing * editor.max_episode_steps
        expected = Spent(8, None, None, spent.steps_designing)
    assert spent == expected
