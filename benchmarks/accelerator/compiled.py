"""Cycles that are compiled side by side and timed one after another."""

import contextlib
from collections.abc import Mapping

import jax

from minimax_eqx import Experiment
from minimax_eqx.runners._ahead import CompileAhead, making

from ..cycle import busy, cycles
from ..machine import peak_device_memory_gb
from ..scaling import program_memory_gb
from .session import Session


def start(experiment: Experiment, precision: str | None = None) -> CompileAhead:
    """Begins to compile a cycle, traced with a precision of matrix products if one is given."""
    if precision is None:
        return CompileAhead(making(experiment), 1)
    with jax.default_matmul_precision(precision):
        return CompileAhead(making(experiment), 1)


def start_all(experiments: Mapping[str, Experiment], session: Session) -> dict[str, CompileAhead]:
    """Begins to compile a cycle of each, by the line that it is for; what fails has its row."""
    begun = {}
    for line, experiment in experiments.items():
        with session.rows.attempt(line):
            begun[line] = start(experiment)
    return begun


def wait(begun: Mapping[str, CompileAhead]) -> None:
    """Until all are compiled: a compiler at work beside a timing would be part of it."""
    for ahead in begun.values():
        # What went wrong is said where the program is asked for.
        with contextlib.suppress(Exception):
            ahead.compile()


def time_all(
    begun: dict[str, CompileAhead], session: Session, beside: Mapping[str, str] | None = None
) -> None:
    """Waits for all programs, then times the cycles of one after another.

    `beside` names the part of the other results that measures the same as a line.
    """
    wait(begun)
    while begun:
        line = next(iter(begun))
        with session.rows.attempt(line):
            time_one(line, begun.pop(line), session, (beside or {}).get(line))


def time_one(line: str, ahead: CompileAhead, session: Session, beside: str | None = None) -> None:
    """A row for each kind of cycle, or one that says why it was left out."""
    program = ahead.compile()
    memory = {"program_memory_gb": program_memory_gb(program)}
    most = session.limits.memory_gb
    if memory["program_memory_gb"] > most:
        session.rows.add(line, memory | {"left_out": f"needs more than {most:.3g} GB"})
        return
    before = peak_device_memory_gb()
    timings = cycles(busy(ahead.runner()), session.yardstick, session.limits, program)
    after = peak_device_memory_gb()
    if before is not None and after is not None and after > before:
        memory["peak_device_memory_gb"] = after
    for kind, timing in timings.items():
        other = f"{beside}, {kind}" if beside else None
        session.rows.add(f"{line}, {kind}", memory | timing, other)
