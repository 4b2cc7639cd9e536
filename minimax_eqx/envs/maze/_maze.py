"""The maze: MiniGrid's dynamics on a grid of walls with one goal."""

import dataclasses
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

from ..._ranges import check_between
from ..._types import PyTree
from .._actions import Discrete
from .._env import AbstractArtist, AbstractEnv, TimeStep
from ._cells import AGENT_OBJECT, DOOR, EMPTY, GOAL, KEY, LAVA, OBJECT_BITS, UNSEEN, WALL
from ._doors import LOCKED, OPEN, has_key, place_in_view, use_hands
from ._fit import OPTIONS
from ._level import NUM_DIRECTIONS, MazeLevel, hint_at_border, maze_level_spec
from ._metrics import fewest_actions, maze_level_metrics
from ._size import MAX_STEPS, check_size
from ._view import MOVES, cut_out_view, visible_cells

NUM_ACTIONS = 7
TURN_LEFT, TURN_RIGHT, FORWARD = 0, 1, 2
MIN_VIEW, MAX_VIEW = 3, 255


class MazeWorld(eqx.Module):
    """A loaded maze: its cells, where the agent starts, and the goal that pays.

    `cells` is the grid of cell codes with a margin of walls, wide enough for any view of the
    environment that loaded the level. `size` is the level's, if levels differ in size. Key and
    door, if there are any, are not among the cells, since they change.
    """

    cells: UInt8[Array, "*batch padded_height padded_width"]
    agent_pos: Int[Array, "*batch 2"]
    agent_dir: Int[Array, "*batch"]
    goal_pos: Int[Array, "*batch 2"]
    size: Int[Array, "*batch 2"] | None = None
    key_pos: Int[Array, "*batch 2"] | None = None
    door_pos: Int[Array, "*batch 2"] | None = None


class MazeState(eqx.Module):
    """Where the agent is, where it looks, and how many steps of the episode it has taken.

    In a maze with a locked door also where the key is, which is (-1, -1) if the agent has it, and
    MiniGrid's code for the door: 0 open, 1 closed, 2 locked.
    """

    agent_pos: Int[Array, "*batch 2"]
    agent_dir: Int[Array, "*batch"]
    time: Int[Array, "*batch"]
    key_pos: Int[Array, "*batch 2"] | None = None
    door: Int[Array, "*batch"] | None = None


class MazeObservation(eqx.Module):
    """The agent's view.

    `image` holds MiniGrid's object, colour and state codes, as raw bytes; networks scale them.
    `agent_pos` is there only for a maze with `include_position=True`: the position divided by the
    longer side of the maze, so that a network need not know the size.
    """

    image: UInt8[Array, "*batch view view 3"]
    agent_dir: UInt8[Array, "*batch"]
    agent_pos: Float[Array, "*batch 2"] | None


