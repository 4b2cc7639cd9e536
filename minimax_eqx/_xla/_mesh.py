"""Levels split over devices: the mesh, and the few places where its shards are asked for.

Everything is one program on global arrays, and XLA works out who computes what. A request for
shards changes where numbers are computed, never which; without a mesh it does nothing at all.
"""

import contextlib
from collections.abc import Sequence
from typing import Any, TypeVar

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

Tree = TypeVar("Tree")

LEVEL_AXIS = "level"
MEMBER_AXIS = "member"


def level_mesh(num_devices: int | None = None) -> Mesh:
    """Devices to split levels over, as a mesh with the one axis `level`.

    `num_devices` counts those of all processes together; all there are if it is None. Each process
    gives the same number of its own, the first ones.

    Raises `ValueError`, saying how many there are, if that many cannot be had or shared out.
    """
    return _mesh_of(jax.devices(), num_devices, LEVEL_AXIS)


def member_mesh(num_devices: int | None = None) -> Mesh:
    """Devices of this process to spread members over, as a mesh with the one axis `member`.

    `num_devices` is how many of the first devices it takes: all there are if it is None. Raises
    `ValueError`, saying how many there are, if there are fewer.
    """
    return _mesh_of(jax.local_devices(), num_devices, MEMBER_AXIS)


def _mesh_of(devices: Sequence[Any], num_devices: int | None, axis: str) -> Mesh:
    of_process = {}
    for device in devices:
        of_process.setdefault(device.process_index, []).append(device)
    num_processes, most = len(of_process), min(map(len, of_process.values()))
    if num_devices is None:
        num_devices = num_processes * most
    each, left_over = divmod(num_devices, num_processes)
    if not 1 <= each <= most or left_over:
        raise ValueError(_too_many(num_devices, num_processes, most))
    chosen = [device for _, own in sorted(of_process.items()) for device in own[:each]]
    return Mesh(np.array(chosen), (axis,), axis_types=(AxisType.Auto,))


def _too_many(num_devices: int, num_processes: int, most: int) -> str:
    platform = jax.default_backend()
    if num_devices < 1:
        return f"{num_devices} devices: choose at least 1."
    there = f"{most} of platform {platform}"
    if num_processes > 1:
        there = f"{num_processes} processes with {there} in each"
        fitting = [num_processes * each for each in range(1, most + 1)]
        return f"{num_devices} devices: there are {there}; choose {_listed(fitting)}."
    advice = f"choose at most {most}"
    if platform == "cpu" and num_devices > most:
        advice += (
            ", or ask for virtual ones before JAX starts: "
            f"jax.config.update('jax_num_cpu_devices', {num_devices})"
        )
    return f"{num_devices} devices: there are {there}; {advice}."


def num_shares(mesh: Mesh, axis: str = LEVEL_AXIS) -> int:
    """How many devices a mesh splits over along an axis. Raises `ValueError` if it has no such."""
    if axis not in mesh.shape:
        raise ValueError(
            f"The mesh has axes {', '.join(mesh.axis_names)}, and needs one named {axis}."
        )
    return mesh.shape[axis]


def check_shares(what: str, count: int, num_devices: int) -> None:
    """Raises `ValueError`, with the numbers that would fit, if `num_devices` devices cannot share
    `count` of something equally. `what` says of what, in the plural."""
    if count % num_devices != 0:
        fewer = [n for n in range(1, num_devices) if count % n == 0]
        below = count - count % num_devices
        fitting = [n for n in (below, below + num_devices) if n > 0]
        raise ValueError(
            f"{num_devices} devices cannot share {count} {what} equally; choose {_listed(fitting)} "
            f"{what}, or {_listed(fewer)} {'device' if fewer == [1] else 'devices'}."
        )


def _listed(numbers: list[int]) -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} or {last}" if first else last


def levels_over(mesh: Mesh | None) -> contextlib.AbstractContextManager[Any]:
    """While this lasts, `split_levels` splits over that mesh."""
    if mesh is None:
        return contextlib.nullcontext()
    return jax.sharding.use_abstract_mesh(mesh.abstract_mesh)


def levels_are_split() -> bool:
    """Whether this is inside `levels_over` a mesh."""
    return LEVEL_AXIS in jax.sharding.get_abstract_mesh().axis_names


def split_levels(tree: Tree, *, axis: int = 0, what: str = "levels") -> Tree:
    """Asks that each device holds its share of every array, along that axis.

    Inside `levels_over` and a compiled program; otherwise it does nothing. Raises what
    `check_shares` raises.
    """
    if not levels_are_split():
        return tree
    num_devices = jax.sharding.get_abstract_mesh().shape[LEVEL_AXIS]

    def split(leaf):
        check_shares(what, leaf.shape[axis], num_devices)
        return jax.lax.with_sharding_constraint(leaf, P(*(None,) * axis, LEVEL_AXIS))

    return jax.tree.map(split, tree)


def gather_levels(tree: Tree) -> Tree:
    """Asks that each device holds every array whole; inside `levels_over`, as `split_levels`."""
    if not levels_are_split():
        return tree
    return jax.tree.map(lambda leaf: jax.lax.with_sharding_constraint(leaf, P()), tree)


def replicate(tree: Tree, mesh: Mesh | None) -> Tree:
    """Every array whole on each device of the mesh; as it is without one.

    Outside compiled programs each process takes its own copy, which must be that of the others.
    """
    if mesh is None:
        return tree
    sharding = NamedSharding(mesh, P())
    own = [d for d in mesh.devices.flat if d.process_index == jax.process_index()]

    def whole(leaf):
        if not eqx.is_array(leaf):
            return leaf
        if isinstance(leaf, Tracer):
            return jax.lax.with_sharding_constraint(leaf, sharding)
        copies = [jax.device_put(leaf, device) for device in own]
        return jax.make_array_from_single_device_arrays(leaf.shape, sharding, copies)

    return jax.tree.map(whole, tree)


def on_one_device(tree: Tree) -> Tree:
    """The copy that the first device of this process holds of every replicated array."""

    def one(leaf):
        if not eqx.is_array(leaf) or isinstance(leaf, Tracer) or len(leaf.sharding.device_set) == 1:
            return leaf
        return leaf.addressable_data(0)

    return jax.tree.map(one, tree)
