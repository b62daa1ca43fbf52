"""What the sliders of the page Trajectories cut from paths that were computed once."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.ui import state
from virtualcell.ui.trajectory_paths import amounts, clock, cut, way
from virtualcell.ui.trajectory_reading import evenly

DEMO = "simulated"


def test_frames_are_round_times_that_end_where_they_should():
    np.testing.assert_allclose(clock(0.0, 3.0, 3.0), np.linspace(0, 3, 31))
    np.testing.assert_allclose(clock(2.0, 6.0, 4.0), np.linspace(2, 6, 21))
    odd = clock(2.0, 3.55, 3.0)
    assert odd[-1] == 3.55
    assert len(odd) == 17


@pytest.fixture(scope="module")
def whole():
    b = state.bundle(DEMO)
    rows = np.flatnonzero(state.values(b, b.demo.columns.time) == 0.0)
    times = clock(0.0, 8.0, b.model.span)
    return b, rows, times, way(b, rows, times, on="map", noise=1.0, seed=0)


def test_time_and_number_of_cells_cut_what_was_computed_once(whole):
    b, rows, times, all_of_it = whole
    shown = cut(all_of_it, 4.0, 100)
    assert shown.times[-1] == pytest.approx(4.0)
    assert shown.n_start == len(shown.found.start) == 100
    np.testing.assert_array_equal(shown.found.states, all_of_it.found.states[: len(shown.times), shown.cells])
    np.testing.assert_array_equal(shown.places, all_of_it.places[: len(shown.times), shown.cells])
    np.testing.assert_allclose(shown.found.states[0], b.state[rows][shown.found.start], atol=1e-5)
    genes = b.model.features()[:2]
    decoded_here = b.model.decode(shown.found.states, features=genes)
    np.testing.assert_allclose(amounts(b, shown, genes), decoded_here, rtol=1e-4)
    # The same request is the same object: nothing is rolled out again.
    assert way(b, rows, times, on="map", noise=1.0, seed=0).found is all_of_it.found


def test_of_few_start_cells_every_one_has_as_many_futures(whole):
    b, rows, times, _ = whole
    few = way(b, rows[:30], times, on="map", noise=1.0, seed=0)
    shown = cut(few, 8.0, 150)
    assert shown.n_start == 30
    np.testing.assert_array_equal(np.bincount(shown.found.start), np.full(30, 5))


def test_without_noise_all_futures_of_a_cell_are_one(whole):
    b, rows, times, _ = whole
    still = way(b, rows[:30], times, on="map", noise=0.0, seed=0).found
    noisy = way(b, rows[:30], times, on="map", noise=1.0, seed=0).found
    ends = still.states[-1][still.start == 3]
    assert len(ends) > 5
    np.testing.assert_allclose(ends, np.broadcast_to(ends[0], ends.shape), atol=1e-5)
    assert noisy.states[-1][noisy.start == 3].std(axis=0).max() > 1e-3


def test_without_growth_every_start_cell_counts_the_same(whole):
    b, _, _, all_of_it = whole
    flat = b.model.fates(evenly(all_of_it.found))
    names = b.model.ends(all_of_it.found)
    for row in flat.itertuples():
        assert row.fraction == pytest.approx(np.mean(names == row.fate))
