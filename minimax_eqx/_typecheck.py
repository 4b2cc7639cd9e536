"""Run-time checks of types and shapes: what they are, and how the package's modules get them.

jaxtyping has an import hook too. It writes the checks of every function when a module is imported;
a program calls a small part of this package, and to write the checks of all of it takes as long as
the rest of its import. The hook below leaves that to the first call of each function.
"""

import ast
import dataclasses
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import pkgutil
import sys
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any

# Packages and modules without arrays, which have nothing that these checks are for.
_WITHOUT_ARRAYS = {"__main__", "_composition", "_typecheck", "_version", "cli", "recipes"}


def typechecker(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its arguments and result checked by beartype."""
    from beartype import BeartypeConf, beartype
    from beartype.roar import BeartypeCallHintViolation

    # Where a float is asked for, an int will do, as everywhere in Python's numeric tower. Without
    # colours, since what it says is read for a message of this package's own.
    checked_function = beartype(conf=BeartypeConf(is_pep484_tower=True, is_color=False))(function)

    def check(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            return checked_function(*args, **kwargs)
        except BeartypeCallHintViolation as error:
            from ._argument_error import argument_error

            raise argument_error(function, str(error), args, kwargs) from None

    return check


def checked(thing: Any) -> Any:
    """A function whose types and shapes are checked, or a dataclass that checks its fields when it
    is made. The hook decorates with this; the checks are written at the first call."""
    if isinstance(thing, type):
        if dataclasses.is_dataclass(thing) and "__init__" in vars(thing):
            setattr(thing, "__init__", checked(vars(thing)["__init__"]))  # noqa: B010 - for pyright
        return thing

    @functools.cache
    def with_checks() -> Callable[..., Any]:
        from jaxtyping import jaxtyped

        return jaxtyped(thing, typechecker=typechecker)

    @functools.wraps(thing)
    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return with_checks()(*args, **kwargs)

    return call


def modules_to_check(package: str, path: Iterable[str]) -> list[str]:
    """The modules and packages of this package, which is in `path`, whose functions are checked."""
    names = [module.name for module in pkgutil.iter_modules(path)]
    return [f"{package}.{name}" for name in names if name not in _WITHOUT_ARRAYS]


class CheckedModules(importlib.abc.MetaPathFinder):
    """Imports some modules, and those of some packages, with their functions and classes checked.

    It does so between `install` and `uninstall`, to modules that are imported meanwhile.
    """

    def __init__(self, names: Iterable[str]):
        self._names = tuple(f"{name}." for name in names)

    def install(self) -> None:
        """Goes before the finders that there are."""
        sys.meta_path.insert(0, self)

    def uninstall(self) -> None:
        """Leaves modules that are not yet imported without checks."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Python calls this for every module that it is about to import."""
        if not f"{fullname}.".startswith(self._names):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _CheckedLoader(spec.loader.name, spec.loader.path)
        return spec


class _CheckedLoader(importlib.machinery.SourceFileLoader):
    """Reads a module as if `@checked` stood above its classes, and under the other decorators of
    its functions, where their annotations are still seen. What has no annotations has no checks."""

    # Of the files with byte code. Another number for another way of decorating.
    _VERSION = "checked1"

    def exec_module(self, module: types.ModuleType) -> None:
        vars(module)["_checked"] = checked
        super().exec_module(module)

    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> types.CodeType:
        tree = ast.parse(data, path)
        for node in ast.walk(tree):
            decorator = ast.Name("_checked", ast.Load())
            if isinstance(node, ast.ClassDef):
                node.decorator_list.insert(0, ast.copy_location(decorator, node))
            if isinstance(node, ast.FunctionDef) and _has_annotations(node):
                node.decorator_list.append(ast.copy_location(decorator, node))
        return compile(tree, path, "exec", dont_inherit=True, optimize=_optimize)

    # The byte code is kept in files beside those of modules that are not checked.
    def get_data(self, path: str) -> bytes:
        return super().get_data(self._place_of(path))

    def set_data(self, path: str, data: Any, **options: Any) -> None:
        super().set_data(self._place_of(path), data, **options)

    def _place_of(self, path: str) -> str:
        if path == self.path:
            return path
        return importlib.util.cache_from_source(self.path, optimization=self._VERSION)


def _has_annotations(function: ast.FunctionDef) -> bool:
    inner = function.args
    arguments = [*inner.posonlyargs, *inner.args, *inner.kwonlyargs, inner.vararg, inner.kwarg]
    return bool(function.returns or any(a and a.annotation for a in arguments))
