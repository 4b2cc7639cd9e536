"""Whether students can play an environment at all, found out from shapes alone."""

import equinox as eqx
import jax
import jax.numpy as jnp

from ..agents import AbstractAgent, first_student
from ..envs import AbstractEnv


def num_value_heads(env: AbstractEnv, students: AbstractAgent) -> int:
    """How many values the students give for an observation of the environment.

    Raises `ValueError` if they cannot read its observations, or choose among another number of
    actions than it has.
    """

    def predict(students):
        student = first_student(students)
        observation = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), env.observation_spec())
        return student.predict(observation, student.initial_carry(), jnp.zeros((), bool))[0]

    name, world = type(students).__name__, type(env).__name__
    try:
        predictions = eqx.filter_eval_shape(predict, students)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"The students ({name}) cannot read what {world} shows: {error} Make their network for "
            f"this environment's observation_spec(), {env.observation_spec()}."
        ) from error
    num_actions = predictions.logits.shape[-1]
    if num_actions != env.num_actions:
        raise ValueError(
            f"The students ({name}) choose among {num_actions} actions, and {world} has "
            f"{env.num_actions}: give ActorCritic.create num_actions={env.num_actions}."
        )
    return predictions.values.shape[-1]
