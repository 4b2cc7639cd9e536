"""The cellar: what makes programs fast or small on one backend or another, and nothing else."""

__all__: list[str] = []


def __dir__() -> list[str]:
    return __all__
