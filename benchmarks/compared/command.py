"""`python -m benchmarks compared`: nine methods on 13 x 13 mazes, with error bars.

Every method trains the student of `quickstart` with five seeds, until each has played at least 10
million transitions: searches, mutants and levels that are played again for their score all count,
since whoever has a budget of plays pays for those too. That takes some hours on two cores. It may
be stopped at any moment: the same command goes on with the method that is not finished.
"""

import argparse
import pathlib
import tempfile
from collections.abc import Sequence

from .methods import METHODS
from .training import Plan, is_trained, train

WORK = pathlib.Path(tempfile.gettempdir()) / "minimax_eqx-compared"


def main(arguments: Sequence[str]) -> int:
    """Trains what is not trained yet."""
    plan = Plan()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks compared",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--work", type=pathlib.Path, default=WORK, help="folder of students (%(default)s)"
    )
    parser.add_argument(
        "--only", nargs="+", choices=METHODS, default=list(METHODS), metavar="METHOD"
    )
    parser.add_argument(
        "--transitions", type=int, default=plan.transitions, help="for each seed (%(default)d)"
    )
    parser.add_argument("--seeds", type=int, default=plan.num_seeds, help="(%(default)d)")
    options = parser.parse_args(arguments)
    plan = Plan(options.transitions, options.seeds)
    for name in options.only:
        if not is_trained(options.work, name):
            train(options.work, name, plan)
    return 0
