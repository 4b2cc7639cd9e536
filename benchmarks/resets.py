"""What it costs that an episode ends: many short episodes beside few long ones."""

import dataclasses
from typing import Any

from minimax_eqx.experiment import Config, make_runner, preset

from .phases import student_phases
from .timing import Limits, MatrixProduct, measure_in_turn, with_rate

EPISODE_STEPS = (5, 250)


def bench(
    yardstick: MatrixProduct, limits: Limits, config: Config | None = None
) -> dict[str, dict[str, Any]]:
    """A rollout of a configuration, by default of `maze-dr`, with short and with long episodes.

    Both take equally many steps, by turns, so what the short ones take longer is the cost of their
    resets. A rollout is what resets are part of; in a whole cycle the update would hide them.
    """
    base = config or preset("maze-dr")
    functions, num_steps = {}, base.curriculum.num_levels * base.curriculum.num_steps
    for most in EPISODE_STEPS:
        env = dataclasses.replace(base.env, max_episode_steps=most)
        runner = make_runner(dataclasses.replace(base, env=env))
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
