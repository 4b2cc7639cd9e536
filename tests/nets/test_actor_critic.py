"""An actor-critic is put together of parts that fit, or of none."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from minimax_eqx.nets import (
    GRU,
    LRU,
    LSTM,
    S5,
    AbstractRecurrentCore,
    ActorCritic,
    Feedforward,
    FlatEncoder,
)

FEATURES = 6


def make(core, key, **options):
    encoder = FlatEncoder.create(
        jax.ShapeDtypeStruct((3,), jnp.float32), output_size=FEATURES, key=key
    )
    return ActorCritic.create(encoder, core, options.pop("num_actions", 2), key=key, **options)


CORES = {
    "LSTM": (lambda size, key: LSTM.create(size, 4, key=key), "reads 8"),
    "GRU": (lambda size, key: GRU.create(size, 4, key=key), "reads 8"),
    "S5": (lambda size, key: S5.create(size, 4, key=key), "cannot read them"),
    "LRU": (lambda size, key: LRU.create(size, 4, key=key), "cannot read them"),
    "Feedforward": (lambda size, key: Feedforward(size), "says that it gives 8 and gives 6"),
}


@pytest.mark.parametrize("name", CORES)
def test_a_core_of_another_size_is_refused_with_the_size_that_it_should_have(name, getkey):
    create, what = CORES[name]
    make(create(FEATURES, getkey()), getkey())
    message = f"FlatEncoder gives 6 numbers, and the core {name} {what}.*output_size, 6, as its"
    with pytest.raises(ValueError, match=message):
        make(create(8, getkey()), getkey())


class Boastful(AbstractRecurrentCore[None]):
    """Says that it gives more than it does."""

    output_size: int = eqx.field(static=True, default=9)

    def initial_carry(self, batch_shape=()):
        return None

    def step(self, x, carry, reset):
        return x[..., :2], carry

    def scan(self, xs, carry, resets):
        return xs[..., :2], carry


def test_a_core_whose_output_is_not_what_it_says_is_refused(getkey):
    with pytest.raises(ValueError, match="Boastful says that it gives 9 and gives 2"):
        make(Boastful(), getkey())


@pytest.mark.parametrize("name", ["num_actions", "head_size", "num_value_heads"])
def test_a_count_below_1_is_refused(name, getkey):
    with pytest.raises(ValueError, match=f"ActorCritic: {name} is 0; give it at least 1"):
        make(Feedforward(FEATURES), getkey(), **{name: 0})


def test_a_negative_number_of_layers_is_refused(getkey):
    with pytest.raises(ValueError, match="num_head_layers is -1; it must not be negative"):
        make(Feedforward(FEATURES), getkey(), num_head_layers=-1)
