"""What an evaluation found, as rows of a table."""

from collections.abc import Mapping
from typing import Any

# So that a row of a table stays one line or two.
_LONGEST = 40


def evaluation_cells(evaluation: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """For each test its name, success rate, return, steps and number of episodes, as text."""
    return [
        (
            title_of(name, results),
            _success(results),
            f"{results['return']:.3f}",
            f"{results['episode_length']:.0f}",
            str(results["num_episodes"]),
        )
        for name, results in all_results(evaluation).items()
    ]


def title_of(name: str, results: Mapping[str, Any]) -> str:
    """What a reader calls a test. Unseen levels are called by what drew them, if that is told."""
    if name != "unseen":
        return name
    generator = results.get("generator") or ""
    if len(generator) > _LONGEST:
        generator = generator.partition("(")[0]
    return f"unseen levels of {generator}" if generator else "unseen levels"


def _success(results: Mapping[str, Any]) -> str:
    """The success rate, with its interval."""
    if results["success_rate"] is None:
        return "not measured"
    low, high = results["success_interval"]
    return f"{results['success_rate']:.1%} ({low:.0%} to {high:.0%})"


def all_results(evaluation: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The results by name: of unseen levels first, if there were any, then of held-out tests."""
    unseen = evaluation.get("unseen")
    return ({"unseen": unseen} if unseen else {}) | evaluation.get("held_out", {})


def success_per_minute(evaluation: Mapping[str, Any]) -> float | None:
    """The success rate on unseen levels, or without one the mean over held-out tests, divided by
    the minutes of a budget that were spent until then. None without a budget or a success rate."""
    seconds, results = evaluation.get("seconds_spent", 0.0), all_results(evaluation)
    rates = [r["success_rate"] for r in results.values() if r["success_rate"] is not None]
    if not seconds or not rates:
        return None
    is_unseen = (results.get("unseen") or {}).get("success_rate") is not None
    return (rates[0] if is_unseen else sum(rates) / len(rates)) / (seconds / 60)
