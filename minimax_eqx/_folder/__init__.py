"""What a run leaves on disk: its folder, the checkpoints and tables in it, and the lock."""

__all__: list[str] = []


def __dir__() -> list[str]:
    return __all__
