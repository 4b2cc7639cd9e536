"""What the page shows of a curriculum, of records that were made up, and of episodes."""

import base64
import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minimax_eqx._folder._family import Family
from minimax_eqx._folder._level_arrays import packed
from minimax_eqx._folder._record import Look, Record
from minimax_eqx._report import _episodes, _gallery, _lineage, _replay
from minimax_eqx._report._frames import frames_of
from minimax_eqx._report._page import page
from minimax_eqx.curricula._stored import StoredLevels
from minimax_eqx.envs.maze import RandomWalls
from minimax_eqx.rollouts import record_episode
from minimax_eqx.runners._ahead import making

from ..experiment.tiny import EXPERIMENT
from .pages import Parsed, check_page, made_up_run, rows_of

SIZE = 4


@pytest.fixture(scope="module")
def levels():
    sample = lambda key: RandomWalls(num_walls=6).sample(EXPERIMENT.env.level_spec(), key=key)  # noqa: E731
    return jax.device_get(jax.jit(jax.vmap(sample))(jax.random.split(jax.random.key(0), SIZE)))


@pytest.fixture
def run(levels, tmp_path):
    """A run whose best level is the last of a line of three, and the other one was generated."""
    prints = np.array([11, 12, 13, 14], np.uint64)
    parents = np.array([0, 11, 12, 0], np.uint64)
    cycles, edits = np.array([10, 20, 30, 30]), np.array([0, 1, 2, 0], np.int32)
    best = [array[[2, 3]] for array in packed(levels)]
    known = {
        "fingerprints": prints[[2, 3]],
        "scores": np.array([0.75, 0.5], np.float32),
        "success_rates": np.array([0.25, -1.0], np.float32),
        "num_mutations": edits[[2, 3]],
    }
    look = Look(30, 15, 480, best, known, 2, 6, 3, [1, 2], [0.6, 1.0], 1, 0.67)
    proposed = Look(10, 5, 160, [array[:2] for array in packed(levels)], {})
    run = made_up_run(tmp_path / "run", rows_of(4))
    family = Family(prints, parents, cycles, edits, packed(levels))
    run.folder.write_record(Record([proposed, look], family))
    return run


def test_the_best_levels_of_each_moment_are_shown_with_what_is_known_of_them(run):
    section = _gallery.section(run)
    parsed = Parsed(section.body)
    assert [image["alt"] for image in parsed.all("img")] == [
        "Level 1",
        "Level 2",
        "Level 000000: score 0.75, solved 25.0 %, edits 2",
        "Level 000000: score 0.5, edits 0",
    ]
    assert "none is replayed before there are 3" in parsed.text()
    assert "After 5 updates" in check_page(page([run])).text()


def test_a_line_leads_from_the_generated_level_to_the_best(run):
    parsed = Parsed(_lineage.section(run).body)
    assert "was edited twice" in parsed.text()
    assert "The first level was generated" in parsed.text()
    assert len(parsed.all("img")) == 3
    assert len(parsed.all("rect")) > 0
    record = run.folder.record()
    record.family = record.family.where(np.array([False, True, True, True]))
    run.folder.write_record(record)
    assert "The line breaks off" in Parsed(_lineage.section(run).body).text()
    record.family = Family.empty()
    run.folder.write_record(record)
    assert _lineage.section(run) is None


@pytest.mark.parametrize(
    ("needed", "reasons"),
    [
        (
            2,
            [
                "more than most: its score is in the top tenth",
                "more than most: it was not drawn for long",
                "seldom: others have higher scores, and it was drawn lately",
                "never: its score has no weight, and it was just drawn",
            ],
        ),
        (5, ["not yet: too few levels are stored"] * 4),
    ],
)
def test_the_table_says_why_a_level_is_replayed_or_not(levels, needed, reasons, run, monkeypatch):
    by_score, by_age = jnp.array([0.5, 0.0, 0.1, 0.0]), jnp.array([0.0, 0.38, 0.02, 0.0])
    stored = StoredLevels(
        levels=levels,
        filled=jnp.ones(SIZE, bool),
        chances=by_score + by_age,
        fingerprints=jnp.arange(2 * SIZE, dtype=jnp.uint32).reshape(SIZE, 2),
        scores=jnp.array([4.0, 1.0, 3.0, 0.5]),
        by_score=by_score,
        by_age=by_age,
        needed=jnp.array(needed),
    )
    assert _replay.why(stored, np.arange(SIZE)) == reasons
    monkeypatch.setattr(_replay, "stored_levels", lambda _: stored)
    body = _replay.section(type(run)(run.folder, run.experiment, making(EXPERIMENT)())).body
    text = Parsed(body).text()
    assert "One level has half of all replays" in text
    assert ("Nothing is replayed yet" in text) == (needed > SIZE)
    rows = json.loads(re.findall(r'<script type="application/json">(.*?)</script>', body)[-1])
    assert [rows["whys"][i] for i in rows["why"]] == reasons
    assert rows["columns"][0] == [0.5, 0.38, 0.12, 0]


def test_frames_are_drawn_from_their_tiles_as_they_were():
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 2, (2, 3, 1), np.uint8).repeat(7, 0).repeat(7, 1) for _ in range(5)]
    pictures = [np.pad(p, ((3, 3), (3, 3), (0, 0))).repeat(3, axis=2) for p in pictures]
    content = frames_of(pictures, 7, 4).content()
    frames = frames_of(pictures, 7, 4)
    changes = np.frombuffer(base64.b64decode(content["changes"]), "<u2").reshape(-1, 2)
    paper = np.zeros((len(pictures[0]) + 11, len(pictures[0][0]) + 11, 3), np.uint8)
    for i, picture in enumerate(pictures):
        for place, kind in changes[content["starts"][i] : content["starts"][i + 1]]:
            row, column = divmod(int(place), content["across"])
            x = int(kind) * 7
            paper[row * 7 : row * 7 + 7, column * 7 : column * 7 + 7] = frames.sheet[:7, x : x + 7]
        height, width = picture.shape[:2]
        np.testing.assert_array_equal(paper[4 : 4 + height, 4 : 4 + width], picture)


def test_an_episode_is_shown_with_what_the_agent_thinks(run):
    run = type(run)(run.folder, run.experiment, making(EXPERIMENT)())
    (first, *_) = played = _episodes.episodes_of(run)
    assert len(played) == 2
    student = run.runner.students.first().network
    key = jax.random.fold_in(jax.random.key(EXPERIMENT.seed), _episodes.EPISODE_STREAM)
    plain = record_episode(first.env, student, first.level, key=jax.random.fold_in(key, 0))
    assert int(plain.length) == first.length
    body = _episodes.section(run).body
    shown = json.loads(re.findall(r'<script type="application/json">(.*?)</script>', body)[0])
    assert len(shown["values"]) == len(shown["told"]) == first.length
    assert all(abs(sum(chances) - 1000) < 8 for chances in shown["chances"])
    assert len(shown["frames"]["starts"]) == first.length + 2
    assert len(shown["view"]["starts"]) == first.length + 1
    assert "The agent plays one episode each on levels of the kind" in Parsed(body).text()
