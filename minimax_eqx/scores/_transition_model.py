"""A model of the world: it reads an episode, and tells what will be seen next.

An LSTM reads what was seen and done, step by step. Of an observation with an `image` it predicts
that, through convolutions; of any other one all of its numbers. Apart from two things it is that of
Cho et al. 2026, arXiv 2506.19997: a discrete action is one-hot here, where the authors append it as
one number, and an image is divided by the largest code of a maze.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Key

from .._types import Scalar
from ..agents import Optax
from ..rollouts._episodes import Episodes
from ..rollouts._evidence import Evidence

LARGEST_CODE = 10
WEIGHT_DECAY, MAX_GRAD_NORM = 1e-5, 0.5


class Learned(eqx.Module):
    """The model, the state of its optimiser, and its latest loss: NaN before it learned."""

    model: "TransitionModel"
    optimiser: optax.OptState
    loss: Float[Array, ""]

    @classmethod
    def create(
        cls, evidence: Evidence, num_filters: int, size: int, *, key: Key[Array, ""]
    ) -> "Learned":
        seen, actions = eqx.filter_eval_shape(as_arrays, evidence)
        shape, num_actions = seen.shape[4:], actions.shape[-1]
        if len(shape) == 1:
            model = TransitionModel.of_numbers(shape[0], num_actions, 2 * size, key=key)
        else:
            model = TransitionModel.of_images(shape, num_actions, num_filters, size, key=key)
        # The state of AdamW is the same for any learning rate.
        optimiser = optimiser_of(1.0).init(eqx.filter(model, eqx.is_array))
        return cls(model, optimiser, jnp.full((), jnp.nan, jnp.float32))

    def fit(
        self, evidence: Evidence, learning_rate: Scalar, num_gradient_steps: int
    ) -> tuple[Float[Array, "student time level trial"], "Learned"]:
        """The model's error at each step, before it learns, and what it is after that.

        The error is 0 in the last step of an episode, and in those of one that did not finish.
        """
        seen, actions = as_arrays(evidence)
        episodes = Episodes.of(evidence)
        has_next = episodes.finished_steps & ~episodes.dones

        @eqx.filter_value_and_grad(has_aux=True)
        def loss_of(model):
            over_plays = jax.vmap(jax.vmap(jax.vmap(model.errors, 1, 1), 1, 1))
            errors = jnp.where(has_next, over_plays(seen, actions, episodes.begins), 0.0)
            return jnp.sum(errors) / jnp.maximum(jnp.sum(has_next, dtype=jnp.float32), 1), errors

        optimiser, learned, all_errors = optimiser_of(learning_rate), self, []
        for _ in range(num_gradient_steps):
            (loss, errors), gradient = loss_of(learned.model)
            weights = eqx.filter(learned.model, eqx.is_array)
            steps, state = optimiser.update(gradient, learned.optimiser, weights)
            learned = Learned(
                eqx.apply_updates(learned.model, steps), state, loss.astype(jnp.float32)
            )
            all_errors.append(errors)
        return all_errors[0].astype(jnp.float32), learned


class TransitionModel(eqx.Module):
    """Written for one play: arrays have a leading axis `time` and no other."""

    encoder: eqx.nn.Sequential
    memory: eqx.nn.LSTMCell
    decoder: eqx.nn.Sequential

    @classmethod
    def of_numbers(
        cls, num_inputs: int, num_actions: int, size: int, *, key: Key[Array, ""]
    ) -> "TransitionModel":
        memory_key, decoder_key = jax.random.split(key)
        memory = eqx.nn.LSTMCell(num_inputs + num_actions, size, key=memory_key)
        decoder = eqx.nn.Linear(size, num_inputs, key=decoder_key)
        return cls(eqx.nn.Sequential([]), memory, eqx.nn.Sequential([decoder]))

    @classmethod
    def of_images(
        cls,
        shape: tuple[int, int, int],
        num_actions: int,
        num_filters: int,
        size: int,
        *,
        key: Key[Array, ""],
    ) -> "TransitionModel":
        keys = jax.random.split(key, 7)
        relu, flatten = eqx.nn.Lambda(jax.nn.relu), eqx.nn.Lambda(jnp.ravel)
        rows, columns, channels = shape
        flat_size = rows * columns * 2 * num_filters
        first = Convolution.create(channels, num_filters, key=keys[0])
        second = Convolution.create(num_filters, 2 * num_filters, key=keys[1])
        features = eqx.nn.Linear(flat_size, size, key=keys[2])
        encoder = eqx.nn.Sequential([first, relu, second, relu, flatten, features])
        memory = eqx.nn.LSTMCell(size + num_actions, size, key=keys[3])
        spread = eqx.nn.Linear(size, flat_size, key=keys[4])
        unflatten = Reshaped((rows, columns, 2 * num_filters))
        third = Convolution.create(2 * num_filters, num_filters, key=keys[5])
        fourth = Convolution.create(num_filters, channels, key=keys[6])
        sigmoid = eqx.nn.Lambda(jax.nn.sigmoid)
        decoder = eqx.nn.Sequential([spread, unflatten, third, relu, fourth, sigmoid])
        return cls(encoder, memory, decoder)

    def errors(
        self,
        seen: Float[Array, "time ..."],
        actions: Float[Array, "time action"],
        begins: Bool[Array, " time"],
    ) -> Float[Array, " time"]:
        """How wrong each prediction of the next observation is; 0 in the last step.

        The mean absolute error of an image, and the mean squared error of other numbers.
        """

        def read(memory, step):
            inputs, begins = step
            memory = jax.tree.map(lambda x: jnp.where(begins, 0.0, x), memory)
            memory = self.memory(inputs, memory)
            return memory, memory[0]

        inputs = jnp.concatenate([jax.vmap(self.encoder)(seen), actions], axis=1)
        empty = jnp.zeros((2, self.memory.hidden_size))
        _, outputs = jax.lax.scan(read, tuple(empty), (inputs, begins))
        differences = (jax.vmap(self.decoder)(outputs)[:-1] - seen[1:]).reshape(len(seen) - 1, -1)
        is_image = seen.ndim > 2
        wrong = jnp.abs(differences) if is_image else jnp.square(differences)
        return jnp.pad(jnp.mean(wrong, axis=1), (0, 1))


class Convolution(eqx.Module):
    """`eqx.nn.Conv2d` of 3 x 3 places with padding, for small images.

    A row of the result is one product of the three rows around it with a band matrix. On a CPU that
    is several times faster than to copy the 9 places around each one, though it multiplies with
    zeros too.
    """

    linear: eqx.nn.Linear

    @classmethod
    def create(cls, num_inputs: int, num_outputs: int, *, key: Key[Array, ""]) -> "Convolution":
        return cls(eqx.nn.Linear(9 * num_inputs, num_outputs, key=key))

    def __call__(
        self, image: Float[Array, "rows columns inputs"], *, key: Key[Array, ""] | None = None
    ) -> Float[Array, "rows columns outputs"]:
        rows, columns, num_inputs = image.shape
        kernel = self.linear.weight.reshape(-1, 3, 3, num_inputs)
        # Which places of a row are one before, at, and one after each place.
        taps = np.stack([np.eye(columns, k=k, dtype=np.float32) for k in (1, 0, -1)])
        band = jnp.einsum("jpq,oija->ipaqo", taps, kernel).reshape(3 * columns * num_inputs, -1)
        padded = jnp.pad(image.reshape(rows, -1), ((1, 1), (0, 0)))
        around = jnp.concatenate([padded[i : i + rows] for i in range(3)], axis=1)
        convolved = (around @ band).reshape(rows, columns, -1)
        return convolved + jnp.broadcast_to(jnp.asarray(self.linear.bias), convolved.shape)


class Reshaped(eqx.Module):
    """The same numbers, in an array of another shape."""

    shape: tuple[int, ...]

    def __call__(
        self, x: Float[Array, "..."], *, key: Key[Array, ""] | None = None
    ) -> Float[Array, "..."]:
        return x.reshape(self.shape)


def optimiser_of(learning_rate: Scalar) -> Optax:
    adamw = optax.adamw(learning_rate, weight_decay=WEIGHT_DECAY)
    return Optax(optax.chain(optax.clip_by_global_norm(MAX_GRAD_NORM), adamw))


def as_arrays(
    evidence: Evidence,
) -> tuple[Float[Array, "..."], Float[Array, "student time level trial action"]]:
    """What was seen and what was done, as numbers after the axes `student time level trial`."""
    seen = evidence.observations
    if hasattr(seen, "image"):
        seen = seen.image.astype(jnp.float32) / LARGEST_CODE
    else:
        leaves = [leaf.astype(jnp.float32) for leaf in jax.tree.leaves(seen)]
        seen = jnp.concatenate([leaf.reshape(*leaf.shape[:4], -1) for leaf in leaves], axis=-1)
    return seen, actions_as_numbers(evidence)


def actions_as_numbers(evidence: Evidence) -> Float[Array, "student time level trial action"]:
    """A discrete action as one-hot, and any other one as its numbers."""
    actions = evidence.actions
    if jnp.issubdtype(actions.dtype, jnp.integer) and actions.ndim == 4:
        num_actions = evidence.distributions.logits.shape[-1]
        return jax.nn.one_hot(actions, num_actions, dtype=jnp.float32)
    return actions.reshape(*actions.shape[:4], -1).astype(jnp.float32)
