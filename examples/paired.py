"""PAIRED, composed by hand: a teacher designs mazes, and is paid by the regret of two students."""

import sys

import jax

import minimax_eqx as mx

keys = jax.random.split(jax.random.key(0), 4)
env = mx.envs.Maze(height=7, width=7, max_episode_steps=50)
editor = mx.envs.MazeEditor(height=7, width=7, num_walls=8, noise_dim=8)


def ppo(encoder, num_actions, key, **options):
    core_key, head_key = jax.random.split(key)
    core = mx.nets.LSTM.create(encoder.output_size, 32, key=core_key)
    network = mx.nets.ActorCritic.create(encoder, core, num_actions, key=head_key)
    return mx.agents.PPO.create(network, mx.agents.ppo_optimiser(1e-3), discount=0.99, **options)


teacher_encoder = mx.nets.DesignEncoder.create(
    editor.observation_spec(), num_steps=editor.max_episode_steps, num_filters=16, key=keys[0]
)
teacher = ppo(teacher_encoder, editor.num_actions, keys[1], entropy_coef=5e-2)
generator = mx.curricula.LearnedGenerator(editor, teacher)
# Give the same generator to LevelReplay.create, with the same score, and it is REPAIRED.
objective = mx.scores.RelativeRegret()
curriculum = mx.curricula.AdversarialDesign(generator=generator, objective=objective, num_levels=16)


def student(key):
    encoder_key, key = jax.random.split(key)
    encoder = mx.nets.GridEncoder.create(env.observation_spec(), key=encoder_key)
    return ppo(encoder, env.num_actions, key, entropy_coef=1e-2)


# The first student is the protagonist, the second the antagonist.
students = mx.agents.population(student, 2, key=keys[2])
runner = mx.runners.Runner.create(env, students, curriculum, num_steps=64, key=keys[3])
for chunk in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
    runner, metrics = mx.runners.run(runner, 20)
    mean = {name: float(values.mean()) for name, values in metrics.items()}
    print(
        f"cycle {20 * (chunk + 1):3d}  regret {mean['teacher_payoff']:.2f}  success of the "
        f"protagonist {mean['student0_success_rate']:.2f}  walls {mean['num_walls']:.1f}"
    )
