"""The composition, as it was written."""

import json

from .._composition._plain import to_plain
from ._html import escaped, folded, option_value, table
from ._run import Run
from ._section import Section


def section(run: Run) -> Section | None:
    """What differs from the recipe, and the whole, folded."""
    text = json.dumps(to_plain(run.experiment), indent=2)
    whole = (
        '<p class="note">Saved as a file, this is what <code>minimax-eqx train --config FILE'
        f"</code> reads.</p><pre>{escaped(text)}</pre>"
    )
    return Section("Composition", "composition", _differences(run) + folded("All of it", whole))


def _differences(run: Run) -> str:
    recipe, changes = run.origin.get("recipe"), run.origin.get("changes") or {}
    if not recipe:
        return ""
    if not changes:
        return f"<p>It is <code>{escaped(recipe)}</code> as it comes.</p>"
    rows = [
        (f"<code>{escaped(name)}</code>", f"<code>{escaped(option_value(value))}</code>")
        for name, value in changes.items()
    ]
    caption = f"What differs from the recipe {recipe}"
    return table(["option", "here"], rows, caption=caption, align="ll")
