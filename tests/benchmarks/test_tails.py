"""The page that compares how students play their worst cart-poles."""

import re

from benchmarks import tails


def test_the_page_has_intervals_over_seeds_and_the_difference_from_domain_randomisation():
    of_all = {"steps": 2_000_000, "date": "2026-01-01", "commit": "abc", "updates": [300.0] * 4}
    means = [0.9, 0.9, 1.0, 1.0]
    results = {
        "robust PLR": {**of_all, "tails": [0.8, 0.8, 0.9, 0.9], "means": means},
        "DR": {**of_all, "tails": [0.5, 0.5, 0.6, 0.6], "means": means},
    }
    *_, dr, plr = tails.page(results).splitlines()
    # The standard error of four such numbers is 0.0289, and Student's t is 3.182 times as wide.
    assert "| DR | 2.0 M | 0.550 ± 0.092 |  | 0.950 ± 0.092 | 0.50 0.50 0.60 0.60 |" in dr
    assert re.search(r"\+0\.300 \(\+0\.200 to \+0\.400\)", plr)
