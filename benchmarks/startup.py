"""From the start of a process to its first finished update, in a process of its own."""

import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

STARTED = "MINIMAX_EQX_BENCHMARK_STARTED"
COMPILED = "/jax/core/compile/backend_compile_duration"


def bench(name: str, repeats: int = 3) -> dict[str, Any]:
    """The best of several fresh processes, none with a compilation cache."""
    runs = []
    for _ in range(repeats + 1):
        # The first process also writes Python's byte code, as any second start of a user finds it.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environment[STARTED] = repr(time.time())
        output = subprocess.run(
            [sys.executable, "-m", "benchmarks.startup", name],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        runs.append(json.loads(output.splitlines()[-1]))
    best = min(runs[1:], key=lambda r: r["first_update"])
    return best | {"all_first_update": [r["first_update"] for r in runs[1:]]}


def first_updates(name: str) -> dict[str, Any]:
    """What the process does: builds the preset's runner, and runs cycles until there was an update,
    and two more."""
    started = float(os.environ[STARTED])
    import jax

    from minimax_eqx.experiment import CompileAhead, preset

    imported = time.time() - started
    ahead = CompileAhead(preset(name), 1)
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
    for _ in range(2):
        runner, _ = run(runner, 1)
    jax.block_until_ready(runner.num_cycles)
    return {
        "imported": imported,
        "created": created,
        "first_update": first,
        "later_compilations": len(compilations),
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
    }


if __name__ == "__main__":
    print(json.dumps(first_updates(sys.argv[1])))
