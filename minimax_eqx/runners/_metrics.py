"""Metrics of a cycle's levels and episodes, also for groups of levels."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from .._metrics import Metrics, join_metrics
from .._types import PyTree
from ..envs import AbstractEnv
from ..rollouts._statistics import EpisodeStatistics


def level_metrics(
    env: AbstractEnv, levels: PyTree, groups: dict[str, Bool[Array, " level"]] | None = None
) -> Metrics:
    """The environment's metrics of `levels` (leading axis `level`), averaged.

    Where the environment says which levels are passable, the mean is over those, and `passable` is
    their share. Those of a group of levels have the group's name before their own. A metric is NaN
    if there is no level to average over.

    Raises `ValueError` if a group's metric has the name of another one.
    """
    measured = jax.vmap(env.level_metrics)(levels)
    num_levels = jax.tree.leaves(levels)[0].shape[0]
    passable = measured.get("passable", jnp.ones(num_levels, jnp.float32))

    def means(member):
        weights = member * passable
        total = jnp.sum(weights)
        averages = {name: jnp.sum(weights * value) / total for name, value in measured.items()}
        if "passable" in measured:
            averages["passable"] = total / jnp.sum(member)
        return averages

    parts = [("all levels", means(jnp.ones(num_levels, jnp.float32)))]
    for group, member in (groups or {}).items():
        of_group = means(member.astype(jnp.float32))
        named = {f"{group}_{name}": value for name, value in of_group.items()}
        parts.append((f"the group of levels {group!r}", named))
    return join_metrics(parts)


def group_metrics(
    statistics: EpisodeStatistics, groups: dict[str, Bool[Array, " play"]]
) -> Metrics:
    """Return and success rate of the plays of each group, all students together.

    Each play counts once, if it finished an episode; NaN if none did.
    """
    metrics = {}
    for group, member in groups.items():
        counts = (member[None] & (statistics.num_episodes > 0)).astype(jnp.float32)
        total = jnp.sum(counts)
        metrics[f"{group}_return"] = jnp.sum(counts * statistics.mean_return) / total
        metrics[f"{group}_success_rate"] = jnp.sum(counts * statistics.success_rate) / total
    return metrics


def student_metrics(statistics: EpisodeStatistics) -> Metrics:
    """Return and success rate of each student on its own, by its number from 0; NaN for one that
    finished no episode."""
    metrics = {}
    for student in range(statistics.mean_return.shape[0]):
        own = jax.tree.map(lambda x, student=student: x[student], statistics).summary()
        for name in ("return", "success_rate"):
            metrics[f"student{student}_{name}"] = own[name]
    return metrics
