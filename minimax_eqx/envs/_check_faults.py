"""Faults that show only in whole episodes: levels that are not played, and worlds that begin anew.

While players play, little is written down of each; afterwards it is looked at for all of them.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, UInt32

from .._fingerprint import fingerprint, words
from .._types import PyTree
from ._check_fields import EnvCheckError
from ._check_same import plain_data
from ._editor import AbstractLevelEditor
from ._env import AbstractEnv, TimeStep

# How many episodes must end at the time limit before it is judged how they end.
_FEWEST_ENDS = 2


def digest(tree: PyTree) -> UInt32[Array, "2"]:
    """64 bits that are the same for equal trees and, as good as always, for no others."""
    return fingerprint(words(jax.tree.map(plain_data, tree)))


def new_clocks(start: PyTree) -> dict[str, Bool[Array, " scalar"]]:
    """What is known, before anybody plays, of each single number in a state."""
    num_scalars = len(_scalars(start))
    yes, no = jnp.ones(num_scalars, bool), jnp.zeros(num_scalars, bool)
    return {"up": yes, "down": yes, "rewound": yes, "went_on": no, "ended": no}


def watch_clocks(
    found: dict[str, Bool[Array, " scalar"]], start: PyTree, before: PyTree, step: TimeStep
) -> dict[str, Bool[Array, " scalar"]]:
    """Which numbers went up by 1, or down by 1, in every step that ended no episode; and which had
    the value of a start after every step that did."""
    if not _scalars(start):
        return found
    begun, old, new = (jnp.stack(_scalars(state)) for state in (start, before, step.state))
    return {
        "up": found["up"] & (step.done | (new - old == 1)),
        "down": found["down"] & (step.done | (old - new == 1)),
        "rewound": found["rewound"] & (~step.done | (new == begun)),
        "went_on": found["went_on"] | ~step.done,
        "ended": found["ended"] | step.done,
    }


def _scalars(state: PyTree) -> list[Array]:
    leaves = [plain_data(leaf) for leaf in jax.tree.leaves(state)]
    return [
        leaf.astype(jnp.float32) for leaf in leaves if leaf.ndim == 0 and leaf.dtype != jnp.bool_
    ]


def check_faults(env: AbstractEnv, found: dict[str, Any], pairs: list[tuple[int, int]]) -> None:
    """Looks at what all players found (leading axis `player`).

    `pairs` are players who played with the same keys on levels that may differ.
    """
    _check_clocks(found["clocks"])
    # An editor's episodes end when the level is whole, and its blanks need not differ.
    if not isinstance(env, AbstractLevelEditor):
        _check_limit(env, np.sum(found["ends"], axis=0))
        _check_level(found, pairs)


def _check_clocks(clocks: dict[str, np.ndarray]) -> None:
    everywhere = {name: np.all(values, axis=0) for name, values in clocks.items()}
    anywhere = {name: np.any(values, axis=0) for name, values in clocks.items()}
    is_clock = (everywhere["up"] | everywhere["down"]) & anywhere["went_on"]
    if np.any(is_clock & everywhere["rewound"] & anywhere["ended"]):
        raise EnvCheckError(
            "no_reset",
            "a step that ends an episode gives a state whose count of steps begins anew: env.step "
            "resets itself. Take the package's environment without its automatic reset, for "
            "example its `step_env` or a class without AutoReset, and return the state in which "
            "the episode ended.",
        )


def _check_limit(env: AbstractEnv, ends: np.ndarray) -> None:
    terminated, truncated = ends
    if terminated >= _FEWEST_ENDS and truncated == 0:
        raise EnvCheckError(
            "truncated",
            f"every episode that lasts max_episode_steps = {env.max_episode_steps} steps ends with "
            "`terminated`, as if the world had ended it. Set `truncated` there, and `terminated` "
            "only where the world ends an episode by itself: packages often report both as one "
            "`done`. If the world does end at that step, set max_episode_steps one higher.",
        )


def _check_level(found: dict[str, Any], pairs: list[tuple[int, int]]) -> None:
    methods = found["methods"]
    level, start, other = methods["env.load"], methods["env.reset"], found["other"]
    drawn = [
        _place(path)
        for (path, one), another, last in zip(
            jax.tree_util.tree_leaves_with_path(start),
            jax.tree.leaves(other),
            jax.tree.leaves(found["last"]),
            strict=True,
        )
        if not _may_be_key(one) and np.any(one != another) and np.array_equal(one, last)
    ]
    level = methods["generator.sample"]
    same_form = jax.tree.structure(level) == jax.tree.structure(start) and [
        (leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(level)
    ] == [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(start)]
    advice = (
        "Let the generator draw all that is constant during an episode, as part of the level, and "
        "let env.reset start from it: call the package's own reset in the generator, and nowhere "
        "else."
    )
    if same_form and drawn:
        raise EnvCheckError(
            "keeps_level",
            f"env.reset draws {drawn[0]} of the state anew, which no step changes and the level "
            f"has: two episodes of one level differ in it. {advice}",
        )
    unequal = [(i, j) for i, j in pairs if np.any(found["level"][i] != found["level"][j])]
    is_drawn = any(
        not _may_be_key(one) and np.any(one != another)
        for one, another in zip(jax.tree.leaves(start), jax.tree.leaves(other), strict=True)
    )
    alike = all(np.array_equal(found["digest"][i], found["digest"][j]) for i, j in unequal)
    if unequal and alike and is_drawn:
        raise EnvCheckError(
            "keeps_level",
            "the level makes no difference: with the same keys and actions, episodes of different "
            "levels are the same, and with other keys they differ. It seems that env.reset draws "
            f"what is played. {advice}",
        )


def _may_be_key(leaf: Any) -> bool:
    """Whether an array (leading axis `player`) is random keys, typed or in plain numbers."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return True
    return leaf.dtype == jnp.uint32 and leaf.ndim > 1 and leaf.shape[-1] in (2, 4)


def _place(path: tuple) -> str:
    return f"`{jax.tree_util.keystr(path)}`" if path else "all"
