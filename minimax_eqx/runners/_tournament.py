"""A tournament of members: the best are copied over the worst, with settings a little changed."""

import functools
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Bool, Float, Int, Key

from .._ranges import check_at_least, check_between, check_positive
from .._types import PyTree
from .._xla._compile import quick_jit
from .._xla._filtered import filter_scan
from .._xla._mesh import MEMBER_AXIS
from ..agents._population import over_students
from ..curricula import AbstractCurriculum
from ..envs import AbstractLevelGenerator, AbstractSuite
from ..rollouts import evaluate
from ._experiment import Experiment
from ._members import num_members, over_members, prepared
from ._runner import Runner
from ._schedule import MAX_SEED
from ._swept import Setting, swept_settings, values_of, with_values

FEWEST = 4
# A stream of random numbers of its own, which neither training nor evaluation draws from.
TOURNAMENT_STREAM = 1_000_151
# What may differ among members that play for the same rank.
SAME_FOR_ALL = ("env", "success_return")

Metrics: TypeAlias = dict[str, Float[Array, "member cycle"]]


class Tournament(eqx.Module):
    """Population-based training of members (Jaderberg et al. 2017, arXiv 1711.09846), as the
    tournament-based ensemble training of ElegantRL-Podracer (Liu et al. 2021, arXiv 2112.05923).

    Every `every` cycles all members play the same levels. Those with the lowest mean returns are
    replaced by copies of those with the highest, each of which is copied once, if they did better.
    A copy is all of a runner: students, optimisers, the curriculum's state and settings. Its random
    keys are new ones, so that it goes another way from there. Each setting in which the members
    differed when they were made is multiplied, in the copies, by one of `factors` at random, unless
    that would leave the range that the setting's part allows. A member whose students hold numbers
    that are none comes last.

    For example, with 8 members `Tournament(every=100)` replaces two by copies of the best two.

    The levels come from the curriculum's own generator, with keys that neither training nor
    evaluation uses, and are others each time. They are no test: what you report at the end is
    measured on levels that had no part in choosing.

    Raises `ValueError`, naming the field, for values out of range.
    """

    every: int
    """Cycles from one exchange to the next."""
    share: float = 0.25
    """The share of the members that is replaced, which is at least one of them."""
    factors: tuple[float, ...] = (0.8, 1.25)
    """What swept settings of a copy are multiplied by, one of these at random."""
    num_levels: int = 64
    """Levels that the members are ranked on, the same for all and others at each exchange."""
    num_episodes: int = 1
    """Episodes that each student plays on each of these levels."""
    generator: AbstractLevelGenerator | None = None
    """What draws these levels; the curriculum's own generator if it is none, and never a test."""
    seed: int = 0
    """Seed of these levels, and of all other chance in an exchange."""

    def __check_init__(self) -> None:
        check_at_least(self, 1, "every", "num_levels", "num_episodes")
        check_between(self, 0, 0.5, "share")
        check_positive(self, "share", "factors")
        check_between(self, 0, MAX_SEED, "seed")
        if not self.factors:
            raise ValueError("Tournament.factors is (); give at least one, such as (0.8, 1.25).")
        if isinstance(self.generator, AbstractSuite):
            raise ValueError(
                "Tournament.generator is a suite of tests; a tournament that is won on tests has "
                "trained on them. Give what draws levels for training, or leave it out."
            )

    def num_replaced(self, num_members: int) -> int:
        """How many members are replaced at an exchange."""
        return max(1, int(self.share * num_members))


class Exchanges(eqx.Module):
    """What happened at the exchanges of a tournament, or at those that were not due.

    All arrays have a leading axis `round`, unless they are of one exchange.
    """

    cycle: Int[Array, "*round"]
    """The cycles that all members had made."""
    is_due: Bool[Array, "*round"]
    """Whether there was an exchange; NaN and what was before stand for the rest if there was not.
    """
    scores: Float[Array, "*round member"]
    """The mean return of each member."""
    sources: Int[Array, "*round member"]
    """Which member each is a copy of; its own number if it was kept."""
    settings: dict[str, Float[Array, "*round member"]]
    """What each member had from there on, by the names of the swept settings."""


