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
    "NineRooms",
    "NineRoomsFewerDoors",
    "MiniMaze",
    "MediumMaze",
)
# What a maze is called elsewhere.
ALIASES = {"SixteenRoomsFewerDoors": "SixteenRooms2"}
# MiniGrid's, whose sizes count the border of walls: side, and rows and columns to cross.
CROSSINGS = {"S9N1": (9, 1), "S9N2": (9, 2), "S9N3": (9, 3), "S11N5": (11, 5)}
SIMPLE, LAVA = "SimpleCrossing", "LavaCrossing"
DOOR_KEY = {"DoorKey-5x5": 5, "DoorKey-6x6": 6, "DoorKey-8x8": 8, "DoorKey-16x16": 16}
PERFECT_SIZES = {
    "PerfectMaze": 13,
    "PerfectMazeMedium": 19,
    "PerfectMazeLarge": 51,
    "PerfectMazeXL": 101,
}
MAZES = (
    *(*LAYOUT_NAMES, "FourRooms", "Crossing", *PERFECT_SIZES, "Memory"),
    *(SIMPLE + kind for kind in CROSSINGS),
)
# With lava, or with a key and a door.
MAZES_WITH_MORE = (*(LAVA + kind for kind in CROSSINGS), *DOOR_KEY)
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
    "simple-crossings": tuple(SIMPLE + kind for kind in CROSSINGS),
    "lava-crossings": tuple(LAVA + kind for kind in CROSSINGS),
    "door-key": tuple(DOOR_KEY),
    "all": MAZES,
}
