"""What an evaluation found, as rows of a table."""

from collections.abc import Mapping
from typing import Any


def evaluation_cells(evaluation: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """For each test its name, success rate, return, steps and number of episodes, as text."""
    return [
        (
            "unseen training levels" if name == "unseen" else name,
            _success(results),
            f"{results['return']:.3f}",
            f"{results['episode_length']:.0f}",
            str(results["num_episodes"]),
        )
        for name, results in all_results(evaluation).items()
    ]


def _success(results: Mapping[str, Any]) -> str:
    """The success rate, with its interval."""
    if results["success_rate"] is None:
        return "not measured"
    low, high = results["success_interval"]
    return f"{results['success_rate']:.1%} ({low:.0%} to {high:.0%})"


def all_results(evaluation: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The results by name: of unseen levels first, if there were any, then of held-out tests."""
    unseen = evaluation["unseen"]
    return ({"unseen": unseen} if unseen else {}) | evaluation["held_out"]
