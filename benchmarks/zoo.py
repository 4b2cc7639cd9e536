"""`python -m benchmarks zoo`: trains every method on mazes of 7 x 7 cells and prints one table.

All methods have the same small student and about as many transitions, searches and designs
included. After training the first student is tested on mazes of the same size. This shows that
every method works and what it costs; to compare methods takes more training, tuning and seeds.

What a cycle should take follows from robust PLR in the same run: the time of its cycles without
update, and of what an update adds. See `derived_seconds`.
"""

import argparse
import dataclasses
import pathlib
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np

from minimax_eqx import Experiment, Runner
from minimax_eqx._composition._draft import draft_of, made, options_of
from minimax_eqx.agents import PPO, Adam
from minimax_eqx.curricula import LearnedGenerator
from minimax_eqx.envs import AbstractLevelGenerator, Maze
from minimax_eqx.envs.maze import PerfectMaze, RandomWalls
from minimax_eqx.nets import LSTM, ActorCritic, GridEncoder, MLPHead
from minimax_eqx.recipes import small
from minimax_eqx.recipes._known import RECIPES
from minimax_eqx.rollouts import evaluate
from minimax_eqx.runners import Evaluation
from minimax_eqx.runners._ahead import CompileAhead, making

from .machine import describe_machine
from .timing import MatrixProduct, timed

BASELINE = "maze-robust-plr"
PAGE = pathlib.Path(__file__).parents[1] / "docs" / "methods" / "costs.md"
SIZE, NUM_WALLS, NUM_TESTS = 7, 10, 200
MOST_CYCLES = 400
STUDENT = PPO(
    ActorCritic(GridEncoder(num_filters=8), LSTM(hidden_size=32), MLPHead(head_size=16)),
    optimiser=Adam(learning_rate=3e-3),
    discount=0.99,
    gae_lambda=0.95,
    entropy_coef=0.01,
)
# What is less in a small recipe stays as it is there.
AT_MOST = {
    **{"num_steps": 64, "max_episode_steps": 64, "num_walls": NUM_WALLS, "capacity": 128},
    **{"num_candidates": 128, "num_training_cycles": 16, "updates_per_buffer": 25},
    **{"hidden_size": 32, "head_size": 16},
}
EXACTLY = {"height": SIZE, "width": SIZE}
TESTS = {"random": RandomWalls(num_walls=NUM_WALLS), "perfect": PerfectMaze()}
# Forward passes that a method needs for each transition that it plays, besides those of rollouts
# and updates.
EXTRA_PASSES = {"maze-pace": 3.0}


@dataclasses.dataclass(frozen=True)
class Result:
    """What became of one method."""

    name: str
    successes: dict[str, float]
    """Success rate on each kind of test."""
    seconds: float
    """Of a cycle, in the mean."""
    transitions: int
    """Of a cycle."""
    passes: float | None
    """Forward passes for each transition; None where a teacher's are not derived."""
    seconds_of_kind: dict[bool, float]
    """The median of cycles without update and with one."""


