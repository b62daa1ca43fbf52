"""Where a model was trained and where it was not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from virtualcell.trust.domain import Domain


def test_the_limit_is_the_tenth_neighbour_of_99_percent() -> None:
    z = np.random.default_rng(0).normal(size=(300, 3))
    distance = np.sort(cdist(z, z), axis=1)[:, 10]  # column 0 is the cell itself
    assert Domain(z).limit == pytest.approx(np.quantile(distance, 0.99))


def test_new_cells_of_the_same_law_are_in_and_far_ones_out() -> None:
    rng = np.random.default_rng(1)
    domain = Domain(rng.normal(size=(500, 3)))
    assert domain.contains(rng.normal(size=(500, 3))).mean() > 0.95
    assert not domain.contains(rng.normal(size=(50, 3)) + 20).any()


def test_a_hole_between_two_groups_is_out() -> None:
    rng = np.random.default_rng(2)
    domain = Domain(np.concatenate([rng.normal(-5, 0.5, (200, 2)), rng.normal(5, 0.5, (200, 2))]))
    assert domain.contains(np.array([[-5.0, -5.0], [0.0, 0.0], [5.0, 5.0]])).tolist() == [True, False, True]


def test_any_shape_of_states_is_answered_in_its_shape() -> None:
    rng = np.random.default_rng(3)
    domain, states = Domain(rng.normal(size=(100, 2))), rng.normal(size=(4, 5, 2))
    found = domain.contains(states)
    assert found.shape == (4, 5)
    assert found[2, 3] == domain.contains(states[2, 3][None])[0]


def test_very_few_cells_still_have_a_domain() -> None:
    assert Domain(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])).contains(np.array([[0.3, 0.3], [99.0, 99.0]])).tolist() == [
        True,
        False,
    ]
