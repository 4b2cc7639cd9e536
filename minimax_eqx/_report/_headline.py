"""What was trained, for how long, on what, and what came of it."""

import datetime
import math
from collections.abc import Mapping, Sequence
from typing import Any

from .._folder._results import success_per_minute
from ._html import NOT_MEASURED, escaped, number, option_value, percent, table
from ._results import Result, held_out, mean_success, results_of
from ._run import UNSEEN, Run
from ._section import Section
from ._series import Group, groups_of

# A rise between the last two evaluations that is worth a word.
_RISE = 0.05


def section(runs: Sequence[Run]) -> Section | None:
    """The verdict in one sentence, its figures, and how to make the run again."""
    groups = groups_of(runs)
    body = ""
    for group in groups:
        name = f"<b>{escaped(group.name)}:</b> " if len(groups) > 1 else ""
        body += f'<p class="verdict">{name}{escaped(verdict(group))}</p>'
    if len(runs) == 1:
        body += _cards(runs[0]) + _facts(runs[0])
    else:
        body += _table(runs)
    return Section("Result", "result", body)


def verdict(group: Group) -> str:
    """One sentence on what the students of these runs can do, as text."""
    runs = [run for run in group.runs if run.evaluation is not None]
    if not runs:
        return "It has not been evaluated yet."
    results = _mean_results([results_of(run.evaluation) for run in runs])
    updates = max(int(run.evaluation["updates"]) for run in runs if run.evaluation)
    seeds = f", mean of {len(runs)} seeds" if len(runs) > 1 else ""
    beginning = f"After {updates:,} updates{seeds}, the student"
    unseen = next((r for r in results if r.name == UNSEEN), None)
    tests = held_out(results)
    rates = [r for r in results if math.isfinite(r.success)]
    if not rates:
        returns = ", ".join(f"{number(r.mean_return)} on {r.title}" for r in results[:4])
        return f"{beginning} reaches a return of {returns}."
    parts = []
    if unseen and math.isfinite(unseen.success):
        parts.append(f"{percent(unseen.success)} of {unseen.title}")
    if tests:
        what = tests[0].title if len(tests) == 1 else f"the {len(tests)} held-out tests"
        parts.append(f"{percent(mean_success(tests))} of {what}")
    return f"{beginning} solves {' and '.join(parts)}{_ending(unseen, tests, runs)}."


def _ending(unseen: Result | None, tests: Sequence[Result], runs: Sequence[Run]) -> str:
    """What to make of it."""
    if not tests:
        return ""
    mean, worst = mean_success(tests), min(tests, key=lambda r: r.success)
    rising = [_rise(run) for run in runs]
    still = " It was still getting better when it was last evaluated" if min(rising) > _RISE else ""
    if mean > 0.9:
        ending = ", so what it learned carries over to levels that it never saw"
    elif len(tests) > 1 and mean > 0.3:
        ending = f"; the hardest for it is {worst.title} with {percent(worst.success)}"
    elif unseen and unseen.success - mean > 0.4:
        ending = ", so what it learned does not carry over to them yet"
    else:
        ending = ""
    return f"{ending}.{still}" if still else ending


def _rise(run: Run) -> float:
    """By how much the mean success of held-out tests rose between the last two evaluations."""
    if len(run.evaluations) < 2:
        return 0.0
    means = []
    for row in run.evaluations[-2:]:
        rates = [v for n, v in row.items() if n.endswith(" success_rate") and UNSEEN not in n]
        means.append(sum(rates) / len(rates) if rates else math.nan)
    return means[1] - means[0] if all(map(math.isfinite, means)) else 0.0


def _mean_results(of_runs: Sequence[Sequence[Result]]) -> list[Result]:
    """The results of the first run, with means over runs in place of its own."""
    means = []
    for result in of_runs[0]:
        same = [r for results in of_runs for r in results if r.name == result.name]
        own = {n: sum(getattr(r, n) for r in same) / len(same) for n in ("success", "mean_return")}
        means.append(Result(**{**result.__dict__, **own}))
    return means


