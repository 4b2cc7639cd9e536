"""Compiled programs kept on disk, so that the second start of a run need not compile."""

import hashlib
import os
import pathlib
import platform
import warnings

import jax

from .._files import FolderError, resolved

# Below this many seconds compiling is no slower than reading what was compiled.
WORTH_KEEPING = 0.1


def keep_compiled_programs(folder: pathlib.Path | None = None) -> pathlib.Path | None:
    """Has JAX keep its compiled programs in `folder` and look there first; returns the folder.

    The default is `minimax_eqx` in `XDG_CACHE_HOME` (or `~/.cache`), with a folder for each kind of
    machine, since what was compiled for one processor may not run on another; or the folder that
    `JAX_COMPILATION_CACHE_DIR` names. With `JAX_ENABLE_COMPILATION_CACHE=0` nothing is kept, and
    None is returned; so too, with a warning, if the folder cannot be written.
    """
    settings = jax.config.values
    if not settings["jax_enable_compilation_cache"]:
        return None
    chosen = settings["jax_compilation_cache_dir"]
    if folder is None and chosen is not None:
        return pathlib.Path(chosen)
    if folder is None:
        home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        folder = pathlib.Path(home) / "minimax_eqx" / _machine()
    try:
        # Wherever the process is later.
        folder = resolved(folder)
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except (OSError, FolderError):
        writable = False
    if not writable:
        warnings.warn(
            f"Compiled programs are not kept: {folder} cannot be written. Name another folder in "
            "JAX_COMPILATION_CACHE_DIR, or set JAX_ENABLE_COMPILATION_CACHE=0.",
            stacklevel=2,
        )
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", WORTH_KEEPING)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    return folder


def _machine() -> str:
    """A name for machines that can run the same programs: their kind, processor and core count."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:  # no Linux, or one that does not say
        lines = []
    features = [line for line in lines if line.lower().startswith(("flags", "features"))]
    processor = features[0] if features else platform.node()
    digest = hashlib.sha256(processor.encode()).hexdigest()[:12]
    return f"{platform.machine()}-{os.cpu_count()}-{digest}"
