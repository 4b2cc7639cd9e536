"""What a run has cost."""

from collections.abc import Mapping, Sequence

from ._chart import NUM_COLOURS
from ._html import escaped, number, table
from ._run import Run
from ._section import Section

_SECONDS = {
    "seconds_compiling": "compiling",
    "seconds_running": "training",
    "seconds_evaluating": "evaluating",
    "seconds_saving": "saving",
}
_STEPS = {
    "steps_learned_from": "learned from",
    "steps_searching": "in a search for levels",
    "steps_on_mutants": "on edited levels, to score them",
}
_OTHERS = "on other levels, to score them"
_DESIGNING = "steps_designing"
# Smaller shares cannot be seen in a bar.
_VISIBLE = 1e-3


def section(runs: Sequence[Run]) -> Section | None:
    """Where the time went, and how much was played and learned."""
    trained = [run for run in runs if run.rows]
    if not trained:
        return None
    bars = ""
    if len(trained) == 1:
        spent = spent_by(trained[0])
        steps = steps_by_kind(spent)
        bars = "<h3>Seconds</h3>" + stacked({n: spent.get(c, 0.0) for c, n in _SECONDS.items()})
        if steps:
            bars += "<h3>Transitions of the students</h3>" + stacked(steps)
        if spent.get(_DESIGNING):
            bars += f"<p>A teacher made {spent[_DESIGNING]:,.0f} steps in its editor besides.</p>"
    return Section("What it cost", "cost", bars + _table(trained))


def spent_by(run: Run) -> Mapping[str, float]:
    """The newest ledger of a run: of its last row of metrics, or of the evaluation after it."""
    last = dict(run.rows[-1])
    evaluated = (run.evaluation or {}).get("ledger") or {}
    return last | evaluated if evaluated.get("cycle") == last["cycle"] else last


def steps_by_kind(spent: Mapping[str, float]) -> dict[str, float]:
    """The students' transitions by what they were for, none of them twice."""
    steps = {name: spent[column] for column, name in _STEPS.items() if spent.get(column, 0) > 0}
    rest = spent.get("env_steps", 0) - sum(steps.values())
    return steps | ({_OTHERS: rest} if rest > 0 and steps else {})


def stacked(parts: Mapping[str, float]) -> str:
    """Parts of a whole as one bar, with a legend that has the numbers."""
    total = sum(parts.values())
    if not total > 0:
        return ""
    shares = {name: value / total for name, value in parts.items() if value / total > _VISIBLE}
    colours = {n: f"--c:var(--series-{i % NUM_COLOURS + 1})" for i, n in enumerate(shares)}
    bar = "".join(
        f'<span style="{colours[n]};flex:{share:.4f}"></span>' for n, share in shares.items()
    )
    keys = "".join(
        f'<li><i style="{colours[n]}"></i>{escaped(n)}: {number(round(parts[n], 1))} '
        f"({100 * share:.0f} %)</li>"
        for n, share in shares.items()
    )
    return f'<div class="stack" aria-hidden="true">{bar}</div><ul class="keys">{keys}</ul>'


def _table(runs: Sequence[Run]) -> str:
    counts = {
        "cycle": "cycles",
        "updates": "updates",
        "gradient_steps": "gradient steps",
        "env_steps": "transitions",
        "steps_learned_from": "learned from",
    }
    head = ["run", *counts.values(), *_SECONDS.values()]
    rows = []
    for run in runs:
        spent = spent_by(run)
        seconds = (f"{spent.get(column, 0.0):,.0f} s" for column in _SECONDS)
        rows.append([escaped(run.name), *(number(spent.get(n)) for n in counts), *seconds])
    return table(head, rows, caption="Compare methods at equal transitions, not at equal updates")
