"""Metrics of a cycle: named numbers that several parts of it produce."""

from collections.abc import Iterable, Mapping

from jaxtyping import Array, Float

Metrics = dict[str, Float[Array, "..."]]


def join_metrics(parts: Iterable[tuple[str, Mapping[str, Float[Array, "..."]]]]) -> Metrics:
    """All metrics of several producers, each given with its metrics, in one dictionary.

    Raises `ValueError`, with the name and both producers, if two of them measure something by the
    same name: one would silently stand for the other.
    """
    joined, producers = {}, {}
    for producer, metrics in parts:
        for name in metrics:
            if name in joined:
                raise ValueError(
                    f"Two metrics have the name {name!r}: one of {producers[name]}, and one of "
                    f"{producer}. Give one of them another name."
                )
            producers[name] = producer
        joined |= metrics
    return joined
