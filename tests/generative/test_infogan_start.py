"""How many groups the states show is counted without labels."""

from __future__ import annotations

import numpy as np
import pytest

from tests.generative.test_infogan import planted
from virtualcell.generative.infogan_start import MOST_GROUPS, SMALLEST, choose_groups


def groups(sizes: list[int], seed: int = 0, d: int = 4, apart: float = 7.0) -> np.ndarray:
    """Standardised states (cells, d) of so many normal cells a group, centres on the axes."""
    rng = np.random.default_rng(seed)
    centres = apart * np.concatenate([np.eye(d), -np.eye(d)])[: len(sizes)]
    x = np.concatenate([centre + rng.normal(size=(n, d)) for centre, n in zip(centres, sizes, strict=True)])
    return (x - x.mean(0)) / x.std(0)


@pytest.mark.parametrize("sizes", [[300, 300], [250, 200, 60], [200, 150, 100, 50], [120] * 6], ids=len)
def test_planted_groups_are_counted(sizes: list[int]) -> None:
    assert choose_groups(groups(sizes), tries=3, seed=0) == len(sizes)


def test_a_factor_within_groups_is_not_cut_into_pieces() -> None:
    """A uniform factor is no normal one: the criterion alone would take more groups."""
    x = planted()[0]
    assert choose_groups((x - x.mean(0)) / x.std(0), tries=3, seed=0) == 3


def test_a_few_odd_cells_are_no_group() -> None:
    sizes = [300, 300, int(SMALLEST * 600) // 2]
    assert choose_groups(groups(sizes), tries=3, seed=0) == 2
    assert choose_groups(groups([300, 300, int(SMALLEST * 600) * 4]), tries=3, seed=0) == 3


def test_no_more_are_counted_than_may_be() -> None:
    assert [choose_groups(groups([120] * 6), tries=3, seed=0, most=most) for most in (3, 4, MOST_GROUPS)] == [3, 4, 6]


def test_where_there_are_no_groups_the_fewest_are_taken() -> None:
    assert choose_groups(np.random.default_rng(0).normal(size=(600, 4)), tries=3, seed=0) == 2