def main(arguments: Sequence[str]) -> int:
    """Trains, prints a row after each method, and writes the page; the exit status is 1 if a method
    failed, and 2 for a method that there is not."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks zoo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="RECIPE", help="these alone; writes no page"
    )
    parser.add_argument(
        "--transitions", type=int, default=100_000, help="for each method (%(default)d)"
    )
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="none begins after that (%(default)g)"
    )
    parser.add_argument("--page", type=pathlib.Path, default=PAGE, help="where the table goes")
    options = parser.parse_args(arguments)
    known = methods()
    unknown = [name for name in options.only if name not in known]
    if unknown:
        print(f"No methods for mazes: {', '.join(unknown)}; there are {', '.join(known)}.")
        return 2
    chosen = [n for n in known if not options.only or n in (BASELINE, *options.only)]
    lines, failed = [], False
    for line, is_well in _rows(chosen, options.transitions, options.minutes):
        print(line, flush=True)
        lines.append(line)
        failed = failed or not is_well
    if not options.only:
        options.page.write_text("\n".join((_introduction(options.transitions), *lines)) + "\n")
        print(options.page)
    return int(failed)


def methods() -> list[str]:
    """The recipes for mazes, robust PLR first, and each method once: another core is the same."""
    mazes = [n for n in RECIPES if n.startswith("maze-") and not n.endswith("-s5")]
    mazes = [name for name in mazes if eqx.tree_equal(RECIPES[name]().env, Maze())]
    return sorted(mazes, key=lambda name: name != BASELINE)


def tiny(experiment: Experiment) -> Experiment:
    """The method on mazes of 7 x 7 cells, with the student that all have."""
    draft = draft_of(small(experiment))
    for option in options_of(draft):
        name, value = option.field.name, option.value
        if name in AT_MOST and isinstance(value, int):
            value = min(value, AT_MOST[name])
        option.draft.values[name] = EXACTLY.get(name, value)
    # Those in lists are no options.
    shrunk = jax.tree.map(_with_few_walls, made(draft), is_leaf=_has_walls)
    student = dataclasses.replace(STUDENT, peer_loss=shrunk.student.peer_loss)
    return dataclasses.replace(shrunk, student=student, evaluation=Evaluation())


def _has_walls(part: Any) -> bool:
    return isinstance(part, RandomWalls)


def _with_few_walls(part: Any) -> Any:
    return dataclasses.replace(part, num_walls=NUM_WALLS) if _has_walls(part) else part


def train(name: str, transitions: int) -> Result:
    """Trains a method for about so many transitions, and tests its first student."""
    experiment = tiny(RECIPES[name]())
    per_cycle = experiment.transitions_per_cycle
    num_cycles = min(max(2, round(transitions / per_cycle)), MOST_CYCLES)
    ahead = CompileAhead(making(experiment), 1)
    runner, program = ahead.runner(), ahead.compile()
    share = _share_of_levels_to_learn_from(runner)
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for cycle in range(num_cycles):
        elapsed, (runner, metrics) = timed(lambda runner=runner: program(runner, 1))
        if cycle > 0:  # the first loads the program
            seconds[bool(metrics["updated"][0] > 0)].append(elapsed)
    medians = {kind: statistics.median(taken) for kind, taken in seconds.items() if taken}
    updates = len(seconds[True]) / (num_cycles - 1)
    return Result(
        name,
        successes=test(runner),
        seconds=sum(len(seconds[kind]) * median for kind, median in medians.items())
        / (num_cycles - 1),
        transitions=per_cycle,
        passes=_passes(name, experiment, updates * share),
        seconds_of_kind=medians,
    )


def test(runner: Runner) -> dict[str, float]:
    """How often the first student solves levels that can be solved, of each kind of test."""
    env, network = runner.experiment.env, runner.students.first().network
    assert isinstance(env, Maze)
    rates = {}
    for kind, generator in TESTS.items():
        levels, solvable = _tests(env, generator)
        results = evaluate(env, network, levels, key=jax.random.key(2))
        rates[kind] = float(np.mean(np.asarray(results.successes)[solvable]))
    return rates


@eqx.filter_jit
def _drawn(env: Maze, generator: AbstractLevelGenerator) -> Any:
    keys = jax.random.split(jax.random.key(1), NUM_TESTS)
    levels = jax.vmap(lambda key: generator.sample(env.level_spec(), key=key))(keys)
    return levels, jax.vmap(env.optimal_return)(levels) > 0


def _tests(env: Maze, generator: AbstractLevelGenerator) -> tuple[Any, np.ndarray]:
    levels, solvable = _drawn(env, generator)
    return levels, np.asarray(solvable)


def _share_of_levels_to_learn_from(runner: Runner) -> float:
    curriculum = runner.experiment.curriculum
    _, proposal = eqx.filter_eval_shape(
        lambda state: curriculum.propose(state, key=jax.random.key(0)), runner.curriculum_state
    )
    num_levels = curriculum.levels_per_cycle
    return (proposal.num_update_levels or num_levels) / num_levels


def _passes(name: str, experiment: Experiment, updated: float) -> float | None:
    """Forward passes for each transition, of which that share is learned from; an update takes
    three for each epoch, as a backward pass is worth two."""
    if isinstance(getattr(experiment.curriculum, "generator", None), LearnedGenerator):
        return None
    student = experiment.student
    assert isinstance(student, PPO)
    cloning = 0.0 if student.peer_loss is None else updated
    return 1 + 3 * student.num_epochs * updated + cloning + EXTRA_PASSES.get(name, 0.0)


def derived_seconds(result: Result, baseline: Result) -> float | None:
    """What a cycle should take, by its forward passes and the baseline's seconds.

    The first pass, the rollout, takes what the baseline's cycles without update take. Each further
    one takes its part of what an update adds there. None where that is not known.
    """
    if result.passes is None or baseline.seconds_of_kind.keys() != {False, True}:
        return None
    without, with_update = baseline.seconds_of_kind[False], baseline.seconds_of_kind[True]
    of_pass = (with_update - without) / (3 * STUDENT.num_epochs)
    seconds = without + (result.passes - 1) * of_pass
    return seconds * result.transitions / baseline.transitions


def _rows(names: Sequence[str], transitions: int, minutes: float) -> Iterator[tuple[str, bool]]:
    """Lines of the table, each as soon as it is known, and whether all is well."""
    columns = (
        *("method", *(f"solved, {kind}" for kind in TESTS), "transitions per cycle"),
        *("s per cycle", "beside PLR, per transition", "passes", "s derived", "measured / derived"),
    )
    yield f"| {' | '.join(columns)} |", True
    yield f"| --- |{' ---: |' * (len(columns) - 1)}", True
    begin, baseline = time.perf_counter(), None
    for name in names:
        if time.perf_counter() - begin > 60 * minutes:
            yield _row(name, f"not run: the {minutes:g} minutes are over", len(columns)), True
            continue
        try:
            result = train(name, transitions)
        except Exception as error:  # whatever it is, the others go on
            words = str(error).splitlines() or [""]
            what = f"failed: {type(error).__name__}: {words[0][:120]}"
            yield _row(name, what.replace("|", "/"), len(columns)), False
            continue
        baseline = baseline or result
        yield _measured_row(result, baseline), True


def _row(name: str, what: str, num_columns: int) -> str:
    return f"| `{name}` | {what} |{' |' * (num_columns - 2)}"


def _measured_row(result: Result, baseline: Result) -> str:
    derived = derived_seconds(result, baseline)
    beside = result.seconds / result.transitions / (baseline.seconds / baseline.transitions)
    cells = [
        f"`{result.name}`",
        *(f"{rate:.0%}" for rate in result.successes.values()),
        f"{result.transitions:,}",
        f"{result.seconds:.4f}",
        f"{beside:.2f}",
        "" if result.passes is None else f"{result.passes:.1f}",
        "" if derived is None else f"{derived:.4f}",
        "" if derived is None else f"{result.seconds / derived:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def _introduction(transitions: int) -> str:
    machine = describe_machine(MatrixProduct())
    return f"""# What each method costs

Made by `python -m benchmarks zoo`; do not edit it. Taken on {machine["date"]} at commit
{machine["commit"]}: {machine["cores"]} cores of {machine["processor"]}, JAX {machine["jax"]} on
{machine["backend"]}.

Every method trains the same small student on mazes of {SIZE} x {SIZE} cells for about
{transitions:,} transitions, with the sizes of its small recipe or less. *Solved* is how often the
first student solves {NUM_TESTS} random mazes with {NUM_WALLS} walls, and as many perfect mazes.
This is no comparison of methods, which would take more training, tuning and seeds.

*Passes* are forward passes of the student's network for each transition that is played: 1 to play
it, and 15 for one that is learned from, which is only a share of them. *Derived* seconds follow
from them and from robust PLR in the same run, whose cycles without update give the time of playing,
and whose other cycles give the time of learning. Teachers have networks of their own, for which
nothing is derived.
"""
