"""`python -m benchmarks compared`: nine methods on 13 x 13 mazes, with error bars.

Every method trains the student of `quickstart` with five seeds, until each has played at least 10
million transitions: searches, mutants and levels that are played again for their score all count,
since they are what a method spends. Students are then evaluated on the mazes of `minimax-12`, on
the worst of many levels, and beside the best that a level allows. The page with its figure says
what that shows and what it does not.

All of it takes an evening on two cores. It may be stopped at any moment: the same command goes on
with the method that is not finished. A page of the methods that are finished is written after each.
"""

import argparse
import json
import pathlib
import sys
import tempfile
from collections.abc import Sequence

from minimax_eqx._files import FolderError
from minimax_eqx.runners._saving import CheckpointError

from . import figure, page
from .evaluation import Protocol, evaluate, together
from .methods import METHODS
from .tails import FEWEST_LEVELS
from .training import Plan, is_trained, train

WORK = pathlib.Path(tempfile.gettempdir()) / "minimax_eqx-compared"
RESULTS = pathlib.Path(__file__).parents[1] / "results"
NAME = "compared_methods"


def main(arguments: Sequence[str]) -> int:
    """Trains and evaluates what is not there yet, and writes the page."""
    options = _parser().parse_args(arguments)
    plan = Plan(options.transitions, options.seeds)
    protocol = Protocol(options.episodes, options.levels)
    try:
        for name in [] if options.no_training else options.only:
            if not is_trained(options.work, name, plan):
                train(options.work, name, plan)
                _write(options.work, options.out, plan, protocol)
        _write(options.work, options.out, plan, protocol)
    except (CheckpointError, FolderError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    plan, protocol = Plan(), Protocol()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks compared",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=METHODS,
        default=list(METHODS),
        metavar="METHOD",
        help=f"train these alone, in this order: {', '.join(METHODS)}",
    )
    parser.add_argument(
        "--no-training", action="store_true", help="evaluate what is trained, and write the page"
    )
    parser.add_argument(
        "--work", type=pathlib.Path, default=WORK, help="folder of students (%(default)s)"
    )
    parser.add_argument(
        "--out", type=pathlib.Path, default=RESULTS, help="folder of the page (%(default)s)"
    )
    parser.add_argument(
        "--transitions",
        type=int,
        default=plan.transitions,
        help="that each seed plays at least (%(default)d)",
    )
    parser.add_argument(
        "--seeds", type=_several, default=plan.num_seeds, help="of each method (%(default)d)"
    )
    parser.add_argument(
        "--episodes",
        type=int,
        default=protocol.num_episodes,
        help="of each held-out maze with each network (%(default)d)",
    )
    parser.add_argument(
        "--levels",
        type=_many,
        default=protocol.num_levels,
        help="that the worst ones are among (%(default)d)",
    )
    return parser


def _several(word: str) -> int:
    if (number := int(word)) < 2:
        raise argparse.ArgumentTypeError(f"{number} is too few: intervals need 2 seeds or more")
    return number


def _many(word: str) -> int:
    if (number := int(word)) < FEWEST_LEVELS:
        raise argparse.ArgumentTypeError(f"{number} levels have no worst 1 %: give 100 or more")
    return number


def _write(work: pathlib.Path, out: pathlib.Path, plan: Plan, protocol: Protocol) -> None:
    """The results of all methods that are trained."""
    trained = [name for name in METHODS if is_trained(work, name, plan)]
    if not trained:
        print(f"No method is trained in {work} yet, so there is no page.")
        return
    results = together({name: evaluate(work, name, protocol) for name in trained}, protocol)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{NAME}.json").write_text(json.dumps(results, indent=1) + "\n")
    figure.draw(results, out / f"{NAME}.svg")
    (out / f"{NAME}.md").write_text(page.page(results, f"{NAME}.svg"))
    print(out / f"{NAME}.md", flush=True)
