"""JaxMARL's JaxNav, one robot with continuous actions."""

from jaxmarl.environments import jaxnav

from minimax_eqx.envs.adapters.jaxnav import HandMadeMaps, JaxNav, MapEdits, RandomMaps

from ..case import Case

LIMIT, NUM_BEAMS = 40, 20


def package(env):
    """The package's own environment at the size of ours."""
    return jaxnav.JaxNav(
        num_agents=1,
        act_type=env.actions.capitalize(),
        goal_radius=env.goal_radius,
        lidar_num_beams=env.num_beams,
        max_steps=env.max_episode_steps,
        map_params={
            "map_size": (env.width, env.height),
            "fill": 0.6,
            "sample_test_case_type": "grid",
            "max_dist_to_goal": min(env.height, env.width) - 3.0,
        },
    )


def start(level):
    """The package's form of a level."""
    return jaxnav.jaxnav_env.EnvInstance(
        level.position[None],
        level.direction[None],
        level.goal[None],
        level.walls.astype("int32"),
        level.reward_weight,
    )


def case():
    env = JaxNav(height=7, width=7, num_beams=NUM_BEAMS, max_episode_steps=LIMIT)
    own = package(env)

    def step(level, state, action, key):
        del level
        seen, state, rewards, dones, _ = own.step_env(key, state, {"agent_0": action})
        return state, seen["agent_0"], rewards["agent_0"], dones["__all__"]

    return Case(
        env=env,
        generator=RandomMaps(),
        start=lambda level, key: own.set_env_instance(start(level))[1],
        step=step,
        mutator=MapEdits(num_edits=3, move_robot=True),
        suite=HandMadeMaps(("BlankTest", "MiddleTest")),
    )
