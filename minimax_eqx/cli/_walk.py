"""Walking through levels in a terminal: by somebody's keys, or by a trained student."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..envs import Discrete
from ..envs._shown import names_of_actions
from ..envs.maze._maze import MazeObservation
from ..nets._policy import AbstractPolicy
from ._drawn import level_lines, numbers, view_lines
from ._episode import Episode, Student, shortest
from ._levels import Levels, each
from ._screen import ReadKey, Screen

_IN_MAZES = {"up": 2, "w": 2, "left": 0, "a": 0, "right": 1, "d": 1}
_HANDS = {"p": 3, "o": 4, "t": 5, "space": 5, "e": 6}
# Signs for actions without a name; the others have a meaning.
_SIGNS = "0123456789acdefghijklmopstuvwxyz"
_PANEL, _GAP, _BAR = 34, 3, 10
# Of many actions those that are likeliest are shown.
_MOST_ACTIONS = 7
_FASTEST, _SLOWEST = 1 / 64, 4.0


def play(found: Levels, read: ReadKey, screen: Screen, *, seed: int = 0) -> str:
    """Lets somebody walk through levels until they quit; returns what came of it, in words."""
    spec = found.env.action_spec()
    if not isinstance(spec, Discrete):
        raise ValueError(
            f"The actions of a {type(found.env).__name__} are no choices ({spec}), so keys cannot "
            "say them. 'minimax-eqx watch RUN' shows how a student plays."
        )
    levels, key, place = each(found), jax.random.key(seed), 0
    best = shortest(found.env, levels[0])
    episode, begun, solved = Episode(found.env, levels[0], key=key), 0, 0
    is_maze = isinstance(episode.observation, MazeObservation)
    actions = (
        _IN_MAZES | _HANDS
        if is_maze
        else {sign: i for i, sign in enumerate(_SIGNS[: spec.num_actions])}
    )
    while True:
        panel = [*_heading(found, place, episode, best), *_seen(episode)]
        panel += _keys_of_play(is_maze, getattr(found.env, "locked_door", False), spec)
        screen.draw(_page(found.env, episode, panel, screen))
        pressed = read(None)
        if pressed in ("q", "escape", "\x04"):
            return f"{_counted(begun, 'episode')}, {solved} solved."
        if pressed in actions and not episode.done:
            begun += episode.steps == 0
            episode.act(jnp.array(actions[pressed], jnp.int32))
            solved += episode.success
        elif pressed in ("r", "n", "b") or (pressed in ("enter", "space") and episode.done):
            step = {"n": 1, "enter": 1, "space": 1, "b": -1}.get(pressed, 0)
            place = (place + step) % len(levels)
            best = shortest(found.env, levels[place]) if step else best
            key = jax.random.fold_in(key, begun)
            episode = Episode(found.env, levels[place], key=key)


def watch(
    found: Levels,
    policy: AbstractPolicy,
    read: ReadKey,
    screen: Screen,
    *,
    greedy: bool = False,
    delay: float = 0.25,
    seed: int = 0,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Shows a student walk through levels until somebody quits; returns what came of it."""
    levels, place, episodes, solved = each(found), 0, 0, 0
    paused = False
    while True:
        play_key, think_key = jax.random.split(jax.random.fold_in(jax.random.key(seed), episodes))
        episode = Episode(found.env, levels[place], key=play_key)
        student = Student(policy, greedy=greedy, key=think_key)
        names = names_of_actions(found.env)
        best, thought = shortest(found.env, levels[place]), student.think(episode)
        while True:
            panel = [*_heading(found, place, episode, best), *_thoughts(names, thought, episode)]
            panel += [*_seen(episode), *_keys_of_watch(paused, delay)]
            screen.draw(_page(found.env, episode, panel, screen))
            pressed = _wait(read, None if paused or episode.done else delay, clock)
            if pressed in ("q", "escape", "\x04"):
                return f"{_counted(episodes, 'episode')} watched to the end, {solved} solved."
            if pressed in ("r", "n", "b") or (pressed == "enter" and episode.done):
                place = (place + {"n": 1, "enter": 1, "b": -1}.get(pressed, 0)) % len(levels)
                break
            if pressed == "space":
                paused = not paused
            elif pressed in ("+", "="):
                delay = max(delay / 2, _FASTEST)
            elif pressed == "-":
                delay = min(delay * 2, _SLOWEST)
            paused = paused or pressed in (".", "right")
            if (pressed in (None, ".", "right")) and not episode.done:
                episode.act(thought[0])
                if episode.done:
                    episodes, solved = episodes + 1, solved + episode.success
                else:
                    thought = student.think(episode)


