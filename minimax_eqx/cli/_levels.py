"""The levels that a word of the command line means: a file, a run, a recipe, or a maze."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._composition._parts import nearest
from .._composition._user_code import is_user_code, load_user_code
from .._files import expanded
from .._folder._run_folder import CONFIG, RunFolder
from .._types import PyTree
from .._xla._compile import quick_jit
from ..envs import AbstractEnv, AbstractLevelGenerator, Maze
from ..envs._level_files import KINDS, content, existing, kind_of, level_of, read_drawings
from ..envs._level_files import read_levels as read_file
from ..envs._pictures import unstack
from ..envs.maze import HeldOutMazes, MazeLevel
from ..envs.maze._fit import has_border, without_border
from ..envs.maze._held_out_names import ALIASES, LISTS, MAZES, MAZES_WITH_MORE
from ..evaluation._evaluate import generator_of
from ..evaluation._panels import fingerprints_of
from ..runners._experiment import Experiment
from ._recipes import ALL, recipe_named

# A stream of random numbers of its own, so that looking at levels changes nothing else.
_STREAM = 1_000_121


@dataclasses.dataclass(frozen=True)
class Levels:
    """Some levels (leading axis `level`), what they are called, and where they are played.

    `notes` say of each level what is known of it beside its metrics, or nothing.
    """

    env: AbstractEnv
    levels: PyTree
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def part(self, places: Sequence[int]) -> "Levels":
        """Those at some places."""
        levels = jax.tree.map(lambda leaf: leaf[np.array(places, int)], self.levels)
        names = tuple(self.names[i] for i in places)
        return Levels(self.env, levels, names, tuple(self.notes[i] for i in places if self.notes))

    def metrics(self) -> list[dict[str, float]]:
        """The metrics of each level."""
        found = jax.device_get(_metrics(self.env, jax.tree.map(jnp.asarray, self.levels)))
        return [
            {name: float(values[i]) for name, values in found.items()}
            for i in range(len(self.names))
        ]

    def fingerprints(self) -> list[tuple[int, ...]]:
        """64 bits of each level, which equal ones share."""
        return [tuple(map(int, one)) for one in fingerprints_of(self.levels)]


def is_file(word: str) -> bool:
    """Whether a word names a file of levels."""
    return pathlib.Path(word).suffix.lower() in KINDS


def is_run(word: str) -> bool:
    """Whether a word names the folder of a run."""
    return (expanded(word) / CONFIG).is_file()


def experiment_of(word: str, file: str | None = None) -> Experiment:
    """The experiment of a recipe, a file of the user's, or a run. Raises `ValueError` for none."""
    if is_user_code(word):
        return load_user_code(word).experiment
    if is_run(word):
        code = load_user_code(file) if file else None
        return RunFolder.open(word).experiment(code)
    return recipe_named(word)


def levels_named(word: str, num_levels: int, seed: int, env: AbstractEnv | None = None) -> Levels:
    """The levels of a file or of a held-out maze, or what a recipe's generator draws, seen as in
    `env`.

    Raises `ValueError` for a word that means none of them.
    """
    if is_file(word):
        return levels_in_file(word, env)
    key = jax.random.fold_in(jax.random.key(seed), _STREAM)
    if word in (*MAZES, *MAZES_WITH_MORE, *ALIASES, *LISTS):
        env = env or Maze()
        panels = HeldOutMazes((word,)).panels(env)
        if len(panels) > 1:
            raise ValueError(f"{word} is a list of mazes; name one of them: {', '.join(panels)}.")
        [(name, (played, generator))] = panels.items()
        found = sampled(played, generator, num_levels, key)
        names = (name,) if len(found.names) == 1 else tuple(f"{name} {n}" for n in found.names)
        return dataclasses.replace(found, names=names)
    try:
        experiment = experiment_of(word)
    except ValueError:
        if is_user_code(word) or word in ALL or "/" in word:
            raise
        known = (*MAZES, *MAZES_WITH_MORE, *ALL)
        raise ValueError(
            f"There is no maze, recipe, run or file of levels '{word}'.{nearest(word, known)} "
            f"Mazes: {', '.join((*MAZES, *MAZES_WITH_MORE))}. 'minimax-eqx recipes' lists recipes."
        ) from None
    return unseen_levels(experiment, num_levels, key)


