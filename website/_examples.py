"""Programs and notebooks as pages."""

import ast
import json
import pathlib
import re
from collections.abc import Mapping

from ._markdown import first_sentence

KINDS = {".py", ".sh", ".ipynb"}


def as_page(file: pathlib.Path) -> str:
    """A file of the repository as a page: what is Markdown already stays as it is."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".py":
        code = re.sub(r'^""".*?"""\n+', "", text, count=1, flags=re.DOTALL)
        return _page(file, ast.get_docstring(ast.parse(text)) or "", "python", code)
    if file.suffix == ".sh":
        about = [line[2:] for line in text.split("\n") if line.startswith("# ")]
        return _page(file, "\n".join(about), "bash", text)
    if file.suffix == ".ipynb":
        return "\n\n".join(_cell(cell) for cell in json.loads(text)["cells"]) + "\n"
    if file.suffix == ".cff":
        return (
            f"# How to cite\n\nTools that manage references read this file.\n\n```yaml\n{text}```\n"
        )
    if file.suffix == "":
        return f"# License\n\n```text\n{text}\n```\n"
    return text


def listed(root: pathlib.Path, sources: Mapping[str, str]) -> str:
    """The page that lists the examples, given the pages by the files that they are made of."""
    lines = [
        "# Examples",
        "",
        "Each of these is one file that you can copy, run and change. What defines an `experiment` "
        "you can also train in a folder, with `minimax-eqx train FILE.py`.",
        "",
        "| file | what it shows |",
        "| --- | --- |",
    ]
    for source, page in sources.items():
        if source.startswith("examples/"):
            about = first_sentence(as_page(root / source).split("\n\n")[1])
            name, where = (path.removeprefix("examples/") for path in (source, page))
            lines.append(f"| [{name}]({where}) | {about} |")
    return "\n".join(lines) + "\n"


def _page(file: pathlib.Path, about: str, language: str, code: str) -> str:
    return f"# {file.name}\n\n{about}\n\n```{language}\n{code.strip()}\n```\n"


def _cell(cell: Mapping[str, object]) -> str:
    """A cell of a notebook, without what it prints."""
    source = cell["source"]
    inner = "".join(source) if isinstance(source, list) else str(source)
    return f"```python\n{inner}\n```" if cell["cell_type"] == "code" else inner
