"""Several runners as one: seeds and settings of a sweep, trained by one program."""

import functools
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.sharding import Mesh, NamedSharding, Sharding, SingleDeviceSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float, Int

from .._types import PyTree
from .._xla._compile import RUNS_ONCE, check_not_consumed, quick_jit
from .._xla._filtered import filter_scan
from .._xla._mesh import MEMBER_AXIS, check_shares, num_shares
from ._runner import Runner


def run_members(
    runners: Runner,
    num_cycles: int,
    mesh: Mesh | None = None,
    *,
    side_by_side: bool | None = None,
) -> tuple[Runner, dict[str, Float[Array, "member cycle"]]]:
    """Runs cycles of stacked runners as one compiled program, which trains each as `run` would.

    Arguments:

    - `runners`: what `eqx.filter_vmap(make_runner)(keys)` makes: one runner whose arrays have a
      leading axis `member`. It is consumed: its memory is reused for the one returned.
    - `num_cycles`: part of the program; another value compiles again.
    - `mesh`: devices that share the members equally, see `member_mesh`; they exchange nothing. The
      runners returned stay spread over them. None for one device.
    - `side_by_side`: whether a device runs its members by `jax.vmap` or else one after another. If
      None: side by side on an accelerator, which has room for more work at once, and one after
      another on a CPU. There small products batch badly, and `jax.vmap` would do the work of
      both branches of every conditional, such as whether to update.

    Raises `ValueError` if the runners are not stacked, an array of theirs has no entry for each
    member (and student), they are on a mesh of their own, the devices cannot share them equally,
    they were consumed before, or `num_cycles` is negative.
    """
    runners, side_by_side = prepared("run_members", runners, num_cycles, mesh, side_by_side)
    return _run_members(runners, num_cycles, mesh, side_by_side)


def compile_members(
    runners: Runner,
    num_cycles: int,
    mesh: Mesh | None = None,
    side_by_side: bool | None = None,
) -> tuple[Runner, Callable[[Runner], tuple[Runner, dict[str, Float[Array, "member cycle"]]]]]:
    """The program of `run_members` for these runners, to be called again and again, and the runners
    to begin with: those given are consumed."""
    runners, side_by_side = prepared("run_members", runners, num_cycles, mesh, side_by_side)
    program = _run_members.lower(runners, num_cycles, mesh, side_by_side).compile()
    return runners, lambda runners: program(runners, num_cycles, mesh, side_by_side)


def stacked(runners: Sequence[Runner]) -> Runner:
    """Runners of one program as members, whose arrays have a leading axis `member`."""
    first = runners[0]
    if any(not eqx.tree_equal(_static(other), _static(first)) for other in runners[1:]):
        raise ValueError("These runners differ in more than arrays: they are several programs.")
    return jax.tree.map(lambda *xs: jnp.stack(xs) if eqx.is_array(xs[0]) else xs[0], *runners)


def _static(runner: Runner) -> PyTree:
    return eqx.filter(runner, eqx.is_array, inverse=True)


def prepared(
    caller: str, runners: Runner, num_cycles: int, mesh: Mesh | None, side_by_side: bool | None
) -> tuple[Runner, bool]:
    """The runners where they belong, and how their devices run them."""
    if num_cycles < 0:
        raise ValueError(f"{caller}: num_cycles is {num_cycles}; it must not be negative.")
    check_not_consumed(caller, runners)
    count = num_members(runners)
    if mesh is not None:
        check_shares("members", count, num_shares(mesh, MEMBER_AXIS))
    if side_by_side is None:
        side_by_side = jax.default_backend() != "cpu"
    return _consumed_and_placed(runners, mesh), side_by_side


def member(runners: Runner, index: int) -> Runner:
    """One of several stacked runners, a copy on one device: an ordinary runner.

    Raises `ValueError` as `run_members` does for runners that are not stacked members, and
    `IndexError` if there is none of that index, which counts from 0.
    """
    check_not_consumed("member", runners)
    count = num_members(runners)
    if not 0 <= index < count:
        raise IndexError(f"There is no member {index}: choose one of 0 to {count - 1}.")

    def on_one_device(leaf, own):
        if not eqx.is_array(leaf) or isinstance(leaf, Tracer):
            return own
        if len(leaf.sharding.device_set) == 1:
            return own
        return jax.device_put(own, _sharding(leaf, None))

    return jax.tree.map(on_one_device, runners, _take(runners, jnp.asarray(index)))


