"""What every score offers."""

import abc
from typing import TYPE_CHECKING, Generic

import equinox as eqx
import jax
from jaxtyping import Array, Float, Key

from .._metrics import Metrics
from .._types import Record, State
from ..rollouts._evidence import Evidence

# Pyright takes Equinox's name for a field, and would ask for it whenever a score is made.
if TYPE_CHECKING:
    from typing import ClassVar as AbstractClassVar
else:
    from equinox import AbstractClassVar


class AbstractScore(eqx.Module, Generic[Record, State]):
    """How useful levels look for learning; the higher, the more useful.

    If your score is a formula of what just happened, derive from `AbstractFormula` and stop reading
    here. A score may also remember, in two ways:

    - The *record* of a level is what you remember of that level between plays. Level replay stores
      one record for each of its levels, and adds the *news* of every play to it with `merge`.
    - The *state* is what you remember of all levels together, such as a model of the environment
      and its optimiser's state. It may hold any PyTree, `eqx.nn` layers included.

    Either may be None. The module itself holds settings alone, and never changes.

    On a level on which nobody finished an episode a score means nothing. Level replay leaves such
    levels out, by `Episodes.finished_on_level`, but a teacher that designs levels is paid by what
    you give for them: let it be finite, 0 for example.
    """

    can_be_negative: AbstractClassVar[bool]
    """Whether scores may be less than 0. Prioritisation in proportion to the score refuses that."""

    @abc.abstractmethod
    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> tuple[Record, State]:
        """The record of one level that was never played, and the first state.

        The curriculum calls this once, when a runner is made. `evidence` has the shapes and types
        of what will come, as `jax.ShapeDtypeStruct`s: `evidence.num_students`, for example. A
        record is None or a PyTree of arrays. All chance must come from `key`; if your score needs
        some later too, keep a key in the state and split it in every call.

        Raise `ValueError` here if you can't score such evidence, and say what to do about it.
        """

    @abc.abstractmethod
    def __call__(
        self, evidence: Evidence, records: Record, state: State
    ) -> tuple[Float[Array, " level"], Record, State]:
        """Scores the levels that were played, and learns from them.

        `records`, leading axis `level`, are from before this play.

        Returns the scores, the news that this play adds to the records (leading axis `level`), and
        the state for the next cycle.

        Where there are records, level replay calls this twice in a cycle, both times with the same
        state. It takes the news and the new state from the first call. For the second call it adds
        to the record of a level that was played several times in this cycle what the other plays
        told; from that call it takes the scores. So news and state must not depend on `records`,
        and scores are those before you learn from this play.
        """

    @abc.abstractmethod
    def merge(self, record: Record, news: Record) -> Record:
        """The record of one level with the news of one play added.

        A level may be played several times in one cycle, so the order of merging must not matter,
        rounding apart.
        """

    @abc.abstractmethod
    def metrics(self, state: State) -> Metrics:
        """What you want to see of the state, such as the loss of a model; `{}` for nothing.

        The curriculum calls this after every cycle with the new state, and adds its name for the
        score to each metric's. Use NaN for what was not measured yet.
        """


class AbstractSelectiveFormula(AbstractScore[None, None]):
    """A formula that can't score all evidence, and says so in `check`.

    For example, `RelativeRegret` compares two students, and `check` refuses any other number.
    """

    @abc.abstractmethod
    def check(self, evidence: Evidence) -> None:
        """Raises `ValueError` if such evidence can't be scored. It may hold shapes alone."""

    @abc.abstractmethod
    def formula(self, evidence: Evidence) -> Float[Array, " level"]:
        """How useful each level looks."""

    def init(self, evidence: Evidence, *, key: Key[Array, ""]) -> tuple[None, None]:
        del key
        self.check(evidence)
        return None, None

    def __call__(
        self, evidence: Evidence, records: None, state: None
    ) -> tuple[Float[Array, " level"], None, None]:
        self.check(evidence)
        return self.formula(evidence), None, None

    def merge(self, record: None, news: None) -> None:
        return None

    def metrics(self, state: None) -> Metrics:
        return {}


class AbstractFormula(AbstractSelectiveFormula):
    """A score that remembers nothing and takes all evidence. To write one, fill in `formula`:

    ```python
    class SuccessRate(AbstractFormula):
        can_be_negative = False

        def formula(self, evidence):
            episodes = Episodes.of(evidence)
            rates = episodes.mean_of_sums(evidence.successes)  # NaN where a student finished none
            return jnp.where(episodes.finished_on_level, jnp.nanmean(rates, axis=0), 0)
    ```
    """

    def check(self, evidence: Evidence) -> None:
        del evidence


def init_memoryless(
    owner: str, score: AbstractScore[Record, State], evidence: Evidence, *, key: Key[Array, ""]
) -> State:
    """The first state of a score that keeps no records, for an owner who stores none.

    Raises `ValueError`, with the owner's name, for a score that keeps a record of every level.
    """
    record, state = score.init(evidence, key=key)
    if jax.tree.leaves(record):
        raise ValueError(
            f"{owner}: the score {type(score).__name__} keeps a record of every level, and nobody "
            "would store it; choose a score without records, or LevelReplay."
        )
    return state
