"""Levels in a file, to train on and to be tested on."""

import os
import pathlib
from collections.abc import Sequence
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from .._fingerprint import is_held_back
from .._ranges import check_at_least, check_between
from .._types import Level, PyTree
from ._env import AbstractEnv, AbstractLevelGenerator
from ._fixed import FixedLevels
from ._level_files import kind_of, read_levels, write_levels
from ._suite import AbstractSuite


class LevelFile(AbstractLevelGenerator[Level], AbstractSuite):
    """The levels of a file that `save` wrote, or that you drew: a generator, and a suite.

    As a generator it draws from them uniformly. As a suite it has a test for each level, by its
    name, or one test of all if there are more than `most_tests`; either way every level is played
    for as many episodes.

    With `part` it takes only those levels that are for training, or for tests. Which is which
    depends on a level's own content, so a list may grow, be sorted or be split over files, and no
    level changes sides. A level that is there twice is on one side.

    Raises `ValueError` for a suffix that no file of levels has, and what `load` raises when levels
    are asked for.
    """

    path: str
    """The file: .npz, .json or .txt."""
    part: Literal["all", "train", "test"] = "all"
    """Which of its levels: all, those that are not held back for tests, or only those that are."""
    # Not traced: it decides how many levels there are.
    test_share: float = eqx.field(static=True, default=0.2)
    """Share of levels that are held back for tests, where there is a part."""
    most_tests: int = 20
    """As a suite: up to so many levels have a test of their own."""

    def __check_init__(self) -> None:
        kind_of(pathlib.Path(self.path))
        check_between(self, 0, 1, "test_share")
        check_at_least(self, 0, "most_tests")

    @staticmethod
    def save(
        levels: PyTree, path: str | os.PathLike[str], names: Sequence[str] | None = None
    ) -> None:
        """Writes levels (leading axis `level`) to a file, of a kind that its suffix says:

        - `.npz`, small and fast, for levels of any environment;
        - `.json`, the same as text, which other programs can write too;
        - `.txt`, drawings with a line `; NAME` above each, for mazes and others with `to_ascii`.

        Without `names` levels are numbered. Raises `ValueError` for another suffix, and for names
        that are not one for each level, empty, repeated, or longer than a line.
        """
        write_levels(levels, path, names)

    def load(self, env: AbstractEnv) -> tuple[Level, tuple[str, ...]]:
        """The levels (leading axis `level`, as NumPy arrays), and their names.

        Raises `ValueError`, in one line, if there is no such file, if it cannot be read, if its
        levels are not those of this environment, but of other parts, sizes, types or ranges, and
        if there are none in the part.
        """
        names, levels = self.list_levels(env.level_spec())
        return levels, names

    def list_levels(self, level: PyTree[jax.ShapeDtypeStruct]) -> tuple[tuple[str, ...], Level]:
        levels, names = read_levels(self.path, level)
        if self.part == "all":
            return names, levels
        # The file is there while a program is traced too.
        with jax.ensure_compile_time_eval():
            is_test = jax.vmap(lambda level: is_held_back(level, self.test_share))
            chosen = np.flatnonzero(np.asarray(is_test(levels)) == (self.part == "test"))
        if not chosen.size:
            raise ValueError(
                f"None of the {len(names)} levels in {self.path} is in its part {self.part!r}, "
                f"with test_share={self.test_share}; change the share, or take part='all'."
            )
        return tuple(names[i] for i in chosen), jax.tree.map(lambda x: x[chosen], levels)

    def sample(self, level: PyTree[jax.ShapeDtypeStruct], *, key: Key[Array, ""]) -> Level:
        levels = jax.tree.map(jnp.asarray, self.list_levels(level)[1])
        return FixedLevels(levels).sample(level, key=key)

    def count_levels(self, level: PyTree[jax.ShapeDtypeStruct]) -> int:
        return len(self.list_levels(level)[0])

    def panels(self, env: AbstractEnv) -> dict[str, tuple[AbstractEnv, AbstractLevelGenerator]]:
        """A test for each level, or one for all that is named after the file."""
        names, levels = self.list_levels(env.level_spec())
        if len(names) > self.most_tests:
            return {pathlib.Path(self.path).stem: (env, self)}
        single = lambda i: FixedLevels(jax.tree.map(lambda x: jnp.asarray(x[i : i + 1]), levels))  # noqa: E731
        return {name: (env, single(i)) for i, name in enumerate(names)}
