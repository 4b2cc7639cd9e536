"""The page of a run, or of several: one file that needs nothing beside it."""

__all__: list[str] = []


def __dir__() -> list[str]:
    return __all__
