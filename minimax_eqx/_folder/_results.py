"""What an evaluation found, as rows of a table."""

from collections.abc import Mapping
from typing import Any


def evaluation_cells(evaluation: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """For each test its name, success rate, return, steps and number of episodes, as text."""
    return [
        (
            "unseen training levels" if name == "unseen" else name,
            "not measured" if results["success_rate"] is None else f"{results['success_rate']:.1%}",
            f"{results['return']:.3f}",
            f"{results['episode_length']:.0f}",
            str(results["num_episodes"]),
        )
        for name, results in all_results(evaluation).items()
    ]


def all_results(evaluation: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The results by name: of unseen levels first, if there were any, then of held-out tests."""
    unseen = evaluation["unseen"]
    return ({"unseen": unseen} if unseen else {}) | evaluation["held_out"]
