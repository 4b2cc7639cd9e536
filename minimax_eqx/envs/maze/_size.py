"""How large a grid may be, and how long an episode."""

MIN_SIDE = 2
# Up to here a float32, the type of all metrics, counts cells exactly; their numbers fit an int32.
MAX_CELLS = 2**24
MAX_STEPS = 2**31 - 1


def check_size(name: str, height: int, width: int) -> None:
    """Raises `ValueError` if the part of that name cannot have a grid of `height` x `width`."""
    for side, cells in (("height", height), ("width", width)):
        check_range(f"{name}.{side}", cells, MIN_SIDE, MAX_CELLS // MIN_SIDE)
    if height * width > MAX_CELLS:
        raise ValueError(
            f"{name} has {height} x {width} = {height * width:,} cells; it must have at most "
            f"{MAX_CELLS:,}, as many as 4096 x 4096. Choose a smaller height or width."
        )


def check_range(name: str, value: int, least: int, most: int) -> None:
    """Raises `ValueError` if `value` is not in `[least, most]`."""
    if value < least:
        raise ValueError(f"{name} is {value}; it must be at least {least}, and at most {most}.")
    if value > most:
        raise ValueError(f"{name} is {value}; it must be at most {most}, and at least {least}.")
