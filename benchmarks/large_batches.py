"""How students learn from 32, 256 and 2,048 levels at once, with Adam and with LAMB.

    python -m benchmarks.large_batches

trains domain randomisation on mazes of 7 x 7 cells, with as many transitions and passes over them
in every setting, so a batch of 64 times as many levels makes a 64th of the gradient steps. The
learning rates are chosen at 32 levels alone, by the mean over seeds of a grid. At larger batches
they follow from a rule and not from a search. Adam keeps its rate, or has it times the root of the
ratio of batches. LAMB has what *Large Batch Simulation* (Shacklett et al. 2021, arXiv 2103.07013)
says: the root too, a way back to the usual rate on half a cosine over the first half of training,
and bounds of the trust ratio. We add a short warm-up. The seeds and rates of a setting are members
of one program.

It takes some twelve minutes of processor time. Settings that the results file has already are not
trained again; `--again` begins anew. `python -m benchmarks page` puts the results on the page.
"""

import argparse
import datetime
import json
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from minimax_eqx import Experiment, Runner
from minimax_eqx.agents import PPO, Adam, Lamb, OverSteps
from minimax_eqx.curricula import DomainRandomisation
from minimax_eqx.envs import Maze
from minimax_eqx.envs.maze import RandomWalls
from minimax_eqx.nets import ActorCritic, GridEncoder, MLPHead, NoMemory
from minimax_eqx.nets._policy import AbstractPolicy
from minimax_eqx.rollouts import evaluate
from minimax_eqx.runners import member, run_members
from minimax_eqx.runners._arrays import as_arrays
from minimax_eqx.runners._members import stacked

from .machine import commit, describe

RESULTS = pathlib.Path(__file__).parent / "results"
FILE = "large_batches.json"
SIZES = (32, 256, 2048)
SEEDS = (1, 2, 3)
NUM_STEPS, NUM_EPOCHS, NUM_MINIBATCHES = 64, 4, 4
# Of each student: 256 updates from 32 levels, 4 from 2,048.
TRANSITIONS = 2**19
NUM_TESTS = 1000
RATES = {"Adam": (1e-3, 3e-3), "LAMB": (3e-3, 1e-2)}
BY_ROOT = "Adam, rate times the root"
ENV = Maze(height=7, width=7, max_episode_steps=NUM_STEPS)
GENERATOR = RandomWalls(num_walls=10)
SECTION = """## Large batches: Adam and LAMB

{about}. Each student learns from {transitions:,} transitions of mazes of 7 x 7 cells, whatever the
number of levels in a batch, with {epochs} passes in {minibatches} parts. Success is the share of
{tests:,} unseen mazes that it solves in the end: the mean over {seeds} seeds, and each of them. The
learning rates are the best of a grid at 32 levels ({grid}), and scaled by rule at more levels. A
student that has not learned anything solves {untrained:.0%}. {best}

It shows you what the rules of scaling do without any search, in the short training of a small
student. It does not show which optimiser is better where both are tuned for each batch, nor how
they do with large networks and billions of frames, which LAMB and its rule were made for. The seeds
are few.
"""


def experiment(levels: int, optimiser: Adam | Lamb) -> Experiment:
    """One setting."""
    network = ActorCritic(GridEncoder(num_filters=8), NoMemory(), MLPHead(head_size=32))
    student = PPO(
        network,
        optimiser=optimiser,
        discount=0.99,
        gae_lambda=0.95,
        entropy_coef=0.01,
        num_epochs=NUM_EPOCHS,
        num_minibatches=NUM_MINIBATCHES,
    )
    curriculum = DomainRandomisation(GENERATOR, num_levels=levels, num_spare_levels=3)
    return Experiment(ENV, student, curriculum, num_steps=NUM_STEPS, track_level_metrics=False)


def num_updates(levels: int) -> int:
    """How many updates there are from that many levels."""
    return TRANSITIONS // (levels * NUM_STEPS)


