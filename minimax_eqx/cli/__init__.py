"""The terminal over `minimax_eqx.experiment`: `minimax-eqx COMMAND`."""

__all__: list[str] = []


def __dir__() -> list[str]:
    return sorted(__all__)