def run_tournament(
    runners: Runner,
    num_cycles: int,
    tournament: Tournament,
    mesh: Mesh | None = None,
    *,
    settings: tuple[Setting, ...] | None = None,
    side_by_side: bool | None = None,
) -> tuple[Runner, Metrics, Exchanges]:
    """Runs cycles of stacked runners as `run_members` does, with the exchanges of a tournament on
    the way, all as one compiled program.

    An exchange is due when the members begin a cycle with a multiple of `tournament.every` behind
    them, so none comes after the last cycle, with nothing left to train: if you call this again,
    it comes first.

    Arguments:

    - `runners`: at least four stacked runners, which have made equally many cycles. They are
      consumed.
    - `num_cycles`: a multiple of `tournament.every`, or a divisor of it.
    - `mesh`: as for `run_members`. Copies go from device to device without the host.
    - `settings`: what is changed in copies, see `swept_settings`. If None: in what the runners
      differ now. Give what you had at first if you call this again, since settings that differed
      may be equal by then. With () members are only copied.

    Raises `ValueError` if there are fewer than four members, a setting of the environment or of the
    levels' generator differs among them, no generator is known, or it is a held-out test of the
    experiment; and whatever `run_members` raises.
    """
    if settings is None:
        settings = swept_settings(runners)
    plan = _Plan(num_cycles, settings, mesh, side_by_side)
    runners, plan = _prepared(tournament, runners, plan)
    return _run_tournament(tournament, runners, plan)


def compile_tournament(
    runners: Runner,
    num_cycles: int,
    tournament: Tournament,
    mesh: Mesh | None = None,
    *,
    settings: tuple[Setting, ...],
    side_by_side: bool | None = None,
) -> tuple[Runner, Callable[[Runner], tuple[Runner, Metrics, Exchanges]]]:
    """The program of `run_tournament` for these runners, to be called again and again, and the
    runners to begin with: those given are consumed."""
    plan = _Plan(num_cycles, settings, mesh, side_by_side)
    runners, plan = _prepared(tournament, runners, plan)
    program = _run_tournament.lower(tournament, runners, plan).compile()
    return runners, lambda runners: program(tournament, runners, plan)


def tournament_step(
    members: Runner,
    scores: Float[Array, " member"],
    tournament: Tournament,
    settings: tuple[Setting, ...] = (),
    *,
    key: Key[Array, ""],
) -> tuple[Runner, Exchanges]:
    """One exchange, as a pure function: members with these scores, and those that come of them.

    A score that is NaN comes last. Nothing is consumed.
    """
    count, num_replaced = scores.shape[0], tournament.num_replaced(scores.shape[0])
    pairing_key, settings_key, fresh_key = jax.random.split(key, 3)
    merits = jnp.where(jnp.isnan(scores), -jnp.inf, scores)
    order = jnp.argsort(merits)
    losers, winners = order[:num_replaced], order[count - num_replaced :]
    winners = jax.random.permutation(pairing_key, winners)
    winners = jnp.where(merits[winners] > merits[losers], winners, losers)
    sources = jnp.arange(count).at[losers].set(winners)
    copied = sources != jnp.arange(count)
    new = jax.tree.map(lambda x: x[sources] if eqx.is_array(x) else x, members)
    new = _with_own_keys(new, members, copied, fresh_key)
    values = values_of(new, settings)
    factors = jnp.asarray(tournament.factors)
    for setting, own_key in zip(
        settings, jax.random.split(settings_key, len(settings)), strict=True
    ):
        before = values[setting.name]
        after = before * jax.random.choice(own_key, factors, (count,))
        is_valid = (after >= setting.low) & (after <= setting.high)
        values[setting.name] = jnp.where(copied & is_valid, after, before)
    exchange = Exchanges(members.num_cycles[0], jnp.array(True), scores, sources, values)
    return with_values(new, values), exchange


