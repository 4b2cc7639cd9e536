"""The platforms (cpu, cuda, tpu, ...) that JAX is asked for, and those that are there."""

import logging

import jax
from jax.extend import backend

from ._options import ConfigError


def start_jax() -> None:
    """Has JAX start on the platform that it was asked for by `JAX_PLATFORMS`, or the best there is.

    Of several platforms that are asked for, JAX may do without some: a warning in the log names
    them. Raises `ConfigError`, which names the platform and those that are there, if JAX cannot
    start.
    """
    asked = jax.config.values["jax_platforms"] or ""
    names = [name.strip() for name in asked.split(",") if name.strip()]
    try:
        there = set(backend.backends())
        jax.devices()
    # JAX has no kind of error for this; of a platform without its plugin it says nothing at all.
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0].partition(" (set JAX_PLATFORMS")[0]
        if not asked:
            raise ConfigError(f"JAX could not start: {reason}") from error
        there = _platforms_without_being_asked()
        missing = ", ".join(name for name in names if name not in there) or repr(asked)
        raise ConfigError(
            f"JAX_PLATFORMS is {asked!r}, and JAX cannot use {missing} here"
            f"{f' ({reason})' if reason else ''}. It can use {', '.join(sorted(there))}: unset "
            "JAX_PLATFORMS or name one of these, or install what JAX needs for the other "
            "(https://docs.jax.dev/en/latest/installation.html)."
        ) from error
    missing = [name for name in names if name not in there and name != "gpu"]
    if missing:
        logging.getLogger("minimax_eqx").warning(
            "JAX_PLATFORMS is %r, and JAX cannot use %s here; it uses %s.",
            asked,
            ", ".join(missing),
            jax.default_backend(),
        )


def _platforms_without_being_asked() -> set[str]:
    asked = jax.config.values["jax_platforms"]
    jax.config.update("jax_platforms", None)
    try:
        return set(backend.backends())
    except RuntimeError:
        return {"cpu"}
    finally:
        jax.config.update("jax_platforms", asked)
