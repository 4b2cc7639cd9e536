"""What a search for levels cannot be made of: numbers out of range, or that do not go together."""

from typing import TYPE_CHECKING

from .._ranges import check_at_least, check_between
from ._fit import check_takes_scores
from ._repetitions import check_repetitions

if TYPE_CHECKING:
    from ._learnability_search import SamplingForLearnability


def check_can_search(search: "SamplingForLearnability") -> None:
    """Raises `ValueError`, naming the field, for what `SamplingForLearnability` refuses."""
    name = type(search).__name__
    check_repetitions(search)
    check_at_least(search, 1, "num_candidates", "capacity", "num_training_cycles")
    check_between(search, 0, 1, "replay_share")
    if search.prioritisation is not None:
        check_takes_scores(name, search.prioritisation, search.score)
        search.prioritisation.init(search.capacity)
    if search.capacity > search.num_candidates:
        raise ValueError(
            f"{name}.capacity is {search.capacity}, more than the num_candidates, "
            f"{search.num_candidates}."
        )
    if search.num_replayed == 0:
        raise ValueError(
            f"{name}.replay_share is {search.replay_share}; of {search.num_levels} levels that is "
            "none, so that nothing found would ever be played. Raise replay_share, or use "
            "DomainRandomisation, which does not search."
        )
