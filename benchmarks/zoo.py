"""`python -m benchmarks zoo`: trains every method on mazes of 7 x 7 cells and prints one table.

All methods have the same small student and about as many transitions, searches and designs
included. After training the first student is tested on mazes of the same size. This shows that
every method works and what it costs; to compare methods takes more training, tuning and seeds.

What a cycle should take follows from robust PLR, whose cycles are timed by turns with those of each
method: the time of its cycles without update, and of what an update adds. See `derived_seconds`. Of
a method that takes more, a profile says why.
"""

import argparse
import dataclasses
import functools
import pathlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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

from .cycle import stepper
from .extras import extra_passes
from .machine import describe_machine
from .places import places
from .timing import MatrixProduct, block, timed

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
# From how much more than derived a profile says why, and how many places it names.
TOO_MUCH, NUM_PLACES = 1.2, 4
NUM_BESIDE = 60
# What is in no count of forward passes.
WORK_WITHOUT_NETWORKS = {
    "maze-remidi": "Each step of the students is also a step of every stored level of earlier "
    "buffers, in all cycles; forward passes do not count steps of the environment.",
}


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
    beside: dict[bool, float]
    """The same of the baseline's cycles in between."""
    profile: Callable[[], Mapping[str, float]] = dict
    """Measures the share of each place in the time of its cycles."""


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
    lines, reasons, failed = [], [], False
    for line, reason, is_well in _rows(chosen, options.transitions, options.minutes):
        print(line, reason, sep="\n" if reason else "", flush=True)
        lines.append(line)
        reasons += [reason] * bool(reason)
        failed = failed or not is_well
    if not options.only:
        parts = (_introduction(options.transitions), *lines, *_explained(reasons))
        options.page.write_text("\n".join(parts) + "\n")
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


class Beside:
    """The baseline's cycles, one after each of another method's: a machine's speed drifts."""

    def __init__(self) -> None:
        self._seconds: dict[bool, list[float]] = {}

    @functools.cached_property
    def _step(self) -> Callable[[], Any]:
        # Profiles need all calls that an instruction comes from; a cache may hold fewer.
        jax.config.update("jax_traceback_in_locations_limit", -1)
        jax.config.update("jax_compilation_cache_include_metadata_in_key", True)
        ahead = CompileAhead(making(tiny(RECIPES[BASELINE]())), 1)
        step = stepper(ahead.runner(), ahead.compile())
        for _ in range(20):  # until it replays
            block(step())
        return step

    def begin(self) -> None:
        block(self._step())
        self._seconds = {False: [], True: []}

    def cycle(self) -> None:
        if sum(map(len, self._seconds.values())) < NUM_BESIDE:
            elapsed, metrics = timed(self._step)
            self._seconds[_updates(metrics)].append(elapsed)

    def medians(self) -> dict[bool, float]:
        return _medians(self._seconds)


def train(name: str, transitions: int, baseline: Beside) -> Result:
    """Trains a method for about so many transitions, and tests its first student."""
    baseline.begin()
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
            seconds[_updates(metrics)].append(elapsed)
            baseline.cycle()
    medians = _medians(seconds)
    updates = len(seconds[True]) / (num_cycles - 1)
    return Result(
        name,
        successes=test(runner),
        seconds=sum(len(seconds[kind]) * median for kind, median in medians.items())
        / (num_cycles - 1),
        transitions=per_cycle,
        passes=_passes(runner, updates, share),
        seconds_of_kind=medians,
        beside=baseline.medians(),
        profile=lambda: places(runner, program),
    )


def _updates(metrics: Mapping[str, Any]) -> bool:
    return bool(metrics["updated"][0] > 0)


def _medians(seconds: Mapping[bool, Sequence[float]]) -> dict[bool, float]:
    return {kind: statistics.median(taken) for kind, taken in seconds.items() if taken}


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


def _passes(runner: Runner, updates: float, share: float) -> float | None:
    """Forward passes for each transition, of which that share is learned from in that share of
    cycles; an update takes three for each epoch, as a backward pass is worth two."""
    experiment = runner.experiment
    if isinstance(getattr(experiment.curriculum, "generator", None), LearnedGenerator):
        return None
    student, updated = experiment.student, updates * share
    assert isinstance(student, PPO)
    cloning = 0.0 if student.peer_loss is None else updated
    return 1 + 3 * student.num_epochs * updated + cloning + extra_passes(runner, updates)


def derived_seconds(result: Result, baseline: Result) -> float | None:
    """What a cycle should take, by its forward passes and the baseline's seconds beside it.

    The first pass, the rollout, takes what the baseline's cycles without update take. Each further
    one takes its part of what an update adds there. None where that is not known.
    """
    if result.passes is None or result.beside.keys() != {False, True}:
        return None
    without, with_update = result.beside[False], result.beside[True]
    of_pass = (with_update - without) / (3 * STUDENT.num_epochs)
    seconds = without + (result.passes - 1) * of_pass
    return seconds * result.transitions / baseline.transitions


def _rows(
    names: Sequence[str], transitions: int, minutes: float
) -> Iterator[tuple[str, str, bool]]:
    """Lines of the table, each as soon as it is known, with why it takes more than derived, if it
    does, and whether all is well."""
    columns = (
        *("method", *(f"solved, {kind}" for kind in TESTS), "transitions per cycle"),
        *("s per cycle", "beside PLR, per transition", "passes", "s derived", "measured / derived"),
    )
    yield f"| {' | '.join(columns)} |", "", True
    yield f"| --- |{' ---: |' * (len(columns) - 1)}", "", True
    begin, beside, baseline = time.perf_counter(), Beside(), None
    for name in names:
        if time.perf_counter() - begin > 60 * minutes:
            yield _row(name, f"not run: the {minutes:g} minutes are over", len(columns)), "", True
            continue
        try:
            result = train(name, transitions, beside)
            baseline = baseline or result
            reason = _reason(result, baseline)
        except Exception as error:  # whatever it is, the others go on
            words = str(error).splitlines() or [""]
            what = f"failed: {type(error).__name__}: {words[0][:120]}"
            yield _row(name, what.replace("|", "/"), len(columns)), "", False
            continue
        yield _measured_row(result, baseline), reason, True


def _reason(result: Result, baseline: Result) -> str:
    """Where the time of a method goes that takes more than derived; empty for others."""
    derived = derived_seconds(result, baseline)
    if derived is None or result.seconds <= TOO_MUCH * derived:
        return ""
    largest = list(result.profile().items())[:NUM_PLACES]
    said = ", ".join(f"{place} {share:.0%}" for place, share in largest)
    besides = WORK_WITHOUT_NETWORKS.get(result.name)
    return f"- `{result.name}`: {said}." + (f" {besides}" if besides else "")


def _explained(reasons: Sequence[str]) -> list[str]:
    if not reasons:
        return []
    return [
        f"""
## Those above {TOO_MUCH:g} times what is derived

Where the time of their cycles goes, by JAX's profiler: *playing* and *learning* are what the
students do, a file is that part of the method with all that it calls, and *the rest* belongs to
none of them. A part that is no network has no forward passes, and small products run slower than
the products of an update.
""",
        *reasons,
    ]


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
it, and 15 more if the student learns from it, which many methods do with a part of them only. A
method's own networks and densities count by their matrix products. *Derived* seconds follow from
the passes and from robust PLR, whose cycles take turns with the method's: those without update give
the time of playing, and the others the time of learning. Teachers have networks of their own, for
which nothing is derived.
"""
