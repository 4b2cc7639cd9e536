"""What describes any composition of parts: their names and fields, as plain data, changed by
options, or from a file of a user's."""

__all__: list[str] = []


def __dir__() -> list[str]:
    return __all__
