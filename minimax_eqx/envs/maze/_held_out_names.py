"""The names of the held-out mazes, and lists of them that papers report together."""

MAZE_PREFIX = "Maze-"
LAYOUT_NAMES = (
    "SixteenRooms",
    "SixteenRooms2",
    "Labyrinth",
    "Labyrinth2",
    "LabyrinthFlipped",
    "StandardMaze",
    "StandardMaze2",
    "StandardMaze3",
    "SmallCorridor",
    "LargeCorridor",
)
PERFECT_SIZES = {
    "PerfectMaze": 13,
    "PerfectMazeMedium": 19,
    "PerfectMazeLarge": 51,
    "PerfectMazeXL": 101,
}
MAZES = (*LAYOUT_NAMES, "FourRooms", "Crossing", *PERFECT_SIZES, "Memory")
# Jiang et al. 2023; Coward et al. 2024.
LISTS = {
    "minimax-12": (
        "SixteenRooms",
        "SixteenRooms2",
        "Labyrinth",
        "Labyrinth2",
        "StandardMaze",
        "StandardMaze2",
        "StandardMaze3",
        "Crossing",
        "FourRooms",
        "SmallCorridor",
        "LargeCorridor",
        "PerfectMazeMedium",
    ),
    "jaxued-8": (
        "SixteenRooms",
        "SixteenRooms2",
        "Labyrinth",
        "LabyrinthFlipped",
        "Labyrinth2",
        "StandardMaze",
        "StandardMaze2",
        "StandardMaze3",
    ),
    "all": MAZES,
}
