"""A benchmark of XLand-MiniGrid as a generator: its rule sets, from a file that you trust."""

import functools
import os
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from ..._files import resolved
from ..._ranges import check_at_least
from ..._types import PyTree
from .._env import AbstractLevelGenerator
from ._xland_package import rule_set, sizes, start_state, xminigrid
from ._xland_tasks import Rooms


class Benchmark(AbstractLevelGenerator[Any]):
    """Rule sets of a benchmark, drawn uniformly, with objects and agent at random places.

    Benchmarks are files that their authors publish, and pickles: to read one is to run what its
    author wrote into it. So nothing is downloaded, and nothing is read before you say that you
    trust it with `trusted=True`. To train and to be tested on different rule sets, use the same
    file with another `first`.

    Raises `ValueError` in `sample` if you do not, if there is no such file, if it has too few rule
    sets, or if they have more rules than the environment.
    """

    file: str
    """The file, or the name of a benchmark that the package has downloaded, such as trivial-21k."""
    trusted: bool = False
    """Say yes to let the file be read, which runs code that is in it."""
    first: int = 0
    """The first rule set that is drawn."""
    num_rulesets: int = 10_000
    """How many rule sets there are, from the first one on; they become part of the program."""
    rooms: Rooms = 1
    """Into how many rooms a grid is cut, with closed doors between them."""

    def __check_init__(self) -> None:
        check_at_least(self, 0, "first")
        check_at_least(self, 1, "num_rulesets")

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> Any:
        side, num_rules = sizes("Benchmark", level)
        held = self._rule_sets(num_rules)
        index_key, place_key = jax.random.split(key)
        index = jax.random.randint(index_key, (), 0, self.num_rulesets)
        goal, rules, objects = (jnp.asarray(held[name])[index] for name in _ARRAYS)
        rules = rule_set(goal, rules, objects, num_rules)
        return start_state("Benchmark", self.rooms, side, rules, key=place_key)

    def _rule_sets(self, num_rules: int) -> dict[str, np.ndarray]:
        path = self._path()
        if not path.is_file():
            raise ValueError(
                f"There is no benchmark {path}. Nothing is downloaded here: run "
                f"xminigrid.load_benchmark('NAME') once, with one of {', '.join(_names())}."
            )
        if not self.trusted:
            raise ValueError(
                f"{path} is a pickle, and to read it runs code that is in it: set "
                "Benchmark.trusted=True if you trust where it comes from."
            )
        held = _content(path, path.stat().st_mtime_ns)
        end = self.first + self.num_rulesets
        if end > len(held["goals"]):
            raise ValueError(
                f"{path} has {len(held['goals']):,} rule sets; Benchmark asks for "
                f"{self.num_rulesets:,} from number {self.first:,} on. Ask for fewer."
            )
        held = {name: array[self.first : end] for name, array in held.items()}
        most = max(1, int(held["num_rules"].max()))
        if most > num_rules:
            raise ValueError(
                f"{path} has rule sets of {most} rules, and levels have room for {num_rules}; use "
                f"XLand(num_rules={most})."
            )
        return {**held, "rules": held["rules"][:, :num_rules]}

    def _path(self) -> pathlib.Path:
        benchmarks = xminigrid().benchmarks
        name = benchmarks.NAME2HFFILENAME.get(self.file)
        return resolved(os.path.join(benchmarks.DATA_PATH, name) if name else self.file)


_ARRAYS = ("goals", "rules", "init_tiles")


def _names() -> tuple[str, ...]:
    return xminigrid().registered_benchmarks()


@functools.lru_cache(maxsize=2)
def _content(path: pathlib.Path, changed: int) -> dict[str, np.ndarray]:
    """What is in a file that changed last at that time, as arrays of the host."""
    del changed
    try:
        with jax.ensure_compile_time_eval():
            held = xminigrid().benchmarks.load_bz2_pickle(str(path))
            return {name: np.asarray(held[name]) for name in (*_ARRAYS, "num_rules")}
    except Exception as error:
        raise ValueError(
            f"{path} cannot be read as a benchmark of XLand-MiniGrid: {type(error).__name__}: "
            f"{error}"
        ) from error
