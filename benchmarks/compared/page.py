"""The page of results: tables, and in words what they show and what they do not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from minimax_eqx.statistics import (
    Estimate,
    bootstrap,
    interquartile_mean,
    mean,
    probability_of_improvement,
)

from .methods import METHODS
from .pairs import pairs

BASELINE, TAIL = "DR", "1"
Results = Mapping[str, Any]


class Measure(NamedTuple):
    """What methods are compared by: one number of each seed."""

    name: str
    better: str
    """The word for what is better, higher or lower."""
    of_seeds: Callable[[Results], list[float]]
    """The numbers of a method's seeds."""


MEASURES = (
    Measure(
        "success rate on minimax-12",
        "higher",
        lambda method: np.mean(method["held_out"], axis=1).tolist(),
    ),
    Measure(f"success rate on the worst {TAIL} % of levels", "higher", lambda m: m["tail"][TAIL]),
    Measure("regret", "lower", lambda method: method["regret"]["mean"]),
)

HEADER = """# Methods compared on mazes of 13 x 13 cells

Made by `python -m benchmarks compared`; do not edit it. Written on {date} at commit {commit}.
{missing}
Each method trains the student of `quickstart` (an LSTM of 64, learning rate 1e-3, 32 plays of 256
steps in a cycle, 25 walls) with {num_seeds} seeds for {transitions:.1f} million transitions each.
All plays count: searches, mutants, and levels that are played again for their score. The rest of a
method is its `-small` recipe. Intervals are of 95 %.

![IQM on minimax-12 with intervals, and tail curves]({figure})
"""
HELD_OUT = """
## Mazes that nobody was trained on

Success rates on the twelve mazes of `minimax-12`: {num_episodes} episodes of each maze, actions
sampled, in the mean over the networks after {parts} % of training, since students swing from update
to update. IQM is the interquartile mean over seeds and mazes. The first interval resamples the
seeds of each maze by themselves (the stratified bootstrap of rliable). The second resamples seeds
as a whole, as one network plays all mazes here: where a seed is bad everywhere, the first is too
narrow. *Better than {baseline}* is the probability that a seed of the method has the higher success
rate in a maze than a seed of {baseline}, with whole seeds resampled.

| method | IQM | stratified | whole seeds | mean | better than {baseline} | seeds, mean |
| --- | --- | --- | --- | --- | --- | --- |
"""
TAILS = """
## The worst levels

Success rates on the worst levels out of {num_levels:,} that can be solved, from the generator with
25 walls, by the network at the end of training. For each seed one set of {num_episodes} episodes of
a level finds the worst ones, and another set measures them (conditional value at risk, arXiv
2408.15099). Means over seeds, with seeds resampled.

| method | {columns} |
| --- |{dashes}
"""
REGRET = """
## Regret

How far the return falls short of the best one that the level allows, which the maze computes; on
the same levels and episodes. The worst 1 % are chosen by one set of episodes and measured by the
other. *Largest* is the largest mean of a level.

| method | mean | worst 1 % | largest |
| --- | --- | --- | --- |
"""
MAZES = """
## Each maze

The mean success rate over seeds.

| maze | {columns} |
| --- |{dashes}
"""
BUDGET = """
## What it took

Of one seed. *Hours* are of all seeds together on {machine}, beside whatever else it did, and *CPU
hours* what the process used of it.

| method | transitions | updates | gradient steps | learned from | hours | CPU hours | trained |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def page(results: Results, figure: str) -> str:
    """All of it, of the methods that there are results of."""
    methods = results["methods"]
    missing = [name for name in METHODS if name not in methods]
    first = next(iter(methods.values()))
    plan, protocol = first["training"], results["protocol"]
    text = HEADER.format(
        date=results["date"],
        commit=results["commit"],
        missing=_missing(missing),
        num_seeds=plan["num_seeds"],
        transitions=plan["transitions"] / 1e6,
        figure=figure,
    )
    text += "\n## What it shows\n\n" + _list(_shown(methods))
    text += "\n## What it does not show\n\n" + _list(_not_shown(methods, missing, protocol))
    text += HELD_OUT.format(
        num_episodes=protocol["num_episodes"],
        parts=_enumerated([f"{share:.0%}"[:-1] for share in protocol["evaluated_at"]]),
        baseline=BASELINE,
    )
    baseline = methods.get(BASELINE)
    text += _rows(methods, lambda name, m: _held_out(name, m, baseline))
    alphas = [a for a in first["tail"] if float(a) in (0.1, 1, 10, 100)]
    text += TAILS.format(
        num_levels=protocol["num_levels"],
        num_episodes=protocol["num_tail_episodes"],
        columns=" | ".join("all levels" if a == "100" else f"worst {a} %" for a in alphas),
        dashes=" --- |" * len(alphas),
    )
    text += _rows(methods, lambda _, m: [_of_seeds(m["tail"][a]) for a in alphas])
    text += REGRET
    kinds = ("mean", "worst", "largest")
    text += _rows(methods, lambda _, m: [_of_seeds(m["regret"][kind]) for kind in kinds])
    text += MAZES.format(columns=" | ".join(methods), dashes=" --- |" * len(methods))
    for i, maze in enumerate(protocol["mazes"]):
        rates = [np.mean([seed[i] for seed in m["held_out"]]) for m in methods.values()]
        text += f"| {maze} | {' | '.join(f'{rate:.2f}' for rate in rates)} |\n"
    text += BUDGET.format(machine=f"{plan['cores']} cores of {plan['processor']}")
    return text + _rows(methods, _budget)


def _shown(methods: Mapping[str, Any]) -> list[str]:
    """Sentences that follow from the numbers."""
    found = []
    for measure in MEASURES:
        values = {name: measure.of_seeds(method) for name, method in methods.items()}
        if len(values) > 1:
            found.append(_of_measure(measure, values))
    spreads = {name: np.ptp(MEASURES[0].of_seeds(method)) for name, method in methods.items()}
    widest = max(spreads, key=lambda name: spreads[name])
    means = [np.mean(method["held_out"]) for method in methods.values()]
    sentence = (
        f"Success rates on minimax-12 differ between seeds of one method by up to "
        f"{spreads[widest]:.2f} ({widest})"
    )
    if len(methods) > 1:
        sentence += f", and between the means of methods by up to {np.ptp(means):.2f}"
    swings = {name: np.ptp(m["held_out_of_parts"], axis=0).max() for name, m in methods.items()}
    most = max(swings, key=lambda name: swings[name])
    found.append(
        f"{sentence}. Between the evaluated networks of one seed they differ by up to "
        f"{swings[most]:.2f} ({most})."
    )
    updates = {name: np.mean(m["training"]["num_updates"]) for name, m in methods.items()}
    most, fewest = (which(updates, key=lambda n: updates[n]) for which in (max, min))
    if updates[most] > updates[fewest]:
        found.append(
            f"For the same transitions {most} made {updates[most]:,.0f} updates and {fewest} "
            f"{updates[fewest]:,.0f}: what a method plays only to choose levels is not learned "
            "from, and has to pay for itself."
        )
    return found


def _of_measure(measure: Measure, values: Mapping[str, Sequence[float]]) -> str:
    """Who is best by it, and which pairs are told apart."""
    is_higher = measure.better == "higher"
    ordered = sorted(values, key=lambda name: np.mean(values[name]), reverse=is_higher)
    best, worst = ordered[0], ordered[-1]
    text = (
        f"**{measure.name[0].upper()}{measure.name[1:]}** ({measure.better} is better): in the "
        f"mean over seeds from {np.mean(values[best]):.3f} ({best}) to "
        f"{np.mean(values[worst]):.3f} ({worst})."
    )
    every = pairs(values)
    apart = [
        (pair.higher, pair.lower) if is_higher else (pair.lower, pair.higher)
        for pair in every
        if pair.is_told_apart
    ]
    if not apart:
        return f"{text} The seeds tell no pair of methods apart, of {len(every)}."
    beaten = {name: [other for other in ordered if (name, other) in apart] for name in ordered}
    groups = [
        f"{name} is before {_enumerated(others)}" for name, others in beaten.items() if others
    ]
    rest = len(every) - len(apart)
    text += f" The seeds tell {len(apart)} of {_pairs(len(every))} apart: {'; '.join(groups)}."
    return text if not rest else f"{text} They do not tell the other {rest} apart."


def _not_shown(methods: Mapping[str, Any], missing: list[str], protocol: Results) -> list[str]:
    """Sentences on what nobody may conclude."""
    plan = next(iter(methods.values()))["training"]
    num_seeds, millions = plan["num_seeds"], plan["transitions"] / 1e6
    found = [
        "**That methods which are not told apart are equally good.** With "
        f"{num_seeds} seeds only large differences can be seen. Pairs are told apart by Welch's "
        "t-test over seeds at the level 0.05, with Holm's correction for the number of pairs, "
        "since one of twenty comparisons would succeed by chance alone. Bootstrap intervals of few "
        "seeds are somewhat too narrow, so take the tests, and not whether two of them overlap.",
        f"**What more training would give.** {millions:.0f} million transitions are a small part "
        "of what papers train for. Methods that build a curriculum step by step, or search before "
        "they train, may need longer until that pays.",
        "**What each method can do.** Nobody tuned anything for this budget: students are the "
        "same, and the small recipes give the other settings, with few stored levels, few "
        "candidates in SFL, a sixteenth of the buffer scored again in NCC, and a small model in "
        "TRACED.",
        "**Which method takes less time.** Budgets are equal in transitions. An update costs more "
        "time than a play, so methods with fewer updates were done sooner, as the last table says.",
        "**How robust students are in general.** The worst levels and the regret are of the "
        "generator that all but ACCEL, parallel ACCEL and TRACED draw new levels from. Those three "
        "begin with empty mazes and edit them, and meet such levels only as they come to them. "
        f"The {protocol['num_levels']:,} levels are one sample, the same for all.",
        "**Other students and worlds.** A larger student, feed-forward ones, mazes with more walls "
        "or other environments may order methods differently.",
    ]
    if missing:
        found.insert(0, f"**Anything about {_enumerated(missing)}**, not trained yet.")
    return found


def _missing(missing: list[str]) -> str:
    if not missing:
        return ""
    are = "is" if len(missing) == 1 else "are"
    return f"\n**Not finished:** {_enumerated(missing)} {are} missing; the same command goes on.\n"


def _held_out(name: str, method: Results, baseline: Results | None) -> list[str]:
    scores = np.asarray(method["held_out"])
    stratified = bootstrap(interquartile_mean, scores, resample="tasks")
    whole = bootstrap(interquartile_mean, scores)
    better = ""
    if baseline is not None and name != BASELINE:
        others = np.asarray(baseline["held_out"])
        better = _short(bootstrap(probability_of_improvement, scores, others))
    seeds = " ".join(f"{value:.2f}" for value in scores.mean(axis=1))
    cells = [_interval(stratified), _interval(whole), _short(bootstrap(mean, scores))]
    return [f"{stratified.value:.3f}", *cells, better, seeds]


def _budget(_: str, method: Results) -> list[str]:
    told = method["training"]
    updates = float(np.mean(told["num_updates"]))
    return [
        f"{told['transitions'] / 1e6:.1f} M",
        f"{updates:,.0f}",
        f"{updates * told['gradient_steps_per_update']:,.0f}",
        f"{updates * told['transitions_per_update'] / told['transitions']:.0%}",
        f"{told['seconds'] / 3600:.2f}",
        f"{told['cpu_seconds'] / 3600:.2f}",
        f"{told['date']}, {told['commit']}",
    ]


def _rows(methods: Mapping[str, Any], cells: Callable[[str, Any], list[str]]) -> str:
    return "".join(f"| {name} | {' | '.join(cells(name, m))} |\n" for name, m in methods.items())


def _of_seeds(values: Sequence[float]) -> str:
    return _short(bootstrap(mean, np.asarray(values)[:, None]))


def _short(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} {_interval(estimate)}"


def _interval(estimate: Estimate) -> str:
    return f"[{estimate.low:.3f}, {estimate.high:.3f}]"


def _pairs(count: int) -> str:
    return f"{count} pair{'s' if count != 1 else ''}"


def _list(sentences: Sequence[str]) -> str:
    return "".join(f"* {sentence}\n" for sentence in sentences)


def _enumerated(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
