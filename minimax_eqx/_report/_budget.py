"""What a run has cost."""

from collections.abc import Sequence

from ._chart import NUM_COLOURS
from ._html import escaped, number, table
from ._run import Run
from ._section import Section

_KINDS = {"seconds_compiling": "compiling", "seconds_running": "training"}


def section(runs: Sequence[Run]) -> Section | None:
    """Where the time went, and how much was played and learned."""
    trained = [run for run in runs if run.rows]
    if not trained:
        return None
    bars = ""
    if len(trained) == 1:
        last = trained[0].rows[-1]
        bars = stacked("seconds", {name: last.get(column, 0.0) for column, name in _KINDS.items()})
    return Section("What it cost", "cost", bars + _table(trained))


def stacked(unit: str, parts: dict[str, float]) -> str:
    """Parts of a whole as one bar, with a legend that has the numbers."""
    total = sum(parts.values())
    if not total > 0:
        return ""
    shares = {name: value / total for name, value in parts.items() if value > 0}
    colours = {n: f"--c:var(--series-{i % NUM_COLOURS + 1})" for i, n in enumerate(shares)}
    bar = "".join(
        f'<span style="{colours[n]};flex:{share:.4f}"></span>' for n, share in shares.items()
    )
    keys = "".join(
        f'<li><i style="{colours[n]}"></i>{escaped(n)}: {number(parts[n])} {escaped(unit)} '
        f"({100 * share:.0f} %)</li>"
        for n, share in shares.items()
    )
    return f'<div class="stack" aria-hidden="true">{bar}</div><ul class="keys">{keys}</ul>'


def _table(runs: Sequence[Run]) -> str:
    head = ["run", "cycles", "updates", "gradient steps", "transitions", "compiling", "training"]
    rows = []
    for run in runs:
        last = run.rows[-1]
        counts = ("cycle", "updates", "gradient_steps", "env_steps")
        seconds = (f"{last.get(column, 0.0):,.0f} s" for column in _KINDS)
        rows.append([escaped(run.name), *(number(last.get(n)) for n in counts), *seconds])
    return table(head, rows, caption="Compare methods at equal transitions, not at equal updates")