def unseen_levels(experiment: Experiment, num_levels: int, key: Any) -> Levels:
    """Levels of the kind that an experiment trains on. Raises `ValueError` if it has none."""
    generator = generator_of(experiment)
    if generator is None:
        raise ValueError("This experiment has no generator of levels; name a file or a maze.")
    return sampled(experiment.env, generator, num_levels, key)


def sampled(
    env: AbstractEnv, generator: AbstractLevelGenerator, num_levels: int, key: Any
) -> Levels:
    """Levels that a generator draws."""
    spec = env.level_spec()
    listed = generator.list_levels(spec)
    if listed is not None and len(listed[0]) <= num_levels:
        return Levels(env, jax.device_get(listed[1]), tuple(listed[0]))
    levels = _sample(generator, env, jax.random.split(key, num_levels))
    return Levels(env, jax.device_get(levels), tuple(str(i) for i in range(num_levels)))


def levels_in_file(word: str, env: AbstractEnv | None) -> Levels:
    """The levels of a file; of mazes also if nobody says which environment they are for.

    Raises `ValueError`, in one line, for what cannot be read.
    """
    if env is not None:
        return Levels(env, *read_file(word, env.level_spec()))
    path, changed = existing(word)
    if kind_of(path) == ".txt":
        drawn = read_drawings(path, changed, MazeLevel)
        env = _maze_for([_inner(one.level, drawn) for one in drawn])
    else:
        env = _maze_for_arrays(path, content(path, changed))
    return Levels(env, *read_file(word, env.level_spec()))


def _inner(level: MazeLevel, drawn: Sequence[Any]) -> MazeLevel:
    """A level without its border, if all that are drawn have one."""
    return without_border(level) if all(has_border(one.level) for one in drawn) else level


def _maze_for(levels: Sequence[MazeLevel]) -> Maze:
    """The smallest maze that all of some drawn levels can be played in."""
    sizes = [level.wall_map.shape for level in levels]
    goals = [len(level.goals()) for level in levels]
    doors = [level.door_pos is not None for level in levels]
    height, width = (max(2, *(size[axis] for size in sizes)) for axis in (0, 1))
    return Maze(
        height=height,
        width=width,
        mixed_sizes=any(size != (height, width) for size in sizes),
        lava=any(level.lava_map is not None for level in levels),
        num_goals=goals[0],
        locked_door=doors[0],
    )


def _maze_for_arrays(path: pathlib.Path, held: Any) -> Maze:
    """The maze whose levels some arrays by name are."""
    walls, others = (np.asarray(held.get(level_of(n), [])) for n in ("wall_map", "other_goals"))
    if walls.ndim != 3:
        raise ValueError(
            f"{path} holds no mazes, so say with --env what its levels are for: --env FILE.py (or "
            "FILE.py:NAME) for a world of yours, or else a recipe or a run."
        )
    return Maze(
        height=walls.shape[1],
        width=walls.shape[2],
        mixed_sizes=level_of("size") in held,
        lava=level_of("lava_map") in held,
        num_goals=1 + (others.shape[1] if others.ndim == 3 else 0),
        locked_door=level_of("door_pos") in held,
    )


def each(levels: Levels) -> list[Any]:
    """The levels one by one, as NumPy arrays."""
    return unstack(levels.levels)


@quick_jit
def _metrics(env, levels):
    return jax.vmap(env.level_metrics)(levels)


@eqx.filter_jit
def _sample(generator, env, keys):
    return jax.vmap(lambda key: generator.sample(env.level_spec(), key=key))(keys)
