"""Worlds of other packages: each adapter beside the package's own stepping, by turns.

Both are taken from `tests/envs/adapters/cases`, whose tests show that they play the same episodes.

Not all packages go with one JAX. Measure in an environment for each group of them, with the same
folder for results: lines of packages that are not installed stay as they are, and every line of an
adapter says with which JAX, and when, it was measured.
"""

import datetime
import importlib
import pathlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from minimax_eqx._types import PyTree

from .timing import Limits, MatrixProduct, Samples, block, timed, with_rate

CASES = "tests.envs.adapters.cases"
BATCH, NUM_STEPS, REPEATS = 128, 64, 40


def bench(
    yardstick: MatrixProduct, limits: Limits, batch: int = BATCH, num_steps: int = NUM_STEPS
) -> dict[str, Any]:
    """Environment steps per second of each adapter whose package is installed.

    All play the same levels side by side with random actions. Observations and rewards are
    computed and used, and nothing is reset, since that is a runner's business.
    """
    del yardstick
    results: dict[str, Any] = {}
    for name, case in installed():
        plays = programs(case, batch, num_steps)
        timings = measure_closely(list(plays.values()), limits)
        ours, own = (dict(with_rate(timing, batch * num_steps)) for timing in timings)
        # Many calls take less than what else happens on a machine, which the best of them avoid.
        share = ours["best_steps_per_second"] / own["best_steps_per_second"]
        about = f"JAX {jax.__version__}, {datetime.date.today().isoformat()}"
        note = f"{share:.0%} of the package's own, best beside best; {about}"
        ours |= {"share": share, "note": note}
        results |= {f"{name}, {who}": t for who, t in zip(plays, (ours, own), strict=True)}
    if not results:
        print("No package that has an adapter is installed; see docs/worlds.", file=sys.stderr)
    return results


def with_others(data: dict[str, Any], earlier: dict[str, Any]) -> dict[str, Any]:
    """What was measured, with the lines that an earlier measurement has and this one has not."""
    timings = {**earlier["timings"], **data["timings"]}
    return {**data, "timings": dict(sorted(timings.items()))}


def measure_closely(
    functions: Sequence[Callable[[], PyTree]], limits: Limits
) -> list[dict[str, float]]:
    """Seconds of functions that are called by turns, one right after the other: no yardstick is
    measured between them, since only their ratio matters."""
    samples = [Samples() for _ in functions]
    for function in functions:
        block(function())
    for repeat in range(REPEATS):
        for function, of_one in zip(functions, samples, strict=True):
            of_one.add(timed(function)[0], flops=0.0, rate=1.0)
        if repeat > 0 and max(sum(of_one.seconds) for of_one in samples) > limits.seconds:
            break
    return [of_one.summary() for of_one in samples]


def installed() -> Iterator[tuple[str, Any]]:
    """The cases of adapters whose packages are there, by the names of the adapters."""
    folder = pathlib.Path(__file__).parents[1].joinpath(*CASES.split("."))
    for file in sorted(folder.glob("[a-z]*.py")):
        try:
            module = importlib.import_module(f"{CASES}.{file.stem}")
        except ImportError as error:
            print(f"{file.stem} is left out: {error}", file=sys.stderr)
            continue
        yield file.stem, module.case()
        for name, make in getattr(module, "MORE", {}).items():
            yield name, make()


def programs(case: Any, batch: int, num_steps: int) -> dict[str, Callable[[], PyTree]]:
    """What plays some levels with the adapter, and what plays them with its package."""
    env, (level_key, start_key, play_key) = case.env, jax.random.split(jax.random.key(0), 3)
    spec, keys = env.action_spec(), jax.random.split(level_key, batch)
    sample = lambda key: case.generator.sample(env.level_spec(), key=key)  # noqa: E731
    levels = jax.jit(jax.vmap(sample))(keys)

    def ours(level: PyTree, state: PyTree, action: PyTree, key: PyTree) -> tuple:
        world = env.load(level)
        taken = env.step(world, state, action, key=key)
        return taken.state, env.observe(world, taken.state), taken.reward, taken.done

    def started(start: Callable, step: Callable) -> PyTree:
        """Start states, with the types that later ones have: a scan wants them equal."""
        states = jax.jit(jax.vmap(start))(levels, jax.random.split(start_key, batch))
        one = lambda tree: jax.tree.map(lambda leaf: leaf[0], tree)  # noqa: E731
        after = lambda state: step(one(levels), state, spec.sample(play_key), play_key)  # noqa: E731
        types = jax.eval_shape(lambda state: after(state)[0], one(states))
        return jax.tree.map(lambda leaf, like: jnp.asarray(leaf, like.dtype), states, types)

    def playing(start: Callable, step: Callable) -> Callable[[], PyTree]:
        states = started(start, step)

        @jax.jit
        def play(states: PyTree) -> PyTree:
            def advance(states: PyTree, key: PyTree) -> tuple:
                action_keys, step_keys = jax.random.split(key, (2, batch))
                actions = jax.vmap(spec.sample)(action_keys)
                states, *seen = jax.vmap(step)(levels, states, actions, step_keys)
                return states, [jnp.sum(leaf, dtype=jnp.float32) for leaf in jax.tree.leaves(seen)]

            return jax.lax.scan(advance, states, jax.random.split(play_key, num_steps))

        return lambda: play(states)

    start_ours = lambda level, key: env.reset(env.load(level), key=key)  # noqa: E731
    return {
        "adapter": playing(start_ours, ours),
        "its package": playing(case.start, case.step),
    }