def check_tournament(
    tournament: Tournament, experiment: Experiment, num_members: int, settings: tuple[Setting, ...]
) -> None:
    """Raises `ValueError` if so many members, of which one has this experiment and which differ in
    those settings, cannot have such a tournament."""
    if num_members < FEWEST:
        raise ValueError(
            f"A tournament has at least {FEWEST} members, and here are {num_members}: give more "
            "seeds or settings."
        )
    place, generator = ranking_generator(tournament, experiment.curriculum)
    for setting in settings:
        if f"{setting.name}.".startswith((*(f"{name}." for name in SAME_FOR_ALL), place)):
            raise ValueError(
                f"{setting.name} differs among the members of a tournament, which must play the "
                "same levels of the same environment to be ranked: sweep it without a tournament."
            )
    suite = experiment.evaluation.suite if tournament.generator is not None else None
    for name, (_, tests) in dict(suite.panels(experiment.env) if suite else {}).items():
        if bool(eqx.tree_equal(tests, generator)):
            raise ValueError(
                f"Tournament.generator is the held-out test {name}; a tournament that is won on "
                "tests has trained on them. Give what draws levels for training, or leave it out."
            )


class _Plan(NamedTuple):
    """How members are run; all of it is part of the program."""

    num_cycles: int
    settings: tuple[Setting, ...]
    mesh: Mesh | None
    side_by_side: bool | None


def _prepared(tournament: Tournament, runners: Runner, plan: _Plan) -> tuple[Runner, _Plan]:
    check_tournament(tournament, runners.experiment, num_members(runners), plan.settings)
    num_cycles = plan.num_cycles
    if num_cycles > 0 and num_cycles % tournament.every and tournament.every % num_cycles:
        raise ValueError(
            f"run_tournament: num_cycles is {num_cycles}; it must be a multiple or a divisor of "
            f"Tournament.every, which is {tournament.every}."
        )
    cycles = runners.num_cycles
    if not isinstance(cycles, Tracer | jax.ShapeDtypeStruct) and not cycles.is_deleted():
        numbers = np.asarray(cycles)
        if (numbers != numbers[0]).any():
            raise ValueError(
                f"The members have made {', '.join(map(str, numbers))} cycles; in a tournament all "
                "have made equally many."
            )
    given = (runners, num_cycles, plan.mesh, plan.side_by_side)
    runners, side_by_side = prepared("run_tournament", *given)
    return runners, plan._replace(side_by_side=side_by_side)


def ranking_generator(
    tournament: Tournament, curriculum: AbstractCurriculum
) -> tuple[str, AbstractLevelGenerator]:
    """What draws the levels that members are ranked on, and its place in the experiment, with a dot
    at the end; a place that nothing has if it is no part of it."""
    if tournament.generator is not None:
        return "?.", tournament.generator

    def is_generator(node):
        return isinstance(node, AbstractLevelGenerator)

    for path, node in jax.tree_util.tree_leaves_with_path(curriculum, is_leaf=is_generator):
        if is_generator(node):
            name = jax.tree_util.keystr(path, simple=True, separator=".")
            return f"curriculum.{name}.", node
    raise ValueError(
        f"A tournament ranks its members on levels of the training distribution, and "
        f"{type(curriculum).__name__} has no generator that draws some: give Tournament(generator="
        "...)."
    )


