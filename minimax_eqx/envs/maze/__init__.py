"""Mazes: levels, dynamics and generators."""

from ._generators import PerfectMaze as PerfectMaze
from ._generators import RandomWalls as RandomWalls
from ._level import MazeLevel as MazeLevel
from ._level import stack_levels as stack_levels
from ._maze import Maze as Maze
from ._maze import MazeObservation as MazeObservation
from ._maze import MazeState as MazeState
from ._maze import MazeWorld as MazeWorld
from ._metrics import distances_from as distances_from
from ._metrics import maze_level_metrics as maze_level_metrics
from ._metrics import shortest_path_length as shortest_path_length
