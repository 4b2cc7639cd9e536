"""How XLA is set up for tests, which compile much and run little."""

import os
import subprocess
import sys

# LLVM need not optimise.
FLAGS = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
# XLA's older way of making kernels takes half the time.
IF_KNOWN = "--xla_cpu_use_fusion_emitters=false"


def xla_flags() -> str:
    """What `XLA_FLAGS` should be: what it is, and these. To be asked for before JAX starts."""
    before = os.environ.get("XLA_FLAGS", "")
    if FLAGS in before:  # in a worker, or a process that a test starts
        return before
    return " ".join((before, FLAGS, IF_KNOWN if _is_known(IF_KNOWN) else ""))


def _is_known(flag: str) -> bool:
    """Whether this XLA has the option; an unknown one ends the process."""
    command = [sys.executable, "-c", "import jax; jax.jit(lambda: 1)()"]
    environment = {**os.environ, "XLA_FLAGS": flag}
    return (
        subprocess.run(command, env=environment, check=False, capture_output=True).returncode == 0
    )
