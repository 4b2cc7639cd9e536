"""The page that compares how students play their worst cart-poles."""

import itertools

from benchmarks import tails


def of_method(*returns):
    """Results of four seeds, the same at every evaluation."""
    goals = [str(goal) for goal in itertools.chain(*tails.EVALUATED_AT)]
    always = lambda value: dict.fromkeys(goals, value)  # noqa: E731
    found = {"tails": always(returns), "means": always([0.9, 0.9, 1.0, 1.0])}
    return {**found, "steps": always(2_000_000), "date": "2026-01-01", "commit": "abc"}


def test_the_page_has_intervals_over_seeds_and_the_difference_from_domain_randomisation():
    of_plr, of_dr = of_method(0.8, 0.8, 0.9, 0.9), of_method(0.5, 0.5, 0.6, 0.6)
    *_, dr, plr = tails.page({"robust PLR": of_plr, "DR": of_dr}).splitlines()
    # The standard error of four such numbers is 0.0289, and Student's t is 3.182 times as wide.
    assert dr == "| DR | 2.0 M | 0.550 ± 0.092 |  | 0.950 ± 0.092 | 0.50 0.50 0.60 0.60 |"
    assert "| +0.300 (+0.200 to +0.400) |" in plr
