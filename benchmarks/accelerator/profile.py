"""Where the time of a cycle of `maze-dr` goes."""

from collections.abc import Mapping
from typing import Any

from minimax_eqx import run
from minimax_eqx.runners._ahead import making

from ..hlo import Kernel
from ..profile import NUM_CYCLES, kernels_in, profile_cycle
from .session import Session

NUM_KERNELS = 10


def measure(session: Session) -> None:
    """The longest kernels, and the time in which none runs; seconds are those of one cycle."""
    for num_levels in session.sizes.profile_levels:
        with session.rows.attempt(f"{num_levels} levels"):
            runner = making(session.sizes.experiment("maze-dr", num_levels))()
            program = run.lower(runner, 1).compile()
            profile = profile_cycle(runner, program, _kernels(program))
            total = sum(group.seconds for group in profile.groups) + profile.idle

            def add(what, seconds, note="", total=total, num_levels=num_levels):
                share = f"{seconds / total:.1%}" if note or what == "between kernels" else ""
                row = {"seconds": seconds / NUM_CYCLES, "note": f"{share}{note}"}
                session.rows.add(f"{num_levels} levels, {what}", row)

            add("a cycle", profile.seconds * NUM_CYCLES)
            add("a cycle under the profiler", profile.seconds_profiled * NUM_CYCLES)
            add("between kernels", profile.idle)
            for rank, group in enumerate(profile.groups[:NUM_KERNELS], start=1):
                place = f" in loops of {group.path}" if group.path else ""
                runs = f", {group.runs / NUM_CYCLES:,.0f} runs"
                add(f"kernel {rank}: {group.what}{place}", group.seconds, runs)


def _kernels(program: Any) -> Mapping[str, Kernel]:
    """What the program's text says of its kernels; nothing where the text cannot be read, as may be
    on a backend whose text nobody has seen: kernels then have the names that the device gives."""
    try:
        return kernels_in(program)
    except (KeyError, ValueError, IndexError, StopIteration):
        return {}
