"""The rules of style that a machine can check, over every module of the package."""

import abc
import ast
import importlib
import inspect
import pathlib
import pkgutil
import textwrap

import equinox as eqx
import pytest

import minimax_eqx

ROOT = pathlib.Path(minimax_eqx.__file__).parent
MAX_LINES = 400
# What the extra `cli` installs; the modules that import them may be missing where they are.
OPTIONAL = {"tyro", "rich", "matplotlib", "PIL"}
# A method is one file, as short as this; models may be longer, and so may what methods share.
MAX_METHOD_LINES = 60
SHARED = {
    "curricula": {
        *("_insertion", "_level_buffer", "_level_replay", "_prioritisation"),
        *("_schedules", "_search"),
    },
    "scores": set(),
}
MODELS = {"_mixture", "_transition_model", "_trust_region"}
VAGUE_NAMES = {"utils", "util", "common", "helpers", "helper", "misc"}


def import_all():
    modules = [minimax_eqx]
    for info in pkgutil.walk_packages(minimax_eqx.__path__, "minimax_eqx.", onerror=lambda _: None):
        try:
            modules.append(importlib.import_module(info.name))
        except ImportError as error:
            if (error.name or "").split(".")[0] not in OPTIONAL:
                raise
    return modules


MODULES = import_all()
CLASSES = {
    member
    for module in MODULES
    for member in vars(module).values()
    if inspect.isclass(member)
    and issubclass(member, eqx.Module)
    and member.__module__.split(".")[0] == "minimax_eqx"
}
FILES = sorted(ROOT.rglob("*.py"))


def name_of(cls):
    return f"{cls.__module__}.{cls.__qualname__}"


def own_bases(cls):
    """The base classes that belong to the package, nearest first."""
    return [base for base in cls.__mro__[1:] if base in CLASSES]


def is_abstract(cls):
    return cls.__name__.removeprefix("_").startswith("Abstract")


def defined_methods(cls):
    """Names that the class body itself gives a function or property; dunder names are left out.

    Equinox and dataclasses write dunder methods into every class.
    """
    return {
        name
        for name, member in vars(cls).items()
        if not (name.startswith("__") and name.endswith("__") and name != "__call__")
        and (callable(inspect.unwrap(getattr(member, "__func__", member))) or
             isinstance(member, property))
    }  # fmt: skip


def is_abstract_method(member):
    return getattr(member, "__isabstractmethod__", False)


def is_optional_method(base, member):
    """Whether an abstract class offers a method that says None, "there is none", by default."""
    if not (is_abstract(base) and inspect.isfunction(inspect.unwrap(member))):
        return False
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(member)))
    *documented, last = ast.parse(source).body[0].body
    return len(documented) == 1 and ast.unparse(last) == "return None"


def final_bases(cls, bases):
    """The bases that nothing should inherit from."""
    return [base for base in bases if not is_abstract(base)]


def overridden_methods(cls, bases):
    """The methods of a class that replace a concrete one of its bases, but for optional ones."""
    return [
        f"{base.__name__}.{name}"
        for name in sorted(defined_methods(cls))
        for base in bases
        if name in defined_methods(base)
        and not is_abstract_method(vars(base)[name])
        and not is_optional_method(base, vars(base)[name])
    ]


@pytest.mark.parametrize("cls", sorted(CLASSES, key=name_of), ids=name_of)
def test_a_module_is_abstract_or_final(cls):
    assert not final_bases(cls, own_bases(cls)), (
        "Only a class named Abstract... is inherited from: hold the other one as a field, or split "
        "off an abstract base."
    )


@pytest.mark.parametrize("cls", sorted(CLASSES, key=name_of), ids=name_of)
def test_no_concrete_method_is_overridden(cls):
    assert not overridden_methods(cls, own_bases(cls))


def test_the_rules_notice_what_breaks_them():
    class AbstractShape(eqx.Module):
        @abc.abstractmethod
        def area(self):
            pass

        def name(self):
            return "shape"

        def colour(self):
            """Optional: what it is painted with."""
            return None

        @property
        def sides(self):
            return 0

    class Square(AbstractShape):
        def area(self):
            return 1

        def colour(self):
            return "red"

    class Rectangle(Square):
        def area(self):
            return 2

        def name(self):
            return "rectangle"

        @property
        def sides(self):
            return 4

    assert final_bases(Square, [AbstractShape]) == []
    assert overridden_methods(Square, [AbstractShape]) == []
    assert final_bases(Rectangle, [Square, AbstractShape]) == [Square]
    assert overridden_methods(Rectangle, [Square, AbstractShape]) == [
        "Square.area",
        "AbstractShape.name",
        "AbstractShape.sides",
    ]


@pytest.mark.parametrize("cls", sorted(filter(is_abstract, CLASSES), key=name_of), ids=name_of)
def test_what_is_named_abstract_is_abstract(cls):
    missing = getattr(cls, "__abstractmethods__", frozenset())
    variables = getattr(cls, "__abstractvars__", frozenset()) | getattr(
        cls, "__abstractclassvars__", frozenset()
    )
    assert missing or variables, f"{name_of(cls)} has nothing abstract; rename it."


# What the packages show.
REEXPORTS = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in MODULES
    if pathlib.Path(module.__file__).name == "__init__.py"
    for name in module.__all__
}


@pytest.mark.parametrize("place", sorted(REEXPORTS))
def test_what_is_public_has_a_docstring(place):
    member = REEXPORTS[place]
    if inspect.isclass(member):
        # A dataclass without a docstring gets its signature as one.
        own = vars(member).get("__doc__") or ""
        generated = own.startswith(f"{member.__name__}(")
        assert own, f"{place} has no docstring."
        assert not generated, f"{place} has no docstring."
    elif callable(member) or inspect.ismodule(member):
        assert inspect.getdoc(member), f"{place} has no docstring."


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_files_are_short_documented_and_named_after_what_they_hold(file):
    text = file.read_text()
    assert len(text.splitlines()) <= MAX_LINES, f"{file} is too long; split it."
    assert ast.get_docstring(ast.parse(text)), f"{file} has no docstring."
    assert file.stem.strip("_") not in VAGUE_NAMES, f"{file} needs a name that says what it holds."


def code_lines(text):
    """Lines of code; imports, docstrings and help, comments and what a signature has beyond its
    first line do not count."""
    left_out = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            left_out.update(range(node.lineno + 1, node.body[0].lineno))
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            left_out.update(range(node.lineno, node.end_lineno + 1))
    code = enumerate(map(str.strip, text.splitlines()), 1)
    return sum(bool(line) and not line.startswith("#") and i not in left_out for i, line in code)


@pytest.mark.parametrize("room", SHARED)
def test_a_method_is_one_short_file(room):
    for file in (ROOT / room).glob("*.py"):
        if file.stem not in SHARED[room] | MODELS:
            assert code_lines(file.read_text()) <= MAX_METHOD_LINES, file


def test_the_package_was_walked():
    names = {cls.__name__ for cls in CLASSES}
    assert {"AbstractEnv", "Maze", "MazeLevel", "RandomWalls"} <= names
    assert "minimax_eqx.envs.Maze" in REEXPORTS
