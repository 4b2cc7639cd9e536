"""From the start of a process to its first finished update, in a process of its own."""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

STARTED = "MINIMAX_EQX_BENCHMARK_STARTED"
COMPILED = "/jax/core/compile/backend_compile_duration"
REPEATS = 3
NUM_LATER_CYCLES = 3
NO_CACHE = {"JAX_ENABLE_COMPILATION_CACHE": "0"}


def bench(name: str, repeats: int = REPEATS) -> dict[str, Any]:
    """Fresh processes without a compilation cache, and with one that an earlier process filled."""
    results = {"cold": _starts(name, NO_CACHE, repeats)}
    with tempfile.TemporaryDirectory() as folder:
        results["warm cache"] = _starts(name, cache_in(folder), repeats)
    return results


def bench_once(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same with one process of each kind, the first of which fills the cache of the second."""
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("cold", "warm cache"):
            run = start(name, cache_in(folder))
            yield kind, {"seconds": run["first_update"]} | run


def cache_in(folder: str) -> dict[str, str]:
    """The environment of a process that keeps all that it compiles in a folder."""
    return {
        "JAX_ENABLE_COMPILATION_CACHE": "1",
        "JAX_COMPILATION_CACHE_DIR": folder,
        # By default JAX keeps only what took a second to compile.
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def _starts(name: str, environment: dict[str, str], repeats: int) -> dict[str, Any]:
    """The first process is not counted: it fills the cache and writes Python's byte code, which any
    second start of a user finds."""
    runs = [start(name, environment) for _ in range(repeats + 1)][1:]
    best = min(runs, key=lambda run: run["first_update"])
    firsts = [run["first_update"] for run in runs]
    return {"seconds": statistics.median(firsts), "best_seconds": min(firsts)} | best


def start(
    name: str, environment: dict[str, str], checkout: pathlib.Path | None = None
) -> dict[str, Any]:
    """What `first_updates` measures in a process of its own, of this program or of one that is
    checked out elsewhere."""
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    if checkout is not None:
        environment = environment | {"PYTHONPATH": str(checkout)}
    output = subprocess.run(
        [sys.executable, "-m", "benchmarks.startup", name],
        env=inherited | environment | {STARTED: repr(time.time())},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=checkout,
    ).stdout
    return json.loads(output.splitlines()[-1])


def first_updates(name: str) -> dict[str, Any]:
    """What the process does: builds the recipe's runner, and runs cycles until there was an update,
    and a few more."""
    started = float(os.environ[STARTED])
    import jax

    from minimax_eqx.recipes._known import RECIPES
    from minimax_eqx.runners._ahead import CompileAhead, making

    from .machine import peak_memory_gb

    imported = time.time() - started
    ahead = CompileAhead(making(RECIPES[name]()), 1)
    runner = ahead.runner()
    jax.block_until_ready(runner.num_cycles)
    created = time.time() - started
    run = ahead.compile()
    while int(runner.students.num_updates[0]) == 0:
        runner, _ = run(runner, 1)
    first = time.time() - started

    compilations = []

    def listen(event: str, duration_secs: float, **details: str | int) -> None:
        if event == COMPILED:
            compilations.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    later = []
    for _ in range(NUM_LATER_CYCLES):
        begin = time.perf_counter()
        runner, _ = run(runner, 1)
        jax.block_until_ready(runner.num_cycles)
        later.append(time.perf_counter() - begin)
    return {
        "imported": imported,
        "created": created,
        "first_update": first,
        "later_compilations": len(compilations),
        "later_cycle": min(later),
        "peak_memory_gb": peak_memory_gb(),
    }


if __name__ == "__main__":
    print(json.dumps(first_updates(sys.argv[1])))
