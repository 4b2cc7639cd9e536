"""The teacher's world: a maze designed cell by cell."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

from ..._ranges import check_at_least, check_between
from ..._types import PyTree
from .._actions import Discrete
from .._editor import AbstractDesign, AbstractLevelEditor
from .._env import TimeStep
from ._cells import AGENT_OBJECT, EMPTY, GOAL, OBJECT_BITS, WALL, cell_code
from ._draws import random_cell
from ._level import NUM_DIRECTIONS, MazeLevel
from ._size import MAX_CELLS, check_num_walls, check_size, size_of

FIXED, FIRST_ACTION, FIRST_WALL = "fixed", "first_action", "first_wall"
WALL_BUDGETS = (FIXED, FIRST_ACTION, FIRST_WALL)
AGENT = cell_code(AGENT_OBJECT, 0)
NOWHERE = -1


class MazeBlank(eqx.Module):
    """An empty maze, and where its agent looks unless the designer chooses another direction."""

    agent_dir: Int[Array, "*batch"]


class MazeDraft(eqx.Module):
    """A maze in the making.

    Cells are numbered row by row from 0. Agent and goal that are not placed yet are on cell -1.
    `num_walls` is the wall budget, `noise` what the designer observes of chance (None if nothing).
    """

    walls: Bool[Array, "*batch cells"]
    goal: Int[Array, "*batch"]
    agent: Int[Array, "*batch"]
    agent_dir: Int[Array, "*batch"]
    num_walls: Int[Array, "*batch"]
    time: Int[Array, "*batch"]
    noise: Float[Array, "*batch noise"] | None


class MazeDesignObservation(eqx.Module):
    """What the designer sees: the whole maze so far, the time, and perhaps noise.

    `image` holds MiniGrid's object, colour and state codes, with the border of walls, as raw bytes;
    `time` counts the steps taken, of `num_steps` in all; `noise` is None for an editor with
    `noise_dim=0`.
    """

    image: UInt8[Array, "*batch rows columns 3"]
    time: Int[Array, "*batch"]
    noise: Float[Array, "*batch noise"] | None
    num_steps: int = eqx.field(static=True)


class MazeDesign(AbstractDesign[MazeLevel]):
    """How a teacher designs mazes: walls one by one, then the goal, then the agent.

    The teacher's world of PAIRED (Dennis et al. 2020, arXiv 2012.02096) with the variants of
    minimax (Jiang et al. 2023, arXiv 2311.12716). `MazeEditor` says how a design is played.

    Raises `ValueError` for a value out of its range, for a budget of 0 to choose from, and in
    `editor` if the walls leave no room for agent and goal.
    """

    num_walls: int = 60
    """Walls to place, or the most of them; at most the maze's cells less 2."""

    wall_budget: str = FIXED
    """What decides the number of walls: fixed (it is num-walls), first_action or first_wall."""

    replace_collisions: bool = False
    """Replace an action on a cell that holds something by a random cell that holds nothing."""

    choose_direction: bool = False
    """Let one more action at the end choose where the agent looks; otherwise chance decides."""

    noise_dim: int = 50
    """Random numbers, uniform in [0, 1) and new in every step, that the teacher observes."""

    def __check_init__(self) -> None:
        check_at_least(self, 0, "num_walls")
        check_between(self, 0, MAX_CELLS, "noise_dim")
        if self.wall_budget not in WALL_BUDGETS:
            raise ValueError(
                f"MazeDesign.wall_budget is {self.wall_budget!r}; it must be one of "
                f"{', '.join(map(repr, WALL_BUDGETS))}."
            )
        if self.wall_budget != FIXED and self.num_walls == 0:
            raise ValueError(
                f"MazeDesign.wall_budget is {self.wall_budget!r}, but with num_walls=0 there is no "
                f"budget to choose: use wall_budget={FIXED!r}, or at least 1 wall."
            )

    def editor(self, level: PyTree[jax.ShapeDtypeStruct]) -> "MazeEditor":
        """The editor of mazes that are as large as `level`."""
        height, width = size_of("MazeDesign", level)
        return MazeEditor(height=height, width=width, design=self)