def optimiser(name: str, levels: int, rate: float) -> Adam | Lamb:
    """The optimiser of a setting whose rate at 32 levels is known."""
    ratio, steps = levels / SIZES[0], num_updates(levels) * NUM_EPOCHS * NUM_MINIBATCHES
    if name == "LAMB":
        annealing = OverSteps(steps // 2)
        return Lamb(rate, batch_ratio=ratio, warmup_steps=steps // 20, annealing=annealing)
    return Adam(rate * ratio**0.5 if name == BY_ROOT else rate)


def train(settings: Sequence[Experiment]) -> dict[str, Any]:
    """Success of each of these, which are one program, for each seed; and what it took."""
    begin, cpu = time.perf_counter(), time.process_time()
    made = [_made(as_arrays(one), jnp.asarray(seed)) for one in settings for seed in SEEDS]
    cycles = num_updates(settings[0].curriculum.levels_per_cycle)
    runners, _ = run_members(stacked(made), cycles)
    success = [_success(member(runners, i)) for i in range(len(made))]
    return {
        "success": np.reshape(success, (len(settings), len(SEEDS))).round(4).tolist(),
        "seconds": round(time.perf_counter() - begin, 1),
        "processor_seconds": round(time.process_time() - cpu, 1),
    }


@eqx.filter_jit
def _made(setting: Experiment, seed: jax.Array) -> Runner:
    return Runner.create(setting, key=jax.random.key(seed))


def _success(runner: Runner) -> float:
    return float(_success_of(runner.students.first().network))


@eqx.filter_jit
def _success_of(network: AbstractPolicy) -> jax.Array:
    sample = lambda key: GENERATOR.sample(ENV.level_spec(), key=key)  # noqa: E731
    levels = jax.vmap(sample)(jax.random.split(jax.random.key(2026), NUM_TESTS))
    results = evaluate(ENV, network, levels, key=jax.random.key(7))
    return jnp.mean(results.successes.astype(jnp.float32))


def measure(results: dict[str, Any]) -> None:
    """Trains what is missing, and writes the results after each setting."""

    def keep(name: str, **found: Any) -> None:
        results[name] = {**found, "date": datetime.date.today().isoformat(), "commit": commit()}
        (RESULTS / FILE).write_text(json.dumps({"machine": describe(), **results}, indent=2) + "\n")
        print(name, found, flush=True)

    if "untrained" not in results:
        runner = _made(as_arrays(experiment(SIZES[0], Adam())), jnp.asarray(0))
        keep("untrained", success=_success(runner))
    for name, rates in RATES.items():
        if f"{name}, {SIZES[0]}" not in results:
            grid = [experiment(SIZES[0], optimiser(name, SIZES[0], rate)) for rate in rates]
            found = train(grid)
            best = int(np.argmax(np.mean(found["success"], axis=1)))
            tried = dict(zip(map(str, rates), found.pop("success"), strict=True))
            keep(f"{name}, {SIZES[0]}", rate=rates[best], grid=tried, **found)
    for levels in reversed(SIZES[1:]):
        for names in (("Adam", BY_ROOT), ("LAMB",)):
            if f"{names[0]}, {levels}" not in results:
                rate = results[f"{names[0]}, {SIZES[0]}"]["rate"]
                found = train([experiment(levels, optimiser(n, levels, rate)) for n in names])
                for name, success in zip(names, found.pop("success"), strict=True):
                    keep(f"{name}, {levels}", rate=rate, success=success, **found)


def read(folder: pathlib.Path = RESULTS) -> dict[str, Any]:
    """What was measured so far; empty if there is nothing."""
    path = folder / FILE
    return json.loads(path.read_text()) if path.exists() else {}


def section(results: Mapping[str, Any]) -> str:
    """The results as a section of the page."""
    rows = [
        "| optimiser | " + " | ".join(f"{n:,} levels" for n in SIZES) + " |",
        "| --- " * 4 + "|",
    ]
    for name in ("Adam", BY_ROOT, "LAMB"):
        cells = [_cell(results, name, levels) for levels in SIZES]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    steps = [f"{num_updates(n) * NUM_EPOCHS * NUM_MINIBATCHES:,}" for n in SIZES]
    rows.append(f"| gradient steps | {' | '.join(steps)} |")
    chosen = []
    for name in RATES:
        found = results.get(f"{name}, {SIZES[0]}")
        if found:
            chosen.append(f"{name}: {found['rate']:g} of {', '.join(found['grid'])}")
    machine = results["machine"]
    about = f"{machine['date']}, {machine['processor']}, jax {machine['jax']}"
    text = SECTION.format(
        about=about,
        transitions=TRANSITIONS,
        epochs=NUM_EPOCHS,
        minibatches=NUM_MINIBATCHES,
        tests=NUM_TESTS,
        seeds=len(SEEDS),
        grid="; ".join(chosen),
        untrained=results["untrained"]["success"],
        best=_best(results),
    )
    return "\n".join([text, *rows]) + "\n"


def _best(results: Mapping[str, Any]) -> str:
    """Who came first at each size."""
    firsts = []
    for levels in SIZES:
        names = [n for n in (*RATES, BY_ROOT) if f"{n}, {levels}" in results]
        if names:
            name = max(names, key=lambda n: np.mean(_successes(results, n, levels)))
            firsts.append(f"{name} at {levels:,} levels")
    return f"The highest mean has {'; '.join(firsts)}."


def _successes(results: Mapping[str, Any], name: str, levels: int) -> list[float]:
    """Those of the seeds, with the rate that was chosen."""
    found = results[f"{name}, {levels}"]
    return found["grid"][str(found["rate"])] if "grid" in found else found["success"]


def _cell(results: Mapping[str, Any], name: str, levels: int) -> str:
    """The mean of a setting, and its seeds."""
    if f"{name}, {levels}" not in results:
        return ""
    success = _successes(results, name, levels)
    seeds = " ".join(f"{100 * value:.0f}" for value in success)
    return f"{np.mean(success):.1%} ({seeds})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.large_batches")
    parser.add_argument("--again", action="store_true", help="train all of it again")
    results = {} if parser.parse_args().again else read()
    results.pop("machine", None)
    measure(results)
    print(section(read()))


if __name__ == "__main__":
    main()
