"""Words and files that change a composition, and one clear line for each mistake in them."""

import dataclasses
import json

import pytest
import yaml

from minimax_eqx._composition._draft import differences, draft_of, made, with_changes
from minimax_eqx._composition._options import given_in_file
from minimax_eqx._composition._parts import Parts
from minimax_eqx._composition._plain import to_plain
from minimax_eqx.cli._words import apply, given_in_words

from . import house

PARTS = Parts(house)
RECIPE = house.replay()


@dataclasses.dataclass(frozen=True)
class Own:
    """What is no field of a composition."""

    run: str | None = None
    """Folder of the run."""


def changed(given, recipe=RECIPE):
    draft, own = draft_of(recipe), draft_of(Own())
    apply([own, draft], given, PARTS)
    return made(draft), differences(draft, draft_of(recipe)), made(own)


def in_words(text, recipe=RECIPE):
    return changed(given_in_words(text.split()), recipe)


CHANGES = {
    "--seed 3 --learning-rate 1": {"seed": 3, "learning_rate": 1.0},
    "--see-agent --height=7": {"see_agent": True, "height": 7},
    "--see-agent false --no-see-agent": {},
    "--score l1-value-loss": {"score": "l1-value-loss"},
    "--score l1-value-loss --weight 2": {"score": "l1-value-loss", "weight": 2.0},
    "--k 16 --prioritisation top-k": {"prioritisation": "top-k", "k": 16},
    "--prioritisation rank": {},
    "--mutator taught": {"mutator": "taught"},
    "--mutator taught --student.core s5 --student.norm pre": {
        "mutator": "taught",
        "student.core": "s5",
        "norm": "pre",
    },
    "--mutator taught --teacher.learning-rate 2": {
        "mutator": "taught",
        "teacher.learning_rate": 2.0,
    },
    "--curriculum.prioritisation.temperature 3": {"temperature": 3.0},
    "--curriculum domain-randomisation": {"curriculum": "domain-randomisation"},
    "--mazes A B,C": {"mazes": ("A", "B", "C")},
    "--mazes": {"mazes": ()},
    "--bounds 1 2": {"bounds": (1.0, 2.0)},
    "--final-learning-rate 1e-5": {"final_learning_rate": 1e-5},
    "--final-learning-rate none --mutator none": {},
    "--least 0.5 --most 0.6": {"least": 0.5, "most": 0.6},
}


@pytest.mark.parametrize(("text", "expected"), CHANGES.items(), ids=CHANGES)
def test_words_change_what_they_name_and_nothing_else(text, expected):
    assert in_words(text)[1] == expected


def test_a_chosen_part_begins_with_its_defaults_and_what_it_cannot_do_without():
    composition, _, _ = in_words("--prioritisation top-k --curriculum level-replay")
    assert composition.curriculum.prioritisation == house.TopK()
    composition, _, _ = in_words("--curriculum domain-randomisation")
    assert composition.curriculum.generator == house.RandomWalls(num_walls=25)


def test_what_nobody_changed_is_the_same_part():
    composition, _, own = in_words("--seed 2 --run here")
    assert composition.curriculum is RECIPE.curriculum
    assert own.run == "here"


def test_parts_and_values_are_replaced_in_python_by_the_same_names():
    composition = with_changes(RECIPE, {"prioritisation": house.TopK(), "k": 3, "num_walls": 2})
    assert composition.curriculum.prioritisation == house.TopK(3)
    assert composition.curriculum.generator == house.RandomWalls(2)
    with pytest.raises(ValueError, match=r"scroe: there is no such option. Did you mean 'score'"):
        with_changes(RECIPE, {"scroe": house.MaxMC()})


