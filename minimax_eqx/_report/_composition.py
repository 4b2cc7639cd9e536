"""The composition, as it was written."""

import json

from .._composition._plain import to_plain
from ._html import escaped, folded
from ._run import Run
from ._section import Section


def section(run: Run) -> Section | None:
    """What differs from the recipe, and the whole, folded."""
    whole = f"<pre>{escaped(json.dumps(to_plain(run.experiment), indent=2))}</pre>"
    return Section("Composition", "composition", folded("The whole composition", whole))