class Maze(AbstractEnv[MazeLevel, MazeWorld, MazeState, MazeObservation]):
    """MiniGrid's maze, as in the paper's AMaze.

    Actions: 0 turn left, 1 turn right, 2 forward; 3 to 6 (pick up, drop, toggle, done) only pass
    time, but for keys and doors. Entering a goal in step `t` (counted from 1) ends the episode with
    reward `1 - 0.9 * t / max_episode_steps`; every other step gives 0. Entering lava ends the
    episode too.

    Raises `ValueError` for a value out of its range, and for more than 2^24 cells.
    """

    height: int = 13
    """Rows of cells, without the border of walls around them; at least 2."""

    width: int = 13
    """Columns of cells, without the border of walls around them; at least 2."""

    view_size: int = 5
    """Side of the square that the agent sees, in cells; odd, between 3 and 255."""

    max_episode_steps: int = 250
    """The time limit of an episode, in steps; at least 1."""

    see_agent: bool = False
    """Show the agent, with its direction, in its own cell of the view."""

    see_through_walls: bool = True
    """Show what is behind walls; if not, MiniGrid's rule hides it."""

    include_position: bool = False
    """Let observations carry the agent's position (x, y)."""

    mixed_sizes: bool = False
    """Let levels differ in size: height and width are then the most they have."""

    lava: bool = False
    """Let levels have lava, which ends the episode of an agent that enters it."""

    num_goals: int = 1
    """Goals of a level; whichever the agent enters pays; at least 1."""

    locked_door: bool = False
    """Give each level a locked door, and the key that opens it."""

    def __check_init__(self) -> None:
        check_size(self)
        check_between(self, MIN_VIEW, MAX_VIEW, "view_size")
        if self.view_size % 2 == 0:
            raise ValueError(
                f"Maze.view_size is {self.view_size}; it must be odd, so that the agent is in the "
                "middle of a row."
            )
        check_between(self, 1, MAX_STEPS, "max_episode_steps")
        check_between(self, 1, self.height * self.width - 1, "num_goals")

    def action_spec(self) -> Discrete:
        return Discrete(NUM_ACTIONS)

    def load(self, level: MazeLevel) -> MazeWorld:
        """Lays the level out as one byte a cell. The level is assumed to pass `MazeLevel.check`."""
        if level.wall_map.shape != (self.height, self.width):
            raise ValueError(
                f"A level of {level.wall_map.shape[0]} x {level.wall_map.shape[1]} cells was given "
                f"to a maze with height {self.height} and width {self.width}."
                + hint_at_border(level.wall_map.shape, (self.height, self.width))
            )
        spec = self.level_spec()
        for name, option in OPTIONS.items():
            given, wanted = np.shape(getattr(level, name)), np.shape(getattr(spec, name))
            if given != wanted:
                raise ValueError(
                    f"A level whose {name} has shape {given} (() if there is none) was given to a "
                    f"maze with {option}={getattr(self, option)}, where it has shape {wanted}. Use "
                    "level.fitted(env.level_spec()), or another environment."
                )
        cells = level.cells()
        if self.locked_door:
            cells = jnp.where((cells == KEY) | (cells == DOOR), EMPTY, cells).astype(jnp.uint8)
        world = self.lay_out(cells, level.agent_pos, level.agent_dir, level.goal_pos)
        return dataclasses.replace(
            world, size=level.size, key_pos=level.key_pos, door_pos=level.door_pos
        )

    def lay_out(
        self,
        cells: UInt8[Array, "{self.height} {self.width}"],
        agent_pos: Int[Array, "2"],
        agent_dir: Int[Array, ""],
        goal_pos: Int[Array, "2"],
    ) -> MazeWorld:
        """Makes a world of cell codes, for environments with other objects in a maze."""
        padded = jnp.pad(cells, self._margin, constant_values=WALL)
        return MazeWorld(padded, agent_pos, agent_dir, goal_pos)

    def reset(self, world: MazeWorld, *, key: Key[Array, ""]) -> MazeState:
        del key
        start = MazeState(world.agent_pos, world.agent_dir, jnp.zeros((), jnp.int32))
        if not self.locked_door:
            return start
        return dataclasses.replace(start, key_pos=world.key_pos, door=jnp.array(LOCKED, jnp.int32))

    def step(
        self, world: MazeWorld, state: MazeState, action: Int[Array, ""], *, key: Key[Array, ""]
    ) -> TimeStep[MazeState]:
        del key
        burnt = self._code_ahead(world, state) == LAVA if self.lava else None
        state, reward, reached = self.move(world, state, action)
        ended = reached if burnt is None else reached | ((action == FORWARD) & burnt)
        return TimeStep(
            state=state,
            reward=reward,
            terminated=ended,
            truncated=(state.time >= self.max_episode_steps) & ~ended,
            success=reached,
        )

    def move(
        self, world: MazeWorld, state: MazeState, action: Int[Array, ""]
    ) -> tuple[MazeState, Float[Array, ""], Bool[Array, ""]]:
        """Turns or moves the agent; returns the state, the reward, and whether it reached a goal.

        The agent can enter empty cells, goals, lava and open doors.
        """
        turn = jnp.where(action == TURN_LEFT, -1, jnp.where(action == TURN_RIGHT, 1, 0))
        agent_dir = (state.agent_dir + turn) % NUM_DIRECTIONS
        ahead = self.cell_ahead(state)
        forward = action == FORWARD
        code = self._code_ahead(world, state)
        # A maze may have objects that look like a goal and pay nothing, unless goals are many.
        is_goal = jnp.all(ahead == world.goal_pos) if self.num_goals == 1 else code == GOAL
        reached = forward & is_goal
        free = code == EMPTY
        if self.lava:
            free = free | (code == LAVA)
        key_pos, door = state.key_pos, state.door
        if key_pos is not None and door is not None and world.door_pos is not None:
            faces_key, faces_door = jnp.all(ahead == key_pos), jnp.all(ahead == world.door_pos)
            free = free & ~faces_key & (~faces_door | (door == OPEN))
            is_empty = (code == EMPTY) & ~faces_door & ~faces_key
            key_pos, door = use_hands(
                action, key_pos, door, ahead=ahead, is_empty=is_empty, faces_door=faces_door
            )
        moves = reached | (forward & free)
        time = state.time + 1
        position = jnp.where(moves, ahead, state.agent_pos)
        return (
            MazeState(position, agent_dir, time, key_pos, door),
            jnp.where(reached, self._payment(time), 0.0),
            reached,
        )

    def cell_ahead(self, state: MazeState) -> Int[Array, "2"]:
        """The position (x, y) in front of the agent, perhaps off the grid."""
        return state.agent_pos + jnp.asarray(MOVES, jnp.int32)[state.agent_dir]

    def _code_ahead(self, world: MazeWorld, state: MazeState) -> UInt8[Array, ""]:
        x, y = self.cell_ahead(state) + self._margin
        return world.cells[y, x]

    def observe(self, world: MazeWorld, state: MazeState) -> MazeObservation:
        position = state.agent_pos + self._margin
        codes = cut_out_view(world.cells, position, state.agent_dir, self.view_size)
        here = _own_cell(self.view_size)
        states, own = jnp.zeros_like(codes), EMPTY
        blocks = codes == WALL
        if state.key_pos is not None and state.door is not None and world.door_pos is not None:
            at = lambda thing: place_in_view(  # noqa: E731
                thing, state.agent_pos, state.agent_dir, self.view_size
            )
            carries, at_door = has_key(state.key_pos), at(world.door_pos)
            codes = jnp.where(at(state.key_pos) & ~carries, KEY, jnp.where(at_door, DOOR, codes))
            blocks = blocks | (at_door & (state.door != OPEN))
            states = jnp.where(at_door & ~here, state.door, 0)
            # An agent sees what it carries in its own cell.
            own = jnp.where(carries, KEY, EMPTY)
        visible = None if self.see_through_walls else visible_cells(~blocks)
        codes = jnp.where(here, own, codes).astype(jnp.uint8)
        if visible is not None:
            codes = jnp.where(visible, codes, UNSEEN)
            states = jnp.where(visible, states, 0)
        objects, colours = codes & (2**OBJECT_BITS - 1), codes >> OBJECT_BITS
        states = states.astype(jnp.uint8)
        agent_dir = state.agent_dir.astype(jnp.uint8)
        if self.see_agent:
            objects = jnp.where(here, AGENT_OBJECT, objects)
            states = jnp.where(here, agent_dir, states)
        image = jnp.stack([objects, colours, states], axis=-1).astype(jnp.uint8)
        position = None
        if self.include_position:
            side = max(self.height, self.width)
            if world.size is not None:
                side = jnp.max(world.size).astype(jnp.float32)
            position = state.agent_pos.astype(jnp.float32) / side
        return MazeObservation(image, agent_dir, position)

    def level_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        return maze_level_spec(
            self.height,
            self.width,
            mixed_sizes=self.mixed_sizes,
            lava=self.lava,
            num_goals=self.num_goals,
            locked_door=self.locked_door,
        )

    def observation_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        position = jax.ShapeDtypeStruct((2,), jnp.float32) if self.include_position else None
        view = jax.ShapeDtypeStruct((self.view_size, self.view_size, 3), jnp.uint8)
        return jax.eval_shape(
            MazeObservation,
            view,
            jax.ShapeDtypeStruct((), jnp.uint8),
            position,
        )

    def level_metrics(self, level: MazeLevel) -> dict[str, Float[Array, ""]]:
        """Number of walls, shortest path length and more; see `maze_level_metrics`."""
        return maze_level_metrics(level)

    def optimal_return(self, level: MazeLevel) -> Float[Array, ""]:
        """The return of a shortest way in actions, turns included; 0 if none is in time."""
        steps = fewest_actions(level)
        possible = (steps > 0) & (steps <= self.max_episode_steps)
        return jnp.where(possible, self._payment(steps), 0.0)

    def joined(self, envs: Sequence[AbstractEnv]) -> AbstractEnv | None:
        # It is made of mazes.
        from ._joint import joined_mazes

        return joined_mazes(envs)

    def artist(self) -> AbstractArtist:
        # Pictures know the environments, so environments learn of pictures late.
        from ._artist import MazeArtist

        return MazeArtist()

    def _payment(self, time: Int[Array, ""]) -> Float[Array, ""]:
        """The reward for reaching the goal in that step."""
        return 1 - 0.9 * time.astype(jnp.float32) / self.max_episode_steps

    @property
    def _margin(self) -> int:
        return self.view_size - 1


def _own_cell(view_size: int) -> Bool[np.ndarray, "view view"]:
    """Marks the agent's own cell in its view."""
    own_cell = np.zeros((view_size, view_size), bool)
    own_cell[-1, view_size // 2] = True
    return own_cell
