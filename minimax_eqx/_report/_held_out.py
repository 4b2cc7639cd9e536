"""What the students can do on levels that nobody trained them on."""

from .._folder._results import evaluation_cells
from ._html import escaped, table
from ._run import Run
from ._section import Section


def section(run: Run) -> Section | None:
    """The newest evaluation, test by test."""
    if run.evaluation is None:
        return None
    head = ["levels", "success", "return", "steps", "episodes"]
    rows = [[escaped(cell) for cell in cells] for cells in evaluation_cells(run.evaluation)]
    caption = f"Evaluation after {run.evaluation['updates']:,} updates"
    return Section("Evaluation", "evaluation", table(head, rows, caption=caption))
