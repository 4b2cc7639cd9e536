"""The guard notices when a compiled program does more than it did."""

import json

import jax
import jax.numpy as jnp
import pytest

from benchmarks import guard
from benchmarks.hlo import work_of

NUM_STEPS, SIZE = 10, 8


def compiled(extra):
    """A loop of matrix products, with something else in each step."""

    def step(x, _):
        return extra(jnp.tanh(x @ x)), None

    matrix = jax.ShapeDtypeStruct((SIZE, SIZE), jnp.float32)
    return jax.jit(lambda x: jax.lax.scan(step, x, None, NUM_STEPS)[0]).lower(matrix).compile()


@pytest.fixture(scope="module")
def plain():
    return guard.figures_of(compiled(lambda x: x))


@pytest.fixture(scope="module")
def with_sort():
    return guard.figures_of(compiled(jnp.sort))


def test_a_loop_counts_as_often_as_it_runs(plain):
    assert plain["matrix_flops"] == NUM_STEPS * 2 * SIZE**3
    kernels_in_loop = int(plain["loops"][str(NUM_STEPS)])
    assert plain["kernels_run"] - plain["kernels"] == (NUM_STEPS - 1) * kernels_in_loop
    assert plain["bytes_written"] >= NUM_STEPS * 4 * SIZE**2


def test_figures_of_a_cycle_are_shares_of_a_dispatch():
    figures = guard.figures_of(compiled(lambda x: x), NUM_STEPS)
    assert figures["matrix_flops"] == 2 * SIZE**3


def test_the_same_program_passes(plain):
    text, passed = guard.report({"toy": plain}, {"v": {"toy": plain}}, "v")
    assert passed
    assert "1 programs do what they did" in text


def test_one_kernel_more_in_a_loop_is_caught(plain, with_sort):
    text, passed = guard.report({"toy": with_sort}, {"v": {"toy": plain}}, "v")
    assert not passed
    grown = f"toy: kernels run in a cycle: {plain['kernels_run']} -> {with_sort['kernels_run']}"
    assert grown in text
    assert f"toy:   kernels in loops of {NUM_STEPS} steps" in text
    assert "guard --accept" in text


@pytest.mark.parametrize("figure", sorted(guard.FIGURES))
def test_growth_of_any_figure_is_caught_and_a_little_is_let_through(plain, figure):
    plain = plain | dict.fromkeys(guard.FIGURES, 1_000_000)
    for size, caught in ((1_002_000, True), (1_000_500, False)):
        grown, shrunk = guard.compare("toy", plain, plain | {figure: size})
        assert bool(grown) == caught
        assert not shrunk


def test_shrinkage_passes_with_a_hint_to_accept_it(plain, with_sort):
    text, passed = guard.report({"toy": plain}, {"v": {"toy": with_sort}}, "v")
    assert passed
    assert "Shrunk" in text
    assert "--accept" in text


def test_a_recipe_without_accepted_figures_fails(plain):
    text, passed = guard.report({"new": plain}, {"v": {"toy": plain}}, "v")
    assert not passed
    assert "new: there are no accepted figures" in text


def test_figures_of_another_version_are_not_compared_and_the_guard_says_so(tmp_path, capsys):
    file = tmp_path / "guard.json"
    file.write_text(json.dumps({"jax 0.0.1": {}}))
    assert guard.main(["--file", str(file)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("SKIPPED")
    assert guard.versions() in printed
    assert "jax 0.0.1" in printed


def test_the_committed_figures_cover_every_guarded_recipe():
    for figures in json.loads(guard.ACCEPTED.read_text()).values():
        assert set(figures) == set(guard.GUARDED)


HLO = """HloModule toy, is_scheduled=true

%fused (p.0: f32[10,4], p.1: f32[1,4], p.2: s32[]) -> f32[10,4] {
  %p.0 = f32[10,4]{1,0} parameter(0)
  %p.1 = f32[1,4]{1,0} parameter(1)
  %p.2 = s32[] parameter(2)
  ROOT %update = f32[10,4]{1,0} dynamic-update-slice(%p.0, %p.1, %p.2, %p.2)
}

%branch_a (a: f32[4]) -> f32[4] {
  %a = f32[4]{0} parameter(0)
  ROOT %negate.a = f32[4]{0} negate(%a)
}

%branch_b (b: f32[4]) -> f32[4] {
  ROOT %b = f32[4]{0} parameter(0)
}

ENTRY %main (x: f32[10,4], y: f32[1,4], i: s32[], z: f32[4]) -> (f32[10,4], f32[4]) {
  %x = f32[10,4]{1,0} parameter(0)
  %y = f32[1,4]{1,0} parameter(1)
  %i = s32[] parameter(2)
  %z = f32[4]{0} parameter(3)
  %written = f32[10,4]{1,0} fusion(%x, %y, %i), kind=kLoop, calls=%fused
  %chosen = f32[4]{0} conditional(%i, %z, %z), branch_computations={%branch_a, %branch_b}
  ROOT %out = (f32[10,4]{1,0}, /*index=1*/f32[4]{0}) tuple(%written, %chosen)
}
"""


def test_an_update_in_place_writes_only_what_is_new_and_every_branch_counts():
    work = work_of(HLO)
    assert (work.kernels, work.kernels_run) == (2, 2)
    assert work.bytes_written == 4 * 4 + 4 * 4
