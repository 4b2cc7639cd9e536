"""What a checkpoint says of itself: whose it is, and what each of its files was like."""

import hashlib
import json
import pathlib
from typing import Any

from ._filesystem import is_left_by_others

MANIFEST = "manifest.json"


class CheckpointError(ValueError):
    """A checkpoint that is missing, damaged, or of another configuration."""


def write_manifest(path: pathlib.Path, content: dict[str, Any]) -> list[pathlib.Path]:
    """Adds size and SHA-256 of every file in the folder, and writes it there.

    Returns the files that are part of the checkpoint; those of other programs are not.
    """
    files = [
        file
        for file in sorted(path.rglob("*"))
        if file.is_file() and not is_left_by_others(file.name)
    ]
    digests = {file.relative_to(path).as_posix(): _digest(file) for file in files}
    manifest = content | {"files": digests}
    manifest["sha256"] = _digest_of(manifest)
    (path / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return [*files, path / MANIFEST]


def read_manifest(path: pathlib.Path) -> dict[str, Any]:
    """The manifest of a checkpoint. Raises `CheckpointError` if it is not as it was written."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        whole = manifest.pop("sha256") == _digest_of(manifest)
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"The checkpoint {path} has no readable {MANIFEST}.") from error
    if not whole:
        raise CheckpointError(f"The checkpoint {path} is damaged: {MANIFEST} was changed.")
    return manifest


def verified_manifest(path: pathlib.Path) -> dict[str, Any]:
    """The manifest of a checkpoint whose files are as they were written; others do not matter.

    Raises `CheckpointError`, naming what is missing or was changed.
    """
    if not path.is_dir():
        raise CheckpointError(f"There is no checkpoint {path}.")
    manifest = read_manifest(path)
    for name, digest in sorted(manifest["files"].items()):
        try:
            found = _digest(path / name)
        except OSError as error:
            raise CheckpointError(
                f"The checkpoint {path} is damaged: {name} cannot be read ({error.strerror})."
            ) from error
        if found != digest:
            raise CheckpointError(
                f"The checkpoint {path} is damaged: {name} is not as it was written."
            )
    return manifest


def _digest(file: pathlib.Path) -> dict[str, int | str]:
    with open(file, "rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    return {"bytes": file.stat().st_size, "sha256": sha256}


def _digest_of(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