def _table(runs: Sequence[Run]) -> str:
    """The runs one by one."""
    head = ["run", "seed", "updates", "transitions", "time", "unseen levels", "held-out tests"]
    rows = []
    for run in runs:
        results, last = results_of(run.evaluation), (run.rows or [{}])[-1]
        unseen = mean_success([r for r in results if r.name == UNSEEN])
        cells = [escaped(run.name), str(run.experiment.seed), number(last.get("updates"))]
        cells += [_large(last.get("env_steps", 0)), _time(last)]
        rows.append([*cells, percent(unseen), percent(mean_success(held_out(results)))])
    return table(head, rows, caption="Each run, with the share of episodes that it solved")


def _cards(run: Run) -> str:
    results, last = results_of(run.evaluation), (run.rows or [{}])[-1]
    cards = []
    for result in [r for r in results if r.name == UNSEEN and math.isfinite(r.success)]:
        cards.append(("unseen levels solved", percent(result.success), _between(result)))
    tests = held_out(results)
    if math.isfinite(mean_success(tests)):
        cards.append(("held-out tests solved", percent(mean_success(tests)), f"{len(tests)} tests"))
    schedule = run.experiment.schedule
    speed = success_per_minute(run.evaluation or {})
    if speed is not None:
        note = f"of levels in a budget of {schedule.budget}"
        cards.append(("success a minute", f"{100 * speed:.2g} %", note))
    cards += [
        ("updates", number(last.get("updates", 0)), f"of {schedule.num_updates:,}"),
        ("transitions", _large(last.get("env_steps", 0)), "environment steps"),
        ("time", _time(last), f"{_large(last.get('steps_per_second', 0))} steps a second"),
    ]
    shown = "".join(
        f'<div class="card"><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd>'
        f'<dd class="note">{escaped(note)}</dd></div>'
        for name, value, note in cards
    )
    return f'<dl class="cards">{shown}</dl>'


def _between(result: Result) -> str:
    return f"95 % interval {100 * result.low:.0f} to {100 * result.high:.0f} %"


def _large(value: float) -> str:
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if value >= size:
            return f"{value / size:.3g} {word}"
    return number(round(value))


def _time(row: Mapping[str, float]) -> str:
    seconds = row.get("seconds_running", 0.0) + row.get("seconds_compiling", 0.0)
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _facts(run: Run) -> str:
    origin, experiment = run.origin, run.experiment
    parts = (experiment.env, experiment.student, experiment.curriculum)
    env, student, curriculum = (type(part).__name__ for part in parts)
    changes = origin.get("changes") or {}
    recipe = origin.get("recipe")
    changed = ", ".join(f"{n} {option_value(v)}" for n, v in changes.items())
    facts = [
        ("what", f"{student} in {env}, levels by {curriculum}, seed {experiment.seed}"),
        ("recipe", f"{recipe}{f' with {changed}' if changed else ', unchanged'}" if recipe else ""),
        ("when", _when(origin.get("began"))),
        ("on", _device(origin)),
        ("versions", ", ".join(f"{n} {v}" for n, v in (origin.get("versions") or {}).items())),
        ("commit", str(origin.get("commit") or "")),
    ]
    rows = "".join(f"<dt>{name}</dt><dd>{escaped(text)}</dd>" for name, text in facts if text)
    command = origin.get("command")
    again = ""
    if command:
        again = f'<p class="note">Make it again:</p><pre class="command">{escaped(command)}</pre>'
    return f'<dl class="facts">{rows}</dl>{again}'


def _when(began: str | None) -> str:
    try:
        time = datetime.datetime.fromisoformat(str(began))
    except ValueError:
        return ""
    return f"{time.day} {time:%B %Y, %H:%M} UTC"


def _device(origin: Mapping[str, Any]) -> str:
    devices, machine = origin.get("devices") or {}, origin.get("machine") or {}
    if not devices:
        return ""
    count = devices.get("count", 1)
    kind = devices.get("kind", NOT_MEASURED)
    text = f"{count} x {kind}" if count != 1 else str(kind)
    return f"{text}, {machine.get('system', '')} {machine.get('processor', '')}".strip(", ")
