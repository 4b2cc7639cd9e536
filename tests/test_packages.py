"""What the packages show, and what importing them brings along."""

import importlib
import json
import pkgutil
import subprocess
import sys

import pytest

import minimax_eqx

PACKAGES = [
    minimax_eqx.__name__,
    *(
        info.name
        for info in pkgutil.walk_packages(minimax_eqx.__path__, "minimax_eqx.")
        if info.ispkg
    ),
]
CORE = {"jax", "equinox", "optax", "jaxtyping", "beartype", "minimax_eqx"}
# Those of the extra `cli`, and what else a user may have.
OTHERS = {"tyro", "rich", "matplotlib", "PIL", "minigrid", "hypothesis", "pandas", "torch"}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_shows_what_it_offers_and_nothing_else(name):
    package = importlib.import_module(name)
    assert dir(package) == sorted(package.__all__)
    for public in package.__all__:
        assert public == "__version__" or not public.startswith("_")
        assert getattr(package, public) is not None


def test_importing_the_package_brings_only_the_core_along():
    code = (
        "import json, sys, minimax_eqx as mx\n"
        "mx.envs, mx.nets, mx.agents, mx.rollouts, mx.curricula, mx.runners\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    loaded = set(json.loads(output))
    assert loaded >= CORE
    assert not loaded & OTHERS
