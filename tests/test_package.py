"""What the package says of itself agrees, wherever it says it."""

import pathlib
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from .pages import PAGES

ROOT = pathlib.Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def read_yaml(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def members_of(extra):
    """The extras of this package that an extra brings."""
    (requirement,) = EXTRAS[extra]
    return set(re.fullmatch(r"minimax_eqx\[([\w,]+)\]", requirement)[1].split(","))


def test_the_version_is_the_same_everywhere():
    version = PROJECT["version"]
    citation = read_yaml("CITATION.cff")
    assert citation["version"] == version
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    day = re.search(r"^## \[" + re.escape(version) + r"\] - (\S+)$", changelog, re.MULTILINE)[1]
    released = str(citation.get("date-released", "unreleased"))
    assert day == released


def test_the_citation_agrees_with_the_package_and_names_the_paper():
    citation = read_yaml("CITATION.cff")
    assert citation["license"] == PROJECT["license"]
    assert citation["authors"] == PROJECT["authors"]
    assert citation["references"][0]["title"].startswith("minimax: Efficient Baselines")


def test_every_page_installs_a_clone_but_for_the_one_that_says_how_it_will_be():
    pages = [*PAGES.values(), *ROOT.glob("examples/*.py"), *ROOT.glob("examples/*.ipynb")]
    assert {
        page.name
        for page in pages
        if re.search(r"pip install [^`\n]*minimax_eqx\b", page.read_text(encoding="utf-8"))
    } == {"start.md"}


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_an_extra_brings_extras_that_are_there(extra):
    for requirement in EXTRAS[extra]:
        if named := re.fullmatch(r"minimax_eqx\[([\w,]+)\]", requirement):
            assert set(named[1].split(",")) <= set(EXTRAS)


def test_envs_brings_every_world_but_the_one_that_wants_an_older_jax():
    worlds = {path.stem for path in (ROOT / "docs" / "worlds").glob("*.md")} & set(EXTRAS)
    assert members_of("envs") == worlds - {"kinetix"}


def test_every_extra_that_an_error_recommends_is_there():
    text = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("minimax_eqx/**/*.py"))
    named = set(re.findall(r'extra="(\w+)"', text))
    assert named
    assert named <= set(EXTRAS)


def test_an_accelerator_needs_no_newer_jax_than_the_package():
    (jax,) = (each for each in PROJECT["dependencies"] if each.startswith("jax>="))
    for extra in ("cuda12", "cuda13", "tpu"):
        assert EXTRAS[extra] == [jax.replace("jax", f"jax[{extra}]")]


def test_every_dependency_has_one_lower_bound_and_it_can_be_tried():
    command = [sys.executable, ROOT / ".ci" / "oldest"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    tried = {line.split("==")[0] for line in done.stdout.splitlines()}
    needed = PROJECT["dependencies"] + EXTRAS["cli"]
    assert {re.match(r"[\w-]+", requirement)[0] for requirement in needed} <= tried


def test_commits_are_checked_by_the_ruff_that_checks_the_project():
    (pinned,) = (each for each in EXTRAS["dev"] if each.startswith("ruff"))
    repositories = read_yaml(".pre-commit-config.yaml")["repos"]
    (ruff,) = (each for each in repositories if each["repo"].endswith("/ruff-pre-commit"))
    assert ruff["rev"] == pinned.replace("ruff==", "v")


def test_every_python_that_the_package_names_is_tried_by_the_workflow():
    jobs = read_yaml(".github/workflows/ci.yml")["jobs"]
    classifiers = PROJECT["classifiers"]
    named = set(re.findall(r"Python :: (3\.\d+)", "\n".join(classifiers)))
    assert named == set(jobs["smoke"]["strategy"]["matrix"]["python"])
    assert f">={min(named, key=lambda each: int(each[2:]))}" == PROJECT["requires-python"]
