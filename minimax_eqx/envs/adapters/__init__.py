"""Worlds of other packages, each in a module that is named after its package.

Import the module that you want, for example `minimax_eqx.envs.adapters.gymnax`. Its package is an
extra, `pip install 'minimax_eqx[gymnax]'`, and is imported when you make an environment of it.

`gymnasium` goes the other way: it shows worlds of this package to agents of others.
"""

__all__: list[str] = []


def __dir__() -> list[str]:
    return sorted(__all__)
