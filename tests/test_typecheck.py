"""Which functions check their arguments, and when."""

import importlib
import pathlib
import sys

import pytest
from jaxtyping import TypeCheckError

from minimax_eqx._typecheck import CheckedModules

MODULE = """
import functools
import equinox as eqx
from jaxtyping import Array, Float

class Part(eqx.Module):
    size: int
    def grown(self, by: int) -> "Part":
        return Part(self.size + by)
    @property
    def half(self) -> int:
        return self.size / 2

@functools.cache
def cached(x: int) -> int:
    return x

def same(x: Float[Array, " time"], y: Float[Array, " time"]) -> None: ...
def anything(x): return x
"""


@pytest.fixture
def imported(tmp_path, monkeypatch):
    """The module as it is read with checks, or without."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "checked_parts.py").write_text(MODULE)

    def read(with_checks):
        checks = CheckedModules(["checked_parts"])
        if with_checks:
            checks.install()
        monkeypatch.delitem(sys.modules, "checked_parts", raising=False)
        importlib.invalidate_caches()
        module = importlib.import_module("checked_parts")
        checks.uninstall()
        assert checks not in sys.meta_path
        return module

    return read


def test_functions_methods_properties_and_fields_are_checked(imported):
    module = imported(True)
    assert module.Part(1).grown(2) == module.Part(3)
    for mistake in (
        lambda: module.Part(0.5),
        lambda: module.Part(1).grown("2"),
        lambda: module.Part(1).half,
        lambda: module.cached("1"),
        lambda: module.same(1, 2),
    ):
        with pytest.raises(TypeCheckError):
            mistake()


def test_a_decorator_gets_the_function_that_is_checked_and_one_without_types_stays(imported):
    module = imported(True)
    assert module.cached(1) == 1
    assert module.cached.cache_info().currsize == 1
    assert not hasattr(module.anything, "__wrapped__")
    assert module.same.__name__ == "same"


def test_byte_code_with_checks_is_not_that_without(imported, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for with_checks in (True, False, True, False):
        module = imported(with_checks)
        assert hasattr(module.same, "__wrapped__") == with_checks
    assert len(list(pathlib.Path(module.__file__).parent.glob("__pycache__/*"))) == 2
