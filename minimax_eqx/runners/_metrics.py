"""Metrics of a cycle's levels and episodes, also for groups of levels."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .._metrics import Metrics, join_metrics
from .._types import PyTree
from ..curricula import Proposal
from ..envs import AbstractEnv
from ..rollouts import Episodes, Evidence
from ._experiment import Experiment


def cycle_metrics(
    experiment: Experiment,
    proposal: Proposal,
    evidence: Evidence,
    update_metrics: Metrics,
    curriculum_metrics: Metrics,
) -> Metrics:
    """All metrics of a cycle. Raises `ValueError` if two of their producers measure one name."""
    updated = proposal.update_students
    did_update = jnp.ones((), jnp.float32) if updated is None else updated.astype(jnp.float32)
    env = experiment.env
    parts = [
        *episode_metrics(evidence, env.max_episode_steps, proposal.groups),
        ("the students' update", update_metrics),
        ("the cycle", {"updated": did_update}),
        (f"the curriculum {type(experiment.curriculum).__name__}", curriculum_metrics),
    ]
    if experiment.track_level_metrics:
        measured = level_metrics(env, proposal.levels, proposal.groups)
        parts.append((f"the levels of {type(env).__name__}", measured))
    return join_metrics(parts)


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


def episode_metrics(
    evidence: Evidence,
    max_episode_steps: int,
    groups: dict[str, Bool[Array, " level"]] | None = None,
) -> list[tuple[str, Metrics]]:
    """Return, success rate and length of the finished episodes, and what else the environment
    measures, each with who measured it.

    They are of all plays, of the plays of each group of levels (return and success rate, with the
    group's name before their own), and, if there are several students, of each student (the same,
    with its number from 0). Each play counts once, if it finished an episode; a metric is NaN if
    none did, and `num_episodes` is then 0.

    In a play with fewer steps than `max_episode_steps`, no failure that takes the whole time limit
    ever ends. The success rate of what did end says nothing then, and is NaN. In a longer play the
    first episode always ends. The success rate is NaN as well where nobody says what success is.
    """
    episodes = Episodes.of(evidence)
    plays = episodes.counts_per_play > 0
    lasts = evidence.rewards.shape[1] >= max_episode_steps
    returns = episodes.mean_of_sums_per_play(evidence.rewards)
    successes = jnp.full_like(returns, jnp.nan)
    if lasts and evidence.outcomes is not None:
        successes = episodes.mean_of_sums_per_play(evidence.outcomes)
    per_play = {"return": returns, "success_rate": successes}

    def means(chosen):
        return {name: _mean_over(chosen, value) for name, value in per_play.items()}

    lengths = episodes.mean_of_sums_per_play(episodes.finished_steps)
    of_all = means(plays) | {
        "episode_length": _mean_over(plays, lengths),
        "num_episodes": jnp.sum(episodes.counts_per_play, dtype=jnp.float32),
    }
    own = {
        name: _mean_over(plays, episodes.mean_of_sums_per_play(measure))
        for name, measure in evidence.measures.items()
    }
    of_groups = {
        f"{group}_{name}": value
        for group, member in (groups or {}).items()
        for name, value in means(plays & member[None, :, None]).items()
    }
    parts = [
        ("the episodes", of_all),
        ("the environment's measures", own),
        ("the episodes of groups of levels", of_groups),
    ]
    if evidence.num_students > 1:
        of_students = {
            f"student{student}_{name}": _mean_over(plays[student], value[student])
            for student in range(evidence.num_students)
            for name, value in per_play.items()
        }
        parts.append(("the episodes of each student", of_students))
    return parts


def _mean_over(chosen: Bool[Array, "*plays"], per_play: Float[Array, "*plays"]) -> Float[Array, ""]:
    count = jnp.sum(chosen, dtype=per_play.dtype)
    return jnp.sum(jnp.where(chosen, per_play, 0)) / count