MISTAKES = {
    "--num-wall 3": "--num-wall: there is no such option. Did you mean '--num-walls'?",
    "--k 16": "--k is an option of a part that is not chosen here: --prioritisation top-k",
    "--norm pre": "--norm is an option of a part that is not chosen here: --core s5",
    "--curriculum domain-randomisation --k 3": "--curriculum level-replay --prioritisation top-k",
    "--curriculum domain-randomisation --temperature 3": "here: --curriculum level-replay",
    "--score maxmc": "--score: there is no 'maxmc'. Did you mean 'max-mc'? Known: l1",
    "--score rank": "rank is a part of another kind: prioritisation.",
    "--score none": "--score: there is no 'none'.",
    "--score": "--score takes the name of one part. Known: l1-value-loss, max-mc.",
    "--no-score": "only a switch is turned off like this; --score takes one of l1-value-loss",
    "--curriculum.no-mutator": "use --curriculum.mutator none.",
    "--no-num-walls": "--num-walls takes a whole number.",
    "--mutator taught --learning-rate 1": "may mean --student.learning-rate, --teacher.learning-r",
    "--num-walls many": "--num-walls is many; it must be a whole number.",
    "--seed 1e3": "--seed is 1e3; it must be a whole number.",
    "--seed 1 2": "--seed is 1 2; it must be a whole number.",
    "--seed": "--seed is empty; it must be a whole number.",
    "--learning-rate fast": "--learning-rate is fast; it must be a number.",
    "--final-learning-rate x": "--final-learning-rate is x; it must be a number or none.",
    "--core s5 --norm last": "--norm is last; it must be one of pre, post.",
    "--see-agent maybe": "--see-agent is maybe; it must be true or false.",
    "--temperature -1": "Rank.temperature is -1.0; it must be positive and finite.",
    "--prioritisation top-k --k 0": "TopK.k is 0; it must be at least 1.",
    "--least 0.5 --most 0.4": "LevelReplay.most is 0.4",
    "--run": "--run is empty; it must be another value or none.",
    "word": "'word' is not expected here",
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.items(), ids=MISTAKES)
def test_a_mistake_in_words_is_one_line(text, message):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        in_words(text)
    assert message in str(caught.value)


def test_help_shows_each_part_with_the_sentences_of_its_fields(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        in_words("--mutator taught --prioritisation top-k --help")
    out = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "curriculum.prioritisation (top-k)" in out
    assert "--k INT How many of the highest scores are replayed. (default: 100)" in out
    assert (
        "--score {l1-value-loss,max-mc} What makes a level worth replaying. (default: max-m" in out
    )
    assert (
        "--student.learning-rate FLOAT The step size, which is positive. (default: 0.0001)" in out
    )
    assert "--teacher.learning-rate FLOAT" in out
    assert "--weight FLOAT A factor, for all formulas." in out
    assert "What learns, with a rate and a memory." in out
    assert "Further sentences" not in out


@pytest.mark.parametrize("write", [yaml.safe_dump, json.dumps])
def test_a_file_says_the_same_as_the_composition_that_it_was_printed_from(write, tmp_path):
    wanted = in_words("--mutator taught --mazes A --prioritisation top-k --see-agent")[0]
    (tmp_path / "all.yaml").write_text(write(to_plain(wanted)))
    other = house.Composition(house.Grid(), house.Learner(), house.DomainRandomisation(None))
    assert changed(given_in_file(tmp_path / "all.yaml"), other)[0] == wanted


def test_a_file_may_use_short_names(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("learning-rate: 1e-3\ncurriculum:\n  score: l1-value-loss\n  least: 0.25\n")
    assert changed(given_in_file(file))[1] == {
        "learning_rate": 1e-3,
        "score": "l1-value-loss",
        "least": 0.25,
    }


FILES = {
    "seed: 1\ncurriculum:\n  score:\n    wieght: 3": "line 4: curriculum.score.wieght: there is no",
    "seed: 1\nlearning_rate: fast": "line 2: learning_rate is fast; it must be a number.",
    "score: rank": "line 1: score: there is no 'rank'. rank is a part of another kind",
    "k: 3": "line 1: k is an option of a part that is not chosen here: --prioritisation top-k",
    "curriculum:\n  others: [{class: max-mc}]": "line 2: curriculum.others is a list of parts",
    "seed: [1": "mine.yaml cannot be read",
    "- seed": "mine.yaml holds no options",
}


@pytest.mark.parametrize(("text", "message"), FILES.items(), ids=FILES)
def test_a_mistake_in_a_file_is_one_line_with_its_number(text, message, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        changed(given_in_file(file))
    assert message in str(caught.value)
