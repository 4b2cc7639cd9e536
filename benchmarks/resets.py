"""What it costs that an episode ends: many short episodes beside few long ones."""

from typing import Any

from minimax_eqx import Experiment
from minimax_eqx._composition._draft import with_changes
from minimax_eqx.recipes import maze
from minimax_eqx.runners._ahead import making

from .phases import student_phases
from .timing import Limits, MatrixProduct, measure_in_turn, with_rate

EPISODE_STEPS = (5, 250)


def bench(
    yardstick: MatrixProduct, limits: Limits, experiment: Experiment | None = None
) -> dict[str, dict[str, Any]]:
    """A rollout of an experiment, by default of `maze-dr`, with short and with long episodes.

    Both take equally many steps, by turns, so what the short ones take longer is the cost of their
    resets. A rollout is what resets are part of; in a whole cycle the update would hide them.
    """
    base = experiment or maze.dr()
    functions, num_steps = {}, base.transitions_per_cycle
    for most in EPISODE_STEPS:
        runner = making(with_changes(base, {"max_episode_steps": most}))()
        functions[_line(most)] = student_phases(runner)["rollout"]
    timings = measure_in_turn(functions, yardstick, limits)
    results: dict[str, dict[str, Any]] = {
        line: dict(with_rate(timing, num_steps)) for line, timing in timings.items()
    }
    short, long = (results[_line(most)] for most in EPISODE_STEPS)
    short["longer"] = short["seconds"] / long["seconds"] - 1
    short["note"] = f"{short['longer']:+.1%} beside long episodes"
    return results


def _line(most: int) -> str:
    return f"rollout, episodes of at most {most} steps"
