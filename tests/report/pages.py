"""Pages that are made without training, and what every page must be."""

import dataclasses
import html.parser
import itertools
import re

from minimax_eqx._folder._run_folder import RunFolder
from minimax_eqx._report._run import Run

from ..experiment.tiny import EXPERIMENT

VOID = {"meta", "link", "img", "br", "input", "hr"}


class Parsed(html.parser.HTMLParser):
    """A page: its tags must be balanced. Keeps elements by name, and the text of each `script`."""

    def __init__(self, page):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(page)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> ends nothing"
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}, {self.open[-3:]}"

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, *, without=("script", "style")):
        return " ".join(data for tag, data in self.texts if tag not in without)


def check_page(page):
    """What holds for every page: it is whole, needs nothing else, and can be read aloud."""
    parsed = Parsed(page)
    addresses = re.findall(r"""(?:src|href|action|data)=["']?([^"'\s>]+)""", page)
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert "url(" not in page
    assert "@import" not in page
    assert parsed.all("html")[0]["lang"] == "en"
    assert all(image.get("alt") for image in parsed.all("img"))
    assert all("scope" in cell for cell in parsed.all("th"))
    names = [a["id"] for _, a in parsed.elements if "id" in a]
    assert len(names) == len(set(names))
    assert all(a["href"][1:] in names for a in parsed.all("a") if a["href"].startswith("#"))
    levels = [int(tag[1]) for tag, _ in parsed.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
    for svg in parsed.all("svg"):
        assert {"aria-label", "aria-labelledby", "aria-hidden"} & set(svg)
    return parsed


def made_up_run(path, rows, evaluation=None, evaluations=(), experiment=EXPERIMENT, **origin):
    """A run that nobody trained, with these rows of metrics."""
    folder = RunFolder(path)
    with folder.begun(experiment, origin=origin):
        for row in rows:
            folder.metrics().append(row)
        for row in evaluations:
            folder.evaluations().append(row)
        if evaluation:
            folder.write_evaluation(evaluation)
    return Run(folder, experiment)


def seeded(seed):
    return dataclasses.replace(EXPERIMENT, seed=seed)


def rows_of(count, **metrics):
    """Rows of which each metric is a function of the cycle."""
    return [
        {
            **{"cycle": i, "updates": i // 2, "env_steps": 16 * i},
            **{"seconds_running": 0.5 * i, "seconds_compiling": 2.0},
            **{name: value(i) for name, value in metrics.items()},
        }
        for i in range(1, count + 1)
    ]


def summary(rate=0.5, num_episodes=20):
    return {
        "return": 0.4,
        "success_rate": rate,
        "episode_length": 9.0,
        "success_rate_per_student": None if rate is None else [rate],
        "num_episodes": num_episodes,
    }
