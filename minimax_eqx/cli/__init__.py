"""The terminal over `minimax_eqx.experiment`: `minimax-eqx COMMAND`."""

from ._main import main as main

__all__ = ["main"]


def __dir__() -> list[str]:
    return sorted(__all__)
