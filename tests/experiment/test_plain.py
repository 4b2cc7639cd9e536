"""A composition as plain data: there and back, and no way for data to run code."""

import functools
import json
import sys

import jax.numpy as jnp
import pytest

from minimax_eqx._composition._defaults import completed, defaults_in, flat, with_defaults
from minimax_eqx._composition._parts import Parts, name_of
from minimax_eqx._composition._plain import from_plain, to_plain
from minimax_eqx.envs import Maze

from . import house

PARTS = Parts(house)
SEVERAL = house.replay(
    others=(house.MaxMC(weight=2.0), house.L1ValueLoss()), mutator=house.Taught()
)


@pytest.mark.parametrize("composition", [house.replay(), SEVERAL])
def test_a_composition_survives_json(composition):
    data = json.loads(json.dumps(to_plain(composition)))
    assert from_plain(data, house.Composition, PARTS) == composition


def test_plain_data_has_every_field_and_classes_by_name():
    data = to_plain(house.replay())
    assert data["curriculum"]["prioritisation"] == {"class": "rank", "temperature": 0.5}
    assert data["curriculum"]["score"] == {"class": "max-mc", "weight": 1.0}
    assert data["curriculum"]["mutator"] is None


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (house.MaxMC, "max-mc"),
        (house.L1ValueLoss, "l1-value-loss"),
        (house.LSTM, "lstm"),
        (house.S5, "s5"),
        (house.TopK, "top-k"),
    ],
)
def test_a_class_has_the_name_of_an_option(cls, name):
    assert name_of(cls) == name


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "os:system",
        "antigravity",
        "antigravity.geohash",
        "/etc/passwd",
        "./house.py",
        "lambda: 0",
        "__import__('os')",
        "__class__",
        "LevelReplay.__init__",
        "",
        "learner",
    ],
)
def test_a_name_in_data_never_runs_or_imports_anything(name):
    data = to_plain(house.replay())
    data["curriculum"]["score"] = {"class": name}
    before = set(sys.modules)
    with pytest.raises(ValueError, match=r"curriculum.score: there is no '") as caught:
        from_plain(data, house.Composition, PARTS)
    assert "\n" not in str(caught.value)
    assert set(sys.modules) == before
    assert "antigravity" not in before


def change(data, path, value):
    *way, last = path.split(".")
    for name in way:
        data = data[name]
    data[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("curriculum.score", 3, "curriculum.score is 3; it must be a part"),
        ("curriculum.score", {"class": ["max-mc"]}, "curriculum.score is {'class'"),
        ("curriculum.score", None, "curriculum.score is None; it must be a part"),
        (
            "curriculum.score",
            {"class": "rank"},
            "rank is a part of another kind: prioritisation. Known: l1-value-loss, max-mc",
        ),
        ("curriculum.score.power", 3, "curriculum.score: MaxMC has no power"),
        ("curriculum.others", [{"class": "rank"}], "curriculum.others.0: there is no 'rank'"),
        ("student.learning_rate", -1.0, "Learner.learning_rate is -1.0; it must be positive"),
        ("class", "max-mc", "The composition: there is no 'max-mc'"),
    ],
)
def test_wrong_data_is_refused_by_field(path, value, message):
    data = to_plain(house.replay())
    change(data, path, value)
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        from_plain(data, house.Composition, PARTS)
    assert message in str(caught.value)


def paths_of_defaults(part):
    return [path for path in defaults_in(part) if "." in path]


@pytest.mark.parametrize("path", paths_of_defaults(SEVERAL))
def test_a_field_that_data_does_not_name_has_its_default(path):
    data, whole = (json.loads(json.dumps(to_plain(SEVERAL))) for _ in range(2))
    *way, last = path.split(".")
    del functools.reduce(lambda d, n: d[int(n) if isinstance(d, list) else n], way, data)[last]
    found, added = completed(data, house.Composition, PARTS)
    assert found == whole
    assert list(added) == [path]
    assert with_defaults(flat(data), defaults_in(SEVERAL)) == flat(whole)


def test_a_missing_field_is_named():
    data = to_plain(house.replay())
    del data["student"]["learning_rate"]
    with pytest.raises(ValueError, match="student: Learner has nothing for learning_rate"):
        from_plain(data, house.Composition, PARTS)


def test_a_value_of_another_type_is_refused_by_field():
    data = to_plain(Maze()) | {"height": "many"}
    with pytest.raises(ValueError, match=r"Maze: height is 'many'; expected int"):
        from_plain(data, Maze, Parts())


def test_what_data_cannot_hold_is_refused_by_field():
    with pytest.raises(ValueError, match=r"student.learning_rate is of type ArrayImpl"):
        to_plain(house.Composition(house.Grid(), house.Learner(learning_rate=jnp.ones(())), None))


def test_two_parts_of_one_name_are_an_error():
    class MaxMc(house.AbstractFormula):
        def formula(self):
            pass

    module = type(sys)("two")
    module.A, module.B = house.MaxMC, MaxMc
    message = r"house.MaxMC and .*MaxMc are both called 'max-mc'"
    with pytest.raises(ValueError, match=message):
        Parts(module).of((house.AbstractScore,))


def test_a_part_has_no_name_where_nobody_named_its_module():
    data = to_plain(house.replay())
    with pytest.raises(ValueError, match="there is no"):
        from_plain(data["curriculum"], house.LevelReplay, Parts())