@functools.partial(quick_jit, cpu_optimisation=RUNS_ONCE)
def _take(runners: Runner, index: Int[Array, ""]) -> Runner:
    return jax.tree.map(lambda leaf: leaf[index] if eqx.is_array(leaf) else leaf, runners)


@functools.partial(quick_jit, donate="all")
def _run_members(
    runners: Runner, num_cycles: int, mesh: Mesh | None, side_by_side: bool
) -> tuple[Runner, dict[str, Float[Array, "member cycle"]]]:
    arrays, static = eqx.partition(runners, eqx.is_array)

    def run_one(arrays):
        runner = eqx.combine(arrays, static)
        runner, metrics = filter_scan(lambda runner, _: runner.step(), runner, None, num_cycles)
        return eqx.filter(runner, eqx.is_array), metrics

    arrays, metrics = over_members(run_one, mesh, side_by_side)(arrays)
    return eqx.combine(arrays, static), metrics


def over_members(
    function: Callable[[PyTree], tuple[PyTree, PyTree]], mesh: Mesh | None, side_by_side: bool
) -> Callable[[PyTree], tuple[PyTree, PyTree]]:
    """What does something with the arrays of one member, for all members: each device with its
    own. The function returns new arrays of the same shapes, and a result."""

    def run_share(arrays):
        share = jax.tree.leaves(arrays)[0].shape[0]
        if side_by_side and share > 1:
            return jax.vmap(function)(arrays)
        return jax.lax.scan(run_next, arrays, jnp.arange(share))

    # The members are the carry and not what is scanned over, so that each is written over itself.
    def run_next(arrays, index):
        own, result = function(jax.tree.map(lambda leaf: leaf[index], arrays))
        return jax.tree.map(lambda leaf, new: leaf.at[index].set(new), arrays, own), result

    if mesh is None:
        return run_share
    spec = P(MEMBER_AXIS)
    return jax.shard_map(run_share, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)


def num_members(runners: Runner) -> int:
    """How many members these are. Raises `ValueError` if they are not stacked members."""
    if runners.num_cycles.ndim != 1:
        stacked = "one runner" if runners.num_cycles.ndim == 0 else "runners stacked repeatedly"
        raise ValueError(
            f"This is {stacked}, not members with one leading axis; stack runners with "
            "`eqx.filter_vmap(make_runner)(keys)`."
        )
    if runners.mesh is not None:
        raise ValueError(
            f"These runners are on a mesh with the axes {', '.join(runners.mesh.axis_names)}, and "
            "members are one device's each: make them with `mesh=None`, and give `run_members` a "
            "`member_mesh`."
        )
    _check_leading_axes("", runners, runners.num_cycles.shape, "member")
    shape = runners.students.num_updates.shape
    _check_leading_axes(".students", runners.students, shape, "member student")
    return runners.num_cycles.shape[0]


def _check_leading_axes(name: str, tree: PyTree, shape: tuple[int, ...], axes: str) -> None:
    leaves, _ = jax.tree_util.tree_flatten_with_path(eqx.filter(tree, eqx.is_array))
    for path, leaf in leaves:
        if leaf.shape[: len(shape)] != shape:
            place = f"runners{name}{jax.tree_util.keystr(path)}"
            raise ValueError(
                f"{place} has shape {leaf.shape}; its leading axes `{axes}` are {shape}, with one "
                "value for each."
            )


def _consumed_and_placed(runners: Runner, mesh: Mesh | None) -> Runner:
    def place(leaf):
        # Inside another program nothing can be moved; that program places its arrays itself.
        if not eqx.is_array(leaf) or isinstance(leaf, Tracer):
            return leaf
        sharding = _sharding(leaf, mesh)
        if leaf.sharding.is_equivalent_to(sharding, leaf.ndim):
            return leaf
        # `donate=True` would leave the old array where its memory cannot be used for the new one.
        moved = jax.device_put(leaf, sharding, may_alias=False)
        leaf.delete()
        return moved

    return jax.tree.map(place, runners)


def _sharding(leaf: Array, mesh: Mesh | None) -> Sharding:
    """Where a leaf with the leading axis `member` belongs; without a mesh on its first device."""
    if mesh is not None:
        return NamedSharding(mesh, P(MEMBER_AXIS))
    return SingleDeviceSharding(min(leaf.sharding.device_set, key=lambda device: device.id))