@functools.partial(quick_jit, donate="all-except-first")
def _run_tournament(
    tournament: Tournament, runners: Runner, plan: _Plan
) -> tuple[Runner, Metrics, Exchanges]:
    num_cycles, settings, mesh, side_by_side = plan
    side_by_side = bool(side_by_side)
    arrays, static = eqx.partition(runners, eqx.is_array)
    length = max(1, min(num_cycles, tournament.every))

    def run_one(arrays):
        runner = eqx.combine(arrays, static)
        runner, metrics = filter_scan(lambda runner, _: runner.step(), runner, None, length)
        return eqx.filter(runner, eqx.is_array), metrics

    def exchange(arrays):
        members = eqx.combine(arrays, static)
        key = jax.random.fold_in(jax.random.key(tournament.seed), TOURNAMENT_STREAM)
        rank_key, step_key = jax.random.split(jax.random.fold_in(key, members.num_cycles[0]))
        scores = _scores(tournament, members, mesh, side_by_side, key=rank_key)
        members, done = tournament_step(members, scores, tournament, settings, key=step_key)
        return _spread(eqx.filter(members, eqx.is_array), mesh), done

    def go_on(arrays):
        members = eqx.combine(arrays, static)
        cycle = members.num_cycles
        nobody = jnp.full(cycle.shape, jnp.nan, jnp.float32)
        kept = jnp.arange(cycle.shape[0])
        settings_now = values_of(members, settings)
        return arrays, Exchanges(cycle[0], jnp.array(False), nobody, kept, settings_now)

    def run_round(arrays, _):
        cycle = eqx.combine(arrays, static).num_cycles[0]
        # At the first beginning of a round after each multiple, but not before the first cycle.
        before = jnp.maximum(cycle - length, 0)
        is_due = cycle // tournament.every > before // tournament.every
        arrays, done = jax.lax.cond(is_due, exchange, go_on, arrays)
        arrays, metrics = over_members(run_one, mesh, side_by_side)(arrays)
        return arrays, (metrics, done)

    arrays, (metrics, exchanges) = jax.lax.scan(run_round, arrays, None, num_cycles // length)
    metrics = jax.tree.map(lambda x: jnp.moveaxis(x, 0, 1).reshape(x.shape[1], num_cycles), metrics)
    return eqx.combine(_spread(arrays, mesh), static), _spread(metrics, mesh), exchanges


def _scores(
    tournament: Tournament,
    members: Runner,
    mesh: Mesh | None,
    side_by_side: bool,
    *,
    key: Key[Array, ""],
) -> Float[Array, " member"]:
    """The mean return of each member on the same levels, NaN where its students are no numbers."""
    level_key, play_key = jax.random.split(key)
    arrays, static = eqx.partition((members.experiment, members.students), eqx.is_array)
    first = jax.tree.map(lambda x: x[0] if eqx.is_array(x) else x, members.experiment)
    _, generator = ranking_generator(tournament, first.curriculum)
    levels = jax.vmap(lambda key: generator.sample(first.env.level_spec(), key=key))(
        jax.random.split(level_key, tournament.num_levels)
    )
    levels = jax.tree.map(lambda x: jnp.repeat(x, tournament.num_episodes, axis=0), levels)

    def score(arrays, levels):
        experiment, students = eqx.combine(arrays, static)

        def mean_return(student):
            results = evaluate(experiment.env, student.network, levels, key=play_key)
            return jnp.mean(results.returns)

        returns = jnp.mean(over_students(mean_return, students))
        floats = jax.tree.leaves(eqx.filter(students, eqx.is_inexact_array))
        is_finite = jnp.stack([jnp.isfinite(leaf).all() for leaf in floats]).all()
        return jnp.where(is_finite, returns, jnp.nan)

    def score_share(arrays, levels):
        if side_by_side:
            return jax.vmap(score, in_axes=(0, None))(arrays, levels)
        return jax.lax.map(lambda own: score(own, levels), arrays)

    if mesh is None:
        return score_share(arrays, levels)
    own, same = P(MEMBER_AXIS), P()
    return jax.shard_map(
        score_share, mesh=mesh, in_specs=(own, same), out_specs=own, check_vma=False
    )(arrays, levels)


def _with_own_keys(
    new: Runner, old: Runner, copied: Bool[Array, " member"], key: Key[Array, ""]
) -> Runner:
    """The new members with the random keys that they had, and those copied with fresh ones."""
    leaves, structure = jax.tree.flatten(new)
    own = jax.tree.leaves(old)
    seeds = jax.random.bits(key, (len(leaves),))
    for i, leaf in enumerate(own):
        if eqx.is_array(leaf) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            root = jax.random.key(seeds[i], impl=jax.random.key_impl(leaf))
            where = copied.reshape(-1, *(1,) * (leaf.ndim - 1))
            leaves[i] = jnp.where(where, jax.random.split(root, leaf.shape), leaf)
    return jax.tree.unflatten(structure, leaves)


def _spread(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """Asks that each device holds its share of the members."""
    if mesh is None:
        return tree
    sharding = NamedSharding(mesh, P(MEMBER_AXIS))
    return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, sharding), tree)
