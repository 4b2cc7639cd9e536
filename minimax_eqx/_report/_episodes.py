"""Episodes of the first student on held-out levels, to be played step by step."""

import dataclasses
import itertools
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Key

from .._types import PyTree
from .._xla._compile import quick_jit
from ..envs import AbstractEnv
from ..envs._pictures import unstack
from ..envs._shown import names_of_actions
from ..evaluation._shown import shown_levels
from ..nets._distributions import Categorical
from ..rollouts._recording import Recording, Thoughts, record_thoughts
from ._chart import script_safe
from ._frames import ANY_TILE, frames_of
from ._html import escaped, folded, number
from ._level_pictures import shrunk, small_artist
from ._run import Run
from ._section import Section

MOST_EPISODES = 4
# Of longer episodes the beginning is shown.
MOST_STEPS = 500
# Larger pictures would make the page heavy, and take long to draw.
MOST_CELLS = 700
_TILE, _VIEW_TILE = 14, 18
# What is not made of tiles changes everywhere, and takes longer to draw: it is shown in small.
MOST_STEPS_WITHOUT_TILES, _MOST_PIXELS, _MOST_OF_ONE = 150, (192, 96), 350_000
# All episodes together may take so much of the page.
MOST_CHARACTERS = 900_000
# A stream of random numbers of its own: the report changes nothing about a run.
EPISODE_STREAM = 1_000_133


@dataclasses.dataclass(frozen=True)
class Played:
    """An episode on a level of a test, on the host."""

    name: str
    env: AbstractEnv
    level: PyTree
    recording: Recording
    thoughts: Thoughts
    is_test: bool
    """Whether nobody trained on it."""

    @property
    def length(self) -> int:
        """How many steps are shown."""
        is_tiled = hasattr(self.env.artist(), "tile_size")
        most = MOST_STEPS if is_tiled else MOST_STEPS_WITHOUT_TILES
        return min(int(self.recording.length), most)


def section(run: Run) -> Section | None:
    """Players of episodes; None without a student."""
    if run.runner is None:
        return None
    played = episodes_of(run)
    if not played:
        return None
    players, total = [], 0
    for number_, episode in enumerate(played, 1):
        player = _player(episode, number_)
        if players and total + len(player) > MOST_CHARACTERS:
            break
        players.append(player)
        total += len(player)
    kind = "held-out tests" if played[0].is_test else "levels of the kind that it trains on"
    greedy = run.experiment.evaluation.greedy
    how = "always takes its likeliest action" if greedy else "samples its actions"
    is_choice = isinstance(played[0].thoughts.predictions.actions, Categorical)
    choice = ", how likely each action is to it" if is_choice else ""
    students = "The first student" if run.experiment.num_students > 1 else "The agent"
    text = (
        f"<p>{students} plays one episode each on {kind}, and {how}. Press play, or go step by "
        f"step with the arrow keys: you see what it does{choice} and what it expects to be paid "
        "from there on.</p>"
    )
    return Section("Episodes", "episodes", text + "".join(players))


def episodes_of(run: Run) -> list[Played]:
    """One episode of the first student on each of some tests; without tests on levels that the
    curriculum would propose now."""
    assert run.runner is not None
    key = jax.random.fold_in(jax.random.key(run.experiment.seed), EPISODE_STREAM)
    policy = run.runner.students.first().network
    greedy, played = run.experiment.evaluation.greedy, []
    chosen = _tests(run, key) or _levels(run)
    for i, (name, env, level, is_test) in enumerate(chosen):
        recording, thoughts = jax.device_get(
            record_thoughts(env, policy, level, greedy=greedy, key=jax.random.fold_in(key, i))
        )
        played.append(Played(name, env, level, recording, thoughts, is_test))
    return played


_Chosen = tuple[str, AbstractEnv, PyTree, bool]


def _tests(run: Run, key: Key[Array, ""]) -> list[_Chosen]:
    """A level each of the first tests that are small enough."""
    suite = run.experiment.evaluation.suite
    panels = {} if suite is None else suite.panels(run.experiment.env)
    small = [(name, panel) for name, panel in panels.items() if _is_small(panel[0])]
    return [
        (name, env, jax.device_get(_sample(env, generator, key)), True)
        for name, (env, generator) in small[:MOST_EPISODES]
    ]


def _levels(run: Run) -> list[_Chosen]:
    """Levels that the curriculum would propose now."""
    assert run.runner is not None
    env = run.experiment.env
    if not _is_small(env):
        return []
    levels = unstack(shown_levels(run.experiment, run.runner, 2))
    return [(f"Level {i}", env, level, False) for i, level in enumerate(levels, 1)]


def _is_small(env: AbstractEnv) -> bool:
    sizes = [spec.size for spec in jax.tree.leaves(env.level_spec())]
    return max(sizes, default=0) <= MOST_CELLS or env.artist() is None


@quick_jit
def _sample(env, generator, key):
    return generator.sample(env.level_spec(), key=key)


