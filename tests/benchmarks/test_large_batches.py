"""Large batches: what is compared, and what the page says of it."""

from benchmarks import large_batches
from minimax_eqx.agents import Adam, Lamb


def test_every_size_has_the_same_transitions_and_its_rates_by_rule():
    for levels in large_batches.SIZES:
        steps = large_batches.num_updates(levels) * levels * large_batches.NUM_STEPS
        assert steps == large_batches.TRANSITIONS
    assert large_batches.optimiser("Adam", 2048, 0.5) == Adam(0.5)
    assert large_batches.optimiser(large_batches.BY_ROOT, 2048, 0.5) == Adam(4.0)
    lamb = large_batches.optimiser("LAMB", 2048, 0.5)
    assert isinstance(lamb, Lamb)
    assert (lamb.learning_rate, lamb.batch_ratio) == (0.5, 64)
    # Half of 64 steps, after a twentieth of them.
    assert (lamb.annealing.num_steps, lamb.warmup_steps) == (32, 3)


def test_the_section_shows_what_was_measured_so_far():
    machine = {"date": "2026-11-26", "processor": "a processor", "jax": "1.0"}
    adam = {"rate": 0.1, "grid": {"0.1": [0.5, 0.7], "0.2": [0.1, 0.1]}}
    results = {"machine": machine, "untrained": {"success": 0.11}, "Adam, 32": adam}
    results["LAMB, 256"] = {"rate": 0.1, "success": [0.25, 0.35]}
    text = large_batches.section(results)
    assert "| Adam | 60.0% (50 70) |  |  |" in text
    assert "| LAMB |  | 30.0% (25 35) |  |" in text
    assert "Adam: 0.1 of 0.1, 0.2)" in text
    assert "The highest mean has Adam at 32 levels; LAMB at 256 levels." in text
