"""What the parts for accelerators are made of."""

import numpy as np
import pytest

from benchmarks.accelerator.sizes import FULL, SMALL
from benchmarks.accelerator.smoke import differences


@pytest.mark.parametrize("sizes", [FULL, SMALL], ids=["full", "small"])
def test_every_experiment_that_is_measured_can_be_made(sizes):
    for name, numbers in sizes.levels.items():
        for num_levels in numbers:
            curriculum = sizes.experiment(name, num_levels).curriculum
            assert curriculum.levels_per_cycle == num_levels
            assert getattr(curriculum, "capacity", num_levels) >= num_levels


def test_quantities_differ_by_their_largest_difference_in_units_of_their_size():
    recorded = {"small": np.array([0.0, 0.5]), "large": np.array([100.0, -200.0])}
    found = {"small": np.array([0.0, 0.5003]), "large": np.array([100.0, -200.02])}
    assert differences(found, recorded) == pytest.approx({"small": 3e-4, "large": 1e-4})


@pytest.mark.parametrize(("value", "off"), [(np.nan, 0.0), (1.0, np.inf)])
def test_what_is_not_measured_must_not_be_measured_there_either(value, off):
    assert differences({"loss": np.array(value)}, {"loss": np.array(np.nan)}) == {"loss": off}
    assert differences({"loss": np.array(np.nan)}, {"loss": np.array(value)}) == {"loss": off}


def test_a_quantity_that_was_not_recorded_is_an_error_that_names_it():
    with pytest.raises(ValueError, match=r"network\.core.*--record"):
        differences({"network.core": np.zeros(1)}, {})
