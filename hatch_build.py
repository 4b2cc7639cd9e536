"""What an index of packages shows of this one: the README, in which no link leads nowhere.

On an index the files of the repository are not beside the README, so a link to one of them becomes
its text there, and a picture what it shows. Links to other addresses stay.
"""

import pathlib
import re
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK_TO_A_FILE = re.compile(r"!?\[([^\[\]]*)\]\((?!\w+:)[^()\s]*\)")


class ReadmeOfAnIndex(MetadataHookInterface):
    """Gives the package its long description when it is built or installed."""

    def update(self, metadata: dict[str, Any]) -> None:
        text = pathlib.Path(self.root, "README.md").read_text(encoding="utf-8")
        shown = _LINK_TO_A_FILE.sub(r"\1", text)
        metadata["readme"] = {"content-type": "text/markdown", "text": shown}
