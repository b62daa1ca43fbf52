"""Where to measure next, where it is known what the snapshots leave open."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.evaluation.next_time import PER_GAP, middle_of_longest, next_time
from virtualcell.training.ensemble import FlowMatching

RNG = np.random.default_rng(0)


def cluster(x: float, n: int = 80) -> np.ndarray:
    return RNG.normal(size=(n, 2)) * 0.3 + np.array([x, 0.0])


CELLS = {0.0: cluster(0.0), 1.0: cluster(0.1), 2.0: cluster(6.0), 3.0: cluster(6.1)}
"""Nearly all that happens lies between 1 and 2."""


@pytest.fixture(scope="module")
def fitted() -> FlowMatching:
    return FlowMatching((3.0, 0.5), curvature=0.0, steps=200).fit(CELLS)


def test_the_gap_in_which_most_happens_is_named(fitted: FlowMatching) -> None:
    found = next_time(fitted, CELLS)
    assert found.times.shape == found.open.shape == found.taken_away.shape == (3 * PER_GAP,)
    assert 1.3 < found.best < 1.7
    assert (found.open >= 0).all()
    assert found.taken_away[(found.times < 1) | (found.times > 2)].max() < 0.2 * found.taken_away.max()
    assert found.middle == pytest.approx(0.5), "all gaps are as long: the simple rule takes the first"


def test_only_the_times_asked_for_are_weighed(fitted: FlowMatching) -> None:
    found = next_time(fitted, CELLS, [2.5, 1.9, 0.5])
    np.testing.assert_array_equal(found.times, [0.5, 1.9, 2.5])
    assert found.best == 1.9
    for wrong in ([1.0], [3.5], []):
        with pytest.raises(ValueError, match="between measured"):
            next_time(fitted, CELLS, wrong)
    with pytest.raises(ValueError, match="fitted to these"):
        next_time(fitted, {t: CELLS[t] for t in (0.0, 1.0, 2.0)})


def test_what_is_told_of_other_times_is_that_of_a_bridge(fitted: FlowMatching) -> None:
    """What is taken away is the sum over the bridge's squared correlation, written as covariances here."""
    found = next_time(fitted, CELLS, clock=False)
    gap = (found.times > 1) & (found.times < 2)
    t, left_open = found.times[gap] - 1, found.open[gap]
    covariance = np.minimum(t[:, None], t) - t[:, None] * t
    squared = covariance**2 / np.outer(np.diag(covariance), np.diag(covariance))
    np.testing.assert_allclose(found.taken_away[gap], squared @ left_open / (PER_GAP + 1), atol=1e-9)


def test_the_middle_of_the_longest_gap() -> None:
    assert middle_of_longest([0, 1, 4], [0.5, 2.0, 3.0]) == [2.0, 3.0]
    assert middle_of_longest([0, 1, 4], [2.4, 2.0, 3.0]) == [2.4]
    assert middle_of_longest([0, 2, 4], [1.0, 3.0]) == [1.0, 3.0]
    assert middle_of_longest([0, 1, 9], [0.5]) == [0.5], "a gap without a time to choose does not count"
    with pytest.raises(ValueError, match="between"):
        middle_of_longest([0, 1], [2.0])
