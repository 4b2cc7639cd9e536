"""Mixtures: how many levels each generator makes, and how they are told apart."""

import jax
import numpy as np
import pytest

from minimax_eqx.curricula._generator_mixture import GeneratorMixture

from ..numbered_levels import Numbers, going, propose

# What they draw is a multiple of their number.
GENERATORS = (Numbers(1_000_003), Numbers(7), Numbers(2))


@pytest.mark.parametrize(
    ("num_levels", "shares", "counts"),
    [
        (32, (0.5, 0.3, 0.2), (16, 10, 6)),
        (10, (), (4, 3, 3)),
        (7, (2.0, 1.0, 4.0), (2, 1, 4)),
        (100, (0.575, 0.225, 0.2), (58, 22, 20)),
    ],
)
def test_shares_become_whole_levels_that_add_up(num_levels, shares, counts):
    mixture = GeneratorMixture(GENERATORS, shares, num_levels=num_levels)
    assert mixture.counts == counts
    assert sum(counts) == num_levels


def test_each_share_has_its_levels_and_its_group():
    mixture = GeneratorMixture(
        GENERATORS[1:], (3.0, 1.0), ("sevens", "evens"), 8, num_spare_levels=2
    )
    _, proposal = propose(going(mixture), jax.random.key(1))
    sevens, evens = (np.asarray(proposal.groups[name]) for name in ("sevens", "evens"))
    assert sevens.tolist() == [True] * 6 + [False] * 2
    assert (sevens ^ evens).all()
    levels, spare = np.asarray(proposal.levels), np.asarray(proposal.spare_levels)
    assert spare.shape == (8, 2)
    assert (levels[:6] % 7 == 0).all()
    assert (spare[:6] % 7 == 0).all()
    assert (spare[6:] % 2 == 0).all()
    assert len({*levels.tolist(), *spare.ravel().tolist()}) == 24


def test_shares_without_names_are_called_after_their_generators():
    mixture = GeneratorMixture(GENERATORS[1:], num_levels=2, num_spare_levels=0)
    _, proposal = propose(going(mixture), jax.random.key(1))
    assert list(proposal.groups) == ["Numbers0", "Numbers1"]
    assert proposal.spare_levels is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (((),), "GeneratorMixture has 0 generators"),
        ((GENERATORS, (1.0, 2.0)), "it needs a generator, a share above 0 for each"),
        ((GENERATORS, (1.0, 2.0, 0.0)), "it needs a generator, a share above 0 for each"),
        ((GENERATORS, (), ("a", "a", "b")), "let names differ"),
        ((GENERATORS, (1.0, 1.0, 0.001)), r"has \(16, 16, 0\) levels of its generators"),
    ],
)
def test_what_cannot_be_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        GeneratorMixture(*given)
