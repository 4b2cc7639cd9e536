"""Cycles with several precisions of matrix products."""

import dataclasses

import jax

from ..timing import MatrixProduct
from .compiled import start, time_one, wait
from .session import Session


def measure(session: Session) -> None:
    """A cycle of `maze-dr` with each precision; the utilisation is of a product of the same."""
    sizes = session.sizes
    experiment = sizes.experiment("maze-dr", sizes.precision_levels)
    products = {name: name for name in sizes.precisions}
    if jax.default_backend() != "cpu":
        # A GPU multiplies in TF32 where JAX is told `bfloat16`; this name means what it says.
        products["BF16_BF16_F32"] = "bfloat16"
    lines = {name: f"precision {name}, {sizes.precision_levels} levels" for name in products}
    begun = {}
    for name, line in lines.items():
        with session.rows.attempt(line):
            begun[name] = start(experiment, name)
    wait(begun)
    for name, ahead in begun.items():
        with session.rows.attempt(lines[name]):
            yardstick = MatrixProduct(products[name], sizes.matrix)
            time_one(lines[name], ahead, dataclasses.replace(session, yardstick=yardstick))
