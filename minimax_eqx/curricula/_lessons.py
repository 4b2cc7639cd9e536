"""Which kinds of level the students of level replay learn from."""

import abc

import equinox as eqx

from ._kinds import Kind


class AbstractLessons(eqx.Module):
    """Which kinds of level the students learn from; all kinds are played and scored."""

    @property
    @abc.abstractmethod
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that students learn from; at least one. The same in every cycle."""


class Replayed(AbstractLessons):
    """Students learn from replayed levels only, as in robust PLR and ACCEL."""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return (Kind.REPLAYED,)


class NewAndReplayed(AbstractLessons):
    """Students learn from new and from replayed levels, as in PLR; never from mutants."""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return (Kind.NEW, Kind.REPLAYED)
