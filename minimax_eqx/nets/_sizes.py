"""Sizes that a network's parts are made with."""


def check_sizes(part: str, **sizes: int) -> None:
    """Raises `ValueError`, naming the part and the size, for one that is less than 1."""
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{part}: {name} is {size}; give it at least 1.")
