"""Keys for parts that came later, where another part has always had the whole key."""

import jax
from jaxtyping import Array, Key

# No split gives keys as far on as this.
_ASIDE = 0x5EED


def key_aside(key: Key[Array, ""]) -> Key[Array, ""]:
    """A key for the score, where the source of levels begins with `key` itself.

    So teachers begin with the same weights, whatever the score is.
    """
    return jax.random.fold_in(key, _ASIDE)