def _wait(read: ReadKey, seconds: float | None, clock: Callable[[], float]) -> str | None:
    """A key, or None when it is time for the next step. A key that means nothing does not hurry."""
    end = None if seconds is None else clock() + seconds
    while True:
        pressed = read(None if end is None else max(0.0, end - clock()))
        if pressed is None or pressed in _MEANT:
            return pressed


_MEANT = {"q", "escape", "\x04", "r", "n", "b", "enter", "space", "+", "=", "-", ".", "right"}


def _page(env: Any, episode: Episode, panel: Sequence[Text], screen: Screen) -> RenderableType:
    """The level on the left, and beside it what there is to say."""
    columns, lines = screen.size
    room = (max(columns - _PANEL - _GAP, 8), max(lines - 1, 4))
    drawn = level_lines(
        env, episode.level, episode.shown, room=room, with_colours=screen.has_colours
    )
    table = Table.grid(padding=(0, _GAP, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(width=_PANEL)
    table.add_row(Group(*drawn), Group(*panel))
    return table


def _heading(found: Levels, place: int, episode: Episode, best: str) -> list[Text]:
    name, several = found.names[place], len(found.names) > 1
    where = f" ({place + 1} of {len(found.names)})" if several else ""
    lines = [
        Text(f"{name}{where}", "bold", no_wrap=True, overflow="ellipsis"),
        Text(f"step {episode.steps} of {episode.env.max_episode_steps}"),
        Text(f"return {episode.total:.3f}"),
    ]
    if best:
        lines.append(Text(f"best: {best}" if "return" in best else f"shortest way: {best}"))
    style = "bold green" if episode.success else "bold yellow"
    return [*lines, Text(episode.outcome(), style)]


def _seen(episode: Episode) -> list[Text]:
    if not isinstance(episode.observation, MazeObservation):
        return []
    return [Text("what the agent sees", "bright_black"), *view_lines(episode.observation), Text()]


def _thoughts(names: Sequence[str], thought: Any, episode: Episode) -> list[Text]:
    action, probabilities, value = thought
    lines = [Text(f"value {value:.3f}")]
    if probabilities is None:
        return [*lines, Text(f"does {numbers(jax.device_get(action))}"), Text()]
    chosen, shares = int(action), [float(share) for share in probabilities]
    shown = sorted(sorted(range(len(shares)), key=shares.__getitem__)[-_MOST_ACTIONS:])
    is_maze = isinstance(episode.observation, MazeObservation)
    if is_maze and not getattr(episode.env, "locked_door", False):
        shown = [0, 1, 2]  # The others only pass time.
    rows = [(names[i], shares[i], i == chosen) for i in shown]
    if len(shown) < len(shares):
        rest = 1 - sum(share for _, share, _ in rows)
        rows.append(("others", max(rest, 0.0), chosen not in shown))
    for name, share, is_chosen in rows:
        style = "bold" if is_chosen and not episode.done else ""
        bar = "█" * round(share * _BAR)
        lines.append(Text(f"{'>' if style else ' '}{name:<10} {share:4.0%} {bar}", style))
    return [*lines, Text()]


def _keys_of_play(is_maze: bool, has_door: bool, spec: Discrete) -> list[Text]:
    if is_maze:
        does = ["arrows, or w a d: walk and turn", *["p pick up  o drop  t toggle"] * has_door]
    else:
        last = _SIGNS[min(spec.num_actions, len(_SIGNS)) - 1]
        does = [f"{_SIGNS[0]} to {last}: actions"]
    return [Text(line, "bright_black") for line in (*does, "r restart  n next  b back  q quit")]


def _keys_of_watch(paused: bool, delay: float) -> list[Text]:
    lines = (
        f"space {'goes on' if paused else 'pauses'}  . one step",
        f"+ faster  - slower  ({1 / delay:.3g} steps/s)",
        "r again  n next  b back  q quit",
    )
    return [Text(line, "bright_black") for line in lines]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
