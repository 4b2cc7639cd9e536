"""Does a tournament beat the same members without it, where some have a bad learning rate?

    python -m benchmarks.tournament

trains groups of eight cart-pole students: four learning rates, of which one is too small to learn
anything and one is large, with two seeds each. Each group is trained twice from the same start,
once as members that exchange nothing and once in a tournament. Groups have other seeds, so each
gives one difference. It takes a few minutes on two cores. Groups that the results file has already
are not trained again, and the page of results is made anew in any case.

All members are tested at the end on the same levels, which neither training nor the tournament
drew.
"""

import argparse
import datetime
import json
import pathlib
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from minimax_eqx import Experiment, Runner, rollouts, statistics
from minimax_eqx._composition._draft import with_changes
from minimax_eqx.envs.boxes import Uniform
from minimax_eqx.recipes import cart_pole
from minimax_eqx.runners import Tournament, member, run_members, run_tournament

from . import page
from .machine import commit

RESULTS = pathlib.Path(__file__).parent / "results" / "tournament.json"
LEARNING_RATES, NUM_SEEDS = (1e-2, 3e-3, 1e-3, 1e-6), 2
GROUPS = (1, 2, 3, 4, 5, 6)
NUM_CYCLES, NUM_TEST_LEVELS, TEST_SEED = 60, 200, 2026
TOURNAMENT = Tournament(every=10, num_levels=16)
SIZES = {"num_levels": 8, "num_steps": 100, "max_episode_steps": 100, "num_epochs": 4}


def make_group(group: int) -> Runner:
    """Eight members, stacked."""
    experiment = cart_pole.dr(track_level_metrics=False, **SIZES)

    def make(seed, learning_rate):
        changed = with_changes(experiment, {"learning_rate": learning_rate})
        return Runner.create(changed, key=jax.random.key(seed))

    seeds = jnp.tile(100 * group + jnp.arange(NUM_SEEDS), len(LEARNING_RATES))
    rates = jnp.repeat(jnp.asarray(LEARNING_RATES), NUM_SEEDS)
    return eqx.filter_jit(eqx.filter_vmap(make))(seeds, rates)


def train(group: int, version: str) -> dict[str, Any]:
    """What the members of a group reach, alone and in a tournament, by their first settings."""
    alone, _ = run_members(make_group(group), NUM_CYCLES)
    together, _, exchanges = run_tournament(make_group(group), NUM_CYCLES, TOURNAMENT)
    [rates] = exchanges.settings.values()
    return {
        "alone": test(alone),
        "tournament": test(together),
        "final_learning_rates": [float(f"{rate:.3g}") for rate in np.asarray(rates)[-1]],
        "copies": int((np.asarray(exchanges.sources) != np.arange(8)).sum()),
        "date": datetime.date.today().isoformat(),
        "commit": version,
    }


def test(runners: Runner) -> list[float]:
    """The mean return of each member on the levels of the test."""
    experiment: Experiment = member(runners, 0).experiment
    level_key, play_key = jax.random.split(jax.random.key(TEST_SEED))
    sample = lambda key: Uniform().sample(experiment.env.level_spec(), key=key)  # noqa: E731
    levels = jax.vmap(sample)(jax.random.split(level_key, NUM_TEST_LEVELS))
    found = []
    for i in range(runners.num_cycles.shape[0]):
        network = member(runners, i).students.first().network
        played = rollouts.evaluate(experiment.env, network, levels, key=play_key)
        found.append(round(float(played.returns.mean()), 4))
    return found


def read(folder: pathlib.Path) -> dict[str, Any]:
    """What was trained so far, by group."""
    path = folder / RESULTS.name
    return json.loads(path.read_text()) if path.exists() else {}


def section(results: dict[str, Any]) -> str:
    """The part of the page of results that shows them."""
    told = [f"{found['date']}, commit {found['commit']}" for found in results.values()]
    head = ["measured", "groups", "without", "in a tournament", "difference"]
    table = "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * 5, *rows(results)])
    rates = ", ".join(f"{rate:g}" for rate in LEARNING_RATES)
    return (
        "## tournament\n\n"
        f"Made by `python -m benchmarks.tournament`: {'; '.join(dict.fromkeys(told))}. Groups of "
        f"{NUM_SEEDS * len(LEARNING_RATES)} cart-pole students with learning rates {rates}, which "
        "are trained from the same start as members that exchange nothing and in a tournament. The "
        "mean return on levels that had no part in it, of at most 1, in the mean over groups. The "
        "difference has a bootstrap interval of 95 % over groups, each of which has seeds of its "
        f"own.\n\n{table}\n"
    )


def rows(results: dict[str, Any]) -> list[list[str]]:
    """The table: what is measured, alone, in a tournament, and the difference with its interval."""
    groups = sorted(results, key=int)
    found = []
    for name, of in (("mean of all members", np.mean), ("best member", np.max)):
        alone, together = (
            np.array([of(results[g][how]) for g in groups]) for how in ("alone", "tournament")
        )
        difference = statistics.bootstrap(statistics.mean, (together - alone)[:, None])
        cells = [f"{alone.mean():.3f}", f"{together.mean():.3f}"]
        cells.append(f"{difference.value:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})")
        found.append([name, str(len(groups)), *cells])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.tournament")
    parser.add_argument("groups", nargs="*", type=int, help="by default all")
    chosen = parser.parse_args().groups or GROUPS
    results, version = read(RESULTS.parent), commit()
    for group in chosen:
        if str(group) not in results:
            results[str(group)] = train(group, version)
            RESULTS.write_text(json.dumps(results, indent=2) + "\n")
            print(group, results[str(group)], flush=True)
    print(section(results))
    page.write(RESULTS.parent)


if __name__ == "__main__":
    main()
