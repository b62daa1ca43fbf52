"""Shares of groups in time are counts over counts, with Wilson's interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from virtualcell.explore import composition_over_time
from virtualcell.explore.composition import wilson
from virtualcell.schema import DataError

TIMES = np.repeat([0.0, 3.0, 1.0], [10, 20, 30])
LABELS = np.array(["stem"] * 10 + ["stem"] * 5 + ["unknown"] * 5 + ["blood"] * 10 + ["stem"] * 15 + ["blood"] * 15)


@pytest.mark.parametrize(("k", "n"), [(0, 7), (3, 7), (7, 7), (40, 300)])
def test_intervals_are_those_of_scipy(k, n):
    theirs = binomtest(k, n).proportion_ci(0.9, method="wilson")
    np.testing.assert_allclose([part[()] for part in wilson(k, n, 0.9)], [k / n, theirs.low, theirs.high], atol=1e-12)


def test_an_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    _, low, high = wilson(rng.binomial(50, 0.2, 4000), 50)
    assert np.mean((low <= 0.2) & (high >= 0.2)) == pytest.approx(0.95, abs=0.02)


def test_shares_add_up_at_each_time_in_order():
    found = composition_over_time(LABELS, TIMES)
    assert found.times.tolist() == [0, 1, 3]
    assert found.groups == ("blood", "stem", "unknown")
    np.testing.assert_array_equal(found.cells, [[0, 10, 0], [15, 15, 0], [10, 5, 5]])
    np.testing.assert_allclose(found.share.sum(axis=1), 1)
    table = found.table().set_index(["time", "group"])
    assert table.loc[(3.0, "stem"), ["cells", "of", "share"]].tolist() == [5, 20, 0.25]


def test_a_selection_keeps_times_and_groups_of_all_cells():
    found = composition_over_time(LABELS, TIMES, np.arange(12, 40))
    np.testing.assert_array_equal(found.cells, [[0, 0, 0], [0, 10, 0], [10, 3, 5]])
    assert np.isnan(found.share[0]).all()
    assert np.isnan(found.high[0]).all()


def test_replicates_have_shares_of_their_own():
    donor = np.where(np.arange(60) % 2 == 0, "A", "B")
    time, group, share = composition_over_time(LABELS, TIMES, replicates=donor).points
    assert len(time) == 2 * 3 * 3
    for t in (0.0, 1.0, 3.0):
        for g, name in enumerate(("blood", "stem", "unknown")):
            expected = sorted(np.mean(LABELS[(t == TIMES) & (donor == d)] == name) for d in "AB")
            np.testing.assert_allclose(sorted(share[(time == t) & (group == g)]), expected)


def test_times_that_are_no_numbers_are_refused():
    with pytest.raises(DataError, match="not numbers"):
        composition_over_time(["a", "b"], ["early", "late"])
