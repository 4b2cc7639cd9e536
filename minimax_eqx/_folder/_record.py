"""What a curriculum was like at several moments of a run: `curriculum.npz`."""

import dataclasses
import io
import json
import pathlib
import zipfile
from typing import Any

import numpy as np
from jaxtyping import Float, UInt64

from .._files import FolderError, write
from ._family import Family

VERSION = 1
# Places in order of chance up to which a look has the sum of chances.
MOST_RANKS = 64
# What is said of each level shown, None where the curriculum does not know.
OF_LEVELS = (
    "fingerprints",
    "scores",
    "chances",
    "by_score",
    "by_age",
    "ages",
    "num_mutations",
    "num_plays",
    "success_rates",
)


@dataclasses.dataclass
class Look:
    """The best levels of a curriculum at one moment, or some that it proposes if it keeps none."""

    cycle: int
    updates: int
    env_steps: int
    levels: list[np.ndarray]
    """Their arrays, packed; leading axis `level`, best first."""
    known: dict[str, np.ndarray]
    """What is known of them, by the names of `OF_LEVELS`; leading axis `level`."""
    num_stored: int | None = None
    """How many levels there are in all; None if none is kept."""
    capacity: int | None = None
    needed: int | None = None
    """How many must be stored before any is replayed; None if that plays no role."""
    ranks: list[int] = dataclasses.field(default_factory=list)
    """Some places in order of chance, from 1 on."""
    shares: list[float] = dataclasses.field(default_factory=list)
    """Which part of all chance the levels up to each of those places have."""
    num_half: int | None = None
    """How many of the likeliest levels have half of all chance."""
    entropy: float | None = None
    """Of the chances, in nats."""

    @property
    def size(self) -> int:
        """How many levels it shows."""
        return len(self.levels[0]) if self.levels else 0


@dataclasses.dataclass
class Record:
    """All looks at a run's curriculum so far, and the family of its levels."""

    looks: list[Look] = dataclasses.field(default_factory=list)
    family: Family = dataclasses.field(default_factory=Family.empty)

    def until(self, cycle: int) -> "Record":
        """What was recorded by that cycle."""
        return Record(
            [look for look in self.looks if look.cycle <= cycle], self.family.until(cycle)
        )

    def write(self, path: pathlib.Path) -> None:
        """Replaces the file, at once or not at all. Raises `OSError`, naming it, if it cannot."""
        arrays = {f"family/{name}": array for name, array in self.family.arrays().items()}
        looks = []
        for i, look in enumerate(self.looks):
            plain = {f.name: getattr(look, f.name) for f in dataclasses.fields(look)}
            known, levels = plain.pop("known"), plain.pop("levels")
            looks.append(plain)
            arrays |= {f"look{i}/{name}": array for name, array in known.items()}
            arrays |= {f"look{i}/level{j}": array for j, array in enumerate(levels)}
        manifest = json.dumps({"version": VERSION, "looks": looks}).encode()
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer, allow_pickle=False, manifest=np.frombuffer(manifest, np.uint8), **arrays
        )
        write(path, buffer.getvalue())

    @classmethod
    def read(cls, path: pathlib.Path) -> "Record":
        """What is in the file; nothing if there is none. Raises `FolderError` if it is damaged, or
        of another version."""
        if not path.is_file():
            return cls()
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
            manifest = json.loads(arrays.pop("manifest").tobytes())
            if manifest["version"] != VERSION:
                raise ValueError(f"it is of version {manifest['version']}, and not {VERSION}")
            looks = [
                _look(plain, _below(f"look{i}/", arrays))
                for i, plain in enumerate(manifest["looks"])
            ]
            return cls(looks, Family.of(_below("family/", arrays)))
        except (ValueError, TypeError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise FolderError(
                f"{path} cannot be read: {error}. Remove it, and the rest of the run is as it was."
            ) from error


def spread_of(
    chances: Float[np.ndarray, " slot"],
) -> tuple[list[int], list[float], int, float]:
    """How chances are spread: some ranks, the sum of chances up to each, how many levels have half
    of all, and the entropy."""
    ordered = np.sort(chances.astype(np.float64))[::-1]
    ordered = ordered / max(ordered.sum(), 1e-300)
    sums = np.cumsum(ordered)
    places = np.unique(np.geomspace(1, ordered.size, MOST_RANKS).round().astype(int))
    positive = ordered[ordered > 0]
    half = int(np.searchsorted(sums, 0.5 - 1e-9)) + 1
    entropy = float(-np.sum(positive * np.log(positive)))
    return places.tolist(), [float(f"{sums[p - 1]:.4g}") for p in places], half, entropy


def as_64_bits(halves: np.ndarray) -> UInt64[np.ndarray, " level"]:
    """Fingerprints as one number each."""
    halves = np.asarray(halves).astype(np.uint64)
    return (halves[:, 0] << np.uint64(32)) | halves[:, 1]


def _below(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}


def _look(plain: dict[str, Any], arrays: dict[str, np.ndarray]) -> Look:
    levels = [arrays[f"level{j}"] for j in range(sum(n.startswith("level") for n in arrays))]
    known = {name: array for name, array in arrays.items() if name in OF_LEVELS}
    return Look(**plain, levels=levels, known=known)
