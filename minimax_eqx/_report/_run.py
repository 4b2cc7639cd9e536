"""A run as the report reads it."""

import dataclasses
import functools
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from .._files import FolderError
from .._folder._run_folder import RunFolder
from ..runners._ahead import making
from ..runners._experiment import Experiment
from ..runners._runner import Runner
from ..runners._saving import CheckpointError

Rows = Sequence[Mapping[str, float]]
# What evaluations call levels of the training distribution.
UNSEEN = "unseen"


@dataclasses.dataclass(frozen=True)
class Run:
    """What a folder tells of a run, read once, when somebody asks for it.

    `given` is its runner as it is now, if the caller has one, and `goes_on` says that it is being
    trained.
    """

    folder: RunFolder
    experiment: Experiment
    given: Runner | None = None
    goes_on: bool = False

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.path.name

    @functools.cached_property
    def rows(self) -> Rows:
        """The rows of metrics.csv; what was not measured is NaN."""
        return self.folder.metrics().read()

    @functools.cached_property
    def evaluations(self) -> Rows:
        """The rows of evaluations.csv."""
        return self.folder.evaluations().read()

    @functools.cached_property
    def held_out_means(self) -> Rows:
        """The rows of evaluations.csv with means over all held-out tests, by what was measured."""
        rows = []
        for row in self.evaluations:
            kinds: dict[str, list[float]] = {}
            for name, value in row.items():
                test, _, kind = name.rpartition(" ")
                if test and test != UNSEEN and not math.isnan(value):
                    kinds.setdefault(kind, []).append(value)
            means = {kind: sum(values) / len(values) for kind, values in kinds.items()}
            rows.append({n: v for n, v in row.items() if " " not in n} | means)
        return rows

    @functools.cached_property
    def evaluation(self) -> Mapping[str, Any] | None:
        """The newest evaluation, None if there is none yet."""
        try:
            return self.folder.evaluation()
        except FolderError:
            return None

    @functools.cached_property
    def tail(self) -> Mapping[str, Any] | None:
        """The tail curve, None if nobody measured it."""
        return self.folder.tail()

    @functools.cached_property
    def origin(self) -> Mapping[str, Any]:
        """How it began: time, command, versions, devices. Empty if nobody wrote that down."""
        return self.folder.origin()

    @functools.cached_property
    def runner(self) -> Runner | None:
        """The runner on one device: the one that was given, or the newest checkpoint's; None
        if there is neither."""
        if self.given is not None:
            return self.given.on(None)
        try:
            saved = self.folder.checkpoints(self.experiment).newest()
            return saved.restore(making(self.experiment).spec)
        except CheckpointError as error:
            logging.getLogger("minimax_eqx").warning("%s", error)
            return None
