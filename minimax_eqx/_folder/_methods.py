"""Which runs are of one method, and what a method is called among others."""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._composition._defaults import completed
from .._composition._parts import Parts
from .._composition._plain import CLASS
from ..runners._experiment import Experiment
from ._run_folder import RunFolder

# What two runs of one method may differ in.
NOT_OF_THE_METHOD = ("seed", "schedule", "evaluation", "devices")


@dataclasses.dataclass(frozen=True)
class Method:
    """Runs whose experiments differ in nothing but how long, on what and with which seed."""

    name: str
    """The shortest that tells it from the others."""
    differences: Mapping[str, Any]
    """Of the options in which methods of the same title differ, those that the name gives."""
    folders: tuple[RunFolder, ...]


def methods_of(folders: Sequence[RunFolder]) -> list[Method]:
    """The runs by method, in the order in which methods come first.

    A method's name is its recipe, with what was changed in it unless that is the same in all of
    them. Where the recipe is not known, it is what the folders of its runs are called but for their
    numbers. Where several have one name, the options follow in which they differ.

    Raises `FolderError` for a damaged configuration.
    """
    found: dict[str, list[RunFolder]] = {}
    options: dict[str, dict[str, Any]] = {}
    configs = _of_one_version([folder.config() for folder in folders])
    for folder, config in zip(folders, configs, strict=True):
        own = _options_of(config)
        key = json.dumps(own, sort_keys=True)
        found.setdefault(key, []).append(folder)
        options[key] = own
    changes = {key: _changes(members, options[key]) for key, members in found.items()}
    of_all = [change for change in next(iter(changes.values()), ()) if _is_in_all(change, changes)]
    titles = {
        key: " ".join([_title(members), *(c for c in changes[key] if c not in of_all)])
        for key, members in found.items()
    }
    methods = []
    for key, members in found.items():
        alike = [options[other] for other in found if titles[other] == titles[key]]
        differences = {name: options[key].get(name) for name in _telling_apart(alike)}
        names = _short_names(list(differences), alike)
        shown = {names[name]: value for name, value in differences.items()}
        text = " ".join(f"{name}={_shown(value)}" for name, value in shown.items())
        methods.append(Method(f"{titles[key]} {text}".strip(), shown, tuple(members)))
    return methods


def _of_one_version(configs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Configurations of which all name the same fields of a part of the package: those that an
    older version did not know are added with their defaults."""
    names: dict[str, set[frozenset[str]]] = {}
    for config in configs:
        for part in _parts_in(config["experiment"]):
            names.setdefault(str(part[CLASS]), set()).add(frozenset(part))
    if all(len(found) == 1 for found in names.values()):
        return configs
    parts = Parts()
    return [c | {"experiment": completed(c["experiment"], Experiment, parts)[0]} for c in configs]


def _parts_in(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping) and CLASS in value:
        yield value
    inner = value.values() if isinstance(value, Mapping) else value
    for item in inner if isinstance(value, Mapping | list) else ():
        yield from _parts_in(item)


def _options_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What decides which method a run is of: the options by their paths, a part by its class."""
    experiment = config["experiment"]
    method = {name: v for name, v in experiment.items() if name not in NOT_OF_THE_METHOD}
    code = (config.get("code") or {}).get("sha256")
    return dict(_leaves(method)) | ({"code": code[:8]} if code else {})


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    below = f"{path}." if path else ""
    if isinstance(value, Mapping):
        yield path, value.get(CLASS)
        for name, field in value.items():
            if name != CLASS:
                yield from _leaves(field, f"{below}{name}")
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for i, item in enumerate(value):
            yield from _leaves(item, f"{below}{i}")
    else:
        yield path, value


def _title(folders: Sequence[RunFolder]) -> str:
    recipes = {folder.origin().get("recipe") for folder in folders}
    if len(recipes) == 1 and (recipe := recipes.pop()):
        return str(recipe)
    titles = {_without_number(folder.path.name) or folder.path.parent.name for folder in folders}
    if len(titles) == 1:
        return titles.pop()
    curriculum = folders[0].config()["experiment"].get("curriculum")
    return str(curriculum.get(CLASS, "method") if isinstance(curriculum, Mapping) else "method")


def _changes(folders: Sequence[RunFolder], options: Mapping[str, Any]) -> list[str]:
    """What was changed in the recipe, of what decides which method it is, as text; of a sweep's
    runs what was swept, also where the value is the recipe's."""
    ends = {path.rpartition(".")[2] for path in options}
    changes = folders[0].origin().get("changes") or {}
    own = {name: v for name, v in changes.items() if name.rpartition(".")[2] in ends}
    swept: dict[str, Any] = {}
    for word in _swept(folders[0].path.name) if folders[0].origin().get("recipe") else ():
        paths = [path for path in options if f".{path}".endswith(f".{word}")]
        for path in paths if len(paths) == 1 else ():
            # As it is called where it was changed.
            name = next((n for n in own if f".{path}".endswith(f".{n}")), None)
            swept[name or _short_names([path], [options])[path]] = options[path]
    return [f"{name}={_shown(value)}" for name, value in (swept | own).items()]


def _swept(name: str) -> list[str]:
    """The options in the name of a sweep's run, such as `learning-rate=0.001_seed=2`."""
    return [option.replace("-", "_") for option in re.findall(r"(?:^|_)([a-z][\w.-]*?)=", name)]


def _is_in_all(change: str, changes: Mapping[str, Sequence[str]]) -> bool:
    return all(change in others for others in changes.values())


def _without_number(name: str) -> str:
    return re.sub(r"[-_. ]?(seed)?[-_. ]?\d+$", "", name)


def _telling_apart(methods: Sequence[Mapping[str, Any]]) -> list[str]:
    """A few options by whose values all these methods differ, of outer parts first."""
    paths = list(dict.fromkeys(path for method in methods for path in method))
    chosen: list[str] = []

    def num_kinds(*names: str) -> int:
        return len({json.dumps([m.get(n) for n in names]) for m in methods})

    while num_kinds(*chosen) < len(methods):
        by_use = [(-num_kinds(*chosen, path), path.count("."), path) for path in paths]
        chosen.append(min(by_use)[-1])
    return chosen


def _short_names(paths: Sequence[str], methods: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Each path as its last words, as many as no other option ends in."""
    known = {path for method in methods for path in method}
    names = {}
    for path in paths:
        words = path.split(".")
        ends = [".".join(words[i:]) for i in reversed(range(len(words)))]
        names[path] = next(
            end for end in ends if sum(p == end or p.endswith(f".{end}") for p in known) == 1
        )
    return names


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_shown, value)) or "none"
    return "none" if value is None else str(value)