class MazeEditor(
    AbstractLevelEditor[MazeBlank, MazeBlank, MazeDraft, MazeDesignObservation, MazeLevel]
):
    """The world in which a maze is designed, cell by cell.

    An action is a cell, `y * width + x`. A wall under goal or agent disappears. An action that
    would put the agent on the goal is replaced by a uniformly random cell that holds nothing, so
    every level that comes out can be played. Every episode takes `max_episode_steps` steps:
    `num_walls + 2`, and one more for a budget `"first_action"` and for `choose_direction` each.

    The budget of walls is `num_walls` if it is `"fixed"`. With `"first_action"` the first action
    places nothing; action `a` means `num_walls * a / (height * width)` walls, rounded half to even.
    With `"first_wall"` it does so too and is also the first thing placed (the goal, if it means no
    walls). After a smaller budget is used up the episode goes on to its usual end with actions that
    do nothing. Without `replace_collisions` a wall on a wall is a step spent on nothing.

    An action `a` that chooses the direction means `4 * a // (height * width)`.
    """

    height: int = 13
    """Rows of cells, without the border of walls around them; at least 2."""

    width: int = 13
    """Columns of cells, without the border of walls around them; at least 2."""

    design: MazeDesign = MazeDesign()
    """How the maze is designed."""

    max_episode_steps: int = eqx.field(init=False)

    def __post_init__(self) -> None:
        placed = self.design.num_walls + 2
        self.max_episode_steps = (
            self._first_placing_step + placed + int(self.design.choose_direction)
        )

    def __check_init__(self) -> None:
        check_size(self)
        check_num_walls("MazeDesign", self.design.num_walls, self.height, self.width)

    def action_spec(self) -> Discrete:
        return Discrete(self._num_cells)

    def blank(self, key: Key[Array, ""]) -> MazeBlank:
        """A random direction, or 0 if it is for the designer to choose."""
        if self.design.choose_direction:
            return MazeBlank(jnp.zeros((), jnp.int32))
        return MazeBlank(jax.random.randint(key, (), 0, NUM_DIRECTIONS, jnp.int32))

    def load(self, level: MazeBlank) -> MazeBlank:
        return level

    def reset(self, world: MazeBlank, *, key: Key[Array, ""]) -> MazeDraft:
        return MazeDraft(
            walls=jnp.zeros(self._num_cells, bool),
            goal=jnp.array(NOWHERE, jnp.int32),
            agent=jnp.array(NOWHERE, jnp.int32),
            agent_dir=world.agent_dir,
            num_walls=jnp.array(self.design.num_walls, jnp.int32),
            time=jnp.zeros((), jnp.int32),
            noise=self._draw_noise(key),
        )

    def step(
        self, world: MazeBlank, state: MazeDraft, action: Int[Array, ""], *, key: Key[Array, ""]
    ) -> TimeStep[MazeDraft]:
        del world
        cell_key, noise_key = jax.random.split(key)
        action = action.astype(jnp.int32)
        vacant = ~_occupied(state).reshape(self.height, self.width)
        x, y = random_cell(vacant, key=cell_key)
        replacement = y * self.width + x
        cell = jnp.where(self.collides(state, action), replacement, action)
        state = self._place(state, cell, noise=self._draw_noise(noise_key))
        false = jnp.array(False)
        return TimeStep(
            state=state,
            reward=jnp.zeros((), jnp.float32),
            terminated=state.time >= self.max_episode_steps,
            truncated=false,
            success=false,
        )

    def collides(self, state: MazeDraft, action: Int[Array, ""]) -> Bool[Array, ""]:
        """Whether `step` replaces that action by a random cell."""
        index, budget = self._plan(state, action)
        if self.design.replace_collisions:
            places = (index >= 0) & (index <= budget + 1)
            return places & _occupied(state)[action]
        # Walls may share a cell, and goal and agent may take one from a wall.
        return (index == budget + 1) & (action == state.goal)

    def observe(self, world: MazeBlank, state: MazeDraft) -> MazeDesignObservation:
        del world
        cells = jnp.arange(self._num_cells)
        codes = jnp.where(state.walls, WALL, EMPTY)
        codes = jnp.where(cells == state.agent, AGENT, codes)
        codes = jnp.where(cells == state.goal, GOAL, codes).astype(jnp.uint8)
        codes = codes.reshape(self.height, self.width)
        codes = jnp.pad(codes, 1, constant_values=WALL)
        agent_dir = state.agent_dir.astype(jnp.uint8)
        states = jnp.where(codes == AGENT, agent_dir, jnp.zeros_like(codes))
        image = jnp.stack([codes & (2**OBJECT_BITS - 1), codes >> OBJECT_BITS, states], axis=-1)
        return MazeDesignObservation(image, state.time, state.noise, self.max_episode_steps)

    def level(self, state: MazeDraft) -> MazeLevel:
        """The maze so far. Agent and goal that are not placed yet are at (-1, -1)."""
        cells = jnp.arange(self._num_cells)
        walls = state.walls & (cells != state.goal) & (cells != state.agent)
        return MazeLevel(
            wall_map=walls.reshape(self.height, self.width),
            agent_pos=self._position(state.agent),
            agent_dir=state.agent_dir,
            goal_pos=self._position(state.goal),
        )

    def level_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        return jax.eval_shape(lambda: MazeBlank(jnp.zeros((), jnp.int32)))

    def observation_spec(self) -> PyTree[jax.ShapeDtypeStruct]:
        def first_observation(key):
            blank_key, reset_key = jax.random.split(key)
            world = self.blank(blank_key)
            return self.observe(world, self.reset(world, key=reset_key))

        return jax.eval_shape(first_observation, jax.random.key(0))

    def level_metrics(self, level: MazeBlank) -> dict[str, Float[Array, ""]]:
        """None: a blank is a blank."""
        return {}

    @property
    def _num_cells(self) -> int:
        return self.height * self.width

    def _budgets(self) -> Int[np.ndarray, " {self._num_cells}"]:
        """The number of walls that each first action means: half goes to the even number.

        A table, since the products may be too large for 32 bits, and a quotient of floats may fall
        to either side of a half.
        """
        doubled = 2 * self.design.num_walls * np.arange(self._num_cells, dtype=np.int64)
        halves_up = (doubled + self._num_cells) // (2 * self._num_cells)
        is_half = doubled % (2 * self._num_cells) == self._num_cells
        return (halves_up - (is_half & (halves_up % 2 == 1))).astype(np.int32)

    @property
    def _first_placing_step(self) -> int:
        return int(self.design.wall_budget == FIRST_ACTION)

    def _plan(
        self, state: MazeDraft, action: Int[Array, ""]
    ) -> tuple[Int[Array, ""], Int[Array, ""]]:
        """How many things were placed (-1: placing has not begun), and the wall budget.

        Up to the budget it is a wall's turn, then the goal's and then the agent's.
        """
        budget = state.num_walls
        if self.design.wall_budget != FIXED:
            budget = jnp.where(state.time == 0, jnp.asarray(self._budgets())[action], budget)
        return state.time - self._first_placing_step, budget

    def _place(
        self, state: MazeDraft, cell: Int[Array, ""], *, noise: Float[Array, " noise"] | None
    ) -> MazeDraft:
        """The design after a step that uses `cell`, whatever is there already."""
        index, budget = self._plan(state, cell)
        is_wall = (index >= 0) & (index < budget)
        agent_dir = state.agent_dir
        if self.design.choose_direction:
            last = state.time == self.max_episode_steps - 1
            agent_dir = jnp.where(last, NUM_DIRECTIONS * cell // self._num_cells, agent_dir)
        return MazeDraft(
            walls=state.walls | (is_wall & (jnp.arange(self._num_cells) == cell)),
            goal=jnp.where(index == budget, cell, state.goal),
            agent=jnp.where(index == budget + 1, cell, state.agent),
            agent_dir=agent_dir,
            num_walls=budget,
            time=state.time + 1,
            noise=noise,
        )

    def _draw_noise(self, key: Key[Array, ""]) -> Float[Array, " noise"] | None:
        num_numbers = self.design.noise_dim
        return jax.random.uniform(key, (num_numbers,)) if num_numbers > 0 else None

    def _position(self, cell: Int[Array, ""]) -> Int[Array, "2"]:
        position = jnp.stack([cell % self.width, cell // self.width])
        return jnp.where(cell == NOWHERE, NOWHERE, position)


def _occupied(state: MazeDraft) -> Bool[Array, " cells"]:
    """The cells that hold a wall, the goal or the agent."""
    cells = jnp.arange(state.walls.size)
    return state.walls | (cells == state.goal) | (cells == state.agent)
