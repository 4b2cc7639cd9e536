"""Every method at the sizes of tests: it goes on from a file, and as one of several members."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from minimax_eqx import Runner, run
from minimax_eqx.runners import member, run_members
from minimax_eqx.runners._saving import load, save

from ..small_methods import NAMES, experiment_of
from ..states import arrays, assert_close, assert_same_state

# Others are tested so in files of their own; `pytest -m slow` runs them all.
IN_EVERY_RUN = ("sfl",)


@pytest.mark.parametrize(
    "name",
    [n if n in IN_EVERY_RUN else pytest.param(n, marks=pytest.mark.slow) for n in NAMES],
)
def test_a_method_goes_on_from_a_file_and_as_a_member(name, tmp_path):
    make = eqx.filter_vmap(lambda key: Runner.create(experiment_of(name), key=key))
    members = eqx.filter_jit(make)(jax.random.split(jax.random.key(1)))
    runner, _ = run(member(members, 1), 4)
    save(tmp_path / "runner.npz", runner)
    resumed = load(tmp_path / "runner.npz", runner)
    runner, metrics = run(runner, 4)
    resumed, _ = run(resumed, 4)
    assert_same_state(resumed, runner)
    for _ in range(2):
        members, _ = run_members(members, 4)
    # Within a loop over members some sums are rounded in another order.
    assert_close(arrays(member(members, 1)), arrays(runner))
    assert jnp.any(metrics["updated"] > 0)