def _player(played: Played, place: int) -> str:
    names = names_of_actions(played.env)
    content = _content(played, names)
    told = _told(played)
    name = escaped(played.name)
    has_picture = "frames" in content
    view = '<canvas class="view" role="img"></canvas>' if "view" in content else ""
    canvas = '<canvas class="world" role="img"></canvas>' if has_picture else ""
    seen = f"<figure>{view}<figcaption>what it sees</figcaption></figure>" if view else ""
    missing = "" if has_picture else '<p class="note">Nobody draws this world: numbers only.</p>'
    slider = f"episode-{place}"
    return (
        f'<div class="player"><h3>{name} <span class="note">{escaped(told)}</span></h3>{missing}'
        f'<div class="stage" hidden>{canvas}<div class="thoughts">{seen}'
        '<div class="numbers"></div><div class="bars"></div></div></div>'
        '<div class="controls" hidden><button type="button" data-do="back" '
        'aria-label="One step back">\N{BLACK LEFT-POINTING TRIANGLE}</button>'
        '<button type="button" data-do="play">Play</button>'
        '<button type="button" data-do="on" aria-label="One step on">'
        "\N{BLACK RIGHT-POINTING TRIANGLE}</button>"
        f'<label for="{slider}">step</label><input id="{slider}" type="range" min="0" '
        f'max="{played.length}" value="0"><output class="note"></output></div>'
        f"{folded('The episode in words', _in_words(played, names))}"
        f'<script type="application/json">{script_safe(content)}</script></div>'
    )


def _content(played: Played, names: tuple[str, ...]) -> dict[str, Any]:
    """What the script shows at each step."""
    steps, thoughts = slice(played.length), played.thoughts
    values = np.asarray(thoughts.predictions.values)[steps].mean(axis=-1)
    content: dict[str, Any] = {
        "name": played.name,
        "actions": names,
        "values": [float(f"{value:.4g}") for value in values],
        "rewards": [float(f"{reward:.4g}") for reward in np.asarray(thoughts.rewards)[steps]],
        "told": [_action_text(action, names) for action in _actions(played)],
    }
    distribution = thoughts.predictions.actions
    if isinstance(distribution, Categorical):
        logits = np.asarray(distribution.logits, np.float64)[steps]
        chances = np.exp(logits - logits.max(axis=-1, keepdims=True))
        chances /= chances.sum(axis=-1, keepdims=True)
        content["chances"] = (1000 * chances).round().astype(int).tolist()
    return content | _pictures(played)


def _pictures(played: Played) -> dict[str, Any]:
    artist: Any = small_artist(played.env, _TILE)
    if artist is None:
        return {}
    tile = getattr(artist, "tile_size", None)
    states = played.recording.states
    drawn = artist.draw_episode(played.env, played.level, states, played.length)
    found: dict[str, Any] = {}
    if tile:
        # Mazes have a border of half a cell.
        frames = frames_of(drawn, tile, tile - tile // 2)
        found = {} if frames is None else {"frames": frames.content()}
    for most in () if tile else _MOST_PIXELS:
        frames = frames_of([shrunk(image, most) for image in drawn])
        content = None if frames is None else frames.content()
        if content and len(content["sheet"]) + len(content["changes"]) <= _MOST_OF_ONE:
            found = {"frames": content}
            break
    viewer: Any = small_artist(played.env, _VIEW_TILE)
    seen = jax.tree.map(lambda leaf: leaf[: played.length], played.thoughts.observations)
    views = [viewer.draw_view(played.env, one) for one in unstack(seen)] if played.length else []
    if views and views[0] is not None:
        view = frames_of(views, _VIEW_TILE if tile else ANY_TILE)
        found |= {} if view is None else {"view": view.content()}
    return found


def _actions(played: Played) -> list[np.ndarray]:
    actions = jax.tree.leaves(played.thoughts.actions)
    return [np.concatenate([np.ravel(leaf[i]) for leaf in actions]) for i in range(played.length)]


def _action_text(action: np.ndarray, names: tuple[str, ...]) -> str:
    if names and action.size == 1:
        return names[int(action[0])]
    return ", ".join(number(float(value), 2) for value in action[:8])


def _told(played: Played) -> str:
    """How it ended, in a few words."""
    total = float(np.sum(np.asarray(played.thoughts.rewards)[: int(played.recording.length)]))
    success, length = played.recording.success, int(played.recording.length)
    ended = f"ended after {length} steps"
    if success is not None:
        ended = f"solved in {length} steps" if bool(success) else f"not solved in {length} steps"
    shown = f"; the first {played.length} are shown" if played.length < length else ""
    return f"{ended}, return {number(total)}{shown}"


def _in_words(played: Played, names: tuple[str, ...]) -> str:
    """What it did, step by step, for those who do not see it."""
    told = [_action_text(action, names) for action in _actions(played)]
    parts = []
    for action, same in itertools.groupby(told):
        count = len(list(same))
        parts.append(action if count == 1 else f"{action} {count} times")
    values = np.asarray(played.thoughts.predictions.values)[: played.length].mean(axis=-1)
    expected = ""
    if len(values):
        expected = (
            f"At first it expects {number(float(values[0]))}, at the end "
            f"{number(float(values[-1]))}. "
        )
    return f"<p>{expected}It does this: {escaped(', '.join(parts))}.</p>"
